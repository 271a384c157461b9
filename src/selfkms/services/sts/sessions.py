"""AssumeRole: a session of a role.

Source: STS API Reference, "AssumeRole"; IAM User Guide, "Methods to assume a role", "Chaining roles with session tags",
"Monitor and control actions taken with assumed roles"; recorded answers of STS for texts and for the order of checks.
"""

from collections.abc import Mapping
from typing import Any, Final

from selfkms.domain.arns import assumed_role_arn
from selfkms.domain.errors import AccessDenied, ValidationError
from selfkms.domain.iam.callers import Caller, CallerKind, Session
from selfkms.domain.iam.principals import Role
from selfkms.domain.policy.facts import Fact
from selfkms.domain.sts.limits import CHAINED_SECONDS_MAX, ROLE_SECONDS_DEFAULT
from selfkms.domain.sts.session_tags import chained, check_session_tags, inherited_tags
from selfkms.services.context import Context
from selfkms.services.operation import Audit, Operation, RoleAssumed
from selfkms.services.shapes import Shape
from selfkms.services.sts.credentials import issue, new_access_key_id, refuse_one_time_code
from selfkms.services.sts.session_policies import check_session_policies, managed_policy_arns
from selfkms.services.sts.shapes import PolicyDescriptor, SessionResult, SessionTag, tags_of


class ProvidedContext(Shape, frozen=True, kw_only=True):
    """STS API Reference, "ProvidedContext"."""

    provider_arn: str | None = None
    context_assertion: str | None = None


class AssumeRoleRequest(Shape, frozen=True, kw_only=True):
    role_arn: str
    role_session_name: str
    policy_arns: tuple[PolicyDescriptor, ...] = ()
    policy: str | None = None
    duration_seconds: int | None = None
    tags: tuple[SessionTag, ...] = ()
    transitive_tag_keys: tuple[str, ...] = ()
    external_id: str | None = None
    serial_number: str | None = None
    token_code: str | None = None
    source_identity: str | None = None
    provided_contexts: tuple[ProvidedContext, ...] = ()
    minimum_session_token_size: int | None = None


class AssumedRoleUser(Shape, frozen=True, kw_only=True):
    """STS API Reference, "AssumedRoleUser"."""

    assumed_role_id: str
    """The unique ID of the role, a colon, the role session name."""
    arn: str


class AssumeRoleResult(SessionResult, frozen=True, kw_only=True):
    assumed_role_user: AssumedRoleUser
    packed_policy_size: int | None = None
    """Percent; there only if session policies or session tags were given."""
    source_identity: str | None = None


def check_assume_role(request: AssumeRoleRequest) -> None:
    """Refuse session policies and tags that cannot be, and context assertions, of which nobody here makes any."""
    check_session_policies(request.policy, request.policy_arns)
    check_session_tags(tags_of(request.tags))
    if request.provided_contexts:
        raise ValidationError("The provided context assertions are not valid.")


def role_actions(request: Any, caller: Caller) -> tuple[str, ...]:
    """What a request needs on the role besides `sts:AssumeRole`.

    Inherited tags and an inherited source identity are set anew on the next session, and need the same permissions.
    """
    if not isinstance(request, AssumeRoleRequest):
        return ()
    actions = []
    if request.tags or inherited_tags(caller.session):
        actions.append("sts:TagSession")
    if _source_identity(request, caller.session) is not None:
        actions.append("sts:SetSourceIdentity")
    return tuple(actions)


def condition_keys(request: AssumeRoleRequest, session: Session | None = None) -> Mapping[str, Fact]:
    """What AssumeRole says for conditions.

    Args:
        request: each parameter counts only if it was sent.
        session: of the caller. A source identity that it has counts as if the request had it.

    Source: IAM User Guide, "IAM and AWS STS condition context keys".
    """
    keys: dict[str, Fact] = {"sts:RoleSessionName": request.role_session_name, **request_tags(request.tags)}
    source_identity = _source_identity(request, session)
    if request.external_id is not None:
        keys["sts:ExternalId"] = request.external_id
    if source_identity is not None:
        keys["sts:SourceIdentity"] = source_identity
    if request.transitive_tag_keys:
        keys["sts:TransitiveTagKeys"] = request.transitive_tag_keys
    return keys


def request_tags(tags: tuple[SessionTag, ...]) -> dict[str, Fact]:
    """The session tags of a request: each by its key, and all keys."""
    keys: dict[str, Fact] = {f"aws:RequestTag/{tag.key}": tag.value for tag in tags}
    if tags:
        keys["aws:TagKeys"] = tuple(tag.key for tag in tags)
    return keys


def assume_role(request: AssumeRoleRequest, role: Role, context: Context) -> AssumeRoleResult:
    """Temporary credentials of a role. That its trust policy lets the caller in was decided before.

    Raises:
        AccessDenied: the caller is a root user or a federated user, or names an MFA device.
        ValidationError: a duration beyond that of the role or of a chain, another source identity than the caller's
            own, or managed policies that do not exist.
        InvalidParameterValueException: tags that do not go together.
        PackedPolicyTooLargeException: session policies and tags are too large together.
    """
    caller = context.caller
    _refuse_callers(caller)
    refuse_one_time_code(request.serial_number, request.token_code)
    tags, transitive_keys = chained(caller.session, tags_of(request.tags), request.transitive_tag_keys)
    session = Session(
        access_key_id=new_access_key_id(role.account_id, context.entropy),
        kind=CallerKind.ROLE,
        account_id=role.account_id,
        issued_at=context.now,
        expires_at=context.now + duration_seconds(request.duration_seconds, role, caller),
        holder_name=role.role_name,
        holder_id=role.role_id,
        name=request.role_session_name,
        policies=() if request.policy is None else (request.policy,),
        policy_arns=managed_policy_arns(request.policy_arns, role.account_id, context.database),
        restricted=request.policy is not None or bool(request.policy_arns),
        tags=tags,
        transitive_tag_keys=transitive_keys,
        source_identity=_kept_source_identity(request, caller.session),
        invoked_by_session=caller.kind is CallerKind.ROLE,
    )
    issued = issue(session, context, token_bytes_min=request.minimum_session_token_size)
    return AssumeRoleResult(
        **issued.members(),
        assumed_role_user=AssumedRoleUser(
            assumed_role_id=f"{role.role_id}:{request.role_session_name}",
            arn=assumed_role_arn(role.account_id, role.role_name, request.role_session_name),
        ),
        packed_policy_size=issued.utilization if session.restricted or session.tags else None,
        source_identity=session.source_identity,
    )


def _refuse_callers(caller: Caller) -> None:
    if caller.kind is CallerKind.ROOT:
        raise AccessDenied("Roles may not be assumed by root accounts.")
    if caller.kind is CallerKind.FEDERATED:
        raise AccessDenied("Cannot call AssumeRole with session credentials")


def duration_seconds(asked: int | None, role: Role, caller: Caller) -> int:
    """How long a session of a role lasts, in seconds. The limit of the role comes first, then that of a chain.

    Raises:
        ValidationError: longer than either.
    """
    seconds = asked or ROLE_SECONDS_DEFAULT
    if seconds > role.max_session_seconds:
        raise ValidationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    if caller.kind is CallerKind.ROLE and seconds > CHAINED_SECONDS_MAX:
        raise ValidationError(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
        )
    return seconds


def _source_identity(request: AssumeRoleRequest, session: Session | None) -> str | None:
    """The one that is asked for, else the one that the caller brings along."""
    if request.source_identity is not None or session is None:
        return request.source_identity
    return session.source_identity


def _kept_source_identity(request: AssumeRoleRequest, session: Session | None) -> str | None:
    """The source identity of the new session: once set, it stays through a chain of roles."""
    present = None if session is None else session.source_identity
    if present is not None and request.source_identity not in (None, present):
        raise ValidationError("The source identity is already set for this assume role session")
    return _source_identity(request, session)


OPERATIONS: Final = (
    Operation(
        "AssumeRole",
        run=assume_role,
        request=AssumeRoleRequest,
        service="sts",
        check=check_assume_role,
        targets=(RoleAssumed(),),
        condition_keys=condition_keys,
        audit=Audit(
            parameters=(
                "role_arn",
                "role_session_name",
                "external_id",
                "duration_seconds",
                "policy",
                "policy_arns",
                "tags",
                "transitive_tag_keys",
                "source_identity",
                "serial_number",
            ),
            answers=("credentials", "assumed_role_user", "packed_policy_size", "source_identity"),
        ),
    ),
)

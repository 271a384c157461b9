"""GetSessionToken and GetFederationToken: sessions of users and of the root user, by their long-term credentials.

Source: STS API Reference, the operations of these names; IAM User Guide, "Permissions for GetSessionToken",
"Permissions for GetFederationToken".
"""

from collections.abc import Mapping
from typing import Any, Final

from selfkms.domain.arns import federated_user_arn
from selfkms.domain.iam.callers import Caller, CallerKind, Session
from selfkms.domain.policy.facts import Fact
from selfkms.domain.sts.limits import ROOT_SECONDS_MAX, USER_SECONDS_DEFAULT
from selfkms.domain.sts.session_tags import check_session_tags
from selfkms.services.context import Context
from selfkms.services.operation import Audit, Entity, NewEntity, Operation
from selfkms.services.shapes import Shape
from selfkms.services.sts.credentials import issue, new_access_key_id, refuse_any_session, refuse_one_time_code
from selfkms.services.sts.session_policies import check_session_policies, managed_policy_arns
from selfkms.services.sts.sessions import request_tags
from selfkms.services.sts.shapes import PolicyDescriptor, SessionResult, SessionTag, tags_of


class GetSessionTokenRequest(Shape, frozen=True, kw_only=True):
    duration_seconds: int | None = None
    serial_number: str | None = None
    token_code: str | None = None
    minimum_session_token_size: int | None = None


class GetSessionTokenResult(SessionResult, frozen=True, kw_only=True):
    pass


class GetFederationTokenRequest(Shape, frozen=True, kw_only=True):
    name: str
    policy: str | None = None
    policy_arns: tuple[PolicyDescriptor, ...] = ()
    duration_seconds: int | None = None
    tags: tuple[SessionTag, ...] = ()
    minimum_session_token_size: int | None = None


class FederatedUser(Shape, frozen=True, kw_only=True):
    """STS API Reference, "FederatedUser"."""

    federated_user_id: str
    """The account ID, a colon, the name."""
    arn: str


class GetFederationTokenResult(SessionResult, frozen=True, kw_only=True):
    federated_user: FederatedUser
    packed_policy_size: int | None = None
    """Percent; there only if session policies or session tags were given."""


def check_get_federation_token(request: GetFederationTokenRequest) -> None:
    """Refuse session policies and tags that cannot be."""
    check_session_policies(request.policy, request.policy_arns)
    check_session_tags(tags_of(request.tags))


def of_tags(request: GetFederationTokenRequest) -> Mapping[str, Fact]:
    """What GetFederationToken says for conditions."""
    return request_tags(request.tags)


def tagging_too(request: GetFederationTokenRequest) -> tuple[str, ...]:
    """Session tags need `sts:TagSession`, too."""
    return ("sts:TagSession",) if request.tags else ()


def get_session_token(request: GetSessionTokenRequest, context: Context) -> GetSessionTokenResult:
    """Temporary credentials of the caller itself.

    Raises:
        AccessDenied: the caller has temporary credentials, or names an MFA device.
    """
    refuse_any_session(context.caller, "GetSessionToken")
    refuse_one_time_code(request.serial_number, request.token_code)
    session = Session(kind=context.caller.kind, **_of_holder(context, request.duration_seconds))
    issued = issue(session, context, token_bytes_min=request.minimum_session_token_size)
    return GetSessionTokenResult(**issued.members())


def get_federation_token(request: GetFederationTokenRequest, context: Context) -> GetFederationTokenResult:
    """Temporary credentials of a federated user: what the caller may do, as far as the session policies go.

    Raises:
        AccessDenied: the caller has temporary credentials.
        ValidationError: managed policies that do not exist.
        PackedPolicyTooLargeException: session policies and tags are too large together.
    """
    refuse_any_session(context.caller, "GetFederationToken")
    account_id = context.account_id
    session = Session(
        kind=CallerKind.FEDERATED,
        **_of_holder(context, request.duration_seconds),
        name=request.name,
        policies=() if request.policy is None else (request.policy,),
        policy_arns=managed_policy_arns(request.policy_arns, account_id, context.database),
        # Without any session policy a federated user may do nothing but what resource policies let it.
        restricted=True,
        tags=tags_of(request.tags),
    )
    issued = issue(session, context, token_bytes_min=request.minimum_session_token_size)
    return GetFederationTokenResult(
        **issued.members(),
        federated_user=FederatedUser(
            federated_user_id=f"{account_id}:{request.name}", arn=federated_user_arn(account_id, request.name)
        ),
        packed_policy_size=issued.utilization if session.policies or session.policy_arns or session.tags else None,
    )


def _of_holder(context: Context, duration_seconds: int | None) -> dict[str, Any]:
    """The members of a session that say whose it is, and for how long."""
    caller = context.caller
    user = caller.iam_user
    return {
        "access_key_id": new_access_key_id(caller.account_id, context.entropy),
        "account_id": caller.account_id,
        "issued_at": context.now,
        "expires_at": context.now + _duration_seconds(caller, duration_seconds),
        "holder_name": None if user is None else user.user_name,
        "holder_id": caller.unique_id,
    }


def _duration_seconds(caller: Caller, asked: int | None) -> int:
    """How long the session lasts, in seconds. For a root user more than an hour becomes one hour, and is no error."""
    seconds = asked or USER_SECONDS_DEFAULT
    return min(seconds, ROOT_SECONDS_MAX) if caller.kind is CallerKind.ROOT else seconds


OPERATIONS: Final = (
    Operation(
        "GetSessionToken",
        run=get_session_token,
        request=GetSessionTokenRequest,
        service="sts",
        asks_permission=False,
        audit=Audit(
            parameters=("duration_seconds", "serial_number"),
            answers=("credentials",),
            read_only=False,
        ),
    ),
    Operation(
        "GetFederationToken",
        run=get_federation_token,
        request=GetFederationTokenRequest,
        service="sts",
        check=check_get_federation_token,
        condition_keys=of_tags,
        further_actions=tagging_too,
        targets=(NewEntity(Entity.FEDERATED_USER, "name"),),
        audit=Audit(
            parameters=("name", "policy", "policy_arns", "duration_seconds", "tags"),
            answers=("credentials", "federated_user", "packed_policy_size"),
            read_only=False,
        ),
    ),
)

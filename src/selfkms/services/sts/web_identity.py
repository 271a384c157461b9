"""AssumeRoleWithWebIdentity: a session of a role, for whoever brings a token of an OpenID Connect provider.

Who that is was established from the token before anything here runs, as for other requests from their signature.

Source: STS API Reference, "AssumeRoleWithWebIdentity"; IAM User Guide, "Pass session tags in AWS STS", "Logging IAM and
AWS STS API calls with AWS CloudTrail".
"""

from collections.abc import Mapping
from typing import Final

from selfkms.domain.arns import assumed_role_arn
from selfkms.domain.errors import ValidationError
from selfkms.domain.iam.callers import CallerKind, Session
from selfkms.domain.iam.identity_providers import WebIdentity
from selfkms.domain.iam.principals import Role
from selfkms.domain.policy.facts import Fact
from selfkms.domain.secrets import SecretText
from selfkms.services.context import Context
from selfkms.services.operation import Audit, Operation, RoleAssumed
from selfkms.services.shapes import Shape
from selfkms.services.sts.credentials import issue, new_access_key_id
from selfkms.services.sts.session_policies import check_session_policies, managed_policy_arns
from selfkms.services.sts.sessions import AssumedRoleUser, duration_seconds
from selfkms.services.sts.shapes import PolicyDescriptor, SessionResult


class AssumeRoleWithWebIdentityRequest(Shape, frozen=True, kw_only=True):
    role_arn: str
    role_session_name: str
    web_identity_token: SecretText
    provider_id: str | None = None
    policy_arns: tuple[PolicyDescriptor, ...] = ()
    policy: str | None = None
    duration_seconds: int | None = None
    minimum_session_token_size: int | None = None


class AssumeRoleWithWebIdentityResult(SessionResult, frozen=True, kw_only=True):
    subject_from_web_identity_token: str
    assumed_role_user: AssumedRoleUser
    provider: str
    """The ARN of the provider, as recorded answers have it."""
    audience: str
    packed_policy_size: int | None = None
    """Percent; there only if session policies or session tags were given."""
    source_identity: str | None = None


def check_request(request: AssumeRoleWithWebIdentityRequest) -> None:
    """Refuse session policies that cannot be, and access tokens of OAuth 2.0, of whose providers there are none here.

    Raises:
        ValidationError: a provider of OAuth 2.0 is named, or see `check_session_policies`.
        MalformedPolicyDocumentException: the session policy is none.
    """
    if request.provider_id is not None:
        raise ValidationError(f"The identity provider {request.provider_id} is not supported.")
    check_session_policies(request.policy, request.policy_arns)


def role_actions(identity: WebIdentity) -> tuple[str, ...]:
    """What a token needs on the role besides `sts:AssumeRoleWithWebIdentity`: it brings tags and a source identity."""
    tagging = ("sts:TagSession",) if identity.tags else ()
    return tagging if identity.source_identity is None else (*tagging, "sts:SetSourceIdentity")


def condition_keys(request: AssumeRoleWithWebIdentityRequest, identity: WebIdentity) -> Mapping[str, Fact]:
    """What the request and its token say for conditions, besides the provider's own keys.

    Source: IAM User Guide, "IAM and AWS STS condition context keys".
    """
    keys: dict[str, Fact] = {"sts:RoleSessionName": request.role_session_name}
    for tag in identity.tags:
        keys[f"aws:RequestTag/{tag.tag_key}"] = tag.tag_value
    if identity.tags:
        keys["aws:TagKeys"] = tuple(tag.tag_key for tag in identity.tags)
    if identity.transitive_tag_keys:
        keys["sts:TransitiveTagKeys"] = identity.transitive_tag_keys
    if identity.source_identity is not None:
        keys["sts:SourceIdentity"] = identity.source_identity
    return keys


def assume_role_with_web_identity(
    request: AssumeRoleWithWebIdentityRequest, role: Role, context: Context
) -> AssumeRoleWithWebIdentityResult:
    """Temporary credentials of a role. That its trust policy lets the token's bearer in was decided before.

    Raises:
        ValidationError: a duration beyond that of the role, or managed policies that do not exist.
        PackedPolicyTooLargeException: session policies and tags are too large together.
    """
    identity = context.caller.web_identity
    assert identity is not None, "the operation is unsigned"
    session = Session(
        access_key_id=new_access_key_id(role.account_id, context.entropy),
        kind=CallerKind.ROLE,
        account_id=role.account_id,
        issued_at=context.now,
        expires_at=context.now + duration_seconds(request.duration_seconds, role, context.caller),
        holder_name=role.role_name,
        holder_id=role.role_id,
        name=request.role_session_name,
        policies=() if request.policy is None else (request.policy,),
        policy_arns=managed_policy_arns(request.policy_arns, role.account_id, context.database),
        restricted=request.policy is not None or bool(request.policy_arns),
        tags=identity.tags,
        transitive_tag_keys=identity.transitive_tag_keys,
        source_identity=identity.source_identity,
        web_identity_provider=identity.provider_arn,
        web_identity_keys=identity.lasting_keys(),
    )
    issued = issue(session, context, token_bytes_min=request.minimum_session_token_size)
    context.note(identity_provider_connection_verification_method="IAMTrustStore")
    return AssumeRoleWithWebIdentityResult(
        **issued.members(),
        subject_from_web_identity_token=identity.subject,
        assumed_role_user=AssumedRoleUser(
            assumed_role_id=f"{role.role_id}:{request.role_session_name}",
            arn=assumed_role_arn(role.account_id, role.role_name, request.role_session_name),
        ),
        provider=identity.provider_arn,
        audience=identity.audience,
        packed_policy_size=issued.utilization if session.restricted or session.tags else None,
        source_identity=identity.source_identity,
    )


OPERATIONS: Final = (
    Operation(
        "AssumeRoleWithWebIdentity",
        run=assume_role_with_web_identity,
        request=AssumeRoleWithWebIdentityRequest,
        service="sts",
        check=check_request,
        targets=(RoleAssumed(),),
        unsigned=True,
        # The identity provider may have to be asked for its keys.
        slow=True,
        audit=Audit(
            parameters=("role_arn", "role_session_name", "duration_seconds", "policy", "policy_arns"),
            answers=(
                "credentials",
                "subject_from_web_identity_token",
                "source_identity",
                "assumed_role_user",
                "provider",
                "audience",
                "packed_policy_size",
            ),
        ),
    ),
)

"""Who sent a request, established by its signature; and the session behind temporary credentials.

Source: IAM User Guide, "IAM JSON policy elements: Principal", "AWS global condition context keys"; CloudTrail User
Guide, "userIdentity element"; STS API Reference, "AssumeRole".
"""

from enum import StrEnum
from typing import Final

import msgspec

from selfkms.domain.arns import assumed_role_arn, federated_user_arn, root_arn
from selfkms.domain.iam.identity_providers import WebIdentity
from selfkms.domain.iam.principals import Role, User
from selfkms.domain.tags import Tag

TEMPORARY_PREFIX: Final = "ASIA"
"""How the ID of a temporary access key begins."""


class CallerKind(StrEnum):
    """The kinds of caller, in CloudTrail's words."""

    ROOT = "Root"
    USER = "IAMUser"
    ROLE = "AssumedRole"
    FEDERATED = "FederatedUser"
    WEB_IDENTITY = "WebIdentityUser"
    """Whoever brings a token of an OpenID Connect provider: only to assume a role with it."""
    SERVICE = "AWSService"


class Session(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What temporary credentials stand for. It travels sealed in the session token and is stored nowhere."""

    access_key_id: str
    """`ASIA` and 16 characters."""
    kind: CallerKind
    """ROLE, FEDERATED, or for GetSessionToken ROOT or USER: the caller itself, for a while."""
    account_id: str
    issued_at: float
    """Seconds since the epoch."""
    expires_at: float
    """Seconds since the epoch."""
    holder_name: str | None = None
    """The name of the role or of the user; None for the root user."""
    holder_id: str
    """The unique ID of the role or the user (the account ID for root): one of the same name made later is another."""
    name: str | None = None
    """The role session name, or the name of the federated user."""
    policies: tuple[str, ...] = ()
    """Session policies, as they were written."""
    policy_arns: tuple[str, ...] = ()
    """Managed policies as session policies."""
    restricted: bool = False
    """Whether session policies were given: together with none of them the session may do nothing."""
    tags: tuple[Tag, ...] = ()
    """Session tags."""
    transitive_tag_keys: tuple[str, ...] = ()
    source_identity: str | None = None
    web_identity_provider: str | None = None
    """ARN of the OpenID Connect provider, after AssumeRoleWithWebIdentity."""
    web_identity_keys: dict[str, str | tuple[str, ...]] = {}
    """Condition keys out of the token that every request of the session has."""
    invoked_by_session: bool = False
    """Whether the caller of AssumeRole was a role session itself (role chaining)."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who sent this request."""

    kind: CallerKind
    account_id: str
    principal_id: str
    """The account ID for the root user, the user ID for a user, `AROA…:session` for a role session,
    `account:name` for a federated user, `provider:audience:subject` for a web identity."""
    arn: str
    """As it stands in messages and in the audit: for a role session that of the session. A web identity has none of
    its own, and this is that of its provider."""
    access_key_id: str
    """Empty for a web identity, who does not sign."""
    iam_user: User | None = None
    """The IAM user as it is now; for a federated user the one who asked for the session."""
    role: Role | None = None
    """Of a role session, as it is now."""
    tags: tuple[Tag, ...] = ()
    """Those of the user or the role, overridden by session tags."""
    session: Session | None = None
    """Behind temporary credentials."""
    web_identity: WebIdentity | None = None
    service: str | None = None
    """`ec2.us-east-1.amazonaws.com`, when one of our services calls: for this caller, or for itself."""
    invoked_by: str | None = None
    """How the audit names that service."""

    @property
    def user_name(self) -> str | None:
        """The name of an IAM user who calls as such."""
        return self.iam_user.user_name if self.iam_user is not None and self.kind is CallerKind.USER else None

    @property
    def is_root(self) -> bool:
        """Whether this is the root user, also as a federated user whom it made."""
        federated = self.kind is CallerKind.FEDERATED and self.iam_user is None
        return self.kind is CallerKind.ROOT or federated

    @property
    def principal_arn(self) -> str:
        """What `aws:PrincipalArn` says: for a role session the ARN of the role, path included."""
        return self.role.arn if self.role is not None else self.arn

    @property
    def unique_id(self) -> str:
        """The unique ID of the user or the role (AIDA…, AROA…), the account ID for the root user."""
        return self.role.role_id if self.role is not None else self.principal_id

    @classmethod
    def root(cls, account_id: str, access_key_id: str, *, session: Session | None = None) -> "Caller":
        """The root user of an account."""
        return cls(
            kind=CallerKind.ROOT,
            account_id=account_id,
            principal_id=account_id,
            arn=root_arn(account_id),
            access_key_id=access_key_id,
            session=session,
        )

    @classmethod
    def user(cls, user: User, access_key_id: str, *, session: Session | None = None) -> "Caller":
        """An IAM user, with a long-term access key or a session of GetSessionToken."""
        return cls(
            kind=CallerKind.USER,
            account_id=user.account_id,
            principal_id=user.user_id,
            arn=user.arn,
            access_key_id=access_key_id,
            iam_user=user,
            tags=user.tags,
            session=session,
        )

    @classmethod
    def assumed_role(cls, role: Role, session: Session) -> "Caller":
        """A role session."""
        assert session.name is not None
        return cls(
            kind=CallerKind.ROLE,
            account_id=role.account_id,
            principal_id=f"{role.role_id}:{session.name}",
            arn=assumed_role_arn(role.account_id, role.role_name, session.name),
            access_key_id=session.access_key_id,
            role=role,
            tags=_overridden(role.tags, session.tags),
            session=session,
        )

    @classmethod
    def aws_service(cls, name: str, account_id: str, *, invoked_by: str) -> "Caller":
        """A service that acts for itself, on something of this account."""
        return cls(
            kind=CallerKind.SERVICE,
            account_id=account_id,
            principal_id=name,
            arn=name,
            access_key_id="",
            service=name,
            invoked_by=invoked_by,
        )

    def through(self, service: str, *, invoked_by: str) -> "Caller":
        """This caller, for whom a service calls."""
        return msgspec.structs.replace(self, service=service, invoked_by=invoked_by)

    @classmethod
    def of_web_identity(cls, identity: WebIdentity, account_id: str) -> "Caller":
        """Whoever brings a token of a provider of this account."""
        return cls(
            kind=CallerKind.WEB_IDENTITY,
            account_id=account_id,
            principal_id=identity.principal_id,
            arn=identity.provider_arn,
            access_key_id="",
            web_identity=identity,
        )

    @classmethod
    def federated(cls, user: User | None, session: Session) -> "Caller":
        """A federated user: the session that an IAM user (None: the root user) got from GetFederationToken."""
        assert session.name is not None
        return cls(
            kind=CallerKind.FEDERATED,
            account_id=session.account_id,
            principal_id=f"{session.account_id}:{session.name}",
            arn=federated_user_arn(session.account_id, session.name),
            access_key_id=session.access_key_id,
            iam_user=user,
            tags=_overridden(() if user is None else user.tags, session.tags),
            session=session,
        )


def _overridden(tags: tuple[Tag, ...], session_tags: tuple[Tag, ...]) -> tuple[Tag, ...]:
    """The tags of a role under those of a session; keys are compared without case, as in conditions."""
    given = {tag.tag_key.lower() for tag in session_tags}
    return (*(tag for tag in tags if tag.tag_key.lower() not in given), *session_tags)

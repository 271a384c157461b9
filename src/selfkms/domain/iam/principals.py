"""Who may send a request: accounts with their root user, IAM users, and the access keys of both.

Source: IAM User Guide, "IAM identifiers", "Access keys"; CloudTrail User Guide, "userIdentity element".
"""

from enum import StrEnum
from typing import ClassVar, Final

import msgspec

from selfkms.domain.arns import root_arn, user_arn
from selfkms.domain.records import Record

ADMINISTRATOR_ACCESS: Final = "arn:aws:iam::aws:policy/AdministratorAccess"


class Account(Record, frozen=True, kw_only=True):
    """An account: 12 digits, with a root user of its own."""

    TABLE: ClassVar = "accounts"

    account_id: str
    created_at: float
    """Seconds since the epoch."""

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id,)


class User(Record, frozen=True, kw_only=True):
    """An IAM user."""

    TABLE: ClassVar = "users"

    account_id: str
    user_name: str
    user_id: str
    """`AIDA` and 17 letters and digits: never used again for another user of the same name."""
    created_at: float
    """Seconds since the epoch."""
    path: str = "/"
    attached_policy_arns: tuple[str, ...] = ()

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id, self.user_name)

    @property
    def arn(self) -> str:
        """The ARN of the user, path included."""
        return user_arn(self.account_id, self.path, self.user_name)


class AccessKeyStatus(StrEnum):
    """Whether an access key may sign."""

    ACTIVE = "Active"
    INACTIVE = "Inactive"


class AccessKey(Record, frozen=True, kw_only=True):
    """A long-term credential. Its ID says which account a request comes from: no account stands in its primary key."""

    TABLE: ClassVar = "access_keys"

    access_key_id: str
    account_id: str
    user_name: str | None
    """None: the account's root user."""
    sealed_secret: bytes
    """The secret access key, sealed by the installation's keys."""
    created_at: float
    """Seconds since the epoch."""
    status: AccessKeyStatus = AccessKeyStatus.ACTIVE

    def primary_key(self) -> tuple[str, ...]:
        return (self.access_key_id,)

    @property
    def binding(self) -> tuple[str, ...]:
        """What its sealed secret is bound to: it opens in the row of this access key alone."""
        return secret_binding(self.access_key_id)


def secret_binding(access_key_id: str) -> tuple[str, ...]:
    """What the sealed secret of an access key is bound to."""
    return (AccessKey.TABLE, access_key_id)


class CallerKind(StrEnum):
    """The kinds of caller, in CloudTrail's words."""

    ROOT = "Root"
    USER = "IAMUser"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who sent this request, established by its signature."""

    kind: CallerKind
    account_id: str
    principal_id: str
    """The account ID for the root user, the user ID for an IAM user."""
    arn: str
    access_key_id: str
    user_name: str | None = None
    attached_policy_arns: tuple[str, ...] = ()

    @classmethod
    def root(cls, account_id: str, access_key_id: str) -> "Caller":
        """The root user of an account."""
        return cls(
            kind=CallerKind.ROOT,
            account_id=account_id,
            principal_id=account_id,
            arn=root_arn(account_id),
            access_key_id=access_key_id,
        )

    @classmethod
    def user(cls, user: User, access_key_id: str) -> "Caller":
        """An IAM user with a long-term access key."""
        return cls(
            kind=CallerKind.USER,
            account_id=user.account_id,
            principal_id=user.user_id,
            arn=user.arn,
            access_key_id=access_key_id,
            user_name=user.user_name,
            attached_policy_arns=user.attached_policy_arns,
        )

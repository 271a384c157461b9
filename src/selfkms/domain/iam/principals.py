"""What an account holds: its users, groups and roles, and the access keys of its users and its root user.

Names are kept as they were written and are unique but for case: the primary key has them in small letters.

Source: IAM User Guide, "IAM identifiers", "Access keys"; IAM API Reference, "User", "Group", "Role".
"""

import functools
from enum import StrEnum
from typing import ClassVar

import msgspec

from selfkms.domain.arns import group_arn, role_arn, user_arn
from selfkms.domain.records import Record
from selfkms.domain.tags import Tag


class Account(Record, frozen=True, kw_only=True):
    """An account: 12 digits, with a root user of its own."""

    TABLE: ClassVar = "accounts"

    account_id: str
    created_at: float
    """Seconds since the epoch."""
    name: str = ""
    """For people: what `selfkms account create --name` was given."""

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id,)


class InlinePolicy(msgspec.Struct, frozen=True):
    """A policy that is part of one user, group or role."""

    policy_name: str
    document: str
    """As it was written."""


class Holder(Record, frozen=True, kw_only=True):
    """What users, groups and roles have in common: a path, a unique ID, and policies."""

    account_id: str
    created_at: float
    """Seconds since the epoch."""
    path: str = "/"
    attached_policy_arns: tuple[str, ...] = ()
    """In the order in which they were attached."""
    inline_policies: tuple[InlinePolicy, ...] = ()
    """Sorted by name."""


class User(Holder, frozen=True, kw_only=True):
    """An IAM user."""

    TABLE: ClassVar = "users"

    user_name: str
    user_id: str
    """`AIDA` and 17 letters and digits: never used again for another user of the same name."""
    group_names: tuple[str, ...] = ()
    permissions_boundary: str | None = None
    """ARN of a managed policy."""
    tags: tuple[Tag, ...] = ()

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id, self.user_name.lower())

    @functools.cached_property
    def arn(self) -> str:
        """The ARN of the user, path included."""
        return user_arn(self.account_id, self.path, self.user_name)


class Group(Holder, frozen=True, kw_only=True):
    """An IAM group. Who is in it stands in the users."""

    TABLE: ClassVar = "groups"

    group_name: str
    group_id: str
    """`AGPA` and 17 letters and digits."""

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id, self.group_name.lower())

    @functools.cached_property
    def arn(self) -> str:
        """The ARN of the group, path included."""
        return group_arn(self.account_id, self.path, self.group_name)


class Role(Holder, frozen=True, kw_only=True):
    """A role: an identity that others take on for a while, if its trust policy lets them."""

    TABLE: ClassVar = "roles"

    role_name: str
    role_id: str
    """`AROA` and 17 letters and digits: never used again for another role of the same name."""
    trust_policy: str
    """As it was written."""
    principal_ids: dict[str, str] = msgspec.field(default_factory=dict)
    """Unique IDs of the users and roles that the trust policy names by ARN, as they were when it was written."""
    description: str | None = None
    max_session_seconds: int = 3_600
    permissions_boundary: str | None = None
    """ARN of a managed policy."""
    tags: tuple[Tag, ...] = ()

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id, self.role_name.lower())

    @functools.cached_property
    def arn(self) -> str:
        """The ARN of the role, path included."""
        return role_arn(self.account_id, self.path, self.role_name)


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

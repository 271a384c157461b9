"""Managed policies: documents with versions, attached to users, groups and roles.

Source: IAM User Guide, "Managed policies and inline policies", "Versioning IAM policies"; IAM API Reference, "Policy".
"""

from typing import ClassVar

import msgspec

from selfkms.domain.arns import policy_arn
from selfkms.domain.records import Record
from selfkms.domain.tags import Tag


class PolicyVersion(msgspec.Struct, frozen=True):
    """One version of a managed policy."""

    version_id: str
    """`v1`, `v2` …: never used again."""
    document: str
    """As it was written."""
    created_at: float
    """Seconds since the epoch."""


class ManagedPolicy(Record, frozen=True, kw_only=True):
    """A managed policy of a customer."""

    TABLE: ClassVar = "managed_policies"

    account_id: str
    policy_name: str
    policy_id: str
    """`ANPA` and 17 letters and digits."""
    created_at: float
    """Seconds since the epoch."""
    updated_at: float
    """When its newest version was made, seconds since the epoch."""
    path: str = "/"
    description: str | None = None
    versions: tuple[PolicyVersion, ...]
    """Oldest first, at most five."""
    default_version_id: str
    """The one in force."""
    versions_made: int = 1
    """How many there ever were: the number of the newest."""
    attachment_count: int = 0
    """How many users, groups and roles it is attached to. Attaching changes this record: it cannot be deleted
    at the same moment."""
    boundary_count: int = 0
    """How many users and roles have it as their permissions boundary."""
    tags: tuple[Tag, ...] = ()

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id, self.policy_name.lower())

    @property
    def arn(self) -> str:
        """The ARN of the policy, path included."""
        return policy_arn(self.account_id, self.path, self.policy_name)

    @property
    def document(self) -> str:
        """The text of the version in force."""
        return next(version.document for version in self.versions if version.version_id == self.default_version_id)

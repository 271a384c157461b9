"""What a request is about, once it is looked up: each thing that permission is asked for."""

from collections.abc import Mapping
from typing import Any

import msgspec

from selfkms.domain.errors import AWSError
from selfkms.domain.iam.principals import Role
from selfkms.domain.kms.grants import Grant
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.policy.facts import Fact
from selfkms.domain.tags import Tag
from selfkms.services.operation import ConditionKeys


class ResolvedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A KMS key that permission is asked for. One of another account may not exist: `key` is None then."""

    key: KMSKey | None
    arn: str
    owner: str
    action: str
    """The permission that is asked for on it."""
    admitted: bool = True
    """Whether its state must let the operation through."""
    by_ciphertext: bool = False
    """Whether the blob named it, not the caller."""
    named_arn: str
    """What the caller may be told before it is permitted: the key ARN, or the ARN of the foreign alias it named."""
    request_alias: str | None = None
    """The alias name by which the caller named it."""
    condition_keys: ConditionKeys | None = None
    encryption_context: Mapping[str, str] | None = None


class ResolvedAlias(msgspec.Struct, frozen=True, kw_only=True):
    """An alias that permission is asked for."""

    arn: str
    action: str


class ResolvedGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A grant that is to be retired, and its KMS key. Of another account, or with a wrong ID, it may not exist."""

    grant: Grant | None
    key: KMSKey | None
    arn: str
    """The key ARN."""
    owner: str
    action: str


class ResolvedPrincipal(msgspec.Struct, frozen=True, kw_only=True):
    """A principal that permission is asked for, whether it exists or not."""

    arn: str
    action: str


class ResolvedEntity(msgspec.Struct, frozen=True, kw_only=True):
    """A user, group, role, managed policy or provider of the caller's account, or one that is to be made."""

    arn: str
    action: str
    tags: tuple[Tag, ...] = ()
    permissions_boundary: str | None = None
    """The one that a user or a role has."""
    missing: AWSError | None = None
    """What is answered once the caller is permitted to know that it does not exist."""


class ResolvedRole(msgspec.Struct, frozen=True, kw_only=True):
    """A role that is to be assumed. One that does not exist lets nobody in."""

    role: Role | None
    arn: str
    owner: str
    actions: tuple[str, ...]
    """sts:AssumeRole, and what tags and a source identity need besides."""
    condition_keys: ConditionKeys | None = None


class ResolvedTrail(msgspec.Struct, frozen=True, kw_only=True):
    """A trail of the caller's account, or one that is to be made."""

    arn: str
    action: str
    tags: tuple[tuple[str, str], ...] = ()
    missing: AWSError | None = None
    """What is answered once the caller is permitted to know that it is not there, or not in this Region."""


class ResolvedStorage(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot or a volume, or one that is to be made."""

    arn: str
    action: str
    owner: str
    """Account ID."""
    tags: tuple[Tag, ...] = ()
    facts: Mapping[str, Fact] = {}
    """Its condition keys, in AWS's writing."""
    new: bool = False
    """Whether the request is to make it."""
    data: bool = False
    """Whether the request is about its blocks, so that the audit names it among the resources."""
    missing: AWSError | None = None
    """What is answered once the caller is permitted to know that it is not there."""


Resource = (
    ResolvedKey
    | ResolvedAlias
    | ResolvedGrant
    | ResolvedPrincipal
    | ResolvedEntity
    | ResolvedRole
    | ResolvedTrail
    | ResolvedStorage
)


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """All targets of a request: what is asked for permission, and what the handler is given."""

    resources: tuple[Resource, ...]
    arguments: tuple[Any, ...]

"""A row of a service's table: what the gate must know to let a request through to a handler."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from selfkms.domain.kms.keys import KeyUsage
from selfkms.domain.policy.facts import Fact
from selfkms.ports.database import Database

ConditionKeys = Callable[[Any], Mapping[str, Fact]]
"""What a request says for conditions: condition keys, in AWS's writing, and their values."""

NewFacts = Callable[[Any, Database, str, str], Mapping[str, Fact]]
"""(request, database, account ID, Region) -> so of what the request is to make."""


class KeyNamed(msgspec.Struct, frozen=True):
    """The KMS key that a member of the request names. Gives the key."""

    member: str = "key_id"
    aliases: bool = False
    """Whether alias names and alias ARNs are taken beside key IDs and key ARNs."""
    action: str | None = None
    """The permission asked for on it; None: the operation's own."""
    foreign: bool = False
    """Whether a key of another account may be named."""
    optional: bool = False
    """Whether the member may be left out; the handler then gets None."""
    permission: bool = True
    """Whether the operation's permission is asked for on the key; if not, on no resource at all (ListAliases)."""
    condition_keys: ConditionKeys | None = None
    """For the permission on this key; None: the operation's own."""
    encryption_context: str = "encryption_context"
    """The member that holds the encryption context of this key, if the operation has one."""


class KeyOfCiphertext(msgspec.Struct, frozen=True):
    """The KMS key that made a blob, or the one named, which the handler then compares with the blob. Gives the key."""

    blob_member: str = "ciphertext_blob"
    key_member: str = "key_id"
    action: str | None = None
    condition_keys: ConditionKeys | None = None
    """For the permission on this key; None: the operation's own."""
    encryption_context: str = "encryption_context"
    """The member that holds the encryption context of this key, if the operation has one."""


class AliasNamed(msgspec.Struct, frozen=True):
    """The alias that a member of the request names by its name, in the caller's account.

    One that must exist gives the alias and its present KMS key, authorized too and in any state. One that
    is to be made gives nothing.
    """

    member: str = "alias_name"
    exists: bool = True


class ReplicaNamed(msgspec.Struct, frozen=True):
    """The replica of the key that `key_id` names, in the Region that a member holds. Gives nothing.

    Permission is asked for on it in its own Region; its state is the handler's to look at. One that does not exist is
    no key to ask about.
    """

    member: str


class GrantNamed(msgspec.Struct, frozen=True):
    """The grant that a token, or a key and a grant ID, name. Gives the grant and its KMS key.

    Who may have it is decided by the grant itself.
    """


class PrincipalNamed(msgspec.Struct, frozen=True):
    """The principal whose ARN a member of the request holds: permission is asked for on the ARN itself. Gives nothing.

    Without the member it is asked for on no resource.
    """

    member: str


class Entity(StrEnum):
    """What IAM's operations are about."""

    USER = "user"
    GROUP = "group"
    ROLE = "role"
    POLICY = "policy"
    """A managed policy, named by its ARN."""
    OIDC_PROVIDER = "oidc-provider"
    """Named by its ARN."""
    FEDERATED_USER = "federated-user"
    """What GetFederationToken makes."""


class EntityNamed(msgspec.Struct, frozen=True):
    """What a member of the request names in the caller's account. Gives the record.

    One that does not exist is refused with NoSuchEntity once the caller is permitted to know. A managed policy of AWS
    gives an `AWSManagedPolicy`.
    """

    kind: Entity
    member: str
    optional: bool = False
    """A user who is left out is the caller; the handler gets None if that is not an IAM user."""
    may_be_missing: bool = False
    """Whether the handler gets None for one that does not exist, too: deleting it again is no error."""


class EntityMoved(msgspec.Struct, frozen=True):
    """A user or a group that gets another name or path: permission is asked for on its present ARN and on the new one.

    Gives the record.
    """

    kind: Entity
    member: str
    new_member: str
    """Holds the new name; None: the present one. The new path is the member `new_path`."""


class NewEntity(msgspec.Struct, frozen=True):
    """What the request is to make: permission is asked for on its ARN-to-be. Gives nothing."""

    kind: Entity
    member: str
    """Holds its name; its path is the member `path`, if there is one."""


class RoleAssumed(msgspec.Struct, frozen=True):
    """The role of any account that `role_arn` names, by its trust policy. Gives the role."""


class TrailNamed(msgspec.Struct, frozen=True):
    """The trail that a member of the request names, by its name or its ARN. Gives the trail.

    One that does not exist is refused with TrailNotFoundException once the caller is permitted to know.
    """

    member: str = "name"
    exists: bool = True
    """If not, it is to be made, and nothing is given."""
    at_home: bool = False
    """Whether the request must come to the trail's home Region: those that change it."""
    only_arn: bool = False
    """Whether it is named by its ARN only."""
    several: bool = False
    """Whether the member is a list. Gives a tuple of trails."""


class SnapshotNamed(msgspec.Struct, frozen=True):
    """The snapshot whose ID a member of the request holds. Gives the snapshot.

    One that is not there for the caller is refused once the caller is permitted to know.
    """

    member: str = "snapshot_id"
    shared: bool = False
    """Whether another account's may be named that is shared with the caller's."""
    region_member: str | None = None
    """Holds the Region where it is; None: that of the request."""
    optional: bool = False
    """Whether the member may be left out; the handler then gets None."""
    may_be_missing: bool = False
    """Whether the handler gets None for one that is not there for the caller, too."""
    data: bool = False
    """Whether the request is about its blocks."""


class VolumeNamed(msgspec.Struct, frozen=True):
    """The volume of the caller's account whose ID a member of the request holds. Gives the volume."""

    member: str = "volume_id"


class NewStorage(msgspec.Struct, frozen=True):
    """The snapshot or the volume that the request is to make: permission is asked for on any. Gives nothing."""

    kind: str
    """`snapshot`, `volume`."""
    facts: NewFacts | None = None
    """Its own condition keys, as far as it is known what it will be."""


class StorageTagged(msgspec.Struct, frozen=True):
    """The snapshots and volumes of the caller's account whose IDs a member of the request lists. Gives a tuple."""

    member: str = "resources"


Target = (
    KeyNamed
    | KeyOfCiphertext
    | AliasNamed
    | ReplicaNamed
    | GrantNamed
    | PrincipalNamed
    | EntityNamed
    | EntityMoved
    | NewEntity
    | RoleAssumed
    | TrailNamed
    | SnapshotNamed
    | VolumeNamed
    | NewStorage
    | StorageTagged
)


class Audit(msgspec.Struct, frozen=True):
    """What of a request and its result the audit may hold; everything else is left out.

    Source: CloudTrail User Guide, per operation; AWS KMS developer guide, "Examples of AWS KMS log entries".
    """

    parameters: tuple[str, ...] = ()
    """Members of the request, in snake_case."""
    defaults: dict[str, Any] = {}
    """Parameters that are recorded with this value when the request leaves them out."""
    answers: tuple[str, ...] = ()
    """Members of the result that become responseElements; `key_id` is the key ARN."""
    read_only: bool = True
    data: bool = False
    """Whether its records are those of a data event."""
    shown: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    """What becomes of the recorded parameters, where CloudTrail has a form of its own for them."""
    answers_shown: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    """So for the response elements."""


class Operation(msgspec.Struct, frozen=True):
    """One operation of one service."""

    name: str
    run: Callable[..., Any]
    """`run(request, *targets, context)`; what each target gives is said at its class."""
    request: type[msgspec.Struct]
    audit: Audit
    check: Callable[[Any], None] | None = None
    """What the service model cannot say of the parameters: run on the request before anything is looked up."""
    targets: tuple[Target, ...] = ()
    usage: KeyUsage | None = None
    """The key usage that every target key must have."""
    writes: bool = False
    """Whether it changes records: it then runs off the event loop."""
    slow: bool = False
    """Whether it may take longer than about a millisecond: it then runs off the event loop, too."""

    service: str = "kms"
    """The prefix of its permission in policies."""
    condition_keys: ConditionKeys | None = None
    further_actions: Callable[[Any], tuple[str, ...]] | None = None
    """Permissions that this request needs besides, as CreateKey and CreateUser do with tags.

    They are asked for on the entity that is to be made; for a KMS key on no resource.
    """
    dry_run_asks: bool = False
    """Whether DryRun ends with the permission, as in Amazon EC2; else the handler runs, and nothing is written."""
    further_region: str | None = None
    """The member that holds the Region in which they are asked for; None: that of the request."""
    asks_permission: bool = True
    """False for what every authenticated caller may do, even against a Deny: GetCallerIdentity."""
    unsigned: bool = False
    """Whether a token among its parameters says who calls, and no signature: AssumeRoleWithWebIdentity.

    The parameters are then read before the caller is known.
    """

    @property
    def action(self) -> str:
        """The permission that stands for the operation in a policy."""
        return f"{self.service}:{self.name}"

"""Snapshots and volumes: what the database knows of them. Their blocks are in the block store.

All that share one data key are of one *lineage*: a volume, the snapshots of it, the volumes made from these. A copy of
a snapshot begins a lineage of its own.

Source: Amazon EBS User Guide, "Amazon EBS encryption", "How Amazon EBS encryption works"; Amazon EC2 API Reference,
"Snapshot", "Volume".
"""

import re
from enum import StrEnum
from typing import ClassVar, Final

import msgspec

from selfkms.domain.arns import PARTITION
from selfkms.domain.ebs.blocks import BLOCKS_PER_GIB, BlockMap
from selfkms.domain.ebs.errors import InvalidParameterValue, InvalidSnapshotIDMalformed, InvalidVolumeIDMalformed
from selfkms.domain.records import Record
from selfkms.domain.tags import Tag

COPIED_VOLUME_ID: Final = "vol-ffffffff"
"""What a snapshot says of its volume if it was not made of one: copies, and what StartSnapshot makes."""

DATA_KEY_BYTES: Final = 64
"""AES-256-XTS takes two keys of 32 bytes (NIST SP 800-38E)."""

CONTEXT_NAME: Final = "aws:ebs:id"
"""The name of the one pair in the encryption context of a data key."""

EVERYBODY: Final = "all"
"""The group that a plain snapshot may be shared with."""

_SNAPSHOT_ID: Final = re.compile(r"snap-(?:[0-9a-f]{8}|[0-9a-f]{17})", re.ASCII)
_VOLUME_ID: Final = re.compile(r"vol-(?:[0-9a-f]{8}|[0-9a-f]{17})", re.ASCII)
_ID_HEX_DIGITS: Final = 17

ID_RANDOM_BYTES: Final = 9
"""What an ID is made of."""
_DESCRIPTION_CHARACTERS_MAX: Final = 255
"""EBS direct APIs API Reference, "StartSnapshot", Description. Amazon EC2 has the same limit and does not say so."""
_CLIENT_TOKEN_CHARACTERS_MAX: Final = 64
"""Amazon EC2 API Reference, "Ensuring idempotency"."""


class SnapshotState(StrEnum):
    """The states of a snapshot, in AWS's words."""

    PENDING = "pending"
    COMPLETED = "completed"
    ERROR = "error"


class VolumeState(StrEnum):
    """The states of a volume that is not attached to anything, in AWS's words."""

    CREATING = "creating"
    AVAILABLE = "available"


class DataKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """A data key as it is kept: never in the clear."""

    wrapped: bytes
    """By the KMS key: a ciphertext blob. Without one, sealed by the installation: blocks are never stored plain."""
    key_arn: str | None = None
    """The KMS key; None: the snapshot is not encrypted, as its owner sees it."""
    context_id: str = ""
    """The value of `aws:ebs:id` in its encryption context."""

    @property
    def encryption_context(self) -> dict[str, str]:
        """What the ciphertext blob is bound to."""
        return {CONTEXT_NAME: self.context_id}


class Upload(msgspec.Struct, frozen=True, tag="upload", omit_defaults=True):
    """Blocks are being put."""

    sealed_key: bytes
    """The data key, sealed by the installation for as long as blocks are put."""
    timeout_seconds: float
    """How long nobody may put a block before the snapshot is given up."""
    parent: BlockMap | None = None
    """The blocks that it builds on."""
    completing: bool = False
    """Whether CompleteSnapshot was called: the keeper makes the block map."""
    changed_blocks: int = 0
    """How many blocks there must be. These two are of CompleteSnapshot."""
    checksum: str | None = None
    """The base64 of what LINEAR gives over their checksums."""


class KeyUse(msgspec.Struct, frozen=True):
    """A grant by which the service may decrypt a data key of a copy."""

    key_arn: str
    grant_id: str


class Copy(msgspec.Struct, frozen=True, tag="copy", omit_defaults=True):
    """Blocks are being copied under another data key."""

    source: BlockMap | None
    """None: the source has no blocks."""
    source_key: DataKey
    source_lineage: str
    grants: tuple[KeyUse, ...] = ()
    """Retired when the copy is through."""


class Failing(msgspec.Struct, frozen=True, tag="failing"):
    """It will come to nothing, and the caller is to learn it from the state alone."""

    message: str
    grants: tuple[KeyUse, ...] = ()
    """Made before it was known, and to be retired."""


Work = Upload | Copy | Failing


class Storage(Record, frozen=True, kw_only=True):
    """What snapshots and volumes have in common."""

    account_id: str
    region: str
    size_gib: int
    created_at: float
    """Seconds since the epoch."""
    lineage: str
    pack: str = ""
    """The blocks that it wrote itself, if it did."""
    data_key: DataKey | None = None
    """None if it never got one."""
    blocks: BlockMap | None = None
    """None as long as it is not complete, or has no blocks."""
    tags: tuple[Tag, ...] = ()
    client_token: str | None = None
    fingerprint: str = ""
    """Of the parameters that came with the client token."""
    work: Work | None = None
    """What is still to be done."""
    due_at: float | None = None
    """When the keeper looks at it next, seconds since the epoch."""

    @property
    def key_arn(self) -> str | None:
        """The KMS key; None: not encrypted."""
        return None if self.data_key is None else self.data_key.key_arn

    @property
    def encrypted(self) -> bool:
        """Whether a KMS key protects it."""
        return self.key_arn is not None

    @property
    def block_count(self) -> int:
        """How many blocks it may have."""
        return self.size_gib * BLOCKS_PER_GIB

    @property
    def reads_lineage(self) -> str | None:
        """The lineage that it copies from, which must stay until it is through."""
        return self.work.source_lineage if isinstance(self.work, Copy) else None


class Snapshot(Storage, frozen=True, kw_only=True):
    """A snapshot."""

    TABLE: ClassVar = "snapshots"

    snapshot_id: str
    volume_id: str = COPIED_VOLUME_ID
    state: SnapshotState = SnapshotState.PENDING
    state_message: str = ""
    completed_at: float | None = None
    """Seconds since the epoch."""
    description: str = ""
    parent_id: str | None = None
    shared_with: tuple[str, ...] = ()
    """Account IDs, in the order they were added."""
    public: bool = False

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id, self.region, self.snapshot_id)

    @property
    def resource_id(self) -> str:
        """Its ID."""
        return self.snapshot_id

    @property
    def arn(self) -> str:
        """The ARN, which has no account."""
        return snapshot_arn(self.region, self.snapshot_id)

    def visible_to(self, account_id: str) -> bool:
        """Whether an account may see it and make something of it."""
        return account_id == self.account_id or account_id in self.shared_with or self.public

    def failed(self, message: str) -> "Snapshot":
        """This in state `error`, which has no blocks."""
        return self.changed(state=SnapshotState.ERROR, state_message=message, work=None, due_at=None, blocks=None)

    def completed(self, blocks: BlockMap | None, *, at: float) -> "Snapshot":
        """This with all its blocks."""
        return self.changed(
            state=SnapshotState.COMPLETED, state_message="", blocks=blocks, completed_at=at, work=None, due_at=None
        )


class Volume(Storage, frozen=True, kw_only=True):
    """A volume. It is attached nowhere: what it can do is to be made, described, snapshotted and deleted."""

    TABLE: ClassVar = "volumes"

    volume_id: str
    zone: str
    state: VolumeState = VolumeState.CREATING
    snapshot_id: str | None = None
    volume_type: str = "gp2"
    iops: int | None = None
    throughput: int | None = None
    multi_attach: bool = False

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id, self.region, self.volume_id)

    @property
    def resource_id(self) -> str:
        """Its ID."""
        return self.volume_id

    @property
    def arn(self) -> str:
        """The ARN of the volume."""
        return volume_arn(self.region, self.account_id, self.volume_id)

    def completed(self, blocks: BlockMap | None) -> "Volume":
        """This with all its blocks."""
        return self.changed(state=VolumeState.AVAILABLE, blocks=blocks, work=None, due_at=None)


class SnapshotShare(Record, frozen=True, kw_only=True):
    """That a snapshot is shared with an account, or with everybody: to be found by whom it is shared with."""

    TABLE: ClassVar = "snapshot_shares"

    account_id: str
    """With whom; `all`."""
    region: str
    snapshot_id: str
    owner: str
    """Account ID of the snapshot."""

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id, self.region, self.snapshot_id)


class EBSDefaults(Record, frozen=True, kw_only=True):
    """What an account wants of new volumes and copies in a Region."""

    TABLE: ClassVar = "ebs_defaults"

    account_id: str
    region: str
    encrypted: bool = False
    key_arn: str | None = None
    """None: the AWS managed key."""

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id, self.region)


class Sweep(Record, frozen=True, kw_only=True):
    """That a snapshot or a volume is gone: its lineage may have blocks that nobody refers to any more."""

    TABLE: ClassVar = "sweeps"

    lineage: str
    resource_id: str
    """What is gone."""
    region: str
    grants: tuple[KeyUse, ...] = ()
    """Still to be retired."""

    def primary_key(self) -> tuple[str, ...]:
        return (self.lineage, self.resource_id)


def snapshot_arn(region: str, snapshot_id: str) -> str:
    """The ARN of a snapshot, `*` for any. Service Authorization Reference, "Amazon EC2": the account is left out."""
    return f"arn:{PARTITION}:ec2:{region}::snapshot/{snapshot_id}"


def volume_arn(region: str, account_id: str, volume_id: str) -> str:
    """The ARN of a volume, `*` for any."""
    return f"arn:{PARTITION}:ec2:{region}:{account_id}:volume/{volume_id}"


def new_id(kind: str, random: bytes) -> str:
    """`snap-` or `vol-`, and 17 hex digits of `ID_RANDOM_BYTES`."""
    return f"{kind}-{random.hex()[-_ID_HEX_DIGITS:]}"


def is_snapshot_id(text: str) -> bool:
    """Whether it has the form of one."""
    return bool(_SNAPSHOT_ID.fullmatch(text))


def is_volume_id(text: str) -> bool:
    """Whether it has the form of one."""
    return bool(_VOLUME_ID.fullmatch(text))


def check_snapshot_id(text: str) -> None:
    """Refuse what cannot be the ID of a snapshot.

    Raises:
        InvalidParameterValue: it does not even begin like one.
        InvalidSnapshotIDMalformed: it does, and has another form.
    """
    _check_beginning(text, "snap-", "snapshotId")
    if not is_snapshot_id(text):
        raise InvalidSnapshotIDMalformed(f'Invalid id: "{text}"')


def check_volume_id(text: str) -> None:
    """The same for a volume.

    Raises:
        InvalidParameterValue, InvalidVolumeIDMalformed: as for snapshots.
    """
    _check_beginning(text, "vol-", "volumeId")
    if not is_volume_id(text):
        raise InvalidVolumeIDMalformed(f'Invalid id: "{text}"')


def _check_beginning(text: str, beginning: str, parameter: str) -> None:
    # Seen at Amazon EC2, as are the texts above.
    if not text:
        raise InvalidParameterValue(
            f"Value () for parameter {parameter} is invalid. Parameter may not be null or empty"
        )
    if not text.startswith(beginning):
        raise InvalidParameterValue(f"Value ({text}) for parameter {parameter} is invalid. Expected: '{beginning}...'.")


def check_description(text: str | None) -> None:
    """Refuse a description that is too long to be kept with each snapshot, and shown in each listing.

    Raises:
        InvalidParameterValue: it has more than 255 characters.
    """
    _check_length(text, _DESCRIPTION_CHARACTERS_MAX, "description")


def check_client_token(text: str | None) -> None:
    """The same for a client token of Amazon EC2.

    Raises:
        InvalidParameterValue: it has more than 64 characters.
    """
    _check_length(text, _CLIENT_TOKEN_CHARACTERS_MAX, "clientToken")


def _check_length(text: str | None, characters_max: int, parameter: str) -> None:
    if text is not None and len(text) > characters_max:
        raise InvalidParameterValue(
            f"The value for parameter {parameter} is invalid. It has more than {characters_max} characters."
        )

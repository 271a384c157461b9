"""Snapshots, volumes and tags as Amazon EC2's requests and answers have them.

Source: Amazon EC2 API Reference, "Snapshot", "Volume", "TagSpecification"; Service Authorization Reference, "Amazon
EC2".
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from selfkms.domain.ebs.blocks import BLOCK_BYTES
from selfkms.domain.ebs.errors import InvalidParameterValue
from selfkms.domain.ebs.storage import Snapshot, SnapshotState, Volume
from selfkms.domain.ebs.tags import check_new_tags
from selfkms.domain.policy.facts import Fact
from selfkms.domain.tags import Tag
from selfkms.services.operation import ConditionKeys
from selfkms.services.shapes import Shape

STORAGE_TIER: Final = "standard"
"""There is no archive."""
_UNDER_A_KMS_KEY: Final = "sse-kms"


class EC2Tag(Shape, frozen=True, kw_only=True):
    """A tag on EC2's wire. A request may leave the value out, an answer has it always."""

    key: str = ""
    value: str | None = None


class TagSpecification(Shape, frozen=True, kw_only=True):
    """Tags for what a request is to make."""

    resource_type: str | None = None
    tags: tuple[EC2Tag, ...] = ()


class SnapshotRow(Shape, frozen=True, kw_only=True):
    """A snapshot."""

    snapshot_id: str
    volume_id: str
    state: str
    state_message: str | None = None
    start_time: float
    progress: str
    owner_id: str
    description: str
    volume_size: int
    encrypted: bool
    kms_key_id: str | None = None
    data_encryption_key_id: str | None = None
    tags: tuple[EC2Tag, ...] | None = None
    storage_tier: str
    completion_time: float | None = None
    full_snapshot_size_in_bytes: int | None = None
    sse_type: str | None = None


class Attachment(Shape, frozen=True, kw_only=True):
    """There are no instances to attach a volume to, so nobody makes one."""


class VolumeRow(Shape, frozen=True, kw_only=True):
    """A volume. AWS leaves `attachments` and `sse_type` out of the answer to CreateVolume."""

    volume_id: str
    size: int
    snapshot_id: str
    availability_zone: str
    state: str
    create_time: float
    encrypted: bool
    kms_key_id: str | None = None
    volume_type: str
    iops: int | None = None
    throughput: int | None = None
    multi_attach_enabled: bool
    tags: tuple[EC2Tag, ...] | None = None
    attachments: tuple[Attachment, ...] | None = None
    sse_type: str | None = None


def snapshot_row(snapshot: Snapshot, *, owned: bool, progress: str) -> SnapshotRow:
    """A snapshot as its owner sees it, or, not `owned`, somebody whom it is shared with.

    Args:
        snapshot: which one.
        owned: whether the caller's account has it: what is written on it is not for others.
        progress: `45%`.
    """
    done = snapshot.state is SnapshotState.COMPLETED
    count = 0 if snapshot.blocks is None else snapshot.blocks.count
    return SnapshotRow(
        snapshot_id=snapshot.snapshot_id,
        volume_id=snapshot.volume_id,
        state=snapshot.state.value,
        state_message=snapshot.state_message or None,
        start_time=snapshot.created_at,
        progress=progress,
        owner_id=snapshot.account_id,
        description=snapshot.description,
        volume_size=shown_size(snapshot),
        encrypted=snapshot.encrypted,
        kms_key_id=snapshot.key_arn,
        data_encryption_key_id=snapshot.lineage if snapshot.encrypted else None,
        tags=tag_rows(snapshot.tags) if owned else None,
        storage_tier=STORAGE_TIER,
        completion_time=snapshot.completed_at,
        full_snapshot_size_in_bytes=count * BLOCK_BYTES if done else None,
        sse_type=_UNDER_A_KMS_KEY if snapshot.encrypted else None,
    )


def shown_size(snapshot: Snapshot) -> int:
    """In GiB. Of one that failed nothing is left."""
    return 0 if snapshot.state is SnapshotState.ERROR else snapshot.size_gib


def volume_row(volume: Volume) -> VolumeRow:
    """A volume as DescribeVolumes shows it."""
    return VolumeRow(
        volume_id=volume.volume_id,
        size=volume.size_gib,
        snapshot_id=volume.snapshot_id or "",
        availability_zone=volume.zone,
        state=volume.state.value,
        create_time=volume.created_at,
        encrypted=volume.encrypted,
        kms_key_id=volume.key_arn,
        volume_type=volume.volume_type,
        iops=volume.iops,
        throughput=volume.throughput,
        multi_attach_enabled=volume.multi_attach,
        tags=tag_rows(volume.tags),
        attachments=(),
        sse_type=_UNDER_A_KMS_KEY if volume.encrypted else None,
    )


def tag_rows(tags: Iterable[Tag]) -> tuple[EC2Tag, ...] | None:
    """Tags for an answer, which leaves them out where there are none."""
    return tuple(EC2Tag(key=tag.tag_key, value=tag.tag_value) for tag in tags) or None


def tags_of(tags: Iterable[EC2Tag]) -> tuple[Tag, ...]:
    """The tags that a request brings; a value that is left out is empty."""
    return tuple(Tag(tag_key=tag.key, tag_value=tag.value or "") for tag in tags)


def checked_tags(specifications: Sequence[TagSpecification], kind: str) -> tuple[Tag, ...]:
    """The tags for what is to be made.

    Args:
        specifications: of the request.
        kind: what it makes: `snapshot`, `volume`.

    Raises:
        InvalidParameterValue: tags for something else, none at all, or such as nothing may have.
        TagLimitExceeded: more than 50.
    """
    for specification in specifications:
        if not specification.resource_type:
            raise InvalidParameterValue("Tag specification resource type must have a value")
        if specification.resource_type != kind:
            raise InvalidParameterValue(
                f"'{specification.resource_type}' is not a valid taggable resource type for this operation."
            )
        if not specification.tags:
            raise InvalidParameterValue("Tag specification must have at least one tag")
    if len(specifications) > 1:
        raise InvalidParameterValue("The same resource type may not be specified more than once in tag specifications")
    tags = _all_tags(specifications)
    check_new_tags(tags)
    return tags


def tagging_of(operation: str) -> ConditionKeys:
    """The condition keys of an operation whose request has `tag_specifications`."""

    def gather(request: Any) -> Mapping[str, Fact]:
        keys = of_tags(_all_tags(request.tag_specifications))
        return {**keys, "ec2:CreateAction": operation} if keys else {}

    return gather


def of_tags(tags: Sequence[Tag]) -> dict[str, Fact]:
    """The condition keys of tags that a request brings: each by its key, and all keys."""
    if not tags:
        return {}
    return {
        "aws:TagKeys": tuple(tag.tag_key for tag in tags),
        **{f"aws:RequestTag/{tag.tag_key}": tag.tag_value for tag in tags},
    }


def tagging_too(request: Any) -> tuple[str, ...]:
    """The further permission that a request needs whose `tag_specifications` are not empty."""
    return ("ec2:CreateTags",) if _all_tags(request.tag_specifications) else ()


def _all_tags(specifications: Iterable[TagSpecification]) -> tuple[Tag, ...]:
    return tuple(tag for specification in specifications for tag in tags_of(specification.tags))

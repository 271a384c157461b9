"""Rows of snapshots and volumes: AWS's members, and no more than the reader may know."""

from typing import Any

import msgspec
import pytest

from harness.world import ALICE_ACCOUNT, REGION, loaded
from selfkms.domain.ebs.blocks import BLOCK_BYTES, BlockMap
from selfkms.domain.ebs.errors import InvalidParameterValue
from selfkms.domain.ebs.storage import DataKey, Snapshot, SnapshotState, Volume
from selfkms.domain.tags import Tag
from selfkms.services.ebs.shapes import (
    EC2Tag,
    SnapshotRow,
    TagSpecification,
    VolumeRow,
    checked_tags,
    snapshot_row,
    tagging_of,
    tagging_too,
    volume_row,
)
from selfkms.services.shapes import Shape

KEY_ARN = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
MAP = BlockMap(lineage="lineage", map_id="map", pack="pack", sha256="", count=3, packs=("pack",))
SNAPSHOT = Snapshot(
    account_id=ALICE_ACCOUNT,
    region=REGION,
    size_gib=8,
    created_at=1_790_000_000.0,
    lineage="lineage",
    data_key=DataKey(wrapped=b"blob", key_arn=KEY_ARN, context_id="snap-1"),
    tags=(Tag("Name", ""),),
    snapshot_id="snap-01234567890abcdef",
)
VOLUME = Volume(
    account_id=ALICE_ACCOUNT,
    region=REGION,
    size_gib=8,
    created_at=1_790_000_000.0,
    lineage="lineage",
    volume_id="vol-01234567890abcdef",
    zone=f"{REGION}a",
)


class _Request(Shape, frozen=True, kw_only=True):
    tag_specifications: tuple[TagSpecification, ...] = ()


def _written(row: SnapshotRow | VolumeRow) -> dict[str, Any]:
    written: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(row))
    return written


def test_an_encrypted_snapshot_under_way() -> None:
    """It has a key and no size of its blocks yet; an empty value of a tag is shown."""
    assert _written(snapshot_row(SNAPSHOT, owned=True, progress="45%")) == {
        "SnapshotId": "snap-01234567890abcdef",
        "VolumeId": "vol-ffffffff",
        "State": "pending",
        "StartTime": 1_790_000_000.0,
        "Progress": "45%",
        "OwnerId": ALICE_ACCOUNT,
        "Description": "",
        "VolumeSize": 8,
        "Encrypted": True,
        "KmsKeyId": KEY_ARN,
        "DataEncryptionKeyId": "lineage",
        "Tags": [{"Key": "Name", "Value": ""}],
        "StorageTier": "standard",
        "SseType": "sse-kms",
    }


def test_a_plain_snapshot_that_is_complete() -> None:
    """The data key that the installation has for it is nobody's business."""
    plain = SNAPSHOT.changed(data_key=DataKey(wrapped=b"sealed")).completed(MAP, at=1_790_000_060.0)
    row = _written(snapshot_row(plain, owned=False, progress="100%"))
    assert (row["CompletionTime"], row["FullSnapshotSizeInBytes"]) == (1_790_000_060.0, 3 * BLOCK_BYTES)
    assert row["Encrypted"] is False
    assert not row.keys() & {"KmsKeyId", "DataEncryptionKeyId", "SseType"}


def test_of_a_failed_one_nothing_is_left() -> None:
    """It has a reason, and size 0."""
    failed = SNAPSHOT.failed("Given key ID is not accessible")
    row = snapshot_row(failed, owned=True, progress="0%")
    assert (row.state, row.state_message, row.volume_size) == ("error", "Given key ID is not accessible", 0)
    assert row.full_snapshot_size_in_bytes is None
    assert failed.state is SnapshotState.ERROR


def test_whom_it_is_shared_with_sees_no_tags() -> None:
    """But the KMS key, which they need to be permitted to use."""
    row = snapshot_row(SNAPSHOT, owned=False, progress="45%")
    assert (row.tags, row.kms_key_id, row.encrypted) == (None, KEY_ARN, True)


def test_a_volume() -> None:
    """One without a snapshot says so with an empty text."""
    assert _written(volume_row(VOLUME)) == {
        "VolumeId": "vol-01234567890abcdef",
        "Size": 8,
        "SnapshotId": "",
        "AvailabilityZone": "us-east-1a",
        "State": "creating",
        "CreateTime": 1_790_000_000.0,
        "Encrypted": False,
        "VolumeType": "gp2",
        "MultiAttachEnabled": False,
        "Attachments": [],
    }


@pytest.mark.parametrize(("row", "shape"), [(SnapshotRow, "Snapshot"), (VolumeRow, "Volume")])
def test_members_are_those_of_the_model(row: type[Shape], shape: str) -> None:
    """What the wire does not know, it would not write."""
    known = loaded("ec2").shape_for(shape).members
    assert {field.encode_name for field in msgspec.structs.fields(row)} <= set(known)


def test_tags_for_what_is_to_be_made() -> None:
    """With their condition keys, and the further permission."""
    given = (TagSpecification(resource_type="snapshot", tags=(EC2Tag(key="a", value="b"), EC2Tag(key="c"))),)
    assert checked_tags(given, "snapshot") == (Tag("a", "b"), Tag("c", ""))
    request = _Request(tag_specifications=given)
    assert tagging_too(request) == ("ec2:CreateTags",)
    assert tagging_of("CreateSnapshot")(request) == {
        "aws:TagKeys": ("a", "c"),
        "aws:RequestTag/a": "b",
        "aws:RequestTag/c": "",
        "ec2:CreateAction": "CreateSnapshot",
    }
    assert checked_tags((), "snapshot") == ()
    assert tagging_too(_Request()) == ()
    assert tagging_of("CreateSnapshot")(_Request()) == {}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            (TagSpecification(resource_type="volume", tags=(EC2Tag(key="a"),)),),
            "'volume' is not a valid taggable resource type for this operation.",
        ),
        ((TagSpecification(tags=(EC2Tag(key="a"),)),), "Tag specification resource type must have a value"),
        ((TagSpecification(resource_type="snapshot"),), "Tag specification must have at least one tag"),
        (
            (TagSpecification(resource_type="snapshot", tags=(EC2Tag(key="a"),)),) * 2,
            "The same resource type may not be specified more than once in tag specifications",
        ),
        (
            (TagSpecification(resource_type="snapshot", tags=(EC2Tag(key="a"), EC2Tag(key="a"))),),
            "Duplicate tag key 'a' specified.",
        ),
    ],
)
def test_tags_that_are_refused(given: tuple[TagSpecification, ...], text: str) -> None:
    """In the words of Amazon EC2."""
    with pytest.raises(InvalidParameterValue) as refused:
        checked_tags(given, "snapshot")
    assert refused.value.message == text

"""ListSnapshotBlocks, ListChangedBlocks, GetSnapshotBlock: pages, tokens, who may read."""

from typing import Any

import pytest

from harness.block_checksums import checksum_of
from harness.snapshots import SnapshotWorld, block
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT

BLOCKS = {index: block(index) for index in (0, 3, 2_047)}
DAY_SECONDS = 86_400


@pytest.fixture
def world() -> SnapshotWorld:
    return SnapshotWorld()


@pytest.fixture
def key(world: SnapshotWorld) -> str:
    arn: str = world.make_key()["Arn"]
    return arn


def token(world: SnapshotWorld, snapshot_id: str, index: int) -> str:
    listed = world.direct("ListSnapshotBlocks", SnapshotId=snapshot_id, StartingBlockIndex=index)["Blocks"]
    assert listed[0]["BlockIndex"] == index
    found: str = listed[0]["BlockToken"]
    return found


def test_what_is_listed(world: SnapshotWorld, key: str) -> None:
    """What was written, ascending, with tokens for a week."""
    snapshot_id = world.uploaded(BLOCKS, KmsKeyArn=key)
    answer = world.direct("ListSnapshotBlocks", SnapshotId=snapshot_id)
    assert [entry["BlockIndex"] for entry in answer["Blocks"]] == [0, 3, 2_047]
    assert answer["ExpiryTime"].timestamp() == world.clock.now() + 7 * DAY_SECONDS
    assert (answer["VolumeSize"], answer["BlockSize"], "NextToken" in answer) == (1, 524_288, False)


def test_pages(world: SnapshotWorld) -> None:
    """A page token goes on where the page ended, within an hour, and for this listing alone."""
    blocks = {index: bytes(524_288) for index in range(150)}
    snapshot_id, other_id = world.uploaded(blocks), world.uploaded(blocks)
    first = world.direct("ListSnapshotBlocks", SnapshotId=snapshot_id, MaxResults=100)
    page = {"MaxResults": 100, "NextToken": first["NextToken"]}
    second = world.direct("ListSnapshotBlocks", SnapshotId=snapshot_id, **page)
    indices = [entry["BlockIndex"] for entry in first["Blocks"] + second["Blocks"]]
    assert indices == list(range(150))
    assert "NextToken" not in second
    refusal = (400, "ValidationException", "INVALID_PAGE_TOKEN")
    assert world.direct_refusal("ListSnapshotBlocks", SnapshotId=other_id, **page) == refusal
    assert world.direct_refusal("ListChangedBlocks", SecondSnapshotId=snapshot_id, **page) == refusal
    world.clock.seconds += 3_601
    assert world.direct_refusal("ListSnapshotBlocks", SnapshotId=snapshot_id, **page) == refusal


def test_a_block(world: SnapshotWorld, key: str) -> None:
    """With what is needed to verify it. KMS is asked for each."""
    snapshot_id = world.uploaded(BLOCKS, KmsKeyArn=key)
    given = token(world, snapshot_id, 3)
    before = len(world.records_of("Decrypt"))
    answer = world.direct("GetSnapshotBlock", SnapshotId=snapshot_id, BlockIndex=3, BlockToken=given)
    assert answer == {
        "BlockData": block(3),
        "DataLength": 524_288,
        "Checksum": checksum_of(block(3)),
        "ChecksumAlgorithm": "SHA256",
    }
    decrypted = world.records_of("Decrypt")[before:]
    assert [record["requestParameters"]["encryptionContext"] for record in decrypted] == [{"aws:ebs:id": snapshot_id}]


def test_block_tokens(world: SnapshotWorld, key: str) -> None:
    """Good for one block of one snapshot, for a week."""
    snapshot_id, other_id = world.uploaded(BLOCKS, KmsKeyArn=key), world.uploaded(BLOCKS, KmsKeyArn=key)
    given = token(world, snapshot_id, 3)

    def refused(**changed: Any) -> str | None:
        parameters = {"SnapshotId": snapshot_id, "BlockIndex": 3, "BlockToken": given, **changed}
        return world.direct_refusal("GetSnapshotBlock", **parameters)[2]

    assert refused(BlockIndex=0) == "INVALID_BLOCK_TOKEN"
    assert refused(SnapshotId=other_id) == "INVALID_BLOCK_TOKEN"
    assert refused(BlockToken=given[::-1]) == "INVALID_BLOCK_TOKEN"
    assert refused(BlockToken="AAAA") == "INVALID_BLOCK_TOKEN"
    world.clock.seconds += 7 * DAY_SECONDS + 1
    assert refused() == "INVALID_BLOCK_TOKEN"


def test_what_reading_needs(world: SnapshotWorld, key: str) -> None:
    """DescribeKey to know which blocks there are, Decrypt besides to have one, each through Amazon EC2."""
    snapshot_id = world.uploaded(BLOCKS, KmsKeyArn=key)
    given = token(world, snapshot_id, 0)
    missing = (404, "ResourceNotFoundException", "DEPENDENCY_RESOURCE_NOT_FOUND")
    parameters: dict[str, Any] = {"SnapshotId": snapshot_id, "BlockIndex": 0, "BlockToken": given}
    world.only_via_ec2(key, "kms:Decrypt")
    assert world.direct_refusal("ListSnapshotBlocks", SnapshotId=snapshot_id) == missing
    assert world.direct_refusal("ListChangedBlocks", SecondSnapshotId=snapshot_id) == missing
    assert world.direct_refusal("GetSnapshotBlock", **parameters) == missing
    world.only_via_ec2(key, "kms:DescribeKey")
    assert len(world.direct("ListSnapshotBlocks", SnapshotId=snapshot_id)["Blocks"]) == 3
    assert world.direct_refusal("GetSnapshotBlock", **parameters) == missing
    world.only_via_ec2(key, "kms:DescribeKey", "kms:Decrypt")
    assert world.direct("GetSnapshotBlock", **parameters)["BlockData"] == block(0)


def test_what_changed_between_keys(world: SnapshotWorld, key: str) -> None:
    """A volume under another KMS key has the blocks of its snapshot: who may know one key alone learns nothing."""
    first_id = world.uploaded(BLOCKS, KmsKeyArn=key)
    other: str = world.make_key()["Arn"]
    volume = world.compute(
        "CreateVolume", AvailabilityZone="us-east-1a", SnapshotId=first_id, Encrypted=True, KmsKeyId=other
    )
    second_id = world.compute("CreateSnapshot", VolumeId=volume["VolumeId"])["SnapshotId"]
    child_id = world.uploaded({5: block(50)}, ParentSnapshotId=second_id)
    for pair in ((first_id, child_id), (child_id, first_id)):
        parameters = {"FirstSnapshotId": pair[0], "SecondSnapshotId": pair[1]}
        assert [entry["BlockIndex"] for entry in world.direct("ListChangedBlocks", **parameters)["ChangedBlocks"]] == [
            5
        ]
    world.only_via_ec2(key, "kms:Decrypt")
    for pair in ((first_id, child_id), (child_id, first_id)):
        refusal = world.direct_refusal("ListChangedBlocks", FirstSnapshotId=pair[0], SecondSnapshotId=pair[1])
        assert refusal == (404, "ResourceNotFoundException", "DEPENDENCY_RESOURCE_NOT_FOUND")


def test_a_disabled_key_reads_nothing(world: SnapshotWorld, key: str) -> None:
    """At once; and enabled again it reads."""
    snapshot_id = world.uploaded(BLOCKS, KmsKeyArn=key)
    parameters: dict[str, Any] = {
        "SnapshotId": snapshot_id,
        "BlockIndex": 0,
        "BlockToken": token(world, snapshot_id, 0),
    }
    world.call("DisableKey", {"KeyId": key})
    refusal = (400, "ValidationException", "INVALID_DEPENDENCY_REQUEST")
    assert world.direct_refusal("GetSnapshotBlock", **parameters) == refusal
    world.call("EnableKey", {"KeyId": key})
    assert world.direct("GetSnapshotBlock", **parameters)["BlockData"] == block(0)


def test_what_changed(world: SnapshotWorld, key: str) -> None:
    """Between a snapshot and its child: what was written again or anew. Each token reads its own snapshot."""
    first_id = world.uploaded(BLOCKS, KmsKeyArn=key)
    second_id = world.uploaded({3: block(30), 5: block(50)}, ParentSnapshotId=first_id)
    answer = world.direct("ListChangedBlocks", FirstSnapshotId=first_id, SecondSnapshotId=second_id)
    changed = {entry["BlockIndex"]: entry for entry in answer["ChangedBlocks"]}
    assert set(changed) == {3, 5}
    assert "FirstBlockToken" not in changed[5]

    def data(snapshot_id: str, which: str) -> bytes:
        found: bytes = world.direct(
            "GetSnapshotBlock", SnapshotId=snapshot_id, BlockIndex=3, BlockToken=changed[3][which]
        )["BlockData"]
        return found

    assert data(first_id, "FirstBlockToken") == block(3)
    assert data(second_id, "SecondBlockToken") == block(30)


def test_what_changed_since_the_beginning(world: SnapshotWorld) -> None:
    """Without a first snapshot: all of the second."""
    snapshot_id = world.uploaded(BLOCKS)
    answer = world.direct("ListChangedBlocks", SecondSnapshotId=snapshot_id)
    assert [sorted(entry) for entry in answer["ChangedBlocks"]] == [["BlockIndex", "SecondBlockToken"]] * 3


def test_snapshots_that_are_not_related(world: SnapshotWorld) -> None:
    """They have no blocks in common that could be told from others."""
    parameters = {"FirstSnapshotId": world.uploaded({}), "SecondSnapshotId": world.uploaded({})}
    assert world.direct_refusal("ListChangedBlocks", **parameters)[2] == "UNRELATED_SNAPSHOTS"


def test_what_cannot_be_read(world: SnapshotWorld) -> None:
    """What is pending, what is somebody else's, what is elsewhere."""
    pending_id = world.direct("StartSnapshot", VolumeSize=1)["SnapshotId"]
    assert world.direct_refusal("ListSnapshotBlocks", SnapshotId=pending_id)[2] == "INVALID_SNAPSHOT_ID"
    snapshot_id = world.uploaded({})
    for place in ({"by": BOB_ACCOUNT}, {"region": "eu-west-1"}):
        refusal = (404, "ResourceNotFoundException", "SNAPSHOT_NOT_FOUND")
        assert world.direct_refusal("ListSnapshotBlocks", SnapshotId=snapshot_id, **place) == refusal


def test_reads_are_data_events(world: SnapshotWorld) -> None:
    """The tokens are not in the audit."""
    snapshot_id = world.uploaded(BLOCKS)
    given = token(world, snapshot_id, 3)
    world.direct("GetSnapshotBlock", SnapshotId=snapshot_id, BlockIndex=3, BlockToken=given)
    record = world.record()
    assert (record["eventName"], record["managementEvent"], record["readOnly"]) == ("GetSnapshotBlock", False, True)
    assert record["requestParameters"] == {"snapshotId": snapshot_id, "blockIndex": 3}
    assert record["resources"][0]["accountId"] == ALICE_ACCOUNT


def test_a_snapshot_without_blocks(world: SnapshotWorld) -> None:
    """Lists nothing."""
    assert world.direct("ListSnapshotBlocks", SnapshotId=world.uploaded({}))["Blocks"] == []

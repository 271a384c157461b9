"""StartSnapshot, PutSnapshotBlock, CompleteSnapshot: answers, refusals, what KMS is asked, records."""

from typing import Any

import pytest

from harness.block_checksums import checksum_of, linear
from harness.snapshots import SnapshotWorld, block
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT

BLOCKS = {0: block(1), 7: bytes(524_288), 2_047: block(2)}


@pytest.fixture
def world() -> SnapshotWorld:
    return SnapshotWorld()


@pytest.fixture
def key(world: SnapshotWorld) -> str:
    arn: str = world.make_key()["Arn"]
    return arn


def test_a_snapshot_is_started(world: SnapshotWorld, key: str) -> None:
    """Pending, with the KMS key that was named."""
    answer = world.direct(
        "StartSnapshot", VolumeSize=3, KmsKeyArn=key, Description="disk", Tags=[{"Key": "a", "Value": "b"}]
    )
    snapshot_id = answer.pop("SnapshotId")
    assert snapshot_id.startswith("snap-")
    assert len(snapshot_id) == len("snap-") + 17
    answer.pop("StartTime")
    assert answer == {
        "OwnerId": ALICE_ACCOUNT,
        "Status": "pending",
        "VolumeSize": 3,
        "BlockSize": 524_288,
        "Description": "disk",
        "Tags": [{"Key": "a", "Value": "b"}],
        "KmsKeyArn": key,
        "SseType": "sse-kms",
    }
    assert world.last is not None
    assert world.last.response.status == 201


def test_kms_is_asked_through_ec2(world: SnapshotWorld, key: str) -> None:
    """DescribeKey and GenerateDataKey, 64 bytes, bound to the snapshot, by the caller."""
    snapshot_id = world.direct("StartSnapshot", VolumeSize=1, KmsKeyArn=key)["SnapshotId"]
    described, generated = world.records_of("DescribeKey")[-1], world.records_of("GenerateDataKey")[-1]
    assert described["requestParameters"] == {"keyId": key}
    assert generated["requestParameters"] == {
        "keyId": key,
        "numberOfBytes": 64,
        "encryptionContext": {"aws:ebs:id": snapshot_id},
    }
    for record in (described, generated):
        assert record["userIdentity"]["arn"] == f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"
        assert record["userIdentity"]["invokedBy"] == record["sourceIPAddress"] == "ebs.amazonaws.com"


def test_the_record_hides_the_kms_key(world: SnapshotWorld, key: str) -> None:
    """In the request and in the answer, as in CloudTrail."""
    world.direct("StartSnapshot", VolumeSize=1, KmsKeyArn=key)
    record = world.record()
    assert (record["eventSource"], record["eventName"]) == ("ebs.amazonaws.com", "StartSnapshot")
    assert record["managementEvent"] is True
    assert record["requestParameters"]["kmsKeyArn"] == "HIDDEN_DUE_TO_SECURITY_REASONS"
    assert record["responseElements"]["kmsKeyArn"] == "HIDDEN_DUE_TO_SECURITY_REASONS"
    assert record["responseElements"]["volumeSize"] == 1


def test_a_key_policy_that_names_ec2(world: SnapshotWorld, key: str) -> None:
    """The whole life of a snapshot needs the key only through Amazon EC2."""
    world.only_via_ec2(key, "kms:DescribeKey", "kms:GenerateDataKey", "kms:Decrypt")
    assert world.read(world.uploaded(BLOCKS, KmsKeyArn=key)) == BLOCKS


@pytest.mark.parametrize(
    ("actions", "refusal"),
    [
        ((), (404, "ResourceNotFoundException", "DEPENDENCY_RESOURCE_NOT_FOUND")),
        (("kms:GenerateDataKey",), (404, "ResourceNotFoundException", "DEPENDENCY_RESOURCE_NOT_FOUND")),
        (("kms:DescribeKey",), (400, "ValidationException", "INVALID_DEPENDENCY_REQUEST")),
    ],
)
def test_what_starting_needs(
    world: SnapshotWorld, key: str, actions: tuple[str, ...], refusal: tuple[int, str, str]
) -> None:
    """Both permissions. What KMS refused is in the audit, and no snapshot came of it."""
    world.only_via_ec2(key, *actions)
    assert world.direct_refusal("StartSnapshot", VolumeSize=1, KmsKeyArn=key) == refusal
    refused = [record for record in world.all_records() if record.get("errorCode") == "AccessDenied"]
    assert refused[-1]["userIdentity"]["invokedBy"] == "ebs.amazonaws.com"
    assert world.database.snapshots(ALICE_ACCOUNT, "us-east-1", after="", limit=10) == []


def test_a_disabled_key(world: SnapshotWorld, key: str) -> None:
    """Nothing is started under it; enabled again it works."""
    world.call("DisableKey", {"KeyId": key})
    refusal = world.direct_refusal("StartSnapshot", VolumeSize=1, KmsKeyArn=key)
    assert refusal == (400, "ValidationException", "INVALID_DEPENDENCY_REQUEST")
    world.call("EnableKey", {"KeyId": key})
    assert world.direct("StartSnapshot", VolumeSize=1, KmsKeyArn=key)["Status"] == "pending"


def test_encrypted_without_a_key(world: SnapshotWorld) -> None:
    """The AWS managed key, which comes into being, and is only to be used through Amazon EC2."""
    snapshot_id = world.uploaded(BLOCKS, Encrypted=True)
    alias = world.database.alias(ALICE_ACCOUNT, "us-east-1", "alias/aws/ebs")
    snapshot = world.database.snapshot(ALICE_ACCOUNT, "us-east-1", snapshot_id)
    assert alias is not None
    assert snapshot is not None
    assert snapshot.key_arn is not None
    assert snapshot.key_arn.endswith(alias.target_key_id)
    assert world.read(snapshot_id) == BLOCKS


def test_encryption_by_default(world: SnapshotWorld) -> None:
    """As coldsnap starts snapshots: it says nothing of encryption, and the account decides."""
    for enabled in (False, True):
        world.encrypt_by_default(enabled=enabled)
        answer = world.direct("StartSnapshot", VolumeSize=1, Timeout=10)
        assert ("KmsKeyArn" in answer) is enabled


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"VolumeSize": 65_537}, "INVALID_VOLUME_SIZE"),
        ({"VolumeSize": 0}, "INVALID_PARAMETER_VALUE"),
        ({"Timeout": 9}, "INVALID_PARAMETER_VALUE"),
        ({"Encrypted": False, "KmsKeyArn": "arn:aws:kms:us-east-1:111122223333:key/x"}, "INVALID_PARAMETER_VALUE"),
        ({"ParentSnapshotId": "snap-0123456789abcdef0", "Encrypted": True}, "INVALID_PARAMETER_VALUE"),
        ({"Tags": [{"Key": "aws:a", "Value": ""}]}, "INVALID_TAG"),
        ({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}, "INVALID_TAG"),
        ({"Tags": [{"Key": str(n), "Value": ""} for n in range(51)]}, "INVALID_TAG"),
    ],
)
def test_what_no_snapshot_is_started_with(world: SnapshotWorld, parameters: dict[str, Any], reason: str) -> None:
    """Each has its reason."""
    refusal = world.direct_refusal("StartSnapshot", **{"VolumeSize": 1, **parameters})
    assert refusal == (400, "ValidationException", reason)


def test_the_same_client_token(world: SnapshotWorld) -> None:
    """The same request is one snapshot, another one with the token is refused; other accounts have other tokens."""
    first = world.direct("StartSnapshot", VolumeSize=1, ClientToken="t")
    assert world.direct("StartSnapshot", VolumeSize=1, ClientToken="t") == first
    refusal = world.direct_refusal("StartSnapshot", VolumeSize=2, ClientToken="t")
    assert refusal[:2] == (409, "ConflictException")
    assert world.direct("StartSnapshot", VolumeSize=2, ClientToken="t", by=BOB_ACCOUNT)["VolumeSize"] == 2


def test_blocks_come_back(world: SnapshotWorld, key: str) -> None:
    """The last write of an index wins; a block of zeros is one; the checksum of all is compared."""
    snapshot_id = world.direct("StartSnapshot", VolumeSize=1, KmsKeyArn=key)["SnapshotId"]
    world.put(snapshot_id, 0, block(9))
    for index, data in BLOCKS.items():
        answer = world.put(snapshot_id, index, data)
        assert answer == {"Checksum": checksum_of(data), "ChecksumAlgorithm": "SHA256"}
    state = world.complete(
        snapshot_id,
        BLOCKS,
        Checksum=linear(BLOCKS),
        ChecksumAlgorithm="SHA256",
        ChecksumAggregationMethod="LINEAR",
    )
    assert state == "completed"
    assert world.read(snapshot_id) == BLOCKS


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"DataLength": 4}, (400, "ValidationException", "INVALID_BLOCK")),
        ({"BlockData": b"four", "DataLength": 4}, (400, "ValidationException", "INVALID_BLOCK")),
        ({"BlockIndex": 2_048}, (400, "ValidationException", "INVALID_BLOCK")),
        ({"Checksum": checksum_of(b"")}, (403, "InvalidSignatureException", None)),
        ({"SnapshotId": "snap-0123456789abcdef0"}, (404, "ResourceNotFoundException", "SNAPSHOT_NOT_FOUND")),
        ({"by": BOB_ACCOUNT}, (404, "ResourceNotFoundException", "SNAPSHOT_NOT_FOUND")),
        ({"region": "eu-west-1"}, (404, "ResourceNotFoundException", "SNAPSHOT_NOT_FOUND")),
    ],
)
def test_what_is_no_block(
    world: SnapshotWorld, key: str, changed: dict[str, Any], refusal: tuple[int, str, str | None]
) -> None:
    """Each has its error, and nothing is written."""
    snapshot_id = world.direct("StartSnapshot", VolumeSize=1, KmsKeyArn=key)["SnapshotId"]
    data = block(1)
    parameters = {
        "SnapshotId": snapshot_id,
        "BlockIndex": 0,
        "BlockData": data,
        "DataLength": len(data),
        "Checksum": checksum_of(data),
        "ChecksumAlgorithm": "SHA256",
    }
    assert world.direct_refusal("PutSnapshotBlock", **{**parameters, **changed}) == refusal
    assert world.complete(snapshot_id, {}) == "completed"


def test_the_record_of_a_block(world: SnapshotWorld, key: str) -> None:
    """A data event about the snapshot, without anything of the block."""
    snapshot_id = world.direct("StartSnapshot", VolumeSize=1, KmsKeyArn=key)["SnapshotId"]
    world.put(snapshot_id, 3, block(1))
    record = world.record()
    assert (record["managementEvent"], record["eventCategory"], record["readOnly"]) == (False, "Data", False)
    assert record["requestParameters"] == {
        "snapshotId": snapshot_id,
        "blockIndex": 3,
        "dataLength": 524_288,
        "checksumAlgorithm": "SHA256",
    }
    arn = f"arn:aws:ec2:us-east-1::snapshot/{snapshot_id}"
    assert record["resources"] == [{"accountId": ALICE_ACCOUNT, "type": "AWS::EC2::Snapshot", "ARN": arn}]


@pytest.mark.parametrize(
    ("parameters", "state"),
    [
        ({"ChangedBlocksCount": 2}, "error: Changed blocks count mismatch for snapshot"),
        ({"ChangedBlocksCount": 3, "Checksum": linear({0: block(3)})}, "error: Checksum mismatch for snapshot"),
    ],
)
def test_what_does_not_add_up(world: SnapshotWorld, key: str, parameters: dict[str, Any], state: str) -> None:
    """The answer is given before it is known: the state says it, and the snapshot cannot be read."""
    snapshot_id = world.direct("StartSnapshot", VolumeSize=1, KmsKeyArn=key)["SnapshotId"]
    for index, data in BLOCKS.items():
        world.put(snapshot_id, index, data)
    assert world.direct("CompleteSnapshot", SnapshotId=snapshot_id, **parameters) == {"Status": "pending"}
    assert world.last is not None
    assert world.last.response.status == 202
    world.keep()
    assert world.state_of(snapshot_id) == state
    refusal = (400, "ValidationException", "INVALID_SNAPSHOT_ID")
    assert world.direct_refusal("ListSnapshotBlocks", SnapshotId=snapshot_id) == refusal


def test_nothing_is_written_after_completion(world: SnapshotWorld, key: str) -> None:
    """Neither while it is being completed nor when it is; to complete it again is no error."""
    snapshot_id = world.direct("StartSnapshot", VolumeSize=1, KmsKeyArn=key)["SnapshotId"]
    data = block(1)
    world.direct("CompleteSnapshot", SnapshotId=snapshot_id, ChangedBlocksCount=0)
    for status in ("pending", "completed"):
        refusal = world.direct_refusal(
            "PutSnapshotBlock",
            SnapshotId=snapshot_id,
            BlockIndex=0,
            BlockData=data,
            DataLength=len(data),
            Checksum=checksum_of(data),
            ChecksumAlgorithm="SHA256",
        )
        assert refusal == (400, "ValidationException", "INVALID_SNAPSHOT_ID")
        assert world.direct("CompleteSnapshot", SnapshotId=snapshot_id, ChangedBlocksCount=0) == {"Status": status}
        world.keep()


def test_a_child_has_what_its_parent_has(world: SnapshotWorld, key: str) -> None:
    """And what was written into it. It has the parent's key, re-encrypted for the child."""
    parent_id = world.uploaded(BLOCKS, KmsKeyArn=key)
    changed = {7: block(5), 100: block(6)}
    child_id = world.uploaded(changed, ParentSnapshotId=parent_id)
    assert world.read(child_id) == {**BLOCKS, **changed}
    assert world.read(parent_id) == BLOCKS
    child = world.database.snapshot(ALICE_ACCOUNT, "us-east-1", child_id)
    assert child is not None
    assert child.data_key is not None
    assert (child.key_arn, child.data_key.context_id) == (key, child_id)
    assert world.records_of("ReEncrypt")[-1]["userIdentity"]["invokedBy"] == "ebs.amazonaws.com"


@pytest.mark.parametrize("missing", ["kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:Decrypt"])
def test_what_a_child_needs(world: SnapshotWorld, key: str, missing: str) -> None:
    """Three permissions on the KMS key of the parent."""
    parent_id = world.uploaded({}, KmsKeyArn=key)
    needed = {"kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:Decrypt"}
    world.only_via_ec2(key, *(needed - {missing}))
    refusal = world.direct_refusal("StartSnapshot", VolumeSize=1, ParentSnapshotId=parent_id)
    assert refusal[:2] == (404, "ResourceNotFoundException")
    world.only_via_ec2(key, *needed)
    assert world.direct("StartSnapshot", VolumeSize=1, ParentSnapshotId=parent_id)["ParentSnapshotId"] == parent_id


def test_parents_that_are_none(world: SnapshotWorld) -> None:
    """Somebody else's, one that is not complete, one that is larger, and a plain one where all is to be encrypted."""
    parent_id = world.uploaded({}, size=2)
    pending_id = world.direct("StartSnapshot", VolumeSize=1)["SnapshotId"]

    def refused(snapshot_id: str, size: int = 2, **place: str) -> str | None:
        return world.direct_refusal("StartSnapshot", VolumeSize=size, ParentSnapshotId=snapshot_id, **place)[2]

    assert refused(parent_id, by=BOB_ACCOUNT) == "SNAPSHOT_NOT_FOUND"
    assert refused(pending_id) == "INVALID_SNAPSHOT_ID"
    assert refused(parent_id, size=1) == "INVALID_VOLUME_SIZE"
    world.encrypt_by_default(enabled=True)
    assert refused(parent_id) == "INVALID_PARAMETER_VALUE"


def test_who_may_not(world: SnapshotWorld) -> None:
    """Nobody without a policy."""
    world.strip_of_policies(ALICE_ACCOUNT)
    assert world.direct_refusal("StartSnapshot", VolumeSize=1)[:2] == (403, "AccessDeniedException")

"""Snapshots and volumes with boto3, over a socket: pages, waiters, sharing, tags, defaults."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.server import ALICE_ACCOUNT, BOB_ACCOUNT, Server

BLOCK = b"snapshot" * 65_536


@pytest.fixture
def ec2(server: Server) -> Iterator[Any]:
    with closing(server.client(service="ec2")) as client:
        yield client


@pytest.fixture
def ebs(server: Server) -> Iterator[Any]:
    with closing(server.client(service="ebs")) as client:
        yield client


@pytest.fixture
def other_ec2(server: Server) -> Iterator[Any]:
    with closing(server.client(service="ec2", profile=BOB_ACCOUNT)) as client:
        yield client


@pytest.fixture
def snapshot_id(ebs: Any, ec2: Any) -> Iterator[str]:
    """A completed snapshot with one block; gone afterwards, unless the test deleted it."""
    started = ebs.start_snapshot(VolumeSize=1, Description="disk", Tags=[{"Key": "Name", "Value": "disk"}])
    made: str = started["SnapshotId"]
    ebs.put_snapshot_block(
        SnapshotId=made,
        BlockIndex=3,
        BlockData=BLOCK,
        DataLength=len(BLOCK),
        Checksum=b64encode(hashlib.sha256(BLOCK).digest()).decode(),
        ChecksumAlgorithm="SHA256",
    )
    ebs.complete_snapshot(SnapshotId=made, ChangedBlocksCount=1)
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[made], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    yield made
    if any(one["SnapshotId"] == made for one in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]):
        ec2.delete_snapshot(SnapshotId=made)


def code_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def test_what_is_described(ec2: Any, snapshot_id: str) -> None:
    """With the members that clients look at, and in pages."""
    (row,) = ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
    assert (row["State"], row["Progress"], row["OwnerId"]) == ("completed", "100%", ALICE_ACCOUNT)
    assert (row["VolumeSize"], row["FullSnapshotSizeInBytes"]) == (1, len(BLOCK))
    assert (row["Description"], row["Tags"]) == ("disk", [{"Key": "Name", "Value": "disk"}])
    assert row["StartTime"] <= row["CompletionTime"]
    pages = ec2.get_paginator("describe_snapshots").paginate(
        OwnerIds=["self"],
        Filters=[{"Name": "tag:Name", "Values": ["di?k"]}, {"Name": "status", "Values": ["completed"]}],
        PaginationConfig={"PageSize": 5},
    )
    assert [one["SnapshotId"] for page in pages for one in page["Snapshots"]] == [snapshot_id]


def test_sharing(ec2: Any, other_ec2: Any, snapshot_id: str) -> None:
    """What is shared is seen by others, without its tags, until it is no longer."""
    with pytest.raises(ClientError) as refused:
        other_ec2.describe_snapshots(SnapshotIds=[snapshot_id])
    assert code_of(refused) == (400, "InvalidSnapshot.NotFound")
    ec2.modify_snapshot_attribute(
        SnapshotId=snapshot_id, Attribute="createVolumePermission", OperationType="add", UserIds=[BOB_ACCOUNT]
    )
    attribute = ec2.describe_snapshot_attribute(SnapshotId=snapshot_id, Attribute="createVolumePermission")
    assert attribute["CreateVolumePermissions"] == [{"UserId": BOB_ACCOUNT}]
    # Other tests share snapshots of the same server, too.
    alone = [{"Name": "snapshot-id", "Values": [snapshot_id]}]
    shared = other_ec2.describe_snapshots(RestorableByUserIds=["self"], Filters=alone)["Snapshots"]
    assert [(row["SnapshotId"], row["OwnerId"], "Tags" in row) for row in shared] == [
        (snapshot_id, ALICE_ACCOUNT, False)
    ]
    ec2.reset_snapshot_attribute(SnapshotId=snapshot_id, Attribute="createVolumePermission")
    assert other_ec2.describe_snapshots(Filters=alone)["Snapshots"] == []


def test_a_volume_and_its_tags(ec2: Any, snapshot_id: str) -> None:
    """Made from the snapshot, tagged, found by its tag, deleted."""
    volume_id = ec2.create_volume(SnapshotId=snapshot_id, AvailabilityZone="us-east-1a")["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume_id], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    ec2.create_tags(Resources=[volume_id, snapshot_id], Tags=[{"Key": "stage", "Value": "test"}])
    found = ec2.describe_tags(Filters=[{"Name": "key", "Values": ["stage"]}])["Tags"]
    assert {(tag["ResourceId"], tag["ResourceType"], tag["Value"]) for tag in found} == {
        (volume_id, "volume", "test"),
        (snapshot_id, "snapshot", "test"),
    }
    ec2.delete_tags(Resources=[volume_id], Tags=[{"Key": "stage"}])
    (row,) = ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"]
    assert (row["SnapshotId"], row["State"], row["Attachments"], "Tags" in row) == (snapshot_id, "available", [], False)
    ec2.delete_volume(VolumeId=volume_id)
    ec2.get_waiter("volume_deleted").wait(VolumeIds=[volume_id], WaiterConfig={"Delay": 1, "MaxAttempts": 5})


def test_a_dry_run_and_a_deletion(ec2: Any, snapshot_id: str) -> None:
    """The former only says that it would be permitted."""
    with pytest.raises(ClientError) as refused:
        ec2.delete_snapshot(SnapshotId=snapshot_id, DryRun=True)
    assert code_of(refused) == (412, "DryRunOperation")
    ec2.delete_snapshot(SnapshotId=snapshot_id)
    with pytest.raises(ClientError) as gone:
        ec2.delete_snapshot(SnapshotId=snapshot_id)
    assert code_of(gone) == (400, "InvalidSnapshot.NotFound")


def test_defaults(server: Server, alice: Any) -> None:
    """In a Region that no other test makes snapshots in."""
    with closing(server.client(service="ec2", region="eu-west-1")) as ec2:
        assert ec2.enable_ebs_encryption_by_default()["EbsEncryptionByDefault"] is True
        assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is True
        assert ec2.disable_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False
        assert ec2.get_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"
        managed = ec2.reset_ebs_default_kms_key_id()["KmsKeyId"]
        assert managed.startswith(f"arn:aws:kms:eu-west-1:{ALICE_ACCOUNT}:key/")
        foreign = alice.create_key()["KeyMetadata"]["Arn"]
        with pytest.raises(ClientError) as refused:
            ec2.modify_ebs_default_kms_key_id(KmsKeyId=foreign)
        assert code_of(refused) == (400, "InvalidParameterValue")

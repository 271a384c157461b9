"""Snapshots and volumes as resources: whose they are, and what conditions may ask of them."""

import json
from typing import Any

import pytest

from harness.snapshots import SnapshotWorld
from harness.storage_records import data_key, put_snapshot, put_volume
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, Refused
from selfkms.domain.iam.principals import InlinePolicy, User
from selfkms.domain.records import Put
from selfkms.domain.tags import Tag

KEY_ARN = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PARENT = "vol-00000000000000001"


@pytest.fixture
def world() -> SnapshotWorld:
    return SnapshotWorld()


def allow(world: SnapshotWorld, *statements: dict[str, Any]) -> str:
    """A user whom these statements allow what they say."""
    if world.database.user(ALICE_ACCOUNT, "someone") is None:
        world.iam("CreateUser", {"UserName": "someone"})
        world.remember("someone", world.iam("CreateAccessKey", {"UserName": "someone"})["AccessKey"])
    user = world.database.user(ALICE_ACCOUNT, "someone")
    assert isinstance(user, User)
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    world.database.commit([Put(user.changed(inline_policies=(InlinePolicy("allowed", document),)))])
    return "someone"


def permitted(world: SnapshotWorld, operation: str, condition: dict[str, Any], **parameters: Any) -> bool:
    """Whether a dry run gets as far as that, with a permission under a condition."""
    by = allow(world, {"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": condition})
    code, _ = world.compute_refusal(operation, by=by, DryRun=True, **parameters)
    assert code in ("DryRunOperation", "UnauthorizedOperation")
    return code == "DryRunOperation"


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"ec2:Region": REGION}},
        {"Bool": {"ec2:Encrypted": "true"}},
        {"StringEquals": {"ec2:Owner": ALICE_ACCOUNT}},
        {"NumericLessThanEquals": {"ec2:VolumeSize": "8"}},
        {"StringLike": {"ec2:SnapshotID": "snap-*"}},
        {"DateEquals": {"ec2:SnapshotTime": "2026-09-21T14:13:20Z"}},
        {"ArnEquals": {"ec2:ParentVolume": f"arn:aws:ec2:{REGION}:{ALICE_ACCOUNT}:volume/{PARENT}"}},
        {"StringEquals": {"ec2:ResourceTag/a": "b"}},
        {"StringEquals": {"aws:ResourceTag/a": "b"}},
        {"StringEquals": {"aws:ResourceAccount": ALICE_ACCOUNT}},
    ],
)
def test_what_is_known_of_a_snapshot(world: SnapshotWorld, condition: dict[str, Any]) -> None:
    """Each of its condition keys, and one that is otherwise."""
    known = {"data_key": data_key(KEY_ARN), "size_gib": 8, "volume_id": PARENT, "tags": (Tag("a", "b"),)}
    assert permitted(world, "DeleteSnapshot", condition, SnapshotId=put_snapshot(world, **known))
    ((operator, keys),) = condition.items()
    otherwise = {operator: dict.fromkeys(keys, "1")} if operator != "Bool" else {operator: dict.fromkeys(keys, "false")}
    if operator not in ("DateEquals", "ArnEquals"):
        assert not permitted(world, "DeleteSnapshot", otherwise, SnapshotId=put_snapshot(world, **known))


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"ec2:AvailabilityZone": f"{REGION}a"}},
        {"Bool": {"ec2:Encrypted": "true"}},
        {"StringEquals": {"ec2:KmsKeyId": KEY_ARN}},
        {"ArnLike": {"ec2:ParentSnapshot": f"arn:aws:ec2:{REGION}::snapshot/*"}},
        {"StringLike": {"ec2:VolumeID": "vol-*"}},
        {"NumericEquals": {"ec2:VolumeSize": "8"}},
        {"StringEquals": {"ec2:VolumeType": "gp3"}},
        {"NumericEquals": {"ec2:VolumeIops": "3000"}},
        {"NumericEquals": {"ec2:VolumeThroughput": "125"}},
    ],
)
def test_what_is_known_of_a_volume(world: SnapshotWorld, condition: dict[str, Any]) -> None:
    """Each of its condition keys."""
    volume_id = put_volume(
        world,
        data_key=data_key(KEY_ARN),
        size_gib=8,
        snapshot_id="snap-00000000000000001",
        volume_type="gp3",
        iops=3_000,
        throughput=125,
    )
    assert permitted(world, "DeleteVolume", condition, VolumeId=volume_id)
    assert not permitted(world, "DeleteVolume", condition, VolumeId=put_volume(world, zone=f"{REGION}b")) or (
        "ec2:VolumeID" in str(condition)
    )


def test_without_a_resource_there_is_the_region(world: SnapshotWorld) -> None:
    """Of listings nothing else is known."""
    assert permitted(world, "DescribeSnapshots", {"StringEquals": {"ec2:Region": REGION}})
    assert not permitted(world, "DescribeSnapshots", {"StringEquals": {"ec2:Region": "eu-west-1"}})
    assert not permitted(world, "DescribeSnapshots", {"StringEquals": {"ec2:Owner": ALICE_ACCOUNT}})


def test_the_resource_is_the_arn_without_an_account(world: SnapshotWorld) -> None:
    """Of a snapshot; that of a volume has one."""
    first, second, volume_id = put_snapshot(world), put_snapshot(world), put_volume(world)
    by = allow(
        world,
        {"Effect": "Allow", "Action": "ec2:DeleteSnapshot", "Resource": f"arn:aws:ec2:{REGION}::snapshot/{first}"},
        {
            "Effect": "Allow",
            "Action": "ec2:DeleteVolume",
            "Resource": f"arn:aws:ec2:{REGION}:{ALICE_ACCOUNT}:volume/{volume_id}",
        },
    )
    with pytest.raises(Refused) as refused:
        world.compute("DeleteSnapshot", by=by, SnapshotId=second)
    assert (refused.value.status, refused.value.code) == (403, "UnauthorizedOperation")
    assert world.compute("DeleteSnapshot", by=by, SnapshotId=first) == {}
    assert world.compute("DeleteVolume", by=by, VolumeId=volume_id) == {}


def test_nobody_learns_without_permission_what_there_is(world: SnapshotWorld) -> None:
    """Whether it exists or not, the refusal is the same."""
    there, nowhere = put_snapshot(world, account_id=BOB_ACCOUNT), "snap-fffffffffffffffff"
    by = allow(world, {"Effect": "Allow", "Action": "ec2:DescribeTags", "Resource": "*"})
    texts = set()
    for snapshot_id in (there, nowhere, put_snapshot(world)):
        code, text = world.compute_refusal("DeleteSnapshot", by=by, SnapshotId=snapshot_id)
        assert (code, text is not None) == ("UnauthorizedOperation", True)
        texts.add((text or "").replace(snapshot_id, "ID"))
    assert len(texts) == 1

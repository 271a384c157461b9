"""Permissions on snapshots and volumes, as requests to Amazon EC2 and the EBS direct APIs ask for them.

Source: Service Authorization Reference, "Amazon EC2", "Amazon Elastic Block Store".
"""

from typing import Any

import pytest

from harness.policies import allow, deny, only
from harness.snapshots import SnapshotWorld
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, Refused
from selfkms.domain.records import Put

ANY_SNAPSHOT = f"arn:aws:ec2:{REGION}::snapshot/*"
ANY_VOLUME = f"arn:aws:ec2:{REGION}:{ALICE_ACCOUNT}:volume/*"
NOT_THERE = "snap-00000000000000000"


@pytest.fixture
def world() -> SnapshotWorld:
    return SnapshotWorld()


def lists(world: SnapshotWorld, snapshot_id: str, *, by: str = ALICE_ACCOUNT) -> str:
    """What comes of listing a snapshot's blocks: `yes`, or the code of the refusal."""
    try:
        world.direct("ListSnapshotBlocks", by=by, SnapshotId=snapshot_id)
    except Refused as refused:
        return refused.code
    return "yes"


def copies(world: SnapshotWorld, snapshot_id: str) -> str:
    """What comes of copying it."""
    try:
        world.compute("CopySnapshot", SourceRegion=REGION, SourceSnapshotId=snapshot_id)
    except Refused as refused:
        return refused.code
    return "yes"


def test_on_one_snapshot(world: SnapshotWorld) -> None:
    """By its ARN, which has no account."""
    one, other = world.uploaded({}), world.uploaded({})
    only(world, allow("ebs:ListSnapshotBlocks", resource=f"arn:aws:ec2:{REGION}::snapshot/{one}"))
    assert (lists(world, one), lists(world, other)) == ("yes", "AccessDeniedException")


def test_what_is_not_there_is_told_to_whoever_may_know(world: SnapshotWorld) -> None:
    """Without the permission nobody learns whether there is such a snapshot."""
    only(world, allow("ebs:*"))
    assert lists(world, NOT_THERE) == "ResourceNotFoundException"
    only(world)
    assert lists(world, NOT_THERE) == "AccessDeniedException"


def test_tags_of_ones_own_count(world: SnapshotWorld) -> None:
    """As aws:ResourceTag."""
    snapshot_id = world.uploaded({}, Tags=[{"Key": "team", "Value": "blue"}])
    only(world, allow("ebs:*", condition={"StringEquals": {"aws:ResourceTag/team": "blue"}}))
    assert lists(world, snapshot_id) == "yes"
    only(world, allow("ebs:*", condition={"StringEquals": {"aws:ResourceTag/team": "red"}}))
    assert lists(world, snapshot_id) == "AccessDeniedException"


def test_the_direct_apis_have_no_tag_of_ec2(world: SnapshotWorld) -> None:
    """ec2:ResourceTag is a condition key of Amazon EC2 alone."""
    snapshot_id = world.uploaded({}, Tags=[{"Key": "team", "Value": "blue"}])
    tagged = {"StringEquals": {"ec2:ResourceTag/team": "blue"}}
    only(world, allow("ebs:*", condition=tagged))
    assert lists(world, snapshot_id) == "AccessDeniedException"
    only(world, allow("ec2:*", resource=ANY_SNAPSHOT.replace("*", snapshot_id), condition=tagged))
    assert copies(world, snapshot_id) == "UnauthorizedOperation"  # on the copy, which has no tags yet
    both = allow("ec2:*", resource=f"arn:aws:ec2:{REGION}::snapshot/{snapshot_id}", condition=tagged)
    only(world, both, allow("ec2:*", resource=ANY_SNAPSHOT, condition={"Null": {"ec2:ResourceTag/team": "true"}}))
    assert copies(world, snapshot_id) == "yes"


def test_tags_of_others_do_not_count(world: SnapshotWorld) -> None:
    """Whoever shares a snapshot does not decide by its tags what others may do."""
    snapshot_id = world.uploaded({}, Tags=[{"Key": "team", "Value": "blue"}])
    snapshot = world.database.snapshot_of_anybody(REGION, snapshot_id)
    assert snapshot is not None
    world.database.commit([Put(snapshot.changed(shared_with=(BOB_ACCOUNT,)))])
    tagged = {"StringEquals": {"aws:ResourceTag/team": "blue"}}
    only(world, allow("ebs:*", condition=tagged), account_id=BOB_ACCOUNT)
    assert lists(world, snapshot_id, by=BOB_ACCOUNT) == "AccessDeniedException"
    owned = {"StringEquals": {"aws:ResourceAccount": ALICE_ACCOUNT}}
    only(world, allow("ebs:*", condition=owned), account_id=BOB_ACCOUNT)
    assert lists(world, snapshot_id, by=BOB_ACCOUNT) == "yes"


def test_what_is_to_be_made_is_any_of_its_kind(world: SnapshotWorld) -> None:
    """A new volume is asked for on any volume, and on no snapshot."""
    parameters: dict[str, Any] = {"AvailabilityZone": f"{REGION}a", "Size": 1}
    only(world, allow("ec2:*"), deny("ec2:*", resource=ANY_VOLUME))
    assert world.compute_refusal("CreateVolume", **parameters)[0] == "UnauthorizedOperation"
    only(world, allow("ec2:*"), deny("ec2:*", resource=ANY_SNAPSHOT))
    world.compute("CreateVolume", **parameters)


@pytest.mark.parametrize(
    "condition",
    [
        {"Bool": {"ec2:Encrypted": "false"}},
        {"NumericGreaterThan": {"ec2:VolumeSize": "1"}},
        {"StringEquals": {"ec2:VolumeType": "gp3"}},
        {"NumericEquals": {"ec2:VolumeIops": "3001"}},
        {"NumericEquals": {"ec2:VolumeThroughput": "126"}},
        {"StringEquals": {"ec2:AvailabilityZone": f"{REGION}a"}},
    ],
)
def test_a_deny_knows_the_volume_that_is_to_be_made(world: SnapshotWorld, condition: dict[str, Any]) -> None:
    """That only encrypted or small volumes be made is what such policies are for."""
    parameters: dict[str, Any] = {"AvailabilityZone": f"{REGION}a", "Size": 2, "VolumeType": "gp3"}
    only(world, allow("ec2:*"), deny("ec2:CreateVolume", resource=ANY_VOLUME, condition=condition))
    code, _ = world.compute_refusal("CreateVolume", **parameters, Iops=3_001, Throughput=126)
    assert code == "UnauthorizedOperation"
    other: dict[str, Any] = {"AvailabilityZone": f"{REGION}b", "Size": 1, "Encrypted": True}
    only(world, allow("*"), deny("ec2:CreateVolume", resource=ANY_VOLUME, condition=condition))
    assert world.compute("CreateVolume", **other)["Encrypted"]


def test_a_volume_is_encrypted_however_it_comes_to_be(world: SnapshotWorld) -> None:
    """Because the account wants it, or the snapshot is. What somebody else has is not looked at."""
    plain, encrypted = {"Bool": {"ec2:Encrypted": "false"}}, {"Bool": {"ec2:Encrypted": "true"}}
    zone = {"AvailabilityZone": f"{REGION}a"}
    snapshot_id = world.uploaded({}, KmsKeyArn=world.make_key()["Arn"])
    only(world, allow("*"), deny("ec2:CreateVolume", condition=plain))
    assert world.compute_refusal("CreateVolume", **zone, Size=1)[0] == "UnauthorizedOperation"
    assert world.compute("CreateVolume", **zone, SnapshotId=snapshot_id)["Encrypted"]
    world.encrypt_by_default(enabled=True)
    assert world.compute("CreateVolume", **zone, Size=1)["Encrypted"]
    only(
        world,
        allow("*"),
        deny("ec2:CreateVolume", resource="arn:aws:ec2:*:*:volume/*", condition=encrypted),
        account_id=BOB_ACCOUNT,
    )
    code, _ = world.compute_refusal("CreateVolume", by=BOB_ACCOUNT, **zone, SnapshotId=snapshot_id)
    assert code == "InvalidSnapshot.NotFound"


def test_a_deny_knows_where_it_comes_from(world: SnapshotWorld) -> None:
    """The snapshot of a new volume, the KMS key that is named, and the volume of a new snapshot."""
    zone = {"AvailabilityZone": f"{REGION}a"}
    one, other = world.uploaded({}), world.uploaded({})
    from_one = {"ArnEquals": {"ec2:ParentSnapshot": f"arn:aws:ec2:{REGION}::snapshot/{one}"}}
    only(world, allow("*"), deny("ec2:CreateVolume", resource=ANY_VOLUME, condition=from_one))
    assert world.compute_refusal("CreateVolume", **zone, SnapshotId=one)[0] == "UnauthorizedOperation"
    volume_id = world.compute("CreateVolume", **zone, SnapshotId=other)["VolumeId"]
    key: str = world.make_key()["Arn"]
    only(world, allow("*"), deny("ec2:CreateVolume", condition={"StringEquals": {"ec2:KmsKeyId": key}}))
    code, _ = world.compute_refusal("CreateVolume", **zone, Size=1, Encrypted=True, KmsKeyId=key)
    assert code == "UnauthorizedOperation"
    of_volume = {"ArnEquals": {"ec2:ParentVolume": ANY_VOLUME.replace("*", volume_id)}}
    only(world, allow("*"), deny("ec2:CreateSnapshot", resource=ANY_SNAPSHOT, condition=of_volume))
    assert world.compute_refusal("CreateSnapshot", VolumeId=volume_id)[0] == "UnauthorizedOperation"


def test_tags_of_what_is_to_be_made_need_a_permission(world: SnapshotWorld) -> None:
    """ec2:CreateTags, on the same resource."""
    tags = [{"ResourceType": "volume", "Tags": [{"Key": "team", "Value": "blue"}]}]
    parameters: dict[str, Any] = {"AvailabilityZone": f"{REGION}a", "Size": 1, "TagSpecifications": tags}
    only(world, allow("ec2:CreateVolume"))
    assert world.compute_refusal("CreateVolume", **parameters)[0] == "UnauthorizedOperation"
    only(world, allow("ec2:CreateVolume"), allow("ec2:CreateTags", resource=ANY_VOLUME))
    world.compute("CreateVolume", **parameters)


def test_a_dry_run_ends_with_the_permission(world: SnapshotWorld) -> None:
    """Whoever may is told so, whoever may not that; nothing is made."""
    parameters: dict[str, Any] = {"AvailabilityZone": f"{REGION}a", "Size": 1, "DryRun": True}
    assert world.compute_refusal("CreateVolume", **parameters)[0] == "DryRunOperation"
    only(world)
    assert world.compute_refusal("CreateVolume", **parameters)[0] == "UnauthorizedOperation"
    assert world.database.volumes(ALICE_ACCOUNT, REGION, after="", limit=1) == []


def test_a_dry_run_does_not_hide_what_is_not_there(world: SnapshotWorld) -> None:
    """It ends where the request would begin: a snapshot that is not there comes first."""
    parameters: dict[str, Any] = {"AvailabilityZone": f"{REGION}a", "SnapshotId": NOT_THERE, "DryRun": True}
    assert world.compute_refusal("CreateVolume", **parameters)[0] == "InvalidSnapshot.NotFound"


def test_the_audit_names_a_snapshot_whose_blocks_are_read(world: SnapshotWorld) -> None:
    """Among the resources, with its owner; of other requests nothing of the kind stands there."""
    snapshot_id = world.uploaded({})
    lists(world, snapshot_id)
    assert world.record()["resources"] == [
        {"accountId": ALICE_ACCOUNT, "type": "AWS::EC2::Snapshot", "ARN": ANY_SNAPSHOT.replace("*", snapshot_id)}
    ]
    copies(world, snapshot_id)
    assert "resources" not in world.record()

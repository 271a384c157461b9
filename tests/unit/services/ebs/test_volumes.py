"""CreateVolume and CreateSnapshot: what is encrypted with which key, and that the bytes are the same."""

from typing import Any

import pytest

from harness.snapshots import SnapshotWorld, block
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT
from selfkms.domain.ebs.storage import Volume
from selfkms.domain.records import Put

BLOCKS = {index: block(index) for index in (0, 3, 2_047)}
ZONE = "us-east-1a"


@pytest.fixture
def world() -> SnapshotWorld:
    return SnapshotWorld()


@pytest.fixture
def key(world: SnapshotWorld) -> str:
    arn: str = world.make_key()["Arn"]
    return arn


def create(world: SnapshotWorld, **parameters: Any) -> dict[str, Any]:
    return world.compute("CreateVolume", **{"AvailabilityZone": ZONE, **parameters})


def stored(world: SnapshotWorld, volume_id: str, account_id: str = ALICE_ACCOUNT) -> Volume | None:
    return world.database.volume(account_id, "us-east-1", volume_id)


def snapshot_of(world: SnapshotWorld, volume_id: str, **place: str) -> str:
    snapshot_id: str = world.compute("CreateSnapshot", VolumeId=volume_id, **place)["SnapshotId"]
    return snapshot_id


def test_an_empty_volume(world: SnapshotWorld) -> None:
    """It is there at once, and its snapshot has no blocks."""
    answer = create(world, Size=8)
    volume_id = answer["VolumeId"]
    assert (answer["Size"], answer["Encrypted"], answer["VolumeType"], answer["Iops"]) == (8, False, "gp2", 100)
    assert (answer["AvailabilityZone"], answer["State"]) == (ZONE, "available")
    snapshot = world.compute("CreateSnapshot", VolumeId=volume_id, Description="empty")
    assert (snapshot["VolumeId"], snapshot["VolumeSize"], snapshot["State"]) == (volume_id, 8, "completed")
    assert world.read(snapshot["SnapshotId"]) == {}


def test_an_encrypted_volume(world: SnapshotWorld, key: str) -> None:
    """Its data key is bound to the volume; its snapshots have the same."""
    volume_id = create(world, Size=8, Encrypted=True, KmsKeyId=key)["VolumeId"]
    generated = world.records_of("GenerateDataKeyWithoutPlaintext")[-1]
    assert generated["requestParameters"]["encryptionContext"] == {"aws:ebs:id": volume_id}
    assert generated["userIdentity"]["invokedBy"] == "ec2-frontend-api.amazonaws.com"
    snapshot_id = snapshot_of(world, volume_id)
    found = world.database.snapshot(ALICE_ACCOUNT, "us-east-1", snapshot_id)
    assert found is not None
    assert found.data_key is not None
    assert (found.key_arn, found.data_key.context_id) == (key, volume_id)


@pytest.mark.parametrize("same", [True, False])
def test_from_an_encrypted_snapshot(world: SnapshotWorld, key: str, *, same: bool) -> None:
    """With its key or with another one; no block is written again, and what KMS re-encrypts is the data key."""
    snapshot_id = world.uploaded(BLOCKS, KmsKeyArn=key)
    other = world.make_key()["Arn"]
    named = {} if same else {"Encrypted": True, "KmsKeyId": other}
    volume = create(world, SnapshotId=snapshot_id, **named)
    assert (volume["KmsKeyId"], volume["Size"], volume["State"]) == (key if same else other, 1, "available")
    recorded = world.records_of("ReEncrypt")[-1]["requestParameters"]
    assert recorded["destinationEncryptionContext"] == {"aws:ebs:id": volume["VolumeId"]}
    assert world.read(snapshot_of(world, volume["VolumeId"])) == BLOCKS


def test_from_a_plain_snapshot(world: SnapshotWorld) -> None:
    """Plain again, without KMS."""
    before = len(world.all_records())
    volume_id = create(world, SnapshotId=world.uploaded(BLOCKS), Size=2)["VolumeId"]
    assert world.read(snapshot_of(world, volume_id)) == BLOCKS
    assert {record["eventSource"] for record in world.all_records()[before:]} == {
        "ebs.amazonaws.com",
        "ec2.amazonaws.com",
    }


def test_from_plain_to_encrypted(world: SnapshotWorld, key: str) -> None:
    """Blocks are encrypted first: until then it is being made."""
    snapshot_id = world.uploaded(BLOCKS)
    volume_id = create(world, SnapshotId=snapshot_id, Encrypted=True, KmsKeyId=key)["VolumeId"]
    refusal = world.compute_refusal("CreateSnapshot", VolumeId=volume_id)
    assert refusal == ("IncorrectState", f"The volume '{volume_id}' is not 'available'.")
    world.keep()
    assert world.read(snapshot_of(world, volume_id)) == BLOCKS
    assert world.call("ListGrants", {"KeyId": key})["Grants"] == []


def test_encryption_by_default(world: SnapshotWorld) -> None:
    """Nothing new is plain."""
    world.encrypt_by_default(enabled=True)
    for parameters in ({"Size": 1}, {"Size": 1, "Encrypted": False}):
        assert create(world, **parameters)["Encrypted"] is True


def test_from_a_shared_snapshot(world: SnapshotWorld) -> None:
    """Under the default key of whoever makes it; the owner learns of it."""
    snapshot_id = world.uploaded(BLOCKS)
    refusal = ("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
    parameters = {"AvailabilityZone": ZONE, "SnapshotId": snapshot_id}
    assert world.compute_refusal("CreateVolume", by=BOB_ACCOUNT, **parameters) == refusal
    found = world.database.snapshot(ALICE_ACCOUNT, "us-east-1", snapshot_id)
    assert found is not None
    world.database.commit([Put(found.changed(shared_with=(BOB_ACCOUNT,)))])
    volume_id = create(world, SnapshotId=snapshot_id, by=BOB_ACCOUNT)["VolumeId"]
    assert world.read(snapshot_of(world, volume_id, by=BOB_ACCOUNT), by=BOB_ACCOUNT) == BLOCKS
    assert world.records_of("SharedSnapshotVolumeCreated")[-1]["recipientAccountId"] == ALICE_ACCOUNT


def test_a_key_that_refuses(world: SnapshotWorld, key: str) -> None:
    """The volume is made, and disappears."""
    world.only_via_ec2(key, "kms:DescribeKey")
    volume_id = create(world, Size=1, Encrypted=True, KmsKeyId=key)["VolumeId"]
    assert stored(world, volume_id) is not None
    world.keep()
    assert stored(world, volume_id) is None


def test_the_same_client_token(world: SnapshotWorld) -> None:
    """The same request is one volume; another one with the token is refused."""
    first = create(world, Size=1, ClientToken="t")
    assert create(world, Size=1, ClientToken="t")["VolumeId"] == first["VolumeId"]
    refusal = world.compute_refusal("CreateVolume", AvailabilityZone=ZONE, Size=2, ClientToken="t")
    assert refusal[0] == "IdempotentParameterMismatch"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"AvailabilityZone": None, "Size": 1}, "MissingParameter"),
        ({}, "MissingParameter"),
        ({"Size": 0}, "InvalidParameterValue"),
        ({"Size": 65_537}, "InvalidParameterValue"),
        ({"Size": 1, "KmsKeyId": "alias/x"}, "InvalidParameterDependency"),
        ({"Size": 1, "KmsKeyId": "alias/x", "Encrypted": True}, "InvalidParameterValue"),
        ({"Size": 1, "AvailabilityZone": "us-east-1"}, "InvalidZone.NotFound"),
        ({"Size": 1, "AvailabilityZone": "eu-west-1a"}, "InvalidZone.NotFound"),
        ({"Size": 1, "VolumeType": "io2"}, "MissingParameter"),
        ({"Size": 1, "OutpostArn": "arn:x"}, "UnsupportedOperation"),
        ({"SnapshotId": "snap-0123456789abcdef0"}, "InvalidSnapshot.NotFound"),
    ],
)
def test_what_no_volume_is_made_with(world: SnapshotWorld, parameters: dict[str, Any], code: str) -> None:
    """Each has its code."""
    whole = {"AvailabilityZone": ZONE, **parameters}
    given = {name: value for name, value in whole.items() if value is not None}
    assert world.compute_refusal("CreateVolume", **given)[0] == code


def test_snapshots_that_make_no_volume(world: SnapshotWorld, key: str) -> None:
    """A pending one; one that is larger; an encrypted one that is to become plain."""
    pending_id = world.direct("StartSnapshot", VolumeSize=1)["SnapshotId"]
    encrypted_id = world.uploaded({}, size=2, KmsKeyArn=key)

    def refused(**parameters: Any) -> str:
        return world.compute_refusal("CreateVolume", AvailabilityZone=ZONE, **parameters)[0]

    assert refused(SnapshotId=pending_id) == "IncorrectState"
    assert refused(SnapshotId=encrypted_id, Size=1) == "InvalidParameterValue"
    assert refused(SnapshotId=encrypted_id, Encrypted=False) == "InvalidParameterCombination"


def test_volumes_that_have_no_snapshot(world: SnapshotWorld) -> None:
    """What is no volume, and what is somebody else's."""
    assert world.compute_refusal("CreateSnapshot", VolumeId="vol-x")[0] == "InvalidVolumeID.Malformed"
    volume_id = create(world, Size=1)["VolumeId"]
    refusal = world.compute_refusal("CreateSnapshot", VolumeId=volume_id, by=BOB_ACCOUNT)
    assert refusal == ("InvalidVolume.NotFound", f"The volume '{volume_id}' does not exist.")


def test_texts_that_are_too_long(world: SnapshotWorld) -> None:
    """They would be kept with what is made."""
    parameters: dict[str, Any] = {"AvailabilityZone": ZONE, "Size": 1}
    volume_id = world.compute("CreateVolume", **parameters, ClientToken="t" * 64)["VolumeId"]
    code, _ = world.compute_refusal("CreateVolume", **parameters, ClientToken="t" * 65)
    assert code == "InvalidParameterValue"
    assert world.compute("CreateSnapshot", VolumeId=volume_id, Description="d" * 255)["SnapshotId"]
    code, _ = world.compute_refusal("CreateSnapshot", VolumeId=volume_id, Description="d" * 256)
    assert code == "InvalidParameterValue"

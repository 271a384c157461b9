"""Encryption by default and the default KMS key: of an account in a Region."""

import json
from typing import Any

import pytest

from harness.snapshots import SnapshotWorld
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT

KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture
def world() -> SnapshotWorld:
    return SnapshotWorld()


@pytest.fixture
def key(world: SnapshotWorld) -> dict[str, Any]:
    return world.make_key()


def default_key(world: SnapshotWorld, **place: str) -> str:
    found: str = world.compute("GetEbsDefaultKmsKeyId", **place)["KmsKeyId"]
    return found


def test_encryption_by_default(world: SnapshotWorld) -> None:
    """Off until somebody turns it on; turning it on twice is no error."""
    assert world.compute("GetEbsEncryptionByDefault") == {"EbsEncryptionByDefault": False, "SseType": "none"}
    for _ in range(2):
        assert world.compute("EnableEbsEncryptionByDefault") == {"EbsEncryptionByDefault": True}
    assert world.compute("GetEbsEncryptionByDefault") == {"EbsEncryptionByDefault": True, "SseType": "sse-kms"}
    for place in ({"by": BOB_ACCOUNT}, {"region": "eu-west-1"}):
        assert world.compute("GetEbsEncryptionByDefault", **place)["EbsEncryptionByDefault"] is False
    assert world.compute("DisableEbsEncryptionByDefault") == {"EbsEncryptionByDefault": False}
    assert world.compute("GetEbsEncryptionByDefault") == {"EbsEncryptionByDefault": False, "SseType": "none"}


def test_the_default_key(world: SnapshotWorld, key: dict[str, Any]) -> None:
    """The alias of the AWS managed key until another one is chosen, by ID, ARN or alias."""
    world.call("CreateAlias", {"AliasName": "alias/disks", "TargetKeyId": key["KeyId"]})
    alias_arn = f"arn:aws:kms:us-east-1:{ALICE_ACCOUNT}:alias/disks"
    assert default_key(world) == "alias/aws/ebs"
    for named in (key["KeyId"], key["Arn"], "alias/disks", alias_arn):
        assert world.compute("ModifyEbsDefaultKmsKeyId", KmsKeyId=named) == {"KmsKeyId": key["Arn"]}
        assert default_key(world) == key["Arn"]
        managed = world.compute("ResetEbsDefaultKmsKeyId")["KmsKeyId"]
        assert world.call("DescribeKey", {"KeyId": managed})["KeyMetadata"]["KeyManager"] == "AWS"
        assert default_key(world) == "alias/aws/ebs"
    for place in ({"by": BOB_ACCOUNT}, {"region": "eu-west-1"}):
        assert default_key(world, **place) == "alias/aws/ebs"


def test_the_two_do_not_disturb_each_other(world: SnapshotWorld, key: dict[str, Any]) -> None:
    """They are one record."""
    world.compute("EnableEbsEncryptionByDefault")
    world.compute("ModifyEbsDefaultKmsKeyId", KmsKeyId=key["KeyId"])
    assert world.compute("GetEbsEncryptionByDefault")["EbsEncryptionByDefault"] is True
    world.compute("DisableEbsEncryptionByDefault")
    assert default_key(world) == key["Arn"]


def test_keys_that_cannot_be_the_default(world: SnapshotWorld, key: dict[str, Any]) -> None:
    """Not there, disabled, or not for this."""
    signing = world.make_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    world.call("DisableKey", {"KeyId": key["KeyId"]})
    for named, text in (
        (KEY_ID, f"The specified keyId {KEY_ID} is invalid"),
        ("alias/none", "The specified keyId alias/none is invalid"),
        (key["KeyId"], f"The specified keyId {key['Arn']} is disabled"),
        (signing["KeyId"], f"The specified keyId {signing['Arn']} is invalid"),
    ):
        assert world.compute_refusal("ModifyEbsDefaultKmsKeyId", KmsKeyId=named) == ("InvalidParameterValue", text)
    assert world.compute_refusal("ModifyEbsDefaultKmsKeyId", KmsKeyId="") == (
        "MissingParameter",
        "The request must contain the parameter KmsKeyId",
    )
    assert default_key(world) == "alias/aws/ebs"


def test_the_caller_must_be_permitted_to_describe_it(world: SnapshotWorld, key: dict[str, Any]) -> None:
    """KMS is asked for the caller, through Amazon EC2; the refusal is in the audit, too."""
    policy = {
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ALICE_ACCOUNT}:root"},
            "Action": "kms:PutKeyPolicy",
            "Resource": "*",
        }
    }
    world.call("PutKeyPolicy", {"KeyId": key["KeyId"], "Policy": json.dumps(policy)})
    refusal = world.compute_refusal("ModifyEbsDefaultKmsKeyId", KmsKeyId=key["Arn"])
    assert refusal == ("AuthFailure", f"Not authorized to use key {key['Arn']}")
    (asked,) = world.records_of("DescribeKey")
    assert (asked["errorCode"], asked["userIdentity"]["invokedBy"]) == (
        "AccessDenied",
        "ec2-frontend-api.amazonaws.com",
    )
    (own,) = world.records_of("ModifyEbsDefaultKmsKeyId")
    assert own["errorCode"] == "Client.AuthFailure"


def test_records(world: SnapshotWorld, key: dict[str, Any]) -> None:
    """The request ID, and what was set."""
    world.compute("EnableEbsEncryptionByDefault")
    record = world.record()
    assert record["requestParameters"] is None
    assert record["responseElements"] == {"requestId": record["requestID"], "ebsEncryptionByDefault": True}
    assert list(record["responseElements"]) == ["requestId", "ebsEncryptionByDefault"]
    world.compute("ModifyEbsDefaultKmsKeyId", KmsKeyId=key["KeyId"])
    (record,) = world.records_of("ModifyEbsDefaultKmsKeyId")
    assert record["requestParameters"] == {"kmsKeyId": key["KeyId"]}
    assert record["responseElements"] == {"requestId": record["requestID"], "kmsKeyId": key["Arn"]}
    for name in ("GetEbsEncryptionByDefault", "GetEbsDefaultKmsKeyId"):
        world.compute(name)
        assert (world.record()["readOnly"], world.record()["responseElements"]) == (True, None)

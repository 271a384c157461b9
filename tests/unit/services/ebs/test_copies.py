"""CopySnapshot: to other Regions and accounts, what is said at once and what only the state says, the audit."""

import json
from typing import Any

import pytest

from harness.snapshots import SnapshotWorld, block
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT
from selfkms.domain.ebs.storage import COPIED_VOLUME_ID, Snapshot
from selfkms.domain.records import Put

BLOCKS = {index: block(index) for index in (0, 3, 2_047)}
HERE, THERE = "us-east-1", "eu-central-1"
NOT_ACCESSIBLE = "error: Given key ID is not accessible"


@pytest.fixture
def world() -> SnapshotWorld:
    return SnapshotWorld()


@pytest.fixture
def key(world: SnapshotWorld) -> str:
    arn: str = world.make_key()["Arn"]
    return arn


@pytest.fixture
def key_there(world: SnapshotWorld) -> str:
    arn: str = world.make_key(region=THERE)["Arn"]
    return arn


def copy(world: SnapshotWorld, snapshot_id: str, *, region: str = THERE, **parameters: Any) -> str:
    """The ID of a copy, after the keeper's rounds."""
    whole = {"SourceRegion": HERE, "SourceSnapshotId": snapshot_id, **parameters}
    copy_id: str = world.compute("CopySnapshot", region=region, **whole)["SnapshotId"]
    world.keep()
    return copy_id


def stored(world: SnapshotWorld, snapshot_id: str, *, region: str = THERE) -> Snapshot:
    found = world.database.snapshot_of_anybody(region, snapshot_id)
    assert found is not None
    return found


def share(world: SnapshotWorld, snapshot_id: str, *accounts: str) -> None:
    """As ModifySnapshotAttribute leaves the record."""
    world.database.commit([Put(stored(world, snapshot_id, region=HERE).changed(shared_with=accounts))])


def open_to_bob(world: SnapshotWorld, key: str, *actions: str) -> None:
    """A key policy that lets Alice do everything and Bob's account some."""
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Principal": {"AWS": ALICE_ACCOUNT}, "Action": "kms:*", "Resource": "*"}
    ]
    if actions:
        statements.append(
            {"Effect": "Allow", "Principal": {"AWS": BOB_ACCOUNT}, "Action": list(actions), "Resource": "*"}
        )
    world.call("PutKeyPolicy", {"KeyId": key, "Policy": json.dumps({"Statement": statements})})


def test_to_another_region(world: SnapshotWorld, key: str, key_there: str) -> None:
    """The same bytes under the KMS key of that Region; it needs neither the source nor its key any more."""
    snapshot_id = world.uploaded(BLOCKS, KmsKeyArn=key, Description="theirs", Tags=[{"Key": "a", "Value": "b"}])
    copy_id = copy(world, snapshot_id, Encrypted=True, KmsKeyId=key_there, Description="mine")
    found = stored(world, copy_id)
    assert (found.key_arn, found.description, found.tags) == (key_there, "mine", ())
    assert (found.volume_id, found.size_gib, found.state) == (COPIED_VOLUME_ID, 1, "completed")
    world.call("DisableKey", {"KeyId": key})
    assert world.read(copy_id, region=THERE) == BLOCKS
    assert world.direct_refusal("ListSnapshotBlocks", SnapshotId=copy_id)[0] == 404


def test_it_is_pending_first(world: SnapshotWorld, key: str) -> None:
    """The answer has nothing but the ID and the tags of the copy."""
    snapshot_id = world.uploaded(BLOCKS, KmsKeyArn=key)
    tags = [{"ResourceType": "snapshot", "Tags": [{"Key": "team", "Value": "red"}]}]
    answer = world.compute(
        "CopySnapshot",
        SourceRegion=HERE,
        SourceSnapshotId=snapshot_id,
        TagSpecifications=tags,
        Encrypted=True,
        KmsKeyId=key,
    )
    assert set(answer) == {"SnapshotId", "Tags"}
    assert answer["Tags"] == [{"Key": "team", "Value": "red"}]
    assert world.state_of(answer["SnapshotId"]) == "pending"


def test_what_kms_is_asked(world: SnapshotWorld, key: str, key_there: str) -> None:
    """By the caller through EC2: the new data key and a grant on either key; then by the service alone."""
    snapshot_id = world.uploaded(BLOCKS, KmsKeyArn=key)
    before = len(world.all_records())
    copy_id = copy(world, snapshot_id, Encrypted=True, KmsKeyId=key_there)
    seen = [
        (record["eventName"], record["awsRegion"], record["userIdentity"]["type"], record["userIdentity"]["invokedBy"])
        for record in world.all_records()[before:]
        if record["eventSource"] == "kms.amazonaws.com"
    ]
    front, behind = "ec2-frontend-api.amazonaws.com", f"prod.kms-caller.ebs.{THERE}.amazonaws.com"
    assert seen[:4] == [
        ("DescribeKey", THERE, "IAMUser", front),
        ("GenerateDataKeyWithoutPlaintext", THERE, "IAMUser", front),
        ("CreateGrant", THERE, "IAMUser", front),
        ("CreateGrant", HERE, "IAMUser", behind),
    ]
    assert sorted(seen[4:])[:2] == [
        ("Decrypt", THERE, "AWSService", behind),
        ("Decrypt", HERE, "AWSService", behind),
    ]
    assert [name for name, *_ in sorted(seen[4:])[2:]] == ["RetireGrant", "RetireGrant"]
    generated = world.records_of("GenerateDataKeyWithoutPlaintext")[-1]["requestParameters"]
    assert generated == {"keyId": key_there, "numberOfBytes": 64, "encryptionContext": {"aws:ebs:id": copy_id}}
    for region, arn in ((HERE, key), (THERE, key_there)):
        assert world.call("ListGrants", {"KeyId": arn}, region=region)["Grants"] == []


@pytest.mark.parametrize(
    ("source", "by_default", "parameters", "wanted"),
    [
        (False, False, {}, None),
        (False, False, {"Encrypted": True}, "default"),
        (False, False, {"Encrypted": True, "KmsKeyId": "KEY"}, "KEY"),
        (False, True, {}, "default"),
        (False, True, {"Encrypted": False}, "default"),
        (True, False, {}, "default"),
        (True, False, {"Encrypted": False}, "default"),
        (True, False, {"Encrypted": True, "KmsKeyId": "KEY"}, "KEY"),
        (True, True, {"Encrypted": True}, "default"),
    ],
)
def test_outcomes(
    world: SnapshotWorld,
    key: str,
    source: bool,  # noqa: FBT001  a column of the table
    by_default: bool,  # noqa: FBT001  a column of the table
    parameters: dict[str, Any],
    wanted: str | None,
) -> None:
    """AWS's table; what is encrypted never becomes plain. All of it can be read back."""
    encryption: dict[str, Any] = {"KmsKeyArn": key} if source else {}
    snapshot_id = world.uploaded(BLOCKS, **encryption)
    world.encrypt_by_default(enabled=by_default)
    named = {name: key if value == "KEY" else value for name, value in parameters.items()}
    copy_id = copy(world, snapshot_id, region=HERE, **named)
    alias = world.database.alias(ALICE_ACCOUNT, HERE, "alias/aws/ebs")
    default = None if alias is None else f"arn:aws:kms:{HERE}:{ALICE_ACCOUNT}:key/{alias.target_key_id}"
    assert stored(world, copy_id, region=HERE).key_arn == {"KEY": key, "default": default, None: None}[wanted]
    assert world.read(copy_id) == BLOCKS


@pytest.mark.parametrize("named", ["id", "arn", "alias", "alias arn"])
def test_how_the_key_may_be_named(world: SnapshotWorld, key: str, named: str) -> None:
    """By its ID, its ARN, an alias, the ARN of an alias."""
    world.call("CreateAlias", {"AliasName": "alias/disks", "TargetKeyId": key})
    alias_arn = f"arn:aws:kms:{HERE}:{ALICE_ACCOUNT}:alias/disks"
    names = {"id": key.rpartition("/")[2], "arn": key, "alias": "alias/disks", "alias arn": alias_arn}
    copy_id = copy(world, world.uploaded(BLOCKS), region=HERE, Encrypted=True, KmsKeyId=names[named])
    assert stored(world, copy_id, region=HERE).key_arn == key


def test_to_another_account(world: SnapshotWorld, key: str) -> None:
    """Three doors: the share, the key policy, Bob's own IAM policies. Each one missing shows in the state only."""
    snapshot_id = world.uploaded(BLOCKS, KmsKeyArn=key)
    own = {"Encrypted": True, "KmsKeyId": world.make_key(by=BOB_ACCOUNT)["Arn"], "by": BOB_ACCOUNT, "region": HERE}
    assert world.state_of(copy(world, snapshot_id, **own)) == "error: Source snapshot is not found"
    share(world, snapshot_id, BOB_ACCOUNT)
    assert world.state_of(copy(world, snapshot_id, **own)) == NOT_ACCESSIBLE
    open_to_bob(world, key, "kms:CreateGrant")
    copy_id = copy(world, snapshot_id, **own)
    assert world.state_of(copy_id) == "completed"
    # Both doors closed again.
    share(world, snapshot_id)
    open_to_bob(world, key)
    world.call("DisableKey", {"KeyId": key})
    assert world.read(copy_id, by=BOB_ACCOUNT) == BLOCKS
    assert world.direct_refusal("ListSnapshotBlocks", SnapshotId=copy_id)[2] == "SNAPSHOT_NOT_FOUND"
    assert world.state_of(copy(world, snapshot_id, **own)) == "error: Source snapshot is not found"


def test_the_owner_learns_of_copies(world: SnapshotWorld) -> None:
    """Which account it was, and of which snapshot; nothing of one's own copies."""
    snapshot_id = world.uploaded(BLOCKS)
    copy(world, snapshot_id, region=HERE)
    assert world.records_of("SharedSnapshotCopyInitiated") == []
    share(world, snapshot_id, BOB_ACCOUNT)
    copy(world, snapshot_id, region=HERE, by=BOB_ACCOUNT)
    (record,) = world.records_of("SharedSnapshotCopyInitiated")
    assert record["recipientAccountId"] == ALICE_ACCOUNT
    assert record["userIdentity"]["accountId"] == BOB_ACCOUNT
    assert record["serviceEventDetails"] == {"snapshotId": snapshot_id}


@pytest.mark.parametrize("missing", ["kms:CreateGrant", "kms:GenerateDataKeyWithoutPlaintext"])
def test_what_the_destination_key_needs(world: SnapshotWorld, key: str, missing: str) -> None:
    """What is missing shows in the state only. Nothing is left of the attempt but the copy in error."""
    snapshot_id = world.uploaded(BLOCKS)
    needed = {"kms:DescribeKey", "kms:CreateGrant", "kms:GenerateDataKeyWithoutPlaintext"}
    world.only_via_ec2(key, *(needed - {missing}))
    copy_id = copy(world, snapshot_id, region=HERE, Encrypted=True, KmsKeyId=key)
    assert world.state_of(copy_id) == NOT_ACCESSIBLE
    world.only_via_ec2(key, *needed, "kms:Decrypt")
    copy_id = copy(world, snapshot_id, region=HERE, Encrypted=True, KmsKeyId=key)
    assert world.read(copy_id) == BLOCKS


def test_a_grant_for_an_aws_resource_is_enough_of_one(world: SnapshotWorld, key: str) -> None:
    """The documented statement: CreateGrant only where a service asks for what it keeps."""
    snapshot_id = world.uploaded(BLOCKS, KmsKeyArn=key)
    share(world, snapshot_id, BOB_ACCOUNT)
    policy = {
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": ALICE_ACCOUNT}, "Action": "kms:*", "Resource": "*"},
            {
                "Effect": "Allow",
                "Principal": {"AWS": BOB_ACCOUNT},
                "Action": ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"],
                "Resource": "*",
                "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
            },
        ]
    }
    world.call("PutKeyPolicy", {"KeyId": key, "Policy": json.dumps(policy)})
    by_hand = {"KeyId": key, "GranteePrincipal": f"arn:aws:iam::{BOB_ACCOUNT}:root", "Operations": ["Decrypt"]}
    assert world.refusal("CreateGrant", by_hand, by=BOB_ACCOUNT)[0] == "AccessDeniedException"
    own = world.make_key(by=BOB_ACCOUNT)["Arn"]
    copy_id = copy(world, snapshot_id, region=HERE, by=BOB_ACCOUNT, Encrypted=True, KmsKeyId=own)
    assert world.read(copy_id, by=BOB_ACCOUNT) == BLOCKS


def test_a_source_that_is_not_complete(world: SnapshotWorld) -> None:
    """Nor one that does not exist: an ID in any case, and a copy without size."""
    pending_id = world.direct("StartSnapshot", VolumeSize=1)["SnapshotId"]
    assert world.state_of(copy(world, pending_id), region=THERE) == "error: Source snapshot is not complete"
    copy_id = copy(world, "snap-0123456789abcdef0")
    assert world.state_of(copy_id, region=THERE) == "error: Source snapshot is not found"


@pytest.mark.parametrize(
    ("parameters", "code", "text"),
    [
        ({"SourceSnapshotId": "snap-x"}, "InvalidParameterValue", "The specified snapshotId is invalid"),
        ({"SourceRegion": "mars-1"}, "InvalidRegion", None),
        (
            {"DestinationRegion": "eu-west-1"},
            "InvalidParameterValue",
            "DestinationRegion 'eu-west-1' does not match the current region (us-east-1)",
        ),
        (
            {"PresignedUrl": "https://ec2.us-east-1.amazonaws.com/?SourceSnapshotId=snap-0123456789abcdef1&X=1"},
            "InvalidParameterValue",
            None,
        ),
        ({"PresignedUrl": "https://x/?SourceRegion=eu-west-1"}, "InvalidParameterValue", None),
        ({"PresignedUrl": "https://[x/"}, "InvalidParameterValue", "The PresignedUrl is no URL"),
        (
            {"KmsKeyId": "alias/x"},
            "InvalidParameterDependency",
            "The parameter KmsKeyId requires the parameter Encrypted to be set.",
        ),
        (
            {"KmsKeyId": "alias/missing", "Encrypted": True},
            "InvalidParameterValue",
            "The specified keyId alias/missing is invalid",
        ),
        ({"DestinationOutpostArn": "arn:aws:outposts:x"}, "UnsupportedOperation", None),
    ],
)
def test_what_is_refused_at_once(world: SnapshotWorld, parameters: dict[str, Any], code: str, text: str | None) -> None:
    """With AWS's texts, and no copy."""
    whole = {"SourceRegion": HERE, "SourceSnapshotId": "snap-0123456789abcdef0", **parameters}
    found = world.compute_refusal("CopySnapshot", **whole)
    assert found[0] == code
    assert text in (None, found[1])
    assert world.database.snapshots(ALICE_ACCOUNT, HERE, after="", limit=9) == []


def test_a_presigned_url_that_says_the_same(world: SnapshotWorld) -> None:
    """What botocore adds by itself. It is not in the audit, for it carries a signature."""
    snapshot_id = world.uploaded(BLOCKS)
    url = f"https://ec2.us-east-1.amazonaws.com/?Action=CopySnapshot&SourceRegion={HERE}&SourceSnapshotId={snapshot_id}"
    copy_id = copy(world, snapshot_id, region=HERE, PresignedUrl=f"{url}&X-Amz-Signature=5ec4e7")
    assert world.state_of(copy_id) == "completed"
    assert "5ec4e7" not in json.dumps(world.all_records())


def test_a_destination_key_that_is_disabled(world: SnapshotWorld, key: str) -> None:
    """Or that the caller may not describe: said at once."""
    snapshot_id = world.uploaded(BLOCKS)
    parameters = {
        "SourceRegion": HERE,
        "SourceSnapshotId": snapshot_id,
        "Encrypted": True,
        "KmsKeyId": key,
    }
    world.call("DisableKey", {"KeyId": key})
    refusal = ("InvalidParameterValue", f"The specified keyId {key} is disabled")
    assert world.compute_refusal("CopySnapshot", **parameters) == refusal
    world.call("EnableKey", {"KeyId": key})
    world.only_via_ec2(key)
    assert world.compute_refusal("CopySnapshot", **parameters) == ("AuthFailure", f"Not authorized to use key {key}")
    assert world.last is not None
    assert world.last.response.status == 403


def test_a_dry_run(world: SnapshotWorld, key: str) -> None:
    """Asks for the permission, and for nothing else."""
    snapshot_id = world.uploaded(BLOCKS)
    parameters = {"SourceRegion": HERE, "SourceSnapshotId": snapshot_id, "DryRun": True}
    before = len(world.records_of("DescribeKey"))
    assert world.compute_refusal("CopySnapshot", Encrypted=True, KmsKeyId=key, **parameters) == (
        "DryRunOperation",
        "Request would have succeeded, but DryRun flag is set.",
    )
    assert world.last is not None
    assert world.last.response.status == 412
    assert len(world.records_of("DescribeKey")) == before
    world.strip_of_policies(ALICE_ACCOUNT)
    assert world.compute_refusal("CopySnapshot", **parameters)[0] == "UnauthorizedOperation"


def test_twenty_at_once(world: SnapshotWorld) -> None:
    """For each destination Region; when one is through there is room for another."""
    snapshot_id = world.uploaded({})
    parameters = {"SourceRegion": HERE, "SourceSnapshotId": snapshot_id}
    for _ in range(20):
        world.compute("CopySnapshot", **parameters)
    assert world.compute_refusal("CopySnapshot", **parameters)[0] == "ResourceLimitExceeded"
    assert world.compute("CopySnapshot", region=THERE, **parameters)["SnapshotId"]
    world.keep()
    assert world.compute("CopySnapshot", **parameters)["SnapshotId"]


def test_a_description_that_is_too_long(world: SnapshotWorld) -> None:
    """It would be kept with the copy, and be in every listing."""
    source = {"SourceRegion": HERE, "SourceSnapshotId": world.uploaded(BLOCKS)}
    assert world.compute("CopySnapshot", **source, Description="d" * 255)["SnapshotId"]
    code, _ = world.compute_refusal("CopySnapshot", **source, Description="d" * 256)
    assert code == "InvalidParameterValue"

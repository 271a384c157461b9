"""ModifySnapshotAttribute and its like: whom a snapshot is shared with, and what the records say of it."""

from typing import Any

import pytest

from harness.snapshots import SnapshotWorld
from harness.storage_records import data_key, put_snapshot, stored_snapshot
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, Refused
from selfkms.domain.iam.principals import InlinePolicy, User
from selfkms.domain.records import Put

THIRD_ACCOUNT = "777788889999"
NEVER_THERE = "snap-fffffffffffffffff"


@pytest.fixture
def world() -> SnapshotWorld:
    return SnapshotWorld()


@pytest.fixture
def plain(world: SnapshotWorld) -> str:
    return put_snapshot(world)


def modify(world: SnapshotWorld, snapshot_id: str, **parameters: Any) -> None:
    assert world.compute("ModifySnapshotAttribute", SnapshotId=snapshot_id, **parameters) == {}


def add(world: SnapshotWorld, snapshot_id: str, *people: dict[str, str]) -> None:
    modify(world, snapshot_id, CreateVolumePermission={"Add": list(people)})


def remove(world: SnapshotWorld, snapshot_id: str, *people: dict[str, str]) -> None:
    modify(world, snapshot_id, CreateVolumePermission={"Remove": list(people)})


def permissions(world: SnapshotWorld, snapshot_id: str) -> list[dict[str, str]]:
    answer = world.compute("DescribeSnapshotAttribute", SnapshotId=snapshot_id, Attribute="createVolumePermission")
    assert answer.pop("SnapshotId") == snapshot_id
    found: list[dict[str, str]] = answer.pop("CreateVolumePermissions")
    assert answer == {}
    return found


def shares(world: SnapshotWorld, with_whom: str) -> list[str]:
    found = world.database.snapshot_shares(with_whom, REGION, after="", limit=100)
    assert {share.owner for share in found} <= {ALICE_ACCOUNT}
    return [share.snapshot_id for share in found]


def test_both_forms_do_the_same(world: SnapshotWorld, plain: str) -> None:
    """The newer one with a structure, the older one with lists."""
    add(world, plain, {"UserId": BOB_ACCOUNT})
    modify(world, plain, Attribute="createVolumePermission", OperationType="add", UserIds=[THIRD_ACCOUNT])
    modify(world, plain, OperationType="add", GroupNames=["all"])
    assert permissions(world, plain) == [{"UserId": BOB_ACCOUNT}, {"UserId": THIRD_ACCOUNT}, {"Group": "all"}]
    assert shares(world, BOB_ACCOUNT) == shares(world, THIRD_ACCOUNT) == shares(world, "all") == [plain]
    remove(world, plain, {"UserId": BOB_ACCOUNT}, {"Group": "all"})
    modify(world, plain, OperationType="remove", UserIds=[THIRD_ACCOUNT])
    assert permissions(world, plain) == []
    assert shares(world, BOB_ACCOUNT) == shares(world, THIRD_ACCOUNT) == shares(world, "all") == []


def test_an_account_and_the_group_in_one(world: SnapshotWorld, plain: str) -> None:
    """As in the example of the API reference."""
    add(world, plain, {"UserId": BOB_ACCOUNT, "Group": "all"})
    assert permissions(world, plain) == [{"UserId": BOB_ACCOUNT}, {"Group": "all"}]


def test_what_is_so_already_is_no_error(world: SnapshotWorld, plain: str) -> None:
    """And changes nothing."""
    remove(world, plain, {"UserId": BOB_ACCOUNT}, {"Group": "all"})
    add(world, plain, {"UserId": BOB_ACCOUNT}, {"UserId": BOB_ACCOUNT})
    before = stored_snapshot(world, plain)
    add(world, plain, {"UserId": BOB_ACCOUNT})
    assert stored_snapshot(world, plain) == before
    # Sharing anew after a removal is a new share.
    remove(world, plain, {"UserId": BOB_ACCOUNT})
    add(world, plain, {"UserId": BOB_ACCOUNT})
    assert shares(world, BOB_ACCOUNT) == [plain]


def test_the_owner_needs_no_permission(world: SnapshotWorld, plain: str) -> None:
    """One that is given all the same is not listed."""
    add(world, plain, {"UserId": ALICE_ACCOUNT})
    assert permissions(world, plain) == []


def test_reset(world: SnapshotWorld, plain: str) -> None:
    """Shared with nobody any more."""
    add(world, plain, {"UserId": BOB_ACCOUNT}, {"Group": "all"})
    for _ in range(2):
        parameters = {"SnapshotId": plain, "Attribute": "createVolumePermission"}
        assert world.compute("ResetSnapshotAttribute", **parameters) == {}
        assert permissions(world, plain) == []
    assert shares(world, BOB_ACCOUNT) == shares(world, "all") == []


def test_product_codes(world: SnapshotWorld, plain: str) -> None:
    """There are none, and they cannot be changed."""
    parameters = {"SnapshotId": plain, "Attribute": "productCodes"}
    assert world.compute("DescribeSnapshotAttribute", **parameters) == {"SnapshotId": plain, "ProductCodes": []}
    refusal = (
        "InvalidParameterValue",
        "Value (productCodes) for parameter attribute is invalid. It cannot be modified.",
    )
    assert world.compute_refusal("ResetSnapshotAttribute", **parameters) == refusal
    assert world.compute_refusal("ModifySnapshotAttribute", **parameters, OperationType="add") == refusal


def test_an_encrypted_one_is_shared_with_accounts_alone(world: SnapshotWorld) -> None:
    """Whoever may use the KMS key can make something of it."""
    key_arn = world.make_key()["Arn"]
    snapshot_id = put_snapshot(world, data_key=data_key(key_arn))
    add(world, snapshot_id, {"UserId": BOB_ACCOUNT})
    for people in ([{"Group": "all"}], [{"UserId": THIRD_ACCOUNT, "Group": "all"}]):
        refusal = world.compute_refusal(
            "ModifySnapshotAttribute", SnapshotId=snapshot_id, CreateVolumePermission={"Add": people}
        )
        assert refusal == ("OperationNotPermitted", "Encrypted snapshots cannot be shared publicly")
    assert permissions(world, snapshot_id) == [{"UserId": BOB_ACCOUNT}]


def test_one_under_the_aws_managed_key_is_shared_with_nobody(world: SnapshotWorld) -> None:
    """Nobody else may use that key. To take back what is not there is no error."""
    key_arn = world.compute("ResetEbsDefaultKmsKeyId")["KmsKeyId"]
    snapshot_id = put_snapshot(world, data_key=data_key(key_arn))
    refusal = world.compute_refusal(
        "ModifySnapshotAttribute", SnapshotId=snapshot_id, OperationType="add", UserIds=[BOB_ACCOUNT]
    )
    assert refusal == ("OperationNotPermitted", "Encrypted snapshots with EBS default key cannot be shared")
    remove(world, snapshot_id, {"UserId": BOB_ACCOUNT})


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        ({}, ("InvalidParameterCombination", "No attributes specified.")),
        ({"OperationType": "add"}, ("InvalidParameterCombination", "No attributes specified.")),
        (
            {"UserIds": [BOB_ACCOUNT]},
            ("MissingParameter", "The request must contain the parameter operationType"),
        ),
        (
            {"CreateVolumePermission": {"Add": [{"UserId": BOB_ACCOUNT}], "Remove": [{"Group": "all"}]}},
            ("InvalidParameterCombination", "Permissions cannot be added and removed in a single request."),
        ),
        (
            {
                "CreateVolumePermission": {"Add": [{"UserId": BOB_ACCOUNT}]},
                "OperationType": "add",
                "UserIds": [BOB_ACCOUNT],
            },
            (
                "InvalidParameterCombination",
                "The parameter createVolumePermission cannot be used with the parameters userId and group",
            ),
        ),
        (
            {"OperationType": "add", "UserIds": ["1234"]},
            ("InvalidAMIAttributeItemValue", 'Invalid attribute item value "1234" for userId item type.'),
        ),
        (
            {"CreateVolumePermission": {"Add": [{"UserId": "", "Group": "all"}]}},
            ("InvalidAMIAttributeItemValue", 'Invalid attribute item value "" for userId item type.'),
        ),
        (
            {"OperationType": "add", "GroupNames": ["friends"]},
            ("InvalidAMIAttributeItemValue", 'Invalid attribute item value "friends" for UserGroup item type.'),
        ),
        (
            {"OperationType": "add", "UserIds": [f"{number:012}" for number in range(501)]},
            ("InvalidParameterValue", "A request may have at most 500 modifications of a snapshot."),
        ),
    ],
)
def test_what_cannot_be_asked(
    world: SnapshotWorld, plain: str, parameters: dict[str, Any], refusal: tuple[str, str]
) -> None:
    """In the words of Amazon EC2, where they are known."""
    assert world.compute_refusal("ModifySnapshotAttribute", SnapshotId=plain, **parameters) == refusal
    assert permissions(world, plain) == []


def test_only_ones_own(world: SnapshotWorld, plain: str) -> None:
    """Also one that is shared with the caller is not there for this."""
    add(world, plain, {"UserId": BOB_ACCOUNT})
    attribute = {"Attribute": "createVolumePermission"}
    for snapshot_id in (plain, NEVER_THERE):
        for operation, more in (
            ("ModifySnapshotAttribute", {"OperationType": "add", "UserIds": [THIRD_ACCOUNT]}),
            ("DescribeSnapshotAttribute", attribute),
            ("ResetSnapshotAttribute", attribute),
        ):
            refusal = world.compute_refusal(operation, by=BOB_ACCOUNT, SnapshotId=snapshot_id, **more)
            assert refusal == ("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")


def test_a_dry_run_shares_nothing(world: SnapshotWorld, plain: str) -> None:
    """It says only that it would be permitted."""
    code, _ = world.compute_refusal(
        "ModifySnapshotAttribute", SnapshotId=plain, OperationType="add", UserIds=[BOB_ACCOUNT], DryRun=True
    )
    assert code == "DryRunOperation"
    assert world.record()["errorCode"] == "Client.DryRunOperation"
    assert permissions(world, plain) == []


class TestRecords:
    def test_both_forms_look_the_same(self, world: SnapshotWorld, plain: str) -> None:
        """As CloudTrail has them."""
        for parameters in (
            {"OperationType": "add", "UserIds": [BOB_ACCOUNT]},
            {"CreateVolumePermission": {"Add": [{"UserId": BOB_ACCOUNT}]}},
        ):
            modify(world, plain, **parameters)
            record = world.record()
            assert record["requestParameters"] == {
                "snapshotId": plain,
                "createVolumePermission": {"add": {"items": [{"userId": BOB_ACCOUNT}]}},
                "attributeType": "CREATE_VOLUME_PERMISSION",
            }
            assert record["responseElements"] == {"requestId": record["requestID"], "_return": True}
            assert (record["eventSource"], record["readOnly"]) == ("ec2.amazonaws.com", False)
            assert "resources" not in record

    def test_removal_and_the_group(self, world: SnapshotWorld, plain: str) -> None:
        """A group stands where a user would."""
        modify(world, plain, OperationType="remove", UserIds=[BOB_ACCOUNT], GroupNames=["all"])
        shown = world.record()["requestParameters"]["createVolumePermission"]
        assert shown == {"remove": {"items": [{"userId": BOB_ACCOUNT}, {"group": "all"}]}}

    def test_the_others(self, world: SnapshotWorld, plain: str) -> None:
        """Which attribute it was."""
        parameters = {"SnapshotId": plain, "Attribute": "createVolumePermission"}
        shown = {"snapshotId": plain, "attributeType": "CREATE_VOLUME_PERMISSION"}
        world.compute("DescribeSnapshotAttribute", **parameters)
        assert (world.record()["requestParameters"], world.record()["responseElements"]) == (shown, None)
        world.compute("ResetSnapshotAttribute", **parameters)
        assert world.record()["requestParameters"] == shown


class TestConditions:
    def caller(self, world: SnapshotWorld, condition: str) -> str:
        """A user who may share, under a condition."""
        world.iam("CreateUser", {"UserName": "sharer"})
        world.remember("sharer", world.iam("CreateAccessKey", {"UserName": "sharer"})["AccessKey"])
        user = world.database.user(ALICE_ACCOUNT, "sharer")
        assert isinstance(user, User)
        document = (
            '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:ModifySnapshotAttribute", '
            f'"Resource": "arn:aws:ec2:*::snapshot/*", "Condition": {condition}}}]}}'
        )
        world.database.commit([Put(user.changed(inline_policies=(InlinePolicy("allowed", document),)))])
        return "sharer"

    def may(self, world: SnapshotWorld, by: str, snapshot_id: str, **changes: Any) -> bool:
        try:
            world.compute("ModifySnapshotAttribute", by=by, SnapshotId=snapshot_id, CreateVolumePermission=changes)
        except Refused as error:
            refused = error
        else:
            return True
        assert (refused.status, refused.code) == (403, "UnauthorizedOperation")
        assert world.record()["errorCode"] == "Client.UnauthorizedOperation"
        return False

    def test_whom_it_is_shared_with(self, world: SnapshotWorld, plain: str) -> None:
        """Of several accounts each must be permitted."""
        by = self.caller(world, f'{{"StringEquals": {{"ec2:Add/userId": "{BOB_ACCOUNT}"}}}}')
        assert self.may(world, by, plain, Add=[{"UserId": BOB_ACCOUNT}])
        assert not self.may(world, by, plain, Add=[{"UserId": BOB_ACCOUNT}, {"UserId": THIRD_ACCOUNT}])
        assert not self.may(world, by, plain, Add=[{"Group": "all"}])
        assert not self.may(world, by, plain, Remove=[{"UserId": BOB_ACCOUNT}])

    def test_whom_it_is_shared_with_no_longer(self, world: SnapshotWorld, plain: str) -> None:
        """The group has a key of its own."""
        by = self.caller(world, '{"StringEquals": {"ec2:Remove/group": "all"}}')
        assert self.may(world, by, plain, Remove=[{"Group": "all"}])
        assert not self.may(world, by, plain, Add=[{"Group": "all"}])

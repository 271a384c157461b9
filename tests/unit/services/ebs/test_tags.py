"""CreateTags, DeleteTags, DescribeTags of snapshots and volumes."""

import json
from typing import Any

import pytest

from harness.snapshots import SnapshotWorld
from harness.storage_records import put_snapshot, put_volume, stored_snapshot
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION
from selfkms.domain.iam.principals import InlinePolicy, User
from selfkms.domain.records import Put
from selfkms.domain.tags import Tag

NEVER_THERE = "snap-fffffffffffffffff"


@pytest.fixture
def world() -> SnapshotWorld:
    return SnapshotWorld()


def tagged(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tags_of(world: SnapshotWorld, snapshot_id: str) -> dict[str, str]:
    snapshot = stored_snapshot(world, snapshot_id)
    assert snapshot is not None
    return {tag.tag_key: tag.tag_value for tag in snapshot.tags}


def described(world: SnapshotWorld, *, by: str = ALICE_ACCOUNT, **parameters: Any) -> list[tuple[str, str, str]]:
    answer = world.compute("DescribeTags", by=by, **parameters)
    return [(one["ResourceId"], one["Key"], one["Value"]) for one in answer["Tags"]]


def test_tags_are_added_to_all_that_is_named(world: SnapshotWorld) -> None:
    """A tag of the same key gets another value; a value that is left out is empty."""
    snapshot_id, volume_id = put_snapshot(world, tags=(Tag("a", "old"), Tag("A", "other"))), put_volume(world)
    tags = [{"Key": "a", "Value": "new"}, {"Key": "b"}]
    assert world.compute("CreateTags", Resources=[snapshot_id, volume_id, snapshot_id], Tags=tags) == {}
    assert tags_of(world, snapshot_id) == {"a": "new", "A": "other", "b": ""}
    volume = world.database.volume(ALICE_ACCOUNT, REGION, volume_id)
    assert volume is not None
    assert volume.tags == (Tag("a", "new"), Tag("b", ""))


def test_tags_are_taken_away(world: SnapshotWorld) -> None:
    """By key; by key and value, where the request has one; all, where it names none."""
    present = (Tag("a", "1"), Tag("b", ""), Tag("c", "3"))
    for tags, left in (
        ([{"Key": "a"}, {"Key": "gone"}], {"b": "", "c": "3"}),
        ([{"Key": "a", "Value": "2"}], {"a": "1", "b": "", "c": "3"}),
        ([{"Key": "a", "Value": "1"}], {"b": "", "c": "3"}),
        ([{"Key": "a", "Value": ""}, {"Key": "b", "Value": ""}], {"a": "1", "c": "3"}),
        ([], {}),
    ):
        snapshot_id = put_snapshot(world, tags=present)
        assert world.compute("DeleteTags", Resources=[snapshot_id], Tags=tags) == {}
        assert tags_of(world, snapshot_id) == left


def test_all_or_nothing(world: SnapshotWorld) -> None:
    """One resource that is not there, or has enough tags, keeps the others from getting any."""
    snapshot_id = put_snapshot(world)
    full = put_snapshot(world, tags=tuple(Tag(str(number), "") for number in range(50)))
    for other, code, text in (
        (NEVER_THERE, "InvalidSnapshot.NotFound", f"The snapshot '{NEVER_THERE}' does not exist."),
        (full, "TagLimitExceeded", "The maximum number of Tags for a resource has been reached."),
        ("i-0123456789abcdef0", "InvalidID", "The ID 'i-0123456789abcdef0' is not valid"),
    ):
        refusal = world.compute_refusal("CreateTags", Resources=[snapshot_id, other], Tags=tagged(a="b"))
        assert refusal == (code, text)
        assert tags_of(world, snapshot_id) == {}


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("CreateTags", {"Resources": ["snap-1"], "Tags": tagged(**{"aws:a": "b"})}, "InvalidParameterValue"),
        ("CreateTags", {"Resources": ["snap-1"], "Tags": [{"Value": "b"}]}, "InvalidParameterValue"),
        ("CreateTags", {"Resources": ["snap-1"], "Tags": [{"Key": "a"}, {"Key": "a"}]}, "InvalidParameterValue"),
        (
            "CreateTags",
            {"Resources": ["snap-1"], "Tags": tagged(**{str(n): "" for n in range(51)})},
            "TagLimitExceeded",
        ),
        ("CreateTags", {"Resources": ["snap-1"], "Tags": []}, "MissingParameter"),
        ("CreateTags", {"Resources": [], "Tags": tagged(a="b")}, "MissingParameter"),
        ("DeleteTags", {"Resources": ["snap-1"] * 1_001}, "InvalidParameterValue"),
        (
            "DeleteTags",
            {"Resources": ["snap-1"], "Tags": [{"Key": str(n)} for n in range(1_001)]},
            "InvalidParameterValue",
        ),
        ("DescribeTags", {"MaxResults": 4}, "InvalidParameterValue"),
        ("DescribeTags", {"Filters": [{"Name": "tag-value", "Values": ["a"]}]}, "InvalidParameterValue"),
    ],
)
def test_what_cannot_be_asked(world: SnapshotWorld, operation: str, parameters: dict[str, Any], code: str) -> None:
    """Before anything is looked up."""
    assert world.compute_refusal(operation, **parameters)[0] == code


def test_only_ones_own(world: SnapshotWorld) -> None:
    """Also what is shared has tags of its owner alone."""
    snapshot_id = put_snapshot(world, tags=(Tag("a", "b"),))
    world.compute("ModifySnapshotAttribute", SnapshotId=snapshot_id, CreateVolumePermission={"Add": [{"Group": "all"}]})
    for operation in ("CreateTags", "DeleteTags"):
        code, _ = world.compute_refusal(operation, by=BOB_ACCOUNT, Resources=[snapshot_id], Tags=tagged(a="b"))
        assert code == "InvalidSnapshot.NotFound"
    assert described(world, by=BOB_ACCOUNT) == []


class TestDescribing:
    def test_filters(self, world: SnapshotWorld) -> None:
        """Each of those that AWS has."""
        snapshot_id = put_snapshot(world, tags=(Tag("a", "1"), Tag("b", "2")))
        volume_id = put_volume(world, tags=(Tag("a", "2"),))
        everything = [(snapshot_id, "a", "1"), (snapshot_id, "b", "2"), (volume_id, "a", "2")]
        assert described(world) == everything
        for name, value, found in (
            ("key", "a", [0, 2]),
            ("value", "2", [1, 2]),
            ("resource-id", volume_id, [2]),
            ("resource-type", "snapshot", [0, 1]),
            ("tag:a", "*", [0, 2]),
            ("tag:a", "1", [0]),
        ):
            listed = described(world, Filters=[{"Name": name, "Values": [value]}])
            assert listed == [everything[place] for place in found]

    def test_pages_go_through_resources(self, world: SnapshotWorld) -> None:
        """A page may end within one."""
        resources = [
            put_snapshot(world, tags=tuple(Tag(f"{number}", "") for number in range(4))),
            put_snapshot(world),
            put_volume(world, tags=tuple(Tag(f"{number}", "") for number in range(4))),
            put_volume(world, tags=tuple(Tag(f"{number}", "") for number in range(4))),
        ]
        found: list[tuple[str, str]] = []
        token: dict[str, str] = {}
        while True:
            answer = world.compute("DescribeTags", MaxResults=5, **token)
            found += [(one["ResourceId"], one["Key"]) for one in answer["Tags"]]
            if "NextToken" not in answer:
                break
            token = {"NextToken": answer["NextToken"]}
        assert found == [(resources[place], str(number)) for place in (0, 2, 3) for number in range(4)]

    def test_a_tag_that_is_gone_hides_no_other(self, world: SnapshotWorld) -> None:
        """Those of the same resource come once more."""
        snapshot_id = put_snapshot(world, tags=tuple(Tag(f"{number}", "") for number in range(7)))
        token = world.compute("DescribeTags", MaxResults=5)["NextToken"]
        world.compute("DeleteTags", Resources=[snapshot_id], Tags=[{"Key": "4"}])
        again = described(world, NextToken=token)
        assert [key for _, key, _ in again] == ["0", "1", "2", "3", "5", "6"]

    def test_a_resource_that_is_gone_hides_no_other(self, world: SnapshotWorld) -> None:
        """What follows it goes on."""
        first = put_snapshot(world, tags=tuple(Tag(f"{number}", "") for number in range(7)))
        second = put_snapshot(world, tags=(Tag("a", "b"),))
        token = world.compute("DescribeTags", MaxResults=5)["NextToken"]
        world.compute("DeleteSnapshot", SnapshotId=first)
        assert described(world, NextToken=token) == [(second, "a", "b")]


class TestConditions:
    @pytest.fixture
    def tagger(self, world: SnapshotWorld) -> str:
        """A user who may tag what is theirs, with one key alone."""
        world.iam("CreateUser", {"UserName": "tagger"})
        world.remember("tagger", world.iam("CreateAccessKey", {"UserName": "tagger"})["AccessKey"])
        user = world.database.user(ALICE_ACCOUNT, "tagger")
        assert isinstance(user, User)
        statement = {
            "Effect": "Allow",
            "Action": ["ec2:CreateTags", "ec2:DeleteTags"],
            "Resource": "*",
            "Condition": {
                "StringEquals": {"ec2:ResourceTag/owner": "tagger", "ec2:Region": REGION},
                "ForAllValues:StringEquals": {"aws:TagKeys": ["stage"]},
                "StringEqualsIfExists": {"aws:RequestTag/stage": "test"},
            },
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        world.database.commit([Put(user.changed(inline_policies=(InlinePolicy("allowed", document),)))])
        return "tagger"

    def test_keys_and_values(self, world: SnapshotWorld, tagger: str) -> None:
        """And the tags that there are already."""
        own, other = put_snapshot(world, tags=(Tag("owner", "tagger"),)), put_snapshot(world)
        assert world.compute("CreateTags", by=tagger, Resources=[own], Tags=tagged(stage="test")) == {}
        assert world.compute("DeleteTags", by=tagger, Resources=[own], Tags=[{"Key": "stage"}]) == {}
        for resources, tags in (
            ([own], tagged(stage="prod")),
            ([own], tagged(stage="test", owner="me")),
            ([other], tagged(stage="test")),
            ([own, other], tagged(stage="test")),
        ):
            code, _ = world.compute_refusal("CreateTags", by=tagger, Resources=resources, Tags=tags)
            assert code == "UnauthorizedOperation"
        code, _ = world.compute_refusal("DeleteTags", by=tagger, Resources=[own], Tags=tagged(stage="prod"))
        assert code == "UnauthorizedOperation"


def test_records(world: SnapshotWorld) -> None:
    """As CloudTrail has them."""
    snapshot_id = put_snapshot(world)
    tags = [{"Key": "a", "Value": "b"}, {"Key": "c"}]
    for operation in ("CreateTags", "DeleteTags"):
        world.compute(operation, Resources=[snapshot_id], Tags=tags)
        record = world.record()
        assert record["requestParameters"] == {
            "resourcesSet": {"items": [{"resourceId": snapshot_id}]},
            "tagSet": {"items": [{"key": "a", "value": "b"}, {"key": "c"}]},
        }
        assert record["responseElements"] == {"requestId": record["requestID"], "_return": True}
    world.compute("DescribeTags", MaxResults=5, Filters=[{"Name": "key", "Values": ["a"]}])
    assert world.record()["requestParameters"] == {
        "maxResults": 5,
        "filterSet": {"items": [{"name": "key", "valueSet": {"items": [{"value": "a"}]}}]},
    }

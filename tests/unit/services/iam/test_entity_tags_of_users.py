"""TagUser, UntagUser, ListUserTags."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.world import World

MakeCaller = Callable[..., str]


@pytest.fixture
def bob(world: World) -> str:
    world.iam("CreateUser", {"UserName": "Bob"})
    return "Bob"


def tag(world: World, name: str, **tags: str) -> None:
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    world.iam("TagUser", {"UserName": name, "Tags": pairs})


def tags_of(world: World, name: str) -> list[tuple[str, str]]:
    listed = world.iam("ListUserTags", {"UserName": name})
    assert listed["IsTruncated"] is False
    return [(entry["Key"], entry["Value"]) for entry in listed["Tags"]]


def test_tags_are_added_changed_and_removed(world: World, bob: str) -> None:
    """Keys are the same whatever their case, and listed in their order."""
    tag(world, bob, team="red", Cost="1")
    tag(world, bob, TEAM="blue", x="")
    assert tags_of(world, bob) == [("Cost", "1"), ("TEAM", "blue"), ("x", "")]
    world.iam("UntagUser", {"UserName": bob, "TagKeys": ["team", "X", "none"]})
    assert tags_of(world, bob) == [("Cost", "1")]


def test_tagging_stands_in_the_audit(world: World, bob: str) -> None:
    """Keys and values are no secrets; nothing is answered."""
    tag(world, bob, team="red")
    record = world.record()
    assert record["requestParameters"] == {"userName": bob, "tags": [{"key": "team", "value": "red"}]}
    assert record["responseElements"] is None
    world.iam("UntagUser", {"UserName": bob, "TagKeys": ["team"]})
    assert world.record()["requestParameters"] == {"userName": bob, "tagKeys": ["team"]}


def test_fifty_tags_and_not_one_more(world: World, bob: str) -> None:
    """The quota counts what would be there afterwards."""
    tag(world, bob, **{f"k{number:02}": "" for number in range(50)})
    tag(world, bob, K00="again")
    status, code, _ = world.iam_refusal("TagUser", {"UserName": bob, "Tags": [{"Key": "x", "Value": ""}]})
    assert (status, code) == (409, "LimitExceeded")
    assert len(tags_of(world, bob)) == 50


def test_doubled_and_reserved_keys_are_refused(world: World, bob: str) -> None:
    """Nothing is tagged then."""
    doubled = [{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]
    assert world.iam_refusal("TagUser", {"UserName": bob, "Tags": doubled})[1] == "InvalidInput"
    reserved = [{"Key": "aws:a", "Value": ""}]
    assert world.iam_refusal("TagUser", {"UserName": bob, "Tags": reserved})[1] == "InvalidInput"
    assert tags_of(world, bob) == []


def test_tags_are_listed_in_pages(world: World, bob: str) -> None:
    """Also with the longest keys, and markers are those of this user."""
    keys = [letter + "é" * 127 for letter in "abc"]
    tag(world, bob, **dict.fromkeys(keys, ""))
    found, marker = [], None
    while True:
        parameters: dict[str, Any] = {"UserName": bob, "MaxItems": 1} | ({"Marker": marker} if marker else {})
        answer = world.iam("ListUserTags", parameters)
        found += [entry["Key"] for entry in answer["Tags"]]
        if not answer["IsTruncated"]:
            break
        marker = answer["Marker"]
    assert found == keys
    assert world.iam_refusal("ListUserTags", {"UserName": "admin", "Marker": marker})[1] == "ValidationError"


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [("TagUser", {"Tags": [{"Key": "a", "Value": ""}]}), ("UntagUser", {"TagKeys": ["a"]}), ("ListUserTags", {})],
)
def test_a_user_that_does_not_exist_has_no_tags(world: World, operation: str, parameters: dict[str, Any]) -> None:
    """As with all operations on a user."""
    text = "The user with name Bob cannot be found."
    assert world.iam_refusal(operation, {"UserName": "Bob", **parameters}) == (404, "NoSuchEntity", text)


def test_conditions_see_the_tags_of_request_and_user(world: World, bob: str, make_caller: MakeCaller) -> None:
    """Who may tag the users of their team, and only with the key `cost`."""
    condition = {
        "StringEquals": {"iam:ResourceTag/team": "red"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["cost"]},
    }
    statement = {"Effect": "Allow", "Action": "iam:*User", "Resource": "*", "Condition": condition}
    lead = make_caller("lead", statement)
    tag(world, bob, team="red")
    world.iam("TagUser", {"UserName": bob, "Tags": [{"Key": "cost", "Value": "1"}]}, by=lead)
    world.iam("UntagUser", {"UserName": bob, "TagKeys": ["cost"]}, by=lead)
    for operation, parameters in (
        ("TagUser", {"Tags": [{"Key": "team", "Value": "blue"}]}),
        ("UntagUser", {"TagKeys": ["team"]}),
    ):
        assert world.iam_refusal(operation, {"UserName": bob, **parameters}, by=lead)[1] == "AccessDenied"
        other = {"UserName": "admin", **parameters}
        assert world.iam_refusal(operation, other, by=lead)[1] == "AccessDenied"

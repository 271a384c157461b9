"""TagResource, UntagResource, ListResourceTags."""

from typing import Any

import pytest

from harness.world import World

Pairs = list[dict[str, str]]


def tags(**pairs: str) -> Pairs:
    return [{"TagKey": key, "TagValue": value} for key, value in pairs.items()]


def numbered(count: int, first: int = 0) -> Pairs:
    return [{"TagKey": f"key-{number}", "TagValue": ""} for number in range(first, first + count)]


def listed(world: World, key_id: str) -> Pairs:
    found: Pairs = world.call("ListResourceTags", {"KeyId": key_id})["Tags"]
    return found


def test_tags_are_added_and_overwritten_in_their_places(world: World) -> None:
    """New tags go to the end, a tag with a new value stays where it was; nothing is answered."""
    key = world.make_key(Tags=tags(b="1", a="2"))
    assert world.call("TagResource", {"KeyId": key["Arn"], "Tags": tags(c="3", b="4")}) == {}
    assert world.call("ListResourceTags", {"KeyId": key["KeyId"]}) == {
        "Tags": tags(b="4", a="2", c="3"),
        "Truncated": False,
    }


def test_tags_are_removed_and_unknown_ones_ignored(world: World) -> None:
    """UntagResource removes by key, case included; a key that is not there is no error."""
    key_id = world.make_key(Tags=tags(a="1", A="2", b="3"))["KeyId"]
    assert world.call("UntagResource", {"KeyId": key_id, "TagKeys": ["a", "none", "B"]}) == {}
    assert listed(world, key_id) == tags(A="2", b="3")


def test_a_key_without_tags(world: World) -> None:
    """A listing of nothing is an empty list."""
    key_id = world.make_key()["KeyId"]
    assert world.call("ListResourceTags", {"KeyId": key_id}) == {"Tags": [], "Truncated": False}


def test_no_tags_at_all_are_no_change(world: World) -> None:
    """Empty lists are taken and change nothing."""
    key_id = world.make_key(Tags=tags(a="1"))["KeyId"]
    world.call("TagResource", {"KeyId": key_id, "Tags": []})
    world.call("UntagResource", {"KeyId": key_id, "TagKeys": []})
    assert listed(world, key_id) == tags(a="1")


@pytest.mark.parametrize(
    ("new", "text"),
    [
        ([*tags(a="1"), *tags(a="1")], "Duplicate tag keys"),
        (tags(**{"aws:a": "1"}), "Tags beginning with aws: are reserved"),
        (tags(**{"AWS:a": "1"}), "Tags beginning with aws: are reserved"),
        (tags(b="1", **{"aWs:": "1"}), "Tags beginning with aws: are reserved"),
    ],
)
@pytest.mark.parametrize("operation", ["CreateKey", "TagResource"])
def test_tags_that_no_request_may_bring(world: World, operation: str, new: Pairs, text: str) -> None:
    """Doubled and reserved tag keys are refused alike by CreateKey and TagResource, and nothing is kept of them."""
    key_id = world.make_key(Tags=tags(a="0"))["KeyId"]
    parameters: dict[str, Any] = {"Tags": new}
    if operation == "TagResource":
        parameters["KeyId"] = key_id
    assert world.refusal(operation, parameters) == ("TagException", text)
    assert listed(world, key_id) == tags(a="0")


@pytest.mark.parametrize("key", ["aws", "awsome:", "xaws:", "aws-a"])
def test_keys_that_only_look_reserved(world: World, key: str) -> None:
    """Reserved is `aws:` at the beginning, nothing else."""
    key_id = world.make_key(Tags=tags(**{key: ""}))["KeyId"]
    assert listed(world, key_id) == tags(**{key: ""})


def test_a_key_has_fifty_tags_at_most(world: World) -> None:
    """The 50th tag is kept and the 51st refused; at the limit, values may still change."""
    key_id = world.make_key(Tags=numbered(49))["KeyId"]
    world.call("TagResource", {"KeyId": key_id, "Tags": numbered(1, first=49)})
    refusal = world.refusal("TagResource", {"KeyId": key_id, "Tags": numbered(1, first=50)})
    assert refusal == ("TagException", "Too many tags")
    assert world.refusal("CreateKey", {"Tags": numbered(51)}) == ("TagException", "Too many tags")
    world.call("TagResource", {"KeyId": key_id, "Tags": tags(**{"key-7": "new"})})
    assert len(listed(world, key_id)) == 50
    assert listed(world, key_id)[7]["TagValue"] == "new"


@pytest.mark.parametrize(
    ("tag", "path", "highest"),
    [
        ({"TagKey": "k" * 129, "TagValue": ""}, "tagKey", 128),
        ({"TagKey": "k", "TagValue": "v" * 257}, "tagValue", 256),
    ],
)
@pytest.mark.parametrize("operation", ["CreateKey", "TagResource"])
def test_lengths_of_tags(world: World, operation: str, tag: dict[str, str], path: str, highest: int) -> None:
    """Keys have 128 and values 256 characters at most; the text counts the list's elements from 1."""
    parameters: dict[str, Any] = {"Tags": [*tags(fine=""), tag]}
    if operation == "TagResource":
        parameters["KeyId"] = world.make_key()["KeyId"]
    value = tag[path[0].upper() + path[1:]]
    text = (
        f"1 validation error detected: Value '{value}' at 'tags.2.member.{path}' failed to satisfy constraint: "
        f"Member must have length less than or equal to {highest}"
    )
    assert world.refusal(operation, parameters) == ("ValidationException", text)


def test_the_longest_tag(world: World) -> None:
    """128 characters of key and 256 of value are kept, whatever the characters."""
    longest = tags(**{"ключ" * 32: "värde€😀" * 36 + "vals"})
    key_id = world.make_key(Tags=longest)["KeyId"]
    assert listed(world, key_id) == longest


def test_tags_are_not_in_the_metadata(world: World) -> None:
    """DescribeKey says nothing of tags."""
    key = world.make_key()
    world.call("TagResource", {"KeyId": key["KeyId"], "Tags": tags(a="1")})
    assert world.call("DescribeKey", {"KeyId": key["KeyId"]}) == {"KeyMetadata": key}

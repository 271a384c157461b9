"""Listings in pages: every entry exactly once, and markers that are worth nothing but where they were issued."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.domain.iam.callers import Caller
from selfkms.domain.kms.aliases import Alias
from selfkms.domain.limits import PageLimit
from selfkms.domain.records import Put
from selfkms.services.context import Context
from selfkms.services.kms.paging import Paged, page

INVALID_MARKER = ("InvalidMarkerException", None)
ENTRIES = {"ListKeys": "Keys", "ListAliases": "Aliases", "ListResourceTags": "Tags"}
LISTED = {"ListKeys": "KeyId", "ListAliases": "AliasName", "ListResourceTags": "TagKey"}


def context_of(world: World) -> Context:
    return Context(
        caller=Caller.root(ALICE_ACCOUNT, ""),
        region=REGION,
        now=0.0,
        database=world.database,
        key_store=world.key_store,
        entropy=world.entropy,
        keys=world.keys,
    )


def fill(world: World, operation: str, count: int) -> dict[str, Any]:
    """Make so many entries of a listing; the parameters that ask for them."""
    if operation == "ListKeys":
        for _ in range(count):
            world.make_key()
        return {}
    if operation == "ListAliases":
        give_aliases(world, count)
        return {}
    tags = [{"TagKey": f"k{number}", "TagValue": ""} for number in range(count)]
    return {"KeyId": world.make_key(Tags=tags)["KeyId"]}


def give_aliases(world: World, count: int) -> str:
    """So many aliases of one key, as if they had been made one by one; the key's ID."""
    key_id: str = world.make_key()["KeyId"]
    aliases = [
        Alias(
            account_id=ALICE_ACCOUNT,
            region=REGION,
            alias_name=f"alias/{number:04}",
            target_key_id=key_id,
            created_at=0.0,
            updated_at=0.0,
        )
        for number in range(count)
    ]
    world.database.commit([Put(alias) for alias in aliases])
    return key_id


def pages(world: World, operation: str, parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All pages of a listing, each asked for with the marker of the one before."""
    answer = world.call(operation, parameters)
    yield answer
    while answer["Truncated"]:
        answer = world.call(operation, parameters | {"Marker": answer["NextMarker"]})
        yield answer


@pytest.mark.parametrize("operation", ENTRIES)
@pytest.mark.parametrize(("count", "limit"), [(0, 1), (1, 1), (2, 1), (5, 2), (6, 2), (6, 3), (6, 5), (6, 6), (6, 7)])
def test_a_walk_meets_every_entry_once(world: World, operation: str, count: int, limit: int) -> None:
    """Full pages but for the last, in order; only a page with another behind it is truncated and has a marker."""
    parameters = fill(world, operation, count)
    name = ENTRIES[operation]
    whole = world.call(operation, parameters)[name]
    assert len(whole) == count
    walked = list(pages(world, operation, parameters | {"Limit": limit}))
    assert [entry for answer in walked for entry in answer[name]] == whole
    assert [len(answer[name]) for answer in walked[:-1]] == [limit] * (len(walked) - 1)
    assert len(walked) == max(1, -(-count // limit))
    for answer in walked[:-1]:
        assert answer.keys() == {name, "Truncated", "NextMarker"}
    assert walked[-1].keys() == {name, "Truncated"}


@given(entries=st.lists(st.text(min_size=1), unique=True, max_size=12).map(sorted), limit=st.integers(1, 13))
@settings(deadline=None)
def test_any_entries_are_walked_once(entries: list[str], limit: int) -> None:
    """Whatever the names and the page size, the pages put together are the listing."""
    world_context = context_of(World())

    def read(after: str, count: int) -> Sequence[str]:
        return [entry for entry in entries if entry > after][:count]

    walked: list[str] = []
    marker: str | None = None
    for _ in range(len(entries) + 1):
        request = Paged(limit=limit, marker=marker)
        found, marker = page(world_context, "L", request, PageLimit(5, 10), read=read, position=str)
        assert len(found) <= min(limit, 10)
        walked += found
        if marker is None:
            break
    assert walked == entries


@pytest.mark.parametrize(
    ("operation", "limit", "expected"),
    [
        ("ListAliases", None, 50),
        ("ListAliases", 100, 100),
        ("ListAliases", 101, 100),
        ("ListAliases", 1000, 100),
        ("ListKeys", None, 100),
        ("ListKeys", 1000, 103),
    ],
)
def test_how_much_a_page_holds(world: World, operation: str, limit: int | None, expected: int) -> None:
    """The documented default, and at most the documented highest, whatever the request asks for."""
    if operation == "ListKeys":
        fill(world, operation, 103)
    else:
        give_aliases(world, 103)
    parameters = {} if limit is None else {"Limit": limit}
    answer = world.call(operation, parameters)
    assert len(answer[ENTRIES[operation]]) == expected
    assert answer["Truncated"] is (expected < 103)


def test_a_page_of_tags_holds_all_that_a_key_may_have(world: World) -> None:
    """50 tags by default and at most."""
    parameters = fill(world, "ListResourceTags", 50)
    for limit in ({}, {"Limit": 1000}):
        answer = world.call("ListResourceTags", parameters | limit)
        assert (len(answer["Tags"]), answer["Truncated"]) == (50, False)


@pytest.mark.parametrize("operation", ENTRIES)
@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (0, "Member must have value greater than or equal to 1"),
        (1001, "Member must have value less than or equal to 1000"),
    ],
)
def test_limits_that_are_refused(world: World, operation: str, limit: int, text: str) -> None:
    """The model lets 1 to 1,000 through."""
    parameters = fill(world, operation, 0) | {"Limit": limit}
    begin = f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
    assert world.refusal(operation, parameters) == ("ValidationException", begin + text)


@pytest.mark.parametrize("operation", ENTRIES)
def test_altered_markers_are_refused(world: World, operation: str) -> None:
    """A marker with any byte changed, cut, or made up is not one of ours."""
    parameters = fill(world, operation, 2) | {"Limit": 1}
    raw = urlsafe_b64decode(world.call(operation, parameters)["NextMarker"])
    forged = [raw[:length] for length in range(1, len(raw))] + [raw + b"a", bytes(16), bytes(16) + raw[16:]]
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 1
        forged.append(bytes(changed))
    texts = ["marker", "AA==", "=", " ", "ÿ", "alias/0000"] + [urlsafe_b64encode(one).decode() for one in forged]
    for text in texts:
        assert world.refusal(operation, parameters | {"Marker": text}) == INVALID_MARKER, text


@pytest.mark.parametrize("change", ["!{}", "{} ", "{}=", "{}\u00ff"])
def test_a_marker_has_one_text(world: World, change: str) -> None:
    """What was issued is one text; with more characters in it, it was not issued here."""
    fill(world, "ListKeys", 2)
    marker = world.call("ListKeys", {"Limit": 1})["NextMarker"]
    assert world.refusal("ListKeys", {"Marker": change.format(marker)}) == INVALID_MARKER


def test_markers_are_worth_nothing_elsewhere(world: World) -> None:
    """Another listing, another key, another account, another Region: each refuses what was issued for the first."""
    for _ in range(2):
        world.make_key(by=BOB_ACCOUNT)
        world.make_key(region="eu-west-1")
    tags = [{"TagKey": key, "TagValue": ""} for key in "ab"]
    first, second = (world.make_key(Tags=tags)["KeyId"] for _ in range(2))
    for name in ("alias/a", "alias/b"):
        world.call("CreateAlias", {"AliasName": name, "TargetKeyId": first})

    def marker(operation: str, **parameters: Any) -> str:
        issued: str = world.call(operation, {"Limit": 1, **parameters})["NextMarker"]
        return issued

    requests: list[tuple[str, dict[str, Any]]] = [
        ("ListKeys", {}),
        ("ListAliases", {}),
        ("ListAliases", {"KeyId": first}),
        ("ListResourceTags", {"KeyId": first}),
        ("ListResourceTags", {"KeyId": second}),
    ]
    markers = [marker(operation, **parameters) for operation, parameters in requests]
    for number, (operation, parameters) in enumerate(requests):
        for position, issued in enumerate(markers):
            if position == number:
                world.call(operation, parameters | {"Marker": issued})
            else:
                assert world.refusal(operation, parameters | {"Marker": issued}) == INVALID_MARKER
    own = {"Marker": markers[0]}
    assert world.refusal("ListKeys", own, by=BOB_ACCOUNT) == INVALID_MARKER
    assert world.refusal("ListKeys", own, region="eu-west-1") == INVALID_MARKER


def test_entries_that_come_and_go_do_not_disturb_a_walk(world: World) -> None:
    """An entry that was there all the time is met once, whatever happens around it between two pages."""
    aliases = [f"alias/{letter}" for letter in "bdf"]
    key_id = world.make_key()["KeyId"]
    for name in aliases:
        world.call("CreateAlias", {"AliasName": name, "TargetKeyId": key_id})
    first = world.call("ListAliases", {"Limit": 1})
    world.call("DeleteAlias", {"AliasName": "alias/b"})
    for name in ("alias/a", "alias/c"):
        world.call("CreateAlias", {"AliasName": name, "TargetKeyId": key_id})
    rest = world.call("ListAliases", {"Marker": first["NextMarker"]})
    assert [entry["AliasName"] for entry in rest["Aliases"]] == ["alias/c", "alias/d", "alias/f"]


def test_tags_removed_during_a_walk_hide_no_other(world: World) -> None:
    """When the tag that a marker stands at is gone, the listing begins anew rather than skip any."""
    tags = [{"TagKey": key, "TagValue": ""} for key in "abcd"]
    key_id = world.make_key(Tags=tags)["KeyId"]
    first = world.call("ListResourceTags", {"KeyId": key_id, "Limit": 2})
    world.call("UntagResource", {"KeyId": key_id, "TagKeys": ["b"]})
    rest = world.call("ListResourceTags", {"KeyId": key_id, "Marker": first["NextMarker"]})
    assert {"c", "d"} <= {tag["TagKey"] for tag in rest["Tags"]}


@pytest.mark.parametrize("operation", [*ENTRIES, "ListKeyPolicies"])
def test_markers_too_long_or_with_other_characters(world: World, operation: str) -> None:
    """The model bounds a marker at 1,024 characters from U+0020 to U+00FF."""
    parameters = {"KeyId": world.make_key()["KeyId"]} if operation in ("ListResourceTags", "ListKeyPolicies") else {}
    for marker in ("m" * 1025, "\t", "\u0100"):
        assert world.refusal(operation, parameters | {"Marker": marker})[0] == "ValidationException"

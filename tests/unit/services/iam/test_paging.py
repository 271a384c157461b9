"""Listings in pages: every entry exactly once, and markers that are worth nothing but where they were issued."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.world import BOB_ACCOUNT, World
from selfkms.domain.errors import ValidationError
from selfkms.domain.iam.callers import Caller
from selfkms.services.context import Context
from selfkms.services.iam.paging import Paged, page
from selfkms.services.markers import following

MakeContext = Callable[..., Context]


def reading(entries: Sequence[str]) -> Callable[[str, int], Sequence[str]]:
    """Entries as a database gives them."""
    return lambda after, count: [entry for entry in sorted(entries) if entry > after][:count]


def itself(entry: str) -> str:
    return entry


def pages(
    context: Context, entries: Sequence[str], max_items: int | None, listing: str = "ListThings"
) -> list[Sequence[str]]:
    """All pages of a listing."""
    found, marker, more = [], None, True
    while more:
        request = Paged(marker=marker, max_items=max_items)
        listed, marker = page(context, listing, request, read=reading(entries), position=itself)
        found.append(listed)
        more = marker is not None
    return found


def test_pages_hold_what_was_asked_for(make_context: MakeContext) -> None:
    """100 entries unless the request says so; the last page is not followed by an empty one."""
    entries = [f"{number:04}" for number in range(200)]
    assert [len(listed) for listed in pages(make_context(), entries, None)] == [100, 100]
    assert [len(listed) for listed in pages(make_context(), entries, 150)] == [150, 50]
    assert pages(make_context(), [], None) == [[]]


@pytest.fixture(scope="module")
def any_context() -> Context:
    """One for all examples: paging changes nothing."""
    world = World()
    return Context(
        caller=Caller.root(BOB_ACCOUNT, ""),
        region="us-east-1",
        now=0.0,
        database=world.database,
        key_store=world.key_store,
        entropy=world.entropy,
        keys=world.keys,
    )


@given(entries=st.sets(st.text("abc", min_size=1, max_size=4), max_size=20), max_items=st.integers(1, 7))
@settings(max_examples=50)
def test_every_entry_is_listed_once(any_context: Context, entries: set[str], max_items: int) -> None:
    """Whatever the size of the pages, they hold all entries in their order."""
    listed = [entry for entries_of in pages(any_context, sorted(entries), max_items) for entry in entries_of]
    assert listed == sorted(entries)


def a_marker(context: Context, listing: str = "ListThings") -> str:
    _, marker = page(context, listing, Paged(max_items=1), read=reading(["a", "b"]), position=itself)
    assert marker is not None
    return marker


def altered(marker: str) -> str:
    raw = bytearray(urlsafe_b64decode(marker))
    raw[-1] ^= 3
    return urlsafe_b64encode(raw).decode()


@pytest.mark.parametrize("marker", ["x", "é", "AAAA", "=", "a" * 320, "\xff"])
def test_what_is_no_marker_is_refused(make_context: MakeContext, marker: str) -> None:
    """Not base64, too short, no UTF-8: one error for all of it."""
    with pytest.raises(ValidationError):
        page(make_context(), "ListThings", Paged(marker=marker), read=reading([]), position=itself)


def test_a_marker_is_good_for_its_listing_and_account_alone(make_context: MakeContext) -> None:
    """Another listing, another account, or another position: refused."""
    context = make_context()
    marker = a_marker(context)
    listed, _ = page(context, "ListThings", Paged(marker=marker), read=reading(["a", "b"]), position=itself)
    assert listed == ["b"]
    others: list[tuple[Context, str, str]] = [
        (context, "ListOthers", marker),
        (make_context(Caller.root(BOB_ACCOUNT, "")), "ListThings", marker),
        (context, "ListThings", altered(marker)),
    ]
    for other, listing, sent in others:
        with pytest.raises(ValidationError):
            page(other, listing, Paged(marker=sent), read=reading(["a", "b"]), position=itself)


def test_the_longest_name_makes_a_marker_that_can_be_sent_back(world: World) -> None:
    """Names of 128 characters (those of groups) stay below the 320 that the model lets a marker have."""
    for letter in "ab":
        world.iam("CreateGroup", {"GroupName": letter * 128})
    first: Any = world.iam("ListGroups", {"MaxItems": 1})
    assert first["IsTruncated"] is True
    second: Any = world.iam("ListGroups", {"Marker": first["Marker"]})
    assert [group["GroupName"] for group in second["Groups"]] == ["b" * 128]


@pytest.mark.parametrize("operation", ["ListUsers", "ListGroups", "ListAccessKeys", "ListAccountAliases"])
def test_items_are_counted_from_one_to_a_thousand(world: World, operation: str) -> None:
    """More or fewer are refused in the words of the model."""
    for max_items in (0, 1001):
        status, code, text = world.iam_refusal(operation, {"MaxItems": max_items})
        assert (status, code) == (400, "ValidationError")
        assert text is not None
        assert "maxItems" in text


def test_what_is_all_there_goes_on_after_an_entry_or_begins_anew() -> None:
    """An entry that was removed meanwhile has no place: none is skipped."""
    read = following(["c", "a", "b"], position=itself)
    assert read("", 2) == ["c", "a"]
    assert read("a", 2) == ["b"]
    assert read("gone", 5) == ["c", "a", "b"]

"""Markers: worth nothing but where they were issued."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.world import World
from selfkms.services.markers import Listing, MarkerError, cut, each, following, only

TEXTS = st.lists(st.text(alphabet="a\n:\x00é", max_size=3), min_size=1, max_size=4)


def listing(*scope: str, purpose: str = "marker") -> Listing:
    return Listing(World().keys, purpose, *scope)


def test_a_marker_says_no_more_than_its_own_position() -> None:
    """`issue` and `position_of` are each other's inverse for one listing of one kind alone."""
    marker = listing("1", "eu-west-1", "ListKeys").issue("a\nb")
    assert listing("1", "eu-west-1", "ListKeys").position_of(marker) == "a\nb"
    assert listing("1", "eu-west-1", "ListKeys").position_of(None) == ""
    others = [
        listing("1", "eu-west-1", "ListAliases"),
        listing("1", "eu-west-1", "ListKeys\na"),
        listing("2", "eu-west-1", "ListKeys"),
        listing("1", "eu-west-2", "ListKeys"),
        listing("1", "eu-west-1", "ListKeys", purpose="another"),
    ]
    for other in others:
        with pytest.raises(MarkerError):
            other.position_of(marker)


@given(one=TEXTS, other=TEXTS)
@settings(deadline=None, max_examples=200)
def test_no_two_listings_share_a_marker(one: list[str], other: list[str]) -> None:
    """Wherever the parts begin and end: the last part of each is the position."""
    marker = listing(*one[:-1]).issue(one[-1])
    if one[:-1] == other[:-1]:
        assert listing(*other[:-1]).position_of(marker) == one[-1]
    else:
        with pytest.raises(MarkerError):
            listing(*other[:-1]).position_of(marker)


@pytest.mark.parametrize("marker", ["", "AA==", "=", " ", "ÿ", "!", "A" * 24])
def test_what_was_not_issued_is_refused(marker: str) -> None:
    """Too short, no base64, no ASCII, or made up."""
    with pytest.raises(MarkerError):
        listing("1").position_of(marker)


def test_a_marker_has_one_text() -> None:
    """Bits at the end of base64 that say nothing are looked at, too: no altered marker is taken."""
    of, alphabet = listing("1"), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_="
    for position in ("", "a", "ab", "abc"):
        marker = of.issue(position)
        altered = (marker[:at] + other + marker[at + 1 :] for at in range(len(marker)) for other in alphabet)
        for text in altered:
            if text != marker:
                with pytest.raises(MarkerError):
                    of.position_of(text)


@given(entries=st.lists(st.text(min_size=1, max_size=3), unique=True, max_size=8), count=st.integers(1, 9))
@settings(deadline=None, max_examples=100)
def test_the_pages_together_are_the_listing(entries: list[str], count: int) -> None:
    """Every entry once, in order; only what has another page behind it has a marker."""
    of = listing("1")
    found: list[str] = []
    marker: str | None = None
    while True:
        page, marker = cut(of, marker, count, read=following(entries, position=str), position=str)
        found += page
        assert (len(page) == count) or marker is None
        if marker is None:
            break
    assert found == entries


def test_an_entry_that_is_gone_hides_no_other() -> None:
    """The listing begins anew where the place is not there any more."""
    read = following("abcd", position=str)
    assert "".join(read("b", 9)) == "cd"
    left: Sequence[str] = "acd"
    assert "".join(following(left, position=str)("b", 9)) == "acd"


def reading(entries: Sequence[str]) -> Callable[[str, int], Sequence[str]]:
    """Entries as a database gives them."""
    return lambda after, count: [entry for entry in entries if entry > after][:count]


def test_looking_through_all_entries_reads_them_once() -> None:
    """More than one read holds, and exactly as many as some reads hold."""
    for count in (0, 1, 499, 500, 501, 1000):
        entries = [f"{number:05}" for number in range(count)]
        assert list(each(reading(entries), position=str)) == entries


def test_only_what_is_wanted_is_read_from_a_position_on() -> None:
    """A filter neither shortens a page nor loses its place."""
    entries = [f"{number:05}" for number in range(1200)]
    even = only(reading(entries), lambda entry: entry.endswith("00"), position=str)
    assert even("", 3) == ["00000", "00100", "00200"]
    assert even("00200", 100) == [f"{number:05}" for number in range(300, 1200, 100)]

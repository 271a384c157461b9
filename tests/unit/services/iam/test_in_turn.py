"""Listings of several kinds, one after the other."""

from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.services.iam.in_turn import Part, Placed, in_turn, position_of_placed
from selfkms.services.markers import Read, following

LETTERS = st.lists(st.sampled_from("abcdefgh"), unique=True).map(sorted)


def reading(**kinds: list[str]) -> Read[Placed]:
    return in_turn({kind: Part(following(entries, position=str), str) for kind, entries in kinds.items()})


@settings(max_examples=60)
@given(LETTERS, LETTERS, LETTERS, st.integers(1, 5))
def test_every_entry_comes_once_in_its_turn(first: list[str], second: list[str], third: list[str], count: int) -> None:
    """However many are on a page, and wherever a kind ends."""
    read = reading(x=first, y=second, z=third)
    found: list[Placed] = []
    while entries := read(position_of_placed(found[-1]) if found else "", count):
        assert len(entries) <= count
        found += entries
    assert [(p.kind, p.entry) for p in found] == [
        (kind, entry) for kind, entries in (("x", first), ("y", second), ("z", third)) for entry in entries
    ]


def test_a_kind_that_is_gone_begins_anew() -> None:
    """Rather twice than not at all."""
    assert [placed.entry for placed in reading(x=["a"], y=["b"])("z c", 5)] == ["a", "b"]


def test_without_kinds_there_is_nothing() -> None:
    """As with a filter that nothing passes."""
    assert list(in_turn({})("", 5)) == []

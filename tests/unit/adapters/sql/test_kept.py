"""What is kept and what goes."""

from collections import Counter

from selfkms.adapters.sql.kept import Kept


def test_the_longest_unasked_goes_first() -> None:
    """A full `Kept` drops what was not asked for the longest, and reads it again when it is asked for."""
    reads: Counter[str] = Counter()

    def read(name: str) -> str:
        reads[name] += 1
        return name.upper()

    kept = Kept(read, entries_max=2)
    for name in "abacb":
        assert kept.get(name) == name.upper()
    assert reads == {"a": 1, "b": 2, "c": 1}


def test_nothing_is_not_kept() -> None:
    """That there is no such entry is asked again; an empty entry is one and is kept."""
    reads: Counter[str] = Counter()

    def read(name: str) -> tuple[str, ...] | None:
        reads[name] += 1
        return () if name == "empty" else None

    kept = Kept(read, entries_max=2)
    for name in ("empty", "absent", "empty", "absent"):
        assert kept.get(name) == (() if name == "empty" else None)
    assert reads == {"empty": 1, "absent": 2}


def test_what_is_forgotten_is_read_again() -> None:
    """`forget` is about one entry, whether it is kept or not; `clear` about all of them."""
    reads: Counter[tuple[str, ...]] = Counter()

    def read(*name: str) -> object:
        reads[name] += 1
        return object()

    kept = Kept(read, entries_max=9)
    one, two = kept.get("a", "1"), kept.get("a", "2")
    kept.forget("a", "1")
    kept.forget("a", "3")
    assert kept.get("a", "1") is not one
    assert kept.get("a", "2") is two
    kept.clear()
    assert kept.get("a", "2") is not two
    assert reads == {("a", "1"): 2, ("a", "2"): 2}

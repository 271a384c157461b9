"""The file that says how far a transfer is."""

import itertools
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfkms.cli.transfer_state import Keeper, Ranges, StateError, TransferState, load, save

STATE = TransferState(snapshot_id="snap-1", size=7, modified_ns=5)


@given(st.lists(st.integers(0, 30)))
def test_ranges_hold_what_was_put_in(indices: list[int]) -> None:
    """In whatever order it came; neighbours are one range, and the pairs make the same ranges again."""
    ranges = Ranges()
    for index in indices:
        ranges.add(index)
    assert [index for index in range(32) if index in ranges] == sorted(set(indices))
    pairs = ranges.pairs()
    assert all(last + 1 < first for (_, last), (first, _) in itertools.pairwise(pairs))
    assert Ranges(pairs).pairs() == pairs


@pytest.mark.parametrize("pairs", [[(2, 1)], [(1, 3), (3, 4)], [(5, 6), (1, 2)], [(-1, 0)]])
def test_what_are_no_ranges_is_refused(pairs: list[tuple[int, int]]) -> None:
    """Backward, overlapping, out of order, below zero."""
    with pytest.raises(ValueError, match="to"):
        Ranges(pairs)


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    """By nobody but the owner, and without a trace of how it was written."""
    path = tmp_path / "state"
    save(path, STATE)
    save(path, TransferState(snapshot_id="snap-1", size=7, modified_ns=5, done=[(0, 3), (5, 5)]))
    read = load(path)
    assert read is not None
    assert read.done == [(0, 3), (5, 5)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_there_may_be_none(tmp_path: Path) -> None:
    """A transfer that begins."""
    assert load(tmp_path / "state") is None


@pytest.mark.parametrize("content", [b"", b"{}", b'{"snapshot_id": 1}', b"\x00\xff", b"[]"])
def test_another_file_is_no_state(tmp_path: Path, content: bytes) -> None:
    """The message says which, and what to do."""
    path = tmp_path / "state"
    path.write_bytes(content)
    with pytest.raises(StateError, match=r"state is not the state of a transfer; remove it"):
        load(path)


def test_ranges_that_are_none_are_no_state(tmp_path: Path) -> None:
    """They would say that blocks are there which are not."""
    with pytest.raises(StateError, match="remove it"):
        Keeper(tmp_path / "state", TransferState(snapshot_id="snap-1", size=7, modified_ns=5, done=[(4, 3)]))


def test_what_is_done_reaches_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the beginning, a second after the last time, and when asked; before it, what it speaks of is made durable."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    synced: list[list[tuple[int, int]] | None] = []
    path = tmp_path / "state"

    def note() -> None:
        before = load(path)
        synced.append(None if before is None else before.done)

    def written() -> list[tuple[int, int]]:
        state = load(path)
        assert state is not None
        return state.done

    keeper = Keeper(path, STATE, before=note)
    keeper.mark(4)
    assert written() == []
    now[0] = 1.0
    keeper.mark(6)
    assert written() == [(4, 4), (6, 6)]
    keeper.mark(5)
    keeper.save()
    assert written() == [(4, 6)]
    assert synced == [None, [], [(4, 4), (6, 6)]]
    keeper.remove()
    keeper.remove()
    assert not path.exists()

"""How far an import or an export is: a small file beside the image, so that an interrupted one goes on where it was."""

import os
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

_MODE: Final = 0o600
_SECONDS_BETWEEN: Final = 1.0


class StateError(Exception):
    """The file is no such state, or that of something else. The message says what to do."""


class Ranges:
    """A set of block indices; those that follow each other take no more room than one."""

    def __init__(self, pairs: Iterable[tuple[int, int]] = ()) -> None:
        """Begin with pairs of a first index and a last one.

        Raises:
            ValueError: one ends before it begins, or two overlap.
        """
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in pairs:
            if not (self._lasts[-1] if self._lasts else -1) < first <= last:
                raise ValueError(f"{first} to {last}")
            self._firsts.append(first)
            self._lasts.append(last)

    def __contains__(self, index: int) -> bool:
        at = bisect_right(self._firsts, index) - 1
        return at >= 0 and index <= self._lasts[at]

    def pairs(self) -> list[tuple[int, int]]:
        """The first and the last index of each range, ascending."""
        return list(zip(self._firsts, self._lasts, strict=True))

    def add(self, index: int) -> None:
        """Put an index in."""
        if index in self:
            return
        at = bisect_right(self._firsts, index)
        joins_before = at > 0 and self._lasts[at - 1] == index - 1
        joins_behind = at < len(self._firsts) and self._firsts[at] == index + 1
        if joins_before and joins_behind:
            self._lasts[at - 1] = self._lasts.pop(at)
            del self._firsts[at]
        elif joins_before:
            self._lasts[at - 1] = index
        elif joins_behind:
            self._firsts[at] = index
        else:
            self._firsts.insert(at, index)
            self._lasts.insert(at, index)


class TransferState(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says."""

    snapshot_id: str
    size: int
    """Of the image, in bytes."""
    modified_ns: int
    """Of the image that is imported; 0 for one that is being written."""
    done: list[tuple[int, int]] = []
    """The blocks that are there for good: pairs of a first index and a last one."""


def load(path: Path) -> TransferState | None:
    """The state that an interrupted transfer left; None: there is none.

    Raises:
        StateError: the file holds something else.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=TransferState)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError:
        raise StateError(f"{path} is not the state of a transfer; remove it to begin anew") from None


def save(path: Path, state: TransferState) -> None:
    """Put it in place of what was there, at once and for good; nobody but the owner may read it."""
    unfinished = path.with_name(f"{path.name}.new")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(state))
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


class Keeper:
    """Keeps the file of a transfer that runs. For one thread."""

    def __init__(self, path: Path, state: TransferState, *, before: Callable[[], None] = lambda: None) -> None:
        """Write it for the first time. `before` makes what the state speaks of durable.

        Raises:
            StateError: the ranges of the state are none.
        """
        self._path = path
        self._state = state
        self._before = before
        try:
            self.done = Ranges(state.done)
        except ValueError:
            raise StateError(f"{path} is not the state of a transfer; remove it to begin anew") from None
        self.save()

    def mark(self, index: int) -> None:
        """A block is there; the file learns of it within a second, as long as there are more."""
        self.done.add(index)
        if time.monotonic() - self._saved_at >= _SECONDS_BETWEEN:
            self.save()

    def save(self) -> None:
        """Write what is known by now."""
        self._before()
        save(self._path, msgspec.structs.replace(self._state, done=self.done.pairs()))
        self._saved_at = time.monotonic()

    def remove(self) -> None:
        """There is nothing to go on with."""
        self._path.unlink(missing_ok=True)

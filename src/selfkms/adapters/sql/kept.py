"""What was read last, up to a number of entries."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Kept(Generic[T_co]):
    """What was read last, at most so many entries; the one not asked for the longest goes first."""

    def __init__(self, read: Callable[..., T_co | None], entries_max: int) -> None:
        """`read` takes the parts of an entry's name and gives the entry, or None if there is none."""
        self._read = read
        self._entries_max = entries_max
        self._entries: OrderedDict[tuple[str, ...], T_co] = OrderedDict()

    def get(self, *name: str) -> T_co | None:
        """The entry, read if it is not kept."""
        entry = self._entries.get(name)
        if entry is not None:
            self._entries.move_to_end(name)
            return entry
        entry = self._read(*name)
        if entry is not None:
            self._entries[name] = entry
            if len(self._entries) > self._entries_max:
                self._entries.popitem(last=False)
        return entry

    def kept(self, *name: str) -> T_co | None:
        """The entry, if it is kept."""
        return self._entries.get(name)

    def forget_where(self, wrong: Callable[[tuple[str, ...], T_co], bool]) -> None:
        """Read entries again of which this is said, by their names and themselves."""
        for name in [name for name, entry in self._entries.items() if wrong(name, entry)]:
            del self._entries[name]

    def forget(self, *name: str) -> None:
        """Read this entry again when it is asked for."""
        self._entries.pop(name, None)

    def clear(self) -> None:
        """Read every entry again when it is asked for."""
        self._entries.clear()

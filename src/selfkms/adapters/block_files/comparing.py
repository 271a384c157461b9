"""What is not the same in two block maps."""

from collections.abc import Iterator

from selfkms.adapters.block_files.layout import MAP_ENTRY_BYTES, index_of, slot_of
from selfkms.adapters.block_files.maps import PAGE_ENTRIES, MapFile
from selfkms.ports.block_store import ChangedBlock


class _Cursor:
    """A place in a map."""

    def __init__(self, block_map: MapFile, start: int) -> None:
        self._map = block_map
        self._number, first = divmod(block_map.position(start), PAGE_ENTRIES)
        self._at = first * MAP_ENTRY_BYTES
        self._page = block_map.page(self._number)

    @property
    def entry(self) -> bytes:
        """The entry here, empty behind the last one."""
        return self._page[self._at : self._at + MAP_ENTRY_BYTES]

    @property
    def place(self) -> tuple[str, int]:
        """Where the block of this entry is."""
        return self._map.pack_of(self.entry), slot_of(self.entry)

    def ahead(self, count: int) -> bytes:
        """The next entries, as many as the page has."""
        return self._page[self._at : self._at + count * MAP_ENTRY_BYTES]

    def pass_by(self, count: int) -> None:
        """Go on by so many entries, which the page has."""
        self._at += count * MAP_ENTRY_BYTES
        if self._at == len(self._page):
            self._number, self._at = self._number + 1, 0
            self._page = self._map.page(self._number)


def changes(first: MapFile, second: MapFile, start: int) -> Iterator[ChangedBlock]:
    """Blocks from an index on that are stored elsewhere, or that one map alone has. Both are of one lineage."""
    before, after = _Cursor(first, start), _Cursor(second, start)
    run = PAGE_ENTRIES
    while before.entry or after.entry:
        # What is inherited has the same bytes. Stretches of it are compared at once, ever longer ones.
        ahead, other = before.ahead(run), after.ahead(run)
        shorter = min(len(ahead), len(other))
        if shorter and ahead[:shorter] == other[:shorter]:
            before.pass_by(shorter // MAP_ENTRY_BYTES)
            after.pass_by(shorter // MAP_ENTRY_BYTES)
            run = min(2 * run, PAGE_ENTRIES)
        elif run > 1:
            run //= 2
        else:
            yield from _step(before, after)


def _step(before: _Cursor, after: _Cursor) -> Iterator[ChangedBlock]:
    """Pass by the block with the lowest index of both."""
    indices = [index_of(cursor.entry) for cursor in (before, after) if cursor.entry]
    block_index = min(indices)
    in_first = bool(before.entry) and index_of(before.entry) == block_index
    in_second = bool(after.entry) and index_of(after.entry) == block_index
    if not (in_first and in_second and before.place == after.place):
        yield ChangedBlock(block_index, in_first, in_second)
    if in_first:
        before.pass_by(1)
    if in_second:
        after.pass_by(1)

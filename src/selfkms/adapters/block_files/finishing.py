"""A finished pack laid over the map of the parent."""

import hashlib
from collections.abc import Callable, Iterator

from selfkms.adapters.block_files.layout import (
    MAP_ENTRY_BYTES,
    PackRow,
    index_of,
    lower_bound,
    open_digest,
    pack_number_of,
)
from selfkms.adapters.block_files.maps import MapFile, MapWriter
from selfkms.adapters.block_files.packs import LatestEntries, PackEntries
from selfkms.crypto.blocks import NUMBER_BYTES, DigestSeals
from selfkms.ports.block_store import Finished


class Finishing:
    """One pack on its way into a map. Every entry of the pack is opened once, also those that do not count."""

    def __init__(self, pack: str, parent: MapFile | None, seals: DigestSeals) -> None:
        self._seals = seals
        self._parent = parent
        self._rows = list(parent.rows) if parent is not None else []
        assert all(row.name != pack for row in self._rows if row.blocks), "a pack does not inherit from itself"
        self._digests = hashlib.sha256()
        free = (number for number, row in enumerate(self._rows) if not row.blocks)
        # A number that no entry has any more is given anew: in a long line of snapshots the rows stay few.
        self._own_number = next(free, len(self._rows))
        self._pack = pack

    def write(self, entries: PackEntries, writer: MapWriter) -> Finished:
        """Write the map.

        Raises:
            BlockCorruptError: an entry of the pack, or the parent's map, is not what was written.
        """
        latest = LatestEntries(entries, superseded=lambda entry: open_digest(self._seals, entry))
        self._rows[self._own_number : self._own_number + 1] = [PackRow(self._pack, latest.count)]
        for merged in merge(self._parent, self._own(latest), self._overridden):
            writer.add(merged)
        while self._rows and not self._rows[-1].blocks:
            self._rows.pop()
        return Finished(writer.finish(self._rows), latest.count, self._digests.digest())

    def _own(self, latest: LatestEntries) -> Iterator[bytes]:
        number = self._own_number.to_bytes(NUMBER_BYTES)
        for entry in latest:
            self._digests.update(open_digest(self._seals, entry))
            yield entry + number

    def _overridden(self, map_entry: bytes) -> None:
        number = pack_number_of(map_entry)
        name, blocks = self._rows[number]
        self._rows[number] = PackRow(name, blocks - 1)


def merge(parent: MapFile | None, own: Iterator[bytes], overridden: Callable[[bytes], None]) -> Iterator[bytes]:
    """Map entries in pieces, by ascending index: the own ones, and those of the parent that they do not override.

    Pages of the parent in which nothing changed go through as they are.
    """
    pending = next(own, None)
    for number in range(parent.pages if parent is not None else 0):
        assert parent is not None
        page = parent.page(number)
        last = index_of(page[-MAP_ENTRY_BYTES:])
        at = 0
        while pending is not None and (block_index := index_of(pending)) <= last:
            stop = lower_bound(page, block_index) * MAP_ENTRY_BYTES
            yield page[at:stop] + pending
            at = stop
            if index_of(page[stop:]) == block_index:
                overridden(page[stop : stop + MAP_ENTRY_BYTES])
                at += MAP_ENTRY_BYTES
            pending = next(own, None)
        yield page[at:]
    if pending is not None:
        yield pending
        yield from own

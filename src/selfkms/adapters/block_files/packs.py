"""Packs: what one upload or copy writes, from any number of processes and threads at once.

A block is written in three steps: its ciphertext into a slot of its own, synced; then its entry, synced; then the
answer. So an entry never speaks of a block that is not on disk, and what has no entry was never acknowledged.
"""

import fcntl
import os
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from selfkms.adapters.audit_files.segments import sync_directory, write_all
from selfkms.adapters.block_files.layout import (
    ENTRY_BYTES,
    PACK_BLOCKS,
    PACK_ENTRIES,
    index_of,
    is_no_entry,
    slot_of,
)
from selfkms.adapters.block_files.opened import open_to_write
from selfkms.domain.ebs.blocks import BLOCK_BYTES, BLOCKS_MAX
from selfkms.ports.block_store import BlockCorruptError, BlockStoreUnavailableError

_CHUNK_ENTRIES: Final = 16_384
_REGION_BLOCKS: Final = 4_096


def blocks_file(directory: Path, pack: str) -> Path:
    """The slots of a pack."""
    return directory / f"{pack}.{PACK_BLOCKS}"


def entries_file(directory: Path, pack: str) -> Path:
    """The entries of a pack."""
    return directory / f"{pack}.{PACK_ENTRIES}"


class PackWriter:
    """A pack, open to be written to. Each thread has one of its own: the locks are between open files."""

    def __init__(self, directory: Path, pack: str) -> None:
        """Open the files of a pack, or make them."""
        self.blocks = open_to_write(blocks_file(directory, pack))
        try:
            self.entries = open_to_write(entries_file(directory, pack))
        except OSError:
            os.close(self.blocks)
            raise
        # Each writer does, since the one that made them may have died before it could.
        sync_directory(directory)

    def reserve(self) -> int:
        """The number of a slot that nobody else writes to. The file grows by it, and takes room once it is filled.

        A slot is never given twice: an entry is written only once the length that has its slot is on disk.
        """
        with locked(self.blocks):
            slot = -(-os.fstat(self.blocks).st_size // BLOCK_BYTES)
            os.ftruncate(self.blocks, (slot + 1) * BLOCK_BYTES)
        return slot

    def write(self, slot: int, ciphertext: bytes | bytearray) -> None:
        """Fill a slot; `sync_blocks` makes it last."""
        write_all(self.blocks, ciphertext, slot * BLOCK_BYTES)

    def sync_blocks(self) -> None:
        """Make all slots last that were filled before."""
        os.fdatasync(self.blocks)

    def append(self, entry: bytes) -> None:
        """Add an entry, durably.

        Raises:
            BlockStoreUnavailableError: the pack was removed meanwhile.
        """
        with locked(self.entries):
            # What a writer that died or found the disk full left of an entry is written over.
            self.add(entry, os.fstat(self.entries).st_size // ENTRY_BYTES)
        os.fdatasync(self.entries)

    def add(self, entries: bytes, position: int) -> None:
        """Write entries from a position on; the caller holds the lock, and syncs them.

        Raises:
            BlockStoreUnavailableError: see `append`.
        """
        if not os.fstat(self.entries).st_nlink:
            raise BlockStoreUnavailableError("the pack was removed")
        write_all(self.entries, entries, position * ENTRY_BYTES)

    def close(self) -> None:
        os.close(self.blocks)
        os.close(self.entries)


class PackEntries:
    """The entries of a pack, to be read."""

    def __init__(self, directory: Path, pack: str) -> None:
        """Open them; a pack that is missing has none."""
        try:
            self._descriptor = os.open(entries_file(directory, pack), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """The entries in their order, each with its position; what was never acknowledged is passed over."""
        position = 0
        while self._descriptor >= 0:
            chunk = os.pread(self._descriptor, _CHUNK_ENTRIES * ENTRY_BYTES, position * ENTRY_BYTES)
            for at in range(0, len(chunk) - ENTRY_BYTES + 1, ENTRY_BYTES):
                entry = chunk[at : at + ENTRY_BYTES]
                if not is_no_entry(entry):
                    yield position, entry
                position += 1
            if len(chunk) < _CHUNK_ENTRIES * ENTRY_BYTES:
                break

    def at(self, position: int) -> bytes:
        """The entry at a position."""
        return os.pread(self._descriptor, ENTRY_BYTES, position * ENTRY_BYTES)


class LatestEntries:
    """For each block index the position of the entry that counts.

    Of several it is the one with the highest slot, not the last one: slots are authentic, the order of entries is not.
    Memory is 4 bytes for each block of a volume at most (8 MiB for a TiB), in regions of 2 GiB that have any block.
    """

    def __init__(self, entries: PackEntries, superseded: Callable[[bytes], object] = index_of) -> None:
        """Read all entries; those that do not count are handed to `superseded`.

        Raises:
            BlockCorruptError: an index that no volume has.
        """
        self.count = 0
        self._entries = entries
        self._regions: dict[int, array[int]] = {}
        for position, entry in entries:
            superseded_entry = self._add(position, entry)
            if superseded_entry is not None:
                superseded(superseded_entry)

    def _add(self, position: int, entry: bytes) -> bytes | None:
        block_index = index_of(entry)
        if block_index >= BLOCKS_MAX:
            raise BlockCorruptError(f"entry {position} of the pack has an index that no volume has")
        number, place = divmod(block_index, _REGION_BLOCKS)
        region = self._regions.get(number)
        if region is None:
            region = self._regions[number] = array("I", bytes(4 * _REGION_BLOCKS))
        # Positions are kept one higher, so that 0 is none.
        known = region[place]
        if not known:
            region[place] = position + 1
            self.count += 1
            return None
        other = self._entries.at(known - 1)
        if slot_of(other) > slot_of(entry):
            return entry
        region[place] = position + 1
        return other

    def __iter__(self) -> Iterator[bytes]:
        """The entries that count, by ascending block index."""
        for number in sorted(self._regions):
            for known in self._regions[number]:
                if known:
                    yield self._entries.at(known - 1)


@contextmanager
def locked(descriptor: int) -> Iterator[None]:
    """Alone among all processes and threads that opened the file by themselves."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)

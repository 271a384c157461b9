"""Block maps: written once, checked as a whole when they are opened, and page by page whenever they are read."""

import contextlib
import hashlib
import hmac
import os
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from selfkms.adapters.audit_files.segments import sync_directory
from selfkms.adapters.block_files.layout import (
    MAP,
    MAP_ENTRY_BYTES,
    MAP_MAGIC,
    UNFINISHED,
    PackRow,
    decode_map_end,
    encode_map_end,
    index_of,
    lower_bound,
    pack_number_of,
)
from selfkms.adapters.block_files.opened import FILE_MODE, open_to_read
from selfkms.domain.ebs.blocks import CHECKSUM_BYTES, BlockMap
from selfkms.ports.block_store import BlockCorruptError

PAGE_ENTRIES: Final = 256
PAGE_BYTES: Final = PAGE_ENTRIES * MAP_ENTRY_BYTES

_BUFFER_BYTES: Final = 1_048_576


def map_file(directory: Path, map_id: str, pack: str) -> Path:
    """The file of a map. It names the pack that the map was made from, so that it stays as long as that upload runs."""
    return directory / f"{map_id}.{pack}.{MAP}"


class MapFile:
    """A block map, open. Of each page of 256 entries the first index and the digest are in memory, 36 bytes."""

    def __init__(self, directory: Path, block_map: BlockMap) -> None:
        """Read the whole file once.

        Raises:
            BlockCorruptError: it is not the one that the record speaks of.
        """
        self._name = f"block map {block_map.map_id}"
        self.count = block_map.count
        self._first_indices = array("I")
        self._digests = bytearray()
        self._last_read = (-1, b"")
        self._descriptor = open_to_read(map_file(directory, block_map.map_id, block_map.pack))
        try:
            self.rows = self._check(block_map.sha256)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _check(self, sha256: str) -> list[PackRow]:
        end_at = len(MAP_MAGIC) + self.count * MAP_ENTRY_BYTES
        whole = hashlib.sha256(os.pread(self._descriptor, len(MAP_MAGIC), 0))
        for offset in range(len(MAP_MAGIC), end_at, PAGE_BYTES):
            page = os.pread(self._descriptor, min(PAGE_BYTES, end_at - offset), offset)
            whole.update(page)
            self._first_indices.append(index_of(page))
            self._digests += hashlib.sha256(page).digest()
        end = os.pread(self._descriptor, max(os.fstat(self._descriptor).st_size - end_at, 0), end_at)
        whole.update(end)
        if not hmac.compare_digest(whole.hexdigest(), sha256):
            raise self._corrupt()
        rows = decode_map_end(end)
        if end != encode_map_end(rows, self.count):
            raise self._corrupt()
        return rows

    def _corrupt(self) -> BlockCorruptError:
        return BlockCorruptError(f"{self._name} is not what was written")

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return len(self._first_indices)

    def page(self, number: int) -> bytes:
        """The entries of a page; all but the last one have 256. Behind the last there is an empty one.

        Raises:
            BlockCorruptError: it is not what it was when the map was opened.
        """
        if number >= self.pages:
            return b""
        if self._last_read[0] != number:
            count = min(PAGE_ENTRIES, self.count - number * PAGE_ENTRIES)
            page = os.pread(self._descriptor, count * MAP_ENTRY_BYTES, len(MAP_MAGIC) + number * PAGE_BYTES)
            digest = bytes(self._digests[number * CHECKSUM_BYTES : (number + 1) * CHECKSUM_BYTES])
            if not hmac.compare_digest(hashlib.sha256(page).digest(), digest):
                raise self._corrupt()
            self._last_read = (number, page)
        return self._last_read[1]

    def find(self, block_index: int) -> bytes | None:
        """The entry of a block."""
        entry = next(self.entries(self.position(block_index)), None)
        return entry if entry is not None and index_of(entry) == block_index else None

    def position(self, block_index: int) -> int:
        """How many entries are of blocks before this one."""
        number = max(bisect_right(self._first_indices, block_index) - 1, 0)
        return number * PAGE_ENTRIES + lower_bound(self.page(number), block_index)

    def entries(self, position: int) -> Iterator[bytes]:
        """The entries from a position on."""
        number, first = divmod(position, PAGE_ENTRIES)
        while page := self.page(number):
            for at in range(first * MAP_ENTRY_BYTES, len(page), MAP_ENTRY_BYTES):
                yield page[at : at + MAP_ENTRY_BYTES]
            number, first = number + 1, 0

    def pack_of(self, entry: bytes) -> str:
        """The pack that has the block of an entry."""
        return self.rows[pack_number_of(entry)].name

    def close(self) -> None:
        os.close(self._descriptor)


class MapWriter:
    """A block map under way, under a name that nobody reads."""

    def __init__(self, directory: Path, lineage: str, map_id: str, pack: str, *, random: bytes) -> None:
        """Begin; `random` keeps two that make the same map apart."""
        self._directory = directory
        self._named = (lineage, map_id, pack)
        self._path = directory / f"{map_id}.{pack}.{random.hex()}.{UNFINISHED}"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        self._file = os.fdopen(descriptor, "wb", buffering=_BUFFER_BYTES)
        self._whole = hashlib.sha256()
        self._written = 0
        self._add(MAP_MAGIC)

    def add(self, entries: bytes) -> None:
        """Write the next entries."""
        self._add(entries)
        self._written += len(entries) // MAP_ENTRY_BYTES

    def _add(self, data: bytes) -> None:
        self._file.write(data)
        self._whole.update(data)

    def finish(self, rows: list[PackRow]) -> BlockMap:
        """Write the end and give the map its name, durably."""
        lineage, map_id, pack = self._named
        self._add(encode_map_end(rows, self._written))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._path.replace(map_file(self._directory, map_id, pack))
        sync_directory(self._directory)
        return BlockMap(
            lineage=lineage,
            map_id=map_id,
            pack=pack,
            sha256=self._whole.hexdigest(),
            count=self._written,
            packs=tuple(sorted(row.name for row in rows if row.blocks)),
        )

    def abandon(self) -> None:
        """Leave nothing behind, if it was not finished."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

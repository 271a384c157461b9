"""Blocks of snapshots in files: `<directory>/<lineage>/`, with the packs and block maps of the lineage."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from selfkms.adapters.block_files.comparing import changes
from selfkms.adapters.block_files.copying import (
    BATCH_BLOCKS,
    BATCHES_UNDER_WAY,
    Copier,
    SourceBlock,
    Target,
    copied_before,
    read_block,
)
from selfkms.adapters.block_files.finishing import Finishing
from selfkms.adapters.block_files.layout import ENTRY_BYTES, encode_entry, index_of
from selfkms.adapters.block_files.maps import MapFile, MapWriter
from selfkms.adapters.block_files.opened import Newest, answering, make_directories, open_to_read
from selfkms.adapters.block_files.packs import (
    LatestEntries,
    PackEntries,
    PackWriter,
    blocks_file,
    entries_file,
    locked,
)
from selfkms.adapters.block_files.removal import names_in, remove_all_but
from selfkms.crypto.blocks import RANDOM_BYTES, BlockCipher, DigestSeals
from selfkms.domain.ebs.blocks import BLOCK_BYTES, BLOCKS_MAX, CHECKSUM_BYTES, BlockMap, check_names
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.ports.block_store import Block, BlockStoreUnavailableError, ChangedBlock, Finished, Progress
from selfkms.ports.entropy import Entropy

MAPS_OPEN: Final = 8
"""A map of 1 TiB takes 300 KB of memory while it is open."""
PACKS_OPEN: Final = BATCH_BLOCKS * BATCHES_UNDER_WAY
"""To read from: as many as the blocks may come from that are being copied at once."""
WRITERS_OPEN: Final = 16


class FileBlockStore:
    """`ports.block_store.BlockStore` in a directory. Files are kept open: after a fork a process makes its own."""

    def __init__(self, directory: Path, entropy: Entropy) -> None:
        """Prepare; the directory is made when a first block is written, in one that is there."""
        self._directory = directory
        self._entropy = entropy
        self._buffer = bytearray(BLOCK_BYTES)
        self._maps: Newest[BlockMap, MapFile] = Newest(MAPS_OPEN, MapFile.close)
        self._packs: Newest[tuple[str, str], int] = Newest(PACKS_OPEN, os.close)
        self._writers: Newest[tuple[str, str], PackWriter] = Newest(WRITERS_OPEN, PackWriter.close)
        self._copier: Copier | None = None
        self._copied: dict[tuple[str, str], tuple[BlockMap, int]] = {}

    def put(
        self, lineage: str, pack: str, block_index: int, block: Secret, *, checksum: bytes, data_key: Secret
    ) -> None:
        check_names(lineage, pack)
        assert 0 <= block_index < BLOCKS_MAX
        assert (len(block), len(checksum)) == (BLOCK_BYTES, CHECKSUM_BYTES)
        BlockCipher(data_key).encrypt(block_index, block.open(SECRET_ACCESS), self._buffer)
        seals = DigestSeals(data_key, lineage, pack)
        with self._writing(lineage, pack) as writer:
            slot = writer.reserve()
            writer.write(slot, self._buffer)
            writer.sync_blocks()
            random = self._entropy.random_bytes(RANDOM_BYTES)
            writer.append(encode_entry(block_index, seals.seal(block_index, slot, checksum, random=random)))

    def finish(self, lineage: str, pack: str, map_id: str, *, parent: BlockMap | None, data_key: Secret) -> Finished:
        check_names(lineage, pack, map_id)
        assert parent is None or parent.lineage == lineage
        with answering():
            finishing = Finishing(
                pack, self._map(parent) if parent is not None else None, DigestSeals(data_key, lineage, pack)
            )
            directory = self._made(lineage)
            random = self._entropy.random_bytes(RANDOM_BYTES)
            writer = MapWriter(directory, lineage, map_id, pack, random=random)
            try:
                with PackEntries(directory, pack) as entries:
                    return finishing.write(entries, writer)
            finally:
                writer.abandon()

    def get(self, block_map: BlockMap, block_index: int, *, data_key: Secret) -> Block | None:
        with answering():
            opened = self._map(block_map)
            entry = opened.find(block_index)
            if entry is None:
                return None
            pack = opened.pack_of(entry)
            seals = DigestSeals(data_key, block_map.lineage, pack)
            descriptor = self._pack(block_map.lineage, pack)
            checksum = read_block(descriptor, entry, BlockCipher(data_key), seals, self._buffer)
        return Block(Secret(bytes(self._buffer)), checksum)

    def indices(self, block_map: BlockMap, *, start: int, limit: int) -> list[int]:
        with answering():
            opened = self._map(block_map)
            entries = opened.entries(opened.position(start))
            return [index_of(entry) for entry, _ in zip(entries, range(limit), strict=False)]

    def changed(self, first: BlockMap | None, second: BlockMap, *, start: int, limit: int) -> list[ChangedBlock]:
        if first is None:
            found = self.indices(second, start=start, limit=limit)
            return [ChangedBlock(block_index, in_first=False, in_second=True) for block_index in found]
        assert first.lineage == second.lineage
        with answering():
            differing = changes(self._map(first), self._map(second), start)
            return [change for change, _ in zip(differing, range(limit), strict=False)]

    def copy(
        self, source: BlockMap, source_key: Secret, lineage: str, pack: str, data_key: Secret, *, limit: int
    ) -> Progress:
        check_names(lineage, pack)
        with self._writing(lineage, pack) as writer:
            opened = self._map(source)
            target = Target(
                writer, BlockCipher(source_key), BlockCipher(data_key), DigestSeals(data_key, lineage, pack)
            )
            # For the whole batch: a second process that takes up the same copy waits, and then goes on behind.
            with locked(writer.entries):
                position = self._copied_before(source, opened, writer, (lineage, pack))
                entries = (entry for entry, _ in zip(opened.entries(position), range(limit), strict=False))
                copied = self._threads().copy(entries, self._locator(source, opened, source_key), target, position)
                self._copied = {(lineage, pack): (source, copied)}
        return Progress(copied, source.count)

    def _copied_before(
        self, source: BlockMap, opened: MapFile, writer: PackWriter, target_name: tuple[str, str]
    ) -> int:
        """How far a copy is. What this instance did is remembered, so that not every batch reads all entries."""
        known_source, position = self._copied.get(target_name, (None, 0))
        if known_source == source and os.fstat(writer.entries).st_size == position * ENTRY_BYTES:
            return position
        return copied_before(writer, opened)

    def _locator(self, source: BlockMap, opened: MapFile, source_key: Secret) -> Callable[[bytes], SourceBlock]:
        seals: dict[str, DigestSeals] = {}

        def locate(entry: bytes) -> SourceBlock:
            pack = opened.pack_of(entry)
            if pack not in seals:
                seals[pack] = DigestSeals(source_key, source.lineage, pack)
            return SourceBlock(entry, self._pack(source.lineage, pack), seals[pack])

        return locate

    def _threads(self) -> Copier:
        if self._copier is None:
            self._copier = Copier(self._entropy)
        return self._copier

    def written(self, lineage: str, pack: str) -> int:
        check_names(lineage, pack)
        with answering(), PackEntries(self._directory / lineage, pack) as entries:
            return LatestEntries(entries).count

    def copied(self, lineage: str, pack: str) -> int:
        state = self._entries_state(lineage, pack)
        return 0 if state is None else state.st_size // ENTRY_BYTES

    def last_written_at(self, lineage: str, pack: str) -> float | None:
        state = self._entries_state(lineage, pack)
        return state.st_mtime if state is not None and state.st_size >= ENTRY_BYTES else None

    def _entries_state(self, lineage: str, pack: str) -> os.stat_result | None:
        check_names(lineage, pack)
        with answering():
            try:
                return entries_file(self._directory / lineage, pack).stat()
            except FileNotFoundError:
                return None

    def held(self, lineage: str) -> Collection[str]:
        check_names(lineage)
        with answering():
            return names_in(self._directory / lineage)

    def keep_only(
        self, lineage: str, maps: Sequence[BlockMap], packs: Sequence[str], *, of: Collection[str] | None = None
    ) -> None:
        check_names(lineage, *packs)
        assert all(block_map.lineage == lineage for block_map in maps)
        self._maps.forget(lambda block_map: block_map.lineage == lineage)
        self._packs.forget(lambda name: name[0] == lineage)
        self._writers.forget(lambda name: name[0] == lineage)
        with answering():
            remove_all_but(self._directory / lineage, maps, packs, of=of)

    def close(self) -> None:
        """Let go of all files and threads."""
        self._maps.close()
        self._packs.close()
        self._writers.close()
        if self._copier is not None:
            self._copier.close()

    def _made(self, lineage: str) -> Path:
        """The directory of a lineage, which is there from now on."""
        directory = self._directory / lineage
        make_directories(self._directory, directory)
        return directory

    def _map(self, block_map: BlockMap) -> MapFile:
        check_names(block_map.lineage, block_map.map_id, block_map.pack)
        return self._maps.get(block_map, lambda: MapFile(self._directory / block_map.lineage, block_map))

    def _pack(self, lineage: str, pack: str) -> int:
        def open_it() -> int:
            return open_to_read(blocks_file(self._directory / lineage, pack))

        name = (lineage, pack)
        descriptor = self._packs.get(name, open_it)
        if not os.fstat(descriptor).st_nlink:
            self._packs.forget(lambda known: known == name)
            descriptor = self._packs.get(name, open_it)
        return descriptor

    @contextmanager
    def _writing(self, lineage: str, pack: str) -> Iterator[PackWriter]:
        """A pack to write to. After a failure it is opened anew: it may have been removed."""
        name = (lineage, pack)
        try:
            with answering():
                yield self._writers.get(name, lambda: PackWriter(self._made(lineage), pack))
        except BlockStoreUnavailableError:
            self._writers.forget(lambda known: known == name)
            raise

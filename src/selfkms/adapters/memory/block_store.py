"""Blocks of snapshots in dictionaries, for tests."""

import hashlib
import threading
from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from selfkms.domain.ebs.blocks import BLOCK_BYTES, BLOCKS_MAX, CHECKSUM_BYTES, BlockMap, check_names
from selfkms.domain.secrets import Secret
from selfkms.ports.block_store import (
    Block,
    BlockCorruptError,
    BlockStoreUnavailableError,
    ChangedBlock,
    Finished,
    Progress,
)


class _Stored(NamedTuple):
    pack: str
    slot: int
    block: Block
    data_key: Secret


class _Map(NamedTuple):
    pack: str
    blocks: dict[int, _Stored]


class _Pack:
    def __init__(self) -> None:
        self.blocks: dict[int, _Stored] = {}
        self.slots = 0
        self.written_at: float | None = None


class MemoryBlockStore:
    """`ports.block_store.BlockStore` without files. Unlike the real one, an instance serves any number of threads."""

    def __init__(self, wall: Callable[[], float]) -> None:
        """Begin with nothing; `wall` is the wall clock, seconds since the epoch."""
        self._wall = wall
        self._lock = threading.Lock()
        self._packs: dict[tuple[str, str], _Pack] = {}
        self._maps: dict[tuple[str, str], _Map] = {}
        self.full = False
        """Whether writing fails as on a full disk."""

    def put(
        self, lineage: str, pack: str, block_index: int, block: Secret, *, checksum: bytes, data_key: Secret
    ) -> None:
        check_names(lineage, pack)
        assert 0 <= block_index < BLOCKS_MAX
        assert (len(block), len(checksum)) == (BLOCK_BYTES, CHECKSUM_BYTES)
        with self._lock:
            self._check_room()
            self._put(lineage, pack, block_index, Block(block, checksum), data_key)

    def _put(self, lineage: str, pack: str, block_index: int, block: Block, data_key: Secret) -> None:
        kept = self._packs.setdefault((lineage, pack), _Pack())
        kept.blocks[block_index] = _Stored(pack, kept.slots, block, data_key)
        kept.slots += 1
        kept.written_at = self._wall()

    def finish(self, lineage: str, pack: str, map_id: str, *, parent: BlockMap | None, data_key: Secret) -> Finished:
        check_names(lineage, pack, map_id)
        with self._lock:
            self._check_room()
            own = dict(sorted(self._pack(lineage, pack).blocks.items()))
            for stored in own.values():
                _open(stored, data_key)
            merged = dict(sorted({**(self._map(parent) if parent is not None else {}), **own}.items()))
            self._maps[lineage, map_id] = _Map(pack, merged)
        places = "".join(f"{index} {stored.pack} {stored.slot}\n" for index, stored in merged.items())
        block_map = BlockMap(
            lineage=lineage,
            map_id=map_id,
            pack=pack,
            sha256=hashlib.sha256(places.encode()).hexdigest(),
            count=len(merged),
            packs=tuple(sorted({stored.pack for stored in merged.values()})),
        )
        digests = b"".join(stored.block.checksum for stored in own.values())
        return Finished(block_map, len(own), hashlib.sha256(digests).digest())

    def get(self, block_map: BlockMap, block_index: int, *, data_key: Secret) -> Block | None:
        stored = self._map(block_map).get(block_index)
        return None if stored is None else _open(stored, data_key)

    def indices(self, block_map: BlockMap, *, start: int, limit: int) -> list[int]:
        found = list(self._map(block_map))
        first = bisect_left(found, start)
        return found[first : first + limit]

    def changed(self, first: BlockMap | None, second: BlockMap, *, start: int, limit: int) -> list[ChangedBlock]:
        before = self._map(first) if first is not None else {}
        after = self._map(second)
        differing = (index for index in sorted({*before, *after}) if before.get(index) is not after.get(index))
        found = [ChangedBlock(index, index in before, index in after) for index in differing if index >= start]
        return found[:limit]

    def copy(
        self, source: BlockMap, source_key: Secret, lineage: str, pack: str, data_key: Secret, *, limit: int
    ) -> Progress:
        check_names(lineage, pack)
        blocks = self._map(source)
        with self._lock:
            self._check_room()
            copied = len(self._pack(lineage, pack).blocks)
            for index in list(blocks)[copied : copied + limit]:
                self._put(lineage, pack, index, _open(blocks[index], source_key), data_key)
            return Progress(len(self._pack(lineage, pack).blocks), len(blocks))

    def written(self, lineage: str, pack: str) -> int:
        check_names(lineage, pack)
        return len(self._pack(lineage, pack).blocks)

    def copied(self, lineage: str, pack: str) -> int:
        return self.written(lineage, pack)

    def last_written_at(self, lineage: str, pack: str) -> float | None:
        check_names(lineage, pack)
        return self._pack(lineage, pack).written_at

    def held(self, lineage: str) -> Collection[str]:
        check_names(lineage)
        return {name for of_lineage, name in (*self._packs, *self._maps) if of_lineage == lineage}

    def keep_only(
        self, lineage: str, maps: Sequence[BlockMap], packs: Sequence[str], *, of: Collection[str] | None = None
    ) -> None:
        check_names(lineage, *packs)
        known = self.held(lineage) if of is None else of
        kept_packs = {*packs, *(pack for block_map in maps for pack in block_map.packs)}
        kept_maps = {block_map.map_id for block_map in maps}
        kept_maps |= {map_id for (_, map_id), made in self._maps.items() if made.pack in packs}
        with self._lock:
            for held, kept in ((self._packs, kept_packs), (self._maps, kept_maps)):
                for name in [name for name in held if name[0] == lineage and name[1] in known and name[1] not in kept]:
                    del held[name]

    def close(self) -> None:
        """Nothing to let go of."""

    def _pack(self, lineage: str, pack: str) -> _Pack:
        return self._packs.get((lineage, pack)) or _Pack()

    def _map(self, block_map: BlockMap) -> dict[int, _Stored]:
        check_names(block_map.lineage, block_map.map_id)
        try:
            return self._maps[block_map.lineage, block_map.map_id].blocks
        except KeyError:
            raise BlockCorruptError(f"block map {block_map.map_id} is missing") from None

    def _check_room(self) -> None:
        if self.full:
            raise BlockStoreUnavailableError("No space left on device")


def _open(stored: _Stored, data_key: Secret) -> Block:
    """The block, if this is the key that it was written with."""
    if not stored.data_key.equals(data_key):
        raise BlockCorruptError("another data key")
    return stored.block

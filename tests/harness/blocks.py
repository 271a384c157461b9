"""Blocks of snapshots for tests: small words blown up to 512 KiB, and the keys of two lineages."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

from selfkms.adapters.block_files.store import FileBlockStore
from selfkms.domain.ebs.blocks import BLOCK_BYTES, BlockMap
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.ports.block_store import BlockStore, Finished

LINEAGE: Final = "lineage-1"
OTHER_LINEAGE: Final = "lineage-2"
KEY: Final = Secret(bytes(range(64)))
OTHER_KEY: Final = Secret(bytes(range(64, 128)))

OpenStore = Callable[[], FileBlockStore]
"""Opens one more instance on the same files, as another process would have it."""


def block(word: object) -> Secret:
    """A block that says a word all over."""
    unit = f"{word}|".encode()
    return Secret((unit * (BLOCK_BYTES // len(unit) + 1))[:BLOCK_BYTES])


def checksum(data: Secret) -> bytes:
    """SHA-256 of a block."""
    return hashlib.sha256(data.open(SECRET_ACCESS)).digest()


def put(
    store: BlockStore, pack: str, blocks: Mapping[int, object], *, lineage: str = LINEAGE, key: Secret = KEY
) -> None:
    """Write blocks that say these words."""
    for index, word in blocks.items():
        data = block(word)
        store.put(lineage, pack, index, data, checksum=checksum(data), data_key=key)


def snapshot(store: BlockStore, name: str, blocks: Mapping[int, object], *, parent: BlockMap | None = None) -> BlockMap:
    """A finished snapshot of these blocks; its pack is called `p-` and the name, its map `m-` and the name."""
    put(store, f"p-{name}", blocks)
    return finish(store, name, parent=parent).map


def finish(store: BlockStore, name: str, *, parent: BlockMap | None = None) -> Finished:
    """Finish the snapshot of that name."""
    return store.finish(LINEAGE, f"p-{name}", f"m-{name}", parent=parent, data_key=KEY)


def words(store: BlockStore, block_map: BlockMap, *, key: Secret = KEY) -> dict[int, str]:
    """What all blocks of a snapshot say."""
    said = {}
    for index in store.indices(block_map, start=0, limit=1_000):
        found = store.get(block_map, index, data_key=key)
        assert found is not None
        assert found.checksum == checksum(found.data)
        word = found.data.open(SECRET_ACCESS).split(b"|", 1)[0].decode()
        assert found.data.equals(block(word))
        said[index] = word
    return said

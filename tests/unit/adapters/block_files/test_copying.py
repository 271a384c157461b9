"""Copies: what is left of one that was broken off, and what is not a copy."""

import os
from pathlib import Path

import pytest

from harness.blocks import KEY, OTHER_KEY, OTHER_LINEAGE, OpenStore, block, put, snapshot, words
from selfkms.adapters.block_files.copying import Copier
from selfkms.adapters.block_files.packs import blocks_file, entries_file
from selfkms.adapters.block_files.store import FileBlockStore
from selfkms.adapters.system.entropy import SystemEntropy
from selfkms.domain.ebs.blocks import BLOCK_BYTES, BlockMap
from selfkms.ports.block_store import BlockCorruptError, Progress

BLOCKS = {2 * index: f"word {index}" for index in range(9)}


@pytest.fixture
def source(store: FileBlockStore) -> BlockMap:
    return snapshot(store, "one", BLOCKS)


@pytest.fixture
def target(lineage: Path) -> Path:
    """The directory of the lineage that is copied to."""
    return lineage.parent / OTHER_LINEAGE


def copy(store: FileBlockStore, source: BlockMap, limit: int) -> Progress:
    return store.copy(source, KEY, OTHER_LINEAGE, "copied", OTHER_KEY, limit=limit)


def copied(store: FileBlockStore) -> dict[int, str]:
    block_map = store.finish(OTHER_LINEAGE, "copied", "m", parent=None, data_key=OTHER_KEY).map
    return words(store, block_map, key=OTHER_KEY)


@pytest.mark.parametrize(
    "left",
    [
        b"x",
        bytes(64),
        bytes(128) + b"x" * 64,
        b"x" * 63,
    ],
)
def test_what_a_crash_left_is_written_over(
    store: FileBlockStore, open_store: OpenStore, source: BlockMap, target: Path, left: bytes
) -> None:
    """Entries behind one that is not there were never acknowledged, and blocks behind the last entry neither."""
    copy(store, source, 4)
    with entries_file(target, "copied").open("ab") as file:
        file.write(left)
    with blocks_file(target, "copied").open("ab") as file:
        file.write(b"x" * (BLOCK_BYTES + 7))
    restarted = open_store()
    assert copy(restarted, source, 2) == (6, 9)
    assert copy(restarted, source, 20) == (9, 9)
    assert copied(restarted) == BLOCKS
    assert blocks_file(target, "copied").stat().st_size == 9 * BLOCK_BYTES


def test_two_instances_take_turns(store: FileBlockStore, open_store: OpenStore, source: BlockMap) -> None:
    """Each goes on behind what the other did."""
    other = open_store()
    assert [copy(each, source, 2).copied for each in (store, other, other, store, other)] == [2, 4, 6, 8, 9]
    assert copied(store) == BLOCKS


def test_a_pack_of_something_else(store: FileBlockStore, source: BlockMap) -> None:
    """It is not written over."""
    put(store, "copied", {0: "a", 1: "b"}, lineage=OTHER_LINEAGE, key=OTHER_KEY)
    with pytest.raises(BlockCorruptError, match="copy of this snapshot"):
        copy(store, source, 3)
    assert store.written(OTHER_LINEAGE, "copied") == 2


def test_a_longer_pack_than_the_source(store: FileBlockStore, source: BlockMap) -> None:
    """A copy that has more than there is to be copied is none."""
    copy(store, source, 20)
    shorter = snapshot(store, "two", dict(list(BLOCKS.items())[:3]))
    with pytest.raises(BlockCorruptError):
        copy(store, shorter, 3)


def test_a_damaged_block_ends_a_copy(store: FileBlockStore, source: BlockMap, lineage: Path) -> None:
    """Batches before it stay; it is never copied."""
    copy(store, source, 4)
    with blocks_file(lineage, "p-one").open("r+b") as file:
        os.pwrite(file.fileno(), b"\0", 6 * BLOCK_BYTES + 5)
    with pytest.raises(BlockCorruptError, match="block 12 is not"):
        copy(store, source, 4)
    with blocks_file(lineage, "p-one").open("r+b") as file:
        file.truncate(5 * BLOCK_BYTES + 1)
    with pytest.raises(BlockCorruptError, match="cut off"):
        copy(store, source, 4)
    assert copy(store, source, 1) == (5, 9)


def test_a_copy_in_batches(store: FileBlockStore, source: BlockMap, monkeypatch: pytest.MonkeyPatch) -> None:
    """One batch is made last while the next is under way."""
    monkeypatch.setattr("selfkms.adapters.block_files.copying.BATCH_BLOCKS", 2)
    assert copy(store, source, 20) == (9, 9)
    assert copied(store) == BLOCKS


def test_no_batch_stands_behind_one_that_failed(
    store: FileBlockStore, source: BlockMap, lineage: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although later ones were under way; what was before it is there."""
    monkeypatch.setattr("selfkms.adapters.block_files.copying.BATCH_BLOCKS", 2)
    with blocks_file(lineage, "p-one").open("r+b") as file:
        kept = os.pread(file.fileno(), 1, 3 * BLOCK_BYTES)
        os.pwrite(file.fileno(), bytes([kept[0] ^ 1]), 3 * BLOCK_BYTES)
        with pytest.raises(BlockCorruptError, match="block 6 "):
            copy(store, source, 20)
        assert entries_file(target, "copied").stat().st_size == 2 * 64
        os.pwrite(file.fileno(), kept, 3 * BLOCK_BYTES)
    assert copy(store, source, 20) == (9, 9)
    assert copied(store) == BLOCKS


def test_threads_end() -> None:
    """With the copier."""
    copier = Copier(SystemEntropy())
    copier.close()
    with pytest.raises(RuntimeError):
        copier._pool.submit(block, "a")

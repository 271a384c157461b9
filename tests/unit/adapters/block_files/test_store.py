"""The store on files: what happens when somebody or something changes them."""

import errno
import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.blocks import (
    KEY,
    LINEAGE,
    OTHER_KEY,
    OTHER_LINEAGE,
    OpenStore,
    block,
    checksum,
    finish,
    put,
    snapshot,
    words,
)
from harness.canaries import Canaries, files_below, where
from selfkms.adapters.audit_files.segments import write_all
from selfkms.adapters.block_files.maps import map_file
from selfkms.adapters.block_files.packs import blocks_file, entries_file
from selfkms.adapters.block_files.store import FileBlockStore
from selfkms.adapters.system.entropy import SystemEntropy
from selfkms.domain.ebs.blocks import BLOCK_BYTES, BlockMap
from selfkms.domain.secrets import SECRET_ACCESS
from selfkms.ports.block_store import BlockCorruptError, BlockStoreUnavailableError

FIRST = {0: "a", 1: "b"}
SECOND = {1: "b2"}
BOTH = FIRST | SECOND


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BlockMap, BlockMap]:
    """Two snapshots, of which one inherits from the other; tests leave them as they are."""
    directory = tmp_path_factory.mktemp("written") / "snapshots"
    store = FileBlockStore(directory, SystemEntropy())
    first = snapshot(store, "one", FIRST)
    second = snapshot(store, "two", SECOND, parent=first)
    store.close()
    return directory, first, second


def says(store: FileBlockStore, block_map: BlockMap, expected: dict[int, str]) -> None:
    """Each block is what was written, or an error."""
    for index, word in expected.items():
        try:
            found = store.get(block_map, index, data_key=KEY)
        except BlockCorruptError:
            continue
        assert found is not None
        assert found.data.equals(block(word))
        assert found.checksum == checksum(block(word))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(data=st.data())
def test_a_changed_bit_is_never_other_data(written: tuple[Path, BlockMap, BlockMap], data: st.DataObject) -> None:
    """In whichever file: blocks, entries, maps. Finishing again gives what it gave, or an error."""
    directory, first, second = written
    path = data.draw(st.sampled_from(sorted(files_below(directory))))
    place = data.draw(st.integers(0, path.stat().st_size - 1))
    bit = data.draw(st.integers(0, 7))
    kept = path.read_bytes()
    store = FileBlockStore(directory, SystemEntropy())
    with path.open("r+b") as file:
        os.pwrite(file.fileno(), bytes([kept[place] ^ 1 << bit]), place)
    try:
        says(store, first, FIRST)
        says(store, second, BOTH)
        if path.suffix == ".map":
            with pytest.raises(BlockCorruptError):
                store.indices(first if ".p-one." in path.name else second, start=0, limit=9)
        if path.suffix == ".entries":
            name = path.name.removeprefix("p-").removesuffix(".entries")
            with pytest.raises(BlockCorruptError):
                finish(store, name, parent=None if name == "one" else first)
    finally:
        store.close()
        path.write_bytes(kept)


def swap(path: Path, unit: int, one: int, other: int) -> None:
    """Exchange two pieces of a file."""
    content = bytearray(path.read_bytes())
    first, second = slice(one * unit, (one + 1) * unit), slice(other * unit, (other + 1) * unit)
    content[first], content[second] = content[second], content[first]
    path.write_bytes(content)


def test_exchanged_slots(store: FileBlockStore, lineage: Path) -> None:
    """Two blocks of a snapshot, also two versions of one block: neither reads as the other."""
    put(store, "p-one", {0: "old", 1: "b"})
    put(store, "p-one", {0: "new"})
    block_map = finish(store, "one").map
    for one, other, damaged in ((0, 1, 1), (0, 2, 0)):
        swap(blocks_file(lineage, "p-one"), BLOCK_BYTES, one, other)
        with pytest.raises(BlockCorruptError):
            store.get(block_map, damaged, data_key=KEY)
        swap(blocks_file(lineage, "p-one"), BLOCK_BYTES, one, other)
    assert words(store, block_map) == {0: "new", 1: "b"}


def test_entries_in_another_order(store: FileBlockStore, lineage: Path) -> None:
    """The newer of two writes stays the newer one; an entry that stands there twice changes nothing."""
    put(store, "p-one", {0: "old", 1: "b"})
    put(store, "p-one", {0: "new"})
    expected = finish(store, "one")
    swap(entries_file(lineage, "p-one"), 64, 0, 2)
    content = entries_file(lineage, "p-one").read_bytes()
    entries_file(lineage, "p-one").write_bytes(content + content[-64:])
    assert finish(store, "one") == expected


def test_files_under_another_name(store: FileBlockStore, lineage: Path) -> None:
    """A pack that stands for another one, and a map for another one, are errors."""
    one = snapshot(store, "one", {0: "a"})
    two = snapshot(store, "two", {0: "b"})
    store.close()
    for name in (blocks_file, entries_file):
        name(lineage, "p-one").write_bytes(name(lineage, "p-two").read_bytes())
    with pytest.raises(BlockCorruptError):
        store.get(one, 0, data_key=KEY)
    with pytest.raises(BlockCorruptError):
        finish(store, "one")
    map_file(lineage, "m-two", "p-two").write_bytes(map_file(lineage, "m-one", "p-one").read_bytes())
    store.close()
    with pytest.raises(BlockCorruptError):
        store.indices(two, start=0, limit=1)


def test_missing_and_shorter_files(store: FileBlockStore, lineage: Path) -> None:
    """They are errors, not zeros."""
    block_map = snapshot(store, "one", {0: "a", 1: "b"})
    os.truncate(blocks_file(lineage, "p-one"), BLOCK_BYTES + 1)
    assert store.get(block_map, 0, data_key=KEY)
    with pytest.raises(BlockCorruptError, match="cut off"):
        store.get(block_map, 1, data_key=KEY)
    store.close()
    blocks_file(lineage, "p-one").unlink()
    with pytest.raises(BlockCorruptError, match="missing"):
        store.get(block_map, 0, data_key=KEY)


def test_nothing_of_a_block_is_on_disk(store: FileBlockStore, tmp_path: Path) -> None:
    """Neither its bytes, nor its digest, nor a key: neither of uploads nor of copies."""
    canaries = Canaries(random.Random(7))
    words = {index: canaries.new_text(f"block {index}") for index in range(3)}
    source = snapshot(store, "one", words)
    store.copy(source, KEY, OTHER_LINEAGE, "copied", OTHER_KEY, limit=10)
    store.finish(OTHER_LINEAGE, "copied", "m", parent=None, data_key=OTHER_KEY)
    for index, word in words.items():
        canaries.watch(f"digest {index}", checksum(block(word)))
    for name, key in (("key", KEY), ("other key", OTHER_KEY)):
        canaries.watch(name, key.open(SECRET_ACCESS))
    paths = list(files_below(tmp_path))
    assert len(paths) == 6
    assert where(canaries, paths, {}) == {}


def test_equal_blocks_look_different(store: FileBlockStore, lineage: Path) -> None:
    """At two indices, and their entries also at one."""
    put(store, "p-one", {0: "same", 1: "same"})
    put(store, "p-one", {0: "same"})
    content = blocks_file(lineage, "p-one").read_bytes()
    assert content[:BLOCK_BYTES] != content[BLOCK_BYTES : 2 * BLOCK_BYTES]
    entries = entries_file(lineage, "p-one").read_bytes()
    assert entries[16:64] != entries[144:192]


def test_everything_is_private(store: FileBlockStore, tmp_path: Path) -> None:
    """Directories are 0700, files 0600."""
    snapshot(store, "one", {0: "a"})
    for path in (tmp_path / "snapshots").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)
    assert (tmp_path / "snapshots").stat().st_mode & 0o777 == 0o700


def test_what_is_synced_when(store: FileBlockStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks before their entries, entries before the answer: of an upload one by one, of a copy a batch at a time."""
    source = snapshot(store, "one", {0: "a", 1: "b"})
    steps: list[str] = []

    def file(descriptor: int) -> str:
        return Path(f"/proc/self/fd/{descriptor}").readlink().suffix

    def write(descriptor: int, data: bytes, offset: int) -> None:
        steps.append(f"write {file(descriptor)}")
        write_all(descriptor, data, offset)

    def sync(descriptor: int) -> None:
        steps.append(f"sync {file(descriptor)}")

    monkeypatch.setattr("selfkms.adapters.block_files.packs.write_all", write)
    monkeypatch.setattr("os.fdatasync", sync)
    put(store, "p-two", {0: "a"})
    assert steps == ["write .blocks", "sync .blocks", "write .entries", "sync .entries"]
    steps.clear()
    store.copy(source, KEY, OTHER_LINEAGE, "copied", OTHER_KEY, limit=2)
    assert steps == ["write .blocks", "write .blocks", "sync .blocks", "write .entries", "sync .entries"]


def test_a_full_disk(store: FileBlockStore, lineage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a name, and all goes on once there is room."""
    source = snapshot(store, "one", {0: "a"})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("selfkms.adapters.block_files.packs.write_all", full)
        with pytest.raises(BlockStoreUnavailableError, match="No space left"):
            put(store, "p-two", {0: "b"})
        with pytest.raises(BlockStoreUnavailableError):
            store.copy(source, KEY, OTHER_LINEAGE, "copied", OTHER_KEY, limit=1)
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(BlockStoreUnavailableError):
            finish(store, "two")
    assert not [path for path in lineage.iterdir() if path.suffix == ".unfinished"]
    put(store, "p-two", {0: "b"})
    assert words(store, finish(store, "two").map) == {0: "b"}
    assert store.copy(source, KEY, OTHER_LINEAGE, "copied", OTHER_KEY, limit=1) == (1, 1)


def test_a_pack_that_another_instance_removed(store: FileBlockStore, open_store: OpenStore) -> None:
    """Writing to it fails once, and begins it anew then; a copy likewise."""
    source = snapshot(store, "one", {0: "a", 1: "b"})
    put(store, "p-two", {0: "lost"})
    store.copy(source, KEY, OTHER_LINEAGE, "copied", OTHER_KEY, limit=1)
    other = open_store()
    other.keep_only(LINEAGE, [source], [])
    other.keep_only(OTHER_LINEAGE, [], [])
    with pytest.raises(BlockStoreUnavailableError, match="removed"):
        put(store, "p-two", {1: "lost"})
    put(store, "p-two", {2: "c"})
    assert words(store, finish(store, "two").map) == {2: "c"}
    with pytest.raises(BlockStoreUnavailableError, match="removed"):
        store.copy(source, KEY, OTHER_LINEAGE, "copied", OTHER_KEY, limit=1)
    assert store.copy(source, KEY, OTHER_LINEAGE, "copied", OTHER_KEY, limit=2) == (2, 2)


def test_what_another_instance_removed_is_not_read_any_more(store: FileBlockStore, open_store: OpenStore) -> None:
    """Although it is open here; what has its name then is."""
    block_map = snapshot(store, "one", {0: "a"})
    assert words(store, block_map) == {0: "a"}
    other = open_store()
    other.keep_only(LINEAGE, [], [])
    with pytest.raises(BlockCorruptError, match="missing"):
        store.get(block_map, 0, data_key=KEY)
    again = snapshot(other, "one", {0: "b"})
    assert words(store, again) == {0: "b"}


def test_an_empty_lineage_leaves_nothing(store: FileBlockStore, lineage: Path) -> None:
    """Its directory goes as well, and may come again."""
    snapshot(store, "one", {0: "a"})
    store.keep_only(LINEAGE, [], [])
    assert not lineage.exists()
    assert words(store, snapshot(store, "one", {0: "b"})) == {0: "b"}

"""What every block store does, whatever it is made of."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.blocks import KEY, LINEAGE, OTHER_KEY, OTHER_LINEAGE, block, checksum, finish, put, snapshot, words
from selfkms.adapters.block_files.store import FileBlockStore
from selfkms.adapters.memory.block_store import MemoryBlockStore
from selfkms.adapters.system.entropy import SystemEntropy
from selfkms.domain.ebs.blocks import BLOCKS_MAX, BlockNameError
from selfkms.domain.secrets import Secret
from selfkms.ports.block_store import Block, BlockCorruptError, BlockStore, Progress


def memory(_directory: Path) -> BlockStore:
    return MemoryBlockStore(lambda: 1_000.0)


def files(directory: Path) -> BlockStore:
    return FileBlockStore(directory / "snapshots", SystemEntropy())


WORLDS: dict[str, Callable[[Path], BlockStore]] = {"memory": memory, "files": files}


@pytest.fixture(params=WORLDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlockStore]:
    made = WORLDS[request.param](tmp_path)
    yield made
    made.close()


def test_what_was_put_is_what_is_got(store: BlockStore) -> None:
    """Every block with its checksum, none where none was written, also at both ends of the largest volume."""
    written = {0: "a", 7: "b", BLOCKS_MAX - 1: "c"}
    block_map = snapshot(store, "one", written)
    assert words(store, block_map) == written
    assert store.get(block_map, 1, data_key=KEY) is None
    assert store.get(block_map, BLOCKS_MAX, data_key=KEY) is None
    assert (block_map.lineage, block_map.map_id, block_map.pack) == (LINEAGE, "m-one", "p-one")
    assert (block_map.count, block_map.packs) == (3, ("p-one",))


def test_the_last_write_of_an_index_counts(store: BlockStore) -> None:
    """It counts once, and the earlier one is gone."""
    put(store, "p-one", {3: "old", 2: "other"})
    put(store, "p-one", {3: "new"})
    assert store.written(LINEAGE, "p-one") == 2
    finished = finish(store, "one")
    assert finished.written == 2
    assert words(store, finished.map) == {2: "other", 3: "new"}


def test_the_checksum_is_over_the_blocks_in_their_order(store: BlockStore) -> None:
    """AWS's LINEAR: SHA-256 over the checksums by ascending index, of what this pack wrote alone."""
    parent = snapshot(store, "one", {1: "inherited"})
    put(store, "p-two", {9: "c", 4: "a", 5: "b"})
    linear = hashlib.sha256(b"".join(checksum(block(word)) for word in "abc")).digest()
    assert finish(store, "two", parent=parent).checksum == linear


def test_finishing_again_gives_the_same(store: BlockStore) -> None:
    """Also over a parent: a crash between the map and its record costs nothing."""
    parent = snapshot(store, "one", {1: "a", 2: "b"})
    put(store, "p-two", {2: "c"})
    first = finish(store, "two", parent=parent)
    assert finish(store, "two", parent=parent) == first
    assert words(store, first.map) == {1: "a", 2: "c"}


def test_a_pack_may_be_empty(store: BlockStore) -> None:
    """A snapshot in which nothing changed is its parent; one without a parent has no block."""
    parent = snapshot(store, "one", {1: "a"})
    finished = finish(store, "two", parent=parent)
    assert (finished.written, finished.checksum) == (0, hashlib.sha256().digest())
    assert (finished.map.count, finished.map.packs) == (1, ("p-one",))
    assert words(store, finished.map) == {1: "a"}
    empty = finish(store, "three").map
    assert (empty.count, empty.packs, words(store, empty)) == (0, (), {})


def test_blocks_are_inherited(store: BlockStore) -> None:
    """Over three generations; a pack of which nothing is left is not named any more."""
    first = snapshot(store, "one", {0: "a1", 1: "b1", 2: "c1"})
    second = snapshot(store, "two", {1: "b2", 5: "f2"}, parent=first)
    third = snapshot(store, "three", {2: "c3", 0: "a3", 3: "d3"}, parent=second)
    assert words(store, second) == {0: "a1", 1: "b2", 2: "c1", 5: "f2"}
    assert words(store, third) == {0: "a3", 1: "b2", 2: "c3", 3: "d3", 5: "f2"}
    assert second.packs == ("p-one", "p-two")
    assert third.packs == ("p-three", "p-two")


def test_the_middle_generation_may_go(store: BlockStore) -> None:
    """What the others have of its blocks stays."""
    first = snapshot(store, "one", {0: "a1", 1: "b1"})
    second = snapshot(store, "two", {1: "b2"}, parent=first)
    third = snapshot(store, "three", {2: "c3"}, parent=second)
    store.keep_only(LINEAGE, [first, third], [])
    assert words(store, first) == {0: "a1", 1: "b1"}
    assert words(store, third) == {0: "a1", 1: "b2", 2: "c3"}
    with pytest.raises(BlockCorruptError):
        store.get(second, 0, data_key=KEY)
    store.keep_only(LINEAGE, [third], [])
    assert words(store, third) == {0: "a1", 1: "b2", 2: "c3"}


def test_many_generations(store: BlockStore) -> None:
    """Packs come and go; what is not needed is taken away after each."""
    expected: dict[int, object] = {}
    parent = None
    for generation in range(12):
        changed = {index: f"{generation}-{index}" for index in (generation % 3, 10 + generation % 4, 20 - generation)}
        expected |= changed
        parent = snapshot(store, str(generation), changed, parent=parent)
        store.keep_only(LINEAGE, [parent], [])
        assert words(store, parent) == dict(sorted(expected.items()))
    assert parent is not None
    assert parent.packs == tuple(sorted(parent.packs))


def test_uploads_under_way_stay(store: BlockStore) -> None:
    """With what `finish` already made of them; what nobody names goes."""
    put(store, "p-one", {0: "a"})
    put(store, "p-two", {0: "b"})
    made = finish(store, "one").map
    store.keep_only(LINEAGE, [], ["p-one"])
    assert words(store, made) == {0: "a"}
    assert store.written(LINEAGE, "p-one") == 1
    assert store.written(LINEAGE, "p-two") == 0
    store.keep_only(LINEAGE, [], [])
    assert store.written(LINEAGE, "p-one") == 0
    assert store.last_written_at(LINEAGE, "p-one") is None
    with pytest.raises(BlockCorruptError):
        store.get(made, 0, data_key=KEY)
    store.keep_only(LINEAGE, [], [])


def test_what_comes_while_it_is_found_out_what_is_needed_stays(store: BlockStore) -> None:
    """Whoever asked before cannot know of it."""
    put(store, "p-one", {0: "a"})
    held = store.held(LINEAGE)
    put(store, "p-two", {0: "b"})
    store.keep_only(LINEAGE, [], [], of=held)
    assert store.written(LINEAGE, "p-one") == 0
    assert store.written(LINEAGE, "p-two") == 1
    assert list(store.held(OTHER_LINEAGE)) == []


def test_another_lineage_is_left_alone(store: BlockStore) -> None:
    """What one lineage does not need says nothing of another."""
    put(store, "p", {0: "b"}, lineage=OTHER_LINEAGE, key=OTHER_KEY)
    store.keep_only(LINEAGE, [], [])
    assert store.written(OTHER_LINEAGE, "p") == 1


def test_indices_come_in_pages(store: BlockStore) -> None:
    """Ascending, from any start."""
    block_map = snapshot(store, "one", dict.fromkeys((40, 3, 17, 8, 1_000_000), "x"))
    assert store.indices(block_map, start=0, limit=2) == [3, 8]
    assert store.indices(block_map, start=9, limit=2) == [17, 40]
    assert store.indices(block_map, start=17, limit=10) == [17, 40, 1_000_000]
    assert store.indices(block_map, start=1_000_001, limit=10) == []


def test_what_changed(store: BlockStore) -> None:
    """What was written anew, what is new, and what one side alone has; page by page; without a first all."""
    first = snapshot(store, "one", {0: "a", 1: "b", 2: "c", 9: "d"})
    second = snapshot(store, "two", {1: "b2", 4: "e", 9: "d"}, parent=first)
    changes = [(1, True, True), (4, False, True), (9, True, True)]
    assert store.changed(first, second, start=0, limit=10) == changes
    assert store.changed(first, second, start=0, limit=2) == changes[:2]
    assert store.changed(first, second, start=2, limit=2) == changes[1:]
    assert store.changed(second, first, start=0, limit=10) == [(1, True, True), (4, True, False), (9, True, True)]
    assert store.changed(None, second, start=1, limit=2) == [(1, False, True), (2, False, True)]
    assert store.changed(second, second, start=0, limit=10) == []


def test_a_copy_goes_on_where_it_was(store: BlockStore) -> None:
    """Batch by batch, of inherited blocks too, to the same blocks under another key."""
    parent = snapshot(store, "one", {0: "a", 1: "b", 2: "c"})
    source = snapshot(store, "two", {1: "b2", 70_000: "z"}, parent=parent)

    def copy(limit: int) -> Progress:
        return store.copy(source, KEY, OTHER_LINEAGE, "copied", OTHER_KEY, limit=limit)

    assert store.copied(OTHER_LINEAGE, "copied") == 0
    assert copy(3) == (3, 4)
    assert store.copied(OTHER_LINEAGE, "copied") == 3
    assert [copy(3), copy(3)] == [(4, 4), (4, 4)]
    assert store.copied(OTHER_LINEAGE, "copied") == 4
    finished = store.finish(OTHER_LINEAGE, "copied", "map", parent=None, data_key=OTHER_KEY)
    assert finished.written == 4
    assert words(store, finished.map, key=OTHER_KEY) == {0: "a", 1: "b2", 2: "c", 70_000: "z"}
    assert finished.map.packs == ("copied",)


def test_a_copy_of_nothing(store: BlockStore) -> None:
    """It is done at once."""
    source = finish(store, "one").map
    assert store.copy(source, KEY, OTHER_LINEAGE, "copied", OTHER_KEY, limit=3) == (0, 0)


def test_another_key_opens_nothing(store: BlockStore) -> None:
    """Neither a block, nor a pack to be finished, nor a source to be copied."""
    put(store, "p-one", {0: "a"})
    with pytest.raises(BlockCorruptError):
        store.finish(LINEAGE, "p-one", "m-one", parent=None, data_key=OTHER_KEY)
    block_map = finish(store, "one").map
    with pytest.raises(BlockCorruptError):
        store.get(block_map, 0, data_key=OTHER_KEY)
    with pytest.raises(BlockCorruptError):
        store.copy(block_map, OTHER_KEY, OTHER_LINEAGE, "copied", OTHER_KEY, limit=3)


def test_when_a_pack_was_written(store: BlockStore) -> None:
    """Not before something was."""
    assert store.last_written_at(LINEAGE, "p-one") is None
    assert store.written(LINEAGE, "p-one") == 0
    put(store, "p-one", {0: "a"})
    written_at = store.last_written_at(LINEAGE, "p-one")
    assert written_at is not None
    assert written_at >= 1_000.0


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "-a", "a.b", "a\n", "ä", "a" * 101])
def test_names_that_are_none(store: BlockStore, name: str) -> None:
    """No name leads out of its directory."""
    data = block("a")
    for lineage, pack in ((name, "p"), (LINEAGE, name)):
        with pytest.raises(BlockNameError):
            store.put(lineage, pack, 0, data, checksum=checksum(data), data_key=KEY)
        with pytest.raises(BlockNameError):
            store.finish(lineage, pack, "m", parent=None, data_key=KEY)
        with pytest.raises(BlockNameError):
            store.written(lineage, pack)
        with pytest.raises(BlockNameError):
            store.last_written_at(lineage, pack)
        with pytest.raises(BlockNameError):
            store.keep_only(lineage, [], [pack])
    with pytest.raises(BlockNameError):
        store.finish(LINEAGE, "p", name, parent=None, data_key=KEY)


def test_a_block_has_its_size(store: BlockStore) -> None:
    """What is not a block is not taken."""
    with pytest.raises(AssertionError):
        store.put(LINEAGE, "p", 0, Secret(b"short"), checksum=bytes(32), data_key=KEY)
    with pytest.raises(AssertionError):
        store.put(LINEAGE, "p", BLOCKS_MAX, block("a"), checksum=checksum(block("a")), data_key=KEY)


def test_a_read_block_does_not_show_itself(store: BlockStore) -> None:
    """Its data is a secret."""
    found = store.get(snapshot(store, "one", {0: "canary"}), 0, data_key=KEY)
    assert isinstance(found, Block)
    assert "canary" not in repr(found)

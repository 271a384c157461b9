"""Block maps as files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfkms.adapters.block_files.layout import MAP_MAGIC, PackRow, index_of
from selfkms.adapters.block_files.maps import PAGE_BYTES, PAGE_ENTRIES, MapFile, MapWriter, map_file
from selfkms.domain.ebs.blocks import BlockMap
from selfkms.ports.block_store import BlockCorruptError

COUNT = 2 * PAGE_ENTRIES + 9


def entry(index: int) -> bytes:
    return index.to_bytes(4) + bytes([index % 251]) * 60 + bytes(4)


def write(directory: Path, indices: range, map_id: str = "m") -> BlockMap:
    writer = MapWriter(directory, "l", map_id, "p", random=b"8 random")
    for index in indices:
        writer.add(entry(index))
    return writer.finish([PackRow("p", len(indices))])


@contextmanager
def opened(directory: Path, block_map: BlockMap) -> Iterator[MapFile]:
    file = MapFile(directory, block_map)
    yield file
    file.close()


def test_a_map_is_found_by_its_names(tmp_path: Path) -> None:
    """What the record says of it, and nothing unfinished beside it."""
    block_map = write(tmp_path, range(3))
    assert block_map == BlockMap(lineage="l", map_id="m", pack="p", sha256=block_map.sha256, count=3, packs=("p",))
    assert [path.name for path in tmp_path.iterdir()] == ["m.p.map"]
    assert map_file(tmp_path, "m", "p").read_bytes().startswith(MAP_MAGIC + entry(0))
    assert map_file(tmp_path, "m", "p").stat().st_mode & 0o777 == 0o600


def test_a_map_that_is_abandoned_leaves_nothing(tmp_path: Path) -> None:
    """Also if it was begun."""
    writer = MapWriter(tmp_path, "l", "m", "p", random=b"8 random")
    writer.add(entry(1))
    writer.abandon()
    writer.abandon()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("count", [0, 1, PAGE_ENTRIES, PAGE_ENTRIES + 1, COUNT])
def test_every_entry_is_found(tmp_path: Path, count: int) -> None:
    """At both ends of each page, and none between them."""
    indices = range(5, 5 + 3 * count, 3)
    with opened(tmp_path, write(tmp_path, indices)) as file:
        assert file.rows == [PackRow("p", count)]
        assert [index_of(each) for each in file.entries(0)] == list(indices)
        for place, index in enumerate(indices):
            assert file.find(index) == entry(index)
            assert (file.position(index), file.position(index + 1)) == (place, place + 1)
        assert file.find(4) is None
        assert file.find(6) is None
        assert file.position(0) == 0
        assert list(file.entries(count)) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(data=st.data())
def test_a_changed_file_does_not_open(tmp_path: Path, data: st.DataObject) -> None:
    """Whichever bit it is, or whatever length."""
    block_map = write(tmp_path, range(PAGE_ENTRIES + 3))
    path = map_file(tmp_path, "m", "p")
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del content[place:]
    path.write_bytes(content)
    with pytest.raises(BlockCorruptError):
        MapFile(tmp_path, block_map)


def test_another_map_under_this_name(tmp_path: Path) -> None:
    """An older one, or none."""
    old = write(tmp_path, range(4))
    new = write(tmp_path, range(5))
    with pytest.raises(BlockCorruptError):
        MapFile(tmp_path, old)
    with pytest.raises(BlockCorruptError):
        MapFile(tmp_path, msgspec.structs.replace(new, count=4))
    map_file(tmp_path, "m", "p").unlink()
    with pytest.raises(BlockCorruptError, match=r"m\.p\.map is missing"):
        MapFile(tmp_path, new)


def test_a_page_that_changed_since_the_map_was_opened(tmp_path: Path) -> None:
    """Each page is held against what it was then; the others are still good."""
    with opened(tmp_path, write(tmp_path, range(COUNT))) as file:
        with map_file(tmp_path, "m", "p").open("r+b") as changed:
            changed.seek(len(MAP_MAGIC) + PAGE_BYTES)
            changed.write(b"\xff")
        assert file.find(0) == entry(0)
        assert file.find(COUNT - 1) == entry(COUNT - 1)
        with pytest.raises(BlockCorruptError):
            file.find(PAGE_ENTRIES)
        with pytest.raises(BlockCorruptError):
            list(file.entries(0))

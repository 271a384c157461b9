"""Packs: slots, entries, and which entry counts."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfkms.adapters.block_files.layout import encode_entry, index_of, slot_of
from selfkms.adapters.block_files.packs import (
    LatestEntries,
    PackEntries,
    PackWriter,
    blocks_file,
    entries_file,
)
from selfkms.domain.ebs.blocks import BLOCK_BYTES, BLOCKS_MAX
from selfkms.ports.block_store import BlockCorruptError, BlockStoreUnavailableError


def entry(index: int, slot: int) -> bytes:
    return encode_entry(index, slot.to_bytes(4) + bytes([1]) * 56)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[PackWriter]:
    opened = PackWriter(tmp_path, "p")
    yield opened
    opened.close()


def counting(directory: Path) -> list[tuple[int, int]]:
    """Index and slot of each entry that counts."""
    with PackEntries(directory, "p") as entries:
        return [(index_of(each), slot_of(each)) for each in LatestEntries(entries)]


def test_no_slot_is_given_twice(tmp_path: Path, writer: PackWriter) -> None:
    """Nor by another writer, nor when a slot was never filled, nor behind a piece of one."""
    other = PackWriter(tmp_path, "p")
    assert [writer.reserve(), other.reserve(), writer.reserve()] == [0, 1, 2]
    os.truncate(blocks_file(tmp_path, "p"), 3 * BLOCK_BYTES + 1)
    assert other.reserve() == 4
    other.close()


def test_a_slot_is_filled(tmp_path: Path, writer: PackWriter) -> None:
    """Where it is, and empty slots take no room."""
    writer.reserve()
    slot = writer.reserve()
    writer.write(slot, bytearray(b"x" * BLOCK_BYTES))
    writer.sync_blocks()
    assert blocks_file(tmp_path, "p").read_bytes() == bytes(BLOCK_BYTES) + b"x" * BLOCK_BYTES
    assert blocks_file(tmp_path, "p").stat().st_blocks * 512 < 2 * BLOCK_BYTES


@pytest.mark.parametrize("torn", [b"", b"x", b"x" * 63])
def test_what_a_dead_writer_left_of_an_entry_is_written_over(tmp_path: Path, writer: PackWriter, torn: bytes) -> None:
    """It was never acknowledged; until then it is passed over."""
    writer.append(entry(1, 0))
    with entries_file(tmp_path, "p").open("ab") as file:
        file.write(torn)
    assert counting(tmp_path) == [(1, 0)]
    writer.append(entry(2, 1))
    assert counting(tmp_path) == [(1, 0), (2, 1)]


def test_zeros_are_passed_over(tmp_path: Path, writer: PackWriter) -> None:
    """Wherever a power loss left them."""
    writer.append(entry(1, 0))
    writer.append(bytes(64))
    writer.append(entry(2, 1))
    writer.append(bytes(64))
    assert counting(tmp_path) == [(1, 0), (2, 1)]


def test_a_pack_that_was_removed_takes_nothing(tmp_path: Path, writer: PackWriter) -> None:
    """Whoever still has it open must not acknowledge what nobody will find."""
    entries_file(tmp_path, "p").unlink()
    with pytest.raises(BlockStoreUnavailableError):
        writer.append(entry(1, 0))


def test_a_missing_pack_is_empty(tmp_path: Path) -> None:
    """An upload may have written nothing."""
    assert counting(tmp_path) == []


def test_an_index_that_no_volume_has(tmp_path: Path, writer: PackWriter) -> None:
    """It is damage."""
    writer.append(entry(BLOCKS_MAX, 0))
    with pytest.raises(BlockCorruptError, match="entry 0"):
        counting(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    slots=st.permutations(range(12)),
    indices=st.lists(st.sampled_from([0, 1, 4_095, 4_096, BLOCKS_MAX - 1]), min_size=12, max_size=12),
)
def test_the_highest_slot_counts(tmp_path: Path, slots: list[int], indices: list[int]) -> None:
    """In whatever order entries stand: they could be put in another one. Each other entry is looked at once."""
    written = [(indices[slot], slot) for slot in slots]
    entries_file(tmp_path, "p").write_bytes(b"".join(entry(*each) for each in written))
    expected = {index: max(slot for other, slot in written if other == index) for index, _ in written}
    superseded: list[bytes] = []
    with PackEntries(tmp_path, "p") as entries:
        latest = LatestEntries(entries, superseded.append)
        assert [(index_of(each), slot_of(each)) for each in latest] == sorted(expected.items())
    assert latest.count == len(expected)
    assert sorted([*map(slot_of, superseded), *expected.values()]) == list(range(12))

"""Entries and the end of a map, byte by byte."""

import pytest

from selfkms.adapters.block_files.layout import (
    ENTRY_BYTES,
    MAP_ENTRY_BYTES,
    PACK_ROW_BYTES,
    PackRow,
    decode_map_end,
    encode_entry,
    encode_map_end,
    index_of,
    is_no_entry,
    lower_bound,
    open_digest,
    pack_number_of,
    slot_of,
)
from selfkms.crypto.blocks import DigestSeals
from selfkms.domain.secrets import Secret
from selfkms.ports.block_store import BlockCorruptError

SEALS = DigestSeals(Secret(bytes(range(64))), "l", "p")


def entry(index: int, slot: int = 3) -> bytes:
    return encode_entry(index, SEALS.seal(index, slot, bytes(32), random=b"8 random"))


def test_an_entry() -> None:
    """Index and slot in front; an entry never lies in two sectors of 512 bytes."""
    encoded = entry(0x01020304, 5)
    assert encoded.startswith(bytes.fromhex("0102030400000005"))
    assert (index_of(encoded), slot_of(encoded), len(encoded)) == (0x01020304, 5, ENTRY_BYTES)
    assert 512 % ENTRY_BYTES == 0
    in_map = encoded + (7).to_bytes(4)
    assert (index_of(in_map), slot_of(in_map), pack_number_of(in_map), len(in_map)) == (
        0x01020304,
        5,
        7,
        MAP_ENTRY_BYTES,
    )


def test_zeros_are_no_entry() -> None:
    """And nothing else is none: not even the first block in the first slot."""
    assert is_no_entry(bytes(64))
    assert not is_no_entry(bytes(63) + b"\1")
    assert not is_no_entry(entry(0, 0))


def test_a_digest_opens_from_entries_of_both_kinds() -> None:
    """Of a pack and of a map; altered ones do not."""
    assert open_digest(SEALS, entry(5)) == bytes(32)
    assert open_digest(SEALS, entry(5) + b"\0\0\0\1") == bytes(32)
    with pytest.raises(BlockCorruptError, match="block 6"):
        open_digest(SEALS, b"\0\0\0\6" + entry(5)[4:])


@pytest.mark.parametrize(("index", "before"), [(0, 0), (2, 0), (3, 1), (8, 1), (9, 1), (10, 2), (100, 3)])
def test_where_an_index_would_stand(index: int, before: int) -> None:
    """How many entries of the page come before it."""
    page = b"".join(entry(each) + bytes(4) for each in (2, 9, 12))
    assert lower_bound(page, index) == before


def test_the_end_of_a_map() -> None:
    """Rows of packs, then both counts; it is read as it was written."""
    rows = [PackRow("first", 2), PackRow("gone", 0), PackRow("a" * 100, 1)]
    end = encode_map_end(rows, 3)
    assert len(end) == 3 * PACK_ROW_BYTES + 8
    assert end[:5] == b"first"
    assert end[PACK_ROW_BYTES - 5 : PACK_ROW_BYTES] == b"\0\0\0\0\2"
    assert end[-8:] == bytes.fromhex("0000000300000003")
    assert decode_map_end(end) == rows
    assert decode_map_end(encode_map_end([], 0)) == []

"""The bytes and names of packs and block maps. Byte by byte: docs/snapshot-format.md. All numbers are big endian."""

from bisect import bisect_left
from typing import Final, NamedTuple

from selfkms.crypto.blocks import NUMBER_BYTES, SEALED_BYTES, DigestNotOpenedError, DigestSeals
from selfkms.ports.block_store import BlockCorruptError

ENTRY_BYTES: Final = NUMBER_BYTES + SEALED_BYTES
"""An entry of a pack: block index, sealed digest. 64, so that none lies in two sectors: a power loss leaves all or none
of it."""
MAP_ENTRY_BYTES: Final = ENTRY_BYTES + NUMBER_BYTES
"""An entry of a block map: one of a pack, and the number of that pack in the map."""
MAP_MAGIC: Final = b"selfkms map v1\r\n"
PACK_ROW_BYTES: Final = 104
MAP_TRAILER_BYTES: Final = 2 * NUMBER_BYTES
PACK_BLOCKS: Final = "blocks"
PACK_ENTRIES: Final = "entries"
MAP: Final = "map"
UNFINISHED: Final = "unfinished"

_SLOT_ENDS: Final = 2 * NUMBER_BYTES
_PACK_NAME_BYTES: Final = PACK_ROW_BYTES - NUMBER_BYTES
_NO_ENTRY: Final = bytes(ENTRY_BYTES)


class PackRow(NamedTuple):
    """A pack as a block map names it. Its number is its place among the rows."""

    name: str
    blocks: int
    """How many entries of the map are in it. 0: none any more, and the number may be given anew."""


def encode_entry(block_index: int, sealed: bytes) -> bytes:
    """An entry of a pack."""
    return block_index.to_bytes(NUMBER_BYTES) + sealed


def index_of(entry: bytes) -> int:
    """The block index of an entry of a pack or a map."""
    return int.from_bytes(entry[:NUMBER_BYTES])


def slot_of(entry: bytes) -> int:
    """Where the block stands in its pack: how many blocks are in front of it."""
    return int.from_bytes(entry[NUMBER_BYTES:_SLOT_ENDS])


def pack_number_of(map_entry: bytes) -> int:
    """The number of the pack in the map."""
    return int.from_bytes(map_entry[ENTRY_BYTES:MAP_ENTRY_BYTES])


def is_no_entry(entry: bytes) -> bool:
    """Whether nothing but zeros stands there: what a power loss leaves where nobody was told of an entry."""
    return entry == _NO_ENTRY


def open_digest(seals: DigestSeals, entry: bytes) -> bytes:
    """The SHA-256 of the block that an entry (of a pack or a map) is about.

    Raises:
        BlockCorruptError: the entry is not what was written, or the key is another one.
    """
    block_index = index_of(entry)
    try:
        return seals.open(block_index, entry[NUMBER_BYTES:ENTRY_BYTES])
    except DigestNotOpenedError:
        raise BlockCorruptError(f"the entry of block {block_index} does not open") from None


def lower_bound(page: bytes, block_index: int) -> int:
    """How many of the map entries in a page are of blocks before this one."""

    def index_at(position: int) -> int:
        at = position * MAP_ENTRY_BYTES
        return int.from_bytes(page[at : at + NUMBER_BYTES])

    return bisect_left(range(len(page) // MAP_ENTRY_BYTES), block_index, key=index_at)


def encode_map_end(rows: list[PackRow], count: int) -> bytes:
    """What stands behind the entries of a map: the packs, then how many entries and how many packs there are."""
    encoded = [row.name.encode().ljust(_PACK_NAME_BYTES, b"\0") + row.blocks.to_bytes(NUMBER_BYTES) for row in rows]
    encoded += [count.to_bytes(NUMBER_BYTES), len(rows).to_bytes(NUMBER_BYTES)]
    return b"".join(encoded)


def decode_map_end(end: bytes) -> list[PackRow]:
    """The packs of a map. If the bytes are an end at all, encoding these packs gives them again."""
    rows = []
    for at in range(0, len(end) - MAP_TRAILER_BYTES, PACK_ROW_BYTES):
        name = end[at : at + _PACK_NAME_BYTES].rstrip(b"\0").decode(errors="replace")
        rows.append(PackRow(name, int.from_bytes(end[at + _PACK_NAME_BYTES : at + PACK_ROW_BYTES])))
    return rows

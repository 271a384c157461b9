"""The bytes of a journal: segment header, frame, settled mark.

All numbers are big-endian; offsets and lengths are bytes. docs/audit-journal.md describes the same for people. A format
is for ever: a change of it takes a new version number.
"""

import struct
from hmac import compare_digest
from typing import Any, Final, NamedTuple

from selfkms.crypto.mac import MACKey

FORMAT_VERSION: Final = 1
HASH_BYTES: Final = 32
GENESIS_HASH: Final = bytes(HASH_BYTES)
"""Stands where the hash of the record before the first one would stand."""

SEGMENT_BYTES_DEFAULT: Final = 16 * 1_048_576
BATCH_BYTES_MAX: Final = 1_048_576
"""How much one write to a segment holds at most, and with durability `process` how much may be unsynced."""

RECORDS_OFFSET: Final = 4_096
"""The header has the first block of a segment to itself: no write of a record touches it."""

_HEADER_MAGIC: Final = b"selfkmsJ"
_HEADER: Final = struct.Struct(">8sIQ16sQ32s")  # magic, format version, number, installation ID, first sequence, hash
_MARK_MAGIC: Final = b"selfkmsM"
_MARK: Final = struct.Struct(">8sI?QQQ32s")  # magic, format version, synced, segment, offset, sequence, hash
_HEAD: Final = struct.Struct(">IQ16s")  # length of the body, sequence number, event ID

FRAME_OVERHEAD: Final = _HEAD.size + HASH_BYTES


class LayoutError(ValueError):
    """Bytes that are not what we wrote; the text says in what way."""


class Position(NamedTuple):
    """A place between two records: where the next one goes, and the last one before it."""

    segment: int
    offset: int
    sequence: int
    """Number of the last record; 0 before the first one."""
    chain_hash: bytes


class Header(NamedTuple):
    """What a segment says of itself, so that it can be verified alone and as a link of the chain."""

    number: int
    installation_id: bytes
    """The 16 bytes of the UUID."""
    first_sequence: int
    previous_hash: bytes

    def encode(self, key: MACKey) -> bytes:
        """The first block of the segment: header, its tag, zeros."""
        fields = _HEADER.pack(_HEADER_MAGIC, FORMAT_VERSION, *self)
        return (fields + key.tag(fields)).ljust(RECORDS_OFFSET, b"\0")

    @classmethod
    def decode(cls, block: bytes, key: MACKey) -> "Header":
        """The header in the first block of a segment.

        Raises:
            LayoutError: another format, another key, or altered.
        """
        fields, tag, padding = _cut(block, _HEADER.size)
        magic, version, *rest = _read(_HEADER, fields)
        if magic != _HEADER_MAGIC or version != FORMAT_VERSION:
            raise LayoutError(f"no journal segment of format {FORMAT_VERSION}")
        if not compare_digest(tag, key.tag(fields)):
            raise LayoutError("the header is altered, or was written with another audit key")
        if len(block) != RECORDS_OFFSET or any(padding):
            raise LayoutError("the block of the header is altered")
        return cls(*rest)

    def start(self) -> Position:
        """The place of the segment's first record."""
        return Position(self.number, RECORDS_OFFSET, self.first_sequence - 1, self.previous_hash)


class Mark(NamedTuple):
    """How far records were acknowledged. Nothing before this place may be missing or damaged."""

    position: Position
    synced: bool
    """False: the last `BATCH_BYTES_MAX` bytes before the place may not have survived a power loss."""

    def denies(self, position: Position) -> bool:
        """Whether the record before `position` is another one than the one acknowledged under its number."""
        return position.sequence == self.position.sequence and position != self.position

    def encode(self, key: MACKey) -> bytes:
        """The mark and its tag."""
        fields = _MARK.pack(_MARK_MAGIC, FORMAT_VERSION, self.synced, *self.position)
        return fields + key.tag(fields)

    @classmethod
    def decode(cls, data: bytes, key: MACKey) -> "Mark":
        """The mark in these bytes.

        Raises:
            LayoutError: another format, another key, or altered.
        """
        fields, tag, rest = _cut(data, _MARK.size)
        magic, version, synced, *position = _read(_MARK, fields)
        if magic != _MARK_MAGIC or version != FORMAT_VERSION:
            raise LayoutError(f"no settled mark of format {FORMAT_VERSION}")
        if rest or not compare_digest(tag, key.tag(fields)):
            raise LayoutError("the settled mark is altered, or was written with another audit key")
        return cls(Position(*position), synced)


class Frame(NamedTuple):
    """A record as it stands in a segment."""

    event_id: bytes
    """The 16 bytes of the UUID."""
    body: bytes
    offset: int
    after: Position
    """The place behind it, with its own sequence number and chain hash."""


class FrameHead(NamedTuple):
    """What stands before the body of a record."""

    body_bytes: int
    """0: there is no record."""
    sequence: int
    event_id: bytes
    chain_hash: bytes

    @classmethod
    def decode(cls, data: bytes) -> "FrameHead":
        """The head in the first `FRAME_OVERHEAD` bytes, believed as it stands.

        Raises:
            LayoutError: there are not so many.
        """
        if len(data) < FRAME_OVERHEAD:
            raise LayoutError("cut short")
        body_bytes, sequence, event_id = _HEAD.unpack_from(data)
        return cls(body_bytes, sequence, event_id, data[_HEAD.size : FRAME_OVERHEAD])


def encode_frame(event_id: bytes, body: bytes, before: Position, key: MACKey) -> tuple[bytes, Position]:
    """The bytes of the next record's frame, and the place behind it."""
    assert body, "an empty body cannot be told from the end of the records"
    head = _HEAD.pack(len(body), before.sequence + 1, event_id)
    chain_hash = key.tag(before.chain_hash + head + body)
    end = before.offset + FRAME_OVERHEAD + len(body)
    return head + chain_hash + body, Position(before.segment, end, before.sequence + 1, chain_hash)


def decode_frame(segment: bytes, before: Position, key: MACKey, *, base: int = 0) -> Frame | None:
    """The frame at a place in the bytes of its segment, or None where there are no more.

    Args:
        segment: from the offset `base` on.
        before: the place.
        key: of the chain.
        base: 0 for all of the segment.

    Raises:
        LayoutError: not the next record of the chain.
    """
    offset = before.offset - base
    body_offset = offset + FRAME_OVERHEAD
    if body_offset >= len(segment):
        return None
    head = segment[offset : offset + _HEAD.size]
    length, sequence, event_id = _HEAD.unpack(head)
    if length == 0:
        return None
    if sequence != before.sequence + 1:
        raise LayoutError(f"the sequence number is {sequence}")
    end = body_offset + length
    if end > len(segment):
        raise LayoutError("the record is longer than its segment")
    chain_hash = segment[offset + _HEAD.size : body_offset]
    body = segment[body_offset:end]
    if not compare_digest(chain_hash, key.tag(before.chain_hash + head + body)):
        raise LayoutError("the chain hash does not fit")
    return Frame(event_id, body, before.offset, Position(before.segment, base + end, sequence, chain_hash))


def _cut(data: bytes, fields_bytes: int) -> tuple[bytes, bytes, bytes]:
    """Fields, their tag, and what follows."""
    end = fields_bytes + HASH_BYTES
    return data[:fields_bytes], data[fields_bytes:end], data[end:]


def _read(layout: struct.Struct, fields: bytes) -> tuple[Any, ...]:
    if len(fields) != layout.size:
        raise LayoutError("cut short")
    return layout.unpack(fields)

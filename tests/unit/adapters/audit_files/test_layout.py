"""The bytes of a journal."""

import hmac
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfkms.adapters.audit_files.layout import (
    FRAME_OVERHEAD,
    GENESIS_HASH,
    RECORDS_OFFSET,
    FrameHead,
    Header,
    LayoutError,
    Mark,
    Position,
    decode_frame,
    encode_frame,
)
from selfkms.crypto.mac import MACKey
from selfkms.domain.secrets import Secret

KEY = MACKey(Secret(bytes(32)))
OTHER_KEY = MACKey(Secret(bytes(31) + b"\1"))
START = Position(1, RECORDS_OFFSET, 0, GENESIS_HASH)

U64 = st.integers(0, 2**64 - 1)
HASHES = st.binary(min_size=32, max_size=32)
IDS = st.binary(min_size=16, max_size=16)
POSITIONS = st.builds(Position, U64, U64, U64, HASHES)


@given(st.builds(Header, U64, IDS, st.integers(1, 2**64 - 1), HASHES))
def test_header_round_trip(header: Header) -> None:
    """Any header is read back as it was written, and fills its block."""
    block = header.encode(KEY)
    assert len(block) == RECORDS_OFFSET
    assert Header.decode(block, KEY) == header


@given(st.builds(Mark, POSITIONS, st.booleans()))
def test_mark_round_trip(mark: Mark) -> None:
    """Any mark is read back as it was written."""
    assert Mark.decode(mark.encode(KEY), KEY) == mark


@given(st.lists(st.tuples(IDS, st.binary(min_size=1, max_size=300)), max_size=8))
def test_frames_round_trip(records: list[tuple[bytes, bytes]]) -> None:
    """Any records are read back in their order, with consecutive numbers, each with the place behind it."""
    segment, position = bytes(RECORDS_OFFSET), START
    for event_id, body in records:
        encoded, position = encode_frame(event_id, body, position, KEY)
        segment += encoded
    segment += bytes(100)

    read = []
    before = START
    while frame := decode_frame(segment, before, KEY):
        assert frame.offset == before.offset
        assert frame.after.sequence == before.sequence + 1
        assert frame.after.offset == before.offset + FRAME_OVERHEAD + len(frame.body)
        read.append((frame.event_id, frame.body))
        before = frame.after
    assert read == records
    assert before == position


def test_chain_hash_as_documented() -> None:
    """The chain hash is HMAC-SHA-256 over the hash before, the frame's head and the body, computed in another way."""
    before = Position(3, RECORDS_OFFSET, 41, b"\7" * 32)
    frame, after = encode_frame(b"\1" * 16, b"{}", before, KEY)
    head = struct.pack(">IQ16s", 2, 42, b"\1" * 16)
    chain_hash = hmac.digest(bytes(32), b"\7" * 32 + head + b"{}", "sha256")
    assert frame == head + chain_hash + b"{}"
    assert after == Position(3, RECORDS_OFFSET + len(frame), 42, chain_hash)


@pytest.mark.parametrize("offset", [0, 8, 11, 12, 20, 36, 44, 76, 107, 108, RECORDS_OFFSET - 1])
def test_altered_header_is_refused(offset: int) -> None:
    """A header with one altered byte, in any field, its tag or the padding, is refused."""
    block = bytearray(Header(1, b"i" * 16, 1, GENESIS_HASH).encode(KEY))
    block[offset] ^= 1
    with pytest.raises(LayoutError):
        Header.decode(bytes(block), KEY)


def test_altered_mark_is_refused() -> None:
    """A mark with one altered byte, wherever, is refused, and so is one that is cut or continued."""
    encoded = Mark(START, synced=True).encode(KEY)
    for offset in range(len(encoded)):
        altered = bytearray(encoded)
        altered[offset] ^= 1
        with pytest.raises(LayoutError):
            Mark.decode(bytes(altered), KEY)
    for wrong in (b"", encoded[:-1], encoded + b"\0"):
        with pytest.raises(LayoutError):
            Mark.decode(wrong, KEY)


def test_another_key_opens_nothing() -> None:
    """Header, mark and frame that were written with one key are refused with another."""
    header = Header(1, b"i" * 16, 1, GENESIS_HASH)
    with pytest.raises(LayoutError, match="another audit key"):
        Header.decode(header.encode(KEY), OTHER_KEY)
    with pytest.raises(LayoutError, match="another audit key"):
        Mark.decode(Mark(START, synced=True).encode(KEY), OTHER_KEY)
    frame, _ = encode_frame(b"e" * 16, b"{}", START, KEY)
    with pytest.raises(LayoutError, match="chain hash"):
        decode_frame(bytes(RECORDS_OFFSET) + frame, START, OTHER_KEY)


def test_altered_frame_is_refused() -> None:
    """A frame with one altered bit, wherever, is refused, unless it now says that it is not there."""
    frame, _ = encode_frame(b"e" * 16, b"{}", START, KEY)
    for bit in range(8 * len(frame)):
        altered = bytearray(frame)
        altered[bit // 8] ^= 1 << bit % 8
        segment = bytes(RECORDS_OFFSET) + bytes(altered) + bytes(100)
        if altered[:4] == bytes(4):
            assert decode_frame(segment, START, KEY) is None
        else:
            with pytest.raises(LayoutError):
                decode_frame(segment, START, KEY)


def test_gap_in_the_numbers_is_refused() -> None:
    """A record whose hash is right and whose number is not the next one is refused."""
    frame, _ = encode_frame(b"e" * 16, b"{}", START._replace(sequence=1), KEY)
    with pytest.raises(LayoutError, match="sequence number is 2"):
        decode_frame(bytes(RECORDS_OFFSET) + frame, START, KEY)


def test_empty_body_is_our_mistake() -> None:
    """A record without a body is never written: its length would be the end of the records."""
    with pytest.raises(AssertionError):
        encode_frame(b"e" * 16, b"", START, KEY)


def test_mark_denies_another_record_of_the_same_number() -> None:
    """A mark contradicts another record under its number, and nothing else."""
    mark = Mark(Position(1, 5_000, 7, b"a" * 32), synced=True)
    assert not mark.denies(mark.position)
    assert not mark.denies(Position(1, 4_900, 6, b"b" * 32))
    assert mark.denies(Position(1, 5_000, 7, b"b" * 32))
    assert mark.denies(Position(1, 4_999, 7, b"a" * 32))


class TestFrameHead:
    """What stands before a body, read without its body."""

    def test_it_is_what_was_written(self) -> None:
        """Length, number, event ID and chain hash."""
        frame, after = encode_frame(b"e" * 16, b"body", Position(1, 0, 6, GENESIS_HASH), KEY)
        assert FrameHead.decode(frame) == (4, 7, b"e" * 16, after.chain_hash)

    def test_what_is_shorter_is_none(self) -> None:
        """Whatever else the bytes are."""
        with pytest.raises(LayoutError):
            FrameHead.decode(bytes(FRAME_OVERHEAD - 1))

"""Segment files: how they are made and read."""

import errno
import os
import stat
from pathlib import Path

import pytest

from selfkms.adapters.audit_files.layout import GENESIS_HASH, RECORDS_OFFSET, Header, encode_frame
from selfkms.adapters.audit_files.segments import (
    BrokenEndError,
    JournalDamagedError,
    Segment,
    create_segment,
    segment_name,
    segment_numbers,
    write_all,
)
from selfkms.crypto.mac import MACKey
from selfkms.domain.secrets import Secret

KEY = MACKey(Secret(bytes(32)))
HEADER = Header(1, b"i" * 16, 1, GENESIS_HASH)
LENGTH = RECORDS_OFFSET + 1_000


def test_new_segment_is_allocated_and_empty(tmp_path: Path) -> None:
    """A new segment has its full length on disk, mode 0600, its header, and no record."""
    create_segment(tmp_path, HEADER, LENGTH, KEY)
    path = tmp_path / "00000000000000000001.journal"
    found = path.stat()
    assert found.st_size == LENGTH
    assert found.st_blocks * 512 >= LENGTH
    assert stat.S_IMODE(found.st_mode) == 0o600
    segment = Segment(tmp_path, 1, KEY)
    assert segment.header == HEADER
    assert list(segment.frames()) == []
    assert list(tmp_path.iterdir()) == [path]


def test_segment_that_cannot_be_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk, whether it shows when space is asked for or when it is written, no file is left."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("posix_fallocate", "pwrite", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            with pytest.raises(OSError, match="No space left"):
                create_segment(tmp_path, HEADER, LENGTH, KEY)
        assert list(tmp_path.iterdir()) == []


def test_what_a_crash_left_of_a_new_segment_is_no_segment(tmp_path: Path) -> None:
    """An unfinished file is not counted, and is no obstacle to making the segment."""
    (tmp_path / "00000000000000000001.new").write_bytes(b"x" * 10 * LENGTH)
    assert segment_numbers(tmp_path) == []
    create_segment(tmp_path, HEADER, LENGTH, KEY)
    assert segment_numbers(tmp_path) == [1]
    assert list(Segment(tmp_path, 1, KEY).frames()) == []


def test_segments_are_counted_without_a_gap(tmp_path: Path) -> None:
    """Other files are passed over; a missing segment, the first one too, is damage and named."""
    for number in (1, 2, 3):
        (tmp_path / segment_name(number)).touch()
    for other in ("settled.mark", "00000000000000000001.journal.4096.torn", "4.journal"):
        (tmp_path / other).touch()
    assert segment_numbers(tmp_path) == [1, 2, 3]
    (tmp_path / segment_name(2)).unlink()
    with pytest.raises(JournalDamagedError, match=r"00000000000000000002\.journal.*missing"):
        segment_numbers(tmp_path)
    (tmp_path / segment_name(1)).unlink()
    with pytest.raises(JournalDamagedError, match=r"00000000000000000001\.journal.*missing"):
        segment_numbers(tmp_path)


def test_segment_under_another_name_is_damage(tmp_path: Path) -> None:
    """A segment is read only under its own number."""
    create_segment(tmp_path, HEADER, LENGTH, KEY)
    (tmp_path / segment_name(1)).rename(tmp_path / segment_name(2))
    with pytest.raises(JournalDamagedError, match="segment 1 under another name"):
        Segment(tmp_path, 2, KEY)


def test_broken_end_is_named(tmp_path: Path) -> None:
    """Bytes behind the last record are no record: the error names file, offset and the number it should have had."""
    create_segment(tmp_path, HEADER, LENGTH, KEY)
    path = tmp_path / segment_name(1)
    frame, position = encode_frame(b"e" * 16, b"{}", HEADER.start(), KEY)
    data = bytearray(path.read_bytes())
    data[RECORDS_OFFSET : position.offset] = frame
    data[position.offset + 300] = 1
    path.write_bytes(data)
    segment = Segment(tmp_path, 1, KEY)
    frames = segment.frames()
    assert next(frames).after == position
    with pytest.raises(BrokenEndError) as caught:
        next(frames)
    assert str(caught.value) == (
        f"audit journal, {path.name}, offset {position.offset}, record 2: the record is damaged or unfinished"
    )
    assert segment.written_end(position.offset) == position.offset + 301
    assert segment.written_end(position.offset + 301) == position.offset + 301


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that the system cuts short is continued where it stopped."""
    pwrite = os.pwrite

    def short(descriptor: int, data: bytes, offset: int) -> int:
        return pwrite(descriptor, data[:3], offset)

    monkeypatch.setattr(os, "pwrite", short)
    with (tmp_path / "file").open("w+b") as file:
        write_all(file.fileno(), b"0123456789", 2)
        assert file.read() == b"\0\0" + b"0123456789"

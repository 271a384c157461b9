"""Segments: the files of a journal, made ahead at full length, then filled record by record."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from selfkms.adapters.audit_files.layout import (
    RECORDS_OFFSET,
    Frame,
    Header,
    LayoutError,
    Position,
    decode_frame,
)
from selfkms.crypto.mac import MACKey

FILE_MODE: Final = 0o600
DIRECTORY_MODE: Final = 0o700
_NAME: Final = re.compile(r"([0-9]{20})\.journal", re.ASCII)
_FILL_BYTES: Final = 1_048_576


class Damage(msgspec.Struct, frozen=True):
    """The first thing that is wrong with a journal."""

    segment: str
    """Name of the file."""
    offset: int
    """Bytes from its start."""
    sequence: int | None
    """Number of the record that should stand there, if one should."""
    what: str


class JournalDamagedError(Exception):
    """The journal is not what was written. Nobody may write on behind that."""

    def __init__(self, damage: Damage) -> None:
        record = "" if damage.sequence is None else f", record {damage.sequence}"
        super().__init__(f"audit journal, {damage.segment}, offset {damage.offset}{record}: {damage.what}")
        self.damage = damage


class BrokenEndError(JournalDamagedError):
    """What follows a good record is neither one nor zeros: damage, unless it is a write that nobody was told of."""


def segment_name(number: int) -> str:
    """The file name of a segment."""
    return f"{number:020d}.journal"


def segment_numbers(directory: Path) -> list[int]:
    """The segments of a journal: 1, 2, 3 … without a gap.

    Raises:
        JournalDamagedError: one is missing.
    """
    names = (_NAME.fullmatch(entry.name) for entry in directory.iterdir())
    numbers = sorted(int(name[1]) for name in names if name)
    for expected, number in enumerate(numbers, start=1):
        if number != expected:
            raise JournalDamagedError(Damage(segment_name(expected), 0, None, "the segment is missing"))
    return numbers


class Segment:
    """A segment as it was when it was read."""

    def __init__(self, directory: Path, number: int, key: MACKey) -> None:
        """Read the whole file and check its header.

        Raises:
            JournalDamagedError: the header is not the one of this segment.
        """
        self.path = directory / segment_name(number)
        self.data = self.path.read_bytes()
        self._key = key
        try:
            self.header = Header.decode(self.data[:RECORDS_OFFSET], key)
        except LayoutError as error:
            raise self.damaged(0, None, str(error)) from error
        if self.header.number != number:
            raise self.damaged(0, None, f"this is segment {self.header.number} under another name")

    def frames(self) -> Iterator[Frame]:
        """The records in their order, each once its place in the chain is verified.

        Raises:
            BrokenEndError: a record does not fit, or the last one is not followed by zeros alone.
        """
        position = self.header.start()
        while True:
            try:
                frame = decode_frame(self.data, position, self._key)
            except LayoutError as error:
                raise self._broken_end(position, str(error)) from error
            if frame is None:
                break
            yield frame
            position = frame.after
        if self.written_end(position.offset) > position.offset:
            raise self._broken_end(position, "the record is damaged or unfinished")

    def written_end(self, offset: int) -> int:
        """Where the last byte that is not zero ends, looking behind `offset` only; `offset` itself if there is none."""
        rest = self.data[offset:]
        # The comparison is fast and nearly always the answer; stripping is slow and seldom needed.
        return offset if rest == bytes(len(rest)) else offset + len(rest.rstrip(b"\0"))

    def damaged(self, offset: int, sequence: int | None, what: str) -> JournalDamagedError:
        """The error that says so of this segment."""
        return JournalDamagedError(Damage(self.path.name, offset, sequence, what))

    def _broken_end(self, position: Position, what: str) -> BrokenEndError:
        return BrokenEndError(Damage(self.path.name, position.offset, position.sequence + 1, what))


def create_segment(directory: Path, header: Header, segment_bytes: int, key: MACKey) -> None:
    """Make a segment without records. It has its name only once all of it is on disk.

    It is filled with zeros that are really written: a later write changes neither the length of the file nor what is
    allocated to it, so that `fdatasync` has the data alone to write, and no later write can find the disk full.

    Raises:
        OSError: disk full …; nothing is left behind.
    """
    final = directory / segment_name(header.number)
    unfinished = final.with_suffix(".new")
    descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    try:
        # Asked for first, so that a full disk is noticed before 16 MiB are written to it.
        os.posix_fallocate(descriptor, 0, segment_bytes)
        zeros = bytes(_FILL_BYTES)
        for offset in range(0, segment_bytes, _FILL_BYTES):
            write_all(descriptor, zeros[: segment_bytes - offset], offset)
        write_all(descriptor, header.encode(key), 0)
        os.fsync(descriptor)
        unfinished.rename(final)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    sync_directory(directory)


def write_all(descriptor: int, data: bytes | bytearray, offset: int) -> None:
    """`os.pwrite`, which may write less than it was given, until all is written."""
    written = os.pwrite(descriptor, data, offset)
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], offset + written)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

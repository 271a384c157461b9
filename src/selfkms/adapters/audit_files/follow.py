"""Reading a journal piece by piece, from where the last piece ended: for whoever keeps up with it.

Only what was acknowledged is read, which is what lies before the settled mark, so nothing that was read is taken back
(but see `Mark.synced`). Each record's place in the chain is verified on the way.
"""

import os
from pathlib import Path
from typing import Final, NamedTuple

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
)
from selfkms.adapters.audit_files.mark import read_mark
from selfkms.adapters.audit_files.segments import Damage, JournalDamagedError, segment_name
from selfkms.crypto.mac import MACKey
from selfkms.domain.secrets import Secret


class AnotherJournalError(Exception):
    """The journal is not, or not any more, the one in which the place is: it was begun anew, or lost its end."""


class Place(NamedTuple):
    """How far a journal was read."""

    position: Position
    record_offset: int
    """Where in the segment the last record begins; 0 before the first one."""


BEGINNING: Final = Place(Position(0, 0, 0, GENESIS_HASH), 0)


class Followed(NamedTuple):
    """A record that was acknowledged."""

    event_id: bytes
    """The 16 bytes of the UUID."""
    body: bytes
    place: Place
    """Behind it; says also where it stands."""


class Follower:
    """Reads on in one journal, while the recorder writes or at rest. It keeps nothing open."""

    def __init__(self, directory: Path, audit_key: Secret) -> None:
        self._directory = directory
        self._key = MACKey(audit_key)

    def read(self, after: Place, *, records_max: int) -> list[Followed]:
        """The records behind a place, in their order, at most so many; none if it is the end.

        Raises:
            AnotherJournalError: the record before the place is not in this journal.
            JournalDamagedError: what follows is not what was written. What lies before the damage is read first.
            OSError: the journal cannot be read.
        """
        mark = read_mark(self._directory, self._key)
        if mark is None or mark.position[2:] == after.position[2:]:
            return []
        if mark.position.sequence <= after.position.sequence:
            raise AnotherJournalError
        self._check_last(after)
        found: list[Followed] = []
        try:
            self._read_on(after, mark, records_max, found)
        except JournalDamagedError:
            if not found:
                raise
        return found

    def _check_last(self, place: Place) -> None:
        """Whether the last record that was read still stands where it stood."""
        if place.record_offset == 0:
            return
        start = place.record_offset
        try:
            head = FrameHead.decode(self._bytes(place.position.segment, start, start + FRAME_OVERHEAD))
        except (JournalDamagedError, LayoutError) as error:
            raise AnotherJournalError from error
        if (head.sequence, head.chain_hash) != place.position[2:]:
            raise AnotherJournalError

    def _read_on(self, after: Place, mark: Mark, records_max: int, found: list[Followed]) -> None:
        position = after.position
        if position.segment == 0:
            position = self._enter(Position(1, 0, 0, GENESIS_HASH))
        while True:
            last = position.segment == mark.position.segment
            data = self._bytes(position.segment, position.offset, mark.position.offset if last else None)
            base = position.offset
            position = self._frames(data, position, records_max, found)
            if len(found) == records_max:
                return
            if last:
                _check_end(position, mark)
                return
            if any(data[position.offset - base :]):
                raise _damaged(position, "the record is damaged or unfinished")
            position = self._enter(position._replace(segment=position.segment + 1))

    def _frames(self, data: bytes, start: Position, records_max: int, found: list[Followed]) -> Position:
        """Add the records in the bytes of a segment from `start` on. The place behind the last one."""
        base, before = start.offset, start
        while len(found) < records_max:
            try:
                frame = decode_frame(data, before, self._key, base=base)
            except LayoutError as error:
                raise _damaged(before, str(error)) from error
            if frame is None:
                break
            found.append(Followed(frame.event_id, frame.body, Place(frame.after, before.offset)))
            before = frame.after
        return before

    def _enter(self, before: Position) -> Position:
        """The place of the first record of a segment, which must go on from the one before it."""
        block = self._bytes(before.segment, 0, RECORDS_OFFSET)
        try:
            header = Header.decode(block, self._key)
        except LayoutError as error:
            raise _damaged(before._replace(offset=0), str(error)) from error
        start = header.start()
        if (header.number, *start[2:]) != (before.segment, *before[2:]):
            raise _damaged(before._replace(offset=0), "the segment does not continue the one before it")
        return start

    def _bytes(self, segment: int, start: int, end: int | None) -> bytes:
        """A part of a segment; without `end` all that follows."""
        try:
            descriptor = os.open(self._directory / segment_name(segment), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise JournalDamagedError(Damage(segment_name(segment), 0, None, "the segment is missing")) from error
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            file.seek(start)
            return file.read() if end is None else file.read(end - start)


def _check_end(position: Position, mark: Mark) -> None:
    if position != mark.position:
        raise _damaged(position, f"acknowledged up to record {mark.position.sequence}, but the journal ends here")


def _damaged(position: Position, what: str) -> JournalDamagedError:
    return JournalDamagedError(Damage(segment_name(position.segment), position.offset, position.sequence + 1, what))

"""What is done when a journal is opened: find its end, and cut off a write that a crash left unfinished.

1. The last segment is verified record by record, and the chain backwards as far as event IDs are remembered.
2. Behind the last good record there may be the beginning, or parts, of one batch that was never acknowledged. It is
   copied aside and overwritten with zeros. It may be no longer than a batch and must lie behind the settled mark.
3. Anything else is damage, and the journal does not open: a person must look at it.
4. What was found is synced before it counts: the process that wrote it may have died before it did that, and a record
   found here is acknowledged without being written again when it is sent a second time.
"""

import logging
import os
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

from selfkms.adapters.audit_files.layout import BATCH_BYTES_MAX, RECORDS_OFFSET, Mark, Position
from selfkms.adapters.audit_files.mark import read_mark
from selfkms.adapters.audit_files.recent_ids import RECENT_IDS_MAX, RecentIDs
from selfkms.adapters.audit_files.segments import (
    FILE_MODE,
    BrokenEndError,
    Damage,
    JournalDamagedError,
    Segment,
    segment_name,
    segment_numbers,
    sync_directory,
    write_all,
)
from selfkms.crypto.mac import MACKey

_log: Final = logging.getLogger(__name__)


class Recovered(NamedTuple):
    """Where a journal goes on, and what it remembers."""

    position: Position
    recent_ids: RecentIDs


def recover(directory: Path, key: MACKey, installation_id: UUID) -> Recovered | None:
    """Verify the end of a journal and make it ready to be written on; None if it has no segment yet.

    Raises:
        JournalDamagedError: something is wrong that an unfinished write does not explain.
        OSError: it cannot be read or written.
    """
    numbers = segment_numbers(directory)
    mark = read_mark(directory, key)
    last = numbers[-1] if numbers else 0
    if mark and mark.position.segment > last:
        raise JournalDamagedError(Damage(segment_name(mark.position.segment), 0, None, "the segment is missing"))
    if not numbers:
        return None
    segment = Segment(directory, last, key)
    if segment.header.installation_id != installation_id.bytes:
        other = UUID(bytes=segment.header.installation_id)
        raise segment.damaged(0, None, f"the journal belongs to installation {other}")
    position, event_ids = _read_last(segment, mark)
    _make_durable(directory, segment, position)
    return Recovered(position, _recent_ids(directory, key, segment, event_ids))


def _read_last(segment: Segment, mark: Mark | None) -> tuple[Position, list[bytes]]:
    """The place behind the last good record of the last segment, and the event IDs of the segment."""
    position = segment.header.start()
    event_ids: list[bytes] = []
    torn: BrokenEndError | None = None
    try:
        for frame in segment.frames():
            if mark and mark.denies(frame.after):
                raise segment.damaged(frame.offset, frame.after.sequence, "another record than this was acknowledged")
            position = frame.after
            event_ids.append(frame.event_id)
    except BrokenEndError as broken:
        if not _may_be_unfinished(segment, position, mark):
            raise
        torn = broken
    if mark and position.sequence < mark.position.sequence:
        _accept_loss(segment, position, mark)
    if torn:
        _log.warning("an unfinished write is cut off and kept beside the segment: %s", torn)
    return position, event_ids


def _may_be_unfinished(segment: Segment, position: Position, mark: Mark | None) -> bool:
    """Whether what stands behind the last good record can be a batch that nobody was told of.

    Without a mark nothing can: then every record counts as acknowledged.
    """
    length = segment.written_end(position.offset) - position.offset
    return mark is not None and length <= BATCH_BYTES_MAX and position.offset >= _settled_offset(segment, mark)


def _settled_offset(segment: Segment, mark: Mark) -> int:
    """The offset in the last segment before which everything must be there."""
    if mark.position.segment < segment.header.number:
        return RECORDS_OFFSET
    return mark.position.offset if mark.synced else mark.position.offset - BATCH_BYTES_MAX


def _accept_loss(segment: Segment, position: Position, mark: Mark) -> None:
    """The journal ends before the mark: what durability `process` allows, and durability `power` does not."""
    what = f"acknowledged up to record {mark.position.sequence}, but the journal ends here"
    if position.offset < _settled_offset(segment, mark):
        raise segment.damaged(position.offset, position.sequence + 1, what)
    _log.warning("audit journal: a power loss took records (durability = process): %s", what)


def _make_durable(directory: Path, segment: Segment, position: Position) -> None:
    """Cut off what follows the last record, and sync the segment and its name."""
    end = segment.written_end(position.offset)
    if end > position.offset:
        _keep_aside(segment, position.offset, end)
    descriptor = os.open(segment.path, os.O_RDWR | os.O_CLOEXEC)
    try:
        write_all(descriptor, bytes(end - position.offset), position.offset)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_directory(directory)


def _keep_aside(segment: Segment, offset: int, end: int) -> None:
    """Copy the unfinished write into a file of its own; a second one at the same place is added to it."""
    path = segment.path.with_name(f"{segment.path.name}.{offset}.torn")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "ab") as file:
        file.write(segment.data[offset:end])
        file.flush()
        os.fsync(descriptor)


def _recent_ids(directory: Path, key: MACKey, last: Segment, event_ids: list[bytes]) -> RecentIDs:
    """The event IDs of the last records, from as many segments as it takes; each must be the next one's link."""
    pieces = [event_ids]
    next_one = last
    while sum(map(len, pieces)) < RECENT_IDS_MAX and next_one.header.number > 1:
        segment = Segment(directory, next_one.header.number - 1, key)
        position = segment.header.start()
        piece = []
        for frame in segment.frames():
            position = frame.after
            piece.append(frame.event_id)
        check_link(position, next_one)
        pieces.append(piece)
        next_one = segment
    recent_ids = RecentIDs()
    for piece in reversed(pieces):
        for event_id in piece:
            recent_ids.add(event_id)
    return recent_ids


def check_link(end: Position, following: Segment) -> None:
    """Whether a segment begins where the one before it ends.

    Raises:
        JournalDamagedError: it does not.
    """
    start = following.header.start()
    if (start.sequence, start.chain_hash) != (end.sequence, end.chain_hash):
        raise following.damaged(0, None, "the segment does not continue the one before it")

"""Reading a journal with every hash checked: for whoever doubts it, and for whoever feeds on it.

Both work on a journal at rest and while the recorder writes: what lies behind the settled mark and is not whole yet is
the open end, not damage.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from selfkms.adapters.audit_files.layout import GENESIS_HASH, Frame, Mark, Position
from selfkms.adapters.audit_files.mark import MARK_NAME, read_mark
from selfkms.adapters.audit_files.recent_ids import RecentIDs
from selfkms.adapters.audit_files.recovery import check_link
from selfkms.adapters.audit_files.segments import (
    BrokenEndError,
    Damage,
    JournalDamagedError,
    Segment,
    segment_name,
    segment_numbers,
)
from selfkms.crypto.mac import MACKey
from selfkms.domain.secrets import Secret

_PROGRESS_RECORDS: Final = 10_000


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal holds, as far as it is in order."""

    records: int
    segments: int
    """Files that are in order; the one with the damage is not counted."""
    installation_id: str | None
    first_time: str | None
    """The eventTime of the first record, as it is written there."""
    last_time: str | None
    open_end_bytes: int
    """Length of what follows the last record: a write that is under way, or that a crash left unfinished."""
    damage: Damage | None
    """The first thing that is wrong, or None."""


def verify(directory: Path, audit_key: Secret, *, progress: Callable[[int], object] = lambda _: None) -> Report:
    """Check every hash, number and link of a journal.

    An event ID must not occur twice within `RECENT_IDS_MAX` records, which is as far as the recorder remembers. What is
    given as `progress` is told how many records were checked.

    Raises:
        OSError: it cannot be read.
    """
    walk = _Walk(directory, MACKey(audit_key))
    first: Frame | None = None
    last: Frame | None = None
    damage: Damage | None = None
    try:
        for frame in walk.frames():
            first = first or frame
            last = frame
            if frame.after.sequence % _PROGRESS_RECORDS == 0:
                progress(frame.after.sequence)
    except JournalDamagedError as error:
        damage = error.damage
    return Report(
        records=last.after.sequence if last else 0,
        segments=walk.segments,
        installation_id=str(UUID(bytes=walk.installation_id)) if walk.installation_id else None,
        first_time=_event_time(first),
        last_time=_event_time(last),
        open_end_bytes=walk.open_end_bytes,
        damage=damage,
    )


def read(directory: Path, audit_key: Secret) -> Iterator[tuple[int, bytes]]:
    """Sequence number and body of each record, in their order, each once its place in the chain is verified.

    Raises:
        JournalDamagedError: after the last record that is in order.
        OSError: it cannot be read.
    """
    for frame in _Walk(directory, MACKey(audit_key)).frames():
        yield frame.after.sequence, frame.body


class _Walk:
    """One way through a journal, from its first record to its end."""

    def __init__(self, directory: Path, key: MACKey) -> None:
        self._directory = directory
        self._key = key
        self._recent_ids = RecentIDs()
        self._mark: Mark | None = None
        self._position = Position(0, 0, 0, GENESIS_HASH)
        self.segments = 0
        self.installation_id: bytes | None = None
        self.open_end_bytes = 0

    def frames(self) -> Iterator[Frame]:
        # Read before anything else: the recorder moves only forward, so all that the mark names is there afterwards.
        self._mark = read_mark(self._directory, self._key)
        numbers = segment_numbers(self._directory)
        for number in numbers:
            segment = Segment(self._directory, number, self._key)
            self._check_header(segment)
            try:
                yield from self._frames_of(segment)
            except BrokenEndError as broken:
                if number != numbers[-1] or not self._is_settled():
                    raise
                self.open_end_bytes = segment.written_end(broken.damage.offset) - broken.damage.offset
            self.segments += 1
        self._check_end(numbers)

    def _check_header(self, segment: Segment) -> None:
        self.installation_id = self.installation_id or segment.header.installation_id
        if segment.header.installation_id != self.installation_id:
            raise segment.damaged(0, None, "the segment is another installation's")
        check_link(self._position, segment)
        self._position = segment.header.start()

    def _frames_of(self, segment: Segment) -> Iterator[Frame]:
        for frame in segment.frames():
            sequence = frame.after.sequence
            if self._mark and self._mark.denies(frame.after):
                raise segment.damaged(frame.offset, sequence, "another record than this was acknowledged")
            if frame.event_id in self._recent_ids:
                raise segment.damaged(frame.offset, sequence, f"event {UUID(bytes=frame.event_id)} is here twice")
            self._recent_ids.add(frame.event_id)
            self._position = frame.after
            yield frame

    def _is_settled(self) -> bool:
        """Whether everything was met that the mark says was acknowledged. Without a mark, nothing says what that is."""
        return self._mark is not None and self._position[:3] >= self._mark.position[:3]

    def _check_end(self, numbers: list[int]) -> None:
        if self._mark is None and numbers:
            raise JournalDamagedError(Damage(MARK_NAME, 0, None, "the settled mark is missing"))
        if self._mark is not None and not self._is_settled():
            what = f"acknowledged up to record {self._mark.position.sequence}, but the journal ends here"
            segment = segment_name(self._position.segment or 1)
            raise JournalDamagedError(Damage(segment, self._position.offset, self._position.sequence + 1, what))


class _EventTime(msgspec.Struct):
    event_time: str | None = msgspec.field(default=None, name="eventTime")


def _event_time(frame: Frame | None) -> str | None:
    if frame is None:
        return None
    try:
        return msgspec.json.decode(frame.body, type=_EventTime).event_time
    except msgspec.DecodeError:  # The journal does not ask what a body is; a report can do without its time.
        return None

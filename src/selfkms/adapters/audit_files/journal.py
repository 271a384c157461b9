"""The journal in the hands of its one writer, the recorder."""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final
from uuid import UUID

from selfkms.adapters.audit_files.layout import (
    BATCH_BYTES_MAX,
    FRAME_OVERHEAD,
    GENESIS_HASH,
    RECORDS_OFFSET,
    SEGMENT_BYTES_DEFAULT,
    Header,
    Mark,
    encode_frame,
)
from selfkms.adapters.audit_files.mark import MarkFile
from selfkms.adapters.audit_files.recent_ids import RecentIDs
from selfkms.adapters.audit_files.recovery import Recovered, recover
from selfkms.adapters.audit_files.segments import (
    DIRECTORY_MODE,
    FILE_MODE,
    create_segment,
    segment_name,
    sync_directory,
    write_all,
)
from selfkms.crypto.mac import MACKey
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.secrets import Secret
from selfkms.ports.audit_sink import JournalUnavailableError

LOCK_NAME: Final = "journal.lock"

_Batch = list[tuple[bytes, bytes]]


class Durability(StrEnum):
    """What acknowledged records survive."""

    POWER = "power"
    """`kill -9` and power loss: one `fdatasync` for each batch."""
    PROCESS = "process"
    """`kill -9`; a power loss may take the last mebibyte."""


class JournalInUseError(Exception):
    """Another process has this journal."""


class FileJournal:
    """`ports.audit_sink.Journal` on segment files. Not for use by several threads."""

    def __init__(
        self,
        directory: Path,
        *,
        audit_key: Secret,
        installation_id: str,
        durability: Durability = Durability.POWER,
        segment_bytes: int = SEGMENT_BYTES_DEFAULT,
    ) -> None:
        """Open the journal in `directory`, or begin one there.

        Args:
            directory: made with mode 0700 if it is not there.
            audit_key: 32 bytes, the key of the chain.
            installation_id: a UUID; stands in every segment.
            durability: what acknowledged records survive.
            segment_bytes: length of new segments; those that are there keep theirs.

        Raises:
            JournalDamagedError: what is there is not what was written.
            JournalInUseError: another process has it.
            JournalUnavailableError: it cannot be read or written.
        """
        assert segment_bytes > RECORDS_OFFSET
        self._directory = directory
        self._key = MACKey(audit_key)
        self._installation_id = UUID(installation_id)
        self._synced_always = durability is Durability.POWER
        self._segment_bytes = segment_bytes
        with contextlib.ExitStack() as opened:
            try:
                self._open(opened)
            except OSError as error:
                raise _unavailable(error) from error
            self._opened = opened.pop_all()

    def _open(self, opened: contextlib.ExitStack) -> None:
        self._directory.mkdir(DIRECTORY_MODE, parents=True, exist_ok=True)
        sync_directory(self._directory.parent)
        opened.callback(os.close, _take_lock(self._directory))
        recovered = recover(self._directory, self._key, self._installation_id) or self._begin()
        self._position = recovered.position
        self._recent_ids = recovered.recent_ids
        self._descriptor = self._open_segment(self._position.segment)
        opened.callback(lambda: os.close(self._descriptor))
        self._mark = MarkFile(self._directory, Mark(self._position, synced=True), self._key)
        opened.callback(self._mark.close)
        self._unsynced_bytes = 0
        # Where the bytes of a write that failed may end; the place where records end, if there was none.
        self._dirty_end = self._position.offset
        self._full = False

    def _begin(self) -> Recovered:
        header = Header(1, self._installation_id.bytes, 1, GENESIS_HASH)
        create_segment(self._directory, header, self._segment_bytes, self._key)
        return Recovered(header.start(), RecentIDs())

    def append(self, records: Sequence[AuditRecord]) -> None:
        """Chain and write the records, as the port says. More than fits into one write becomes several.

        Raises:
            JournalUnavailableError: no record of the write that failed is in the journal. Records of an earlier write
                of the same call are, and are known when they are sent again.
        """
        for batch in self._batches(records):
            try:
                self._write(batch)
            except OSError as error:
                # At once if it can be done, so that a crash finds no trace; else before the next write.
                with contextlib.suppress(OSError):
                    self._put_back()
                raise _unavailable(error) from error

    def _batches(self, records: Sequence[AuditRecord]) -> Iterator[_Batch]:
        """The records that are not known yet, in pieces that one write takes and one segment holds."""
        capacity = min(BATCH_BYTES_MAX, self._segment_bytes - RECORDS_OFFSET)
        batch: _Batch = []
        batch_bytes = 0
        seen: set[bytes] = set()
        for record in records:
            event_id = bytes.fromhex(record.event_id.replace("-", ""))
            if self._recent_ids.saw(event_id) or event_id in seen:
                continue
            seen.add(event_id)
            frame_bytes = FRAME_OVERHEAD + len(record.body)
            assert frame_bytes <= capacity, "CloudTrail caps a record at 256 KB"
            if batch_bytes + frame_bytes > capacity:
                yield batch
                batch, batch_bytes = [], 0
            batch.append((event_id, record.body))
            batch_bytes += frame_bytes
        if batch:
            yield batch

    def _write(self, batch: _Batch) -> None:
        """One batch, one write, in one segment; nothing of it counts unless all of this succeeds."""
        batch_bytes = sum(FRAME_OVERHEAD + len(body) for _, body in batch)
        self._put_back()
        if self._full or self._position.offset + batch_bytes > self._length:
            self._roll()
        if self._unsynced_bytes + batch_bytes > BATCH_BYTES_MAX:
            self._sync()
        position = self._position
        frames = []
        for event_id, body in batch:
            frame, position = encode_frame(event_id, body, position, self._key)
            frames.append(frame)
        self._dirty_end = position.offset
        write_all(self._descriptor, b"".join(frames), self._position.offset)
        self._unsynced_bytes += batch_bytes
        if self._synced_always:
            self._sync()
        self._mark.write(Mark(position, synced=self._synced_always))
        self._position = position
        for event_id, _ in batch:
            self._recent_ids.add(event_id)

    def _put_back(self) -> None:
        """Overwrite with zeros what a write that failed may have left.

        Synced, because a failed `fdatasync` leaves open what is on disk: the pages are written anew and asked for anew.
        """
        dirty_bytes = self._dirty_end - self._position.offset
        if dirty_bytes > 0:
            write_all(self._descriptor, bytes(dirty_bytes), self._position.offset)
            os.fdatasync(self._descriptor)
            self._dirty_end = self._position.offset

    def _roll(self) -> None:
        """Go on in a new segment."""
        # From here on the old segment takes no record, even if making the new one fails: its header names the last one.
        self._full = True
        self._sync()
        header = Header(
            self._position.segment + 1,
            self._installation_id.bytes,
            self._position.sequence + 1,
            self._position.chain_hash,
        )
        create_segment(self._directory, header, self._segment_bytes, self._key)
        descriptor = self._open_segment(header.number)
        os.close(self._descriptor)
        self._descriptor = descriptor
        self._position = header.start()
        self._dirty_end = self._position.offset
        self._full = False

    def _open_segment(self, number: int) -> int:
        descriptor = os.open(self._directory / segment_name(number), os.O_RDWR | os.O_CLOEXEC)
        self._length = os.fstat(descriptor).st_size
        return descriptor

    def _sync(self) -> None:
        if self._synced_always or self._unsynced_bytes:
            os.fdatasync(self._descriptor)
        self._unsynced_bytes = 0

    def close(self) -> None:
        """Sync everything, leave an exact mark, and let go of the files.

        Raises:
            JournalUnavailableError: something could not be written; the files are let go of all the same.
        """
        with self._opened:
            try:
                self._put_back()
                self._sync()
                self._mark.write(Mark(self._position, synced=True))
                self._mark.sync()
            except OSError as error:
                raise _unavailable(error) from error


def _take_lock(directory: Path) -> int:
    """The descriptor of the lock file. The lock ends with the process, however that ends."""
    descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise JournalInUseError(f"another process has the audit journal in {directory}") from error
    return descriptor


def _unavailable(error: OSError) -> JournalUnavailableError:
    return JournalUnavailableError(f"the audit journal cannot be written: {error.strerror or error}")

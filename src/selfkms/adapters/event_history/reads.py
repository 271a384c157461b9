"""Looking events up: the index says where their records stand, the journal has them."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

from selfkms.adapters.audit_files.follow import Place
from selfkms.adapters.audit_files.layout import Position
from selfkms.adapters.audit_files.placed import place_text
from selfkms.adapters.audit_files.single import NoSuchRecordError, read_record
from selfkms.adapters.event_history.file import answering, connect
from selfkms.domain.cloudtrail.history import Attribute, Found, LastUse, Lookup, Mark, recorded_event
from selfkms.domain.kms.usage import FeePeriod, KeyRequests
from selfkms.ports.audit_records import BEGINNING
from selfkms.ports.event_history import HistoryUnavailableError

_NO_TIME_LIMIT: Final = 2**62

# The row value is compared within the primary key, so that a page costs what it holds, wherever it begins.
_EVENTS_OF_TERM: Final = (
    "SELECT event_time, sequence, event_id, segment, record_offset FROM postings JOIN events USING (sequence) "
    "WHERE term = ? AND event_time >= ? AND (event_time, sequence) < (?, ?) "
    "ORDER BY event_time DESC, sequence DESC LIMIT ?"
)

_Row = tuple[int, int, bytes, int, int]


class SQLiteEventHistory:
    """`ports.event_history.EventHistory`. Opened when somebody asks; belongs to one thread."""

    def __init__(self, path: Path, journal: Path) -> None:
        """Prepare; `path` is the file of the index, `journal` the directory of the audit journal."""
        self._path = path
        self._journal = journal
        self._opened: sqlite3.Connection | None = None

    def lookup(self, lookup: Lookup, *, before: Mark | None, limit: int) -> Sequence[Found]:
        with answering():
            if lookup.attribute is Attribute.EVENT_ID:
                return self._with_id(lookup, before)
            since = -_NO_TIME_LIMIT if lookup.since is None else lookup.since
            end = Mark(_NO_TIME_LIMIT if lookup.until is None else int(lookup.until) + 1, 0)
            end = end if before is None else min(end, before)
            rows: list[_Row] = []
            for term in self._terms(lookup):
                rows += self._connection.execute(_EVENTS_OF_TERM, (term, since, *end, limit))
            rows.sort(reverse=True)
            return [self._found(row) for row in rows[:limit]]

    def last_use(self, key_arn: str) -> LastUse | None:
        with answering():
            row = self._connection.execute(
                "SELECT operation, event_time, event_id, request_id FROM last_uses WHERE key_arn = ?", (key_arn,)
            ).fetchone()
        return None if row is None else LastUse(*row)

    def tracked_since(self) -> float | None:
        with answering():
            row = self._connection.execute("SELECT tracked_since FROM place").fetchone()
        return None if row is None else row[0]

    def place(self) -> str:
        with answering():
            row = self._connection.execute(
                "SELECT segment, segment_offset, sequence, chain_hash, record_offset FROM place"
            ).fetchone()
        return BEGINNING if row is None else place_text(Place(Position(*row[:4]), row[4]))

    def requests(self, month: str) -> list[KeyRequests]:
        """Successful requests to AWS KMS in a month (`2026-11`, UTC), by account, Region, KMS key and operation."""
        with answering():
            rows = self._connection.execute(
                "SELECT account_id, region, key_arn, operation, count FROM requests WHERE month = ? "
                "ORDER BY account_id, region, key_arn, operation",
                (month,),
            ).fetchall()
        return [KeyRequests(*row) for row in rows]

    def fees(self, since: float, until: float) -> list[FeePeriod]:
        """When customer managed keys had a monthly fee, as far as that touches a time (seconds since the epoch)."""
        with answering():
            rows = self._connection.execute(
                "SELECT key_arn, since, until FROM fees "
                "WHERE since < ? AND coalesce(until, ?) > ? ORDER BY key_arn, since",
                (until, until, since),
            ).fetchall()
        return [FeePeriod(*row) for row in rows]

    def close(self) -> None:
        """Let go of the file."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = connect(self._path)
        return self._opened

    def _terms(self, lookup: Lookup) -> list[int]:
        """The terms of a lookup: one, or one for each account and Region that it does not name."""
        attribute = "" if lookup.attribute is None else lookup.attribute.value
        rows = self._connection.execute(
            "SELECT term FROM terms WHERE attribute = ? AND value = ? "
            "AND account_id = coalesce(?, account_id) AND region = coalesce(?, region)",
            (attribute, lookup.value if attribute else "", lookup.account_id, lookup.region),
        ).fetchall()
        return [term for (term,) in rows]

    def _with_id(self, lookup: Lookup, before: Mark | None) -> list[Found]:
        try:
            event_id = UUID(lookup.value)
        except ValueError:
            return []
        row = self._connection.execute(
            "SELECT 0, sequence, event_id, segment, record_offset FROM events WHERE event_id = ?", (event_id.bytes,)
        ).fetchone()
        if row is None:
            return []
        found = self._found(row)
        event = recorded_event(found.body)
        mark = Mark(event.at, found.mark.sequence)
        return [Found(mark, found.body)] if event.meets(lookup) and (before is None or mark < before) else []

    def _found(self, row: _Row) -> Found:
        at, sequence, event_id, segment, offset = row
        try:
            return Found(Mark(at, sequence), read_record(self._journal, segment, offset, event_id))
        except NoSuchRecordError as error:
            raise HistoryUnavailableError(
                f"record {sequence} is not where the event history has it: {error}"
            ) from error

"""Taking the journal into the history: batch by batch, each with the place in the journal in one transaction.

So each record is taken in once, however often the process dies. Events that are older than the history goes back leave
no rows to look them up by, but they count for the use of KMS keys.
"""

import gc
import logging
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from selfkms.adapters.audit_files.follow import BEGINNING, AnotherJournalError, Followed, Follower, Place
from selfkms.adapters.audit_files.layout import Position
from selfkms.adapters.audit_files.segments import JournalDamagedError
from selfkms.adapters.event_history.file import answering, connect, transaction
from selfkms.domain.cloudtrail.history import LastUse, RecordedEvent, recorded_event
from selfkms.domain.limits import SECONDS_PER_DAY
from selfkms.ports.clock import Clock

RECORDS_AT_ONCE: Final = 10_000
"""A batch: some tenths of a second, so that whoever feeds has time for other work in between."""

_TERMS_REMEMBERED_MAX: Final = 200_000
_PRUNE_SECONDS: Final = 3_600.0
_TERMS_AT_ONCE: Final = 1_000

# The events of a batch by their kind, from which the postings of each term are made without a row of Python's for each.
_MARKS: Final = """
CREATE TEMP TABLE marks (
    kind INTEGER NOT NULL, event_time INTEGER NOT NULL, sequence INTEGER NOT NULL,
    PRIMARY KEY (kind, event_time, sequence)
) WITHOUT ROWID"""
_POSTINGS_OF_KIND: Final = (
    "INSERT OR IGNORE INTO postings SELECT ?, event_time, sequence FROM temp.marks WHERE kind = ? "
    "ORDER BY event_time, sequence"
)

_log: Final = logging.getLogger(__name__)

_Term = tuple[str, str, str, str]


class JournalFeed:
    """`ports.event_history.HistoryFeed`. An instance belongs to one thread; several may feed one file."""

    def __init__(
        self,
        path: Path,
        follower: Follower,
        *,
        clock: Clock,
        history_days: int,
        records_at_once: int = RECORDS_AT_ONCE,
    ) -> None:
        """Open the history of a journal.

        Raises:
            HistoryUnavailableError: it cannot be opened.
        """
        self._connection = connect(path)
        with answering():
            self._connection.execute(_MARKS)
        self._follower = follower
        self._clock = clock
        self._history_seconds = history_days * SECONDS_PER_DAY
        self._records_at_once = records_at_once
        self._terms: dict[_Term, int] = {}
        self._pruned_at = 0.0
        self._complaint = ""

    def place(self) -> Place:
        """How far the journal was taken in."""
        with answering():
            row = self._connection.execute(
                "SELECT segment, segment_offset, sequence, chain_hash, record_offset FROM place"
            ).fetchone()
        return BEGINNING if row is None else Place(Position(*row[:4]), row[4])

    def feed(self, *, records_max: int | None = None) -> bool:
        """See the port; `records_max`: not more than that."""
        with _without_collector():
            return self._feed(self._records_at_once if records_max is None else min(records_max, self._records_at_once))

    def _feed(self, limit: int) -> bool:
        place = self.place()
        try:
            with answering():  # An OSError of the journal's files, too.
                records = self._follower.read(place, records_max=limit)
        except AnotherJournalError:
            _log.warning("the event history is of another audit journal and is made anew")
            self._forget_all()
            return True
        except JournalDamagedError as error:
            self._complain(f"the event history ends at record {place.position.sequence}: {error}")
            return False
        if not records:
            return False
        with answering():
            self._take_in(place, records)
        return len(records) == limit

    def prune(self) -> None:
        """Once an hour; a term after the other, so that each transaction is short."""
        now = self._clock.now()
        if now - self._pruned_at < _PRUNE_SECONDS:
            return
        with answering():
            self._prune(int(now - self._history_seconds))
        self._pruned_at = now

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _complain(self, text: str) -> None:
        """Once: the same damage is met with every round."""
        if text != self._complaint:
            _log.error("%s", text)
            self._complaint = text

    def _take_in(self, place: Place, records: Sequence[Followed]) -> None:
        oldest = int(self._clock.now() - self._history_seconds)
        batch = _Batch(oldest)
        for record in records:
            try:
                batch.add(record, recorded_event(record.body))
            except (msgspec.DecodeError, ValueError) as error:
                # Whoever verifies the journal finds it in order: it is what somebody had recorded.
                _log.warning("record %d is no event: %s", record.place.position.sequence, error)
        try:
            with transaction(self._connection):
                # Whoever fed meanwhile has taken these in already.
                if self.place() == place:
                    self._write(batch, records[-1].place)
        except BaseException:
            # What was rolled back has no numbers any more.
            self._terms.clear()
            raise

    def _write(self, batch: "_Batch", place: Place) -> None:
        write = self._connection.executemany
        write("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?)", batch.events)
        write("INSERT INTO temp.marks VALUES (?, ?, ?)", batch.marks())
        write(_POSTINGS_OF_KIND, batch.postings(self._term))
        self._connection.execute("DELETE FROM temp.marks")
        # First what happened to keys: a replica key that ended and was made again has the same ARN.
        for event_name, key_arn, at in batch.lives:
            self._note_life(event_name, key_arn, at)
        write(
            "INSERT INTO last_uses VALUES (?, ?, ?, ?, ?) ON CONFLICT (key_arn) DO UPDATE SET operation = "
            "excluded.operation, event_time = excluded.event_time, event_id = excluded.event_id, "
            "request_id = excluded.request_id WHERE excluded.event_time >= event_time",
            [(key_arn, *use) for key_arn, use in batch.last_uses.items()],
        )
        write(
            "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
            [(*counted, count) for counted, count in batch.requests.items()],
        )
        self._connection.execute(
            "INSERT INTO place VALUES (1, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET segment = excluded.segment, "
            "segment_offset = excluded.segment_offset, sequence = excluded.sequence, chain_hash = excluded.chain_hash, "
            "record_offset = excluded.record_offset, tracked_since = coalesce(tracked_since, excluded.tracked_since)",
            (*place.position, place.record_offset, batch.first_at),
        )

    def _term(self, term: _Term) -> int:
        """The number of a term."""
        number = self._terms.get(term)
        if number is None:
            execute = self._connection.execute
            execute("INSERT OR IGNORE INTO terms (attribute, value, account_id, region) VALUES (?, ?, ?, ?)", term)
            (number,) = execute(
                "SELECT term FROM terms WHERE (attribute, value, account_id, region) = (?, ?, ?, ?)", term
            ).fetchone()
            if len(self._terms) == _TERMS_REMEMBERED_MAX:
                self._terms.clear()
            self._terms[term] = number
        return number

    def _note_life(self, event_name: str, key_arn: str, at: int) -> None:
        """When a key has its monthly fee, and that a key that is gone has no last use."""
        execute = self._connection.execute
        if event_name == "DeleteKey":
            execute("DELETE FROM last_uses WHERE key_arn = ?", (key_arn,))
        if event_name in {"CreateKey", "CancelKeyDeletion"}:
            execute("INSERT OR IGNORE INTO fees VALUES (?, ?, NULL)", (key_arn, at))
        else:
            execute("UPDATE fees SET until = ? WHERE key_arn = ? AND until IS NULL", (at, key_arn))

    def _prune(self, oldest: int) -> None:
        connection = self._connection
        numbers = [number for (number,) in connection.execute("SELECT term FROM terms")]
        for start in range(0, len(numbers), _TERMS_AT_ONCE):
            with transaction(connection):
                for number in numbers[start : start + _TERMS_AT_ONCE]:
                    self._prune_term(number, oldest)
        self._terms.clear()

    def _prune_term(self, number: int, oldest: int) -> None:
        execute = self._connection.execute
        old = (number, oldest)
        gone = execute("SELECT 1 FROM postings WHERE term = ? AND event_time < ? LIMIT 1", old).fetchone()
        if gone is None:
            return
        # The event itself goes with its term of all events, which each event has.
        execute(
            "DELETE FROM events WHERE (SELECT attribute FROM terms WHERE term = ?1) = '' "
            "AND sequence IN (SELECT sequence FROM postings WHERE term = ?1 AND event_time < ?2)",
            old,
        )
        execute("DELETE FROM postings WHERE term = ? AND event_time < ?", old)
        execute("DELETE FROM terms WHERE term = ?1 AND NOT EXISTS (SELECT 1 FROM postings WHERE term = ?1)", (number,))

    def _forget_all(self) -> None:
        with answering(), transaction(self._connection):
            for table in ("place", "events", "terms", "postings", "last_uses", "requests", "fees"):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608  a name of our own
        self._terms.clear()


class _Kind:
    """What events of one kind come to."""

    def __init__(self, event: RecordedEvent) -> None:
        scope = (event.recipient_account_id, event.aws_region)
        self.terms: tuple[_Term, ...] = (
            ("", "", *scope),
            *((attribute.value, value, *scope) for attribute, value in event.attributes()),
        )
        self.used_keys = event.used_keys
        self.counted = tuple(
            (key_arn.split(":")[4] if key_arn else scope[0], scope[1], key_arn, event.event_name)
            for key_arn in event.counted_keys
        )
        self.life = event.happened_to_key()
        self.marks: list[tuple[int, int]] = []


class _Batch:
    """What some records come to, in the shape of the tables."""

    def __init__(self, oldest: int) -> None:
        self._oldest = oldest
        self._kinds: dict[Hashable, _Kind] = {}
        self.events: list[tuple[int, bytes, int, int]] = []
        self.last_uses: dict[str, LastUse] = {}
        self.requests: Counter[tuple[str, str, str, str, str]] = Counter()
        self.lives: list[tuple[str, str, int]] = []
        self.first_at: int | None = None

    def add(self, record: Followed, event: RecordedEvent) -> None:
        """One record."""
        at, place = event.at, record.place
        if self.first_at is None:
            self.first_at = at
        kind = self._kinds.get(event.kind)
        if kind is None:
            kind = self._kinds[event.kind] = _Kind(event)
        if event.management_event and at >= self._oldest:
            sequence = place.position.sequence
            self.events.append((sequence, record.event_id, place.position.segment, place.record_offset))
            kind.marks.append((at, sequence))
        for key_arn in kind.used_keys:
            latest = self.last_uses.get(key_arn)
            if latest is None or latest.at <= at:
                self.last_uses[key_arn] = LastUse(event.event_name, at, event.event_id, event.request_id or "")
        for counted in kind.counted:
            self.requests[(event.event_time[:7], *counted)] += 1
        if kind.life is not None:
            event_name, key_arn = kind.life
            self.lives.append((event_name, key_arn, at))
            if event_name == "DeleteKey":
                self.last_uses.pop(key_arn, None)

    def marks(self) -> Iterator[tuple[int, int, int]]:
        """The events that can be looked up: kinds by their place, times and numbers."""
        for number, kind in enumerate(self._kinds.values()):
            for at, sequence in kind.marks:
                yield number, at, sequence

    def postings(self, number: Callable[[_Term], int]) -> list[tuple[int, int]]:
        """Terms by their numbers and kinds by their place, in the order of the table: neighbours together."""
        kinds = [(place, kind) for place, kind in enumerate(self._kinds.values()) if kind.marks]
        return sorted((number(term), place) for place, kind in kinds for term in kind.terms)


@contextmanager
def _without_collector() -> Iterator[None]:
    """A batch is tens of thousands of tuples without a cycle; the collector would look at them several times."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

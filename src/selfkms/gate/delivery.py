"""What trails deliver: log files every few minutes, digests every hour, each record once and in order.

What is going to be written is committed first (`domain.cloudtrail.deliveries`), then written, then committed as
written. A crash in between, a store that does not answer, or a trail that somebody changed at this moment: the next
round writes the very same objects again.
"""

import contextlib
import gzip
import hashlib
import logging
import string
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from selfkms.domain.cloudtrail.deliveries import (
    ENDING_CHARACTERS,
    Chain,
    LogFile,
    Plan,
    PlannedFile,
    Session,
    log_document,
    log_file_key,
)
from selfkms.domain.cloudtrail.event import event_time
from selfkms.domain.cloudtrail.history import recorded_event
from selfkms.domain.cloudtrail.selection import Selection
from selfkms.domain.cloudtrail.trails import Trail
from selfkms.domain.records import Put
from selfkms.gate.digests import DigestWriter, ended_session
from selfkms.ports.audit_records import BEGINNING, AuditRecords, AuditUnreadableError, OtherAuditRecordsError
from selfkms.ports.clock import Clock
from selfkms.ports.database import ConflictError, CorruptRecordError, Database
from selfkms.ports.entropy import Entropy
from selfkms.ports.log_store import LogStore, LogStoreError

_log: Final = logging.getLogger(__name__)

FILE_BYTES_MAX: Final = 45_000_000
"""Of one delivery, unpacked. CloudTrail User Guide: a log file has at most 50 MB, packed."""

_RECORDS_AT_ONCE: Final = 1_000
_RETRY_SECONDS_MAX: Final = 60.0
_LETTERS: Final = (string.ascii_letters + string.digits).encode()


class Gathered:
    """The records of one delivery, by Region."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.bodies: dict[str, list[bytes]] = {}
        self.times: dict[str, list[int]] = {}
        self.size_bytes = 0

    def add(self, body: bytes, selection: Selection, session: Session) -> None:
        """Take a record if the trail takes it."""
        try:
            event = recorded_event(body)
        except (msgspec.DecodeError, ValueError) as error:
            _log.warning("an audit record is no event and is not delivered: %s", error)
            return
        region = selection.region_of(event) if session.has(event) else None
        if region is not None:
            self.bodies.setdefault(region, []).append(body)
            self.times.setdefault(region, []).append(event.at)
            self.size_bytes += len(body)


class Deliverer:
    """The deliveries of all trails. Belongs to one thread."""

    def __init__(
        self,
        *,
        database: Database,
        records: AuditRecords,
        log_store: LogStore,
        digests: DigestWriter,
        clock: Clock,
        entropy: Entropy,
        settle: Callable[[], object],
        interval_seconds: float,
    ) -> None:
        """Prepare.

        Args:
            database: the trails.
            records: what is delivered.
            log_store: where to.
            digests: what lists the log files.
            clock: dates events and deliveries.
            entropy: makes the names of log files unique.
            settle: once it returns, all audit records that were committed before are among the `records`.
            interval_seconds: between two deliveries of a trail.
        """
        self._database = database
        self._records = records
        self._log_store = log_store
        self._digests = digests
        self._clock = clock
        self._entropy = entropy
        self._settle = settle
        self._interval_seconds = interval_seconds
        self._looked_at: dict[tuple[str, ...], float] = {}
        self._failures: dict[tuple[str, ...], tuple[int, float]] = {}

    def attend(self) -> None:
        """One round: every trail gets what is due. What fails is noted at the trail, and is tried again by itself.

        Raises:
            DatabaseUnavailableError, JournalUnavailableError: not now.
        """
        trails = list(self._trails())
        if any(trail.sessions[0].stopped_at is not None for trail in trails):
            # A StopLogging that is seen here has its record in the journal after this, and so has all before it.
            self._settle()
        for trail in trails:
            if self._failures.get(trail.primary_key(), (0, 0.0))[1] > self._clock.now():
                continue
            try:
                self._attend(trail)
            except ConflictError:
                continue
            except OtherAuditRecordsError:
                self._begin_anew(trail)
            except (LogStoreError, AuditUnreadableError, CorruptRecordError) as error:
                self._note_failure(trail, error)
            else:
                self._failures.pop(trail.primary_key(), None)

    def _trails(self) -> Iterator[Trail]:
        for account in self._database.accounts():
            try:
                found = self._database.trails(account.account_id)
            except CorruptRecordError as error:
                _log.error("nothing is delivered for account %s: %s", account.account_id, error)
                continue
            yield from (trail for trail in found if trail.sessions)

    def _attend(self, trail: Trail) -> None:
        now = self._clock.now()
        session = trail.sessions[0]
        closing = session.stopped_at is not None
        left = self._digests.finish(trail)
        if left is None:
            return
        trail = left
        looked_at = self._looked_at.get(trail.primary_key(), session.started_at)
        if closing or session.plan is not None or now - looked_at >= self._interval_seconds:
            trail = self._deliver_logs(trail)
            self._looked_at[trail.primary_key()] = now
        ending = self._digests.end_due(trail, closing=closing)
        left = self._digests.finish(ending)
        if left is not None and closing:
            # Without digests; a session with digests ends with the last of them.
            self._database.commit([ended_session(left)])

    def _deliver_logs(self, trail: Trail) -> Trail:
        """Everything up to the end of the journal, in as many log files as it takes."""
        while True:
            session = trail.sessions[0]
            plan = session.plan
            if plan is None:
                selection = trail.selection()
                gathered = self._gather(session, selection, until=None)
                if not gathered.bodies:
                    unmoved = gathered.place == session.place
                    return trail if unmoved else self._moved(trail, selection, gathered.place)
                plan = self._plan(trail, selection, gathered)
                trail = self._keep(trail, msgspec.structs.replace(session, plan=plan))
            else:
                gathered = self._gather(session, plan.selection, until=plan.until)
            trail = self._carry_out(trail, plan, gathered)

    def _moved(self, trail: Trail, selection: Selection, place: str) -> Trail:
        moved = trail.with_delivered(place, selection=selection, bucket=trail.bucket, folder=trail.folder)
        return self._keep(moved, msgspec.structs.replace(trail.sessions[0], place=place))

    def _gather(self, session: Session, selection: Selection, *, until: str | None) -> Gathered:
        """The records behind the session's place, up to another one, or as many as fit into a delivery."""
        gathered = Gathered(session.place)
        while records := self._records.after(gathered.place, limit=_RECORDS_AT_ONCE):
            for record in records:
                gathered.add(record.body, selection, session)
                gathered.place = record.place
                if record.place == until or (until is None and gathered.size_bytes >= FILE_BYTES_MAX):
                    return gathered
        if until is not None:
            raise AuditUnreadableError("the audit journal ends before what is being delivered")
        return gathered

    def _begin_anew(self, trail: Trail) -> None:
        """Go on in the journal that is there now, from its beginning, with what is newer than the last delivery."""
        _log.error(
            "trail %s: the audit journal is another one; what only the former one had is not delivered", trail.arn
        )
        session = trail.sessions[0]
        delivered_until = session.started_at if trail.delivered.logs_at is None else int(trail.delivered.logs_at) + 1
        since = max(session.started_at, delivered_until)
        session = msgspec.structs.replace(session, plan=None, place=BEGINNING, started_at=since)
        with contextlib.suppress(ConflictError):
            self._keep(trail, session)

    def _plan(self, trail: Trail, selection: Selection, gathered: Gathered) -> Plan:
        now = self._clock.now()
        return Plan(
            until=gathered.place,
            selection=selection,
            files=tuple(
                PlannedFile(
                    region=region,
                    bucket=trail.bucket,
                    key=log_file_key(
                        trail.prefix, account_id=trail.account_id, region=region, at=now, ending=self._ending()
                    ),
                )
                for region in sorted(gathered.bodies)
            ),
        )

    def _ending(self) -> str:
        """Letters and digits that no other log file has."""
        number = int.from_bytes(self._entropy.random_bytes(16), "big")
        digits = []
        for _ in range(ENDING_CHARACTERS):
            number, digit = divmod(number, len(_LETTERS))
            digits.append(_LETTERS[digit])
        return bytes(digits).decode()

    def _carry_out(self, trail: Trail, plan: Plan, gathered: Gathered) -> Trail:
        session = trail.sessions[0]
        for file in plan.files:
            document = log_document(gathered.bodies[file.region])
            self._log_store.put(file.bucket, file.key, gzip.compress(document, mtime=0), metadata={})
            if session.digests_from is not None:
                chain = session.chain(file.region) or Chain(region=file.region, start=int(session.digests_from))
                times = gathered.times[file.region]
                log = LogFile(
                    bucket=file.bucket,
                    key=file.key,
                    sha256=hashlib.sha256(document).hexdigest(),
                    newest=event_time(max(times)),
                    oldest=event_time(min(times)),
                )
                session = session.with_chain(msgspec.structs.replace(chain, logs=(*chain.logs, log)))
        now = self._clock.now()
        delivered = msgspec.structs.replace(trail.delivered, logs_at=now, logs_tried_at=now, logs_error="")
        session = msgspec.structs.replace(session, plan=None, place=plan.until)
        # The trail may have got another bucket since the plan was made.
        bucket, key, region = plan.files[0].bucket, plan.files[0].key, plan.files[0].region
        folder = key[: key.rindex(f"/{region}/") + 1]
        remembering = trail.with_delivered(plan.until, selection=plan.selection, bucket=bucket, folder=folder)
        return self._keep(remembering.changed(delivered=delivered), session)

    def _keep(self, trail: Trail, session: Session) -> Trail:
        changed = trail.changed(sessions=(session, *trail.sessions[1:]))
        self._database.commit([Put(changed)])
        return changed.changed(row_version=changed.row_version + 1)

    def _note_failure(self, trail: Trail, error: Exception) -> None:
        """At the trail, for GetTrailStatus, and here, for the time of the next attempt."""
        name = trail.primary_key()
        now = self._clock.now()
        count = self._failures.get(name, (0, 0.0))[0] + 1
        self._failures[name] = (count, now + min(2.0**count, _RETRY_SECONDS_MAX))
        code = str(error) if isinstance(error, LogStoreError) else "InternalError"
        _log.warning("trail %s: %s %s", trail.arn, code, "" if isinstance(error, LogStoreError) else error)
        current = next((t for t in self._database.trails(trail.account_id) if t.primary_key() == name), None)
        if current is None or not current.sessions:
            return
        ending = any(chain.end is not None for chain in current.sessions[0].chains)
        delivered = msgspec.structs.replace(current.delivered, logs_error=code, logs_tried_at=now)
        if ending:
            # The log files wait for it: a digest that is being written lists no more of them.
            delivered = msgspec.structs.replace(delivered, digest_error=code)
        with contextlib.suppress(ConflictError):
            self._database.commit([Put(current.changed(delivered=delivered))])

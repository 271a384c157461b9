"""The records of an installation in SQL tables."""

from collections.abc import Sequence

from sqlalchemy import BindParameter, Engine, bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from selfkms.adapters.sql.changes import PRUNE, change_row
from selfkms.adapters.sql.connections import answering
from selfkms.adapters.sql.reads import SQLReads
from selfkms.adapters.sql.records import RECORD_TABLES
from selfkms.adapters.sql.schema import AUDIT_OUTBOX, CHANGES
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.kms.keys import KeyMaterial
from selfkms.domain.records import Change, Put, Remove
from selfkms.domain.secrets import Secret
from selfkms.ports.clock import Clock
from selfkms.ports.database import ConflictError

_LIMIT: BindParameter[int] = bindparam("limit")
_OFFSET: BindParameter[int] = bindparam("offset")

_BACKLOG = select(AUDIT_OUTBOX).order_by(AUDIT_OUTBOX.c.number).limit(_LIMIT).offset(_OFFSET)
_FORGET = delete(AUDIT_OUTBOX).where(AUDIT_OUTBOX.c.number == bindparam("of_number"))
_INSERT_AUDIT = insert(AUDIT_OUTBOX)
_INSERT_CHANGE = insert(CHANGES)


class SQLDatabase(SQLReads):
    """`ports.database.Database` on two connections: one reads, statement by statement; the other writes.

    An engine's transactions must be such that two which write do not overlap unseen (SQLite: `BEGIN IMMEDIATE`;
    PostgreSQL: read committed, since every change is conditional).
    """

    def __init__(self, engine: Engine, *, mac_key: Secret, clock: Clock) -> None:
        """Connect.

        Args:
            engine: of a database that `migrate.upgrade` has brought up to date.
            mac_key: 32 bytes, derived from the root key for this purpose alone.
            clock: gives rows of `changes` their date.

        Raises:
            DatabaseUnavailableError: there is no connection to be had.
        """
        super().__init__(engine, mac_key=mac_key)
        self._clock = clock
        with answering():
            self._writer = engine.connect()

    def refresh(self) -> None:
        """Nothing is kept, so every read sees the newest anyway."""

    def consistent(self) -> bool:
        """Not known here, where each statement sees the newest: what decides requests reads by way of `warm`."""
        return False

    def commit(self, changes: Sequence[Change], audit: Sequence[AuditRecord] = ()) -> None:
        if not changes and not audit:
            return
        with answering(), self._writer.begin():
            for change in changes:
                self._apply(change)
            if any(isinstance(change, Remove) and isinstance(change.record, KeyMaterial) for change in changes):
                self._note_compaction_due()
            if audit:
                self._writer.execute(_INSERT_AUDIT, [self._codec.audit_row(record) for record in audit])
            if changes:
                self._writer.execute(_INSERT_CHANGE, change_row(changes, at=self._clock.now()))

    def audit_backlog(self, *, limit: int) -> list[tuple[int, AuditRecord]]:
        return self._believed_page(lambda row: (int(row.number), self._codec.audit_record(row)), _BACKLOG, limit)

    def forget_audit(self, numbers: Sequence[int]) -> None:
        if not numbers:
            return
        with answering(), self._writer.begin():
            self._writer.execute(_FORGET, [{"of_number": number} for number in numbers])

    def prune_changes(self, keep_after: float) -> None:
        with answering(), self._writer.begin():
            self._writer.execute(PRUNE, {"keep_after": keep_after})

    def compaction_due(self) -> bool:
        """Never: where removed rows go is the database server's to say, not its client's."""
        return False

    def compact(self) -> None:
        """Nothing: where removed rows go is the database server's to say, not its client's."""

    def close(self) -> None:
        self._reader.close()
        self._writer.close()

    def _note_compaction_due(self) -> None:
        """In the transaction that removes key material."""

    def _apply(self, change: Change) -> None:
        record = change.record
        kind = RECORD_TABLES[record.TABLE]
        condition = {**kind.condition(record.primary_key()), "of_row_version": record.row_version}
        if isinstance(change, Put):
            row = self._codec.row(record, row_version=record.row_version + 1)
            if record.row_version == 0:
                try:
                    self._writer.execute(kind.insert, row)
                except IntegrityError as error:
                    raise ConflictError(f"A record like this exists in {record.TABLE}.") from error
                return
            result = self._writer.execute(kind.update, {**row, **condition})
        else:
            result = self._writer.execute(kind.delete, condition)
        if result.rowcount != 1:
            raise ConflictError(f"A record of {record.TABLE} is not the one that the change was decided on.")

"""The records of an installation in SQL tables."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import BindParameter, Engine, Executable, Row, bindparam, delete, func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from selfkms.adapters.sql.changes import PRUNE, change_row
from selfkms.adapters.sql.connections import answering, reading_connection
from selfkms.adapters.sql.records import (
    ACCESS_KEYS,
    ACCOUNTS,
    ALIASES,
    DOMAIN_KEYS,
    KEY_MATERIALS,
    KMS_KEYS,
    RECORD_TABLES,
    USERS,
    R,
    RecordTable,
    RowCodec,
)
from selfkms.adapters.sql.schema import AUDIT_OUTBOX, CHANGES
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.iam.principals import AccessKey, Account, User
from selfkms.domain.installation import DomainKey
from selfkms.domain.kms.aliases import Alias
from selfkms.domain.kms.keys import KeyMaterial, KMSKey
from selfkms.domain.records import Change, Put, Remove
from selfkms.domain.secrets import Secret
from selfkms.ports.clock import Clock
from selfkms.ports.database import ConflictError, CorruptRecordError

_log = logging.getLogger(__name__)

T = TypeVar("T")

_LIMIT: BindParameter[int] = bindparam("limit")
_AFTER: BindParameter[str] = bindparam("after")
_OFFSET: BindParameter[int] = bindparam("offset")


def _in_region(kind: RecordTable[Any]) -> tuple[Any, Any]:
    """The condition that every listing has."""
    columns = kind.table.c
    return (columns.account_id == bindparam("account_id"), columns.region == bindparam("region"))


_accounts, _domain_keys, _keys = ACCOUNTS.table, DOMAIN_KEYS.table, KMS_KEYS.table
_materials, _aliases = KEY_MATERIALS.table, ALIASES.table

_ALL_ACCOUNTS = select(_accounts).order_by(_accounts.c.account_id)
_DOMAIN_KEYS_OF_REGION = (
    select(_domain_keys).where(_domain_keys.c.region == bindparam("region")).order_by(_domain_keys.c.version)
)
_REGIONS_WITH_DOMAIN_KEYS = select(_domain_keys.c.region).distinct().order_by(_domain_keys.c.region)
_KEYS_AFTER = select(_keys).where(*_in_region(KMS_KEYS), _keys.c.key_id > _AFTER).order_by(_keys.c.key_id).limit(_LIMIT)
_KEY_COUNT = select(func.count()).select_from(_keys).where(*_in_region(KMS_KEYS))
_KEYS_DUE = (
    select(_keys)
    .where(_keys.c.due_at <= bindparam("now"))
    .order_by(_keys.c.due_at, *_keys.primary_key.columns)
    .limit(_LIMIT)
    .offset(_OFFSET)
)
_MATERIALS_OF_KEY = (
    select(_materials)
    .where(*_in_region(KEY_MATERIALS), _materials.c.key_id == bindparam("key_id"))
    .order_by(_materials.c.handle)
)
_MATERIAL_BY_HANDLE = select(_materials).where(
    _materials.c.region == bindparam("region"), _materials.c.handle == bindparam("handle")
)
_ALIASES_AFTER = (
    select(_aliases)
    .where(*_in_region(ALIASES), _aliases.c.alias_name > _AFTER)
    .order_by(_aliases.c.alias_name)
    .limit(_LIMIT)
)
_ALIASES_OF_KEY = (
    select(_aliases)
    .where(*_in_region(ALIASES), _aliases.c.target_key_id == bindparam("key_id"))
    .order_by(_aliases.c.alias_name)
)
_BACKLOG = select(AUDIT_OUTBOX).order_by(AUDIT_OUTBOX.c.number).limit(_LIMIT).offset(_OFFSET)
_FORGET = delete(AUDIT_OUTBOX).where(AUDIT_OUTBOX.c.number == bindparam("of_number"))
_INSERT_AUDIT = insert(AUDIT_OUTBOX)
_INSERT_CHANGE = insert(CHANGES)


class SQLDatabase:
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
        self._codec = RowCodec(mac_key)
        self._clock = clock
        self._reader = reading_connection(engine)
        with answering():
            self._writer = engine.connect()

    def refresh(self) -> None:
        """Nothing is kept, so every read sees the newest anyway."""

    def domain_keys(self, region: str) -> list[DomainKey]:
        return self._records(DOMAIN_KEYS, _DOMAIN_KEYS_OF_REGION, region=region)

    def regions_with_domain_keys(self) -> list[str]:
        return [row.region for row in self._rows(_REGIONS_WITH_DOMAIN_KEYS)]

    def account(self, account_id: str) -> Account | None:
        return self._record(ACCOUNTS, account_id)

    def accounts(self) -> list[Account]:
        return self._records(ACCOUNTS, _ALL_ACCOUNTS)

    def user(self, account_id: str, user_name: str) -> User | None:
        return self._record(USERS, account_id, user_name)

    def access_key(self, access_key_id: str) -> AccessKey | None:
        return self._record(ACCESS_KEYS, access_key_id)

    def key(self, account_id: str, region: str, key_id: str) -> KMSKey | None:
        return self._record(KMS_KEYS, account_id, region, key_id)

    def keys(self, account_id: str, region: str, *, after: str, limit: int) -> list[str]:
        rows = self._rows(_KEYS_AFTER, account_id=account_id, region=region, after=after, limit=limit)
        return [self._codec.checked_primary_key(KMS_KEYS, row)[-1] for row in rows]

    def key_count(self, account_id: str, region: str) -> int:
        count: int = self._rows(_KEY_COUNT, account_id=account_id, region=region)[0][0]
        return count

    def keys_due(self, now: float, *, limit: int) -> list[KMSKey]:
        return self._believed_page(lambda row: self._codec.record(KMS_KEYS, row), _KEYS_DUE, limit, now=now)

    def material(self, account_id: str, region: str, key_id: str, handle: str) -> KeyMaterial | None:
        return self._record(KEY_MATERIALS, account_id, region, key_id, handle)

    def materials(self, account_id: str, region: str, key_id: str) -> list[KeyMaterial]:
        return self._records(KEY_MATERIALS, _MATERIALS_OF_KEY, account_id=account_id, region=region, key_id=key_id)

    def key_of_material(self, region: str, handle: str) -> KMSKey | None:
        # By way of the checked record, not by a join: which key a material belongs to is under its MAC.
        found = self._records(KEY_MATERIALS, _MATERIAL_BY_HANDLE, region=region, handle=handle)
        return self.key(found[0].account_id, region, found[0].key_id) if found else None

    def alias(self, account_id: str, region: str, alias_name: str) -> Alias | None:
        return self._record(ALIASES, account_id, region, alias_name)

    def aliases(self, account_id: str, region: str, *, after: str, limit: int) -> list[Alias]:
        return self._records(ALIASES, _ALIASES_AFTER, account_id=account_id, region=region, after=after, limit=limit)

    def aliases_of_key(self, account_id: str, region: str, key_id: str) -> list[Alias]:
        return self._records(ALIASES, _ALIASES_OF_KEY, account_id=account_id, region=region, key_id=key_id)

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

    def _believed_page(
        self, read: Callable[[Row[Any]], T], statement: Executable, limit: int, **parameters: object
    ) -> list[T]:
        """The first rows that can be believed, of different owners: damaged ones must not hold up the others."""
        offset = 0
        while True:
            rows = self._rows(statement, limit=limit, offset=offset, **parameters)
            believed = list(self._believed(rows, read))
            if believed or len(rows) < limit:
                return believed
            offset += limit

    def _believed(self, rows: Iterable[Row[Any]], read: Callable[[Row[Any]], T]) -> Iterator[T]:
        for row in rows:
            try:
                yield read(row)
            except CorruptRecordError as error:
                _log.error("passed over: %s", error)

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

    def _record(self, kind: RecordTable[R], *primary_key: str) -> R | None:
        rows = self._rows(kind.select_one, **kind.condition(primary_key))
        return self._codec.record(kind, rows[0]) if rows else None

    def _records(self, kind: RecordTable[R], statement: Executable, **parameters: object) -> list[R]:
        return [self._codec.record(kind, row) for row in self._rows(statement, **parameters)]

    def _rows(self, statement: Executable, **parameters: object) -> Sequence[Row[Any]]:
        with answering():
            try:
                return self._reader.execute(statement, parameters).all()
            except DBAPIError:
                # A connection that broke is opened anew by the next statement, but only after this.
                self._reader.rollback()
                raise

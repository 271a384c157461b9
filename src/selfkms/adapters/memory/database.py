"""The records of an installation in dictionaries: what a database promises, and nothing of how it keeps it."""

from collections.abc import Iterable, Sequence
from itertools import count, islice
from threading import Lock
from typing import TypeVar

from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.iam.principals import AccessKey, Account, User
from selfkms.domain.installation import DomainKey
from selfkms.domain.kms.aliases import Alias
from selfkms.domain.kms.keys import KeyMaterial, KMSKey
from selfkms.domain.records import Change, Put, Record, Remove
from selfkms.ports.database import ConflictError

R = TypeVar("R", bound=Record)


class MemoryRecords:
    """What several `MemoryDatabase` share, as the connections to a file share the file."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.rows: dict[tuple[str, ...], Record] = {}
        """By table and primary key; replaced as a whole by every commit, so that whoever reads sees one state."""
        self.audit: dict[int, AuditRecord] = {}
        self.numbers = count(1)
        self.compaction_due = False


class MemoryDatabase:
    """`ports.database.Database` without a file."""

    def __init__(self, records: MemoryRecords | None = None) -> None:
        """Without `records` it has some of its own."""
        self.records = records if records is not None else MemoryRecords()

    def refresh(self) -> None:
        """Every read sees the newest anyway."""

    def domain_keys(self, region: str) -> list[DomainKey]:
        return [key for key in self._all(DomainKey) if key.region == region]

    def regions_with_domain_keys(self) -> list[str]:
        return sorted({key.region for key in self._all(DomainKey)})

    def account(self, account_id: str) -> Account | None:
        return self._one(Account, account_id)

    def accounts(self) -> list[Account]:
        return self._all(Account)

    def user(self, account_id: str, user_name: str) -> User | None:
        return self._one(User, account_id, user_name)

    def access_key(self, access_key_id: str) -> AccessKey | None:
        return self._one(AccessKey, access_key_id)

    def key(self, account_id: str, region: str, key_id: str) -> KMSKey | None:
        return self._one(KMSKey, account_id, region, key_id)

    def keys(self, account_id: str, region: str, *, after: str, limit: int) -> list[str]:
        found = (key.key_id for key in self._in_region(KMSKey, account_id, region))
        return list(islice((key_id for key_id in found if key_id > after), limit))

    def key_count(self, account_id: str, region: str) -> int:
        return len(self._in_region(KMSKey, account_id, region))

    def keys_due(self, now: float, *, limit: int) -> list[KMSKey]:
        due = [(key.due_at, key) for key in self._all(KMSKey) if key.due_at is not None]
        due.sort(key=lambda entry: (entry[0], entry[1].primary_key()))
        return list(islice((key for due_at, key in due if due_at <= now), limit))

    def material(self, account_id: str, region: str, key_id: str, handle: str) -> KeyMaterial | None:
        return self._one(KeyMaterial, account_id, region, key_id, handle)

    def materials(self, account_id: str, region: str, key_id: str) -> list[KeyMaterial]:
        found = self._in_region(KeyMaterial, account_id, region)
        return [material for material in found if material.key_id == key_id]

    def key_of_material(self, region: str, handle: str) -> KMSKey | None:
        for material in self._all(KeyMaterial):
            if (material.region, material.handle) == (region, handle):
                return self.key(material.account_id, region, material.key_id)
        return None

    def alias(self, account_id: str, region: str, alias_name: str) -> Alias | None:
        return self._one(Alias, account_id, region, alias_name)

    def aliases(self, account_id: str, region: str, *, after: str, limit: int) -> list[Alias]:
        found = self._in_region(Alias, account_id, region)
        return list(islice((alias for alias in found if alias.alias_name > after), limit))

    def aliases_of_key(self, account_id: str, region: str, key_id: str) -> list[Alias]:
        return [alias for alias in self._in_region(Alias, account_id, region) if alias.target_key_id == key_id]

    def commit(self, changes: Sequence[Change], audit: Sequence[AuditRecord] = ()) -> None:
        records = self.records
        with records.lock:
            rows = dict(records.rows)
            for change in changes:
                _apply(change, rows)
            records.rows = rows
            records.compaction_due |= any(
                isinstance(change, Remove) and isinstance(change.record, KeyMaterial) for change in changes
            )
            records.audit.update((next(records.numbers), record) for record in audit)

    def audit_backlog(self, *, limit: int) -> list[tuple[int, AuditRecord]]:
        with self.records.lock:
            return list(islice(self.records.audit.items(), limit))

    def forget_audit(self, numbers: Sequence[int]) -> None:
        with self.records.lock:
            for number in numbers:
                self.records.audit.pop(number, None)

    def prune_changes(self, keep_after: float) -> None:
        """Nothing: nobody keeps what has changed."""

    def compaction_due(self) -> bool:
        return self.records.compaction_due

    def compact(self) -> None:
        """Nothing but saying that it is done: there are no files."""
        self.records.compaction_due = False

    def close(self) -> None:
        """Nothing: what is shared stays."""

    def _one(self, kind: type[R], *primary_key: str) -> R | None:
        found = self.records.rows.get((kind.TABLE, *primary_key))
        assert found is None or isinstance(found, kind)
        return found

    def _all(self, kind: type[R]) -> list[R]:
        """Every record of a kind, in the order of their primary keys."""
        found = [record for record in self.records.rows.values() if isinstance(record, kind)]
        return sorted(found, key=kind.primary_key)

    def _in_region(self, kind: type[R], account_id: str, region: str) -> list[R]:
        return [record for record in self._all(kind) if record.primary_key()[:2] == (account_id, region)]


def _apply(change: Change, rows: dict[tuple[str, ...], Record]) -> None:
    record = change.record
    name = (record.TABLE, *record.primary_key())
    present = rows.get(name)
    if (present.row_version if present is not None else 0) != record.row_version:
        raise ConflictError(f"A record of {record.TABLE} is not the one that the change was decided on.")
    if isinstance(change, Put):
        if isinstance(record, KeyMaterial) and present is None:
            _check_handle(record, rows.values())
        rows[name] = record.changed(row_version=record.row_version + 1)
    elif present is None:
        raise ConflictError(f"A record of {record.TABLE} is not there to be removed.")
    else:
        del rows[name]


def _check_handle(material: KeyMaterial, others: Iterable[Record]) -> None:
    taken = {(other.region, other.handle) for other in others if isinstance(other, KeyMaterial)}
    if (material.region, material.handle) in taken:
        raise ConflictError("The handle is taken in this Region.")

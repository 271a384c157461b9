"""The records of an installation in dictionaries: what a database promises, and nothing of how it keeps it."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from threading import Lock
from typing import TypeVar

from selfkms.domain.cloudtrail.digests import DigestKey
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.cloudtrail.trails import Trail, trail_key
from selfkms.domain.ebs.storage import EBSDefaults, Snapshot, SnapshotShare, Storage, Sweep, Volume
from selfkms.domain.iam.identity_providers import OIDCProvider
from selfkms.domain.iam.managed_policies import ManagedPolicy
from selfkms.domain.iam.principals import AccessKey, Account, Group, Role, User
from selfkms.domain.installation import DomainKey
from selfkms.domain.kms.aliases import Alias
from selfkms.domain.kms.grants import Grant
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
        self._refreshed = self.records.rows

    def refresh(self) -> None:
        """Every read sees the newest anyway."""
        self._refreshed = self.records.rows

    def consistent(self) -> bool:
        """Each commit replaces the rows as a whole."""
        return self.records.rows is self._refreshed

    def domain_keys(self, region: str) -> list[DomainKey]:
        return [key for key in self._all(DomainKey) if key.region == region]

    def regions_with_domain_keys(self) -> list[str]:
        return sorted({key.region for key in self._all(DomainKey)})

    def account(self, account_id: str) -> Account | None:
        return self._one(Account, account_id)

    def accounts(self) -> list[Account]:
        return self._all(Account)

    def user(self, account_id: str, user_name: str) -> User | None:
        return self._one(User, account_id, user_name.lower())

    def users(self, account_id: str, *, after: str, limit: int) -> list[User]:
        return self._page(User, account_id, after=after, limit=limit)

    def group(self, account_id: str, group_name: str) -> Group | None:
        return self._one(Group, account_id, group_name.lower())

    def groups(self, account_id: str, *, after: str, limit: int) -> list[Group]:
        return self._page(Group, account_id, after=after, limit=limit)

    def role(self, account_id: str, role_name: str) -> Role | None:
        return self._one(Role, account_id, role_name.lower())

    def roles(self, account_id: str, *, after: str, limit: int) -> list[Role]:
        return self._page(Role, account_id, after=after, limit=limit)

    def managed_policy(self, account_id: str, policy_name: str) -> ManagedPolicy | None:
        return self._one(ManagedPolicy, account_id, policy_name.lower())

    def managed_policies(self, account_id: str, *, after: str, limit: int) -> list[ManagedPolicy]:
        return self._page(ManagedPolicy, account_id, after=after, limit=limit)

    def access_key(self, access_key_id: str) -> AccessKey | None:
        return self._one(AccessKey, access_key_id)

    def access_keys(self, account_id: str, user_name: str | None) -> list[AccessKey]:
        return [key for key in self._all(AccessKey) if (key.account_id, key.user_name) == (account_id, user_name)]

    def oidc_provider(self, account_id: str, host_and_path: str) -> OIDCProvider | None:
        return self._one(OIDCProvider, account_id, host_and_path)

    def oidc_providers(self, account_id: str) -> list[OIDCProvider]:
        return self._under(OIDCProvider, account_id)

    def key(self, account_id: str, region: str, key_id: str) -> KMSKey | None:
        return self._one(KMSKey, account_id, region, key_id)

    def keys(self, account_id: str, region: str, *, after: str, limit: int) -> list[str]:
        return [key.key_id for key in self._page(KMSKey, account_id, region, after=after, limit=limit)]

    def key_count(self, account_id: str, region: str) -> int:
        return len(self._under(KMSKey, account_id, region))

    def keys_due(self, now: float, *, limit: int) -> list[KMSKey]:
        due = [(key.due_at, key) for key in self._all(KMSKey) if key.due_at is not None]
        due.sort(key=lambda entry: (entry[0], entry[1].primary_key()))
        return list(islice((key for due_at, key in due if due_at <= now), limit))

    def material(self, account_id: str, region: str, key_id: str, handle: str) -> KeyMaterial | None:
        return self._one(KeyMaterial, account_id, region, key_id, handle)

    def materials(self, account_id: str, region: str, key_id: str) -> list[KeyMaterial]:
        return self._under(KeyMaterial, account_id, region, key_id)

    def key_of_material(self, region: str, handle: str) -> KMSKey | None:
        for material in self._all(KeyMaterial):
            if (material.region, material.handle) == (region, handle):
                return self.key(material.account_id, region, material.key_id)
        return None

    def alias(self, account_id: str, region: str, alias_name: str) -> Alias | None:
        return self._one(Alias, account_id, region, alias_name)

    def aliases(self, account_id: str, region: str, *, after: str, limit: int) -> list[Alias]:
        return self._page(Alias, account_id, region, after=after, limit=limit)

    def aliases_of_key(self, account_id: str, region: str, key_id: str) -> list[Alias]:
        return [alias for alias in self._under(Alias, account_id, region) if alias.target_key_id == key_id]

    def grant(self, account_id: str, region: str, key_id: str, grant_id: str) -> Grant | None:
        return self._one(Grant, account_id, region, key_id, grant_id)

    def grants(self, account_id: str, region: str, key_id: str, *, after: str, limit: int) -> list[Grant]:
        return self._page(Grant, account_id, region, key_id, after=after, limit=limit)

    def grants_to(self, account_id: str, region: str, key_id: str, grantee: str) -> Sequence[Grant]:
        return [grant for grant in self._under(Grant, account_id, region, key_id) if grant.grantee == grantee]

    def grants_retirable_by(
        self, account_id: str, region: str, retiring: str, *, after: str, limit: int
    ) -> list[Grant]:
        found = [grant for grant in self._under(Grant, account_id, region) if grant.retiring == retiring]
        found.sort(key=lambda grant: grant.grant_id)
        return list(islice((grant for grant in found if grant.grant_id > after), limit))

    def grant_count(self, account_id: str, region: str, key_id: str) -> int:
        return len(self._under(Grant, account_id, region, key_id))

    def trail(self, account_id: str, region: str, name: str) -> Trail | None:
        return self._one(Trail, account_id, trail_key(region, name))

    def trails(self, account_id: str) -> list[Trail]:
        return self._under(Trail, account_id)

    def digest_keys(self, region: str) -> list[DigestKey]:
        return self._under(DigestKey, region)

    def snapshot(self, account_id: str, region: str, snapshot_id: str) -> Snapshot | None:
        return self._one(Snapshot, account_id, region, snapshot_id)

    def snapshot_of_anybody(self, region: str, snapshot_id: str) -> Snapshot | None:
        found = (s for s in self._all(Snapshot) if (s.region, s.snapshot_id) == (region, snapshot_id))
        return next(found, None)

    def snapshots(self, account_id: str, region: str, *, after: str, limit: int) -> list[Snapshot]:
        return self._page(Snapshot, account_id, region, after=after, limit=limit)

    def volume(self, account_id: str, region: str, volume_id: str) -> Volume | None:
        return self._one(Volume, account_id, region, volume_id)

    def volumes(self, account_id: str, region: str, *, after: str, limit: int) -> list[Volume]:
        return self._page(Volume, account_id, region, after=after, limit=limit)

    def snapshot_shares(self, account_id: str, region: str, *, after: str, limit: int) -> list[SnapshotShare]:
        return self._page(SnapshotShare, account_id, region, after=after, limit=limit)

    def snapshot_of_token(self, account_id: str, region: str, client_token: str) -> Snapshot | None:
        return next((s for s in self._under(Snapshot, account_id, region) if s.client_token == client_token), None)

    def volume_of_token(self, account_id: str, region: str, client_token: str) -> Volume | None:
        return next((v for v in self._under(Volume, account_id, region) if v.client_token == client_token), None)

    def snapshots_at_work(self, account_id: str, region: str) -> list[Snapshot]:
        return [s for s in self._under(Snapshot, account_id, region) if s.due_at is not None]

    def storage_due(self, now: float, *, limit: int) -> list[Snapshot | Volume]:
        due = [(s.due_at, s) for s in self._storage() if s.due_at is not None]
        due.sort(key=lambda entry: entry[0])
        return list(islice((storage for due_at, storage in due if due_at <= now), limit))

    def storage_of_lineage(self, lineage: str) -> list[Snapshot | Volume]:
        return [s for s in self._storage() if lineage in (s.lineage, s.reads_lineage)]

    def _storage(self) -> list[Snapshot | Volume]:
        return [*self._all(Snapshot), *self._all(Volume)]

    def ebs_defaults(self, account_id: str, region: str) -> EBSDefaults | None:
        return self._one(EBSDefaults, account_id, region)

    def sweeps(self, *, limit: int) -> list[Sweep]:
        return self._all(Sweep)[:limit]

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

    def _under(self, kind: type[R], *parts: str) -> list[R]:
        """Every record of a kind whose primary key begins with these parts, in the order of their primary keys."""
        return [record for record in self._all(kind) if record.primary_key()[: len(parts)] == parts]

    def _page(self, kind: type[R], *parts: str, after: str, limit: int) -> list[R]:
        """Of those under `parts` the first whose next part is greater than `after`."""
        found = (record for record in self._under(kind, *parts) if record.primary_key()[len(parts)] > after)
        return list(islice(found, limit))


def _apply(change: Change, rows: dict[tuple[str, ...], Record]) -> None:
    record = change.record
    name = (record.TABLE, *record.primary_key())
    present = rows.get(name)
    if (present.row_version if present is not None else 0) != record.row_version:
        raise ConflictError(f"A record of {record.TABLE} is not the one that the change was decided on.")
    if isinstance(change, Put):
        if present is None:
            _check_unique(record, rows.values())
        rows[name] = record.changed(row_version=record.row_version + 1)
    elif present is None:
        raise ConflictError(f"A record of {record.TABLE} is not there to be removed.")
    else:
        del rows[name]


def _check_unique(record: Record, others: Iterable[Record]) -> None:
    """Refuse what the unique indexes of `sql.schema` refuse."""
    taken = {value for other in others for value in _unique(other)}
    if not taken.isdisjoint(_unique(record)):
        raise ConflictError(f"A record like this exists in {record.TABLE}.")


def _unique(record: Record) -> Iterator[tuple[str, ...]]:
    """What no other record of the table may have."""
    match record:
        case KeyMaterial():
            yield (record.TABLE, record.region, record.handle)
        case Snapshot():
            yield (record.TABLE, record.region, record.snapshot_id)
    if isinstance(record, Storage) and record.client_token is not None:
        yield (record.TABLE, record.account_id, record.region, record.client_token)

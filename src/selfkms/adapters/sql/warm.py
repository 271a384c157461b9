"""A database whose records are kept once they were read, for as long as nobody touches them.

What requests ask for again and again is kept: KMS keys (with whatever was computed from them, since the same object
comes back), key materials, aliases, accounts, users, access keys, domain keys. Listings and counts are not, nor that
something does not exist.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, Protocol, TypeVar

from selfkms.adapters.sql.changes import Touched, touched_by
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.iam.principals import AccessKey, Account, User
from selfkms.domain.installation import DomainKey
from selfkms.domain.kms.aliases import Alias
from selfkms.domain.kms.keys import KeyMaterial, KMSKey
from selfkms.domain.records import Change
from selfkms.ports.database import Database

ENTRIES_MAX: Final = 10_000
"""Of each kind. A KMS key with its policy takes one to 33 kB."""

T = TypeVar("T")


class Freshness(Protocol):
    """Tells what others have changed. Each database has its own way to know that cheaply."""

    def touched(self) -> Sequence[Touched] | None:
        """Every record that was touched since the last call, at least; None: it may be any.

        Raises:
            DatabaseUnavailableError: it is not known; the next call tells it.
        """

    def close(self) -> None: ...


class Kept(Generic[T]):
    """What was read last, at most so many entries; the one not asked for the longest goes first."""

    def __init__(self, read: Callable[..., T | None], entries_max: int) -> None:
        """`read` takes the parts of an entry's name and gives the entry, or None if there is none."""
        self._read = read
        self._entries_max = entries_max
        self._entries: OrderedDict[tuple[str, ...], T] = OrderedDict()

    def get(self, *name: str) -> T | None:
        """The entry, read if it is not kept."""
        entries = self._entries
        if name in entries:
            entries.move_to_end(name)
            return entries[name]
        entry = self._read(*name)
        if entry is not None:
            entries[name] = entry
            if len(entries) > self._entries_max:
                entries.popitem(last=False)
        return entry

    def forget(self, *name: str) -> None:
        """Read this entry again when it is asked for."""
        self._entries.pop(name, None)

    def clear(self) -> None:
        """Read every entry again when it is asked for."""
        self._entries.clear()


class WarmDatabase:
    """`ports.database.Database` around another one, which alone it may be written through by this thread."""

    def __init__(self, database: Database, freshness: Freshness, *, entries_max: int = ENTRIES_MAX) -> None:
        """Both are closed with this one. `freshness` must be older than the first read."""
        self._database = database
        self._freshness = freshness
        self._accounts = Kept(database.account, entries_max)
        self._users = Kept(database.user, entries_max)
        self._access_keys = Kept(database.access_key, entries_max)
        self._keys = Kept(database.key, entries_max)
        self._materials = Kept(database.material, entries_max)
        self._aliases = Kept(database.alias, entries_max)
        self._domain_keys = Kept(self._read_domain_keys, entries_max)
        self._material_owners = Kept(self._read_material_owner, entries_max)
        self._by_table: dict[str, Kept[Account] | Kept[User] | Kept[AccessKey] | Kept[KMSKey] | Kept[Alias]] = {
            Account.TABLE: self._accounts,
            User.TABLE: self._users,
            AccessKey.TABLE: self._access_keys,
            KMSKey.TABLE: self._keys,
            Alias.TABLE: self._aliases,
        }

    def refresh(self) -> None:
        touched = self._freshness.touched()
        if touched is None:
            self._forget_everything()
        elif touched:
            self._forget(touched)

    def domain_keys(self, region: str) -> list[DomainKey]:
        return list(self._domain_keys.get(region) or ())

    def regions_with_domain_keys(self) -> list[str]:
        return self._database.regions_with_domain_keys()

    def account(self, account_id: str) -> Account | None:
        return self._accounts.get(account_id)

    def accounts(self) -> list[Account]:
        return self._database.accounts()

    def user(self, account_id: str, user_name: str) -> User | None:
        return self._users.get(account_id, user_name)

    def access_key(self, access_key_id: str) -> AccessKey | None:
        return self._access_keys.get(access_key_id)

    def key(self, account_id: str, region: str, key_id: str) -> KMSKey | None:
        return self._keys.get(account_id, region, key_id)

    def keys(self, account_id: str, region: str, *, after: str, limit: int) -> list[str]:
        return self._database.keys(account_id, region, after=after, limit=limit)

    def key_count(self, account_id: str, region: str) -> int:
        return self._database.key_count(account_id, region)

    def keys_due(self, now: float, *, limit: int) -> list[KMSKey]:
        return self._database.keys_due(now, limit=limit)

    def material(self, account_id: str, region: str, key_id: str, handle: str) -> KeyMaterial | None:
        return self._materials.get(account_id, region, key_id, handle)

    def materials(self, account_id: str, region: str, key_id: str) -> list[KeyMaterial]:
        return self._database.materials(account_id, region, key_id)

    def key_of_material(self, region: str, handle: str) -> KMSKey | None:
        owner = self._material_owners.get(region, handle)
        return self._keys.get(*owner) if owner is not None else None

    def alias(self, account_id: str, region: str, alias_name: str) -> Alias | None:
        return self._aliases.get(account_id, region, alias_name)

    def aliases(self, account_id: str, region: str, *, after: str, limit: int) -> list[Alias]:
        return self._database.aliases(account_id, region, after=after, limit=limit)

    def aliases_of_key(self, account_id: str, region: str, key_id: str) -> list[Alias]:
        return self._database.aliases_of_key(account_id, region, key_id)

    def commit(self, changes: Sequence[Change], audit: Sequence[AuditRecord] = ()) -> None:
        # After a failure too: a conflict says that what is kept is old, and an unknown outcome may be a success.
        try:
            self._database.commit(changes, audit)
        finally:
            self._forget(map(touched_by, changes))

    def audit_backlog(self, *, limit: int) -> list[tuple[int, AuditRecord]]:
        return self._database.audit_backlog(limit=limit)

    def forget_audit(self, numbers: Sequence[int]) -> None:
        self._database.forget_audit(numbers)

    def prune_changes(self, keep_after: float) -> None:
        self._database.prune_changes(keep_after)

    def compaction_due(self) -> bool:
        return self._database.compaction_due()

    def compact(self) -> None:
        self._database.compact()

    def close(self) -> None:
        self._freshness.close()
        self._database.close()

    def _forget(self, touched: Iterable[Touched]) -> None:
        for entry in touched:
            match entry:
                case (DomainKey.TABLE, region, _version):
                    self._domain_keys.forget(region)
                case (KeyMaterial.TABLE, account_id, region, key_id, handle):
                    self._materials.forget(account_id, region, key_id, handle)
                    self._material_owners.forget(region, handle)
                case (table, *primary_key) if table in self._by_table:
                    self._by_table[table].forget(*primary_key)
                case _:
                    # Written by a newer version, or damaged: whatever it means, nothing old is left.
                    self._forget_everything()

    def _forget_everything(self) -> None:
        for kept in (*self._by_table.values(), self._materials, self._domain_keys, self._material_owners):
            kept.clear()

    def _read_domain_keys(self, region: str) -> tuple[DomainKey, ...] | None:
        return tuple(self._database.domain_keys(region)) or None

    def _read_material_owner(self, region: str, handle: str) -> tuple[str, ...] | None:
        # Not the KMS key itself, or there would be a second copy of it to forget.
        key = self._database.key_of_material(region, handle)
        return key.primary_key() if key is not None else None

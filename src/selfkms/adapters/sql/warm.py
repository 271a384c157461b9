"""A database whose records are kept once they were read, for as long as nobody touches them.

What requests ask for again and again is kept: KMS keys (with whatever was computed from them, since the same object
comes back), key materials, aliases, the grants on a KMS key for each grantee, accounts, users, groups, roles, managed
policies, OpenID Connect providers, access keys, domain keys. Trails, snapshots, volumes and what belongs to them are
not, for they change while they are at work; nor are other listings and counts, nor that something does not exist; but
that a grantee has no grant on a KMS key is kept, since every decision asks for it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, TypeVar

from selfkms.adapters.sql.changes import Touched, touched_by
from selfkms.adapters.sql.kept import Kept
from selfkms.domain.cloudtrail.digests import DigestKey
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.cloudtrail.trails import Trail
from selfkms.domain.ebs.storage import EBSDefaults, Snapshot, SnapshotShare, Sweep, Volume
from selfkms.domain.iam.identity_providers import OIDCProvider
from selfkms.domain.iam.managed_policies import ManagedPolicy
from selfkms.domain.iam.principals import AccessKey, Account, Group, Role, User
from selfkms.domain.installation import DomainKey
from selfkms.domain.kms.aliases import Alias
from selfkms.domain.kms.grants import Grant
from selfkms.domain.kms.keys import KeyMaterial, KMSKey
from selfkms.domain.records import Change, Record
from selfkms.ports.database import CorruptRecordError, Database, DatabaseUnavailableError

ENTRIES_MAX: Final = 10_000
"""Of each kind. A KMS key with its policy takes one to 33 kB."""

GRANTEES_MAX: Final = 64
"""Of each KMS key. Sessions are grantees too, so that there is no end of them."""

_NEVER_KEPT: Final = frozenset(
    kind.TABLE for kind in (Trail, DigestKey, Snapshot, Volume, SnapshotShare, EBSDefaults, Sweep)
)

T = TypeVar("T")


class Freshness(Protocol):
    """Tells what others have changed. Each database has its own way to know that cheaply."""

    def touched(self) -> Sequence[Touched] | None:
        """Every record that was touched since the last call, at least; None: it may be any.

        Raises:
            DatabaseUnavailableError: it is not known; the next call tells it.
        """

    def close(self) -> None: ...


class WarmDatabase:
    """`ports.database.Database` around another one, which alone it may be written through by this thread."""

    def __init__(self, database: Database, freshness: Freshness, *, entries_max: int = ENTRIES_MAX) -> None:
        """Both are closed with this one. `freshness` must be older than the first read."""
        self._database = database
        self._freshness = freshness
        self._read_cold = False
        self._accounts = Kept(self._cold(database.account), entries_max)
        self._users = Kept(self._cold(database.user), entries_max)
        self._groups = Kept(self._cold(database.group), entries_max)
        self._roles = Kept(self._cold(database.role), entries_max)
        self._managed_policies = Kept(self._cold(database.managed_policy), entries_max)
        self._oidc_providers = Kept(self._cold(database.oidc_provider), entries_max)
        self._access_keys = Kept(self._cold(database.access_key), entries_max)
        self._keys = Kept(self._cold(database.key), entries_max)
        self._materials = Kept(self._cold(database.material), entries_max)
        self._aliases = Kept(self._cold(database.alias), entries_max)
        self._grants = Kept(self._grants_by_grantee, entries_max)
        self._domain_keys = Kept(self._cold(self._read_domain_keys), entries_max)
        self._material_owners = Kept(self._cold(self._read_material_owner), entries_max)
        self._by_table: dict[str, Kept[Record]] = {
            Account.TABLE: self._accounts,
            User.TABLE: self._users,
            Group.TABLE: self._groups,
            Role.TABLE: self._roles,
            ManagedPolicy.TABLE: self._managed_policies,
            OIDCProvider.TABLE: self._oidc_providers,
            AccessKey.TABLE: self._access_keys,
            KMSKey.TABLE: self._keys,
            Alias.TABLE: self._aliases,
        }

    def refresh(self) -> None:
        self._see(self._freshness.touched())

    def consistent(self) -> bool:
        # What is kept is all of the state that the last refresh saw. Only what was read since may be newer.
        if not self._read_cold:
            return True
        touched = self._freshness.touched()
        self._see(touched)
        return touched is not None and not touched

    def _see(self, touched: Sequence[Touched] | None) -> None:
        self._read_cold = False
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
        return self._users.get(account_id, user_name.lower())

    def users(self, account_id: str, *, after: str, limit: int) -> list[User]:
        return self._database.users(account_id, after=after, limit=limit)

    def group(self, account_id: str, group_name: str) -> Group | None:
        return self._groups.get(account_id, group_name.lower())

    def groups(self, account_id: str, *, after: str, limit: int) -> list[Group]:
        return self._database.groups(account_id, after=after, limit=limit)

    def role(self, account_id: str, role_name: str) -> Role | None:
        return self._roles.get(account_id, role_name.lower())

    def roles(self, account_id: str, *, after: str, limit: int) -> list[Role]:
        return self._database.roles(account_id, after=after, limit=limit)

    def managed_policy(self, account_id: str, policy_name: str) -> ManagedPolicy | None:
        return self._managed_policies.get(account_id, policy_name.lower())

    def managed_policies(self, account_id: str, *, after: str, limit: int) -> list[ManagedPolicy]:
        return self._database.managed_policies(account_id, after=after, limit=limit)

    def access_key(self, access_key_id: str) -> AccessKey | None:
        return self._access_keys.get(access_key_id)

    def access_keys(self, account_id: str, user_name: str | None) -> list[AccessKey]:
        return self._database.access_keys(account_id, user_name)

    def oidc_provider(self, account_id: str, host_and_path: str) -> OIDCProvider | None:
        return self._oidc_providers.get(account_id, host_and_path)

    def oidc_providers(self, account_id: str) -> list[OIDCProvider]:
        return self._database.oidc_providers(account_id)

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

    def grant(self, account_id: str, region: str, key_id: str, grant_id: str) -> Grant | None:
        return self._database.grant(account_id, region, key_id, grant_id)

    def grants(self, account_id: str, region: str, key_id: str, *, after: str, limit: int) -> list[Grant]:
        return self._database.grants(account_id, region, key_id, after=after, limit=limit)

    def grants_to(self, account_id: str, region: str, key_id: str, grantee: str) -> Sequence[Grant]:
        by_grantee = self._grants.get(account_id, region, key_id)
        assert by_grantee is not None
        return by_grantee.get(grantee) or ()

    def grants_retirable_by(
        self, account_id: str, region: str, retiring: str, *, after: str, limit: int
    ) -> list[Grant]:
        return self._database.grants_retirable_by(account_id, region, retiring, after=after, limit=limit)

    def grant_count(self, account_id: str, region: str, key_id: str) -> int:
        return self._database.grant_count(account_id, region, key_id)

    def trail(self, account_id: str, region: str, name: str) -> Trail | None:
        return self._database.trail(account_id, region, name)

    def trails(self, account_id: str) -> list[Trail]:
        return self._database.trails(account_id)

    def digest_keys(self, region: str) -> list[DigestKey]:
        return self._database.digest_keys(region)

    def snapshot(self, account_id: str, region: str, snapshot_id: str) -> Snapshot | None:
        self._read_cold = True
        return self._database.snapshot(account_id, region, snapshot_id)

    def snapshot_of_anybody(self, region: str, snapshot_id: str) -> Snapshot | None:
        self._read_cold = True
        return self._database.snapshot_of_anybody(region, snapshot_id)

    def snapshots(self, account_id: str, region: str, *, after: str, limit: int) -> list[Snapshot]:
        return self._database.snapshots(account_id, region, after=after, limit=limit)

    def volume(self, account_id: str, region: str, volume_id: str) -> Volume | None:
        self._read_cold = True
        return self._database.volume(account_id, region, volume_id)

    def volumes(self, account_id: str, region: str, *, after: str, limit: int) -> list[Volume]:
        return self._database.volumes(account_id, region, after=after, limit=limit)

    def snapshot_shares(self, account_id: str, region: str, *, after: str, limit: int) -> list[SnapshotShare]:
        return self._database.snapshot_shares(account_id, region, after=after, limit=limit)

    def snapshot_of_token(self, account_id: str, region: str, client_token: str) -> Snapshot | None:
        return self._database.snapshot_of_token(account_id, region, client_token)

    def volume_of_token(self, account_id: str, region: str, client_token: str) -> Volume | None:
        return self._database.volume_of_token(account_id, region, client_token)

    def snapshots_at_work(self, account_id: str, region: str) -> list[Snapshot]:
        return self._database.snapshots_at_work(account_id, region)

    def storage_due(self, now: float, *, limit: int) -> list[Snapshot | Volume]:
        return self._database.storage_due(now, limit=limit)

    def storage_of_lineage(self, lineage: str) -> list[Snapshot | Volume]:
        return self._database.storage_of_lineage(lineage)

    def ebs_defaults(self, account_id: str, region: str) -> EBSDefaults | None:
        self._read_cold = True
        return self._database.ebs_defaults(account_id, region)

    def sweeps(self, *, limit: int) -> list[Sweep]:
        return self._database.sweeps(limit=limit)

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

    def _cold(self, read: Callable[..., T | None]) -> Callable[..., T | None]:
        """The same, remembering that something was read."""

        def reading(*name: str) -> T | None:
            self._read_cold = True
            return read(*name)

        return reading

    def _forget(self, touched: Iterable[Touched]) -> None:
        for entry in touched:
            match entry:
                case (DomainKey.TABLE, region, _version):
                    self._domain_keys.forget(region)
                case (KeyMaterial.TABLE, account_id, region, key_id, handle):
                    self._materials.forget(account_id, region, key_id, handle)
                    self._material_owners.forget(region, handle)
                case (Grant.TABLE, account_id, region, key_id, grant_id):
                    self._forget_grant(account_id, region, key_id, grant_id)
                case (table, *primary_key) if table in self._by_table:
                    self._by_table[table].forget(*primary_key)
                case (table, *_) if table in _NEVER_KEPT:
                    pass
                case _:
                    # Written by a newer version, or damaged: whatever it means, nothing old is left.
                    self._forget_everything()

    def _forget_grant(self, account_id: str, region: str, key_id: str, grant_id: str) -> None:
        """Forget the grants of the one grantee: a key may have thousands, and they are of other people."""
        by_grantee = self._grants.kept(account_id, region, key_id)
        if by_grantee is None:
            return
        try:
            made = self._database.grant(account_id, region, key_id, grant_id)
        except (DatabaseUnavailableError, CorruptRecordError):
            self._grants.forget(account_id, region, key_id)
            return
        if made is not None:
            by_grantee.forget(made.grantee)
        by_grantee.forget_where(lambda _grantee, grants: any(grant.grant_id == grant_id for grant in grants))

    def _forget_everything(self) -> None:
        self._materials.clear()
        self._material_owners.clear()
        self._domain_keys.clear()
        self._grants.clear()
        for kept in self._by_table.values():
            kept.clear()

    def _read_domain_keys(self, region: str) -> tuple[DomainKey, ...] | None:
        return tuple(self._database.domain_keys(region)) or None

    def _read_material_owner(self, region: str, handle: str) -> tuple[str, ...] | None:
        # Not the KMS key itself, or there would be a second copy of it to forget.
        key = self._database.key_of_material(region, handle)
        return key.primary_key() if key is not None else None

    def _grants_by_grantee(self, account_id: str, region: str, key_id: str) -> Kept[tuple[Grant, ...]]:
        """For one KMS key, so that one change of its grants forgets those of all its grantees."""

        def read(grantee: str) -> tuple[Grant, ...]:
            self._read_cold = True
            return tuple(self._database.grants_to(account_id, region, key_id, grantee))

        return Kept(read, GRANTEES_MAX)

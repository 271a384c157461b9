"""What is read from the tables of records: by name, by page, and by the few columns that are kept to be searched."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import BindParameter, Engine, Executable, Row, Select, bindparam, literal, or_, select, union_all
from sqlalchemy.exc import DBAPIError

from selfkms.adapters.sql.connections import answering, reading_connection
from selfkms.adapters.sql.records import (
    ACCESS_KEYS,
    ACCOUNTS,
    ALIASES,
    DIGEST_KEYS,
    DOMAIN_KEYS,
    EBS_DEFAULTS,
    GRANTS,
    GROUPS,
    KEY_MATERIALS,
    KMS_KEYS,
    MANAGED_POLICIES,
    OIDC_PROVIDERS,
    RECORD_TABLES,
    ROLES,
    SNAPSHOT_SHARES,
    SNAPSHOTS,
    SWEEPS,
    TRAILS,
    USERS,
    VOLUMES,
    R,
    RecordTable,
    RowCodec,
)
from selfkms.domain.cloudtrail.digests import DigestKey
from selfkms.domain.cloudtrail.trails import Trail, trail_key
from selfkms.domain.ebs.storage import EBSDefaults, Snapshot, SnapshotShare, Sweep, Volume
from selfkms.domain.iam.identity_providers import OIDCProvider
from selfkms.domain.iam.managed_policies import ManagedPolicy
from selfkms.domain.iam.principals import AccessKey, Account, Group, Role, User
from selfkms.domain.installation import DomainKey
from selfkms.domain.kms.aliases import Alias
from selfkms.domain.kms.grants import Grant
from selfkms.domain.kms.keys import KeyMaterial, KMSKey
from selfkms.domain.secrets import Secret
from selfkms.ports.database import CorruptRecordError

_log = logging.getLogger(__name__)

T = TypeVar("T")

_LIMIT: BindParameter[int] = bindparam("limit")
_OFFSET: BindParameter[int] = bindparam("offset")


def _equal(kind: RecordTable[Any], *names: str) -> list[Any]:
    """The condition that these columns have the values of the parameters of the same names."""
    return [kind.table.c[name] == bindparam(name) for name in names]


_domain_keys, _keys, _materials, _aliases = DOMAIN_KEYS.table, KMS_KEYS.table, KEY_MATERIALS.table, ALIASES.table
_access_keys, _grants = ACCESS_KEYS.table, GRANTS.table

_REGIONS_WITH_DOMAIN_KEYS = select(_domain_keys.c.region).distinct().order_by(_domain_keys.c.region)
_ACCESS_KEYS_OF_USER = (
    select(_access_keys).where(*_equal(ACCESS_KEYS, "account_id", "user_name")).order_by(_access_keys.c.access_key_id)
)
# A statement of its own: nothing equals NULL, and PostgreSQL uses no index for `IS NOT DISTINCT FROM`.
_ACCESS_KEYS_OF_ROOT = (
    select(_access_keys)
    .where(*_equal(ACCESS_KEYS, "account_id"), _access_keys.c.user_name.is_(None))
    .order_by(_access_keys.c.access_key_id)
)
_KEYS_DUE = (
    select(_keys)
    .where(_keys.c.due_at <= bindparam("now"))
    .order_by(_keys.c.due_at, *_keys.primary_key.columns)
    .limit(_LIMIT)
    .offset(_OFFSET)
)
_MATERIAL_BY_HANDLE = select(_materials).where(*_equal(KEY_MATERIALS, "region", "handle"))
_ALIASES_OF_KEY = (
    select(_aliases).where(*_equal(ALIASES, "account_id", "region", "target_key_id")).order_by(_aliases.c.alias_name)
)
_GRANTS_TO = (
    select(_grants).where(*_equal(GRANTS, "account_id", "region", "key_id", "grantee")).order_by(_grants.c.grant_id)
)
_GRANTS_RETIRABLE_BY = (
    select(_grants)
    .where(*_equal(GRANTS, "account_id", "region", "retiring"), _grants.c.grant_id > bindparam("after"))
    .order_by(_grants.c.grant_id)
    .limit(_LIMIT)
)
_SNAPSHOT_OF_ANYBODY = select(SNAPSHOTS.table).where(*_equal(SNAPSHOTS, "region", "snapshot_id"))
_SNAPSHOTS_AT_WORK = (
    select(SNAPSHOTS.table)
    .where(*_equal(SNAPSHOTS, "account_id", "region"), SNAPSHOTS.table.c.due_at.is_not(None))
    .order_by(SNAPSHOTS.table.c.snapshot_id)
)
_SWEEPS = select(SWEEPS.table).order_by(*SWEEPS.table.primary_key.columns).limit(_LIMIT).offset(_OFFSET)


def _of_token(kind: RecordTable[Any]) -> Executable:
    return select(kind.table).where(*_equal(kind, "account_id", "region", "client_token"))


def _due(kind: RecordTable[Any]) -> Executable:
    columns = kind.table.c
    due = select(kind.table).where(columns.due_at <= bindparam("now"))
    return due.order_by(columns.due_at, *kind.table.primary_key.columns).limit(_LIMIT).offset(_OFFSET)


def _of_lineage(kind: RecordTable[Any]) -> Select[Any]:
    columns = kind.table.c
    named = or_(columns.lineage == bindparam("lineage"), columns.reads_lineage == bindparam("lineage"))
    return select(literal(kind.table.name).label("kind"), kind.table).where(named)


_STORAGE: Final[tuple[RecordTable[Any], ...]] = (SNAPSHOTS, VOLUMES)
_STORAGE_DUE = {kind.table.name: _due(kind) for kind in _STORAGE}
# One statement sees one state. Between two, a snapshot could be made of a volume that is then deleted: neither would be
# seen, and the blocks of the snapshot removed.
_STORAGE_OF_LINEAGE = union_all(*map(_of_lineage, _STORAGE))
_STORAGE_OF_TOKEN = {kind.table.name: _of_token(kind) for kind in _STORAGE}


class SQLReads:
    """The reading half of `ports.database.Database`, on a connection of its own, statement by statement."""

    def __init__(self, engine: Engine, *, mac_key: Secret) -> None:
        """Connect; see `SQLDatabase`."""
        self._codec = RowCodec(mac_key)
        self._reader = reading_connection(engine)

    def domain_keys(self, region: str) -> list[DomainKey]:
        return self._siblings(DOMAIN_KEYS, region)

    def regions_with_domain_keys(self) -> list[str]:
        return [row.region for row in self._rows(_REGIONS_WITH_DOMAIN_KEYS)]

    def account(self, account_id: str) -> Account | None:
        return self._record(ACCOUNTS, account_id)

    def accounts(self) -> list[Account]:
        return self._siblings(ACCOUNTS)

    def user(self, account_id: str, user_name: str) -> User | None:
        return self._record(USERS, account_id, user_name.lower())

    def users(self, account_id: str, *, after: str, limit: int) -> list[User]:
        return self._page(USERS, account_id, after=after, limit=limit)

    def group(self, account_id: str, group_name: str) -> Group | None:
        return self._record(GROUPS, account_id, group_name.lower())

    def groups(self, account_id: str, *, after: str, limit: int) -> list[Group]:
        return self._page(GROUPS, account_id, after=after, limit=limit)

    def role(self, account_id: str, role_name: str) -> Role | None:
        return self._record(ROLES, account_id, role_name.lower())

    def roles(self, account_id: str, *, after: str, limit: int) -> list[Role]:
        return self._page(ROLES, account_id, after=after, limit=limit)

    def managed_policy(self, account_id: str, policy_name: str) -> ManagedPolicy | None:
        return self._record(MANAGED_POLICIES, account_id, policy_name.lower())

    def managed_policies(self, account_id: str, *, after: str, limit: int) -> list[ManagedPolicy]:
        return self._page(MANAGED_POLICIES, account_id, after=after, limit=limit)

    def access_key(self, access_key_id: str) -> AccessKey | None:
        return self._record(ACCESS_KEYS, access_key_id)

    def access_keys(self, account_id: str, user_name: str | None) -> list[AccessKey]:
        if user_name is None:
            return self._records(ACCESS_KEYS, _ACCESS_KEYS_OF_ROOT, account_id=account_id)
        return self._records(ACCESS_KEYS, _ACCESS_KEYS_OF_USER, account_id=account_id, user_name=user_name)

    def oidc_provider(self, account_id: str, host_and_path: str) -> OIDCProvider | None:
        return self._record(OIDC_PROVIDERS, account_id, host_and_path)

    def oidc_providers(self, account_id: str) -> list[OIDCProvider]:
        return self._siblings(OIDC_PROVIDERS, account_id)

    def key(self, account_id: str, region: str, key_id: str) -> KMSKey | None:
        return self._record(KMS_KEYS, account_id, region, key_id)

    def keys(self, account_id: str, region: str, *, after: str, limit: int) -> list[str]:
        condition = KMS_KEYS.condition_of_siblings((account_id, region))
        rows = self._rows(KMS_KEYS.select_page, **condition, after=after, limit=limit)
        return [self._codec.checked_primary_key(KMS_KEYS, row)[-1] for row in rows]

    def key_count(self, account_id: str, region: str) -> int:
        return self._count(KMS_KEYS, account_id, region)

    def keys_due(self, now: float, *, limit: int) -> list[KMSKey]:
        return self._believed_page(lambda row: self._codec.record(KMS_KEYS, row), _KEYS_DUE, limit, now=now)

    def material(self, account_id: str, region: str, key_id: str, handle: str) -> KeyMaterial | None:
        return self._record(KEY_MATERIALS, account_id, region, key_id, handle)

    def materials(self, account_id: str, region: str, key_id: str) -> list[KeyMaterial]:
        return self._siblings(KEY_MATERIALS, account_id, region, key_id)

    def key_of_material(self, region: str, handle: str) -> KMSKey | None:
        # By way of the checked record, not by a join: which key a material belongs to is under its MAC.
        found = self._records(KEY_MATERIALS, _MATERIAL_BY_HANDLE, region=region, handle=handle)
        return self.key(found[0].account_id, region, found[0].key_id) if found else None

    def alias(self, account_id: str, region: str, alias_name: str) -> Alias | None:
        return self._record(ALIASES, account_id, region, alias_name)

    def aliases(self, account_id: str, region: str, *, after: str, limit: int) -> list[Alias]:
        return self._page(ALIASES, account_id, region, after=after, limit=limit)

    def aliases_of_key(self, account_id: str, region: str, key_id: str) -> list[Alias]:
        return self._records(ALIASES, _ALIASES_OF_KEY, account_id=account_id, region=region, target_key_id=key_id)

    def grant(self, account_id: str, region: str, key_id: str, grant_id: str) -> Grant | None:
        return self._record(GRANTS, account_id, region, key_id, grant_id)

    def grants(self, account_id: str, region: str, key_id: str, *, after: str, limit: int) -> list[Grant]:
        return self._page(GRANTS, account_id, region, key_id, after=after, limit=limit)

    def grants_to(self, account_id: str, region: str, key_id: str, grantee: str) -> Sequence[Grant]:
        return self._records(GRANTS, _GRANTS_TO, account_id=account_id, region=region, key_id=key_id, grantee=grantee)

    def grants_retirable_by(
        self, account_id: str, region: str, retiring: str, *, after: str, limit: int
    ) -> list[Grant]:
        place = {"account_id": account_id, "region": region, "retiring": retiring}
        return self._records(GRANTS, _GRANTS_RETIRABLE_BY, **place, after=after, limit=limit)

    def grant_count(self, account_id: str, region: str, key_id: str) -> int:
        return self._count(GRANTS, account_id, region, key_id)

    def trail(self, account_id: str, region: str, name: str) -> Trail | None:
        return self._record(TRAILS, account_id, trail_key(region, name))

    def trails(self, account_id: str) -> list[Trail]:
        return self._siblings(TRAILS, account_id)

    def digest_keys(self, region: str) -> list[DigestKey]:
        return self._siblings(DIGEST_KEYS, region)

    def snapshot(self, account_id: str, region: str, snapshot_id: str) -> Snapshot | None:
        return self._record(SNAPSHOTS, account_id, region, snapshot_id)

    def snapshot_of_anybody(self, region: str, snapshot_id: str) -> Snapshot | None:
        found = self._records(SNAPSHOTS, _SNAPSHOT_OF_ANYBODY, region=region, snapshot_id=snapshot_id)
        return found[0] if found else None

    def snapshots(self, account_id: str, region: str, *, after: str, limit: int) -> list[Snapshot]:
        return self._page(SNAPSHOTS, account_id, region, after=after, limit=limit)

    def volume(self, account_id: str, region: str, volume_id: str) -> Volume | None:
        return self._record(VOLUMES, account_id, region, volume_id)

    def volumes(self, account_id: str, region: str, *, after: str, limit: int) -> list[Volume]:
        return self._page(VOLUMES, account_id, region, after=after, limit=limit)

    def snapshot_shares(self, account_id: str, region: str, *, after: str, limit: int) -> list[SnapshotShare]:
        return self._page(SNAPSHOT_SHARES, account_id, region, after=after, limit=limit)

    def snapshot_of_token(self, account_id: str, region: str, client_token: str) -> Snapshot | None:
        return self._of_token(SNAPSHOTS, account_id, region, client_token)

    def volume_of_token(self, account_id: str, region: str, client_token: str) -> Volume | None:
        return self._of_token(VOLUMES, account_id, region, client_token)

    def snapshots_at_work(self, account_id: str, region: str) -> list[Snapshot]:
        return self._records(SNAPSHOTS, _SNAPSHOTS_AT_WORK, account_id=account_id, region=region)

    def storage_due(self, now: float, *, limit: int) -> list[Snapshot | Volume]:
        found: list[Snapshot | Volume] = []
        for kind in _STORAGE:
            found += self._believed_page(
                partial(self._codec.record, kind), _STORAGE_DUE[kind.table.name], limit, now=now
            )
        return sorted(found, key=lambda storage: storage.due_at or 0.0)[:limit]

    def storage_of_lineage(self, lineage: str) -> list[Snapshot | Volume]:
        rows = self._rows(_STORAGE_OF_LINEAGE, lineage=lineage)
        found = [self._codec.record(RECORD_TABLES[row[0]], row[1:]) for row in rows]
        return sorted(found, key=lambda storage: (storage.TABLE, *storage.primary_key()))

    def ebs_defaults(self, account_id: str, region: str) -> EBSDefaults | None:
        return self._record(EBS_DEFAULTS, account_id, region)

    def sweeps(self, *, limit: int) -> list[Sweep]:
        return self._believed_page(partial(self._codec.record, SWEEPS), _SWEEPS, limit)

    def _of_token(self, kind: RecordTable[R], account_id: str, region: str, client_token: str) -> R | None:
        place = {"account_id": account_id, "region": region, "client_token": client_token}
        found = self._records(kind, _STORAGE_OF_TOKEN[kind.table.name], **place)
        return found[0] if found else None

    def _record(self, kind: RecordTable[R], *primary_key: str) -> R | None:
        rows = self._rows(kind.select_one, **kind.condition(primary_key))
        return self._codec.record(kind, rows[0]) if rows else None

    def _siblings(self, kind: RecordTable[R], *common: str) -> list[R]:
        return self._records(kind, kind.select_siblings, **kind.condition_of_siblings(common))

    def _page(self, kind: RecordTable[R], *common: str, after: str, limit: int) -> list[R]:
        condition = kind.condition_of_siblings(common)
        return self._records(kind, kind.select_page, **condition, after=after, limit=limit)

    def _count(self, kind: RecordTable[R], *common: str) -> int:
        count: int = self._rows(kind.count_siblings, **kind.condition_of_siblings(common))[0][0]
        return count

    def _records(self, kind: RecordTable[R], statement: Executable, **parameters: object) -> list[R]:
        return [self._codec.record(kind, row) for row in self._rows(statement, **parameters)]

    def _believed_page(
        self, read: Callable[[Row[Any]], T], statement: Executable, limit: int, **parameters: object
    ) -> list[T]:
        """The first rows that can be believed, of different owners: damaged ones must not hold up the others."""
        offset = 0
        while True:
            rows = self._rows(statement, limit=limit, offset=offset, **parameters)
            believed = list(_believed(rows, read))
            if believed or len(rows) < limit:
                return believed
            offset += limit

    def _rows(self, statement: Executable, **parameters: object) -> Sequence[Row[Any]]:
        with answering():
            try:
                return self._reader.execute(statement, parameters).all()
            except DBAPIError:
                # A connection that broke is opened anew by the next statement, but only after this.
                self._reader.rollback()
                raise


def _believed(rows: Iterable[Row[Any]], read: Callable[[Row[Any]], T]) -> Iterator[T]:
    for row in rows:
        try:
            yield read(row)
        except CorruptRecordError as error:
            _log.error("passed over: %s", error)

"""A record as a row and back, with a MAC that says we wrote it.

A SQLite file says nothing when a bit in it flips, and whoever may write to the database could change a policy without
touching a key. So every row carries HMAC-SHA-256 over the table's name, the primary key, the row version and the body,
and is checked when it is loaded. What the MAC cannot tell: that a row is missing, or that a row and its MAC are an
earlier pair of the same record.
"""

import hmac
from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec
from sqlalchemy import bindparam, delete, func, insert, select, update

from selfkms.adapters.sql.schema import AUDIT_OUTBOX, METADATA, RECORD_COLUMNS
from selfkms.crypto.mac import MACKey
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
from selfkms.domain.records import Record
from selfkms.domain.secrets import Secret
from selfkms.ports.database import CorruptRecordError

MAC_KEY_BYTES: Final = 32

R = TypeVar("R", bound=Record)

_LABEL: Final = b"selfkms/v1/row"
_encode: Final = msgspec.json.Encoder().encode


def authenticated_bytes(table: str, primary_key: Sequence[str], row_version: int, body: bytes) -> bytes:
    """What the MAC of a row is computed over: each part with its length in front, so no two rows give equal bytes."""
    parts = [_LABEL, table.encode()]
    # A key column that is no UTF-8 any more arrives with surrogates, see `sqlite.engine`; they stand for its bytes.
    parts += [value.encode("utf-8", "surrogateescape") for value in primary_key]
    parts += [row_version.to_bytes(8, "big", signed=True), body]
    return b"".join(piece for part in parts for piece in (len(part).to_bytes(8, "big"), part))


class RecordTable(Generic[R]):
    """The table of one type of record, with the statements that all of them have."""

    def __init__(self, record: type[R]) -> None:
        self.table = METADATA.tables[record.TABLE]
        columns = self.table.c
        self.primary = tuple(column.name for column in self.table.primary_key.columns)
        self.searched = tuple(name for name in columns.keys() if name not in (*self.primary, *RECORD_COLUMNS))  # noqa: SIM118 -- a column collection yields columns, not names
        self.decoder = msgspec.json.Decoder(record)
        # Parameters of a condition have names of their own: the column's name would mean its new value.
        condition = [columns[name] == bindparam(f"of_{name}") for name in self.primary]
        unchanged = columns.row_version == bindparam("of_row_version")
        self.select_one = select(self.table).where(*condition)
        # Siblings have all of the primary key but its last column in common, and are listed in the order of that one.
        last = columns[self.primary[-1]]
        self.select_siblings = select(self.table).where(*condition[:-1]).order_by(last)
        self.select_page = self.select_siblings.where(last > bindparam("after")).limit(bindparam("limit"))
        self.count_siblings = select(func.count()).select_from(self.table).where(*condition[:-1])
        self.insert = insert(self.table)
        self.update = update(self.table).where(*condition, unchanged)
        self.delete = delete(self.table).where(*condition, unchanged)

    def condition(self, primary_key: Sequence[str]) -> dict[str, str]:
        """The parameters of `select_one`; those of `update` and `delete` but for `of_row_version`."""
        return {f"of_{name}": value for name, value in zip(self.primary, primary_key, strict=True)}

    def condition_of_siblings(self, common: Sequence[str]) -> dict[str, str]:
        """The parameters of `select_siblings` and `count_siblings`; those of `select_page` but for `after`, `limit`."""
        return {f"of_{name}": value for name, value in zip(self.primary[:-1], common, strict=True)}


ACCOUNTS: Final = RecordTable(Account)
USERS: Final = RecordTable(User)
GROUPS: Final = RecordTable(Group)
ROLES: Final = RecordTable(Role)
MANAGED_POLICIES: Final = RecordTable(ManagedPolicy)
OIDC_PROVIDERS: Final = RecordTable(OIDCProvider)
ACCESS_KEYS: Final = RecordTable(AccessKey)
DOMAIN_KEYS: Final = RecordTable(DomainKey)
KMS_KEYS: Final = RecordTable(KMSKey)
KEY_MATERIALS: Final = RecordTable(KeyMaterial)
ALIASES: Final = RecordTable(Alias)
GRANTS: Final = RecordTable(Grant)
TRAILS: Final = RecordTable(Trail)
DIGEST_KEYS: Final = RecordTable(DigestKey)
SNAPSHOTS: Final = RecordTable(Snapshot)
VOLUMES: Final = RecordTable(Volume)
SNAPSHOT_SHARES: Final = RecordTable(SnapshotShare)
EBS_DEFAULTS: Final = RecordTable(EBSDefaults)
SWEEPS: Final = RecordTable(Sweep)

RECORD_TABLES: Final[dict[str, RecordTable[Any]]] = {
    kind.table.name: kind
    for kind in (
        ACCOUNTS,
        USERS,
        GROUPS,
        ROLES,
        MANAGED_POLICIES,
        OIDC_PROVIDERS,
        ACCESS_KEYS,
        DOMAIN_KEYS,
        KMS_KEYS,
        KEY_MATERIALS,
        ALIASES,
        GRANTS,
        TRAILS,
        DIGEST_KEYS,
        SNAPSHOTS,
        VOLUMES,
        SNAPSHOT_SHARES,
        EBS_DEFAULTS,
        SWEEPS,
    )
}


class RowCodec:
    """Writes and reads rows with the MAC key of the installation."""

    def __init__(self, mac_key: Secret) -> None:
        """Take the 32 bytes of the MAC key."""
        assert len(mac_key) == MAC_KEY_BYTES
        self._mac_key = MACKey(mac_key)

    def row(self, record: Record, *, row_version: int) -> dict[str, Any]:
        """The columns of a record as it is stored with this row version."""
        kind = RECORD_TABLES[record.TABLE]
        primary_key = record.primary_key()
        body = _encode(record.changed(row_version=row_version))
        return {
            **dict(zip(kind.primary, primary_key, strict=True)),
            **{name: getattr(record, name) for name in kind.searched},
            "row_version": row_version,
            "body": body,
            "mac": self._mac(record.TABLE, primary_key, row_version, body),
        }

    def record(self, kind: RecordTable[R], row: Sequence[Any]) -> R:
        """The record of a row that has all columns of its table.

        Raises:
            CorruptRecordError: the MAC is another one, or a column does not say what the body says.
        """
        primary_key = self.checked_primary_key(kind, row)
        *columns, row_version, body, _mac = row
        try:
            record = kind.decoder.decode(body)
        except msgspec.DecodeError:
            # The text of the error may quote the body.
            raise _corrupt(kind.table.name, primary_key) from None
        searched = [getattr(record, name) for name in kind.searched]
        if [*record.primary_key(), *searched, record.row_version] != [*columns, row_version]:
            raise _corrupt(kind.table.name, primary_key)
        return record

    def checked_primary_key(self, kind: RecordTable[R], row: Sequence[Any]) -> tuple[str, ...]:
        """The primary key of a row that has all columns of its table, when no more is wanted of it.

        Raises:
            CorruptRecordError: the MAC is another one.
        """
        primary_key = tuple(row[: len(kind.primary)])
        row_version, body, mac = row[-3:]
        # SQLite keeps the type with each value: what was written as text may come back as anything.
        typed = all(isinstance(value, str) for value in primary_key) and isinstance(row_version, int)
        if not typed or not self._is_mac(mac, kind.table.name, primary_key, row_version, body):
            raise _corrupt(kind.table.name, primary_key)
        return primary_key

    def audit_row(self, audit: AuditRecord) -> dict[str, Any]:
        """The columns of an audit record; its number is not known yet and so not under the MAC."""
        mac = self._mac(AUDIT_OUTBOX.name, (audit.event_id,), 0, audit.body)
        return {"event_id": audit.event_id, "body": audit.body, "mac": mac}

    def audit_record(self, row: Sequence[Any]) -> AuditRecord:
        """The audit record of a row that has all columns.

        Raises:
            CorruptRecordError: the MAC is another one.
        """
        number, event_id, body, mac = row
        if not isinstance(event_id, str) or not self._is_mac(mac, AUDIT_OUTBOX.name, (event_id,), 0, body):
            raise _corrupt(AUDIT_OUTBOX.name, (str(number),))
        return AuditRecord(event_id, body)

    def _mac(self, table: str, primary_key: Sequence[str], row_version: int, body: bytes) -> bytes:
        return self._mac_key.tag(authenticated_bytes(table, primary_key, row_version, body))

    def _is_mac(self, mac: object, table: str, primary_key: Sequence[str], row_version: int, body: object) -> bool:
        if not isinstance(mac, bytes) or not isinstance(body, bytes):
            return False
        return hmac.compare_digest(mac, self._mac(table, primary_key, row_version, body))


def _corrupt(table: str, primary_key: Sequence[object]) -> CorruptRecordError:
    return CorruptRecordError(
        f"{table} {', '.join(ascii(value) for value in primary_key)}: not the row that was written"
    )

"""Rows and their MAC."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.records import ADMIN, COPYING_SNAPSHOT, A
from contracts.records import HERE as REGION
from contracts.records import RECORDS as RECORDS_BY_TABLE
from selfkms.adapters.sql.database import SQLDatabase
from selfkms.adapters.sql.records import ACCOUNTS, KMS_KEYS, RECORD_TABLES, RowCodec, authenticated_bytes
from selfkms.adapters.sqlite.engine import open_engine
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.ebs.storage import Snapshot, Volume
from selfkms.domain.iam.principals import Account
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.records import Put, Record
from selfkms.domain.secrets import Secret
from selfkms.ports.database import CorruptRecordError

DUE = 100.0
KEY = RECORDS_BY_TABLE["kms_keys"].changed(state=KeyState.PENDING_DELETION, deletion_at=DUE, policy="secret policy")
# No column of theirs is empty.
ALTERED: dict[str, Record] = {"kms_keys": KEY, "snapshots": COPYING_SNAPSHOT.changed(client_token="t")}
RECORDS: tuple[Record, ...] = tuple({**RECORDS_BY_TABLE, **ALTERED}.values())
AUDIT = AuditRecord("event-1", b'{"eventName":"Decrypt"}')


class StoppedClock:
    def now(self) -> float:
        return 1_000.0

    wall = matured = now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "database"


@pytest.fixture
def database(path: Path, migrated: Path) -> Iterator[SQLDatabase]:
    """A database with one record in every table."""
    engine = open_engine(shutil.copyfile(migrated, path))
    made = SQLDatabase(engine, mac_key=Secret(b"m" * 32), clock=StoppedClock())
    made.commit([Put(record) for record in RECORDS], [AUDIT])
    yield made
    made.close()


def alter(path: Path, statement: str, *parameters: object) -> None:
    """Write past everything that protects a row, as one who has the file may."""
    connection = sqlite3.connect(path)
    with connection:
        assert connection.execute(statement, parameters).rowcount == 1
    connection.close()


Read = Callable[[SQLDatabase, dict[str, Any]], object]

# Each way to read a row: first by the name that it has now, then among others.
READS: dict[str, tuple[Read, ...]] = {
    "accounts": (lambda d, row: d.account(row["account_id"]), lambda d, _: d.accounts()),
    "users": (
        lambda d, row: d.user(row["account_id"], row["user_name"]),
        lambda d, row: d.users(row["account_id"], after="", limit=1),
    ),
    "groups": (
        lambda d, row: d.group(row["account_id"], row["group_name"]),
        lambda d, row: d.groups(row["account_id"], after="", limit=1),
    ),
    "roles": (
        lambda d, row: d.role(row["account_id"], row["role_name"]),
        lambda d, row: d.roles(row["account_id"], after="", limit=1),
    ),
    "managed_policies": (
        lambda d, row: d.managed_policy(row["account_id"], row["policy_name"]),
        lambda d, row: d.managed_policies(row["account_id"], after="", limit=1),
    ),
    "oidc_providers": (
        lambda d, row: d.oidc_provider(row["account_id"], row["host_and_path"]),
        lambda d, row: d.oidc_providers(row["account_id"]),
    ),
    "access_keys": (
        lambda d, row: d.access_key(row["access_key_id"]),
        lambda d, row: d.access_keys(row["account_id"], row["user_name"]),
    ),
    "domain_keys": (lambda d, row: d.domain_keys(row["region"]),),
    "kms_keys": (lambda d, row: d.key(row["account_id"], row["region"], row["key_id"]),),
    "key_materials": (
        lambda d, row: d.material(row["account_id"], row["region"], row["key_id"], row["handle"]),
        lambda d, row: d.materials(row["account_id"], row["region"], row["key_id"]),
        lambda d, row: d.key_of_material(row["region"], row["handle"]),
    ),
    "aliases": (
        lambda d, row: d.alias(row["account_id"], row["region"], row["alias_name"]),
        lambda d, row: d.aliases(row["account_id"], row["region"], after="", limit=1),
        lambda d, row: d.aliases_of_key(row["account_id"], row["region"], row["target_key_id"]),
    ),
    "grants": (
        lambda d, row: d.grant(row["account_id"], row["region"], row["key_id"], row["grant_id"]),
        lambda d, row: d.grants(row["account_id"], row["region"], row["key_id"], after="", limit=1),
        lambda d, row: d.grants_to(row["account_id"], row["region"], row["key_id"], row["grantee"]),
        lambda d, row: d.grants_retirable_by(row["account_id"], row["region"], row["retiring"], after="", limit=1),
    ),
    "trails": (lambda d, row: d.trails(row["account_id"]),),
    "digest_keys": (lambda d, row: d.digest_keys(row["region"]),),
    "snapshots": (
        lambda d, row: d.snapshot(row["account_id"], row["region"], row["snapshot_id"]),
        lambda d, row: d.snapshots(row["account_id"], row["region"], after="", limit=1),
        lambda d, row: d.snapshot_of_anybody(row["region"], row["snapshot_id"]),
        lambda d, row: d.snapshot_of_token(row["account_id"], row["region"], row["client_token"]),
        lambda d, row: d.snapshots_at_work(row["account_id"], row["region"]),
        lambda d, row: d.storage_of_lineage(row["lineage"]),
    ),
    "volumes": (
        lambda d, row: d.volume(row["account_id"], row["region"], row["volume_id"]),
        lambda d, row: d.volumes(row["account_id"], row["region"], after="", limit=1),
        lambda d, row: d.volume_of_token(row["account_id"], row["region"], row["client_token"]),
        lambda d, row: d.storage_of_lineage(row["reads_lineage"]),
    ),
    "snapshot_shares": (lambda d, row: d.snapshot_shares(row["account_id"], row["region"], after="", limit=1),),
    "ebs_defaults": (lambda d, row: d.ebs_defaults(row["account_id"], row["region"]),),
    "sweeps": (),
    "audit_outbox": (),
}


def of_kind(records: Sequence[Record], kind: type[Record]) -> list[Record]:
    return [record for record in records if isinstance(record, kind)]


# What the keeper reads for all at once passes over a damaged row instead of refusing all of them.
PASSING_OVER: dict[str, Read] = {
    "kms_keys": lambda d, _: d.keys_due(DUE + 10, limit=1),
    "audit_outbox": lambda d, _: d.audit_backlog(limit=1),
    "snapshots": lambda d, _: of_kind(d.storage_due(DUE + 10, limit=10), Snapshot),
    "volumes": lambda d, _: of_kind(d.storage_due(DUE + 10, limit=10), Volume),
    "sweeps": lambda d, _: d.sweeps(limit=1),
}

COLUMNS = [
    *((name, column) for name, kind in RECORD_TABLES.items() for column in kind.table.c.keys()),  # noqa: SIM118 -- names
    ("audit_outbox", "event_id"),
    ("audit_outbox", "body"),
    ("audit_outbox", "mac"),
]


def row_of(path: Path, table: str) -> dict[str, Any]:
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    row = dict(connection.execute(f"SELECT * FROM {table}").fetchone())
    connection.close()
    return row


def expect_refusal(database: SQLDatabase, path: Path, table: str, *, by_name_only: bool = False) -> None:
    row = row_of(path, table)
    for read in READS[table][: 1 if by_name_only else None]:
        with pytest.raises(CorruptRecordError) as refusal:
            read(database, row)
        assert str(refusal.value).startswith(f"{table} ")
        assert "secret" not in str(refusal.value)
    if table in PASSING_OVER and not by_name_only:
        assert PASSING_OVER[table](database, row) == []


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_one_altered_column_is_refused(database: SQLDatabase, path: Path, table: str, column: str) -> None:
    """A row of which any column was altered is never an answer, by whatever way it is read."""
    for read in (*READS[table], *([PASSING_OVER[table]] if table in PASSING_OVER else [])):
        assert read(database, row_of(path, table))
    value = row_of(path, table)[column]
    match value:
        case bytes():
            altered: object = bytes([*value[:-1], value[-1] ^ 1])
        case str():
            altered = value[:-1] + chr(ord(value[-1]) ^ 1)
        case _:
            altered = value + 1
    alter(path, f"UPDATE {table} SET {column} = ?", altered)
    expect_refusal(database, path, table)


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_value_of_another_type_is_refused(database: SQLDatabase, path: Path, table: str, column: str) -> None:
    """SQLite keeps any type in any column: such a row is refused like any other that was altered."""
    was_bytes = isinstance(row_of(path, table)[column], bytes)
    alter(path, f"UPDATE {table} SET {column} = CAST({column} AS {'TEXT' if was_bytes else 'BLOB'})")
    expect_refusal(database, path, table, by_name_only=column == "due_at")


@pytest.mark.parametrize(
    ("table", "column", "read"),
    [
        ("accounts", "account_id", lambda d: d.accounts()),
        ("users", "user_name", lambda d: d.users(A, after="", limit=1)),
        ("managed_policies", "policy_name", lambda d: d.managed_policies(A, after="", limit=1)),
        ("access_keys", "access_key_id", lambda d: d.access_keys(A, "admin")),
        ("grants", "grant_id", lambda d: d.grants(A, REGION, "key-1", after="", limit=1)),
        ("grants", "retiring", lambda d: d.grants_to(A, REGION, "key-1", ADMIN)),
        ("domain_keys", "version", lambda d: d.domain_keys(REGION)),
        ("kms_keys", "key_id", lambda d: d.keys(A, REGION, after="", limit=1)),
        ("key_materials", "handle", lambda d: d.materials(A, REGION, "key-1")),
        ("aliases", "alias_name", lambda d: d.aliases(A, REGION, after="", limit=1)),
    ],
)
def test_a_text_that_is_no_utf8_is_refused(
    database: SQLDatabase, path: Path, table: str, column: str, read: Callable[[SQLDatabase], object]
) -> None:
    """A bit that makes a key column undecodable gives the same refusal, without the driver quoting the text."""
    alter(path, f"UPDATE {table} SET {column} = CAST(x'61ff62' AS TEXT)")
    with pytest.raises(CorruptRecordError, match=f"^{table} "):
        read(database)


@pytest.mark.parametrize("table", PASSING_OVER)
def test_what_is_read_for_all_passes_over_a_damaged_row_and_says_so(
    database: SQLDatabase, path: Path, caplog: pytest.LogCaptureFixture, table: str
) -> None:
    """One damaged row keeps no other key from its end and no other audit record from the journal; the log names it."""
    alter(path, f"UPDATE {table} SET mac = zeroblob(32)")
    assert PASSING_OVER[table](database, {}) == []
    assert f"passed over: {table} " in caplog.text


def test_an_altered_key_id_is_not_listed(database: SQLDatabase, path: Path) -> None:
    """A listing of key IDs refuses a page with an altered ID, although it reads nothing else of the KMS keys."""
    assert database.keys(A, REGION, after="", limit=5) == ["key-1"]
    alter(path, "UPDATE kms_keys SET key_id = 'key-2'")
    with pytest.raises(CorruptRecordError, match="kms_keys '111122223333', 'eu-central-1', 'key-2'"):
        database.keys(A, REGION, after="", limit=5)


@pytest.mark.parametrize(
    ("table", "column", "read"),
    [
        ("access_keys", "user_name", lambda d: d.access_keys(A, None)),
        ("grants", "retiring", lambda d: d.grants_to(A, REGION, "key-1", ADMIN)),
        ("grants", "retiring", lambda d: d.grants(A, REGION, "key-1", after="", limit=1)),
    ],
)
def test_an_emptied_column_is_refused(
    database: SQLDatabase, path: Path, table: str, column: str, read: Callable[[SQLDatabase], object]
) -> None:
    """No access key becomes the root user's, and no grant loses who may retire it, by a NULL in a column."""
    alter(path, f"UPDATE {table} SET {column} = NULL")
    with pytest.raises(CorruptRecordError, match=f"^{table} "):
        read(database)


def test_a_row_of_another_installation_is_refused(database: SQLDatabase, path: Path) -> None:
    """Rows that another MAC key was used for are refused."""
    other = SQLDatabase(open_engine(path), mac_key=Secret(b"n" * 32), clock=StoppedClock())
    with pytest.raises(CorruptRecordError):
        other.account(A)
    assert database.account(A) is not None
    other.close()


def test_a_row_is_not_moved_to_another_place() -> None:
    """The MAC of a row does not fit the same body under another primary key, row version or table."""
    codec = RowCodec(Secret(b"m" * 32))
    row = codec.row(Account(account_id=A, created_at=1.0), row_version=1)
    good = [row[name] for name in ("account_id", "row_version", "body", "mac")]
    assert codec.record(ACCOUNTS, good).account_id == A
    for place, value in ((0, "444455556666"), (1, 2)):
        moved = [*good[:place], value, *good[place + 1 :]]
        with pytest.raises(CorruptRecordError):
            codec.record(ACCOUNTS, moved)
    with pytest.raises(CorruptRecordError):
        codec.record(RECORD_TABLES["access_keys"], good)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff"])
def test_a_body_that_is_no_record_is_refused(body: bytes) -> None:
    """A body that does not decode, though its MAC fits, is refused without a word of it."""
    codec = RowCodec(Secret(b"m" * 32))
    with pytest.raises(CorruptRecordError) as refusal:
        codec.record(ACCOUNTS, [A, 1, body, codec._mac("accounts", [A], 1, body)])
    assert refusal.value.__suppress_context__


def test_columns_must_agree_with_the_body() -> None:
    """A row whose columns say another thing than the body is refused, though its MAC fits."""
    codec = RowCodec(Secret(b"m" * 32))
    key = next(record for record in RECORDS if isinstance(record, KMSKey))
    body = codec.row(key, row_version=1)["body"]
    for key_id, deletion_at, row_version in (("key-2", DUE, 1), ("key-1", None, 1), ("key-1", DUE, 2)):
        mac = codec._mac("kms_keys", [A, REGION, key_id], row_version, body)
        with pytest.raises(CorruptRecordError):
            codec.record(KMS_KEYS, [A, REGION, key_id, deletion_at, row_version, body, mac])


def test_every_record_has_its_primary_key_columns() -> None:
    """The columns of a primary key are those that the record names, in number and order."""
    for record in RECORDS:
        kind = RECORD_TABLES[record.TABLE]
        columns = RowCodec(Secret(b"m" * 32)).row(record, row_version=1)
        assert tuple(columns[name] for name in kind.primary) == record.primary_key()
        named = [getattr(record, name) for name in kind.primary if name != "version"]
        assert named == [value for value in record.primary_key() if value != "000001"]


_rows = st.tuples(st.text(), st.lists(st.text(), max_size=4), st.integers(0, 2**40), st.binary())


@given(one=_rows, two=_rows)
def test_two_rows_never_authenticate_alike(
    one: tuple[str, list[str], int, bytes], two: tuple[str, list[str], int, bytes]
) -> None:
    """Different rows give the MAC different bytes, even when all their parts joined are the same."""
    assert (authenticated_bytes(*one) == authenticated_bytes(*two)) == (one == two)


@given(parts=st.lists(st.text(max_size=3), min_size=2, max_size=4), cut=st.integers(0, 12))
def test_moving_a_border_changes_the_bytes(parts: list[str], cut: int) -> None:
    """Names cut at another place are other names."""
    joined = "".join(parts)
    moved = [joined[:cut], joined[cut:]]
    same = authenticated_bytes("t", parts, 1, b"") == authenticated_bytes("t", moved, 1, b"")
    assert same == (parts == moved)


def test_a_mac_key_of_another_length_is_refused() -> None:
    """A MAC key has 32 bytes."""
    with pytest.raises(AssertionError):
        RowCodec(Secret(b"short"))

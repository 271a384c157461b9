"""What the contract does not say: how the records in tables behave towards those who share the tables."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Select
from sqlalchemy.dialects import registry
from sqlalchemy.sql.expression import UpdateBase

from selfkms.adapters.sql import changes, database, reads
from selfkms.adapters.sql.database import SQLDatabase
from selfkms.adapters.sql.records import RECORD_TABLES
from selfkms.adapters.sqlite.engine import open_engine
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.iam.principals import Account
from selfkms.domain.kms.keys import KeyMaterial, KeySpec
from selfkms.domain.records import Put, Remove
from selfkms.domain.secrets import Secret
from selfkms.ports.database import ConflictError, DatabaseUnavailableError

A = "111122223333"
ACCOUNT = Account(account_id=A, created_at=1.0)


class StoppedClock:
    def now(self) -> float:
        return 1_000.0

    wall = matured = now


@pytest.fixture
def engine(tmp_path: Path, migrated: Path) -> Engine:
    return open_engine(shutil.copyfile(migrated, tmp_path / "database"), lock_wait_seconds=0.01)


@pytest.fixture
def sql(engine: Engine) -> Iterator[SQLDatabase]:
    made = SQLDatabase(engine, mac_key=Secret(b"m" * 32), clock=StoppedClock())
    yield made
    made.close()


def rows(engine: Engine, table: str) -> int:
    with engine.begin() as connection:
        found: int = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
        return found


def test_a_locked_database_does_not_answer_changes(engine: Engine, sql: SQLDatabase) -> None:
    """While another transaction has the lock for longer than the wait, changes fail and reads go on."""
    with engine.begin():
        with pytest.raises(DatabaseUnavailableError, match="locked"):
            sql.commit([Put(ACCOUNT)])
        with pytest.raises(DatabaseUnavailableError, match="locked"):
            sql.forget_audit([1])
        with pytest.raises(DatabaseUnavailableError, match="locked"):
            sql.prune_changes(0.0)
        assert sql.account(A) is None
    sql.commit([Put(ACCOUNT)])
    assert sql.account(A) is not None


def test_a_write_that_fails_in_its_middle_leaves_nothing(engine: Engine, sql: SQLDatabase) -> None:
    """When the database fails after the first statement of a change, the first is undone, and the next change works."""
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE changes RENAME TO elsewhere")
    with pytest.raises(DatabaseUnavailableError):
        sql.commit([Put(ACCOUNT)], [AuditRecord("event", b"{}")])
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO changes")
    assert sql.account(A) is None
    assert rows(engine, "audit_outbox") == 0
    sql.commit([Put(ACCOUNT)])
    assert sql.account(A) == ACCOUNT.changed(row_version=1)


def test_a_failure_does_not_tell_what_was_written(engine: Engine, sql: SQLDatabase) -> None:
    """Neither a conflict nor a failure quotes a body."""
    material = KeyMaterial(
        account_id=A,
        region="eu-central-1",
        key_id="key-1",
        handle="0f" * 16,
        material_id="ab" * 32,
        key_spec=KeySpec.SYMMETRIC_DEFAULT,
        created_at=1.0,
        wrapped=b"w" * 60,
    )
    sql.commit([Put(material)])
    with pytest.raises(ConflictError) as conflict:
        sql.commit([Put(material)])
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE key_materials RENAME TO elsewhere")
    with pytest.raises(DatabaseUnavailableError) as failure:
        sql.commit([Remove(material.changed(row_version=1))])
    for error in (conflict.value, failure.value):
        assert "d3d3" not in f"{error}{error.__cause__}"


def test_a_record_without_its_transaction_is_undone(engine: Engine, sql: SQLDatabase) -> None:
    """Audit records go with their change or not at all."""
    sql.commit([Put(ACCOUNT)])
    with pytest.raises(ConflictError):
        sql.commit([Put(ACCOUNT)], [AuditRecord("event", b"{}")])
    assert rows(engine, "audit_outbox") == 0
    assert rows(engine, "changes") == 1


def test_a_connection_is_refused_when_there_is_none(tmp_path: Path) -> None:
    """Without a database there is no instance either."""
    engine = open_engine(tmp_path / "database")
    (tmp_path / "database").write_bytes(b"this is no database, whatever it says" * 40)
    with pytest.raises(DatabaseUnavailableError):
        SQLDatabase(engine, mac_key=Secret(b"m" * 32), clock=StoppedClock())


STATEMENTS: dict[str, Select[Any] | UpdateBase] = {
    f"{module.__name__}.{name}": value
    for module in (changes, database, reads)
    for name, value in vars(module).items()
    if isinstance(value, Select | UpdateBase)
}
for kind in RECORD_TABLES.values():
    STATEMENTS |= {f"select {kind.table}": kind.select_one, f"insert {kind.table}": kind.insert}
    STATEMENTS |= {f"siblings {kind.table}": kind.select_siblings, f"page {kind.table}": kind.select_page}
    STATEMENTS |= {f"count {kind.table}": kind.count_siblings}
    STATEMENTS |= {f"update {kind.table}": kind.update, f"delete {kind.table}": kind.delete}


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_statements_are_understood_on_postgresql(name: str) -> None:
    """No statement needs what only SQLite has."""
    compiled = STATEMENTS[name].compile(dialect=registry.load("postgresql")())
    assert "?" not in str(compiled)


def test_statements_were_found() -> None:
    """The list above holds the statements of the modules and of every type of record."""
    assert len(STATEMENTS) > 15 + 7 * len(RECORD_TABLES)

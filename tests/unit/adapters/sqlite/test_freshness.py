"""What is noticed of others' commits."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from selfkms.adapters.sqlite.database import SQLiteDatabase
from selfkms.adapters.sqlite.engine import open_engine
from selfkms.adapters.sqlite.freshness import SQLiteFreshness
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.iam.principals import Account
from selfkms.domain.records import Put
from selfkms.domain.secrets import Secret
from selfkms.ports.database import DatabaseUnavailableError


class StoppedClock:
    def now(self) -> float:
        return 0.0

    wall = matured = now


@pytest.fixture
def engine(tmp_path: Path, migrated: Path) -> Engine:
    return open_engine(shutil.copyfile(migrated, tmp_path / "database"))


@pytest.fixture
def database(engine: Engine) -> Iterator[SQLiteDatabase]:
    made = SQLiteDatabase(engine, mac_key=Secret(b"m" * 32), clock=StoppedClock())
    yield made
    made.close()


@pytest.fixture
def freshness(engine: Engine) -> Iterator[SQLiteFreshness]:
    made = SQLiteFreshness(engine)
    yield made
    made.close()


def put(database: SQLiteDatabase, account_id: str) -> None:
    database.commit([Put(Account(account_id=account_id, created_at=0.0))])


def test_a_commit_is_noticed_once(database: SQLiteDatabase, freshness: SQLiteFreshness) -> None:
    """After a commit of another connection it tells what was touched; without one, nothing."""
    assert freshness.touched() == ()
    put(database, "1")
    assert freshness.touched() == [("accounts", "1")]
    assert freshness.touched() == ()


def test_what_touches_no_record_is_nothing(database: SQLiteDatabase, freshness: SQLiteFreshness) -> None:
    """Audit records and the keeper's housekeeping make nobody forget anything."""
    database.commit([], [AuditRecord("event", b"{}")])
    assert not freshness.touched()
    database.forget_audit([1])
    database.prune_changes(10.0)
    database.compact()
    assert freshness.touched() == []


def test_without_a_commit_the_tables_are_not_read(
    database: SQLiteDatabase, freshness: SQLiteFreshness, engine: Engine
) -> None:
    """A turn in which nobody wrote costs one PRAGMA: the table of changes is not asked."""
    put(database, "1")
    assert freshness.touched() == [("accounts", "1")]
    statements: list[str] = []
    freshness._driver.set_trace_callback(statements.append)
    assert freshness.touched() == ()
    assert statements == ["PRAGMA data_version"]
    assert engine.url.database is not None


def test_it_keeps_nobody_waiting(database: SQLiteDatabase, freshness: SQLiteFreshness) -> None:
    """Asking holds no lock: the file can be compacted beside it."""
    put(database, "1")
    assert freshness.touched()
    put(database, "2")
    database.compact()
    assert freshness.touched() == [("accounts", "2")]


def test_nothing_is_lost_while_the_database_is_away(
    database: SQLiteDatabase, freshness: SQLiteFreshness, engine: Engine
) -> None:
    """When the changes cannot be read the call fails, and the next one tells them."""
    put(database, "1")
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE changes RENAME TO elsewhere")
    for _ in range(2):
        with pytest.raises(DatabaseUnavailableError):
            freshness.touched()
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO changes")
    assert freshness.touched() == [("accounts", "1")]


def test_a_closed_connection_does_not_answer(engine: Engine) -> None:
    """Asking after the end is a failure, not an answer that nothing changed."""
    freshness = SQLiteFreshness(engine)
    freshness.close()
    with pytest.raises(DatabaseUnavailableError):
        freshness.touched()

"""How connections to an SQLite file are set up, and how they wait for each other."""

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from selfkms.adapters.sql.connections import answering, reading_connection
from selfkms.adapters.sqlite.engine import APPLICATION_ID, driver_connection, execute_when_free, open_engine
from selfkms.ports.database import DatabaseUnavailableError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "database"


@pytest.fixture
def engine(path: Path) -> Engine:
    made = open_engine(path, lock_wait_seconds=0.01)
    with made.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (number INTEGER)")
    return made


@pytest.fixture
def raw(path: Path, engine: Engine) -> Iterator[sqlite3.Connection]:
    """A connection of somebody else."""
    assert engine.url.database == str(path)
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("secure_delete", 1),
        ("temp_store", 2),
        ("trusted_schema", 0),
        ("cell_size_check", 1),
        ("busy_timeout", 10),
        ("application_id", APPLICATION_ID),
    ],
)
def test_every_connection_is_set_up(engine: Engine, pragma: str, value: object) -> None:
    """Each connection, to read or to write, has every setting."""
    for connection in (reading_connection(engine), engine.connect()):
        with connection:
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value


def test_the_default_wait_is_five_seconds(path: Path) -> None:
    """Unless told otherwise a connection waits 5 seconds for others."""
    with open_engine(path).connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 5000


def test_only_the_owner_reads_the_files(path: Path, engine: Engine) -> None:
    """The database and the files beside it are made with mode 0600, whatever the umask."""
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO numbers VALUES (1)")
        files = list(path.parent.iterdir())
        assert {file.name for file in files} == {"database", "database-wal", "database-shm"}
        for file in files:
            assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_others_may_read_is_closed_to_them(path: Path) -> None:
    """An existing database loses the permissions that somebody gave it."""
    path.touch()
    path.chmod(0o666)
    open_engine(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_opening_again_keeps_the_locks(path: Path, engine: Engine) -> None:
    """A second engine on a file leaves the locks of the first in place, which closing the file here would end."""
    other_process = (
        f"import sqlite3; c = sqlite3.connect({str(path)!r}, timeout=0, isolation_level=None)\n"
        "try:\n    c.execute('BEGIN IMMEDIATE')\nexcept sqlite3.OperationalError:\n    raise SystemExit(7)"
    )
    with engine.begin():
        open_engine(path)
        assert subprocess.run([sys.executable, "-c", other_process], check=False).returncode == 7


def test_a_database_of_another_application_is_refused(path: Path) -> None:
    """A file that says it belongs to another application is left alone."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA application_id = 1")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(DatabaseUnavailableError, match="another application"):
        reading_connection(open_engine(path))
    assert path.read_bytes() == before


def test_what_is_no_database_is_refused(path: Path) -> None:
    """A file of something else is left alone."""
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(DatabaseUnavailableError):
        reading_connection(open_engine(path))
    assert path.read_bytes() == b"not a database at all" * 100


def test_a_damaged_schema_is_a_failure_of_the_database(path: Path, raw: sqlite3.Connection) -> None:
    """A schema so damaged that the driver cannot decode its own error message is the database's failure, not ours."""
    raw.execute("PRAGMA writable_schema = ON")
    raw.execute("UPDATE sqlite_master SET name = CAST(x'6eff' AS TEXT), sql = 'CREATE TABLE'")
    with pytest.raises(DatabaseUnavailableError):
        reading_connection(open_engine(path))


def test_a_transaction_has_the_write_lock_from_its_beginning(engine: Engine, raw: sqlite3.Connection) -> None:
    """Before its first statement a transaction keeps others from writing; after its end no more."""
    with engine.begin(), pytest.raises(sqlite3.OperationalError, match="locked"):
        raw.execute("BEGIN IMMEDIATE")
    raw.execute("BEGIN IMMEDIATE")
    raw.execute("ROLLBACK")


def test_reading_keeps_nobody_waiting(engine: Engine, raw: sqlite3.Connection) -> None:
    """After a read no transaction stays open: the write-ahead log can be emptied beside a connection that has read."""
    with reading_connection(engine) as reader:
        raw.execute("INSERT INTO numbers VALUES (1)")
        assert reader.exec_driver_sql("SELECT count(*) FROM numbers").scalar_one() == 1
        assert not driver_connection(reader).in_transaction
        raw.execute("INSERT INTO numbers VALUES (2)")
        assert raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        assert reader.exec_driver_sql("SELECT count(*) FROM numbers").scalar_one() == 2


def test_a_transaction_is_undone_by_an_error(engine: Engine, raw: sqlite3.Connection) -> None:
    """Tables too: what a transaction made is gone when it fails."""

    def fail_after_writing() -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO numbers VALUES (1)")
            connection.exec_driver_sql("CREATE TABLE more (number INTEGER)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_writing()
    assert raw.execute("SELECT count(*) FROM numbers").fetchone() == (0,)
    assert raw.execute("SELECT name FROM sqlite_master").fetchall() == [("numbers",)]


def test_whoever_waits_gets_its_turn(engine: Engine, raw: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that found the lock taken is tried again after a short sleep, and succeeds when the lock is free."""
    sleeps: list[float] = []

    def release(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == 3:
            raw.execute("COMMIT")

    monkeypatch.setattr("selfkms.adapters.sqlite.engine.time.sleep", release)
    raw.execute("BEGIN IMMEDIATE")
    with engine.connect() as connection:
        driver = driver_connection(connection)
        driver.execute("PRAGMA busy_timeout = 60000")
        execute_when_free(driver, "BEGIN IMMEDIATE")
        assert driver.in_transaction
        assert driver.execute("PRAGMA busy_timeout").fetchone() == (60_000,)
    assert len(sleeps) == 3
    assert all(0 < seconds < 0.005 for seconds in sleeps)


def test_nobody_waits_for_ever(engine: Engine, raw: sqlite3.Connection) -> None:
    """When the lock does not come free in time the transaction does not begin, and the connection is as before."""
    raw.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailableError, match="locked"), engine.begin():
        pass
    raw.execute("COMMIT")
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO numbers VALUES (1)")
    assert raw.execute("SELECT count(*) FROM numbers").fetchone() == (1,)


def test_another_failure_is_not_waited_out(engine: Engine) -> None:
    """Only a taken lock is worth waiting for."""
    with engine.connect() as connection, pytest.raises(DatabaseUnavailableError, match="no such table"):
        execute_when_free(driver_connection(connection), "DELETE FROM no_table")


def test_an_undecodable_text_is_handed_on(engine: Engine) -> None:
    """A text that is no UTF-8 arrives as it is, for the check of the row's MAC, and in no error message."""
    with engine.connect() as connection, answering():
        value = connection.exec_driver_sql("SELECT CAST(x'41ff42' AS TEXT)").scalar_one()
    assert value == "A\udcffB"

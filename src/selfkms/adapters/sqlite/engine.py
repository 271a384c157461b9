"""Connections to an SQLite file, each set up the same way, and how they wait for each other.

Source: SQLite documentation, "PRAGMA Statements", "Write-Ahead Logging", "Defense Against The Dark Arts".
"""

import os
import random
import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Final, cast

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event

from selfkms.ports.database import DatabaseUnavailableError

APPLICATION_ID: Final = 0x734B4D53
"""Says in the file's header whose it is: "sKMS"."""

LOCK_WAIT_SECONDS: Final = 5.0

DRIVER_FAILURES: Final = (sqlite3.Error, UnicodeDecodeError)
"""The second is raised when the driver cannot decode an error message that quotes a damaged schema."""

_PRAGMAS: Final = (
    # Readers and the one writer do not wait for each other; a commit is on the disk before it is acknowledged.
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    # What is removed is overwritten at once, and no temporary file holds a copy of it.
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    # A file that somebody altered: no functions from its schema, and pages are checked before they are believed.
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)


def open_engine(path: Path, *, lock_wait_seconds: float = LOCK_WAIT_SECONDS) -> Engine:
    """The engine of an SQLite file, which is made, readable by its owner only, if there is none.

    A connection belongs to who asks for it until it is closed. A transaction has the write lock from its beginning;
    statements on a connection in autocommit mode are transactions of their own.

    Args:
        path: of the database; two files stand beside it while it is in use, with `-wal` and `-shm` after its name.
        lock_wait_seconds: how long a statement waits for the connections of others.
    """
    _make_private(path)
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"timeout": lock_wait_seconds},
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def driver_connection(connection: Connection) -> sqlite3.Connection:
    """What is below an SQLAlchemy connection."""
    return cast("sqlite3.Connection", connection.connection.dbapi_connection)


def execute_when_free(connection: sqlite3.Connection, statement: str) -> None:
    """Execute a statement that takes the write lock as soon as others let it, but for no longer than the busy timeout.

    SQLite's own busy handler sleeps longer with every try, up to 100 ms. Beside a connection that writes without pause
    it was measured to get no turn in 5 seconds; short sleeps of random length got one within 0.7.

    Raises:
        DatabaseUnavailableError: others did not let it, or the statement failed.
    """
    (wait_milliseconds,) = connection.execute("PRAGMA busy_timeout").fetchone()
    deadline = time.monotonic() + wait_milliseconds / 1000
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.execute(statement)
            except sqlite3.OperationalError as error:
                # The low byte is the error, the rest says more about it.
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                    raise
                time.sleep(random.uniform(0.0005, 0.0025))  # noqa: S311 -- keeps two from meeting again, no secret
            else:
                return
    except DRIVER_FAILURES as error:
        raise DatabaseUnavailableError(f"The database does not answer: {error}") from error
    finally:
        connection.execute(f"PRAGMA busy_timeout = {wait_milliseconds}")


def _make_private(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        # By its name: opening and closing the file here would end the locks that this process has on it (SQLite, "How
        # To Corrupt An SQLite Database File", 2.2).
        path.chmod(0o600)


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    try:
        _prepare(connection)
    except DRIVER_FAILURES:
        # It is nobody's yet, so nobody else would close it.
        connection.close()
        raise


def _prepare(connection: sqlite3.Connection) -> None:
    # The driver begins no transactions by itself.
    connection.isolation_level = None
    # A flipped bit in a text must reach the check of the row's MAC, and no error message with the text in it.
    connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id not in {0, APPLICATION_ID}:
        raise sqlite3.DatabaseError("the file is a database of another application")
    if application_id == 0:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for pragma in _PRAGMAS:
        connection.execute(pragma).fetchall()


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        execute_when_free(driver_connection(connection), "BEGIN IMMEDIATE")

"""The file of the history: its tables, and how a connection to it is set up.

Nothing in it is the only copy of anything. So a commit need not be on the disk when it is through (`synchronous =
NORMAL`: after a power loss the file is whole, and ends a little earlier), and a file that is not as we made it is
thrown away and made again from the journal.

Source: SQLite documentation, "Write-Ahead Logging", "WITHOUT ROWID Optimization", "PRAGMA Statements".
"""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from selfkms.ports.event_history import HistoryUnavailableError

APPLICATION_ID: Final = 0x734B4D48
"""Says in the file's header whose it is: "sKMH"."""
SCHEMA_VERSION: Final = 1
LOCK_WAIT_SECONDS: Final = 5.0

_log: Final = logging.getLogger(__name__)

_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)

# How far the journal was read. One row, written with what was taken in.
_PLACE: Final = """
CREATE TABLE place (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    segment INTEGER NOT NULL, segment_offset INTEGER NOT NULL, sequence INTEGER NOT NULL, chain_hash BLOB NOT NULL,
    record_offset INTEGER NOT NULL,
    tracked_since INTEGER
)"""
# Where each event's record begins in the journal, which keeps the record itself: ten times smaller than a copy.
_EVENTS: Final = """
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    event_id BLOB NOT NULL UNIQUE,
    segment INTEGER NOT NULL, record_offset INTEGER NOT NULL
)"""
# What events are looked up by, each as a number; the attribute without a name has all events of an account and Region.
_TERMS: Final = """
CREATE TABLE terms (
    term INTEGER PRIMARY KEY,
    attribute TEXT NOT NULL, value TEXT NOT NULL, account_id TEXT NOT NULL, region TEXT NOT NULL,
    UNIQUE (attribute, value, account_id, region)
)"""
# The events of a term in the order in which they are asked for, read from its end.
_POSTINGS: Final = """
CREATE TABLE postings (
    term INTEGER NOT NULL, event_time INTEGER NOT NULL, sequence INTEGER NOT NULL,
    PRIMARY KEY (term, event_time, sequence)
) WITHOUT ROWID"""
_LAST_USES: Final = """
CREATE TABLE last_uses (
    key_arn TEXT PRIMARY KEY,
    operation TEXT NOT NULL, event_time INTEGER NOT NULL, event_id TEXT NOT NULL, request_id TEXT NOT NULL
) WITHOUT ROWID"""
# Successful requests to AWS KMS; the key is empty for those that are about none.
_REQUESTS: Final = """
CREATE TABLE requests (
    month TEXT NOT NULL, account_id TEXT NOT NULL, region TEXT NOT NULL, key_arn TEXT NOT NULL, operation TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (month, account_id, region, key_arn, operation)
) WITHOUT ROWID"""
# When a customer managed key had a monthly fee: from its making or rescue to its being scheduled for deletion.
_FEES: Final = """
CREATE TABLE fees (
    key_arn TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER,
    PRIMARY KEY (key_arn, since)
) WITHOUT ROWID"""

_TABLES: Final = (_PLACE, _EVENTS, _TERMS, _POSTINGS, _LAST_USES, _REQUESTS, _FEES)


def connect(path: Path, *, lock_wait_seconds: float = LOCK_WAIT_SECONDS) -> sqlite3.Connection:
    """A connection to the history, which is made, readable by its owner only, if there is none.

    Statements are transactions of their own unless one is begun. The connection belongs to the calling thread.

    Raises:
        HistoryUnavailableError: it cannot be opened, or is no history of this version: see `prepare`.
    """
    with answering():
        _make_private(path)
        connection = sqlite3.connect(path, timeout=lock_wait_seconds, isolation_level=None)
        try:
            _set_up(connection)
        except (sqlite3.Error, HistoryUnavailableError):
            connection.close()
            raise
    return connection


def prepare(path: Path) -> None:
    """Make the history if there is none, and make it anew if what is there is not one of this version.

    Only while nobody has it open.

    Raises:
        HistoryUnavailableError: it cannot be made.
    """
    try:
        connect(path).close()
    except HistoryUnavailableError as error:
        _log.warning("the event history is made anew from the journal: %s", error)
        with answering():
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        connect(path).close()


@contextmanager
def answering() -> Iterator[None]:
    """Turn the driver's failures (locked, full, damaged) into `HistoryUnavailableError`.

    A `ProgrammingError` is a mistake of ours and passes through.
    """
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except (sqlite3.Error, OSError) as error:
        raise HistoryUnavailableError(f"the event history does not answer: {error}") from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing, alone among the writers from the beginning."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _make_private(path: Path) -> None:
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _set_up(connection: sqlite3.Connection) -> None:
    for pragma in _PRAGMAS:
        connection.execute(pragma).fetchall()
    header = _header(connection)
    if header == (0, 0):
        with transaction(connection):
            # Somebody else may have been faster.
            if _header(connection) == (0, 0):
                for table in _TABLES:
                    connection.execute(table)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        header = _header(connection)
    if header != (APPLICATION_ID, SCHEMA_VERSION):
        raise HistoryUnavailableError("the file is no event history of this version")


def _header(connection: sqlite3.Connection) -> tuple[int, int]:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return application_id, version

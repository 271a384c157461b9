"""The file of the history: made when it is missing, made anew when it is another, for its owner only."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from selfkms.adapters.event_history.file import APPLICATION_ID, SCHEMA_VERSION, answering, connect, prepare, transaction
from selfkms.ports.event_history import HistoryUnavailableError

TABLES = {"place", "events", "terms", "postings", "last_uses", "requests", "fees"}


def tables(path: Path) -> set[str]:
    connection = connect(path)
    try:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    finally:
        connection.close()


def test_it_is_made(tmp_path: Path) -> None:
    """With its tables and its marks, readable by its owner alone."""
    path = tmp_path / "history.sqlite"
    prepare(path)
    assert tables(path) == TABLES
    assert path.stat().st_mode & 0o777 == 0o600
    connection = connect(path)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_it_stays_as_it_is(tmp_path: Path) -> None:
    """What is in it is there after the next start."""
    path = tmp_path / "history.sqlite"
    prepare(path)
    connection = connect(path)
    connection.execute("INSERT INTO fees VALUES ('arn', 1, NULL)")
    connection.close()
    prepare(path)
    connection = connect(path)
    assert connection.execute("SELECT * FROM fees").fetchall() == [("arn", 1, None)]
    connection.close()


def newer(path: Path) -> None:
    connection = connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE other (a)")
    connection.execute("PRAGMA application_id = 7")
    connection.close()


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database at all " * 100)


@pytest.mark.parametrize("spoil", [newer, foreign, garbage])
def test_another_file_is_made_anew(
    tmp_path: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """It is an index: nothing is lost, and the log says so. By itself a connection removes nothing."""
    path = tmp_path / "history.sqlite"
    spoil(path)
    with pytest.raises(HistoryUnavailableError):
        connect(path)
    prepare(path)
    assert tables(path) == TABLES
    assert "made anew" in caplog.text


def test_what_cannot_be_made_is_said(tmp_path: Path) -> None:
    """Because the directory is missing, or because there is a directory in its place."""
    with pytest.raises(HistoryUnavailableError):
        connect(tmp_path / "missing" / "history.sqlite")
    (tmp_path / "history.sqlite").mkdir()
    with pytest.raises(HistoryUnavailableError):
        prepare(tmp_path / "history.sqlite")


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    """What fails in it leaves nothing behind."""
    connection = connect(tmp_path / "history.sqlite")
    with pytest.raises(sqlite3.IntegrityError), transaction(connection):
        connection.executemany("INSERT INTO fees VALUES ('arn', ?, NULL)", [(1,), (1,)])
    assert connection.execute("SELECT * FROM fees").fetchall() == []
    connection.close()


def test_a_lock_that_is_not_let_go_of(tmp_path: Path) -> None:
    """Others wait, but not for ever."""
    first, second = (connect(tmp_path / "history.sqlite", lock_wait_seconds=0.01) for _ in range(2))
    with transaction(first), pytest.raises(HistoryUnavailableError, match="locked"), answering(), transaction(second):
        pass
    first.close()
    second.close()


def test_a_mistake_of_ours_passes_through() -> None:
    """A wrong number of values is no reason to try again."""
    with pytest.raises(sqlite3.ProgrammingError), answering():
        raise sqlite3.ProgrammingError

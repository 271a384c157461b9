"""Failures of a driver, in the words of the port."""

from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError

from selfkms.adapters.sql.connections import answering, reading_connection
from selfkms.adapters.sqlite.engine import open_engine
from selfkms.ports.database import ConflictError, DatabaseUnavailableError


def test_a_failure_of_the_database_is_unavailability() -> None:
    """What the driver says is passed on; the statement and its parameters are not."""
    with pytest.raises(DatabaseUnavailableError, match=r"^The database does not answer: disk I/O error$"), answering():
        raise OperationalError("INSERT secret", {"a": "secret"}, OSError("disk I/O error"))


def test_a_message_that_cannot_be_decoded_is_unavailability() -> None:
    """A database so damaged that the driver cannot say what is wrong does not answer either."""
    with pytest.raises(DatabaseUnavailableError, match="damaged"), answering():
        b"malformed database schema (\xcc)".decode()


def test_a_mistake_of_ours_is_none() -> None:
    """A statement that is wrong is a bug and stays one."""
    with pytest.raises(ProgrammingError), answering():
        raise ProgrammingError("SELEC", {}, ValueError("syntax error"))


def test_a_conflict_passes() -> None:
    """The port's own errors are not renamed."""
    with pytest.raises(ConflictError), answering():
        raise ConflictError


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    """A database that was taken away gives no connection."""
    engine = open_engine(tmp_path / "database")
    (tmp_path / "database").unlink()
    (tmp_path / "database").mkdir()
    with pytest.raises(DatabaseUnavailableError):
        reading_connection(engine)

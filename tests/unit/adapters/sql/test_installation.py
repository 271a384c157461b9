"""The installation's own row."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from selfkms.adapters.sql.installation import load_installation, store_installation
from selfkms.adapters.sqlite.engine import open_engine
from selfkms.domain.installation import Installation
from selfkms.ports.database import ConflictError, CorruptRecordError, DatabaseUnavailableError

MINE = Installation(installation_id="id-1", created_at=1.5, seal="file", sealed_root_key=b"\x00\xffsealed")


@pytest.fixture
def engine(tmp_path: Path, migrated: Path) -> Engine:
    return open_engine(shutil.copyfile(migrated, tmp_path / "database"))


def test_what_was_stored_is_loaded(engine: Engine) -> None:
    """An empty database belongs to no installation; then to the one stored."""
    assert load_installation(engine) is None
    store_installation(engine, MINE)
    assert load_installation(engine) == MINE


def test_an_installation_may_be_sealed_anew(engine: Engine) -> None:
    """Storing the same installation again replaces its seal."""
    store_installation(engine, MINE)
    resealed = Installation(installation_id="id-1", created_at=1.5, seal="passphrase", sealed_root_key=b"other")
    store_installation(engine, resealed)
    assert load_installation(engine) == resealed


def test_a_database_is_not_taken_from_its_installation(engine: Engine) -> None:
    """Another installation does not take the row over: its root key would be lost for ever."""
    store_installation(engine, MINE)
    with pytest.raises(ConflictError):
        store_installation(
            engine, Installation(installation_id="id-2", created_at=1.5, seal="file", sealed_root_key=b"x")
        )
    assert load_installation(engine) == MINE


def test_there_is_one_row(engine: Engine) -> None:
    """The database itself refuses a second row."""
    store_installation(engine, MINE)
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO installation SELECT 2, 'x', created_at, seal, x'00' FROM installation")


def test_a_row_of_other_types_is_refused(engine: Engine) -> None:
    """A row that holds text for bytes is refused before it reaches the seal."""
    store_installation(engine, MINE)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE installation SET sealed_root_key = 'text'")
    with pytest.raises(CorruptRecordError):
        load_installation(engine)


def test_a_database_without_tables_does_not_answer(tmp_path: Path) -> None:
    """Before the migrations ran there is nothing to load or store."""
    engine = open_engine(tmp_path / "empty")
    with pytest.raises(DatabaseUnavailableError):
        load_installation(engine)
    with pytest.raises(DatabaseUnavailableError):
        store_installation(engine, MINE)

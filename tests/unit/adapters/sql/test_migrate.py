"""The tables that the migrations make."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from selfkms.adapters.sql import migrate
from selfkms.adapters.sql.migrate import REVISIONS, UnknownRevisionError, upgrade
from selfkms.adapters.sql.schema import METADATA
from selfkms.adapters.sqlite.engine import open_engine
from selfkms.ports.database import DatabaseUnavailableError


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_engine(tmp_path / "database")


def definitions(engine: Engine) -> set[str]:
    """Every table and index as SQLite knows it, without the one that Alembic keeps for itself."""
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT sql FROM sqlite_master WHERE tbl_name <> 'alembic_version'"))
        return {definition for (definition,) in rows if definition is not None}


def test_the_migrations_make_what_the_schema_says(engine: Engine, tmp_path: Path) -> None:
    """Every table and index made by the migrations is, word for word, the one of the schema."""
    upgrade(engine)
    straight = open_engine(tmp_path / "straight")
    METADATA.create_all(straight)
    assert sorted(definitions(engine)) == sorted(definitions(straight))


def test_alembic_sees_no_difference(engine: Engine) -> None:
    """Alembic would add nothing to a migrated database and take nothing away."""
    upgrade(engine)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_the_revisions_are_the_files() -> None:
    """The revisions that the program knows are the files of Alembic, in their order."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    walked = ScriptDirectory.from_config(config).walk_revisions()
    assert tuple(script.revision for script in walked) == REVISIONS[::-1]


def test_upgrading_twice_does_nothing(engine: Engine) -> None:
    """A database that is up to date is left alone, and Alembic is not even loaded."""
    upgrade(engine)
    before = definitions(engine)
    program = (
        "import sys; from pathlib import Path; from selfkms.adapters.sql.migrate import upgrade;"
        "from selfkms.adapters.sqlite.engine import open_engine;"
        f"upgrade(open_engine(Path({engine.url.database!r}))); sys.exit('alembic' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert definitions(engine) == before


def test_a_newer_database_is_refused(engine: Engine) -> None:
    """A database of a newer version is refused with a text that says so, and left as it is."""
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = definitions(engine)
    with pytest.raises(UnknownRevisionError, match=r"revision '9999'.*up to 0001"):
        upgrade(engine)
    assert definitions(engine) == before


def test_all_or_nothing(engine: Engine) -> None:
    """When a migration fails in its middle, nothing of it stays."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE audit_outbox (something_else INTEGER)"))
    before = definitions(engine)
    with pytest.raises(DatabaseUnavailableError):
        upgrade(engine)
    assert definitions(engine) == before
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE audit_outbox"))
    upgrade(engine)


def test_a_path_with_a_percent_sign(engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The migrations are found wherever the program is installed."""
    odd = tmp_path / "100%(odd)s"
    odd.mkdir()
    (odd / "migrations").symlink_to(Path(migrate.__file__).parent / "migrations")
    monkeypatch.setattr(migrate, "__file__", str(odd / "migrate.py"))
    upgrade(engine)
    assert definitions(engine)

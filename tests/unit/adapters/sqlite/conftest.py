"""A database with tables, to be copied: making them takes longer than most tests."""

from pathlib import Path

import pytest

from selfkms.adapters.sql.migrate import upgrade
from selfkms.adapters.sqlite.engine import open_engine


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty database that is up to date."""
    path = tmp_path_factory.mktemp("migrated") / "database"
    upgrade(open_engine(path))
    return path

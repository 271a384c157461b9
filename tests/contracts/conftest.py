"""Every adapter of the database port, to be asked the same questions. A later one needs one line in `WORLDS`."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from selfkms.adapters.memory.database import MemoryDatabase, MemoryRecords
from selfkms.adapters.sql.migrate import upgrade
from selfkms.adapters.sql.warm import WarmDatabase
from selfkms.adapters.sqlite.database import SQLiteDatabase
from selfkms.adapters.sqlite.engine import open_engine
from selfkms.adapters.sqlite.freshness import SQLiteFreshness
from selfkms.domain.secrets import Secret
from selfkms.ports.database import Database

OpenDatabase = Callable[[], Database]
"""Gives one more instance on the same records, for the thread that calls."""


class StoppedClock:
    def now(self) -> float:
        return 1_000_000.0

    wall = matured = now


def memory(_file: Path) -> OpenDatabase:
    records = MemoryRecords()
    return lambda: MemoryDatabase(records)


def sqlite(file: Path) -> OpenDatabase:
    engine = open_engine(file)
    return lambda: SQLiteDatabase(engine, mac_key=Secret(b"m" * 32), clock=StoppedClock())


def warm_sqlite(file: Path) -> OpenDatabase:
    open_cold = sqlite(file)
    engine = open_engine(file)
    return lambda: WarmDatabase(open_cold(), SQLiteFreshness(engine), entries_max=50)


WORLDS: dict[str, Callable[[Path], OpenDatabase]] = {"memory": memory, "sqlite": sqlite, "warm sqlite": warm_sqlite}


def closing(open_one: OpenDatabase) -> Iterator[OpenDatabase]:
    opened: list[Database] = []

    def open_database() -> Database:
        opened.append(open_one())
        return opened[-1]

    yield open_database
    for database in opened:
        database.close()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty database that is up to date, to be copied: making one takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "database"
    upgrade(open_engine(path))
    return path


@pytest.fixture(params=WORLDS)
def open_database(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> Iterator[OpenDatabase]:
    """Instances on records that only this test has."""
    yield from closing(WORLDS[request.param](shutil.copyfile(migrated, tmp_path / "database")))


@pytest.fixture
def database(open_database: OpenDatabase) -> Database:
    """An empty database."""
    return open_database()


@pytest.fixture(scope="module", params=WORLDS)
def lasting_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, migrated: Path
) -> Iterator[Database]:
    """One database for all examples of a property, each of which takes an account of its own."""
    file = shutil.copyfile(migrated, tmp_path_factory.mktemp("lasting") / "database")
    for open_database in closing(WORLDS[request.param](file)):
        yield open_database()

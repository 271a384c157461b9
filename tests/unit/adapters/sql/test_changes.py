"""What readers of `changes` learn, and what they do when they learn too little."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, func, insert, select, update

from selfkms.adapters.sql import changes
from selfkms.adapters.sql.changes import ChangeReader
from selfkms.adapters.sql.connections import reading_connection
from selfkms.adapters.sql.database import SQLDatabase
from selfkms.adapters.sql.schema import CHANGES
from selfkms.adapters.sqlite.engine import open_engine
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.iam.principals import Account, User
from selfkms.domain.records import Put, Remove
from selfkms.domain.secrets import Secret
from selfkms.ports.database import ConflictError, DatabaseUnavailableError


class SetClock:
    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    wall = matured = now


@pytest.fixture
def engine(tmp_path: Path, migrated: Path) -> Engine:
    return open_engine(shutil.copyfile(migrated, tmp_path / "database"))


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def database(engine: Engine, clock: SetClock) -> Iterator[SQLDatabase]:
    made = SQLDatabase(engine, mac_key=Secret(b"m" * 32), clock=clock)
    yield made
    made.close()


@pytest.fixture
def reader(engine: Engine) -> Iterator[ChangeReader]:
    with reading_connection(engine) as connection:
        yield ChangeReader(connection)


def an_account(number: int) -> Account:
    return Account(account_id=f"{number:012d}", created_at=0.0)


def put_accounts(database: SQLDatabase, *numbers: int) -> None:
    for number in numbers:
        database.commit([Put(an_account(number))])


def touched_accounts(*numbers: int) -> list[tuple[str, ...]]:
    return [("accounts", f"{number:012d}") for number in numbers]


def test_each_change_is_told_once(database: SQLDatabase, reader: ChangeReader) -> None:
    """A reader learns of all that was put or removed since its last call, transaction by transaction."""
    assert reader.read() == []
    user = User(account_id="0" * 12, user_name="ä/'\"", user_id="AIDA", created_at=0.0)
    database.commit([Put(an_account(1)), Put(user)])
    database.commit([Remove(an_account(1).changed(row_version=1))])
    assert reader.read() == [*touched_accounts(1), ("users", "0" * 12, "ä/'\""), *touched_accounts(1)]
    assert reader.read() == []


def test_a_reader_begins_with_now(database: SQLDatabase, engine: Engine) -> None:
    """What was committed before a reader was made is not told."""
    put_accounts(database, 1)
    with reading_connection(engine) as connection:
        reader = ChangeReader(connection)
        put_accounts(database, 2)
        assert reader.read() == touched_accounts(2)


def test_nothing_touched_leaves_no_row(database: SQLDatabase, engine: Engine) -> None:
    """Neither audit records alone, nor forgetting them, nor a conflict leaves a row in `changes`."""
    database.commit([], [AuditRecord("event", b"{}")])
    database.forget_audit([1])
    with pytest.raises(ConflictError):
        database.commit([Remove(an_account(1))])
    with reading_connection(engine) as connection:
        assert connection.execute(select(func.count()).select_from(CHANGES)).scalar_one() == 0


def test_rows_have_the_date_of_the_clock(database: SQLDatabase, clock: SetClock, engine: Engine) -> None:
    """A row of `changes` says when its transaction was."""
    clock.time = 12.5
    put_accounts(database, 1)
    with reading_connection(engine) as connection:
        assert connection.execute(select(CHANGES.c.at)).scalar_one() == 12.5


@pytest.mark.parametrize("keep_after", [3.0, 100.0])
def test_pruned_changes_are_a_gap(
    database: SQLDatabase, clock: SetClock, reader: ChangeReader, keep_after: float
) -> None:
    """A reader that was away while rows were pruned, even all but the newest, knows that it knows too little."""
    for number in range(1, 5):
        clock.time = float(number)
        put_accounts(database, number)
    database.prune_changes(keep_after)
    assert reader.read() is None
    assert reader.read() == []
    put_accounts(database, 5)
    assert reader.read() == touched_accounts(5)


def test_pruning_harms_nobody_who_had_read(database: SQLDatabase, clock: SetClock, reader: ChangeReader) -> None:
    """A reader that was there before the pruning learns everything after it."""
    clock.time = 1.0
    put_accounts(database, 1, 2)
    assert reader.read() == touched_accounts(1, 2)
    database.prune_changes(100.0)
    assert reader.read() == []
    put_accounts(database, 3)
    assert reader.read() == touched_accounts(3)


def test_what_is_new_enough_is_not_pruned(database: SQLDatabase, clock: SetClock, reader: ChangeReader) -> None:
    """Rows of the moment given or later stay."""
    for number in (1, 2, 3):
        clock.time = float(number)
        put_accounts(database, number)
    database.prune_changes(1.0)
    assert reader.read() == touched_accounts(1, 2, 3)


def test_too_many_changes_are_not_read(
    database: SQLDatabase, reader: ChangeReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more transactions than it reads at once a reader gives up, and begins anew with now."""
    monkeypatch.setattr(changes, "TRANSACTIONS_MAX", 3)
    monkeypatch.setattr(changes, "_AFTER", changes._AFTER.limit(4))
    put_accounts(database, 1, 2, 3)
    assert reader.read() == touched_accounts(1, 2, 3)
    put_accounts(database, *range(4, 10))
    assert reader.read() is None
    assert reader.read() == []


@pytest.mark.parametrize("damage", ["", "[", '{"a": 1}', "[1]", "\udcff", b"{}", 7])
def test_a_damaged_row_may_mean_anything(
    database: SQLDatabase, reader: ChangeReader, engine: Engine, damage: object
) -> None:
    """A row that does not say what was touched is taken for everything."""
    put_accounts(database, 1)
    with engine.begin() as connection:
        if damage == "\udcff":
            connection.exec_driver_sql("UPDATE changes SET touched = CAST(x'5bff5d' AS TEXT)")
        else:
            connection.exec_driver_sql("UPDATE changes SET touched = ?", (damage,))
    assert reader.read() is None
    put_accounts(database, 2)
    assert reader.read() == touched_accounts(2)


def test_a_number_is_never_given_twice(database: SQLDatabase, reader: ChangeReader, engine: Engine) -> None:
    """Even when all rows are gone the next transaction has a higher number, which readers notice."""
    put_accounts(database, 1, 2)
    assert reader.read() == touched_accounts(1, 2)
    with engine.begin() as connection:
        connection.execute(delete(CHANGES))
    put_accounts(database, 3)
    assert reader.read() == touched_accounts(3)


def test_a_missing_number_is_a_gap(engine: Engine, reader: ChangeReader) -> None:
    """Numbers that are missing in the middle, or were taken back, are noticed."""
    with engine.begin() as connection:
        for sequence in (1, 3):
            connection.execute(insert(CHANGES), {"sequence": sequence, "touched": "[]", "at": 0.0})
    assert reader.read() is None
    with engine.begin() as connection:
        connection.execute(update(CHANGES).where(CHANGES.c.sequence == 3).values(sequence=5))
    assert reader.read() is None


def test_a_failed_read_is_made_up_for(database: SQLDatabase, reader: ChangeReader, engine: Engine) -> None:
    """What could not be read because the database did not answer is told by the next call."""
    put_accounts(database, 1)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE changes RENAME TO elsewhere")
    with pytest.raises(DatabaseUnavailableError):
        reader.read()
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO changes")
    assert reader.read() == touched_accounts(1)

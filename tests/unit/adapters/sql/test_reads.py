"""How the tables are read: what a failure leaves behind, and that no query goes through more rows than it gives."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from contracts.records import HANDLE, HERE, A
from selfkms.adapters.sql.reads import SQLReads
from selfkms.adapters.sqlite.engine import driver_connection, open_engine
from selfkms.domain.secrets import Secret
from selfkms.ports.database import DatabaseUnavailableError


@pytest.fixture
def engine(tmp_path: Path, migrated: Path) -> Engine:
    return open_engine(shutil.copyfile(migrated, tmp_path / "database"))


@pytest.fixture
def sql(engine: Engine) -> Iterator[SQLReads]:
    made = SQLReads(engine, mac_key=Secret(b"m" * 32))
    yield made
    made._reader.close()


def test_a_failed_read_does_not_spoil_the_next(engine: Engine, sql: SQLReads) -> None:
    """A read that failed is followed by one that works."""
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE accounts RENAME TO elsewhere")
    with pytest.raises(DatabaseUnavailableError):
        sql.account(A)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO accounts")
    assert sql.account(A) is None


# Reads of few rows out of many, each with the search that its plan must begin with. The index of a primary key is
# called `sqlite_autoindex`.
PLANS: dict[str, tuple[Callable[[SQLReads], object], str]] = {
    "user": (lambda sql: sql.user(A, "admin"), "sqlite_autoindex_users_1 (account_id=? AND user_name=?)"),
    "users": (
        lambda sql: sql.users(A, after="a", limit=3),
        "sqlite_autoindex_users_1 (account_id=? AND user_name>?)",
    ),
    "access_keys of a user": (
        lambda sql: sql.access_keys(A, "admin"),
        "ix_access_keys_user_name (account_id=? AND user_name=?)",
    ),
    "access_keys of the root user": (
        lambda sql: sql.access_keys(A, None),
        "ix_access_keys_user_name (account_id=? AND user_name=?)",
    ),
    "oidc_providers": (lambda sql: sql.oidc_providers(A), "sqlite_autoindex_oidc_providers_1 (account_id=?)"),
    "domain_keys": (lambda sql: sql.domain_keys(HERE), "sqlite_autoindex_domain_keys_1 (region=?)"),
    "keys": (
        lambda sql: sql.keys(A, HERE, after="k", limit=3),
        "sqlite_autoindex_kms_keys_1 (account_id=? AND region=? AND key_id>?)",
    ),
    "keys_due": (lambda sql: sql.keys_due(1.0, limit=3), "ix_kms_keys_due_at (due_at<?)"),
    "key_of_material": (
        lambda sql: sql.key_of_material(HERE, HANDLE),
        "ix_key_materials_handle (region=? AND handle=?)",
    ),
    "aliases_of_key": (
        lambda sql: sql.aliases_of_key(A, HERE, "key-1"),
        "ix_aliases_target_key_id (account_id=? AND region=? AND target_key_id=?)",
    ),
    "grants": (
        lambda sql: sql.grants(A, HERE, "key-1", after="g", limit=3),
        "sqlite_autoindex_grants_1 (account_id=? AND region=? AND key_id=? AND grant_id>?)",
    ),
    "grant_count": (
        lambda sql: sql.grant_count(A, HERE, "key-1"),
        "(account_id=? AND region=? AND key_id=?)",
    ),
    "grants_to": (
        lambda sql: sql.grants_to(A, HERE, "key-1", "grantee"),
        "ix_grants_grantee (account_id=? AND region=? AND key_id=? AND grantee=?)",
    ),
    "grants_retirable_by": (
        lambda sql: sql.grants_retirable_by(A, HERE, "retiring", after="g", limit=3),
        "ix_grants_retiring (account_id=? AND region=? AND retiring=? AND grant_id>?)",
    ),
    "snapshots": (
        lambda sql: sql.snapshots(A, HERE, after="s", limit=3),
        "sqlite_autoindex_snapshots_1 (account_id=? AND region=? AND snapshot_id>?)",
    ),
    "snapshot_of_anybody": (
        lambda sql: sql.snapshot_of_anybody(HERE, "snap-1"),
        "ix_snapshots_id (region=? AND snapshot_id=?)",
    ),
    "snapshot_of_token": (
        lambda sql: sql.snapshot_of_token(A, HERE, "token"),
        "ix_snapshots_client_token (account_id=? AND region=? AND client_token=?)",
    ),
    "volume_of_token": (
        lambda sql: sql.volume_of_token(A, HERE, "token"),
        "ix_volumes_client_token (account_id=? AND region=? AND client_token=?)",
    ),
    "snapshots_at_work": (
        lambda sql: sql.snapshots_at_work(A, HERE),
        "ix_snapshots_at_work (account_id=? AND region=?)",
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_an_index_answers(sql: SQLReads, name: str) -> None:
    """Every read of few rows finds them by an index on all that it asks for, in order, however many rows there are."""
    read, expected = PLANS[name]
    driver = driver_connection(sql._reader)
    statements: list[str] = []
    driver.set_trace_callback(statements.append)
    read(sql)
    driver.set_trace_callback(None)
    (statement,) = statements
    search, *others = (step for *_numbers, step in driver.execute(f"EXPLAIN QUERY PLAN {statement}"))
    assert search.startswith("SEARCH ")
    assert search.endswith(expected)
    # What is due at the very same moment is sorted among itself.
    assert not others or name == "keys_due"


@pytest.mark.parametrize(
    ("read", "count", "indexes"),
    [
        (lambda sql: sql.storage_due(1.0, limit=3), 2, ("due_at (due_at<?)",)),
        (
            lambda sql: sql.storage_of_lineage("lineage"),
            1,
            ("lineage (lineage=?)", "reads_lineage (reads_lineage=?)"),
        ),
    ],
    ids=["storage_due", "storage_of_lineage"],
)
def test_indexes_answer_for_snapshots_and_volumes(
    sql: SQLReads, read: Callable[[SQLReads], object], count: int, indexes: tuple[str, ...]
) -> None:
    """What is asked of both tables is found by an index of each, and nothing goes through a whole table.

    What decides what is removed is one statement: it sees one state.
    """
    driver = driver_connection(sql._reader)
    statements: list[str] = []
    driver.set_trace_callback(statements.append)
    read(sql)
    driver.set_trace_callback(None)
    assert len(statements) == count
    steps = [step for each in statements for *_, step in driver.execute(f"EXPLAIN QUERY PLAN {each}")]
    searches = [step.partition("INDEX ")[2] for step in steps if step.startswith("SEARCH ")]
    assert searches == [f"ix_{table}_{index}" for table in ("snapshots", "volumes") for index in indexes]
    assert not any(step.startswith("SCAN ") for step in steps)

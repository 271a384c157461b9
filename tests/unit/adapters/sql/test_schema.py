"""The one schema, as PostgreSQL would get it."""

import pytest
from sqlalchemy.dialects import registry
from sqlalchemy.schema import CreateTable

from selfkms.adapters.sql.records import RECORD_TABLES
from selfkms.adapters.sql.schema import AUDIT_OUTBOX, CHANGES, METADATA, RECORD_COLUMNS
from selfkms.domain.records import Record


def on_postgresql(name: str) -> str:
    return str(CreateTable(METADATA.tables[name]).compile(dialect=registry.load("postgresql")()))


@pytest.mark.parametrize("name", sorted(RECORD_TABLES))
def test_names_are_ordered_by_their_bytes(name: str) -> None:
    """Every text column of a record has the collation that SQLite has, so that listings are equal."""
    for line in on_postgresql(name).splitlines():
        assert "TEXT" not in line or 'TEXT COLLATE "C"' in line


@pytest.mark.parametrize("name", sorted(RECORD_TABLES))
def test_only_what_is_searched_may_be_missing(name: str) -> None:
    """No column of a primary key, no row version, body or MAC is ever NULL."""
    kind = RECORD_TABLES[name]
    may_be_missing = {"due_at", "user_name", "retiring", "reads_lineage", "client_token"}
    assert {column.name for column in kind.table.c if column.nullable} <= may_be_missing
    assert not any(kind.table.c[column].nullable for column in (*kind.primary, *RECORD_COLUMNS))


def kinds_of(kind: type[Record]) -> list[type[Record]]:
    """Every class below this one."""
    return [found for below in kind.__subclasses__() for found in (below, *kinds_of(below))]


@pytest.mark.parametrize("table", [CHANGES, AUDIT_OUTBOX])
def test_numbers_are_given_by_the_database(table: object) -> None:
    """Changes and audit records are numbered by the database, with 64 bits."""
    assert "BIGSERIAL NOT NULL" in on_postgresql(str(table))


def test_every_type_of_record_has_a_table() -> None:
    """No type of record is without a table, and each table ends with row version, body and MAC."""
    assert set(RECORD_TABLES) == {kind.TABLE for kind in kinds_of(Record) if hasattr(kind, "TABLE")}
    for kind in RECORD_TABLES.values():
        assert tuple(kind.table.c.keys())[-3:] == RECORD_COLUMNS

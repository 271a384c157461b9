"""What the database keeps: one frozen record a row, with a version that every change raises by one.

A record says in `TABLE` where it lives and in `primary_key` which one it is. Account and Region stand in every primary
key (but for what establishes them), so a query that forgets them cannot be written.
"""

from typing import ClassVar, Self

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, dict=True, omit_defaults=True):
    """A row. `row_version` is 0 until the database has it, then 1, 2, 3 and so on."""

    TABLE: ClassVar[str]
    row_version: int = 0

    def primary_key(self) -> tuple[str, ...]:
        """The values of the primary key's columns, in the order of the table."""
        raise NotImplementedError

    def changed(self, **fields: object) -> Self:
        """This record with some fields set anew; the row version stays the one the change was decided on."""
        return msgspec.structs.replace(self, **fields)


class Put(msgspec.Struct, frozen=True):
    """Insert a record (row version 0), or replace the one of exactly this row version."""

    record: Record


class Remove(msgspec.Struct, frozen=True):
    """Remove the record of exactly this row version."""

    record: Record


Change = Put | Remove

"""The table `changes`: what each transaction touched, so that whoever keeps records knows which ones to read again.

Its rows carry no MAC: who can alter them can as well put an old row of a record back, which no MAC would tell either.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, select

from selfkms.adapters.sql.connections import answering
from selfkms.adapters.sql.schema import CHANGES
from selfkms.domain.records import Change

Touched = tuple[str, ...]
"""Table and primary key of a record."""

TRANSACTIONS_MAX: Final = 1_000
"""With more transactions to catch up on it is cheaper to forget everything."""

_encode: Final = msgspec.json.Encoder().encode
_decoder: Final = msgspec.json.Decoder(list[Touched])

_LATEST = select(func.coalesce(func.max(CHANGES.c.sequence), 0))
_AFTER = (
    select(CHANGES.c.sequence, CHANGES.c.touched)
    .where(CHANGES.c.sequence > bindparam("after"))
    .order_by(CHANGES.c.sequence)
    .limit(TRANSACTIONS_MAX + 1)
)

# The newest row always stays: a reader that finds it, and not the ones before, knows that it has missed some.
PRUNE: Final = delete(CHANGES).where(
    CHANGES.c.at < bindparam("keep_after"),
    CHANGES.c.sequence < select(func.max(CHANGES.c.sequence)).scalar_subquery(),
)


def touched_by(change: Change) -> Touched:
    """The record that a change is about."""
    return (change.record.TABLE, *change.record.primary_key())


def change_row(changes: Sequence[Change], *, at: float) -> dict[str, Any]:
    """The row of one transaction; `at` in seconds since the epoch."""
    return {"touched": _encode([touched_by(change) for change in changes]).decode(), "at": at}


class ChangeReader:
    """Reads on from where it stopped, beginning with what is committed after it was made.

    It takes for granted that transactions become visible in the order of their numbers: so it is where one writes at a
    time, as on SQLite.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        with answering():
            self._seen: int = connection.execute(_LATEST).scalar_one()

    def read(self) -> list[Touched] | None:
        """What was touched since the last call; None if that cannot be told any more, so that it may be anything.

        Raises:
            DatabaseUnavailableError: nothing was read; the next call tells it.
        """
        with answering():
            rows = self._connection.execute(_AFTER, {"after": self._seen}).all()
        if not rows:
            return []
        before, self._seen = self._seen, rows[-1].sequence
        if len(rows) > TRANSACTIONS_MAX:
            with answering():
                self._seen = self._connection.execute(_LATEST).scalar_one()
            return None
        if [row.sequence for row in rows] != list(range(before + 1, before + 1 + len(rows))):
            return None
        try:
            return [touched for row in rows for touched in _decoder.decode(row.touched)]
        except (msgspec.DecodeError, TypeError, UnicodeEncodeError):
            return None

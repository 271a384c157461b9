"""Whether the event history is what the journal makes it: it is made once more, elsewhere, and the two are compared.

Works while the history is fed: what is compared is the state of one moment. Until the comparison is over, SQLite keeps
what is written meanwhile in the write-ahead log.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from selfkms.adapters.audit_files.follow import BEGINNING, Follower, Place
from selfkms.adapters.audit_files.layout import Position
from selfkms.adapters.event_history.feed import RECORDS_AT_ONCE, JournalFeed
from selfkms.adapters.event_history.file import APPLICATION_ID, SCHEMA_VERSION
from selfkms.domain.limits import SECONDS_PER_DAY
from selfkms.ports.clock import Clock

# Both sides of each comparison. What is older than `:oldest` the one may have forgotten and the other not.
_VIEWS: Final = {
    "events": (
        "SELECT sequence, event_id, segment, record_offset FROM {0}.events WHERE sequence IN (SELECT sequence "
        "FROM {0}.postings JOIN {0}.terms USING (term) WHERE event_time >= :oldest AND attribute = '')"
    ),
    "events without a time": (
        "SELECT sequence FROM {0}.events WHERE sequence NOT IN "
        "(SELECT sequence FROM {0}.postings JOIN {0}.terms USING (term) WHERE attribute = '')"
    ),
    "terms that events are looked up by": (
        "SELECT attribute, value, account_id, region, count(*), sum(sequence), sum(event_time) "
        "FROM {0}.terms JOIN {0}.postings USING (term) WHERE event_time >= :oldest GROUP BY term"
    ),
    "last uses of KMS keys": "SELECT * FROM {0}.last_uses",
    "counted requests": "SELECT * FROM {0}.requests",
    "monthly fees": "SELECT * FROM {0}.fees",
    "places": "SELECT * FROM {0}.place",
}


class HistoryReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of the event history."""

    records: int = 0
    """How far into the journal it goes."""
    missing: bool = False
    """There is none: it is made when the installation is served."""
    damage: str | None = None
    """What is wrong with it. To be behind the journal is not wrong."""


def check_history(
    path: Path,
    follower: Follower,
    *,
    clock: Clock,
    history_days: int,
    progress: Callable[[int], object],
) -> HistoryReport:
    """Compare the history in a file with the journal; `progress` is told how many records were taken in."""
    if not path.exists():
        return HistoryReport(missing=True)
    with TemporaryDirectory(prefix="selfkms-") as elsewhere:
        feed = JournalFeed(Path(elsewhere) / path.name, follower, clock=clock, history_days=history_days)
        try:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        except sqlite3.Error as error:
            feed.close()
            return HistoryReport(damage=f"it cannot be opened: {error}")
        try:
            return _compare(connection, feed, Path(elsewhere) / path.name, clock, history_days, progress)
        except sqlite3.Error as error:
            return HistoryReport(damage=f"it cannot be read: {error}")
        finally:
            connection.close()
            feed.close()


def _compare(
    connection: sqlite3.Connection,
    feed: JournalFeed,
    made_anew: Path,
    clock: Clock,
    history_days: int,
    progress: Callable[[int], object],
) -> HistoryReport:
    connection.execute("ATTACH ? AS anew", (str(made_anew),))
    header = [connection.execute(f"PRAGMA main.{name}").fetchone()[0] for name in ("application_id", "user_version")]
    if header != [APPLICATION_ID, SCHEMA_VERSION]:
        return HistoryReport(damage="the file is no event history of this version")
    connection.execute("BEGIN")
    place = _place(connection)
    if not _is_in_journal(feed, place, progress):
        return HistoryReport(
            records=place.position.sequence, damage="it was made from another journal than the one that is there"
        )
    bounds = {"oldest": int(clock.now() - history_days * SECONDS_PER_DAY)}
    for what, view in _VIEWS.items():
        there, needed = (view.format(name) for name in ("main", "anew"))
        lacking = connection.execute(f"SELECT count(*) FROM ({needed} EXCEPT {there})", bounds).fetchone()[0]  # noqa: S608  names of our own
        added = connection.execute(f"SELECT count(*) FROM ({there} EXCEPT {needed})", bounds).fetchone()[0]  # noqa: S608  the same
        if lacking or added:
            damage = (
                f"{what}: {lacking} are not as the journal has them, {added} of those that are there it does not have"
            )
            return HistoryReport(records=place.position.sequence, damage=damage)
    return HistoryReport(records=place.position.sequence)


def _place(connection: sqlite3.Connection) -> Place:
    row = connection.execute(
        "SELECT segment, segment_offset, sequence, chain_hash, record_offset FROM main.place"
    ).fetchone()
    return BEGINNING if row is None else Place(Position(*row[:4]), row[4])


def _is_in_journal(feed: JournalFeed, place: Place, progress: Callable[[int], object]) -> bool:
    """Take the journal in up to a place; whether that is in it."""
    reached = 0
    while (left := place.position.sequence - reached) > 0:
        feed.feed(records_max=min(left, RECORDS_AT_ONCE))
        if feed.place().position.sequence == reached:
            return False
        reached = feed.place().position.sequence
        progress(reached)
    return feed.place() == place

"""The event history against the journal: damage put in, and found."""

import sqlite3
from contextlib import closing

import pytest

from harness.events import AUDIT_KEY, NOW, Files, arn, event
from selfkms.adapters.audit_files.follow import Follower
from selfkms.adapters.event_history.check import HistoryReport, check_history

RECORDS = [event(1, "CreateKey", arn(1)), event(2, "Encrypt", arn(1)), event(3, "Decrypt", arn(1), user="bob")]


def check(files: Files, *, history_days: int = 90) -> HistoryReport:
    return check_history(
        files.path,
        Follower(files.journal, AUDIT_KEY),
        clock=files.clock,
        history_days=history_days,
        progress=lambda _: None,
    )


def test_in_order(files: Files) -> None:
    """However it was fed; what came after is not its fault."""
    files.add(*RECORDS)
    files.add(event(4), event(5))
    assert check(files) == HistoryReport(records=5)
    files.write([event(6)])
    assert check(files) == HistoryReport(records=5)


def test_none_yet(files: Files) -> None:
    """It is not made by looking."""
    files.write(RECORDS)
    assert check(files) == HistoryReport(missing=True)
    assert not files.path.exists()


def test_old_events_may_be_forgotten(files: Files) -> None:
    """Some are, as hourly as the clock goes, some are not yet."""
    files.add(event(1, at=NOW - 100 * 86_400), event(2, at=NOW - 89 * 86_400), event(3))
    files.clock.seconds += 2 * 86_400
    assert check(files).damage is None
    files.feed().prune()
    assert check(files).damage is None


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DELETE FROM events WHERE sequence = 2", "events"),
        ("UPDATE events SET record_offset = record_offset + 1 WHERE sequence = 2", "events"),
        ("UPDATE events SET event_id = x'00' WHERE sequence = 2", "events"),
        ("INSERT INTO events VALUES (99, x'01', 1, 4096)", "events without a time"),
        ("DELETE FROM postings WHERE sequence = 3 AND term = (SELECT min(term) FROM postings WHERE sequence = 3)", ""),
        ("UPDATE terms SET value = 'carol' WHERE value = 'bob'", "terms"),
        ("UPDATE postings SET event_time = event_time + 1 WHERE sequence = 2", "terms"),
        ("DELETE FROM last_uses", "last uses"),
        ("UPDATE requests SET count = count + 1", "counted requests"),
        ("UPDATE fees SET until = 5", "monthly fees"),
        ("UPDATE place SET tracked_since = 5", "places"),
        ("UPDATE place SET chain_hash = zeroblob(32)", "another journal"),
        ("UPDATE place SET sequence = 2", "another journal"),
        ("PRAGMA user_version = 99", "no event history of this version"),
        ("DROP TABLE fees", "cannot be read"),
    ],
)
def test_damage(files: Files, statement: str, named: str) -> None:
    """Rows that are missing, altered or added."""
    files.add(*RECORDS)
    with closing(sqlite3.connect(files.path)) as connection, connection:
        assert connection.execute(statement).rowcount != 0
    damage = check(files).damage
    assert damage is not None
    assert named in damage


def test_a_file_that_is_no_database(files: Files) -> None:
    """It is said, with SQLite's own words."""
    files.add(*RECORDS)
    files.close()
    files.path.write_bytes(b"no database" * 1_000)
    assert "not a database" in (check(files).damage or "")


def test_the_history_of_another_journal(files: Files) -> None:
    """The journal was exchanged."""
    files.add(*RECORDS)
    files.journal.rename(files.journal.with_name("kept"))
    files.write([event(7), event(8)])
    assert "another journal" in (check(files).damage or "")

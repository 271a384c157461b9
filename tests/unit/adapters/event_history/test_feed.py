"""The journal taken into the history: each record once, whatever happens in between."""

import logging
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from harness.events import NOW, Files, arn, event, event_id
from selfkms.adapters.audit_files.follow import BEGINNING, Followed, Follower
from selfkms.adapters.audit_files.layout import RECORDS_OFFSET
from selfkms.adapters.event_history import feed as feed_module
from selfkms.adapters.event_history.feed import JournalFeed
from selfkms.domain.cloudtrail.history import Attribute, LastUse, Lookup
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.ports.event_history import HistoryUnavailableError

ALL = Lookup(account_id=None, region=None)
DAY = 86_400
DUMPED = ("events", "terms", "postings", "last_uses", "requests", "fees")


def numbers(files: Files, lookup: Lookup = ALL) -> list[int]:
    """The numbers of the events, the newest first."""
    return [found.mark.sequence for found in files.history.lookup(lookup, before=None, limit=10_000)]


def dump(files: Files) -> dict[str, list[tuple[object, ...]]]:
    """All that the history holds, terms by what they mean."""
    connection = sqlite3.connect(files.path)
    try:
        found = {table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in DUMPED}
        found["terms"] = sorted(row[1:] for row in found["terms"])
        found["postings"] = sorted(
            connection.execute(
                "SELECT attribute, value, account_id, region, event_time, sequence "
                "FROM postings JOIN terms USING (term)"
            ).fetchall()
        )
        return found
    finally:
        connection.close()


def some_events(number: int, *, seed: int = 1) -> list[AuditRecord]:
    """Requests of some users with some keys, a few of them refused, and the life of the keys."""
    random = Random(seed)
    names = ["Encrypt", "Decrypt", "DescribeKey", "CreateKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "DeleteKey"]
    return [
        event(
            count,
            random.choice(names),
            arn(random.randrange(4)),
            user=random.choice("abc"),
            errorCode=random.choice([None, None, "AccessDenied"]),
            region=random.choice(["us-east-1", "eu-west-1"]),
        )
        for count in range(1, number + 1)
    ]


def test_an_empty_journal(files: Files) -> None:
    """Nothing to take in, and nothing is known of the past."""
    files.add()
    assert numbers(files) == []
    assert files.history.tracked_since() is None


def test_everything_is_found(files: Files) -> None:
    """By number, the newest first; since when there are records is known."""
    files.add(*some_events(50))
    assert numbers(files) == list(range(50, 0, -1))
    assert files.history.tracked_since() == NOW + 1


def test_a_batch_says_whether_there_may_be_more(files: Files) -> None:
    """It is no longer than it was told, so that the keeper has time for other work."""
    files.write(some_events(25))
    feed = files.feed(records_at_once=10)
    assert [feed.feed() for _ in range(4)] == [True, True, False, False]
    assert numbers(files) == list(range(25, 0, -1))


@pytest.mark.parametrize("records_at_once", [1, 3, 1_000])
def test_the_history_does_not_depend_on_how_it_was_fed(
    files: Files, records_at_once: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In one batch, or in many with another feed each time: the same rows."""
    records = some_events(60)
    whole = Files(tmp_path_factory.mktemp("whole"))
    whole.add(*records)
    files.write(records)
    while files.feed(records_at_once=records_at_once).feed():
        pass
    assert dump(files) == dump(whole)
    whole.close()


def test_it_can_be_made_again(files: Files) -> None:
    """The journal is the truth: without its file the history comes back as it was."""
    files.add(*some_events(60))
    before = dump(files)
    files.close()
    for path in files.path.parent.glob("history.sqlite*"):
        path.unlink()
    files.add()
    assert dump(files) == before


def test_two_feeds_take_each_record_once(files: Files) -> None:
    """The keeper and a command: whoever comes second finds it done."""
    files.write(some_events(40))
    first, second = files.feed(records_at_once=10), files.feed(records_at_once=15)
    while first.feed() or second.feed():
        pass
    assert numbers(files) == list(range(40, 0, -1))


class Slow(Follower):
    """A follower after whose reading somebody else takes in the same records."""

    def __init__(self, inner: Follower, other: JournalFeed) -> None:
        self._inner, self._other = inner, other

    def read(self, after: object, *, records_max: int) -> list[Followed]:
        found = self._inner.read(after, records_max=records_max)  # type: ignore[arg-type]  # passed on as it came
        self._other.feed()
        return found


def test_whoever_is_overtaken_writes_nothing(files: Files) -> None:
    """What was read meanwhile by another feed is not written a second time."""
    files.write(some_events(10))
    feed = files.feed()
    feed._follower = Slow(feed._follower, files.feed())
    feed.feed()
    assert numbers(files) == list(range(10, 0, -1))
    assert sum(request.number for request in files.history.requests("2026-09")) == sum(
        b"errorCode" not in record.body for record in some_events(10)
    )


def test_a_batch_that_fails_leaves_nothing(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither rows nor place; the next try takes all of it in."""
    files.write(some_events(10))
    feed = files.feed()

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(JournalFeed, "_note_life", fail)
        with pytest.raises(HistoryUnavailableError, match="disk is full"):
            feed.feed()
    assert feed.place() == BEGINNING
    assert all(not rows for rows in dump(files).values())
    feed.feed()
    assert numbers(files) == list(range(10, 0, -1))


def test_terms_that_are_not_remembered_are_found(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their numbers are in the file."""
    monkeypatch.setattr(feed_module, "_TERMS_REMEMBERED_MAX", 2)
    files.add(*some_events(40))
    assert numbers(files) == list(range(40, 0, -1))


def test_a_record_that_is_no_event_is_passed_over(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    """It is said, and stops nobody."""
    files.add(event(1), AuditRecord(event_id(2), b'{"other":true}'), AuditRecord(event_id(3), b"none"), event(4))
    assert numbers(files) == [4, 1]
    assert caplog.text.count("is no event") == 2


def test_data_events_are_not_part_of_the_history(files: Files) -> None:
    """CloudTrail User Guide, "Working with CloudTrail event history": management events only."""
    files.add(event(1), event(2, managementEvent=False))
    assert numbers(files) == [1]


def test_an_event_of_nobody(files: Files) -> None:
    """A request whose signer is not known belongs to no account, and the operator finds it."""
    files.add(event(1, recipientAccountId=None, awsRegion="unknown"))
    assert numbers(files) == [1]
    assert numbers(files, Lookup(account_id="111122223333", region=None)) == []


class TestDamage:
    """A journal that is not in order."""

    def test_the_history_goes_up_to_it(self, files: Files, caplog: pytest.LogCaptureFixture) -> None:
        """It is logged once, and nothing behind it is taken in."""
        records = [event(1), event(2), event(3)]
        files.write(records)
        path = files.journal / "00000000000000000001.journal"
        data = bytearray(path.read_bytes())
        data[RECORDS_OFFSET + 2 * 60 + len(records[0].body) + len(records[1].body) + 70] ^= 1
        path.write_bytes(data)
        feed = files.feed()
        with caplog.at_level(logging.ERROR):
            assert [feed.feed() for _ in range(4)] == [False] * 4
        assert numbers(files) == [2, 1]
        (message,) = caplog.messages
        assert message.startswith("the event history ends at record 2: audit journal, 00000000000000000001.journal")

    def test_another_journal_makes_another_history(self, files: Files, caplog: pytest.LogCaptureFixture) -> None:
        """Whatever was of the old one is gone, and that is said."""
        files.add(*some_events(30))
        shutil.rmtree(files.journal)
        files.add(event(1, "Decrypt", arn(77)))
        assert numbers(files) == [1]
        assert files.history.last_use(arn(77)) is not None
        assert [files.history.last_use(arn(number)) for number in range(4)] == [None] * 4
        assert "another audit journal" in caplog.text

    def test_a_journal_that_cannot_be_read(self, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is tried again later."""
        files.write([event(1)])

        def fail(*_: object, **__: object) -> Sequence[Followed]:
            raise OSError("I/O error")

        feed = files.feed()
        with monkeypatch.context() as patched:
            patched.setattr(Follower, "read", fail)
            with pytest.raises(HistoryUnavailableError):
                feed.feed()
        feed.feed()
        assert numbers(files) == [1]


class TestPrune:
    """Events leave after their days; what is known of keys stays."""

    def test_old_events_go(self, files: Files) -> None:
        """With everything that led to them."""
        old = event(1, "Encrypt", arn(1), at=NOW - 90 * DAY, user="gone")
        files.clock.seconds = NOW - 89 * DAY
        files.add(old, event(2, "Decrypt", arn(2)))
        assert numbers(files) == [2, 1]
        files.clock.seconds = NOW + 10.0
        files.feed().prune()
        assert numbers(files) == [2]
        assert numbers(files, Lookup(account_id=None, region=None, attribute=Attribute.USERNAME, value="gone")) == []
        rows = dump(files)
        assert len(rows["events"]) == 1
        assert not [row for row in rows["terms"] if row[1] in {"gone", arn(1)}]
        assert {row[-1] for row in rows["postings"]} == {2}

    def test_the_use_of_keys_stays(self, files: Files) -> None:
        """A key that was used a year ago was used a year ago."""
        files.add(event(1, "Encrypt", arn(1), at=NOW - 365 * DAY))
        assert numbers(files) == []
        files.feed().prune()
        last_use = files.history.last_use(arn(1))
        assert last_use is not None
        assert last_use.at == NOW - 365 * DAY
        assert files.history.tracked_since() == NOW - 365 * DAY

    def test_it_is_done_once_an_hour(self, files: Files) -> None:
        """What became old in between waits."""
        files.add(event(1))
        feed = files.feed()
        feed.prune()
        files.clock.seconds += 90 * DAY + 10
        feed._pruned_at = files.clock.seconds - 3_599
        feed.prune()
        assert numbers(files) == [1]
        files.clock.seconds += 1
        feed.prune()
        assert numbers(files) == []

    def test_terms_are_used_again_afterwards(self, files: Files) -> None:
        """A number that was given back is not remembered."""
        files.write([event(1)])
        feed = files.feed()
        feed.feed()
        files.clock.seconds += 91 * DAY
        feed.prune()
        files.write([event(2, at=int(files.clock.seconds))])
        feed.feed()
        assert numbers(files) == [2]


class TestLastUse:
    """What GetKeyLastUsage tells."""

    def test_the_last_one_counts(self, files: Files) -> None:
        """In one batch and over batches; an older one that comes late does not."""
        files.add(event(1, "Encrypt", arn(1)), event(2, "Decrypt", arn(1)))
        assert files.history.last_use(arn(1)) == LastUse(
            "Decrypt", NOW + 2, event_id(2), "22222222-0000-4000-8000-000000000002"
        )
        files.add(event(3, "Sign", arn(1), at=NOW + 1))
        files.add(event(4, "DescribeKey", arn(1)), event(5, "Encrypt", arn(1), errorCode="DisabledException"))
        last_use = files.history.last_use(arn(1))
        assert last_use is not None
        assert last_use.event_id == event_id(2)

    def test_it_goes_with_the_key(self, files: Files) -> None:
        """A key that is gone was never used."""
        files.add(event(1, "Encrypt", arn(1)), event(2, "Encrypt", arn(2)))
        files.add(event(3, "DeleteKey", arn(1), requestID=None, eventType="AwsServiceEvent"))
        assert files.history.last_use(arn(1)) is None
        assert files.history.last_use(arn(2)) is not None


def test_a_replica_made_again_keeps_its_last_use_in_a_history_made_anew(tmp_path: Path) -> None:
    """A replica key that ended and was made again in the same Region has the same ARN; its use since then counts."""
    files = Files(tmp_path)
    files.write(
        [
            event(1, "Encrypt", arn(1)),
            event(2, "DeleteKey", arn(1), requestID=None, eventType="AwsServiceEvent"),
            event(3, "CreateKey", arn(1)),
            event(4, "Decrypt", arn(1)),
        ]
    )
    files.feed().feed()
    last_use = files.history.last_use(arn(1))
    files.close()
    assert last_use is not None
    assert last_use.operation == "Decrypt"

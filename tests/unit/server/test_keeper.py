"""One round of the keeper: every job has its turn, whatever becomes of the others."""

import logging
import os
import signal
from collections.abc import Iterator, Sequence

import pytest

from harness.world import World
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.gate.delivery import Deliverer
from selfkms.gate.storage import StorageKeeper
from selfkms.gate.upkeep import Upkeep
from selfkms.ports.audit_sink import AuditSink, JournalUnavailableError
from selfkms.ports.database import CorruptRecordError, DatabaseUnavailableError
from selfkms.ports.event_history import HistoryUnavailableError
from selfkms.server.keeper import keep, keep_history, run_keeper

JOBS = ["attend_due_keys", "compact", "tidy", "move_audit"]
DAY = 86_400.0


@pytest.fixture
def restored_signals() -> Iterator[None]:
    """The handlers of this process as they were."""
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


class Sink:
    """Takes every record."""

    def __init__(self) -> None:
        self.records: list[AuditRecord] = []

    def record(self, records: Sequence[AuditRecord]) -> None:
        self.records += records


class FakeUpkeep(Upkeep):
    """Notes which jobs had their turn, and fails in those that a test names."""

    def __init__(self, **errors: Exception) -> None:
        self.errors = errors
        self.done: list[str] = []
        self.sinks: list[AuditSink] = []

    def _job(self, name: str) -> int:
        self.done.append(name)
        if name in self.errors:
            raise self.errors[name]
        return 0

    def attend_due_keys(self) -> int:
        return self._job("attend_due_keys")

    def compact(self) -> None:
        self._job("compact")

    def tidy(self) -> None:
        self._job("tidy")

    def move_audit(self, sink: AuditSink) -> int:
        self.sinks.append(sink)
        return self._job("move_audit")


def test_all_jobs_have_their_turn() -> None:
    """Ends come first, so that their records are moved in the same round."""
    upkeep, sink = FakeUpkeep(), Sink()
    keep(upkeep, sink)
    assert upkeep.done == JOBS
    assert upkeep.sinks == [sink]


@pytest.mark.parametrize("failing", JOBS)
@pytest.mark.parametrize(
    "error",
    [DatabaseUnavailableError("locked"), CorruptRecordError("damaged row"), JournalUnavailableError("disk full")],
)
def test_what_fails_stops_no_other_job(failing: str, error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and comes again with the next round."""
    upkeep = FakeUpkeep(**{failing: error})
    with caplog.at_level(logging.WARNING):
        keep(upkeep, Sink())
        keep(upkeep, Sink())
    assert upkeep.done == JOBS * 2
    assert caplog.text.count(str(error)) == 2


def test_all_jobs_may_fail() -> None:
    """A round without anything that answers ends like any other."""
    upkeep = FakeUpkeep(**dict.fromkeys(JOBS, DatabaseUnavailableError("gone")))
    keep(upkeep, Sink())
    assert upkeep.done == JOBS


def test_a_mistake_of_ours_is_not_hidden() -> None:
    """What nobody foresaw ends the keeper, which the supervisor then starts anew."""
    with pytest.raises(ZeroDivisionError):
        keep(FakeUpkeep(tidy=ZeroDivisionError()), Sink())


class FakeFeed:
    """Notes what was asked of it; it is behind for some rounds, or fails."""

    def __init__(self, *, behind: int = 0, error: Exception | None = None, stop_after: int | None = None) -> None:
        self.behind = behind
        self.error = error
        self.done: list[str] = []
        self._stop_after = stop_after

    def feed(self) -> bool:
        self.done.append("feed")
        if self._stop_after is not None and len(self.done) >= self._stop_after:
            os.kill(os.getpid(), signal.SIGTERM)
        if self.error is not None:
            raise self.error
        self.behind -= 1
        return self.behind >= 0

    def prune(self) -> None:
        self.done.append("prune")


class FakeStorage(StorageKeeper):
    """Has no snapshots."""

    def __init__(self) -> None:
        pass

    def attend(self) -> bool:
        return False


class FakeDeliverer(Deliverer):
    """Has nothing to deliver."""

    def __init__(self) -> None:
        pass

    def attend(self) -> None:
        pass


def test_the_history_is_kept_up() -> None:
    """A batch a round, and what is too old is forgotten; whether there is more is said."""
    feed = FakeFeed(behind=1)
    assert keep_history(feed) is True
    assert keep_history(feed) is False
    assert feed.done == ["feed", "prune", "feed", "prune"]


def test_a_history_that_does_not_answer_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """With the next round, not at once: the keeper has other work."""
    feed = FakeFeed(error=HistoryUnavailableError("disk full"))
    with caplog.at_level(logging.WARNING):
        assert keep_history(feed) is False
    assert "disk full" in caplog.text


def test_whoever_is_behind_does_not_wait(restored_signals: None) -> None:
    """Batch follows batch, each after a round of the other jobs; at the end all of it comes once more."""
    assert restored_signals is None
    upkeep, feed = FakeUpkeep(), FakeFeed(behind=100, stop_after=9)
    run_keeper(lambda: upkeep, Sink(), lambda: feed, FakeDeliverer, FakeStorage, interval_seconds=0.0)
    assert feed.done == ["feed", "prune"] * 6
    assert upkeep.done == JOBS * 6


def test_a_round_in_a_world() -> None:
    """A key whose window is over ends, and the journal gets everything up to its end."""
    world, sink = World(), Sink()
    key_id = world.make_key()["KeyId"]
    world.call("ScheduleKeyDeletion", {"KeyId": key_id})
    world.clock.seconds += 30 * DAY
    keep(world.upkeep, sink)
    assert len(sink.records) == 3
    assert b'"DeleteKey"' in sink.records[-1].body
    assert world.committed_records() == []
    assert world.call("ListKeys")["Keys"] == []

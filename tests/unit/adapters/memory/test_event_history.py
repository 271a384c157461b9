"""The history of tests: what is special about it; that it answers as the real one does is in the contract tests."""

from harness.events import arn, event
from selfkms.adapters.memory.event_history import MemoryEventHistory
from selfkms.domain.cloudtrail.history import Lookup
from selfkms.domain.cloudtrail.record import AuditRecord

ALL = Lookup(account_id=None, region=None)


def test_it_sees_what_was_recorded_meanwhile() -> None:
    """It asks for the records each time."""
    records: list[AuditRecord] = []
    history = MemoryEventHistory(lambda: records)
    assert history.lookup(ALL, before=None, limit=5) == []
    assert history.tracked_since() is None
    records.append(event(1, "Encrypt", arn(1)))
    assert len(history.lookup(ALL, before=None, limit=5)) == 1
    assert history.last_use(arn(1)) is not None


def test_a_record_that_was_sent_twice_is_one() -> None:
    """They have one event ID."""
    history = MemoryEventHistory(lambda: [event(1), event(1), event(2)])
    assert len(history.lookup(ALL, before=None, limit=5)) == 2

"""Events out of the index and the journal; that they are found the same way everywhere is in the contract tests."""

import sqlite3

import pytest

from harness.events import NOW, Files, arn, event, event_id
from harness.world import ALICE_ACCOUNT, REGION
from selfkms.adapters.event_history.reads import _EVENTS_OF_TERM
from selfkms.domain.cloudtrail.history import Attribute, Lookup, Mark
from selfkms.domain.kms.usage import FeePeriod, KeyRequests
from selfkms.ports.event_history import HistoryUnavailableError

OWN = Lookup(account_id=ALICE_ACCOUNT, region=REGION)


def test_a_history_that_nobody_fed(files: Files) -> None:
    """It is there, and empty."""
    assert files.history.lookup(OWN, before=None, limit=50) == []
    assert files.history.last_use(arn(1)) is None
    assert files.history.tracked_since() is None
    files.history.close()
    files.history.close()


def test_the_record_is_the_journals(files: Files) -> None:
    """Byte by byte."""
    record = event(1, "Encrypt", arn(1))
    files.add(record)
    (found,) = files.history.lookup(OWN, before=None, limit=50)
    assert (found.mark, found.body) == (Mark(NOW + 1, 1), record.body)


def test_a_page_costs_what_it_holds(files: Files) -> None:
    """SQLite searches by the primary key, from the end, and sorts nothing: the same for the millionth event."""
    files.add(event(1))
    connection = sqlite3.connect(files.path)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {_EVENTS_OF_TERM}", (1, 0, 2**62, 0, 50))]
    connection.close()
    assert plan == [
        "SEARCH postings USING PRIMARY KEY (term=? AND event_time>? AND (event_time,sequence)<(?,?))",
        "SEARCH events USING INTEGER PRIMARY KEY (rowid=?)",
    ]


@pytest.mark.parametrize("attribute", [None, Attribute.EVENT_ID])
def test_a_record_that_is_not_there_is_an_error(files: Files, attribute: Attribute | None) -> None:
    """The index of a journal that lost a segment does not pretend that there was nothing."""
    files.add(event(1))
    files.journal.rename(files.journal.with_name("moved away"))
    lookup = Lookup(
        account_id=ALICE_ACCOUNT, region=REGION, attribute=attribute, value=event_id(1) if attribute else ""
    )
    with pytest.raises(HistoryUnavailableError, match="record 1 is not where"):
        files.history.lookup(lookup, before=None, limit=50)


def test_what_is_no_history_is_an_error(files: Files) -> None:
    """For whoever asks; nobody removes it meanwhile."""
    files.path.write_bytes(b"no database" * 100)
    for ask in (files.history.tracked_since, lambda: files.history.last_use(arn(1))):
        with pytest.raises(HistoryUnavailableError):
            ask()
    assert files.path.read_bytes().startswith(b"no database")


def test_requests_of_a_month(files: Files) -> None:
    """By account, Region, key and operation; only of that month, and only what succeeded."""
    october = NOW + 40 * 86_400
    files.clock.seconds = october
    files.add(
        event(1, "Encrypt", arn(1)),
        event(2, "Encrypt", arn(1)),
        event(3, "Encrypt", arn(1), errorCode="AccessDenied"),
        event(4, "ReEncrypt", arn(1), arn(2)),
        event(5, "ListKeys"),
        event(6, "Encrypt", arn(1), at=october),
    )
    files.add(event(7, "Encrypt", arn(1)))
    of = (ALICE_ACCOUNT, REGION)
    assert files.history.requests("2026-09") == [
        KeyRequests(*of, "", "ListKeys", 1),
        KeyRequests(*of, arn(1), "Encrypt", 3),
        KeyRequests(*of, arn(1), "ReEncrypt", 1),
        KeyRequests(*of, arn(2), "ReEncrypt", 1),
    ]
    assert files.history.requests("2026-10") == [KeyRequests(*of, arn(1), "Encrypt", 1)]


def test_times_with_a_fee(files: Files) -> None:
    """From the making to the scheduling, and from the rescue on; refused requests change nothing."""
    files.add(
        event(1, "CreateKey", arn(1)),
        event(2, "ScheduleKeyDeletion", arn(1), errorCode="AccessDenied"),
        event(10, "ScheduleKeyDeletion", arn(1)),
        event(20, "CancelKeyDeletion", arn(1)),
        event(30, "CreateKey", arn(2), requestID=None, serviceEventDetails={"keyManager": "AWS"}),
    )
    assert files.history.fees(NOW, NOW + 100) == [
        FeePeriod(arn(1), NOW + 1, NOW + 10),
        FeePeriod(arn(1), NOW + 20, None),
    ]
    assert files.history.fees(NOW + 10, NOW + 20) == []
    assert files.history.fees(NOW + 15, NOW + 21) == [FeePeriod(arn(1), NOW + 20, None)]

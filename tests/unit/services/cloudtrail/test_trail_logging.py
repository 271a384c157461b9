"""StartLogging, StopLogging, GetTrailStatus."""

import pytest

from harness.world import ALICE_ACCOUNT, World
from selfkms.ports.event_history import HistoryUnavailableError


@pytest.fixture
def world() -> World:
    made = World()
    made.cloudtrail("CreateTrail", {"Name": "audit", "S3BucketName": "logs", "EnableLogFileValidation": True})
    return made


def test_started_and_stopped(world: World) -> None:
    """The status tells since when, as a time and as a text."""
    at = world.clock.seconds
    assert world.cloudtrail("StartLogging", {"Name": "audit"}) == {}
    world.clock.seconds += 1
    world.cloudtrail("StartLogging", {"Name": "audit"})
    status = world.cloudtrail("GetTrailStatus", {"Name": "audit"})
    assert status == {
        "IsLogging": True,
        "StartLoggingTime": at,
        "LatestDeliveryAttemptTime": "",
        "LatestNotificationAttemptTime": "",
        "LatestNotificationAttemptSucceeded": "",
        "LatestDeliveryAttemptSucceeded": "",
        "TimeLoggingStarted": "2026-09-21T14:13:20Z",
        "TimeLoggingStopped": "",
    }
    assert world.cloudtrail("StopLogging", {"Name": "audit"}) == {}
    world.clock.seconds += 1
    world.cloudtrail("StopLogging", {"Name": "audit"})
    status = world.cloudtrail("GetTrailStatus", {"Name": "audit"})
    assert (status["IsLogging"], status["StopLoggingTime"]) == (False, at + 1)
    assert status["TimeLoggingStopped"] == "2026-09-21T14:13:21Z"


def test_what_is_started_again_is_a_session_of_its_own(world: World) -> None:
    """What the first one has to deliver is not forgotten."""
    for operation in ("StartLogging", "StopLogging", "StartLogging"):
        world.cloudtrail(operation, {"Name": "audit"})
    first, second = world.database.trails(ALICE_ACCOUNT)[0].sessions
    assert first.stopped_at is not None
    assert second.stopped_at is None


def test_without_the_history_nothing_starts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody could say which records come first."""

    def fail() -> str:
        raise HistoryUnavailableError("locked")

    monkeypatch.setattr(world.history, "place", fail)
    with pytest.raises(Exception, match="InternalFailure"):
        world.cloudtrail("StartLogging", {"Name": "audit"})
    assert world.cloudtrail("GetTrailStatus", {"Name": "audit"})["IsLogging"] is False


def test_the_record(world: World) -> None:
    """The name as it was given; nothing is answered."""
    world.cloudtrail("StartLogging", {"Name": "audit"})
    record = world.record()
    assert (record["requestParameters"], record["responseElements"]) == ({"name": "audit"}, None)

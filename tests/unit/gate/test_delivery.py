"""Log files: each record once, in order, whatever fails in between."""

import gzip
import json
from collections.abc import Sequence

import pytest

from harness.deliveries import BUCKET, HOUR, INTERVAL, Deliveries
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.cloudtrail.event import Event
from selfkms.domain.iam.callers import Caller
from selfkms.gate.delivery import Gathered
from selfkms.ports.audit_records import AuditUnreadableError, OtherAuditRecordsError, PlacedRecord
from selfkms.ports.log_store import LogStoreError


@pytest.fixture
def deliveries() -> Deliveries:
    return Deliveries(World())


def test_what_happens_is_delivered_at_intervals(deliveries: Deliveries) -> None:
    """Nothing before the interval is over; then one file, whose name and content are CloudTrail's."""
    deliveries.start()
    deliveries.world.call("ListKeys")
    deliveries.after(INTERVAL - 1)
    assert deliveries.logs() == {}
    deliveries.after(1)
    ((key, records),) = deliveries.logs().items()
    assert key.startswith(
        f"AWSLogs/{ALICE_ACCOUNT}/CloudTrail/us-east-1/2026/09/21/{ALICE_ACCOUNT}_CloudTrail_us-east-1_"
    )
    assert key.endswith(".json.gz")
    assert [record["eventName"] for record in records] == ["StartLogging", "ListKeys"]
    deliveries.after(INTERVAL)
    assert len(deliveries.logs()) == 1


def test_what_happened_before_is_not(deliveries: Deliveries) -> None:
    """From StartLogging on, as far as whole seconds tell."""
    deliveries.world.call("ListKeys")
    deliveries.world.clock.seconds += 5
    deliveries.start()
    deliveries.after(INTERVAL)
    assert deliveries.names() == ["StartLogging"]


def test_other_accounts_are_not(deliveries: Deliveries) -> None:
    """A trail has the records of its account."""
    deliveries.start()
    deliveries.world.call("ListKeys", by=BOB_ACCOUNT)
    deliveries.after(INTERVAL)
    assert "ListKeys" not in deliveries.names()


def test_data_events_are_if_they_are_asked_for(deliveries: Deliveries) -> None:
    """By an advanced event selector; LookupEvents has them never."""
    world = deliveries.world
    deliveries.start()
    block = Event(
        event_id=world.entropy.uuid(),
        request_id=world.entropy.uuid(),
        at=world.clock.now(),
        source="ebs.amazonaws.com",
        name="GetSnapshotBlock",
        source_ip="198.51.100.7",
        user_agent="",
        region="us-east-1",
        caller=Caller.root(ALICE_ACCOUNT, "AKIAROOT"),
        resources=[
            {"accountId": ALICE_ACCOUNT, "type": "AWS::EC2::Snapshot", "ARN": "arn:aws:ec2:us-east-1::snapshot/snap-1"}
        ],
        data=True,
    )
    world._journal.append(block.finish())
    deliveries.after(INTERVAL)
    assert deliveries.names() == ["StartLogging"]
    selectors = [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::EC2::Snapshot"]},
    ]
    world.cloudtrail(
        "PutEventSelectors", {"TrailName": "audit", "AdvancedEventSelectors": [{"FieldSelectors": selectors}]}
    )
    block.event_id = world.entropy.uuid()
    world._journal.append(block.finish())
    deliveries.after(INTERVAL)
    assert deliveries.names() == ["StartLogging", "GetSnapshotBlock"]
    assert "GetSnapshotBlock" not in {event["EventName"] for event in world.lookup_events()["Events"]}


def test_each_record_is_in_one_file(deliveries: Deliveries) -> None:
    """Delivery after delivery goes on where the last one ended."""
    deliveries.start()
    for _ in range(3):
        deliveries.world.call("ListKeys")
        deliveries.after(INTERVAL)
    assert deliveries.names() == ["StartLogging", "ListKeys", "ListKeys", "ListKeys"]
    assert len(deliveries.logs()) == 3


def test_stop_logging_is_delivered_and_nothing_after_it(deliveries: Deliveries) -> None:
    """At once, after all that was committed is in the journal."""
    deliveries.start()
    deliveries.world.clock.seconds += 1
    deliveries.world.cloudtrail("StopLogging", {"Name": "audit"})
    deliveries.world.clock.seconds += 1
    deliveries.world.call("ListKeys")
    deliveries.after(0)
    assert deliveries.settled == 1
    assert deliveries.names() == ["StartLogging", "StopLogging"]
    deliveries.after(HOUR)
    assert deliveries.names()[-1] == "StopLogging"


def test_a_failure_is_told_and_the_same_object_is_written_again(deliveries: Deliveries) -> None:
    """With the same name and the same bytes, also by another process, also when the trail was changed meanwhile."""
    world = deliveries.world
    deliveries.start()
    world.log_store.failure = "SlowDown"
    deliveries.after(INTERVAL)
    status = world.cloudtrail("GetTrailStatus", {"Name": "audit"})
    assert (status["LatestDeliveryError"], "LatestDeliveryTime" in status) == ("SlowDown", False)
    (planned,) = world.database.trails(ALICE_ACCOUNT)[0].sessions[0].plan.files  # type: ignore[union-attr]  # planned
    world.cloudtrail("PutEventSelectors", {"TrailName": "audit", "EventSelectors": [{"ReadWriteType": "ReadOnly"}]})
    world.log_store.failure = ""
    deliveries.deliverer = deliveries.another()
    deliveries.after(1)
    assert next(iter(deliveries.logs())) == planned.key
    assert deliveries.names()[0] == "StartLogging"
    status = world.cloudtrail("GetTrailStatus", {"Name": "audit"})
    assert "LatestDeliveryError" not in status
    assert status["LatestDeliveryTime"] == world.clock.seconds


def test_a_crash_after_the_upload_writes_the_same_bytes(
    deliveries: Deliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written and not committed as written is written again, and overwrites itself."""
    world = deliveries.world
    deliveries.start()
    put = world.log_store.put

    def put_and_die(bucket: str, key: str, body: bytes, *, metadata: dict[str, str]) -> None:
        put(bucket, key, body, metadata=metadata)
        raise LogStoreError("ConnectionClosedError")

    monkeypatch.setattr(world.log_store, "put", put_and_die)
    deliveries.after(INTERVAL)
    monkeypatch.undo()
    deliveries.deliverer = deliveries.another()
    deliveries.after(1)
    first, second = world.log_store.writes[:2]
    assert first == second
    assert len(deliveries.logs()) == 1


def test_attempts_are_not_made_all_the_time(deliveries: Deliveries) -> None:
    """A store that does not answer is asked again after 2 seconds, then after 4, and so on."""
    world = deliveries.world
    deliveries.start()
    world.log_store.failure = "SlowDown"
    deliveries.after(INTERVAL)
    tried = world.database.trails(ALICE_ACCOUNT)[0].delivered.logs_tried_at
    deliveries.after(1)
    assert world.database.trails(ALICE_ACCOUNT)[0].delivered.logs_tried_at == tried
    deliveries.after(1)
    assert world.database.trails(ALICE_ACCOUNT)[0].delivered.logs_tried_at == world.clock.seconds


def test_a_deleted_trail_delivers_its_last_records(deliveries: Deliveries) -> None:
    """DeleteTrail included; then nothing is left of it. Its name is free at once."""
    world = deliveries.world
    deliveries.start()
    world.cloudtrail("DeleteTrail", {"Name": "audit"})
    world.cloudtrail("CreateTrail", {"Name": "audit", "S3BucketName": BUCKET})
    deliveries.after(0)
    assert "DeleteTrail" in deliveries.names()
    assert [trail.sessions for trail in world.database.trails(ALICE_ACCOUNT)] == [()]


def test_a_multi_region_trail_has_a_file_for_each_region(deliveries: Deliveries) -> None:
    """Of a delivery, in the folders of the Regions."""
    deliveries.start(IsMultiRegionTrail=True)
    deliveries.world.call("ListKeys", region="eu-central-1")
    deliveries.after(INTERVAL)
    assert [key.split("/")[3] for key in deliveries.logs()] == ["eu-central-1", "us-east-1"]


def test_two_trails_do_not_wait_for_each_other(deliveries: Deliveries) -> None:
    """One whose bucket is gone holds up no other."""
    world = deliveries.world
    world.log_store.buckets.add("gone")
    deliveries.start("lost", S3BucketName="gone")
    deliveries.start("audit")
    world.log_store.buckets.remove("gone")
    deliveries.after(INTERVAL)
    assert world.cloudtrail("GetTrailStatus", {"Name": "lost"})["LatestDeliveryError"] == "NoSuchBucket"
    assert deliveries.names()


def test_a_large_delivery_becomes_several_files(deliveries: Deliveries, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is larger than a limit by more than a record."""
    monkeypatch.setattr("selfkms.gate.delivery.FILE_BYTES_MAX", 2_000)
    deliveries.start()
    for _ in range(4):
        deliveries.world.call("ListKeys")
    deliveries.after(INTERVAL)
    assert len(deliveries.logs()) > 1
    assert deliveries.names() == ["StartLogging", *["ListKeys"] * 4]


def test_what_is_no_event_is_passed_over(deliveries: Deliveries, caplog: pytest.LogCaptureFixture) -> None:
    """It stands in the journal, and no trail can say whose it is."""
    deliveries.start()
    trail = deliveries.world.database.trails(ALICE_ACCOUNT)[0]
    gathered = Gathered("")
    gathered.add(b"{}", trail.selection(), trail.sessions[0])
    assert gathered.bodies == {}
    assert "no event" in caplog.text


def test_a_repeat_is_the_same_gzip(deliveries: Deliveries) -> None:
    """Without a date in its header."""
    deliveries.start()
    deliveries.after(INTERVAL)
    body = next(iter(deliveries.world.log_store.objects.values()))
    assert body[4:8] == bytes(4)
    assert json.loads(gzip.decompress(body)).keys() == {"Records"}


def test_in_another_journal_it_begins_anew(deliveries: Deliveries, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is newer than the last delivery: a lost end of the journal does not end a trail."""
    world = deliveries.world
    deliveries.start()
    deliveries.after(INTERVAL)
    world.clock.seconds += 1
    world.call("ListKeys")
    after = world.history.after

    def lost(place: str, *, limit: int) -> Sequence[PlacedRecord]:
        if place:
            raise OtherAuditRecordsError
        return after(place, limit=limit)

    monkeypatch.setattr(world.history, "after", lost)
    deliveries.after(INTERVAL)
    monkeypatch.undo()
    deliveries.after(INTERVAL)
    assert deliveries.names() == ["StartLogging", "ListKeys"]


def test_a_damaged_journal_is_told(deliveries: Deliveries, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an error of ours: where it is damaged is for the operator."""

    def damaged(_place: str, *, limit: int) -> Sequence[PlacedRecord]:
        raise AuditUnreadableError(f"journal-1, byte 4096, limit {limit}")

    deliveries.start()
    monkeypatch.setattr(deliveries.world.history, "after", damaged)
    deliveries.after(INTERVAL)
    status = deliveries.world.cloudtrail("GetTrailStatus", {"Name": "audit"})
    assert status["LatestDeliveryError"] == "InternalError"

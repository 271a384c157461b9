"""Digests: every hour, each naming the one before it, with the signature that verifiers expect."""

import gzip
import hashlib

import pytest

from harness.deliveries import BUCKET, DAY, HOUR, INTERVAL, Deliveries
from harness.world import ALICE_ACCOUNT, World

PREVIOUS = ("Bucket", "Object", "HashValue", "HashAlgorithm", "Signature")


@pytest.fixture
def deliveries() -> Deliveries:
    made = Deliveries(World())
    made.start()
    return made


def test_a_digest_lists_the_log_files_of_its_hour(deliveries: Deliveries) -> None:
    """With the hash of each, unpacked, and the times of its events."""
    deliveries.after(INTERVAL)
    deliveries.after(HOUR - INTERVAL)
    ((key, digest),) = deliveries.digests().items()
    (log,) = digest["logFiles"]
    body = deliveries.world.log_store.objects[BUCKET, log["s3Object"]]
    assert log["hashValue"] == hashlib.sha256(gzip.decompress(body)).hexdigest()
    assert digest["digestS3Object"] == key
    assert key.endswith(
        "_us-east-1_audit_us-east-1_" + digest["digestEndTime"].replace("-", "").replace(":", "") + ".json.gz"
    )
    assert digest["newestEventTime"] == log["newestEventTime"]


def test_an_empty_hour_has_a_digest_too(deliveries: Deliveries) -> None:
    """So that nobody can say that there was nothing to list. Each names the one before it."""
    deliveries.after(HOUR)
    deliveries.after(HOUR)
    deliveries.after(HOUR)
    first, second, third = deliveries.digests().values()
    assert {
        first[f"previousDigest{name}" if name not in {"Bucket", "Object"} else f"previousDigestS3{name}"]
        for name in PREVIOUS
    } == {None}
    assert (third["logFiles"], third["newestEventTime"]) == ([], None)
    assert third["previousDigestS3Object"] == second["digestS3Object"]
    body = deliveries.world.log_store.objects[BUCKET, second["digestS3Object"]]
    assert third["previousDigestHashValue"] == hashlib.sha256(gzip.decompress(body)).hexdigest()
    metadata = deliveries.world.log_store.metadata[BUCKET, second["digestS3Object"]]
    assert third["previousDigestSignature"] == metadata["signature"]
    assert metadata["signature-algorithm"] == "SHA256withRSA"
    assert third["digestStartTime"] == second["digestEndTime"]


def test_the_last_digest_covers_stop_logging(deliveries: Deliveries) -> None:
    """And a new start begins a new chain."""
    world = deliveries.world
    world.clock.seconds += 10
    world.cloudtrail("StopLogging", {"Name": "audit"})
    deliveries.after(0)
    (digest,) = deliveries.digests().values()
    (log,) = digest["logFiles"]
    assert [r["eventName"] for r in deliveries.logs()[log["s3Object"]]][-1] == "StopLogging"
    assert world.database.trails(ALICE_ACCOUNT)[0].sessions == ()
    world.cloudtrail("StartLogging", {"Name": "audit"})
    deliveries.after(HOUR)
    assert list(deliveries.digests().values())[-1]["previousDigestS3Object"] is None


def test_no_two_digests_end_in_one_second(deliveries: Deliveries) -> None:
    """However quickly somebody stops and starts again: the second is what their names differ by."""
    world = deliveries.world
    for _ in range(2):
        world.cloudtrail("StopLogging", {"Name": "audit"})
        world.cloudtrail("StartLogging", {"Name": "audit"})
    world.cloudtrail("StopLogging", {"Name": "audit"})
    for _ in range(3):
        deliveries.after(0)
    assert len(deliveries.digests()) == 3
    assert world.database.trails(ALICE_ACCOUNT)[0].sessions == ()


def test_a_digest_that_could_not_be_written_is_written_again(deliveries: Deliveries) -> None:
    """The very same one, and no log file is added to it meanwhile."""
    world = deliveries.world
    deliveries.after(INTERVAL)
    world.log_store.failure = "SlowDown"
    deliveries.after(HOUR)
    world.log_store.failure = ""
    deliveries.deliverer = deliveries.another()
    deliveries.after(1)
    world.log_store.failure = "SlowDown"
    deliveries.after(HOUR)
    chain = world.database.trails(ALICE_ACCOUNT)[0].sessions[0].chains[0]
    assert chain.end is not None
    status = world.cloudtrail("GetTrailStatus", {"Name": "audit"})
    assert status["LatestDigestDeliveryError"] == "SlowDown"
    world.log_store.failure = ""
    deliveries.after(HOUR)
    assert deliveries.digests()[chain.key]["digestEndTime"]
    assert "LatestDigestDeliveryError" not in world.cloudtrail("GetTrailStatus", {"Name": "audit"})


def test_keys_are_renewed(deliveries: Deliveries) -> None:
    """After their days a new one signs; both are listed, each for its time."""
    deliveries.after(HOUR)
    deliveries.after(31 * DAY)
    first, second = (digest["digestPublicKeyFingerprint"] for digest in deliveries.digests().values())
    assert first != second
    listed = deliveries.world.cloudtrail("ListPublicKeys", {"StartTime": 0})["PublicKeyList"]
    assert [key["Fingerprint"] for key in listed] == [first, second]


def test_without_validation_there_are_none() -> None:
    """And a session ends without one, too."""
    deliveries = Deliveries(World())
    deliveries.start(EnableLogFileValidation=False)
    deliveries.after(HOUR)
    deliveries.world.cloudtrail("StopLogging", {"Name": "audit"})
    deliveries.after(0)
    assert deliveries.digests() == {}
    assert deliveries.world.database.trails(ALICE_ACCOUNT)[0].sessions == ()


def test_enabled_anew_a_new_chain_begins(deliveries: Deliveries) -> None:
    """With UpdateTrail; in between there are no digests."""
    world = deliveries.world
    deliveries.after(HOUR)
    world.cloudtrail("UpdateTrail", {"Name": "audit", "EnableLogFileValidation": False})
    deliveries.after(2 * HOUR)
    world.cloudtrail("UpdateTrail", {"Name": "audit", "EnableLogFileValidation": True})
    deliveries.after(HOUR)
    first, second = deliveries.digests().values()
    assert second["previousDigestS3Object"] is None
    assert second["digestStartTime"] > first["digestEndTime"]

"""What trails have delivered: damage put in, and found."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from harness.deliveries import BUCKET, HOUR, INTERVAL, Deliveries
from harness.world import ALICE_ACCOUNT, World
from selfkms.domain.records import Put
from selfkms.gate.delivered import DeliveredCheck, DeliveryDamagedError, TrailReport
from selfkms.ports.log_store import LogStoreError


def check(deliveries: Deliveries) -> list[TrailReport]:
    """What is said of the trails, if nothing is wrong."""
    world = deliveries.world
    found = DeliveredCheck(
        database=world.database, log_store=world.log_store, signer=deliveries.signer, progress=lambda *_: None
    )
    found.read()
    found.compare(world.history)
    return found.reports


def damage(deliveries: Deliveries) -> DeliveryDamagedError:
    with pytest.raises(DeliveryDamagedError) as wrong:
        check(deliveries)
    return wrong.value


def some(*, stopped: bool, **settings: Any) -> Deliveries:
    """Two hours of a trail with log files and digests."""
    deliveries = Deliveries(World())
    deliveries.start(**settings)
    for _ in range(2):
        deliveries.world.call("ListKeys")
        deliveries.after(INTERVAL)
        deliveries.world.call("CreateKey")
        deliveries.after(HOUR - INTERVAL)
    deliveries.world.call("ListAliases")
    deliveries.after(INTERVAL)
    if stopped:
        deliveries.world.cloudtrail("StopLogging", {"Name": "audit"})
        deliveries.world.clock.seconds += 1
        deliveries.world.call("ListAliases")
        deliveries.after(INTERVAL)
    return deliveries


@pytest.fixture(params=[False, True], ids=["logging", "stopped"])
def deliveries(request: pytest.FixtureRequest) -> Deliveries:
    return some(stopped=request.param)


def change(deliveries: Deliveries, key: str, edit: Callable[[bytes], bytes]) -> None:
    """Alter what is packed in an object."""
    objects = deliveries.world.log_store.objects
    objects[BUCKET, key] = gzip.compress(edit(gzip.decompress(objects[BUCKET, key])))


def test_in_order(deliveries: Deliveries) -> None:
    """Also what happened since the last delivery."""
    deliveries.world.call("ListKeys")
    (report,) = check(deliveries)
    delivered = len(deliveries.names())
    assert (report.records, report.log_files) == (delivered, len(deliveries.logs()))
    assert (report.digests, report.older_records, report.other_spans) == (len(deliveries.digests()), 0, 0)


def test_every_log_file_is_looked_at(deliveries: Deliveries) -> None:
    """One byte altered, the end cut off, or all of it gone."""
    objects = deliveries.world.log_store.objects
    for key in deliveries.logs():
        kept = objects[BUCKET, key]
        for edit in (
            lambda document: document.replace(b"AKIA", b"AKIB", 1),
            lambda document: document[:-1],
            lambda document: document.replace(b'"Records"', b'"Rekords"'),
        ):
            change(deliveries, key, edit)
            assert damage(deliveries).where == f"{BUCKET}/{key}"
        objects[BUCKET, key] = kept[:-9]
        assert damage(deliveries).what == "the file cannot be unpacked"
        del objects[BUCKET, key]
        wrong = damage(deliveries)
        assert (wrong.where, wrong.what) == (f"{BUCKET}/{key}", "the file is missing")
        objects[BUCKET, key] = kept
    check(deliveries)


def test_every_digest_is_looked_at(deliveries: Deliveries) -> None:
    """Altered, gone, without its signature, with another one, or one in the place of another; also the newest."""
    store = deliveries.world.log_store
    *_, newest = deliveries.digests()
    for key in deliveries.digests():
        kept, metadata = store.objects[BUCKET, key], store.metadata[BUCKET, key]
        change(deliveries, key, lambda document: document.replace(b"awsAccountId", b"awsAccountIe"))
        assert (damage(deliveries).where, damage(deliveries).what) == (
            f"{BUCKET}/{key}",
            "the digest is not the one that was delivered",
        )
        if key != newest:
            store.objects[BUCKET, key] = store.objects[BUCKET, newest]
            assert damage(deliveries).where == f"{BUCKET}/{key}"
        del store.objects[BUCKET, key]
        assert damage(deliveries).what == "the file is missing"
        store.objects[BUCKET, key] = kept
        for altered in ({}, {**metadata, "signature": "00"}):
            store.metadata[BUCKET, key] = altered
            assert damage(deliveries).what == "the signature of the digest was altered or removed"
        store.metadata[BUCKET, key] = metadata
    check(deliveries)


def test_a_signature_of_another_key_is_found(deliveries: Deliveries, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who could write the database, but not sign."""
    monkeypatch.setattr(deliveries.signer, "verify", lambda *_: False)
    assert damage(deliveries).what == "the signature of the digest is not ours"


class TestAgainstTheJournal:
    """Without digests the journal alone says what must be there."""

    @pytest.fixture
    def plain(self) -> Deliveries:
        return some(stopped=True, EnableLogFileValidation=False)

    def test_a_record_that_is_in_no_file(self, plain: Deliveries) -> None:
        """Or a whole file of them."""
        (report,) = check(plain)
        assert (report.records, report.digests) == (len(plain.names()), 0)
        key = list(plain.logs())[1]
        change(
            plain,
            key,
            lambda document: b'{"Records":' + json.dumps(json.loads(document)["Records"][1:]).encode() + b"}",
        )
        assert "is in no log file" in damage(plain).what
        del plain.world.log_store.objects[BUCKET, key]
        assert "is in no log file" in damage(plain).what

    def test_a_record_that_was_altered(self, plain: Deliveries) -> None:
        """By a single byte; the file is named."""
        key = list(plain.logs())[1]
        change(plain, key, lambda document: document.replace(b"AKIA", b"AKIB", 1))
        wrong = damage(plain)
        assert (wrong.where, "not as the audit journal has it" in wrong.what) == (f"{BUCKET}/{key}", True)

    def test_a_record_that_nobody_made(self, plain: Deliveries) -> None:
        """In a file of its own, or in one that is there."""
        key = list(plain.logs())[1]
        store = plain.world.log_store
        (record, *_) = plain.logs()[key]
        made_up = {**record, "eventID": "11111111-2222-4333-8444-555566667777"}
        added = key.replace(".json.gz", "x.json.gz")
        store.put(BUCKET, added, gzip.compress(json.dumps({"Records": [made_up]}).encode()), metadata={})
        wrong = damage(plain)
        assert (wrong.where, "is not in the audit journal" in wrong.what) == (f"{BUCKET}/{added}", True)

    def test_a_journal_that_was_cut_off(self, plain: Deliveries) -> None:
        """What the journal does not have any more, the log files have."""
        records = list(plain.world.history._records())
        plain.world.history = type(plain.world.history)(lambda: records[: len(records) // 2])
        assert "is not in the audit journal" in damage(plain).what

    def test_what_is_older_than_the_journal(self, plain: Deliveries) -> None:
        """It is counted: the journal was begun anew since."""
        (report,) = check(plain)
        old = plain.world.history
        plain.world.history = type(old)(list)
        plain.world.call("ListKeys")
        last = list(old._records())[-1:]
        plain.world.history = type(old)(lambda: last)
        (later,) = check(plain)
        assert (later.records, later.older_records) == (0, report.records)
        assert later.other_spans > 0

    def test_a_span_that_began_with_another_journal(self, plain: Deliveries) -> None:
        """Its beginning is that of any journal; its end is not, so that nothing is missed."""
        world = plain.world
        trail = world.database.trails(ALICE_ACCOUNT)[0]
        (*_, last) = trail.spans
        other = msgspec.structs.replace(last, after="", until="other", bucket="logs", folder="none/")
        world.database.commit([Put(trail.changed(spans=(other,)))])
        (report,) = check(plain)
        assert (report.records, report.other_spans) == (0, 1)

    def test_settings_that_were_changed_meanwhile(self, plain: Deliveries) -> None:
        """What was delivered before was delivered as it was wanted then; another bucket is another place."""
        world = plain.world
        world.log_store.buckets.add("others")
        world.cloudtrail("StartLogging", {"Name": "audit"})
        world.call("ListKeys")
        plain.after(INTERVAL)
        selectors = [{"ExcludeManagementEventSources": ["kms.amazonaws.com"]}]
        world.cloudtrail("PutEventSelectors", {"TrailName": "audit", "EventSelectors": selectors})
        world.call("ListKeys")
        plain.after(INTERVAL)
        world.cloudtrail("UpdateTrail", {"Name": "audit", "S3BucketName": "others", "S3KeyPrefix": "a/b"})
        plain.after(INTERVAL)
        (report,) = check(plain)
        assert report.records == len(plain.names())
        del world.log_store.objects[next(name for name in world.log_store.objects if name[0] == "others")]
        assert damage(plain).where.startswith("others/a/b/AWSLogs/")

    def test_two_trails_in_one_place(self, plain: Deliveries) -> None:
        """Each record is there for both."""
        plain.start("second", EnableLogFileValidation=False)
        plain.world.cloudtrail("StartLogging", {"Name": "audit"})
        plain.world.call("ListKeys")
        plain.after(INTERVAL)
        first, second = check(plain)
        assert min(first.records, second.records) > 0


def test_a_bucket_that_is_gone(deliveries: Deliveries) -> None:
    """All is missing."""
    deliveries.world.log_store.buckets.clear()
    assert damage(deliveries).what == "the file is missing"


def test_a_store_that_does_not_answer(deliveries: Deliveries) -> None:
    """Nothing is known then."""
    deliveries.world.log_store.failure = "SlowDown"
    with pytest.raises(LogStoreError, match="SlowDown"):
        check(deliveries)

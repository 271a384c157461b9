"""boto3: the event history, as a client of CloudTrail and KMS sees it; also of a server whose processes are killed."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from harness.calls import fields, make_key, refusal
from harness.processes import Processes
from harness.server import ALICE_ACCOUNT, BOB_ACCOUNT, Server, read_journal, running

VISIBLE_SECONDS_MAX = 2.0
SETTLE_SECONDS_MAX = 20.0


@pytest.fixture
def cloudtrail(server: Server) -> Iterator[Any]:
    """AWS CloudTrail for the administrator of the first account."""
    with closing(server.client(service="cloudtrail")) as client:
        yield client


def within(seconds: float, look: Callable[[], Any]) -> Any:
    """What is there at last; too late is a failure."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.02)
    return found


def by(key: str, value: str) -> dict[str, Any]:
    return {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]}


def names_of(cloudtrail: Any, arn: str) -> list[str]:
    """The operations on a KMS key, the newest first."""
    pages = cloudtrail.get_paginator("lookup_events").paginate(**by("ResourceName", arn))
    return [event["EventName"] for page in pages for event in page["Events"]]


@pytest.mark.parametrize("change", [True, False])
def test_an_event_is_visible_within_two_seconds(alice: Any, cloudtrail: Any, *, change: bool) -> None:
    """Whether its record came with a change in the database or by the journal."""
    arn = make_key(alice)["Arn"]
    name = "DisableKey" if change else "DescribeKey"
    (alice.disable_key if change else alice.describe_key)(KeyId=arn)
    within(VISIBLE_SECONDS_MAX, lambda: name in names_of(cloudtrail, arn))


def test_an_event(alice: Any, cloudtrail: Any) -> None:
    """As boto3 reads it."""
    key = make_key(alice)
    answer = alice.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"a": "b"})
    request_id = answer["ResponseMetadata"]["RequestId"]
    within(VISIBLE_SECONDS_MAX, lambda: "Encrypt" in names_of(cloudtrail, key["Arn"]))
    events = fields(cloudtrail.lookup_events(**by("ResourceName", key["Arn"])))["Events"]
    (event,) = [event for event in events if event["EventName"] == "Encrypt"]
    assert (event["ReadOnly"], event["Username"], event["EventSource"]) == ("true", "admin", "kms.amazonaws.com")
    assert event["Resources"] == [{"ResourceType": "AWS::KMS::Key", "ResourceName": key["Arn"]}]
    assert request_id in event["CloudTrailEvent"]
    assert '"encryptionContext":{"a":"b"}' in event["CloudTrailEvent"]
    assert abs(event["EventTime"].timestamp() - time.time()) < 60


def test_pages(alice: Any, cloudtrail: Any) -> None:
    """boto3's paginator finds everything; a token is good for its own query alone."""
    arn = make_key(alice)["Arn"]
    for _ in range(4):
        alice.describe_key(KeyId=arn)
    within(VISIBLE_SECONDS_MAX, lambda: len(names_of(cloudtrail, arn)) == 5)
    query = by("ResourceName", arn)
    pages = list(cloudtrail.get_paginator("lookup_events").paginate(**query, PaginationConfig={"PageSize": 2}))
    assert [len(page["Events"]) for page in pages] == [2, 2, 1]
    token = pages[0]["NextToken"]
    assert refusal(cloudtrail.lookup_events, NextToken=token)[0] == "InvalidNextTokenException"
    assert refusal(cloudtrail.lookup_events, **by("EventName", "X"), NextToken=token)[0] == "InvalidNextTokenException"


def test_refusals(cloudtrail: Any) -> None:
    """CloudTrail's own errors, which boto3 knows as exceptions."""
    for error, parameters in (
        ("InvalidMaxResultsException", {"MaxResults": 51}),
        ("InvalidLookupAttributesException", by("KeyId", "x")),
        ("InvalidTimeRangeException", {"StartTime": 2, "EndTime": 1}),
        ("InvalidEventCategoryException", {"EventCategory": "other"}),
    ):
        with pytest.raises(getattr(cloudtrail.exceptions, error)):
            cloudtrail.lookup_events(**parameters)


def test_accounts_are_apart(alice: Any, server: Server) -> None:
    """What one account did the other does not find."""
    arn = make_key(alice)["Arn"]
    with closing(server.client(service="cloudtrail")) as own:
        within(VISIBLE_SECONDS_MAX, lambda: names_of(own, arn))
    for foreign in ({"profile": BOB_ACCOUNT}, {"region": "eu-west-1"}):
        with closing(server.client(service="cloudtrail", **foreign)) as other:
            assert names_of(other, arn) == []


def test_the_last_use_of_a_key(alice: Any) -> None:
    """Nothing at first; within two seconds what the key was used for, as boto3 reads it."""
    key = make_key(alice)
    before = fields(alice.get_key_last_usage(KeyId=key["KeyId"]))
    assert before["KeyLastUsage"] == {}
    assert before["TrackingStartDate"] == before["KeyCreationDate"] == key["CreationDate"]
    answer = alice.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256")
    used = within(VISIBLE_SECONDS_MAX, lambda: alice.get_key_last_usage(KeyId=key["KeyId"])["KeyLastUsage"] or None)
    assert used["Operation"] == "GenerateDataKey"
    assert used["KmsRequestId"] == answer["ResponseMetadata"]["RequestId"]
    assert abs(used["Timestamp"].timestamp() - time.time()) < 60


class Client:
    """Asks without end, and remembers the requests that were answered."""

    def __init__(self, server: Server) -> None:
        self._client = server.client()
        self._stop = Event()
        self._thread = Thread(target=self._run)
        self.answered: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            for call in (lambda: self._client.generate_random(NumberOfBytes=1), self._client.create_key):
                try:
                    self.answered.append(call()["ResponseMetadata"]["RequestId"])
                except (ClientError, BotoCoreError):
                    time.sleep(0.02)


def request_ids(server: Server) -> Counter[str]:
    """Of all events of the first account in the Region, but for those of CloudTrail itself."""
    with closing(server.client(service="cloudtrail")) as cloudtrail:
        pages = cloudtrail.get_paginator("lookup_events").paginate(**by("EventSource", "kms.amazonaws.com"))
        events = [event["CloudTrailEvent"] for page in pages for event in page["Events"]]
    return Counter(event.partition('"requestID":"')[2][:36] for event in events)


def test_kill_nine_loses_and_doubles_no_event(data_dir: Path) -> None:
    """Of the keeper in the middle of its work, then of everything: each answered request is one event."""
    options = ("--workers", "1", "--set", "audit.segment_bytes=1048576")
    answered: list[str] = []
    with running(data_dir, *options) as server:
        processes = Processes(server)
        with Client(server) as client:
            for pause in (0.3, 0.9, 1.1):
                time.sleep(pause)
                processes.kill("keeper")
            time.sleep(0.5)
            server.kill()
        answered += client.answered
    with running(data_dir, *options) as server:
        with Client(server) as client:
            time.sleep(0.5)
        answered += client.answered
        within(SETTLE_SECONDS_MAX, lambda: request_ids(server).keys() >= set(answered))
        found = request_ids(server)
        assert server.stop() == 0
    assert len(answered) > 50
    assert set(found.values()) == {1}
    journal = [record for record in read_journal(data_dir) if record["eventSource"] == "kms.amazonaws.com"]
    own = [record["requestID"] for record in journal if record.get("recipientAccountId") == ALICE_ACCOUNT]
    assert Counter(own) == found

"""The clock of `selfkms dev`: it moves the service's time, and what falls due by it has happened."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from harness.calls import fields, make_key, refusal
from harness.server import ALICE_ACCOUNT, Server, read_journal, running
from harness.wire import framed, once

DAY: Final = 86_400.0
CIPHERTEXT_TEXT: Final = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this region, "
    "or you are not allowed to access."
)
AHEAD_ONLY: Final = "the clock moves ahead only, by 100 years at most"


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two workers whose clock the tests of this file move."""
    with running(tmp_path_factory.mktemp("clock") / "data", "--workers", "2") as server:
        yield server


@pytest.fixture(scope="module")
def kms(moved: Server) -> Iterator[Any]:
    """Its AWS KMS."""
    with closing(moved.client()) as client:
        yield client


def ahead(kms: Any) -> timedelta:
    """How far the service's time is ahead, to the minute, as the date of a new key tells."""
    created: datetime = make_key(kms)["CreationDate"]
    return timedelta(minutes=round((created - datetime.now(tz=UTC)) / timedelta(minutes=1)))


def test_the_clock_moves_for_every_worker(moved: Server) -> None:
    """At once, and clients go on signing with the time that they know."""
    before = moved.move_clock(0)
    answer = moved.move_clock(3_600)
    assert answer.keys() == {"offset_seconds", "now"}
    assert answer["offset_seconds"] == before["offset_seconds"] + 3_600
    assert abs(answer["now"] - answer["offset_seconds"] - datetime.now(tz=UTC).timestamp()) < 60
    expected = timedelta(minutes=round(answer["offset_seconds"] / 60))
    for _ in range(8):
        # A connection of its own, which either worker may get.
        with closing(moved.client()) as client:
            assert ahead(client) == expected


def test_a_key_is_gone_when_its_pending_window_is_over(moved: Server, kms: Any) -> None:
    """With its aliases, when the answer comes; not a moment before. What it encrypted never opens again."""
    key, other = make_key(kms), make_key(kms)
    kms.create_alias(AliasName="alias/going", TargetKeyId=key["KeyId"])
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    kms.schedule_key_deletion(KeyId=other["KeyId"], PendingWindowInDays=8)

    moved.move_clock(7 * DAY - 60)
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert refusal(kms.decrypt, CiphertextBlob=blob) == (
        "KMSInvalidStateException",
        f"{key['Arn']} is pending deletion.",
    )

    moved.move_clock(60)
    gone = ("NotFoundException", f"Key '{key['Arn']}' does not exist")
    for _ in range(8):
        with closing(moved.client()) as client:
            assert refusal(client.describe_key, KeyId=key["KeyId"]) == gone
            assert refusal(client.decrypt, CiphertextBlob=blob) == ("AccessDeniedException", CIPHERTEXT_TEXT)
            assert refusal(client.describe_key, KeyId="alias/going")[0] == "NotFoundException"
    assert refusal(kms.cancel_key_deletion, KeyId=key["KeyId"]) == gone
    assert key["KeyId"] not in {entry["KeyId"] for entry in kms.list_keys()["Keys"]}
    assert fields(kms.create_alias(AliasName="alias/going", TargetKeyId=make_key(kms)["KeyId"])) == {}
    assert fields(kms.cancel_key_deletion(KeyId=other["KeyId"])) == {"KeyId": other["Arn"]}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{"advance_seconds": -1}', AHEAD_ONLY),
        ('{"advance_seconds": 3153600001}', AHEAD_ONLY),
        ('{"advance_seconds": 1e308}', AHEAD_ONLY),
        ('{"advance_seconds": "10"}', "Expected `float`, got `str` - at `$.advance_seconds`"),
        ('{"advance_seconds": null}', "Expected `float`, got `null` - at `$.advance_seconds`"),
        ('{"advance_seconds": 1, "set": 2}', "Object contains unknown field `set`"),
        ("{}", "Object missing required field `advance_seconds`"),
        ("[]", "Expected `object`, got `array`"),
        ("", "Input data was truncated"),
        ('{"advance_seconds": NaN}', "JSON is malformed: invalid character (byte 20)"),
    ],
)
def test_moves_that_are_none(moved: Server, body: str, text: str) -> None:
    """Are refused with a reason, and the clock stays."""
    before = moved.move_clock(0)["offset_seconds"]
    answer = once(moved, framed({"Host": "localhost"}, body.encode(), first_line="POST /-/dev/clock HTTP/1.1"))
    assert (answer.status, json.loads(answer.body)) == (400, {"message": text})
    assert moved.move_clock(0)["offset_seconds"] == before


def test_the_clock_is_moved_by_post_only(moved: Server) -> None:
    """And at one address."""
    for first_line in ("GET /-/dev/clock HTTP/1.1", "POST /-/dev/clock/ HTTP/1.1", "PUT /-/dev/clock HTTP/1.1"):
        answer = once(moved, framed({"Host": "localhost"}, b'{"advance_seconds": 1}', first_line=first_line))
        assert (answer.status, answer.code) == (400, "UnknownOperationException")


def test_with_a_data_directory_the_clock_stays_moved(data_dir: Path) -> None:
    """What the audit says follows the moved time, and so does what falls due after the next start."""
    with running(data_dir) as server, closing(server.client()) as kms:
        key = make_key(kms)
        kms.schedule_key_deletion(KeyId=key["KeyId"])
        server.move_clock(20 * DAY)
    with running(data_dir) as server, closing(server.client()) as kms:
        assert ahead(kms) == timedelta(days=20)
        assert server.move_clock(10 * DAY)["offset_seconds"] == 30 * DAY
        assert refusal(kms.describe_key, KeyId=key["KeyId"])[0] == "NotFoundException"
    ended = [record for record in read_journal(data_dir) if record["eventName"] == "DeleteKey"]
    assert [record["resources"] for record in ended] == [
        [{"accountId": ALICE_ACCOUNT, "type": "AWS::KMS::Key", "ARN": key["Arn"]}]
    ]
    assert ended[0]["eventType"] == "AwsServiceEvent"
    at = datetime.fromisoformat(ended[0]["eventTime"]) - datetime.now(tz=UTC)
    assert timedelta(days=29) < at <= timedelta(days=30)

"""Names of trails and buckets, and the states of a trail."""

import pytest

from selfkms.domain.cloudtrail.errors import (
    InvalidS3BucketNameException,
    InvalidS3PrefixException,
    InvalidTrailNameException,
)
from selfkms.domain.cloudtrail.trails import Trail, check_bucket, check_trail_name

TRAIL = Trail(account_id="111122223333", home_region="us-east-1", name="audit", created_at=1.0, bucket="logs")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "Trail name too short. Minimum allowed length: 3 characters. Specified name length: 0 characters."),
        ("ab", "Trail name too short. Minimum allowed length: 3 characters. Specified name length: 2 characters."),
        (
            "a" * 129,
            "Trail name too long. Maximum allowed length: 128 characters. Specified name length: 129 characters.",
        ),
        ("-trail", "Trail name must starts with a letter or number."),
        ("trail!", "Trail name must ends with a letter or number."),
        ("my#trail", "can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and"),
        ("my-_trail", "cannot have adjacent periods (.), hyphens (-), or underscores (_)."),
        ("192.168.5.4", "must not be formatted as an IP address."),
        ("größe", "can only contain"),
        ("ärger", "must starts with"),
    ],
)
def test_names_that_are_refused(name: str, text: str) -> None:
    """For the first rule that is broken, with AWS's text."""
    with pytest.raises(InvalidTrailNameException) as refused:
        check_trail_name(name)
    assert text in str(refused.value)


@pytest.mark.parametrize("name", ["abc", "a" * 128, "A.b-c_9", "1.2.3.4.5"])
def test_names_that_are_taken(name: str) -> None:
    """Letters, digits, and single marks between them."""
    check_trail_name(name)


@pytest.mark.parametrize("bucket", ["ab", "Logs", "-logs", "logs-", "a..b", "1.2.3.4", "a/b", "..", "a" * 64, "lögs"])
def test_buckets_that_are_refused(bucket: str) -> None:
    """Whatever S3 does not take, and so whatever could be a path."""
    with pytest.raises(InvalidS3BucketNameException):
        check_bucket(bucket, None)


@pytest.mark.parametrize("prefix", ["", "/a", "a/", "a//b", "..", "a/../b", ".", "a b", "a\\b", "a" * 201])
def test_prefixes_that_are_refused(prefix: str) -> None:
    """None leads out of the bucket."""
    with pytest.raises(InvalidS3PrefixException):
        check_bucket("logs", prefix)


def test_what_is_taken() -> None:
    """Buckets with dots, prefixes with folders."""
    check_bucket("my.logs-1", "team-a/audit.v1")


def test_a_session_lasts_from_start_to_stop() -> None:
    """A second one does not disturb the first."""
    trail = TRAIL.started(at=5.0, place="p")
    assert (trail.is_logging, trail.started_at) == (True, 5.0)
    stopped = trail.stopped(at=6.0)
    assert (stopped.is_logging, stopped.stopped_at) == (False, 6.0)
    again = stopped.started(at=7.0, place="q")
    assert [session.stopped_at for session in again.sessions] == [6.0, None]
    assert again.is_logging


def test_validation_enabled_while_logging_counts_from_then_on() -> None:
    """Disabled, the chains are forgotten; not logging, it counts with the next start."""
    trail = TRAIL.started(at=5.0, place="p").with_validation(enabled=True, at=8.0)
    assert trail.sessions[0].digests_from == 8.0
    assert trail.with_validation(enabled=True, at=9.0) is trail
    assert trail.with_validation(enabled=False, at=9.0).sessions[0].digests_from is None
    assert TRAIL.with_validation(enabled=True, at=8.0).started(at=9.0, place="p").sessions[0].digests_from == 9.0


def test_a_deleted_trail_has_another_key() -> None:
    """So that its name is free."""
    assert TRAIL.primary_key() == ("111122223333", "us-east-1/audit")
    assert TRAIL.changed(deletion="x").primary_key() == ("111122223333", "us-east-1/audit#x")

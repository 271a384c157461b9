"""What is different in records of Amazon EC2: errors say whose fault they are, and have names of their own."""

import json
from typing import Any

import pytest

from selfkms.domain import errors
from selfkms.domain.cloudtrail.event import Event
from selfkms.domain.ebs.errors import AuthFailure, InvalidSnapshotNotFound
from selfkms.domain.kms import errors as kms_errors
from selfkms.protocol.ec2_errors import ON_EC2, on_ec2


def recorded(error: errors.AWSError, source: str = "ec2.amazonaws.com") -> dict[str, Any]:
    event = Event(
        event_id="event",
        request_id="request",
        at=1_790_000_000.0,
        source=source,
        name="DescribeSnapshots",
        source_ip="192.0.2.7",
        user_agent="aws-cli/2.31",
        parameters={"snapshotSet": {}},
        error=error,
    )
    record: dict[str, Any] = json.loads(event.finish().body)
    return record


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidSnapshotNotFound("no"), "Client.InvalidSnapshot.NotFound"),
        (AuthFailure("no"), "Client.AuthFailure"),
        (errors.AccessDeniedException("no"), "Client.UnauthorizedOperation"),
        (kms_errors.DryRunOperationException("no"), "Client.DryRunOperation"),
        (kms_errors.KMSInternalException("no"), "Server.InternalError"),
        (kms_errors.DependencyTimeoutException("no"), "Server.Unavailable"),
    ],
)
def test_codes(error: errors.AWSError, code: str) -> None:
    """With whose fault it is in front."""
    assert recorded(error)["errorCode"] == code


@pytest.mark.parametrize("kind", [kind for kind in ON_EC2 if kind is not errors.UnknownOperationException])
def test_codes_are_those_of_the_answer(kind: type[errors.AWSError]) -> None:
    """Record and answer do not disagree, but for what clients cannot have sent with parameters."""
    code = recorded(kind("text"))["errorCode"].partition(".")[2]
    checked_before = {errors.ValidationException, errors.ValidationError}
    unread = {
        errors.SerializationException,
        errors.MalformedInput,
        errors.MalformedQueryString,
        errors.RequestEntityTooLargeException,
    }
    if kind not in checked_before | unread:
        assert code == on_ec2(kind("text")).code


@pytest.mark.parametrize(
    "error",
    [
        errors.AccessDeniedException("User: … is not authorized to perform: ec2:DeleteSnapshot"),
        errors.AccessDenied(),
        kms_errors.DryRunOperationException("The request would have succeeded."),
        InvalidSnapshotNotFound("The snapshot 'snap-1' does not exist."),
    ],
)
def test_texts_are_those_of_the_answer(error: errors.AWSError) -> None:
    """EC2 puts a text of its own before a refusal."""
    assert recorded(error)["errorMessage"] == on_ec2(error).text


def test_refused_access_shows_what_was_asked_for() -> None:
    """Unlike in records of AWS KMS."""
    refusal = errors.AccessDeniedException("no")
    assert recorded(refusal)["requestParameters"] == {"snapshotSet": {}}
    kms = recorded(refusal, source="kms.amazonaws.com")
    assert (kms["errorCode"], kms["requestParameters"]) == ("AccessDenied", None)

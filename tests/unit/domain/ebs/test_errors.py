"""Errors of Amazon EC2 and of the EBS direct APIs: their codes, and what they say beside the message.

Source: Amazon EC2 API Reference, "Error codes for the Amazon EC2 API"; EBS direct APIs API Reference, "Errors".
"""

import inspect

import pytest

from selfkms.domain import errors as common
from selfkms.domain.ebs import errors
from selfkms.domain.ebs.errors import EC2Error

OF_EC2 = sorted(
    (kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, EC2Error)),
    key=lambda kind: kind.__name__,
)
DOTTED = {
    errors.InvalidSnapshotNotFound: "InvalidSnapshot.NotFound",
    errors.InvalidSnapshotIDMalformed: "InvalidSnapshotID.Malformed",
    errors.InvalidVolumeNotFound: "InvalidVolume.NotFound",
    errors.InvalidVolumeIDMalformed: "InvalidVolumeID.Malformed",
    errors.InvalidZoneNotFound: "InvalidZone.NotFound",
    errors.InvalidUserIDMalformed: "InvalidUserID.Malformed",
}


@pytest.mark.parametrize("kind", [kind for kind in OF_EC2 if kind is not EC2Error], ids=lambda kind: kind.__name__)
def test_codes_of_ec2(kind: type[EC2Error]) -> None:
    """The name of the class, or the code with a dot that such a name cannot have."""
    assert kind("text").code == DOTTED.get(kind, kind.__name__)
    assert kind("text").message == "text"
    assert 400 <= kind.http_status < 500


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (errors.ValidationException, common.ValidationException),
        (errors.ResourceNotFoundException, common.AWSError),
    ],
)
def test_reasons(kind: type[errors.ValidationException], base: type[common.AWSError]) -> None:
    """A program reads the reason, a person the message."""
    error = kind("text", "WHY")
    assert (error.message, error.reason) == ("text", "WHY")
    assert isinstance(error, base)


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        (errors.ConflictException("x"), "ConflictException", 409),
        (errors.ResourceNotFoundException("x", "SNAPSHOT_NOT_FOUND"), "ResourceNotFoundException", 404),
        (errors.ValidationException("x", "INVALID_BLOCK"), "ValidationException", 400),
        (errors.InvalidSignatureException("x"), "InvalidSignatureException", 403),
        (errors.InternalServerException("x"), "InternalServerException", 500),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_statuses_of_the_direct_apis(kind: common.AWSError, code: str, status: int) -> None:
    """By which SDKs tell what may be tried again."""
    assert (kind.code, kind.http_status) == (code, status)

"""What the errors of the framework are called by EC2."""

import pytest

from selfkms.domain import errors
from selfkms.domain.errors import AWSError
from selfkms.domain.kms import errors as kms_errors
from selfkms.protocol.ec2_errors import on_ec2

NOT_AUTHENTIC = "AWS was not able to validate the provided access credentials"


@pytest.mark.parametrize(
    ("error", "code", "status", "text"),
    [
        (errors.UnrecognizedClientException("t"), "AuthFailure", 401, NOT_AUTHENTIC),
        (errors.InvalidSignatureException("t"), "AuthFailure", 401, NOT_AUTHENTIC),
        (errors.InvalidSignatureException("Signature expired: …"), "RequestExpired", 400, "Request has expired."),
        (errors.InvalidSignatureException("Signature not yet current: …"), "AuthFailure", 401, NOT_AUTHENTIC),
        (errors.ExpiredTokenException("t"), "RequestExpired", 400, "Request has expired."),
        (
            errors.MissingAuthenticationTokenException("t"),
            "MissingParameter",
            400,
            "The request must contain the parameter AWSAccessKeyId",
        ),
        (errors.IncompleteSignatureException("t"), "IncompleteSignature", 400, "t"),
        (
            errors.AccessDenied(),
            "UnauthorizedOperation",
            403,
            "You are not authorized to perform this operation.",
        ),
        (
            errors.AccessDeniedException("User: u may not"),
            "UnauthorizedOperation",
            403,
            "You are not authorized to perform this operation. User: u may not",
        ),
        (
            errors.UnknownOperationException(operation="RunInstances"),
            "InvalidAction",
            400,
            "The action RunInstances is not valid for this web service.",
        ),
        (errors.UnknownOperationException(), "MissingAction", 400, "The request is missing an action."),
        (kms_errors.UnsupportedOperationException("t"), "InvalidAction", 400, "t"),
        (errors.ValidationException("t"), "InvalidParameterValue", 400, "t"),
        (errors.MissingParameter("t"), "MissingParameter", 400, "t"),
        (errors.InvalidParameterValue("t"), "InvalidParameterValue", 400, "t"),
        (errors.RequestEntityTooLargeException("t"), "RequestEntityTooLarge", 413, "t"),
        (kms_errors.KMSInternalException("t"), "InternalError", 500, "An internal error has occurred"),
        (errors.InternalFailure("t"), "InternalError", 500, "An internal error has occurred"),
        (
            kms_errors.DependencyTimeoutException("t"),
            "Unavailable",
            503,
            "The service is unavailable. Please try again shortly.",
        ),
        (
            kms_errors.DryRunOperationException("t"),
            "DryRunOperation",
            412,
            "Request would have succeeded, but DryRun flag is set.",
        ),
    ],
)
def test_names(error: AWSError, code: str, status: int, text: str) -> None:
    """Each error of the framework has EC2's code, status and text."""
    assert on_ec2(error) == (code, status, text)


def test_errors_of_ec2_keep_their_names() -> None:
    """What EC2's own code raises is shown as it is, also with a dot in its code."""

    class NotFound(AWSError):
        @property
        def code(self) -> str:
            return "InvalidSnapshot.NotFound"

    assert on_ec2(NotFound("gone")) == ("InvalidSnapshot.NotFound", 400, "gone")


def test_every_error_of_the_framework_is_named() -> None:
    """No error that any service may answer gets out with the name of the JSON protocol."""
    common = [error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, AWSError)]
    for error in set(common) - {AWSError}:
        assert not on_ec2(error("t")).code.endswith("Exception")

"""What the errors of the framework are called by EBS."""

import pytest

from selfkms.domain import errors
from selfkms.domain.errors import AWSError
from selfkms.domain.kms import errors as kms_errors
from selfkms.protocol.rest_errors import on_rest


@pytest.mark.parametrize(
    ("error", "code", "status", "reason"),
    [
        (errors.ValidationException("t"), "ValidationException", 400, "INVALID_PARAMETER_VALUE"),
        (errors.MalformedQueryString("t"), "ValidationException", 400, "INVALID_PARAMETER_VALUE"),
        (errors.SerializationException("t"), "SerializationException", 400, None),
        (errors.AccessDeniedException("t"), "AccessDeniedException", 403, "UNAUTHORIZED_ACCOUNT"),
        (errors.AccessDenied("t"), "AccessDeniedException", 403, "UNAUTHORIZED_ACCOUNT"),
        (errors.UnknownOperationException(), "UnknownOperationException", 404, None),
        (kms_errors.UnsupportedOperationException("t"), "UnknownOperationException", 404, None),
        (errors.MissingAuthenticationTokenException("t"), "MissingAuthenticationTokenException", 403, None),
        (errors.IncompleteSignatureException("t"), "IncompleteSignatureException", 403, None),
        (errors.InvalidSignatureException("t"), "InvalidSignatureException", 403, None),
        (errors.UnrecognizedClientException("t"), "UnrecognizedClientException", 403, None),
        (errors.ExpiredTokenException("t"), "ExpiredTokenException", 403, None),
        (errors.RequestEntityTooLargeException("t"), "RequestEntityTooLargeException", 413, None),
        (errors.InternalFailure("t"), "InternalServerException", 500, None),
        (kms_errors.KMSInternalException("t"), "InternalServerException", 500, None),
        (kms_errors.DependencyTimeoutException("t"), "ServiceUnavailable", 503, None),
    ],
)
def test_names(error: AWSError, code: str, status: int, reason: str | None) -> None:
    """Each error of the framework has EBS's code, status and reason."""
    assert on_rest(error) == (code, status, reason)


def test_errors_of_ebs_keep_their_names() -> None:
    """What EBS's own code raises is shown as it is, with its reason if it has one."""

    class ResourceNotFoundException(AWSError):
        http_status = 404
        reason = "SNAPSHOT_NOT_FOUND"

    class ConflictException(AWSError):
        http_status = 409

    class ValidationException(AWSError):
        reason = "INVALID_BLOCK_TOKEN"

    assert on_rest(ResourceNotFoundException("t")) == ("ResourceNotFoundException", 404, "SNAPSHOT_NOT_FOUND")
    assert on_rest(ConflictException("t")) == ("ConflictException", 409, None)
    assert on_rest(ValidationException("t")) == ("ValidationException", 400, "INVALID_BLOCK_TOKEN")

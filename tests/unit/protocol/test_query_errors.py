"""Errors by their names in the Query protocol."""

import pytest

from selfkms.domain import errors
from selfkms.domain.errors import AWSError
from selfkms.domain.kms import errors as kms_errors
from selfkms.protocol.query_errors import on_query


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (errors.ValidationException("t"), "ValidationError", 400),
        (errors.ValidationError("t"), "ValidationError", 400),
        (errors.SerializationException("t"), "MalformedInput", 400),
        (errors.MalformedInput("t"), "MalformedInput", 400),
        (errors.MalformedQueryString("t"), "MalformedQueryString", 404),
        (errors.UnknownOperationException("t"), "InvalidAction", 400),
        (errors.AccessDeniedException("t"), "AccessDenied", 403),
        (errors.IncompleteSignatureException("t"), "IncompleteSignature", 400),
        (errors.InvalidSignatureException("t"), "SignatureDoesNotMatch", 403),
        (errors.UnrecognizedClientException("t"), "InvalidClientTokenId", 403),
        (errors.ExpiredTokenException("t"), "ExpiredToken", 403),
        (errors.RequestEntityTooLargeException("t"), "RequestEntityTooLarge", 413),
        (errors.InternalFailure("t"), "InternalFailure", 500),
        (kms_errors.UnsupportedOperationException("t"), "InvalidAction", 400),
        (kms_errors.DependencyTimeoutException("t"), "ServiceUnavailable", 503),
        (kms_errors.KMSInternalException("t"), "InternalFailure", 500),
    ],
)
def test_names(error: AWSError, code: str, status: int) -> None:
    """Each error of the framework has the code and the status that IAM and STS give it, and keeps its text."""
    assert on_query(error) == (code, status, "t")


def test_a_missing_signature_has_its_own_words() -> None:
    """IAM and STS word this one otherwise than services of the JSON protocol."""
    shown = on_query(errors.MissingAuthenticationTokenException("Missing Authentication Token"))
    assert shown == ("MissingAuthenticationToken", 403, "Request is missing Authentication Token")


def test_errors_of_a_service_keep_their_names() -> None:
    """What a service's model names is shown as it is; so is one of the same name as one of the framework's."""

    class NoSuchEntity(AWSError):
        http_status = 404

    class ExpiredTokenException(AWSError):
        """STS: a web identity token has expired. Status 400, unlike the session token of the caller."""

    assert on_query(NoSuchEntity("gone")) == ("NoSuchEntity", 404, "gone")
    assert on_query(ExpiredTokenException()) == ("ExpiredTokenException", 400, None)


def test_every_error_of_the_framework_is_named() -> None:
    """No error that any service may answer gets out with the name of the JSON protocol."""
    common = [error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, AWSError)]
    assert set(common) > {errors.AccessDeniedException, errors.ValidationError}
    for error in set(common) - {AWSError}:
        assert not on_query(error("t")).code.endswith("Exception")

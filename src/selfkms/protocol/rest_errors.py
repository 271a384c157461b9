"""What errors are called by EBS, a service of the protocol REST-JSON, with the statuses and reasons they have there.

Source: EBS service model, for ValidationException, AccessDeniedException and InternalServerException with reasons and
statuses; recorded answers of Lambda and API Gateway, which share the front end, for status 403 of what is wrong with a
signature; Smithy's server for Rust, which answers status 404 and no text to what no operation has. ServiceUnavailable
and RequestEntityTooLargeException are ours, as they are in other protocols.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from selfkms.domain import errors
from selfkms.domain.kms import errors as kms_errors


class OnREST(NamedTuple):
    """An error as REST-JSON has it."""

    code: str
    http_status: int
    reason: str | None = None
    """Why, from the enum that EBS has for this error."""


_INVALID: Final = OnREST("ValidationException", 400, "INVALID_PARAMETER_VALUE")
_DENIED: Final = OnREST("AccessDeniedException", 403, "UNAUTHORIZED_ACCOUNT")
_INTERNAL: Final = OnREST("InternalServerException", 500)

ON_REST: Final[Mapping[type[errors.AWSError], OnREST]] = {
    errors.ValidationException: _INVALID,
    errors.ValidationError: _INVALID,
    errors.MalformedInput: _INVALID,
    errors.MalformedQueryString: _INVALID,
    errors.SerializationException: OnREST("SerializationException", 400),
    errors.UnknownOperationException: OnREST("UnknownOperationException", 404),
    errors.AccessDeniedException: _DENIED,
    errors.AccessDenied: _DENIED,
    errors.MissingAuthenticationTokenException: OnREST("MissingAuthenticationTokenException", 403),
    errors.IncompleteSignatureException: OnREST("IncompleteSignatureException", 403),
    errors.InvalidSignatureException: OnREST("InvalidSignatureException", 403),
    errors.UnrecognizedClientException: OnREST("UnrecognizedClientException", 403),
    errors.ExpiredTokenException: OnREST("ExpiredTokenException", 403),
    errors.RequestEntityTooLargeException: OnREST("RequestEntityTooLargeException", 413),
    errors.InternalFailure: _INTERNAL,
    # The gate raises KMS's errors for whatever stands in the way of any service.
    kms_errors.UnsupportedOperationException: OnREST("UnknownOperationException", 404),
    kms_errors.DependencyTimeoutException: OnREST("ServiceUnavailable", 503),
    kms_errors.KMSInternalException: _INTERNAL,
}


def on_rest(error: errors.AWSError) -> OnREST:
    """How REST-JSON has an error: by the table, else with its own code, status and reason, if it has one."""
    own = OnREST(error.code, error.http_status, getattr(error, "reason", None))
    return ON_REST.get(type(error), own)

"""What errors are called by the services of the Query protocol, and the HTTP status they have there.

The errors of the framework (signature, parameters, internal ones) are known to our code by the names that services of
the JSON protocol use. IAM and STS say the same with other codes, without "Exception", and mostly with status 403. What
a service's own model says, such as NoSuchEntity with status 404, is the business of that error's class.

Source: IAM API Reference, "Common Error Types", for codes and statuses; recorded answers of IAM and STS where the page
names the errors of the JSON protocol (AccessDenied, ExpiredToken, SignatureDoesNotMatch, InvalidClientTokenId) and for
the text of MissingAuthenticationToken; answers of SES, which shares the framework, for MalformedInput.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from selfkms.domain import errors
from selfkms.domain.kms import errors as kms_errors


class OnQuery(NamedTuple):
    """An error as the Query protocol has it."""

    code: str
    http_status: int
    text: str | None = None


ON_QUERY: Final[Mapping[type[errors.AWSError], OnQuery]] = {
    errors.ValidationException: OnQuery("ValidationError", 400),
    errors.SerializationException: OnQuery("MalformedInput", 400),
    errors.UnknownOperationException: OnQuery("InvalidAction", 400),
    errors.AccessDeniedException: OnQuery("AccessDenied", 403),
    errors.MissingAuthenticationTokenException: OnQuery(
        "MissingAuthenticationToken", 403, "Request is missing Authentication Token"
    ),
    errors.IncompleteSignatureException: OnQuery("IncompleteSignature", 400),
    errors.InvalidSignatureException: OnQuery("SignatureDoesNotMatch", 403),
    errors.UnrecognizedClientException: OnQuery("InvalidClientTokenId", 403),
    errors.ExpiredTokenException: OnQuery("ExpiredToken", 403),
    errors.RequestEntityTooLargeException: OnQuery("RequestEntityTooLarge", 413),
    errors.InternalFailure: OnQuery("InternalFailure", 500),
    # The gate raises KMS's errors for whatever stands in the way of any service.
    kms_errors.UnsupportedOperationException: OnQuery("InvalidAction", 400),
    kms_errors.DependencyTimeoutException: OnQuery("ServiceUnavailable", 503),
    kms_errors.KMSInternalException: OnQuery("InternalFailure", 500),
}
"""By class and not by code: STS has an ExpiredTokenException of its own, which keeps its name and status 400."""


def on_query(error: errors.AWSError) -> OnQuery:
    """How the Query protocol has an error: by the table, with the error's own text where the table has none.

    One that is not in the table keeps its code and status.
    """
    known = ON_QUERY.get(type(error), OnQuery(error.code, error.http_status))
    return known if known.text is not None else known._replace(text=error.message)

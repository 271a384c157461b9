"""What errors are called by EC2, which shares neither codes nor statuses with the other services.

Source: Amazon EC2 Developer Guide, "Error codes for the Amazon EC2 API", for the codes; recorded answers of EC2 for the
texts of AuthFailure with its status 401, RequestExpired, UnauthorizedOperation, InvalidAction, DryRunOperation with its
status 412, and for MissingParameter as the answer to a request without signature. Ours are the texts of MissingAction,
InternalError and Unavailable, and whatever is said about values.
"""

from collections.abc import Mapping
from typing import Final

from selfkms.domain import errors
from selfkms.domain.ebs.errors import DRY_RUN_TEXT, NOT_AUTHORIZED_TEXT
from selfkms.domain.kms import errors as kms_errors
from selfkms.protocol.query_errors import OnQuery

_NOT_AUTHENTIC: Final = OnQuery("AuthFailure", 401, "AWS was not able to validate the provided access credentials")
_EXPIRED: Final = OnQuery("RequestExpired", 400, "Request has expired.")
_INTERNAL: Final = OnQuery("InternalError", 500, "An internal error has occurred")
_NOT_AUTHORIZED: Final = OnQuery("UnauthorizedOperation", 403)

# How `sigv4` begins its texts about the time of a signature.
_TOO_OLD: Final = "Signature expired"

ON_EC2: Final[Mapping[type[errors.AWSError], OnQuery]] = {
    errors.ValidationException: OnQuery("InvalidParameterValue", 400),
    errors.ValidationError: OnQuery("InvalidParameterValue", 400),
    errors.SerializationException: OnQuery("InvalidParameterValue", 400),
    errors.MalformedInput: OnQuery("InvalidParameterValue", 400),
    errors.MalformedQueryString: OnQuery("MalformedQueryString", 400, "The query string contains a syntax error."),
    errors.UnknownOperationException: OnQuery("MissingAction", 400, "The request is missing an action."),
    errors.AccessDeniedException: _NOT_AUTHORIZED,
    errors.AccessDenied: _NOT_AUTHORIZED,
    errors.MissingAuthenticationTokenException: OnQuery(
        "MissingParameter", 400, "The request must contain the parameter AWSAccessKeyId"
    ),
    errors.IncompleteSignatureException: OnQuery("IncompleteSignature", 400),
    errors.InvalidSignatureException: _NOT_AUTHENTIC,
    errors.UnrecognizedClientException: _NOT_AUTHENTIC,
    errors.ExpiredTokenException: _EXPIRED,
    errors.RequestEntityTooLargeException: OnQuery("RequestEntityTooLarge", 413),
    errors.InternalFailure: _INTERNAL,
    kms_errors.UnsupportedOperationException: OnQuery("InvalidAction", 400),
    kms_errors.DependencyTimeoutException: OnQuery(
        "Unavailable", 503, "The service is unavailable. Please try again shortly."
    ),
    kms_errors.KMSInternalException: _INTERNAL,
    kms_errors.DryRunOperationException: OnQuery("DryRunOperation", 412, DRY_RUN_TEXT),
}


def on_ec2(error: errors.AWSError) -> OnQuery:
    """How EC2 has an error: by the table, with the error's own text where the table has none.

    One that is not in the table keeps its code and status.
    """
    known = ON_EC2.get(type(error), OnQuery(error.code, error.http_status))
    if isinstance(error, errors.UnknownOperationException) and error.operation:
        return OnQuery("InvalidAction", 400, f"The action {error.operation} is not valid for this web service.")
    if isinstance(error, errors.InvalidSignatureException) and (error.message or "").startswith(_TOO_OLD):
        return _EXPIRED
    if known is _NOT_AUTHORIZED:
        # The reason stands behind, as EC2 does it where it gives one.
        return known._replace(text=" ".join(filter(None, (NOT_AUTHORIZED_TEXT, error.message))))
    return known if known.text is not None else known._replace(text=error.message)

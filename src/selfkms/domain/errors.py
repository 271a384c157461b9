"""The errors a client may see from any service, each named exactly as AWS names it.

Source: AWS KMS API Reference, "Common Error Types"; IAM User Guide, "Troubleshoot Signature Version 4".
"""

from typing import ClassVar


class AWSError(Exception):
    """A refusal or a failure that has a code of AWS's. How it looks on a wire is known to `protocol.errors` alone."""

    http_status: ClassVar[int] = 400
    retried_by_clients: ClassVar[bool] = False

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or "")
        self.message = message

    @property
    def code(self) -> str:
        """AWS's code, which is the name of the class."""
        return type(self).__name__


class ValidationException(AWSError):
    """A parameter breaks a constraint of the service model or of the service."""


class ValidationError(AWSError):
    """IAM and STS: a parameter breaks a constraint of the service model or of the service."""


class MalformedInput(AWSError):
    """IAM and STS: a parameter is not of the type or of the structure that the model says."""


class MalformedQueryString(AWSError):
    """IAM and STS: the form itself cannot be read. The page "Common Error Types" gives it this status."""

    http_status = 404


class SerializationException(AWSError):
    """The body is not JSON, or a member has another JSON type than the model says."""


class MissingParameter(AWSError):
    """EC2: a parameter that the service model requires is not there."""


class InvalidParameterValue(AWSError):
    """EC2: a parameter is not of its type, or breaks a constraint of the service model."""


class UnknownOperationException(AWSError):
    """No service of ours has an operation of that name."""

    def __init__(self, message: str | None = None, *, operation: str | None = None) -> None:
        """Some protocols say in their text which operation was asked for."""
        super().__init__(message)
        self.operation = operation


class AccessDeniedException(AWSError):
    """No policy allows this, or one denies it."""


class AccessDenied(AWSError):
    """The same from services of the Query protocol."""

    http_status = 403


class MissingAuthenticationTokenException(AWSError):
    """The request carries no signature."""


class IncompleteSignatureException(AWSError):
    """The signature lacks a part, or a part cannot be read."""


class InvalidSignatureException(AWSError):
    """The signature is not the one of this request, or is outside its time, Region or service."""


class UnrecognizedClientException(AWSError):
    """The access key ID or the session token is not known, or the access key is inactive."""


class ExpiredTokenException(AWSError):
    """The session token has expired."""


class RequestEntityTooLargeException(AWSError):
    """The body or the headers are larger than the server reads."""

    http_status = 413


class InternalFailure(AWSError):
    """We could not; the request may be sent again."""

    http_status = 500
    retried_by_clients = True

"""The errors of AWS STS.

Source: STS API Reference, "Errors" of each operation.
"""

from typing import ClassVar

from selfkms.domain.errors import AWSError


class STSError(AWSError):
    """An error whose code is the name of its class without `Exception`, unless `CODE` says otherwise."""

    http_status: ClassVar[int] = 400
    CODE: ClassVar[str | None] = None

    @property
    def code(self) -> str:
        """AWS's code."""
        return self.CODE or type(self).__name__.removesuffix("Exception")


class MalformedPolicyDocumentException(STSError):
    """A session policy that is none."""


class PackedPolicyTooLargeException(STSError):
    """Session policies and tags are too large together."""


class InvalidParameterValueException(STSError):
    """Session tags that do not go together. Recorded answers have this code; the API Reference does not list it."""


class InvalidIdentityTokenException(STSError):
    """The web identity token cannot be believed."""


class IDPRejectedClaimException(STSError):
    """The web identity token is expired, or for another audience."""

    http_status = 403


class IDPCommunicationErrorException(STSError):
    """The identity provider does not answer."""

    CODE = "IDPCommunicationError"


class ExpiredTokenException(STSError):
    """The web identity token has expired."""

    CODE = "ExpiredTokenException"


class InvalidAuthorizationMessageException(STSError):
    """The encoded message is none of ours."""

    CODE = "InvalidAuthorizationMessageException"

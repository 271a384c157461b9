"""The errors of Amazon EC2 and of the EBS direct APIs, as far as snapshots and volumes have them.

Codes of EC2 with a dot in them are no names of classes: those are given one beside. Errors of the EBS direct APIs have
a reason beside the message.

Source: Amazon EC2 API Reference, "Error codes for the Amazon EC2 API"; EBS direct APIs API Reference, section "Errors"
of each operation.
"""

from typing import ClassVar, Final

from selfkms.domain import errors

# What EC2 says, in answers and records, of refusals that do not come from a service of ours.
NOT_AUTHORIZED_TEXT: Final = "You are not authorized to perform this operation."
DRY_RUN_TEXT: Final = "Request would have succeeded, but DryRun flag is set."


class EC2Error(errors.AWSError):
    """A refusal of Amazon EC2."""

    CODE: ClassVar[str] = ""

    @property
    def code(self) -> str:
        """AWS's code, which may have dots."""
        return self.CODE or type(self).__name__


class InvalidSnapshotNotFound(EC2Error):
    """There is no such snapshot, or it is not for the caller to see."""

    CODE = "InvalidSnapshot.NotFound"


class InvalidSnapshotIDMalformed(EC2Error):
    """What should be the ID of a snapshot is none."""

    CODE = "InvalidSnapshotID.Malformed"


class InvalidVolumeNotFound(EC2Error):
    """There is no such volume."""

    CODE = "InvalidVolume.NotFound"


class InvalidVolumeIDMalformed(EC2Error):
    """What should be the ID of a volume is none."""

    CODE = "InvalidVolumeID.Malformed"


class InvalidID(EC2Error):
    """What should be the ID of something that has tags is none."""


class InvalidUserIDMalformed(EC2Error):
    """What should be an account is none."""

    CODE = "InvalidUserID.Malformed"


class FilterLimitExceeded(EC2Error):
    """More values to filter by than a request may have."""


class IdempotentParameterMismatch(EC2Error):
    """The client token was used before, with other parameters."""


class IncorrectState(EC2Error):
    """The snapshot or volume is not in a state for this."""


class InvalidRegion(EC2Error):
    """There is no such Region."""


class InvalidZoneNotFound(EC2Error):
    """There is no such Availability Zone in this Region."""

    CODE = "InvalidZone.NotFound"


class InvalidParameterValue(EC2Error):
    """A parameter has a value that it cannot have."""


class InvalidParameterCombination(EC2Error):
    """Parameters exclude each other."""


class InvalidParameterDependency(EC2Error):
    """A parameter asks for another one."""


class MissingParameter(EC2Error):
    """A parameter is missing."""


class InvalidAMIAttributeItemValue(EC2Error):
    """What should be an account ID is none."""


class OperationNotPermitted(EC2Error):
    """It can be done for nobody."""


class ResourceLimitExceeded(EC2Error):
    """As many at once as there may be are under way."""


class TagLimitExceeded(EC2Error):
    """A resource would have more than 50 tags."""


class UnsupportedOperation(EC2Error):
    """It is not offered here."""


class AuthFailure(EC2Error):
    """The caller may not use the KMS key."""

    http_status = 403


class ValidationException(errors.ValidationException):
    """A parameter of an EBS direct API cannot be taken."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ResourceNotFoundException(errors.AWSError):
    """The snapshot, or the KMS key behind it, is not there for the caller."""

    http_status = 404

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ConflictException(errors.AWSError):
    """The client token was used before, with other parameters."""

    http_status = 409


class InvalidSignatureException(errors.InvalidSignatureException):
    """A block is not the one that its checksum was computed of."""

    http_status = 403


class InternalServerException(errors.InternalFailure):
    """What is stored cannot be read."""

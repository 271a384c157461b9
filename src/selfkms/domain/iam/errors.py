"""The errors of AWS IAM, each named as its API Reference names it; clients see the code without `Exception`.

Source: IAM API Reference, "Errors" of each operation.
"""

from typing import ClassVar

from selfkms.domain.errors import AWSError


class IAMError(AWSError):
    """An error whose code is the name of its class without `Exception`."""

    http_status: ClassVar[int] = 400

    @property
    def code(self) -> str:
        """AWS's code."""
        return type(self).__name__.removesuffix("Exception")


class NoSuchEntityException(IAMError):
    """There is no user, group, role, policy … of that name."""

    http_status = 404


class EntityAlreadyExistsException(IAMError):
    """The name is taken."""

    http_status = 409


class DeleteConflictException(IAMError):
    """Something still belongs to what is to be deleted."""

    http_status = 409


class LimitExceededException(IAMError):
    """A quota of the account or of the entity."""

    http_status = 409


class ConcurrentModificationException(IAMError):
    """Too many requests change the same entity at once."""

    http_status = 409


class EntityTemporarilyUnmodifiableException(IAMError):
    """The entity was just made."""

    http_status = 409


class MalformedPolicyDocumentException(IAMError):
    """The document is no policy, or names principals that do not exist."""


class InvalidInputException(IAMError):
    """A parameter has a value that does not fit."""


class UnmodifiableEntityException(IAMError):
    """AWS's own, which nobody can change."""


class PolicyNotAttachableException(IAMError):
    """A policy that cannot be attached to this kind of entity."""


class ServiceFailureException(IAMError):
    """We could not."""

    http_status = 500

"""The errors of AWS KMS, each named exactly as AWS names it.

Source: AWS KMS API Reference, section "Errors" of each operation, and the published service model.
"""

from selfkms.domain.errors import AWSError


class NotFoundException(AWSError):
    """The KMS key or alias does not exist in this account and Region."""


class AlreadyExistsException(AWSError):
    """An alias of that name exists."""


class InvalidAliasNameException(AWSError):
    """The alias name is not valid."""


class InvalidArnException(AWSError):
    """The ARN is not valid here."""


class NotAuthorizedException(AWSError):
    """Reserved for AWS: names that begin with `alias/aws/`. Not in the service model."""


class DisabledException(AWSError):
    """The KMS key is disabled."""


class KMSInvalidStateException(AWSError):
    """The state of the KMS key does not allow this operation."""


class InvalidKeyUsageException(AWSError):
    """The key usage or the algorithm does not fit this operation."""


class IncorrectKeyException(AWSError):
    """The KMS key named is not the one that made the ciphertext blob."""


class InvalidCiphertextException(AWSError):
    """The blob or its encryption context was altered. One error without a message: no two causes can be told apart."""


class InvalidImportTokenException(AWSError):
    """The import token was not issued here, or for another KMS key."""


class ExpiredImportTokenException(AWSError):
    """The import token was issued more than 24 hours ago."""


class IncorrectKeyMaterialException(AWSError):
    """The key material is of the wrong kind or length, or not the one that the KMS key is known to have."""


class KMSInvalidSignatureException(AWSError):
    """The signature is not one of this key's for this message. Without a message."""


class KMSInvalidMacException(AWSError):
    """The MAC is not this key's for this message. Without a message."""


class TagException(AWSError):
    """A tag is not acceptable."""


class LimitExceededException(AWSError):
    """A quota is reached."""


class MalformedPolicyDocumentException(AWSError):
    """The key policy is not valid, or would lock its author out."""


class InvalidMarkerException(AWSError):
    """The marker was not issued here for this listing."""


class ConflictException(AWSError):
    """Something else is going on with this key that this request would get in the way of."""


class UnsupportedOperationException(AWSError):
    """The operation is not supported, at all or for this kind of KMS key."""


class DryRunOperationException(AWSError):
    """The request would have succeeded, had DryRun not been set."""


class InvalidGrantIdException(AWSError):
    """The grant ID is not valid."""


class InvalidGrantTokenException(AWSError):
    """The grant token is not valid."""


class CustomKeyStoreNotFoundException(AWSError):
    """There is no such custom key store."""


class KeyUnavailableException(AWSError):
    """The key store does not answer. The request may be sent again."""

    http_status = 500
    retried_by_clients = True


class DependencyTimeoutException(AWSError):
    """Something that we depend on took too long. The request may be sent again."""

    http_status = 500
    retried_by_clients = True


class KMSInternalException(AWSError):
    """We could not. The request may be sent again."""

    http_status = 500
    retried_by_clients = True

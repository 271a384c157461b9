"""What snapshots and volumes ask of AWS KMS, and how Amazon EC2 and the EBS direct APIs tell its refusals.

Every call is made on behalf of the caller, through Amazon EC2: also those of the EBS direct APIs.

Source: Amazon EBS User Guide, "Requirements for Amazon EBS encryption", "Use IAM to control access to EBS direct APIs";
KMS developer guide, "How Amazon Elastic Block Store (Amazon EBS) uses AWS KMS".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from selfkms.domain.ebs.errors import (
    AuthFailure,
    InvalidParameterValue,
    ResourceNotFoundException,
    ValidationException,
)
from selfkms.domain.ebs.storage import CONTEXT_NAME, DATA_KEY_BYTES, DataKey, EBSDefaults
from selfkms.domain.errors import AccessDeniedException, AWSError
from selfkms.domain.kms.errors import NotFoundException
from selfkms.domain.kms.grants import GrantConstraints
from selfkms.domain.secrets import Secret
from selfkms.ports.database import Database
from selfkms.ports.installation_keys import InstallationKeys
from selfkms.ports.key_service import KeyService
from selfkms.services.context import Context

NOT_ACCESSIBLE: Final = "Given key ID is not accessible"
"""What the state of a copy or a volume says when a KMS key refuses."""

AWS_MANAGED_ALIAS: Final = "alias/aws/ebs"

_FRONT: Final = "ec2-frontend-api.amazonaws.com"
_DIRECT: Final = "ebs.amazonaws.com"
_SPEC: Final = "SYMMETRIC_DEFAULT"
_PLAIN: Final = "data key of plain blocks"


def via(region: str) -> str:
    """What `kms:ViaService` says of a call."""
    return f"ec2.{region}.amazonaws.com"


def behind_copies(region: str) -> str:
    """How the audit names the part of Amazon EBS that copies."""
    return f"prod.kms-caller.ebs.{region}.amazonaws.com"


def front(context: Context) -> KeyService:
    """KMS, as operations of Amazon EC2 call it."""
    return context.key_service(via(context.region), invoked_by=_FRONT)


def direct(context: Context) -> KeyService:
    """KMS, as the EBS direct APIs call it."""
    return context.key_service(via(context.region), invoked_by=_DIRECT)


class DescribedKey(NamedTuple):
    """A KMS key that can be used for snapshots and volumes."""

    arn: str


def described_key(context: Context, named: str) -> DescribedKey:
    """The KMS key that a request to Amazon EC2 names: by ID, alias, or ARN.

    Raises:
        AuthFailure: the caller may not describe it.
        InvalidParameterValue: there is none, it is disabled, or it is not for symmetric encryption.
    """
    try:
        found = front(context).call("DescribeKey", region=context.region, key_id=named).key_metadata
    except AccessDeniedException:
        raise AuthFailure(f"Not authorized to use key {named}") from None
    except AWSError:
        raise InvalidParameterValue(f"The specified keyId {named} is invalid") from None
    if not found.enabled:
        raise InvalidParameterValue(f"The specified keyId {found.arn} is disabled")
    if found.key_spec != _SPEC:
        raise InvalidParameterValue(f"The specified keyId {found.arn} is invalid")
    return DescribedKey(found.arn)


def defaults_of(database: Database, account_id: str, region: str) -> EBSDefaults:
    """What an account has set in a Region, or what AWS begins with."""
    found = database.ebs_defaults(account_id, region)
    return found or EBSDefaults(account_id=account_id, region=region)


def default_key(context: Context) -> str:
    """What names the KMS key that the account wants for whatever names none."""
    return defaults_of(context.database, context.account_id, context.region).key_arn or AWS_MANAGED_ALIAS


def encrypted_by_default(context: Context) -> bool:
    """Whether the account wants everything new to be encrypted."""
    return defaults_of(context.database, context.account_id, context.region).encrypted


def new_data_key(service: KeyService, context: Context, key_arn: str, context_id: str) -> DataKey:
    """A data key under a KMS key; nobody sees it.

    Raises:
        AWSError: what KMS refuses it with.
    """
    made = service.call(
        "GenerateDataKeyWithoutPlaintext",
        region=context.region,
        key_id=key_arn,
        number_of_bytes=DATA_KEY_BYTES,
        encryption_context={CONTEXT_NAME: context_id},
    )
    return DataKey(wrapped=made.ciphertext_blob, key_arn=key_arn, context_id=context_id)


def rewrapped(service: KeyService, context: Context, data_key: DataKey, key_arn: str, context_id: str) -> DataKey:
    """The same data key under another KMS key, or for something else under its own.

    Raises:
        AWSError: what KMS refuses it with.
    """
    made = service.call(
        "ReEncrypt",
        region=context.region,
        ciphertext_blob=data_key.wrapped,
        source_key_id=data_key.key_arn,
        source_encryption_context=data_key.encryption_context,
        destination_key_id=key_arn,
        destination_encryption_context={CONTEXT_NAME: context_id},
    )
    return DataKey(wrapped=made.ciphertext_blob, key_arn=key_arn, context_id=context_id)


def only_for(context_id: str) -> GrantConstraints:
    """The constraint of a grant: one data key alone."""
    return GrantConstraints(encryption_context_equals={CONTEXT_NAME: context_id})


def plain_data_key(context: Context, lineage: str) -> tuple[DataKey, Secret]:
    """The data key of what its owner leaves unencrypted: blocks are never stored plain."""
    secret = Secret(context.entropy.random_bytes(DATA_KEY_BYTES))
    return DataKey(wrapped=context.keys.seal(secret, bound_to=(_PLAIN, lineage))), secret


def open_plain(keys: InstallationKeys, data_key: DataKey, lineage: str) -> Secret:
    """The data key of what its owner leaves unencrypted.

    Raises:
        CorruptRecordError: it is another lineage's.
    """
    return keys.open(data_key.wrapped, bound_to=(_PLAIN, lineage))


@contextmanager
def told_directly() -> Iterator[None]:
    """Refusals of KMS as the EBS direct APIs tell them.

    Raises:
        ResourceNotFoundException: there is no such KMS key for the caller.
        ValidationException: it cannot be used now, or not for this.
    """
    try:
        yield
    except (AccessDeniedException, NotFoundException):
        raise ResourceNotFoundException("KMS key not found.", "DEPENDENCY_RESOURCE_NOT_FOUND") from None
    except AWSError as error:
        if error.http_status >= 500:
            raise
        raise ValidationException("The KMS key cannot be used.", "INVALID_DEPENDENCY_REQUEST") from None

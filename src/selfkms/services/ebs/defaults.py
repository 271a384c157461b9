"""Whether new volumes and copies are encrypted though nobody asked for it, and under which KMS key if none is named.

Both are of an account in a Region.

Source: Amazon EC2 API Reference, "EnableEbsEncryptionByDefault", "ModifyEbsDefaultKmsKeyId" and their like; Amazon EBS
User Guide, "Enable Amazon EBS encryption by default".
"""

from typing import Any, Final

from selfkms.domain.ebs.storage import EBSDefaults
from selfkms.services.context import Context
from selfkms.services.ebs.keys import AWS_MANAGED_ALIAS, default_key, defaults_of, described_key
from selfkms.services.operation import Audit, Operation
from selfkms.services.shapes import Shape


class DefaultsRequest(Shape, frozen=True, kw_only=True):
    """All of them but ModifyEbsDefaultKmsKeyId."""

    dry_run: bool = False


class ModifyEbsDefaultKmsKeyIdRequest(Shape, frozen=True, kw_only=True):
    kms_key_id: str
    dry_run: bool = False


class EncryptionByDefaultResult(Shape, frozen=True, kw_only=True):
    """Of Get-, Enable- and DisableEbsEncryptionByDefault; the first of them alone tells the type."""

    ebs_encryption_by_default: bool
    sse_type: str | None = None


class DefaultKmsKeyIdResult(Shape, frozen=True, kw_only=True):
    """Of Get-, Modify- and ResetEbsDefaultKmsKeyId."""

    kms_key_id: str


def _present(context: Context) -> EBSDefaults:
    return defaults_of(context.database, context.account_id, context.region)


def get_encryption_by_default(_request: DefaultsRequest, context: Context) -> EncryptionByDefaultResult:
    """Whether encryption by default is on."""
    encrypted = _present(context).encrypted
    return EncryptionByDefaultResult(ebs_encryption_by_default=encrypted, sse_type="sse-kms" if encrypted else "none")


def enable_encryption_by_default(_request: DefaultsRequest, context: Context) -> EncryptionByDefaultResult:
    """From now on all new volumes and copies are encrypted; what there is stays as it is."""
    return _set_encrypted(context, encrypted=True)


def disable_encryption_by_default(_request: DefaultsRequest, context: Context) -> EncryptionByDefaultResult:
    """From now on only what asks for it is encrypted, and what comes from something encrypted."""
    return _set_encrypted(context, encrypted=False)


def _set_encrypted(context: Context, *, encrypted: bool) -> EncryptionByDefaultResult:
    context.put(_present(context).changed(encrypted=encrypted))
    return EncryptionByDefaultResult(ebs_encryption_by_default=encrypted)


def get_default_key(_request: DefaultsRequest, context: Context) -> DefaultKmsKeyIdResult:
    """The ARN of the default key; the alias of the AWS managed key as long as nobody chose another."""
    return DefaultKmsKeyIdResult(kms_key_id=default_key(context))


def modify_default_key(request: ModifyEbsDefaultKmsKeyIdRequest, context: Context) -> DefaultKmsKeyIdResult:
    """Choose another default key. AWS checks it later and then fails silently; here it is refused.

    Raises:
        InvalidParameterValue, AuthFailure: see `described_key`.
    """
    key = described_key(context, request.kms_key_id)
    context.put(_present(context).changed(key_arn=key.arn))
    return DefaultKmsKeyIdResult(kms_key_id=key.arn)


def reset_default_key(_request: DefaultsRequest, context: Context) -> DefaultKmsKeyIdResult:
    """Go back to the AWS managed key, which is made if it is not there yet."""
    key = described_key(context, AWS_MANAGED_ALIAS)
    context.put(_present(context).changed(key_arn=None))
    return DefaultKmsKeyIdResult(kms_key_id=key.arn)


def _operation(name: str, run: Any, answer: str, *, writes: bool = True) -> Operation:
    return Operation(
        name,
        service="ec2",
        run=run,
        request=DefaultsRequest,
        writes=writes,
        dry_run_asks=True,
        audit=Audit(answers=(answer,) if writes else (), read_only=not writes),
    )


OPERATIONS: Final = (
    _operation("GetEbsEncryptionByDefault", get_encryption_by_default, "ebs_encryption_by_default", writes=False),
    _operation("EnableEbsEncryptionByDefault", enable_encryption_by_default, "ebs_encryption_by_default"),
    _operation("DisableEbsEncryptionByDefault", disable_encryption_by_default, "ebs_encryption_by_default"),
    _operation("GetEbsDefaultKmsKeyId", get_default_key, "kms_key_id", writes=False),
    _operation("ResetEbsDefaultKmsKeyId", reset_default_key, "kms_key_id"),
    Operation(
        "ModifyEbsDefaultKmsKeyId",
        service="ec2",
        run=modify_default_key,
        request=ModifyEbsDefaultKmsKeyIdRequest,
        writes=True,
        dry_run_asks=True,
        audit=Audit(parameters=("kms_key_id",), answers=("kms_key_id",), read_only=False),
    ),
)

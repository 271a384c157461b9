"""Shapes that several operations of AWS KMS share."""

from selfkms.domain.kms.keys import KeySpec, KeyUsage, KMSKey
from selfkms.services.shapes import Shape

SYMMETRIC_DEFAULT = "SYMMETRIC_DEFAULT"
"""The one encryption algorithm of symmetric KMS keys."""


class KeyMetadata(Shape, frozen=True, kw_only=True):
    """AWS KMS API Reference, "KeyMetadata". Members without a value are left out."""

    aws_account_id: str
    key_id: str
    arn: str
    creation_date: float
    enabled: bool
    description: str
    key_usage: KeyUsage
    key_state: str
    deletion_date: float | None = None
    origin: str
    key_manager: str
    customer_master_key_spec: KeySpec
    key_spec: KeySpec
    encryption_algorithms: tuple[str, ...] | None = None
    multi_region: bool
    current_key_material_id: str | None = None


def key_metadata(key: KMSKey) -> KeyMetadata:
    """What CreateKey and DescribeKey say of a key."""
    return KeyMetadata(
        aws_account_id=key.account_id,
        key_id=key.key_id,
        arn=key.arn,
        creation_date=key.created_at,
        enabled=key.enabled,
        description=key.description,
        key_usage=key.key_usage,
        key_state=key.state,
        deletion_date=key.deletion_at,
        origin=key.origin,
        key_manager=key.manager,
        customer_master_key_spec=key.key_spec,
        key_spec=key.key_spec,
        encryption_algorithms=(SYMMETRIC_DEFAULT,),
        multi_region=key.multi_region,
        current_key_material_id=key.current_material.material_id if key.materials else None,
    )


class KeyIdRequest(Shape, frozen=True, kw_only=True):
    """An operation that takes a KMS key and nothing else."""

    key_id: str

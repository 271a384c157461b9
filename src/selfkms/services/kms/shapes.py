"""Shapes that several operations of AWS KMS share."""

from collections.abc import Mapping
from typing import Final

from selfkms.domain.kms.algorithms import AGREEMENT, ENCAPSULATION, ENCRYPTION, MAC, SIGNING
from selfkms.domain.kms.keys import KeySpec, KeyUsage, KMSKey
from selfkms.services.shapes import Shape

SYMMETRIC_DEFAULT: Final = "SYMMETRIC_DEFAULT"
"""The one encryption algorithm of symmetric KMS keys."""


class AlgorithmLists(Shape, frozen=True, kw_only=True):
    """What a KMS key may be used with; only the list that fits its key usage is there."""

    encryption_algorithms: tuple[str, ...] | None = None
    signing_algorithms: tuple[str, ...] | None = None
    key_agreement_algorithms: tuple[str, ...] | None = None
    encapsulation_algorithms: tuple[str, ...] | None = None


_LISTS: Final[dict[KeyUsage, tuple[str, Mapping[KeySpec, tuple[str, ...]]]]] = {
    KeyUsage.ENCRYPT_DECRYPT: ("encryption_algorithms", ENCRYPTION),
    KeyUsage.SIGN_VERIFY: ("signing_algorithms", SIGNING),
    KeyUsage.GENERATE_VERIFY_MAC: ("mac_algorithms", MAC),
    KeyUsage.KEY_AGREEMENT: ("key_agreement_algorithms", AGREEMENT),
    KeyUsage.ENCAPSULATE_DECAPSULATE: ("encapsulation_algorithms", ENCAPSULATION),
}


def algorithm_lists(key: KMSKey) -> dict[str, tuple[str, ...]]:
    """The one list that a key has, by its name: a member of `AlgorithmLists`, or `mac_algorithms`."""
    name, table = _LISTS[key.key_usage]
    return {name: table[key.key_spec]}


class KeyMetadata(AlgorithmLists, frozen=True, kw_only=True):
    """AWS KMS API Reference, "KeyMetadata". Members without a value are left out."""

    aws_account_id: str
    key_id: str
    arn: str
    mac_algorithms: tuple[str, ...] | None = None
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
        **algorithm_lists(key),
        multi_region=key.multi_region,
        # Only symmetric keys ever get further key material, and only they tell which one is current.
        current_key_material_id=key.current_material.material_id if key.kind == "symmetric" and key.materials else None,
    )


class KeyIdRequest(Shape, frozen=True, kw_only=True):
    """An operation that takes a KMS key and nothing else."""

    key_id: str

"""Shapes that several operations of AWS KMS share."""

from collections.abc import Mapping
from typing import Final

from selfkms.domain.arns import key_arn
from selfkms.domain.kms.algorithms import AGREEMENT, ENCAPSULATION, ENCRYPTION, MAC, SIGNING
from selfkms.domain.kms.imported_material import expiration
from selfkms.domain.kms.key_state import KeyState
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


class MultiRegionKey(Shape, frozen=True, kw_only=True):
    """One of several related keys."""

    arn: str
    region: str


class MultiRegionConfiguration(Shape, frozen=True, kw_only=True):
    """All keys of a multi-Region key, the same in the answers of each of them but for its own type."""

    multi_region_key_type: str
    primary_key: MultiRegionKey
    replica_keys: tuple[MultiRegionKey, ...]


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
    multi_region_configuration: MultiRegionConfiguration | None = None
    pending_deletion_window_in_days: int | None = None
    current_key_material_id: str | None = None
    expiration_model: str | None = None
    valid_to: float | None = None


def key_metadata(key: KMSKey) -> KeyMetadata:
    """What CreateKey and DescribeKey say of a key."""
    expiration_model, valid_to = expiration(key) or (None, None)
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
        multi_region_configuration=_multi_region_configuration(key),
        pending_deletion_window_in_days=key.pending_window_days,
        current_key_material_id=_current_key_material_id(key),
        expiration_model=expiration_model,
        valid_to=valid_to,
    )


def _current_key_material_id(key: KMSKey) -> str | None:
    """Only symmetric keys ever get further key material, and only they tell which one is current.

    A replica key that is being created does not have it yet.
    """
    if key.kind != "symmetric" or not key.materials or key.state is KeyState.CREATING:
        return None
    return key.current_material.material_id


def _multi_region_configuration(key: KMSKey) -> MultiRegionConfiguration | None:
    if key.primary_region is None:
        return None
    primary, *replicas = (
        MultiRegionKey(arn=key_arn(region, key.account_id, key.key_id), region=region)
        for region in (key.primary_region, *key.replica_regions)
    )
    return MultiRegionConfiguration(
        multi_region_key_type="REPLICA" if key.is_replica else "PRIMARY",
        primary_key=primary,
        replica_keys=tuple(replicas),
    )


class KeyIdRequest(Shape, frozen=True, kw_only=True):
    """An operation that takes a KMS key and nothing else."""

    key_id: str

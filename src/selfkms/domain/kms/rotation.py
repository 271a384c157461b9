"""Rotation: new key material under the same key ID. Old material stays, so that old ciphertext opens for ever.

Source: KMS developer guide, "Rotate AWS KMS keys"; AWS KMS API Reference, "EnableKeyRotation", "RotateKeyOnDemand".
"""

from enum import StrEnum
from typing import Final

from selfkms.domain.kms.errors import (
    ConflictException,
    KMSInvalidStateException,
    LimitExceededException,
    UnsupportedOperationException,
)
from selfkms.domain.kms.keys import KeyMaterial, KMSKey, MaterialEntry, Origin
from selfkms.domain.limits import SECONDS_PER_DAY

PERIOD_DAYS_DEFAULT: Final = 365
"""AWS KMS API Reference, "EnableKeyRotation": RotationPeriodInDays, 90 to 2,560."""

ON_DEMAND_MAX: Final = 25
"""KMS developer guide, "Resource quotas": on-demand rotations of a KMS key."""

_NEAR_SECONDS: Final = 20 * 60
"""AWS KMS API Reference, "RotateKeyOnDemand", ConflictException: an automatic rotation is due within 20 minutes."""


class RotationType(StrEnum):
    """What started a rotation."""

    AUTOMATIC = "AUTOMATIC"
    ON_DEMAND = "ON_DEMAND"


def check_automatic(key: KMSKey) -> None:
    """Refuse keys that do not rotate by themselves.

    Raises:
        UnsupportedOperationException: asymmetric or HMAC, imported material, or in a custom key store.
    """
    if key.kind != "symmetric":
        raise UnsupportedOperationException
    if key.origin is not Origin.AWS_KMS:
        raise UnsupportedOperationException(f"{key.arn} origin is {key.origin} which is not valid for this operation.")


def scheduled(key: KMSKey, *, period_days: int, now: float) -> KMSKey:
    """The key with automatic rotation on. The period counts from now, unless it is the one that is running already."""
    if key.rotation_period_days == period_days:
        return key
    return key.changed(rotation_period_days=period_days, next_rotation_at=now + period_days * SECONDS_PER_DAY)


def unscheduled(key: KMSKey) -> KMSKey:
    """The key with automatic rotation off."""
    return key.changed(rotation_period_days=None, next_rotation_at=None)


def check_on_demand(key: KMSKey, *, now: float) -> None:
    """Refuse a rotation that may not be asked for.

    Raises:
        UnsupportedOperationException: asymmetric or HMAC, or in a custom key store.
        KMSInvalidStateException: imported material, and none is waiting.
        LimitExceededException: the key was rotated on demand 25 times.
        ConflictException: an automatic rotation is due within 20 minutes.
    """
    if key.kind != "symmetric":
        raise UnsupportedOperationException
    if key.origin is Origin.EXTERNAL:
        raise KMSInvalidStateException(f"No available key material pending rotation for the key: {key.arn}.")
    check_automatic(key)
    if sum(entry.rotation_type == RotationType.ON_DEMAND for entry in key.materials) >= ON_DEMAND_MAX:
        raise LimitExceededException(
            "The on-demand rotations limit has been reached for the given keyId. "
            f"No more on-demand rotations can be performed for this key: {key.arn}"
        )
    if key.next_rotation_at is not None and key.next_rotation_at - now <= _NEAR_SECONDS:
        raise ConflictException(f"An automatic rotation of {key.arn} is in progress or about to start.")


def rotated(key: KMSKey, material: KeyMaterial, *, rotation_type: RotationType, now: float) -> KMSKey:
    """The key with new current material. A missed automatic rotation happens once, and the schedule goes on."""
    entry = MaterialEntry(material.handle, material.material_id, rotated_at=now, rotation_type=rotation_type)
    after = key.changed(materials=(*key.materials, entry))
    if rotation_type is RotationType.ON_DEMAND:
        return after
    assert key.next_rotation_at is not None
    assert key.rotation_period_days is not None
    period = key.rotation_period_days * SECONDS_PER_DAY
    missed = max(0, int((now - key.next_rotation_at) // period))
    return after.changed(next_rotation_at=key.next_rotation_at + (missed + 1) * period)

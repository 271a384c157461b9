"""Rotation: new key material under the same key ID. Old material stays, so that old ciphertext opens for ever.

Source: KMS developer guide, "Rotate AWS KMS keys"; AWS KMS API Reference, "EnableKeyRotation", "RotateKeyOnDemand".
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from selfkms.domain.kms.errors import (
    ConflictException,
    KMSInvalidStateException,
    LimitExceededException,
    UnsupportedOperationException,
)
from selfkms.domain.kms.keys import KeyMaterial, KMSKey, MaterialEntry, Origin
from selfkms.domain.kms.multi_region import check_not_replica
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


def check_rotates(key: KMSKey) -> None:
    """Refuse keys that never get further key material, by themselves or on demand.

    Raises:
        UnsupportedOperationException: asymmetric or HMAC, or in a custom key store.
    """
    if key.origin is not Origin.EXTERNAL or key.kind != "symmetric":
        check_automatic(key)


def scheduled(key: KMSKey, *, period_days: int, now: float) -> KMSKey:
    """The key with automatic rotation on. The period counts from now, unless it is the one that is running already."""
    if key.rotation_period_days == period_days:
        return key
    return key.changed(rotation_period_days=period_days, next_rotation_at=now + period_days * SECONDS_PER_DAY)


def unscheduled(key: KMSKey) -> KMSKey:
    """The key with automatic rotation off."""
    return key.changed(rotation_period_days=None, next_rotation_at=None)


def check_on_demand(key: KMSKey, related: Sequence[KMSKey], *, now: float) -> None:
    """Refuse a rotation that may not be asked for.

    Args:
        key: the one to rotate.
        related: the other keys of the same multi-Region key: they rotate with it.
        now: seconds since the epoch.

    Raises:
        UnsupportedOperationException: asymmetric or HMAC, or in a custom key store; a replica key.
        KMSInvalidStateException: imported material, and none is waiting in all Regions of the key.
        LimitExceededException: the key was rotated on demand 25 times.
        ConflictException: an automatic rotation is due within 20 minutes.
    """
    check_rotates(key)
    check_not_replica(key)
    if key.origin is Origin.EXTERNAL and not rotation_is_ready(key, related, now=now):
        raise KMSInvalidStateException(f"No available key material pending rotation for the key: {key.arn}.")
    if sum(entry.rotation_type == RotationType.ON_DEMAND for entry in key.materials) >= ON_DEMAND_MAX:
        raise LimitExceededException(
            "The on-demand rotations limit has been reached for the given keyId. "
            f"No more on-demand rotations can be performed for this key: {key.arn}"
        )
    if key.next_rotation_at is not None and key.next_rotation_at - now <= _NEAR_SECONDS:
        raise ConflictException(f"An automatic rotation of {key.arn} is in progress or about to start.")


def rotation_is_ready(key: KMSKey, related: Sequence[KMSKey], *, now: float) -> bool:
    """Whether imported material waits for its rotation, in each Region of the key.

    Source: AWS KMS API Reference, "RotationsListEntry", PENDING_MULTI_REGION_IMPORT_AND_ROTATION.
    """
    waiting = [member.waiting_material for member in (key, *related)]
    return all(entry is not None and entry.usable(now) for entry in waiting)


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


def rotated_to_waiting(key: KMSKey, *, now: float) -> KMSKey:
    """The key whose imported material that was pending rotation is current."""
    waiting = key.waiting_material
    assert waiting is not None, "check_on_demand"
    current = msgspec.structs.replace(
        waiting, pending_rotation=False, rotated_at=now, rotation_type=RotationType.ON_DEMAND
    )
    return key.changed(materials=(*key.lasting_materials, current))

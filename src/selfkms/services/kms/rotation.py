"""EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, RotateKeyOnDemand, ListKeyRotations.

Source: AWS KMS API Reference, the operations of these names; KMS developer guide, "Rotate AWS KMS keys".
"""

from typing import Final

from selfkms.domain.cloudtrail.event import service_event
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import KMSKey, MaterialEntry
from selfkms.domain.kms.rotation import (
    PERIOD_DAYS_DEFAULT,
    RotationType,
    check_automatic,
    check_on_demand,
    rotated,
    scheduled,
    unscheduled,
)
from selfkms.domain.limits import LIST_KEY_ROTATIONS
from selfkms.services.context import Context
from selfkms.services.kms.paging import Page, Paged, following, page
from selfkms.services.kms.shapes import KeyIdRequest
from selfkms.services.operation import Audit, KeyNamed, Operation
from selfkms.services.shapes import Shape


class EnableKeyRotationRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    rotation_period_in_days: int | None = None


class GetKeyRotationStatusResult(Shape, frozen=True, kw_only=True):
    key_rotation_enabled: bool
    key_id: str
    rotation_period_in_days: int | None = None
    next_rotation_date: float | None = None


class RotateKeyOnDemandResult(Shape, frozen=True, kw_only=True):
    key_id: str


class ListKeyRotationsRequest(Paged, frozen=True, kw_only=True):
    key_id: str
    include_key_material: str = "ROTATIONS_ONLY"


class RotationsListEntry(Shape, frozen=True, kw_only=True):
    key_id: str
    key_material_id: str
    key_material_state: str
    rotation_date: float | None = None
    rotation_type: str | None = None


class ListKeyRotationsResult(Page, frozen=True, kw_only=True):
    rotations: tuple[RotationsListEntry, ...]


def enable_key_rotation(request: EnableKeyRotationRequest, key: KMSKey, context: Context) -> None:
    """Rotate the key by itself, every 90 to 2,560 days; once it is on, change the period."""
    check_automatic(key)
    period_days = request.rotation_period_in_days or key.rotation_period_days or PERIOD_DAYS_DEFAULT
    context.put(scheduled(key, period_days=period_days, now=context.now))


def disable_key_rotation(_request: KeyIdRequest, key: KMSKey, context: Context) -> None:
    """Rotate the key by itself no more; what it has stays."""
    check_automatic(key)
    context.put(unscheduled(key))


def get_key_rotation_status(_request: KeyIdRequest, key: KMSKey, _context: Context) -> GetKeyRotationStatusResult:
    """Whether and when the key rotates by itself. While it is pending deletion, it does not.

    Raises:
        UnsupportedOperationException: a key that has no rotation.
    """
    check_automatic(key)
    if key.rotation_period_days is None or key.state is KeyState.PENDING_DELETION:
        return GetKeyRotationStatusResult(key_rotation_enabled=False, key_id=key.arn)
    return GetKeyRotationStatusResult(
        key_rotation_enabled=True,
        key_id=key.arn,
        rotation_period_in_days=key.rotation_period_days,
        next_rotation_date=key.next_rotation_at,
    )


def rotate_key_on_demand(_request: KeyIdRequest, key: KMSKey, context: Context) -> RotateKeyOnDemandResult:
    """Give the key new material now. It is through when the answer comes; the schedule stays as it is."""
    check_on_demand(key, now=context.now)
    rotate(key, RotationType.ON_DEMAND, context)
    return RotateKeyOnDemandResult(key_id=key.arn)


def rotate(key: KMSKey, rotation_type: RotationType, context: Context) -> None:
    """New material, the key that has it, and the event that says so, in one change."""
    material = context.key_store.generate(
        account_id=key.account_id, region=key.region, key_id=key.key_id, key_spec=key.key_spec
    )
    context.put(material)
    context.put(rotated(key, material, rotation_type=rotation_type, now=context.now))
    context.emit(
        service_event(
            event_id=context.entropy.uuid(),
            at=context.now,
            name="RotateKey",
            account_id=key.account_id,
            region=key.region,
            key_arn=key.arn,
            details={
                "rotationType": rotation_type,
                "keyOrigin": key.origin,
                "previousKeyMaterialId": key.current_material.material_id,
                "currentKeyMaterialId": material.material_id,
                "keyId": key.key_id,
            },
        )
    )


def list_key_rotations(request: ListKeyRotationsRequest, key: KMSKey, context: Context) -> ListKeyRotationsResult:
    """The rotations of a key, newest first; with ALL_KEY_MATERIAL its first material too, which no rotation made."""
    check_automatic(key)
    shown = [
        entry
        for entry in reversed(key.materials)
        if entry.rotation_type is not None or request.include_key_material == "ALL_KEY_MATERIAL"
    ]

    entries, marker = page(
        context,
        f"ListKeyRotations {key.key_id} {request.include_key_material}",
        request,
        LIST_KEY_ROTATIONS,
        read=lambda after, count: following(shown, after, count, position=_handle),
        position=_handle,
    )
    return ListKeyRotationsResult(
        rotations=tuple(_list_entry(entry, key) for entry in entries),
        next_marker=marker,
        truncated=marker is not None,
    )


def _handle(entry: MaterialEntry) -> str:
    return entry.handle


def _list_entry(entry: MaterialEntry, key: KMSKey) -> RotationsListEntry:
    return RotationsListEntry(
        key_id=key.arn,
        key_material_id=entry.material_id,
        key_material_state="CURRENT" if entry == key.current_material else "NON_CURRENT",
        rotation_date=entry.rotated_at,
        rotation_type=entry.rotation_type,
    )


_KEY: Final = (KeyNamed(),)

OPERATIONS: Final = (
    Operation(
        "EnableKeyRotation",
        run=enable_key_rotation,
        request=EnableKeyRotationRequest,
        targets=_KEY,
        writes=True,
        audit=Audit(parameters=("key_id", "rotation_period_in_days"), answers=("key_id",), read_only=False),
    ),
    Operation(
        "DisableKeyRotation",
        run=disable_key_rotation,
        request=KeyIdRequest,
        targets=_KEY,
        writes=True,
        audit=Audit(parameters=("key_id",), answers=("key_id",), read_only=False),
    ),
    Operation(
        "GetKeyRotationStatus",
        run=get_key_rotation_status,
        request=KeyIdRequest,
        targets=(KeyNamed(foreign=True),),
        audit=Audit(parameters=("key_id",)),
    ),
    Operation(
        "RotateKeyOnDemand",
        run=rotate_key_on_demand,
        request=KeyIdRequest,
        targets=_KEY,
        writes=True,
        audit=Audit(parameters=("key_id",), answers=("key_id",), read_only=False),
    ),
    Operation(
        "ListKeyRotations",
        run=list_key_rotations,
        request=ListKeyRotationsRequest,
        targets=_KEY,
        audit=Audit(parameters=("key_id", "limit", "marker")),
    ),
)

"""EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, RotateKeyOnDemand, ListKeyRotations.

Source: AWS KMS API Reference, the operations of these names; KMS developer guide, "Rotate AWS KMS keys".
"""

from typing import Final

from selfkms.domain.cloudtrail.event import service_event
from selfkms.domain.kms.imported_material import ExpirationModel, model_of
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import KMSKey, MaterialEntry, Origin
from selfkms.domain.kms.multi_region import check_not_replica
from selfkms.domain.kms.rotation import (
    PERIOD_DAYS_DEFAULT,
    RotationType,
    check_automatic,
    check_on_demand,
    check_rotates,
    rotated,
    rotated_to_waiting,
    rotation_is_ready,
    scheduled,
    unscheduled,
)
from selfkms.domain.limits import LIST_KEY_ROTATIONS
from selfkms.services.context import Context
from selfkms.services.kms.condition_keys import of_rotation_period
from selfkms.services.kms.paging import Page, Paged, page
from selfkms.services.kms.related_keys import related_keys, synchronize
from selfkms.services.kms.shapes import KeyIdRequest
from selfkms.services.markers import following
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
    key_material_description: str | None = None
    import_state: str | None = None
    key_material_state: str
    expiration_model: ExpirationModel | None = None
    valid_to: float | None = None
    rotation_date: float | None = None
    rotation_type: str | None = None


class ListKeyRotationsResult(Page, frozen=True, kw_only=True):
    rotations: tuple[RotationsListEntry, ...]


_ENDING: Final = (KeyState.PENDING_DELETION, KeyState.PENDING_REPLICA_DELETION)

_IMPORT_STATES: Final = {True: "IMPORTED", False: "PENDING_IMPORT"}
"""Of MaterialEntry.present."""


def enable_key_rotation(request: EnableKeyRotationRequest, key: KMSKey, context: Context) -> None:
    """Rotate the key by itself, every 90 to 2,560 days; once it is on, change the period.

    Raises:
        UnsupportedOperationException: a key that has no rotation of its own.
    """
    check_automatic(key)
    check_not_replica(key)
    period_days = request.rotation_period_in_days or key.rotation_period_days or PERIOD_DAYS_DEFAULT
    _put_with_replicas(scheduled(key, period_days=period_days, now=context.now), context)


def disable_key_rotation(_request: KeyIdRequest, key: KMSKey, context: Context) -> None:
    """Rotate the key by itself no more; what it has stays. Raises as `enable_key_rotation`."""
    check_automatic(key)
    check_not_replica(key)
    _put_with_replicas(unscheduled(key), context)


def get_key_rotation_status(_request: KeyIdRequest, key: KMSKey, _context: Context) -> GetKeyRotationStatusResult:
    """Whether and when the key rotates by itself. While it is pending deletion, it does not; some kinds never do."""
    if key.rotation_period_days is None or key.state in _ENDING:
        return GetKeyRotationStatusResult(key_rotation_enabled=False, key_id=key.arn)
    return GetKeyRotationStatusResult(
        key_rotation_enabled=True,
        key_id=key.arn,
        rotation_period_in_days=key.rotation_period_days,
        next_rotation_date=key.next_rotation_at,
    )


def rotate_key_on_demand(_request: KeyIdRequest, key: KMSKey, context: Context) -> RotateKeyOnDemandResult:
    """Give the key new material now, or make current what was imported for it.

    It is through when the answer comes; the schedule stays as it is.
    """
    check_on_demand(key, related_keys(key, context), now=context.now)
    if key.origin is Origin.EXTERNAL:
        after = rotated_to_waiting(key, now=context.now)
        _put_with_replicas(after, context)
        _say_so(key, after, RotationType.ON_DEMAND, context)
    else:
        rotate(key, RotationType.ON_DEMAND, context)
    return RotateKeyOnDemandResult(key_id=key.arn)


def rotate(key: KMSKey, rotation_type: RotationType, context: Context) -> None:
    """New material, the key that has it in each of its Regions, and the event that says so, in one change."""
    material = context.key_store.generate(
        account_id=key.account_id, region=key.region, key_id=key.key_id, key_spec=key.key_spec
    )
    after = rotated(key, material, rotation_type=rotation_type, now=context.now)
    context.put(material)
    context.put(after)
    synchronize(after, context, material)
    _say_so(key, after, rotation_type, context)


def _put_with_replicas(key: KMSKey, context: Context) -> None:
    """A key that has changed in what it shares with its replica keys."""
    context.put(key)
    synchronize(key, context)


def _say_so(key: KMSKey, after: KMSKey, rotation_type: RotationType, context: Context) -> None:
    """The event of a rotation."""
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
                "currentKeyMaterialId": after.current_material.material_id,
                "keyId": key.key_id,
            },
        )
    )


def list_key_rotations(request: ListKeyRotationsRequest, key: KMSKey, context: Context) -> ListKeyRotationsResult:
    """The rotations of a key, newest first.

    With ALL_KEY_MATERIAL also its first material, which no rotation made, and what is pending rotation.
    """
    check_rotates(key)
    ready = key.waiting_material is not None and rotation_is_ready(key, related_keys(key, context), now=context.now)
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
        read=following(shown, position=_handle),
        position=_handle,
    )
    return ListKeyRotationsResult(
        rotations=tuple(_list_entry(entry, key, ready=ready) for entry in entries),
        next_marker=marker,
        truncated=marker is not None,
    )


def _handle(entry: MaterialEntry) -> str:
    return entry.handle


def _list_entry(entry: MaterialEntry, key: KMSKey, *, ready: bool) -> RotationsListEntry:
    if entry.pending_rotation:
        # Only material that some Region of a multi-Region key does not have keeps a rotation waiting.
        state = "PENDING_ROTATION" if ready or not key.multi_region else "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
    else:
        state = "CURRENT" if entry == key.current_material else "NON_CURRENT"
    external = key.origin is Origin.EXTERNAL
    expires = external and entry.present
    return RotationsListEntry(
        key_id=key.arn,
        key_material_id=entry.material_id,
        key_material_description=entry.description,
        import_state=_IMPORT_STATES[entry.present] if external else None,
        key_material_state=state,
        expiration_model=model_of(entry.valid_to) if expires else None,
        valid_to=entry.valid_to,
        rotation_date=entry.rotated_at,
        rotation_type=entry.rotation_type,
    )


_KEY: Final = (KeyNamed(),)

OPERATIONS: Final = (
    Operation(
        "EnableKeyRotation",
        run=enable_key_rotation,
        request=EnableKeyRotationRequest,
        condition_keys=of_rotation_period,
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

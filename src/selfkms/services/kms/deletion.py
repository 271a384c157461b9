"""ScheduleKeyDeletion, CancelKeyDeletion, and the end of the pending window.

Source: AWS KMS API Reference, "ScheduleKeyDeletion", "CancelKeyDeletion"; KMS developer guide, "Deleting AWS KMS keys".
"""

from typing import Final

from selfkms.domain.cloudtrail.event import service_event
from selfkms.domain.kms.key_state import after, ends
from selfkms.domain.kms.keys import KeyMaterial, KMSKey
from selfkms.domain.limits import PENDING_WINDOW_DAYS_DEFAULT, SECONDS_PER_DAY
from selfkms.services.context import Context
from selfkms.services.kms.shapes import KeyIdRequest
from selfkms.services.operation import Audit, KeyNamed, Operation
from selfkms.services.shapes import Shape


class ScheduleKeyDeletionRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    pending_window_in_days: int = PENDING_WINDOW_DAYS_DEFAULT


class ScheduleKeyDeletionResult(Shape, frozen=True, kw_only=True):
    key_id: str
    deletion_date: float
    key_state: str
    pending_window_in_days: int


class CancelKeyDeletionResult(Shape, frozen=True, kw_only=True):
    key_id: str


def schedule_key_deletion(
    request: ScheduleKeyDeletionRequest, key: KMSKey, context: Context
) -> ScheduleKeyDeletionResult:
    """Begin the pending window of 7 to 30 days; nothing uses the key from now on."""
    scheduled = key.changed(
        state=after(key.state, "ScheduleKeyDeletion"),
        deletion_at=context.now + request.pending_window_in_days * SECONDS_PER_DAY,
    )
    context.put(scheduled)
    assert scheduled.deletion_at is not None
    return ScheduleKeyDeletionResult(
        key_id=key.arn,
        deletion_date=scheduled.deletion_at,
        key_state=scheduled.state,
        pending_window_in_days=request.pending_window_in_days,
    )


def cancel_key_deletion(_request: KeyIdRequest, key: KMSKey, context: Context) -> CancelKeyDeletionResult:
    """Take the key back from its pending window. It is Disabled afterwards, as AWS has it."""
    context.put(key.changed(state=after(key.state, "CancelKeyDeletion"), deletion_at=None))
    return CancelKeyDeletionResult(key_id=key.arn)


def end_key(key: KMSKey, context: Context) -> list[KeyMaterial]:
    """The pending window is over: the key, its aliases and its key material go in one change, with the event of it.

    The material is destroyed by the caller once that change is committed: destruction comes last.
    """
    assert ends(key.state, "WindowOver")
    for alias in context.database.aliases_of_key(key.account_id, key.region, key.key_id):
        context.remove(alias)
    materials = context.database.materials(key.account_id, key.region, key.key_id)
    for material in materials:
        context.remove(material)
    context.remove(key)
    context.emit(
        service_event(
            event_id=context.entropy.uuid(),
            at=context.now,
            name="DeleteKey",
            account_id=key.account_id,
            region=key.region,
            key_arn=key.arn,
            details={"keyId": key.key_id},
        )
    )
    return materials


OPERATIONS: Final = (
    Operation(
        "ScheduleKeyDeletion",
        run=schedule_key_deletion,
        request=ScheduleKeyDeletionRequest,
        targets=(KeyNamed(),),
        writes=True,
        audit=Audit(
            parameters=("key_id", "pending_window_in_days"),
            answers=("key_id", "key_state", "deletion_date", "pending_window_in_days"),
            read_only=False,
        ),
    ),
    Operation(
        "CancelKeyDeletion",
        run=cancel_key_deletion,
        request=KeyIdRequest,
        targets=(KeyNamed(),),
        writes=True,
        audit=Audit(parameters=("key_id",), answers=("key_id",), read_only=False),
    ),
)

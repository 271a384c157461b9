"""ScheduleKeyDeletion, CancelKeyDeletion, and the end of the pending window.

Source: AWS KMS API Reference, "ScheduleKeyDeletion", "CancelKeyDeletion"; KMS developer guide, "Deleting AWS KMS keys".
"""

from typing import Final

from selfkms.domain.cloudtrail.event import service_event
from selfkms.domain.kms.key_state import after, ends
from selfkms.domain.kms.keys import KeyMaterial, KMSKey
from selfkms.domain.kms.multi_region import scheduled_for_deletion, without_replica
from selfkms.domain.limits import GRANTS_PER_KEY_MAX, PENDING_WINDOW_DAYS_DEFAULT
from selfkms.services.context import Context
from selfkms.services.kms.condition_keys import of_pending_window
from selfkms.services.kms.related_keys import related_keys
from selfkms.services.kms.shapes import KeyIdRequest
from selfkms.services.operation import Audit, KeyNamed, Operation
from selfkms.services.shapes import Shape


class ScheduleKeyDeletionRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    pending_window_in_days: int = PENDING_WINDOW_DAYS_DEFAULT


class ScheduleKeyDeletionResult(Shape, frozen=True, kw_only=True):
    key_id: str
    deletion_date: float | None = None
    key_state: str
    pending_window_in_days: int


class CancelKeyDeletionResult(Shape, frozen=True, kw_only=True):
    key_id: str


def schedule_key_deletion(
    request: ScheduleKeyDeletionRequest, key: KMSKey, context: Context
) -> ScheduleKeyDeletionResult:
    """Begin the pending window of 7 to 30 days; nothing uses the key from now on.

    That of a primary key begins when the last of its replica keys is gone.
    """
    scheduled = scheduled_for_deletion(key, window_days=request.pending_window_in_days, now=context.now)
    context.put(scheduled)
    return ScheduleKeyDeletionResult(
        key_id=key.arn,
        deletion_date=scheduled.deletion_at,
        key_state=scheduled.state,
        pending_window_in_days=request.pending_window_in_days,
    )


def cancel_key_deletion(_request: KeyIdRequest, key: KMSKey, context: Context) -> CancelKeyDeletionResult:
    """Take the key back from its pending window, or from waiting for it. It is Disabled afterwards, as AWS has it.

    One whose imported material is missing is pending import instead: else EnableKey would make it Enabled without any.
    """
    state = after(key.state, "CancelKeyDeletion")
    if not key.whole(context.now):
        state = after(state, "MaterialLost")
    context.put(key.changed(state=state, deletion_at=None, pending_window_days=None))
    return CancelKeyDeletionResult(key_id=key.arn)


def end_key(key: KMSKey, context: Context) -> list[KeyMaterial]:
    """The pending window is over: the key, its aliases, grants and key material go in one change, with the event of it.

    Keys that are related to a replica key have one less from then on, and keep the material that they share with it.
    The material is destroyed by the caller once that change is committed: destruction comes last.
    """
    assert ends(key.state, "WindowOver")
    for related in related_keys(key, context):
        context.put(without_replica(related, key.region, now=context.now))
    for alias in context.database.aliases_of_key(key.account_id, key.region, key.key_id):
        context.remove(alias)
    # All of them: a few may stand above the limit, never as many again.
    limit = 2 * GRANTS_PER_KEY_MAX
    for grant in context.database.grants(key.account_id, key.region, key.key_id, after="", limit=limit):
        context.remove(grant)
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
        condition_keys=of_pending_window,
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

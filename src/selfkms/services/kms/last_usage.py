"""GetKeyLastUsage: whether a KMS key is used, as far as the audit tells.

Source: AWS KMS API Reference, "GetKeyLastUsage"; KMS developer guide, "Determine past usage of a KMS key".
"""

from typing import Final

from selfkms.domain.kms.errors import DependencyTimeoutException
from selfkms.domain.kms.keys import KMSKey
from selfkms.ports.event_history import HistoryUnavailableError
from selfkms.services.context import Context
from selfkms.services.kms.shapes import KeyIdRequest
from selfkms.services.operation import Audit, KeyNamed, Operation
from selfkms.services.shapes import Shape


class KeyLastUsageData(Shape, frozen=True, kw_only=True):
    """Empty if the key was not used since tracking began."""

    operation: str | None = None
    timestamp: float | None = None
    cloud_trail_event_id: str | None = None
    kms_request_id: str | None = None


class GetKeyLastUsageResult(Shape, frozen=True, kw_only=True):
    key_id: str
    """The bare key ID, as AWS's example has it."""
    key_last_usage: KeyLastUsageData
    tracking_start_date: float
    key_creation_date: float


def get_key_last_usage(_request: KeyIdRequest, key: KMSKey, context: Context) -> GetKeyLastUsageResult:
    """The last successful cryptographic operation, which is known within two seconds.

    Raises:
        DependencyTimeoutException: the history cannot be read now.
    """
    try:
        last_use = context.history.last_use(key.arn)
        tracked_since = context.history.tracked_since()
    except HistoryUnavailableError as error:
        raise DependencyTimeoutException("The event history does not answer. The request can be retried.") from error
    used = KeyLastUsageData()
    if last_use is not None:
        used = KeyLastUsageData(
            operation=last_use.operation,
            timestamp=last_use.at,
            cloud_trail_event_id=last_use.event_id,
            kms_request_id=last_use.request_id,
        )
    return GetKeyLastUsageResult(
        key_id=key.key_id,
        key_last_usage=used,
        tracking_start_date=max(key.created_at, tracked_since or 0.0),
        key_creation_date=key.created_at,
    )


OPERATIONS: Final = (
    Operation(
        "GetKeyLastUsage",
        run=get_key_last_usage,
        request=KeyIdRequest,
        targets=(KeyNamed(),),
        slow=True,  # a look into a file
        audit=Audit(parameters=("key_id",)),
    ),
)

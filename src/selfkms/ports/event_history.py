"""The event history: an index over the audit journal, from which it can be made again."""

from collections.abc import Sequence
from typing import Protocol

from selfkms.domain.cloudtrail.history import Found, LastUse, Lookup, Mark


class HistoryUnavailableError(Exception):
    """The history cannot be read or written now."""


class EventHistory(Protocol):
    """What the audit says of the past, up to two seconds ago. An instance belongs to one thread.

    Each method raises:
        HistoryUnavailableError: not now.
    """

    def lookup(self, lookup: Lookup, *, before: Mark | None, limit: int) -> Sequence[Found]:
        """Management events, the newest first, at most `limit`; with `before`, those that stand before that event."""

    def last_use(self, key_arn: str) -> LastUse | None:
        """The last successful cryptographic operation with a KMS key, of those that GetKeyLastUsage tells of."""

    def tracked_since(self) -> float | None:
        """When the first event was recorded, seconds since the epoch; None: there is none."""

    def place(self) -> str:
        """How far into the journal it goes: to be given to `AuditRecords.after`."""


class HistoryFeed(Protocol):
    """What keeps the index up with the journal. It may be fed twice at once, and be interrupted at any point."""

    def feed(self) -> bool:
        """Take in a batch of what the journal has more; whether there may be another batch.

        A damaged journal is logged, and the history then goes up to the damage.

        Raises:
            HistoryUnavailableError: not now; nothing of the batch was taken in.
        """

    def prune(self) -> None:
        """Forget events that are older than the history goes back; the use of KMS keys is not forgotten.

        Raises:
            HistoryUnavailableError: not now.
        """

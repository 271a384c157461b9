"""All audit records in their order, for whoever takes each of them once."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

BEGINNING = ""
"""The place before the first record."""


class PlacedRecord(NamedTuple):
    """An audit record."""

    place: str
    """Behind it: to be kept, and given back."""
    body: bytes
    """One JSON object, UTF-8."""


class AuditUnreadableError(Exception):
    """What follows is damaged. The message is for the operator."""


class OtherAuditRecordsError(Exception):
    """The place is in another journal: it was begun anew, set back, or lost its end. What was there is not here."""


class AuditRecords(Protocol):
    """The audit journal, to be read on in. An instance belongs to one thread."""

    def after(self, place: str, *, limit: int) -> Sequence[PlacedRecord]:
        """The records behind a place, at most so many; none if it is the end for now.

        Raises:
            AuditUnreadableError, OtherAuditRecordsError: not from there.
        """

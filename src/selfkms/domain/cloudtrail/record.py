"""A finished audit record.

Source: CloudTrail User Guide, "CloudTrail record contents for management, data, and network activity events".
"""

from typing import NamedTuple


class AuditRecord(NamedTuple):
    """One per request. Two with the same event ID are the same record, sent twice."""

    event_id: str
    """A UUID, CloudTrail's eventID."""
    body: bytes
    """One JSON object, UTF-8, without line breaks."""

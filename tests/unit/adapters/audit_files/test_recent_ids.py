"""The memory for event IDs."""

import pytest

from selfkms.adapters.audit_files.recent_ids import RECENT_IDS_MAX, RecentIDs


def event_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_oldest_is_forgotten() -> None:
    """The last 65,536 event IDs are known, and not one more."""
    recent_ids = RecentIDs()
    for number in range(RECENT_IDS_MAX + 2):
        recent_ids.add(event_id(number))
    assert len(recent_ids) == RECENT_IDS_MAX == 65_536
    assert event_id(1) not in recent_ids
    assert event_id(2) in recent_ids
    assert event_id(RECENT_IDS_MAX + 1) in recent_ids


def test_known_id_is_not_added() -> None:
    """Adding what is known is our mistake: it would be forgotten too early."""
    recent_ids = RecentIDs()
    recent_ids.add(event_id(1))
    with pytest.raises(AssertionError):
        recent_ids.add(event_id(1))

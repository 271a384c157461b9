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


def test_what_is_sent_again_stays_known() -> None:
    """A record that is sent again and again is known, however many others come meanwhile."""
    recent_ids = RecentIDs()
    recent_ids.add(event_id(0))
    for number in range(1, RECENT_IDS_MAX * 2):
        if number % 60_000 == 0:
            assert recent_ids.saw(event_id(0))
        recent_ids.add(event_id(number))
    assert recent_ids.saw(event_id(0))
    assert not recent_ids.saw(event_id(1))

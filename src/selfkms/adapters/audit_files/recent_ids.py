"""The event IDs of the last records: how a record that is sent twice is known the second time."""

from collections import deque
from typing import Final

RECENT_IDS_MAX: Final = 65_536


class RecentIDs:
    """A set of at most `RECENT_IDS_MAX` event IDs (16 bytes each) that forgets the oldest."""

    def __init__(self) -> None:
        self._order: deque[bytes] = deque()
        self._known: set[bytes] = set()

    def add(self, event_id: bytes) -> None:
        """Remember it; it must not be known yet."""
        assert event_id not in self._known
        if len(self._order) == RECENT_IDS_MAX:
            self._known.remove(self._order.popleft())
        self._order.append(event_id)
        self._known.add(event_id)

    def __contains__(self, event_id: bytes) -> bool:
        return event_id in self._known

    def __len__(self) -> int:
        return len(self._order)

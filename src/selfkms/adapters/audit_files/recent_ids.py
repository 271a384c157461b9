"""The event IDs of the last records: how a record that is sent twice is known the second time."""

from typing import Final

RECENT_IDS_MAX: Final = 65_536


class RecentIDs:
    """At most `RECENT_IDS_MAX` event IDs, 16 bytes each; the one that was not seen for longest is forgotten first."""

    def __init__(self) -> None:
        # In the order in which they were last seen.
        self._known: dict[bytes, None] = {}

    def add(self, event_id: bytes) -> None:
        """Remember it; it must not be known yet."""
        assert event_id not in self._known
        if len(self._known) == RECENT_IDS_MAX:
            del self._known[next(iter(self._known))]
        self._known[event_id] = None

    def saw(self, event_id: bytes) -> bool:
        """Whether it is known. One that is sent again may be sent once more, so that it counts as just seen."""
        if event_id not in self._known:
            return False
        del self._known[event_id]
        self._known[event_id] = None
        return True

    def __contains__(self, event_id: bytes) -> bool:
        return event_id in self._known

    def __len__(self) -> int:
        return len(self._known)

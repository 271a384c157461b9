"""A database that fails when a test says so, and does between two steps of a request what others might do."""

from collections.abc import Callable, Sequence

from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.records import Change

Event = Callable[[], None]


def nothing() -> None:
    """What happens unless a test says something else."""


def fail_with(error: Exception) -> Event:
    """Raise this."""

    def fail() -> None:
        raise error

    return fail


def in_turn(*events: Event) -> Event:
    """The first event the first time, and so on; nothing after the last."""
    remaining = list(events)

    def happen() -> None:
        if remaining:
            remaining.pop(0)()

    return happen


class TroubledDatabase(MemoryDatabase):
    """Calls what a test put in its way. `write` is a commit without any of it."""

    def __init__(self) -> None:
        super().__init__()
        self.before_refresh: Event = nothing
        self.before_key: Event = nothing
        self.before_commit: Event = nothing
        self.after_commit: Event = nothing
        self.commits_tried = 0

    def refresh(self) -> None:
        self.before_refresh()
        super().refresh()

    def key(self, account_id: str, region: str, key_id: str) -> KMSKey | None:
        self.before_key()
        return super().key(account_id, region, key_id)

    def commit(self, changes: Sequence[Change], audit: Sequence[AuditRecord] = ()) -> None:
        self.commits_tried += 1
        self.before_commit()
        super().commit(changes, audit)
        self.after_commit()

    def write(self, *changes: Change) -> None:
        """What somebody else changes meanwhile."""
        super().commit(changes)

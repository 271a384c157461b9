"""The thread that copies snapshots goes on whatever fails, and without a pause while there is more to do."""

from threading import Event

import pytest

from selfkms.gate.storage import StorageKeeper
from selfkms.ports.block_store import BlockStoreUnavailableError
from selfkms.ports.database import CorruptRecordError, DatabaseUnavailableError
from selfkms.server.storage import keep_storage, run_storage


class Rounds(StorageKeeper):
    """Gives what it was told to, round by round, and then sets an event."""

    def __init__(self, stop: Event, *rounds: bool | Exception) -> None:
        self._stop = stop
        self.rounds = list(rounds)

    def attend(self) -> bool:
        found = self.rounds.pop(0)
        if not self.rounds:
            self._stop.set()
        if isinstance(found, Exception):
            raise found
        return found


@pytest.mark.parametrize(
    "error", [DatabaseUnavailableError("away"), CorruptRecordError("torn"), BlockStoreUnavailableError("full")]
)
def test_what_fails_comes_again(error: Exception) -> None:
    """And is nothing to do at once."""
    assert not keep_storage(Rounds(Event(), error))


def test_rounds_follow_each_other_while_there_is_more() -> None:
    """An hour between two rounds would be noticed."""
    stop = Event()
    keeper = Rounds(stop, True, True, False)
    stop_soon = Rounds(stop, True, True)
    run_storage(lambda: stop_soon, stop, interval_seconds=0.0)
    assert stop_soon.rounds == []
    stop.clear()
    run_storage(lambda: keeper, stop, interval_seconds=0.0)
    assert keeper.rounds == []

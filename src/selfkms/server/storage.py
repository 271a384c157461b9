"""The keeper's third thread: it copies snapshots, and does what else falls due for them."""

import logging
from collections.abc import Callable
from threading import Event
from typing import Final

from selfkms.gate.storage import StorageKeeper
from selfkms.ports.block_store import BlockStoreUnavailableError
from selfkms.ports.database import CorruptRecordError, DatabaseUnavailableError

_log: Final = logging.getLogger(__name__)


def run_storage(make_keeper: Callable[[], StorageKeeper], stop: Event, *, interval_seconds: float) -> None:
    """Work until `stop` is set. A copy that is under way then goes on where it was with the next one that runs."""
    keeper = make_keeper()
    more = False
    while not stop.wait(0.0 if more else interval_seconds):
        more = keep_storage(keeper)


def keep_storage(keeper: StorageKeeper) -> bool:
    """One round; whether there is more to do at once. What fails is logged and comes again with the next."""
    try:
        return keeper.attend()
    except (DatabaseUnavailableError, CorruptRecordError, BlockStoreUnavailableError) as error:
        _log.warning("work on snapshots will be tried again: %s", error)
        return False

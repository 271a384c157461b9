"""The keeper: one process that does what falls due. Everything it does may be done twice or late without harm."""

import logging
import signal
from collections.abc import Callable
from threading import Event, Thread
from typing import Final

from selfkms.gate.delivery import Deliverer
from selfkms.gate.storage import StorageKeeper
from selfkms.gate.upkeep import Upkeep
from selfkms.ports.audit_sink import AuditSink, JournalUnavailableError
from selfkms.ports.database import CorruptRecordError, DatabaseUnavailableError
from selfkms.ports.event_history import HistoryFeed, HistoryUnavailableError
from selfkms.server.deliveries import run_deliveries
from selfkms.server.storage import run_storage

_log = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 1.0

# For what is being written when we are to stop; the next keeper writes it again if it takes longer.
_LAST_ROUND_SECONDS: Final = 5.0


def run_keeper(
    make_upkeep: Callable[[], Upkeep],
    sink: AuditSink,
    make_feed: Callable[[], HistoryFeed],
    make_deliverer: Callable[[], Deliverer],
    make_storage: Callable[[], StorageKeeper],
    *,
    interval_seconds: float = INTERVAL_SECONDS,
) -> None:
    """Work until SIGTERM; then once more, so that the journal has everything when the recorder ends."""
    stop = Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all processes; the supervisor decides
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    upkeep, feed = make_upkeep(), make_feed()
    rounds = {"interval_seconds": interval_seconds}
    threads = (
        Thread(target=run_deliveries, args=(make_deliverer, stop), kwargs=rounds, name="deliveries", daemon=True),
        Thread(target=run_storage, args=(make_storage, stop), kwargs=rounds, name="storage", daemon=True),
    )
    for thread in threads:
        thread.start()
    behind = False
    while not stop.wait(0.0 if behind else interval_seconds):
        # The supervisor starts all of it again.
        assert all(thread.is_alive() for thread in threads), "a thread ended"
        keep(upkeep, sink)
        behind = keep_history(feed)
    keep(upkeep, sink)
    keep_history(feed)
    for thread in threads:
        thread.join(_LAST_ROUND_SECONDS)


def keep(upkeep: Upkeep, sink: AuditSink) -> None:
    """One round of all jobs. What fails is logged and comes again with the next round, and stops no other job."""
    for job in (upkeep.attend_due_keys, upkeep.compact, upkeep.tidy, lambda: upkeep.move_audit(sink)):
        try:
            job()
        except (DatabaseUnavailableError, CorruptRecordError, JournalUnavailableError) as error:
            _log.warning("the keeper will try again: %s", error)


def keep_history(feed: HistoryFeed) -> bool:
    """Bring the event history a batch further; whether there is more for it in the journal.

    What fails is logged and comes again with the next round: the history is an index, and nobody waits for it.
    """
    try:
        behind = feed.feed()
        feed.prune()
    except HistoryUnavailableError as error:
        _log.warning("the keeper will try again: %s", error)
        return False
    return behind

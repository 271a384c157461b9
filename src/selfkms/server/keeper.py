"""The keeper: one process that does what falls due. Everything it does may be done twice or late without harm."""

import logging
import signal
from collections.abc import Callable
from threading import Event
from typing import Final

from selfkms.gate.upkeep import Upkeep
from selfkms.ports.audit_sink import AuditSink, JournalUnavailableError
from selfkms.ports.database import CorruptRecordError, DatabaseUnavailableError

_log = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 1.0


def run_keeper(
    make_upkeep: Callable[[], Upkeep], sink: AuditSink, *, interval_seconds: float = INTERVAL_SECONDS
) -> None:
    """Work until SIGTERM; then once more, so that the journal has everything when the recorder ends."""
    stop = Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all processes; the supervisor decides
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    upkeep = make_upkeep()
    while not stop.wait(interval_seconds):
        keep(upkeep, sink)
    keep(upkeep, sink)


def keep(upkeep: Upkeep, sink: AuditSink) -> None:
    """One round of all jobs. What fails is logged and comes again with the next round, and stops no other job."""
    for job in (upkeep.attend_due_keys, upkeep.compact, upkeep.tidy, lambda: upkeep.move_audit(sink)):
        try:
            job()
        except (DatabaseUnavailableError, CorruptRecordError, JournalUnavailableError) as error:
            _log.warning("the keeper will try again: %s", error)

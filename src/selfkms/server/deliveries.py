"""The keeper's other thread: it delivers. A store that does not answer holds up nothing else."""

import logging
from collections.abc import Callable
from threading import Event
from typing import Final

from selfkms.gate.delivery import Deliverer
from selfkms.ports.audit_sink import JournalUnavailableError
from selfkms.ports.database import CorruptRecordError, DatabaseUnavailableError

_log: Final = logging.getLogger(__name__)


def run_deliveries(make_deliverer: Callable[[], Deliverer], stop: Event, *, interval_seconds: float) -> None:
    """Deliver until `stop` is set. Whatever was not delivered then is delivered by the next one that runs."""
    deliverer = make_deliverer()
    while not stop.wait(interval_seconds):
        deliver(deliverer)


def deliver(deliverer: Deliverer) -> None:
    """One round. What fails is logged and comes again with the next."""
    try:
        deliverer.attend()
    except (DatabaseUnavailableError, CorruptRecordError, JournalUnavailableError) as error:
        _log.warning("deliveries will try again: %s", error)

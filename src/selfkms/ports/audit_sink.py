"""Where the audit records go that stand with no change in the database: the journal, by way of the recorder."""

from collections.abc import Sequence
from typing import Protocol

from selfkms.domain.cloudtrail.record import AuditRecord


class JournalUnavailableError(Exception):
    """The records could not be made safe. Whoever waits for them must not answer."""


class Journal(Protocol):
    """The chained file on disk. One process, the recorder, has it."""

    def append(self, records: Sequence[AuditRecord]) -> None:
        """Chain and write the records, in order, as durably as the settings ask. Known event IDs are passed over.

        Raises:
            JournalUnavailableError: disk full, not writable …: none of these records counts as written.
        """

    def close(self) -> None: ...


class AuditSink(Protocol):
    """The way to the recorder from another process, blocking; workers have one of their own on their event loop."""

    def record(self, records: Sequence[AuditRecord]) -> None:
        """Return once the records are safe.

        Raises:
            JournalUnavailableError: they are not, or it is not known.
        """

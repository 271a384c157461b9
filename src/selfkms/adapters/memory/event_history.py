"""The event history of a test: all records in a list, looked through from its end."""

from collections.abc import Callable, Iterable, Sequence

from selfkms.domain.cloudtrail.history import Found, LastUse, Lookup, Mark, RecordedEvent, recorded_event
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.ports.audit_records import PlacedRecord


class MemoryEventHistory:
    """`ports.event_history.EventHistory` over whatever records there are when it is asked."""

    def __init__(self, records: Callable[[], Iterable[AuditRecord]]) -> None:
        """Prepare; `records` gives all of them, in the order of the journal."""
        self._records = records

    def lookup(self, lookup: Lookup, *, before: Mark | None, limit: int) -> Sequence[Found]:
        found = [Found(mark, body) for mark, event, body in self._events() if event.meets(lookup)]
        found.sort(reverse=True)
        return [event for event in found if before is None or event.mark < before][:limit]

    def last_use(self, key_arn: str) -> LastUse | None:
        latest: LastUse | None = None
        for _, event, _ in self._events():
            if key_arn in event.used_keys and (latest is None or latest.at <= event.at):
                latest = LastUse(event.event_name, event.at, event.event_id, event.request_id or "")
            if event.happened_to_key() == ("DeleteKey", key_arn):
                latest = None
        return latest

    def tracked_since(self) -> float | None:
        return next((event.at for _, event, _ in self._events()), None)

    def place(self) -> str:
        return str(sum(1 for _ in self._events()))

    def after(self, place: str, *, limit: int) -> Sequence[PlacedRecord]:
        """`ports.audit_records.AuditRecords` over the same records."""
        first = int(place or "0")
        bodies = [body for _, _, body in self._events()][first : first + limit]
        return [PlacedRecord(str(number), body) for number, body in enumerate(bodies, start=first + 1)]

    def _events(self) -> Iterable[tuple[Mark, RecordedEvent, bytes]]:
        known: set[str] = set()
        for sequence, record in enumerate(self._records(), start=1):
            if record.event_id not in known:
                known.add(record.event_id)
                event = recorded_event(record.body)
                yield Mark(event.at, sequence), event, record.body

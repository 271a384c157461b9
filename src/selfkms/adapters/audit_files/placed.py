"""Places in the journal as text, and the journal as `ports.audit_records.AuditRecords`."""

from collections.abc import Sequence

from selfkms.adapters.audit_files import follow
from selfkms.adapters.audit_files.follow import AnotherJournalError, Follower, Place
from selfkms.adapters.audit_files.layout import Position
from selfkms.adapters.audit_files.segments import JournalDamagedError
from selfkms.ports.audit_records import BEGINNING, AuditUnreadableError, OtherAuditRecordsError, PlacedRecord


def place_text(place: Place) -> str:
    """Segment, offset, sequence number, chain hash, offset of the last record."""
    position = place.position
    if position.sequence == 0:
        return BEGINNING
    parts = (position.segment, position.offset, position.sequence, position.chain_hash.hex(), place.record_offset)
    return ".".join(map(str, parts))


def place_of(text: str) -> Place:
    """The place of a text that `place_text` made."""
    if text == BEGINNING:
        return follow.BEGINNING
    segment, offset, sequence, chain_hash, record_offset = text.split(".")
    position = Position(int(segment), int(offset), int(sequence), bytes.fromhex(chain_hash))
    return Place(position, int(record_offset))


class JournalRecords:
    """The journal, read on in."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    def after(self, place: str, *, limit: int) -> Sequence[PlacedRecord]:
        try:
            found = self._follower.read(place_of(place), records_max=limit)
        except AnotherJournalError as error:
            raise OtherAuditRecordsError from error
        except (JournalDamagedError, OSError) as error:
            raise AuditUnreadableError(str(error)) from error
        return [PlacedRecord(place_text(record.place), record.body) for record in found]

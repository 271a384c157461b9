"""Places as text, and the journal read on in from one."""

from pathlib import Path

import pytest

from selfkms.adapters.audit_files import follow
from selfkms.adapters.audit_files.follow import Follower, Place
from selfkms.adapters.audit_files.journal import Durability, FileJournal
from selfkms.adapters.audit_files.layout import Position
from selfkms.adapters.audit_files.placed import JournalRecords, place_of, place_text
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.secrets import Secret
from selfkms.ports.audit_records import BEGINNING, OtherAuditRecordsError

KEY = Secret(b"k" * 32)


def test_a_place_is_its_text() -> None:
    """There and back."""
    place = Place(Position(3, 4_711, 12, bytes(range(32))), 4_096)
    assert place_of(place_text(place)) == place
    assert place_text(follow.BEGINNING) == BEGINNING
    assert place_of(BEGINNING) == follow.BEGINNING


def journal(directory: Path) -> FileJournal:
    return FileJournal(
        directory,
        audit_key=KEY,
        installation_id="00000000-0000-4000-8000-000000000001",
        durability=Durability.PROCESS,
        segment_bytes=1_048_576,
    )


def test_the_journal_is_read_on_in(tmp_path: Path) -> None:
    """From where somebody was; at its end there is nothing for now. Another journal is no answer."""
    records = JournalRecords(Follower(tmp_path, KEY))
    assert records.after(BEGINNING, limit=10) == []
    written = journal(tmp_path)
    bodies = [b'{"n":%d}' % number for number in range(3)]
    written.append([AuditRecord(f"00000000-0000-4000-8000-00000000000{n}", body) for n, body in enumerate(bodies)])
    first = records.after(BEGINNING, limit=2)
    assert [record.body for record in first] == bodies[:2]
    rest = records.after(first[-1].place, limit=2)
    assert [record.body for record in rest] == bodies[2:]
    assert records.after(rest[-1].place, limit=2) == []
    written.close()
    for path in tmp_path.iterdir():
        path.unlink()
    written = journal(tmp_path)
    written.append([AuditRecord("00000000-0000-4000-8000-000000000009", b"{}")])
    written.close()
    with pytest.raises(OtherAuditRecordsError):
        records.after(rest[-1].place, limit=2)

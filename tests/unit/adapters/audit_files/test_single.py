"""One record by where it stands: exactly that one, or none."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from selfkms.adapters.audit_files.journal import FileJournal
from selfkms.adapters.audit_files.layout import FRAME_OVERHEAD, RECORDS_OFFSET
from selfkms.adapters.audit_files.single import NoSuchRecordError, read_record
from selfkms.domain.cloudtrail.record import AuditRecord

MakeRecords = Callable[..., list[AuditRecord]]
OpenJournal = Callable[..., FileJournal]

FIRST = RECORDS_OFFSET


def id_of(record: AuditRecord) -> bytes:
    return UUID(record.event_id).bytes


@pytest.mark.parametrize("body_bytes", [100, 1_987, 1_988, 1_989, 5_000, 200_000])
def test_a_record(directory: Path, open_journal: OpenJournal, make_records: MakeRecords, body_bytes: int) -> None:
    """However long it is."""
    record, following = make_records(1, 2, body_bytes)
    open_journal(segment_bytes=1 << 20).append([record, following])
    assert read_record(directory, 1, FIRST, id_of(record)) == record.body
    assert read_record(directory, 1, FIRST + FRAME_OVERHEAD + body_bytes, id_of(following)) == following.body


@pytest.mark.parametrize("offset", [FIRST + 1, FIRST + 160, 0, FIRST + 1_900, 6_100, 1 << 30])
def test_at_another_place_is_none(
    directory: Path, open_journal: OpenJournal, make_records: MakeRecords, offset: int
) -> None:
    """In the middle of one, where another stands, among zeros, behind the end of the file."""
    records = make_records(1, 2)
    open_journal().append(records)
    with pytest.raises(NoSuchRecordError):
        read_record(directory, 1, offset, id_of(records[0]))


def test_a_segment_that_is_missing(directory: Path, open_journal: OpenJournal, make_records: MakeRecords) -> None:
    """It is named."""
    records = make_records(1, 1)
    open_journal().append(records)
    with pytest.raises(NoSuchRecordError, match=r"00000000000000000002\.journal is missing"):
        read_record(directory, 2, FIRST, id_of(records[0]))


def test_a_record_that_is_cut_off(directory: Path, open_journal: OpenJournal, make_records: MakeRecords) -> None:
    """Half of a record is no record."""
    records = make_records(1, 1, 1_000)
    open_journal().append(records)
    path = directory / "00000000000000000001.journal"
    path.write_bytes(path.read_bytes()[: FIRST + 500])
    with pytest.raises(NoSuchRecordError):
        read_record(directory, 1, FIRST, id_of(records[0]))

"""Reading on in a journal: everything that was acknowledged, in order, once; and nothing that was not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from selfkms.adapters.audit_files.follow import BEGINNING, AnotherJournalError, Followed, Follower, Place
from selfkms.adapters.audit_files.journal import FileJournal
from selfkms.adapters.audit_files.layout import GENESIS_HASH, RECORDS_OFFSET, Position
from selfkms.adapters.audit_files.mark import MARK_NAME
from selfkms.adapters.audit_files.segments import JournalDamagedError, segment_name
from selfkms.adapters.audit_files.single import read_record
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.secrets import Secret

MakeRecords = Callable[..., list[AuditRecord]]
OpenJournal = Callable[..., FileJournal]


@pytest.fixture
def follower(directory: Path, audit_key: Secret) -> Follower:
    return Follower(directory, audit_key)


def rest(follower: Follower, place: Place = BEGINNING, *, at_once: int = 7) -> Iterator[Followed]:
    """All that there is behind a place."""
    while found := follower.read(place, records_max=at_once):
        assert len(found) <= at_once
        yield from found
        place = found[-1].place


def bodies(records: list[AuditRecord]) -> list[bytes]:
    return [record.body for record in records]


def alter(path: Path, offset: int) -> None:
    """Flip a bit."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_there_is_no_journal_yet(directory: Path, audit_key: Secret) -> None:
    """Nothing to read, and no error: the recorder has not begun."""
    directory.mkdir()
    assert Follower(directory, audit_key).read(BEGINNING, records_max=10) == []


@pytest.mark.parametrize("at_once", [1, 2, 7, 100])
def test_everything_is_read_once_and_in_order(
    follower: Follower, open_journal: OpenJournal, make_records: MakeRecords, at_once: int
) -> None:
    """Over several segments, however much is read at once."""
    records = make_records(1, 60)
    open_journal().append(records)
    found = list(rest(follower, at_once=at_once))
    assert [record.body for record in found] == bodies(records)
    assert [record.place.position.sequence for record in found] == list(range(1, 61))
    assert found[-1].place.position.segment > 3


def test_where_a_record_stands(
    directory: Path, follower: Follower, open_journal: OpenJournal, make_records: MakeRecords
) -> None:
    """Each can be fetched from there alone."""
    open_journal().append(make_records(1, 30))
    for record in rest(follower):
        segment, offset = record.place.position.segment, record.place.record_offset
        assert read_record(directory, segment, offset, record.event_id) == record.body


def test_it_goes_on_while_the_recorder_writes(
    follower: Follower, open_journal: OpenJournal, make_records: MakeRecords
) -> None:
    """At the end there is nothing; after the next batch there is that batch, also in a new segment."""
    journal, place = open_journal(), BEGINNING
    for first in range(1, 50, 5):
        records = make_records(first, 5)
        journal.append(records)
        found = follower.read(place, records_max=100)
        assert [record.body for record in found] == bodies(records)
        place = found[-1].place
        assert follower.read(place, records_max=100) == []


def test_a_closed_and_opened_journal_goes_on(
    follower: Follower, open_journal: OpenJournal, make_records: MakeRecords
) -> None:
    """A place outlives the process that wrote."""
    journal = open_journal()
    journal.append(make_records(1, 3))
    (*_, last) = rest(follower)
    journal.close()
    open_journal().append(make_records(4, 1))
    assert [record.body for record in rest(follower, last.place)] == bodies(make_records(4, 1))


def test_what_was_not_acknowledged_is_not_read(
    directory: Path, follower: Follower, open_journal: OpenJournal, make_records: MakeRecords
) -> None:
    """Records behind the mark may still be taken back."""
    journal = open_journal()
    journal.append(make_records(1, 2))
    mark = (directory / MARK_NAME).read_bytes()
    journal.append(make_records(3, 2))
    (directory / MARK_NAME).write_bytes(mark)
    assert len(list(rest(follower))) == 2


@pytest.mark.parametrize("at_once", [1, 100])
def test_damage_is_met_after_what_is_in_order(
    directory: Path, follower: Follower, open_journal: OpenJournal, make_records: MakeRecords, at_once: int
) -> None:
    """The records before it are read; then it is named, again and again."""
    open_journal().append(make_records(1, 5))
    alter(directory / segment_name(1), RECORDS_OFFSET + 3 * (60 + 100) + 90)
    place = BEGINNING
    for _ in range(3 if at_once == 1 else 1):
        place = follower.read(place, records_max=at_once)[-1].place
    assert place.position.sequence == 3
    for _ in range(2):
        with pytest.raises(JournalDamagedError) as damaged:
            follower.read(place, records_max=at_once)
        assert damaged.value.damage.sequence == 4


def test_a_missing_segment_is_damage(
    directory: Path, follower: Follower, open_journal: OpenJournal, make_records: MakeRecords
) -> None:
    """What lies before it is read."""
    open_journal().append(make_records(1, 40))
    (directory / segment_name(2)).unlink()
    with pytest.raises(JournalDamagedError, match="missing"):
        list(rest(follower))


def test_exchanged_segments_are_damage(
    directory: Path, follower: Follower, open_journal: OpenJournal, make_records: MakeRecords
) -> None:
    """A segment must go on where the one before it ended."""
    open_journal().append(make_records(1, 40))
    (directory / segment_name(2)).write_bytes((directory / segment_name(3)).read_bytes())
    with pytest.raises(JournalDamagedError, match="does not continue"):
        list(rest(follower))


def test_bytes_behind_the_last_record_of_a_full_segment_are_damage(
    directory: Path, follower: Follower, open_journal: OpenJournal, make_records: MakeRecords
) -> None:
    """Nothing but zeros follows it."""
    open_journal().append(make_records(1, 40))
    alter(directory / segment_name(1), -1)
    with pytest.raises(JournalDamagedError, match="damaged or unfinished"):
        list(rest(follower))


def test_a_journal_that_ends_before_its_mark_is_damaged(
    directory: Path, follower: Follower, open_journal: OpenJournal, make_records: MakeRecords
) -> None:
    """What was acknowledged must be there."""
    open_journal().append(make_records(1, 5))
    path = directory / segment_name(1)
    data = bytearray(path.read_bytes())
    data[RECORDS_OFFSET + 4 * 160 :] = bytes(len(data) - RECORDS_OFFSET - 4 * 160)
    path.write_bytes(data)
    with pytest.raises(JournalDamagedError, match="acknowledged up to record 5"):
        list(rest(follower))


def test_another_key_finds_damage(directory: Path, open_journal: OpenJournal, make_records: MakeRecords) -> None:
    """The chain is this installation's own."""
    open_journal().append(make_records(1, 5))
    with pytest.raises(JournalDamagedError):
        Follower(directory, Secret(bytes(32))).read(BEGINNING, records_max=5)


class TestAnotherJournal:
    """A place in a journal that is not there any more."""

    def test_a_shorter_one(
        self, directory: Path, follower: Follower, open_journal: OpenJournal, make_records: MakeRecords
    ) -> None:
        """Begun anew, or an older copy: it ends before the place."""
        journal = open_journal()
        journal.append(make_records(1, 5))
        (*_, last) = rest(follower)
        journal.close()
        directory.rename(directory.with_name("moved away"))
        open_journal().append(make_records(100, 2))
        with pytest.raises(AnotherJournalError):
            follower.read(last.place, records_max=10)

    @pytest.mark.parametrize("number", [5, 6, 40])
    def test_a_longer_one(
        self, directory: Path, follower: Follower, open_journal: OpenJournal, make_records: MakeRecords, number: int
    ) -> None:
        """It has another record under the last number that was read."""
        journal = open_journal()
        journal.append(make_records(1, 5))
        (*_, last) = rest(follower)
        journal.close()
        directory.rename(directory.with_name("moved away"))
        open_journal().append(make_records(100, number))
        with pytest.raises(AnotherJournalError):
            follower.read(last.place, records_max=10)

    @pytest.mark.parametrize("segment", [1, 9])
    def test_a_place_that_never_was(
        self, follower: Follower, open_journal: OpenJournal, make_records: MakeRecords, segment: int
    ) -> None:
        """In a segment that is not there, or beyond the end of one."""
        open_journal().append(make_records(1, 5))
        place = Place(Position(segment, 1 << 30, 1, GENESIS_HASH), (1 << 30) - 100)
        with pytest.raises(AnotherJournalError):
            follower.read(place, records_max=10)

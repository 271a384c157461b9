"""Verifying and reading: nothing that was acknowledged can be altered, moved or taken away unseen."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from selfkms.adapters.audit_files.journal import FileJournal
from selfkms.adapters.audit_files.layout import GENESIS_HASH, RECORDS_OFFSET, Header, encode_frame
from selfkms.adapters.audit_files.mark import MARK_NAME
from selfkms.adapters.audit_files.segments import Damage, JournalDamagedError, Segment
from selfkms.adapters.audit_files.verify import Report, read, verify
from selfkms.crypto.mac import MACKey
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.secrets import Secret

MakeRecords = Callable[..., list[AuditRecord]]
OpenJournal = Callable[..., FileJournal]

INSTALLATION_ID = "6f1c1f6e-1111-4222-8333-444455556666"


def segment_path(directory: Path, number: int) -> Path:
    return directory / f"{number:020d}.journal"


@pytest.fixture
def written(open_journal: OpenJournal, make_records: MakeRecords, directory: Path) -> list[AuditRecord]:
    """The records of a journal of two segments at rest: 12 in the first one, 3 in the second one."""
    records = make_records(1, 15)
    journal = open_journal()
    journal.append(records[:12])
    journal.append(records[12:])
    journal.close()
    assert segment_path(directory, 2).exists()
    return records


def frame_bounds(directory: Path, number: int, key: Secret) -> list[tuple[int, int]]:
    """Begin and end of each record of a segment."""
    return [(frame.offset, frame.after.offset) for frame in Segment(directory, number, MACKey(key)).frames()]


def damage_of(directory: Path, key: Secret) -> Damage:
    """What `verify` finds wrong; `read` must end with the same."""
    damage = verify(directory, key).damage
    assert damage is not None
    with pytest.raises(JournalDamagedError) as caught:
        list(read(directory, key))
    assert caught.value.damage == damage
    return damage


class TestInOrder:
    def test_report(self, written: list[AuditRecord], directory: Path, audit_key: Secret) -> None:
        """A journal in order is reported with its records, segments and times."""
        assert verify(directory, audit_key) == Report(
            records=15,
            segments=2,
            installation_id=INSTALLATION_ID,
            first_time="2026-11-04T12:00:01Z",
            last_time="2026-11-04T12:00:15Z",
            open_end_bytes=0,
            damage=None,
        )
        assert list(read(directory, audit_key)) == [(n, record.body) for n, record in enumerate(written, start=1)]

    def test_without_records(self, open_journal: OpenJournal, directory: Path, audit_key: Secret) -> None:
        """A journal that has only been opened is in order."""
        open_journal()
        report = verify(directory, audit_key)
        assert (report.records, report.segments, report.first_time, report.damage) == (0, 1, None, None)
        assert list(read(directory, audit_key)) == []

    def test_no_journal(self, directory: Path, audit_key: Secret) -> None:
        """An empty directory holds no segment; one that is not there cannot be read."""
        with pytest.raises(FileNotFoundError):
            verify(directory, audit_key)
        directory.mkdir()
        report = verify(directory, audit_key)
        assert (report.segments, report.installation_id, report.damage) == (0, None, None)

    def test_body_without_a_time(self, open_journal: OpenJournal, directory: Path, audit_key: Secret) -> None:
        """A body that is no CloudTrail record is in order all the same, but has no time."""
        ids = (f"00000000-0000-4000-8000-00000000000{n}" for n in range(2))
        open_journal().append([AuditRecord(next(ids), b"not JSON"), AuditRecord(next(ids), b"{}")])
        report = verify(directory, audit_key)
        assert (report.records, report.first_time, report.last_time, report.damage) == (2, None, None, None)


class TestWhileWriting:
    def test_after_each_batch(
        self, open_journal: OpenJournal, make_records: MakeRecords, directory: Path, audit_key: Secret
    ) -> None:
        """A journal that is being written is verified up to the batch that was acknowledged last."""
        journal = open_journal()
        for number in range(1, 20):
            journal.append(make_records(number))
            report = verify(directory, audit_key)
            assert (report.records, report.open_end_bytes, report.damage) == (number, 0, None)

    def test_batch_under_way(
        self,
        open_journal: OpenJournal,
        make_records: MakeRecords,
        directory: Path,
        audit_key: Secret,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A batch that is written halfway is the open end, however much of it is there."""
        journal = open_journal()
        journal.append(make_records(1, 3))
        seen: list[Report] = []
        pwrite = os.pwrite

        def byte_by_byte(descriptor: int, data: bytes, offset: int) -> int:
            count = pwrite(descriptor, data[:1], offset)
            if descriptor == journal._descriptor:
                seen.append(verify(directory, audit_key))
            return count

        monkeypatch.setattr(os, "pwrite", byte_by_byte)
        journal.append(make_records(4, 2))
        assert len(seen) == 2 * 160
        assert all(report.damage is None for report in seen)
        assert [report.records for report in seen] == [3] * 159 + [4] * 160 + [5]
        assert max(report.open_end_bytes for report in seen) == 159

    @pytest.mark.usefixtures("written")
    def test_open_end_only_in_the_last_segment(self, directory: Path, audit_key: Secret) -> None:
        """Bytes behind the last record of an older segment are damage."""
        path = segment_path(directory, 1)
        end = frame_bounds(directory, 1, audit_key)[-1][1]
        data = bytearray(path.read_bytes())
        data[end + 70] = 1
        path.write_bytes(data)
        assert damage_of(directory, audit_key) == Damage(path.name, end, 13, "the record is damaged or unfinished")

    def test_open_end_before_an_empty_segment(
        self, open_journal: OpenJournal, make_records: MakeRecords, directory: Path, audit_key: Secret
    ) -> None:
        """When a segment has a successor nothing is open in it, even if nothing was acknowledged in the new one yet."""
        journal = open_journal()
        journal.append(make_records(1, 3))
        end = journal._position.offset
        journal._roll()
        path = segment_path(directory, 1)
        assert verify(directory, audit_key).damage is None
        data = bytearray(path.read_bytes())
        data[end] = 1
        path.write_bytes(data)
        damage = damage_of(directory, audit_key)
        assert (damage.segment, damage.offset, damage.sequence) == (path.name, end, 4)


class TestAltered:
    @pytest.mark.usefixtures("written")
    def test_every_byte(self, directory: Path, audit_key: Secret) -> None:
        """Whatever byte is altered, in a segment or in the mark, is noticed, be it only as an open end."""
        last_end = frame_bounds(directory, 2, audit_key)[-1][1]
        # The zeros that fill the block of a header are checked as one; a part of them stands for all.
        skipped = range(200, RECORDS_OFFSET - 8)
        for path in [directory / MARK_NAME, segment_path(directory, 1), segment_path(directory, 2)]:
            data = path.read_bytes()
            for offset in range(len(data)):
                if offset in skipped:
                    continue
                with path.open("r+b") as file:
                    file.seek(offset)
                    file.write(bytes([data[offset] ^ 0x10]))
                report = verify(directory, audit_key)
                if path == segment_path(directory, 2) and offset >= last_end:
                    assert report.open_end_bytes == offset + 1 - last_end
                    assert (report.records, report.damage) == (15, None)
                else:
                    assert report.damage is not None
                    assert report.damage.segment == path.name
                    assert "ends here" not in report.damage.what
                    assert report.damage.offset <= offset
                with path.open("r+b") as file:
                    file.seek(offset)
                    file.write(data[offset : offset + 1])
        assert verify(directory, audit_key).damage is None

    @pytest.mark.usefixtures("written")
    def test_frames_moved(self, directory: Path, audit_key: Secret) -> None:
        """A record that is removed, doubled, or exchanged with another one breaks the chain at that place."""
        path = segment_path(directory, 1)
        data = path.read_bytes()
        bounds = frame_bounds(directory, 1, audit_key)
        frames = [data[begin:end] for begin, end in bounds]
        moved = {
            "removed": [*frames[:4], *frames[5:]],
            "doubled": [*frames[:5], frames[4], *frames[5:]],
            "exchanged": [*frames[:4], frames[5], frames[4], *frames[6:]],
            "removed at the end": frames[:-1],
            "removed at the beginning": frames[1:],
        }
        for how, order in moved.items():
            path.write_bytes((data[:RECORDS_OFFSET] + b"".join(order)).ljust(len(data), b"\0"))
            damage = damage_of(directory, audit_key)
            expected = {"removed": 5, "doubled": 6, "exchanged": 5, "removed at the beginning": 1}
            assert damage.sequence == expected.get(how), how

    @pytest.mark.usefixtures("written")
    def test_another_key(self, directory: Path) -> None:
        """With another key nothing is in order."""
        damage = damage_of(directory, Secret(bytes(32)))
        assert damage.segment == MARK_NAME
        assert "another audit key" in damage.what


class TestSegments:
    @pytest.mark.parametrize("missing", [1, 2, 3, 4])
    def test_removed(
        self, missing: int, open_journal: OpenJournal, make_records: MakeRecords, directory: Path, audit_key: Secret
    ) -> None:
        """A segment that is gone is noticed; the newest one, too, because the mark knows of its records."""
        journal = open_journal()
        journal.append(make_records(1, 45))
        journal.close()
        segment_path(directory, missing).unlink()
        damage = damage_of(directory, audit_key)
        if missing < 4:
            assert damage == Damage(segment_path(directory, missing).name, 0, None, "the segment is missing")
        else:
            assert damage.what == "acknowledged up to record 45, but the journal ends here"

    def test_gap_closed_by_renaming(
        self, open_journal: OpenJournal, make_records: MakeRecords, directory: Path, audit_key: Secret
    ) -> None:
        """A segment under the name of the one before it is noticed."""
        journal = open_journal()
        journal.append(make_records(1, 45))
        journal.close()
        segment_path(directory, 3).rename(segment_path(directory, 2))
        segment_path(directory, 4).rename(segment_path(directory, 3))
        assert damage_of(directory, audit_key).what == "this is segment 3 under another name"

    @pytest.mark.usefixtures("written")
    def test_segment_of_another_chain(self, directory: Path, audit_key: Secret) -> None:
        """A segment that was written with the same key, but does not continue the one before, is noticed."""
        key = MACKey(audit_key)
        path = segment_path(directory, 2)
        header = Segment(directory, 2, key).header
        path.write_bytes(header._replace(previous_hash=GENESIS_HASH).encode(key) + bytes(2_048))
        assert damage_of(directory, audit_key).what == "the segment does not continue the one before it"
        path.write_bytes(header._replace(installation_id=bytes(16)).encode(key) + bytes(2_048))
        assert damage_of(directory, audit_key).what == "the segment is another installation's"

    @pytest.mark.usefixtures("written")
    def test_without_a_mark(self, directory: Path, audit_key: Secret) -> None:
        """A journal without its mark is damaged: how far it should reach is not known."""
        (directory / MARK_NAME).unlink()
        assert damage_of(directory, audit_key) == Damage(MARK_NAME, 0, None, "the settled mark is missing")

    @pytest.mark.usefixtures("written")
    def test_mark_of_another_history(
        self, directory: Path, audit_key: Secret, open_journal: OpenJournal, tmp_path: Path
    ) -> None:
        """A mark that names other records than the segments hold is noticed."""
        shutil.copy(directory / MARK_NAME, tmp_path / "kept")
        shutil.rmtree(directory)
        journal = open_journal()
        journal.append([AuditRecord(f"10000000-0000-4000-8000-{n:012x}", b"{}") for n in range(20)])
        journal.close()
        shutil.copy(tmp_path / "kept", directory / MARK_NAME)
        damage = damage_of(directory, audit_key)
        assert (damage.sequence, damage.what) == (15, "another record than this was acknowledged")


def test_event_id_twice(directory: Path, audit_key: Secret, open_journal: OpenJournal) -> None:
    """An event ID that occurs twice is damage, even in a chain that only the recorder can have written."""
    journal = open_journal()
    event = AuditRecord("10000000-0000-4000-8000-000000000000", b"{}")
    journal.append([event])
    journal._recent_ids._known.clear()
    journal.append([event])
    damage = damage_of(directory, audit_key)
    assert damage.sequence == 2
    assert damage.what == "event 10000000-0000-4000-8000-000000000000 is here twice"


def test_each_segment_is_verified_alone(written: list[AuditRecord], directory: Path, audit_key: Secret) -> None:
    """The header of a segment is enough to verify its records without the segments before it."""
    segment_path(directory, 1).unlink()
    frames = list(Segment(directory, 2, MACKey(audit_key)).frames())
    assert [frame.body for frame in frames] == [record.body for record in written[12:]]


def test_newest_records_and_mark_taken_back_together(
    open_journal: OpenJournal, make_records: MakeRecords, directory: Path, audit_key: Secret, tmp_path: Path
) -> None:
    """An older state of the whole journal is in order: that it is older, the journal cannot know. Documented limit."""
    journal = open_journal()
    journal.append(make_records(1, 5))
    shutil.copytree(directory, tmp_path / "older")
    journal.append(make_records(6, 5))
    report = verify(tmp_path / "older", audit_key)
    assert (report.records, report.damage) == (5, None)


def test_header_and_frame_by_hand(directory: Path, audit_key: Secret) -> None:
    """A segment put together from its parts reads like one of the recorder's."""
    key = MACKey(audit_key)
    header = Header(1, b"i" * 16, 1, GENESIS_HASH)
    directory.mkdir()
    frame, _ = encode_frame(b"e" * 16, b"{}", header.start(), key)
    segment_path(directory, 1).write_bytes(header.encode(key) + frame)
    found = read(directory, audit_key)
    assert next(found) == (1, b"{}")
    with pytest.raises(JournalDamagedError, match="mark is missing"):
        next(found)

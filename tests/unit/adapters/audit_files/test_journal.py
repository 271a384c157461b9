"""The journal in the hands of its writer: what it writes, and what a failing disk does to it."""

import errno
import os
import stat
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.adapters.audit_files import journal as journal_module
from selfkms.adapters.audit_files.journal import Durability, FileJournal, JournalInUseError
from selfkms.adapters.audit_files.layout import FRAME_OVERHEAD, RECORDS_OFFSET
from selfkms.adapters.audit_files.segments import JournalDamagedError
from selfkms.adapters.audit_files.verify import read, verify
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.secrets import Secret
from selfkms.ports.audit_sink import JournalUnavailableError

MakeRecords = Callable[..., list[AuditRecord]]
OpenJournal = Callable[..., FileJournal]


def bodies(directory: Path, key: Secret) -> list[bytes]:
    """What the journal holds, by the reader, which must find nothing wrong with it."""
    report = verify(directory, key)
    assert report.damage is None
    assert report.open_end_bytes == 0
    found = list(read(directory, key))
    assert [sequence for sequence, _ in found] == list(range(1, report.records + 1))
    return [body for _, body in found]


def failing(error: int) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise OSError(error, os.strerror(error))

    return fail


class TestWriting:
    def test_records_stand_in_their_order(
        self, open_journal: OpenJournal, make_records: MakeRecords, directory: Path, audit_key: Secret
    ) -> None:
        """What was appended is read in its order, also after closing and opening."""
        journal = open_journal()
        journal.append(make_records(1, 3))
        journal.append([])
        journal.append(make_records(4, 1))
        journal.close()
        open_journal().append(make_records(5, 2))
        assert bodies(directory, audit_key) == [record.body for record in make_records(1, 6)]

    def test_known_records_are_passed_over(
        self, open_journal: OpenJournal, make_records: MakeRecords, directory: Path, audit_key: Secret
    ) -> None:
        """A record that is sent again, in the same call, a later one, or after a restart, is not written again."""
        journal = open_journal()
        journal.append(make_records(1, 2) + make_records(1, 3))
        journal.append(make_records(3, 2))
        journal.close()
        open_journal().append(make_records(1, 5))
        assert bodies(directory, audit_key) == [record.body for record in make_records(1, 5)]

    def test_segments_follow_each_other(
        self, open_journal: OpenJournal, make_records: MakeRecords, directory: Path, audit_key: Secret
    ) -> None:
        """A full segment is followed by another one, and a record of an older one is still known after a restart."""
        journal = open_journal()
        for first in range(1, 61, 5):
            journal.append(make_records(first, 5))
        journal.close()
        assert verify(directory, audit_key).segments == 6
        journal = open_journal()
        journal.append(make_records(1, 61))
        assert bodies(directory, audit_key) == [record.body for record in make_records(1, 61)]

    def test_batch_does_not_straddle(
        self, open_journal: OpenJournal, make_records: MakeRecords, directory: Path
    ) -> None:
        """A batch that does not fit into what is left of a segment stands whole in the next one."""
        journal = open_journal()
        journal.append(make_records(1, 8))
        journal.append(make_records(9, 6))
        first = (directory / "00000000000000000001.journal").read_bytes()
        second = (directory / "00000000000000000002.journal").read_bytes()
        assert b'"number":8,' in first
        assert b'"number":9,' not in first
        assert b'"number":9,' in second
        assert b'"number":14,' in second

    def test_more_than_a_segment_at_once(
        self, open_journal: OpenJournal, make_records: MakeRecords, directory: Path, audit_key: Secret
    ) -> None:
        """A call with more records than a segment holds is written in several pieces."""
        open_journal().append(make_records(1, 50))
        assert bodies(directory, audit_key) == [record.body for record in make_records(1, 50)]

    def test_record_of_a_whole_segment(
        self, open_journal: OpenJournal, make_records: MakeRecords, directory: Path, audit_key: Secret
    ) -> None:
        """A record may fill a segment to its last byte; a longer one is our mistake."""
        journal = open_journal()
        longest = 2_048 - FRAME_OVERHEAD
        journal.append(make_records(1, 2, body_bytes=longest))
        with pytest.raises(AssertionError):
            journal.append(make_records(3, 1, body_bytes=longest + 1))
        journal.append(make_records(4, 1))
        assert len(bodies(directory, audit_key)) == 3
        assert verify(directory, audit_key).segments == 3

    def test_one_write_and_one_sync_for_a_batch(
        self, open_journal: OpenJournal, make_records: MakeRecords, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With durability `power`, however many records a batch has, it costs one write and one `fdatasync`."""
        journal = open_journal()
        calls: list[tuple[str, int]] = []
        pwrite, fdatasync = os.pwrite, os.fdatasync

        def counted_pwrite(descriptor: int, data: bytes, offset: int) -> int:
            calls.append(("pwrite", descriptor))
            return pwrite(descriptor, data, offset)

        def counted_fdatasync(descriptor: int) -> None:
            calls.append(("fdatasync", descriptor))
            fdatasync(descriptor)

        monkeypatch.setattr(os, "pwrite", counted_pwrite)
        monkeypatch.setattr(os, "fdatasync", counted_fdatasync)
        journal.append(make_records(1, 7))
        segment, mark = journal._descriptor, journal._mark._descriptor
        assert calls == [("pwrite", segment), ("fdatasync", segment), ("pwrite", mark)]
        calls.clear()
        journal.append(make_records(1, 7))
        assert calls == []

    def test_durability_process_syncs_seldom(
        self, open_journal: OpenJournal, make_records: MakeRecords, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With durability `process` no more than the bytes of a longest batch are ever unsynced."""
        journal = open_journal(durability=Durability.PROCESS)
        monkeypatch.setattr(journal_module, "BATCH_BYTES_MAX", 3 * (100 + FRAME_OVERHEAD))
        synced: list[int] = []
        monkeypatch.setattr(os, "fdatasync", lambda _: synced.append(journal._position.sequence))
        for number in range(1, 9):
            journal.append(make_records(number))
        assert synced == [3, 6]

    def test_modes(self, open_journal: OpenJournal, make_records: MakeRecords, directory: Path) -> None:
        """The directory is the owner's alone, and so is each file in it."""
        open_journal().append(make_records(1, 20))
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert {stat.S_IMODE(entry.stat().st_mode) for entry in directory.iterdir()} == {0o600}


class TestOpening:
    def test_only_one_process_has_it(
        self, open_journal: OpenJournal, make_records: MakeRecords, crash: Callable[[FileJournal], None]
    ) -> None:
        """A second one that opens it is refused, until the first one has closed it or is dead."""
        journal = open_journal()
        with pytest.raises(JournalInUseError, match="another process has the audit journal"):
            open_journal()
        journal.append(make_records(1))
        journal.close()
        journal = open_journal()
        crash(journal)
        open_journal().append(make_records(2))

    def test_another_installation_is_refused(self, open_journal: OpenJournal, make_records: MakeRecords) -> None:
        """A journal that belongs to another installation, or was written with another key, does not open."""
        journal = open_journal()
        journal.append(make_records(1))
        journal.close()
        with pytest.raises(JournalDamagedError, match="belongs to installation 6f1c1f6e"):
            open_journal(installation_id="00000000-0000-4000-8000-000000000000")
        with pytest.raises(JournalDamagedError, match="another audit key"):
            open_journal(key=Secret(bytes(32)))
        open_journal().append(make_records(2))

    def test_no_place_for_a_journal(self, tmp_path: Path, audit_key: Secret) -> None:
        """Where no directory can be made, the journal is unavailable."""
        (tmp_path / "file").touch()
        with pytest.raises(JournalUnavailableError, match="File exists"):
            FileJournal(tmp_path / "file", audit_key=audit_key, installation_id="6f1c1f6e-1111-4222-8333-444455556666")

    def test_full_disk_at_the_first_start(
        self, open_journal: OpenJournal, make_records: MakeRecords, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without space for the first segment the journal is unavailable; with space again it opens."""
        with monkeypatch.context() as patch:
            patch.setattr(os, "posix_fallocate", failing(errno.ENOSPC))
            with pytest.raises(JournalUnavailableError, match="No space left"):
                open_journal()
        open_journal().append(make_records(1))


class TestFailingDisk:
    @pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
    @pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
    def test_failed_batch_does_not_count(
        self,
        call: str,
        error: int,
        open_journal: OpenJournal,
        make_records: MakeRecords,
        directory: Path,
        audit_key: Secret,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A batch that could not be written leaves no trace once the disk works, and can be sent again."""
        journal = open_journal()
        journal.append(make_records(1, 2))
        with monkeypatch.context() as patch:
            patch.setattr(os, call, failing(error))
            with pytest.raises(JournalUnavailableError, match=os.strerror(error)):
                journal.append(make_records(3, 2))
        journal.append(make_records(9, 1))
        journal.append(make_records(3, 2))
        journal.close()
        expected = make_records(1, 2) + make_records(9, 1) + make_records(3, 2)
        assert bodies(directory, audit_key) == [record.body for record in expected]

    def test_half_written_batch_is_put_back_at_once(
        self,
        open_journal: OpenJournal,
        make_records: MakeRecords,
        directory: Path,
        audit_key: Secret,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Of a batch that was written halfway nothing is left after the call failed, without waiting for the next."""
        journal = open_journal()
        journal.append(make_records(1))
        pwrite = os.pwrite
        results = iter([250])

        def half_then_full(descriptor: int, data: bytes, offset: int) -> int:
            if any(data):
                count = next(results, 0)
                if not count:
                    raise OSError(errno.ENOSPC, "No space left on device")
                data = data[:count]
            return pwrite(descriptor, data, offset)

        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", half_then_full)
            with pytest.raises(JournalUnavailableError):
                journal.append(make_records(2, 3))
        assert bodies(directory, audit_key) == [record.body for record in make_records(1)]

    def test_next_batch_waits_for_what_must_be_put_back(
        self,
        open_journal: OpenJournal,
        make_records: MakeRecords,
        directory: Path,
        audit_key: Secret,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """While the rest of a failed batch cannot be overwritten, each further one fails; then the journal goes on."""
        journal = open_journal()
        journal.append(make_records(1))
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", cut_short(400))
            for _ in range(3):
                with pytest.raises(JournalUnavailableError):
                    journal.append(make_records(2, 5))
        # Shorter than what is left of the failed batch.
        journal.append(make_records(7))
        assert bodies(directory, audit_key) == [make_records(1)[0].body, make_records(7)[0].body]

    def test_full_disk_at_a_new_segment(
        self,
        open_journal: OpenJournal,
        make_records: MakeRecords,
        directory: Path,
        audit_key: Secret,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Without space for a new segment nothing is lost; with space again the journal goes on."""
        journal = open_journal()
        journal.append(make_records(1, 10))
        with monkeypatch.context() as patch:
            patch.setattr(os, "posix_fallocate", failing(errno.ENOSPC))
            for _ in range(2):
                with pytest.raises(JournalUnavailableError, match="No space left"):
                    journal.append(make_records(11, 10))
            assert bodies(directory, audit_key) == [record.body for record in make_records(1, 10)]
        journal.append(make_records(11, 10))
        assert bodies(directory, audit_key) == [record.body for record in make_records(1, 20)]

    @pytest.mark.parametrize("dead", [False, True])
    def test_new_segment_whose_name_may_not_be_durable(
        self,
        dead: bool,  # noqa: FBT001  a parameter of the test
        open_journal: OpenJournal,
        make_records: MakeRecords,
        directory: Path,
        audit_key: Secret,
        monkeypatch: pytest.MonkeyPatch,
        crash: Callable[[FileJournal], None],
    ) -> None:
        """A new segment that failed at its last step is made anew, or found by the next process; both go on."""
        journal = open_journal()
        journal.append(make_records(1, 10))
        with monkeypatch.context() as patch:
            patch.setattr("selfkms.adapters.audit_files.segments.sync_directory", failing(errno.EIO))
            with pytest.raises(JournalUnavailableError):
                journal.append(make_records(11, 10))
        if dead:
            crash(journal)
            journal = open_journal()
        # It would fit into the old segment, which must not be used any more: the new one names its last record.
        journal.append(make_records(21))
        assert len(bodies(directory, audit_key)) == 11
        journal.append(make_records(11, 10))
        expected = make_records(1, 10) + make_records(21) + make_records(11, 10)
        assert bodies(directory, audit_key) == [record.body for record in expected]

    def test_closing_on_a_failing_disk(
        self, open_journal: OpenJournal, make_records: MakeRecords, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A journal that cannot be closed in good order says so and lets go of its files."""
        journal = open_journal()
        journal.append(make_records(1))
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", failing(errno.EIO))
            with pytest.raises(JournalUnavailableError):
                journal.close()
        open_journal().append(make_records(2))


FAULTS: dict[str, tuple[str, Callable[[], Callable[..., object]]]] = {
    "no write": ("pwrite", lambda: failing(errno.EIO)),
    "half a write": ("pwrite", lambda: cut_short(150, 30)),
    "no sync": ("fdatasync", lambda: failing(errno.EIO)),
    "no space": ("posix_fallocate", lambda: failing(errno.ENOSPC)),
}


def cut_short(*counts: int) -> Callable[[int, bytes, int], int]:
    """An `os.pwrite` that writes so many bytes in its first calls and then finds the disk full."""
    pwrite, left = os.pwrite, iter(counts)

    def cut(descriptor: int, data: bytes, offset: int) -> int:
        count = next(left, 0)
        if not count:
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwrite(descriptor, data[:count], offset)

    return cut


def append_on_faulty_disk(journal: FileJournal, records: list[AuditRecord], fault: str) -> bool:
    """Whether the records were acknowledged although the disk has this fault meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        if fault in FAULTS:
            call, make = FAULTS[fault]
            patch.setattr(os, call, make())
        try:
            journal.append(records)
        except JournalUnavailableError:
            return False
        return True


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.sampled_from([*FAULTS, "no fault", "crash", "restart"])), max_size=25),
    st.sampled_from(Durability),
)
def test_acknowledged_records_stand_exactly_once(steps: list[tuple[int, str]], durability: Durability) -> None:
    """Whatever fails, and when: acknowledged records are there once, in their order, and nothing else is.

    Whoever sends repeats a batch until it is acknowledged, as the workers do.
    """
    key = Secret(bytes(32))
    acknowledged: list[bytes] = []
    with tempfile.TemporaryDirectory() as parent, pytest.MonkeyPatch.context() as patch:
        directory = Path(parent) / "journal"
        opened = partial(
            FileJournal,
            directory,
            audit_key=key,
            installation_id="6f1c1f6e-1111-4222-8333-444455556666",
            durability=durability,
            segment_bytes=RECORDS_OFFSET + 1_500,
        )
        # Nothing here tests the disk itself.
        patch.setattr(os, "fsync", lambda _: None)
        patch.setattr(os, "fdatasync", lambda _: None)
        journal = opened()
        for count, event in steps:
            made = len(acknowledged)
            records = [AuditRecord(f"{made + n:032x}", b"{%d}" % (made + n) * 20) for n in range(count)]
            was_acknowledged = append_on_faulty_disk(journal, records, event)
            if event in {"crash", "restart"}:
                journal._opened.close() if event == "crash" else journal.close()
                journal = opened()
            if not was_acknowledged:
                assert event in FAULTS
                journal.append(records)
            acknowledged += [record.body for record in records]
            assert bodies(directory, key) == acknowledged
        journal._opened.close()

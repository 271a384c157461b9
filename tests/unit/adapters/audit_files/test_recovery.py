"""Opening a journal after a crash: what is cut off, what is kept, and what is never passed over."""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest

from selfkms.adapters.audit_files import recent_ids as recent_ids_module
from selfkms.adapters.audit_files import recovery as recovery_module
from selfkms.adapters.audit_files.journal import Durability, FileJournal
from selfkms.adapters.audit_files.layout import RECORDS_OFFSET, encode_frame
from selfkms.adapters.audit_files.mark import MARK_NAME
from selfkms.adapters.audit_files.recovery import recover
from selfkms.adapters.audit_files.segments import JournalDamagedError, Segment
from selfkms.adapters.audit_files.verify import read, verify
from selfkms.crypto.mac import MACKey
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.secrets import Secret

MakeRecords = Callable[..., list[AuditRecord]]
OpenJournal = Callable[..., FileJournal]
Crash = Callable[[FileJournal], None]

INSTALLATION = UUID("6f1c1f6e-1111-4222-8333-444455556666")
FIRST = "00000000000000000001.journal"


class Crashed(NamedTuple):
    """A journal with 3 records that were acknowledged, and a batch of 3 more that was only written."""

    directory: Path
    key: Secret
    path: Path
    mark: bytes
    """The mark that names the 3rd record."""
    data: bytes
    settled: int
    """Where the acknowledged records end."""
    end: int
    """Where the batch ends."""

    def recover(self) -> int:
        """Open as far as that; the number of the last record."""
        recovered = recover(self.directory, MACKey(self.key), INSTALLATION)
        assert recovered is not None
        return recovered.position.sequence


@pytest.fixture(params=[Durability.POWER, Durability.PROCESS])
def crashed(
    request: pytest.FixtureRequest,
    open_journal: OpenJournal,
    make_records: MakeRecords,
    crash: Crash,
    directory: Path,
    audit_key: Secret,
    monkeypatch: pytest.MonkeyPatch,
) -> Crashed:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    journal = open_journal(durability=request.param)
    journal.append(make_records(1, 3))
    mark = (directory / MARK_NAME).read_bytes()
    settled = journal._position.offset
    journal.append(make_records(4, 3))
    end = journal._position.offset
    crash(journal)
    (directory / MARK_NAME).write_bytes(mark)
    path = directory / FIRST
    return Crashed(directory, audit_key, path, mark, path.read_bytes(), settled, end)


class TestUnfinishedWrite:
    def test_cut_anywhere(self, crashed: Crashed, make_records: MakeRecords, open_journal: OpenJournal) -> None:
        """However much of the last batch was written, the journal opens with what is whole of it and goes on."""
        frame_bytes = (crashed.end - crashed.settled) // 3
        for written in range(crashed.settled, crashed.end + 1, 13):
            crashed.path.write_bytes(crashed.data[:written] + bytes(len(crashed.data) - written))
            (crashed.directory / MARK_NAME).write_bytes(crashed.mark)
            journal = open_journal()
            whole = 3 + (written - crashed.settled) // frame_bytes
            assert journal._position.sequence == whole
            # The worker was not told, so it sends all of them again.
            journal.append(make_records(4, 4))
            journal.close()
            assert verify(crashed.directory, crashed.key).damage is None
            bodies = [body for _, body in read(crashed.directory, crashed.key)]
            assert bodies == [record.body for record in make_records(1, 7)]

    def test_written_in_another_order(self, crashed: Crashed) -> None:
        """After a power loss the end of a batch may be there and its beginning not; then nothing of it counts."""
        torn = crashed.data[: crashed.settled] + bytes(200) + crashed.data[crashed.settled + 200 :]
        crashed.path.write_bytes(torn)
        assert crashed.recover() == 3
        assert verify(crashed.directory, crashed.key).open_end_bytes == 0

    def test_it_is_kept_aside_and_told(self, crashed: Crashed, caplog: pytest.LogCaptureFixture) -> None:
        """What is cut off stands in a file of its own, a second one behind the first, and the log says where it was."""
        aside = crashed.directory / f"{FIRST}.{crashed.settled}.torn"
        torn = crashed.data[: crashed.settled + 50] + bytes(len(crashed.data) - crashed.settled - 50)
        for count in (1, 2):
            crashed.path.write_bytes(torn)
            with caplog.at_level(logging.WARNING):
                assert crashed.recover() == 3
            assert aside.read_bytes() == count * crashed.data[crashed.settled : crashed.settled + 50]
        assert len(caplog.records) == 2
        assert f"{FIRST}, offset {crashed.settled}, record 4" in caplog.text
        assert aside.stat().st_mode & 0o777 == 0o600

    def test_nothing_to_cut(self, crashed: Crashed, caplog: pytest.LogCaptureFixture) -> None:
        """A batch that is whole counts, although nobody was told; nothing is logged or kept aside."""
        assert crashed.recover() == 6
        assert caplog.records == []
        assert list(crashed.directory.glob("*.torn")) == []

    def test_longer_than_a_batch_is_damage(self, crashed: Crashed, monkeypatch: pytest.MonkeyPatch) -> None:
        """More than one batch can be is no unfinished write."""
        monkeypatch.setattr(recovery_module, "BATCH_BYTES_MAX", 100)
        torn = crashed.data[: crashed.settled + 4] + b"\xff" + crashed.data[crashed.settled + 5 :]
        crashed.path.write_bytes(torn)
        with pytest.raises(JournalDamagedError, match=f"offset {crashed.settled}, record 4"):
            crashed.recover()
        assert crashed.path.read_bytes() == torn

    def test_found_records_are_synced(self, crashed: Crashed, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is found is synced before it counts: its writer may have died before it did that."""
        synced: list[Path] = []
        monkeypatch.setattr(
            os, "fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        )
        crashed.recover()
        assert synced == [crashed.path, crashed.directory]


class TestDamage:
    def test_altered_acknowledged_record(
        self, open_journal: OpenJournal, make_records: MakeRecords, crash: Crash, directory: Path, audit_key: Secret
    ) -> None:
        """No byte of an acknowledged record, the last one too, can be altered so that the journal opens."""
        journal = open_journal()
        journal.append(make_records(1, 3))
        end = journal._position.offset
        crash(journal)
        path = directory / FIRST
        data = path.read_bytes()
        for offset in [*range(140), *range(RECORDS_OFFSET, end)]:
            altered = bytearray(data)
            altered[offset] ^= 0x40
            path.write_bytes(altered)
            with pytest.raises(JournalDamagedError, match=FIRST) as caught:
                recover(directory, MACKey(audit_key), INSTALLATION)
            assert "ends here" not in str(caught.value)
            assert path.read_bytes() == altered

    def test_acknowledged_records_that_are_gone(
        self, open_journal: OpenJournal, make_records: MakeRecords, crash: Crash, directory: Path, audit_key: Secret
    ) -> None:
        """Zeros in the place of an acknowledged record are damage, although the chain before them is whole."""
        journal = open_journal()
        journal.append(make_records(1, 2))
        before = journal._position.offset
        journal.append(make_records(3))
        crash(journal)
        path = directory / FIRST
        data = path.read_bytes()
        path.write_bytes(data[:before] + bytes(len(data) - before))
        with pytest.raises(JournalDamagedError, match="acknowledged up to record 3, but the journal ends here"):
            recover(directory, MACKey(audit_key), INSTALLATION)

    def test_power_loss_with_durability_process(
        self,
        open_journal: OpenJournal,
        make_records: MakeRecords,
        crash: Crash,
        directory: Path,
        audit_key: Secret,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Acknowledged records that were never synced may be gone: the journal opens and the log says so."""
        journal = open_journal(durability=Durability.PROCESS)
        journal.append(make_records(1, 2))
        before = journal._position.offset
        journal.append(make_records(3))
        crash(journal)
        path = directory / FIRST
        data = path.read_bytes()
        path.write_bytes(data[:before] + bytes(len(data) - before))
        assert verify(directory, audit_key).damage is not None
        open_journal(durability=Durability.PROCESS).append(make_records(4))
        assert "a power loss took records" in caplog.text
        assert [body for _, body in read(directory, audit_key)] == [
            r.body for r in make_records(1, 2) + make_records(4)
        ]

    def test_synced_records_with_durability_process(
        self,
        open_journal: OpenJournal,
        make_records: MakeRecords,
        crash: Crash,
        directory: Path,
        audit_key: Secret,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """What lies further back than may be unsynced must be there with durability `process` too."""
        journal = open_journal(durability=Durability.PROCESS)
        journal.append(make_records(1, 5))
        crash(journal)
        monkeypatch.setattr(recovery_module, "BATCH_BYTES_MAX", 200)
        path = directory / FIRST
        data = path.read_bytes()
        path.write_bytes(data[: RECORDS_OFFSET + 160] + bytes(len(data) - RECORDS_OFFSET - 160))
        with pytest.raises(JournalDamagedError, match="acknowledged up to record 5"):
            recover(directory, MACKey(audit_key), INSTALLATION)

    def test_missing_segments(
        self, open_journal: OpenJournal, make_records: MakeRecords, directory: Path, audit_key: Secret
    ) -> None:
        """A journal whose newest segments, or all of them, are gone does not open: the mark names them."""
        journal = open_journal()
        journal.append(make_records(1, 30))
        journal.close()
        for number in (3, 2, 1):
            (directory / f"{number:020d}.journal").unlink()
            with pytest.raises(JournalDamagedError, match=r"00000000000000000003\.journal.*missing"):
                recover(directory, MACKey(audit_key), INSTALLATION)

    def test_without_a_mark(self, crashed: Crashed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without a mark every record counts as acknowledged: an open end is damage then."""
        (crashed.directory / MARK_NAME).unlink()
        assert crashed.recover() == 6
        monkeypatch.undo()
        crashed.path.write_bytes(crashed.data[: crashed.end - 1] + bytes(len(crashed.data) - crashed.end + 1))
        with pytest.raises(JournalDamagedError, match="record 6"):
            crashed.recover()

    def test_mark_of_another_history(
        self, open_journal: OpenJournal, make_records: MakeRecords, directory: Path, tmp_path: Path, audit_key: Secret
    ) -> None:
        """Another record under the number that was acknowledged is damage, although its own chain is whole."""
        journal = open_journal()
        journal.append(make_records(1, 3))
        journal.close()
        kept = tmp_path / "kept"
        shutil.copy(directory / MARK_NAME, kept)
        shutil.rmtree(directory)
        journal = open_journal()
        journal.append(make_records(11, 5))
        journal.close()
        shutil.copy(kept, directory / MARK_NAME)
        with pytest.raises(JournalDamagedError, match="record 3: another record than this was acknowledged"):
            recover(directory, MACKey(audit_key), INSTALLATION)

    def test_older_segments_are_verified_as_far_as_they_are_needed(
        self, open_journal: OpenJournal, make_records: MakeRecords, directory: Path, audit_key: Secret
    ) -> None:
        """Damage in an older segment whose event IDs are needed is found, and so is one that does not fit."""
        journal = open_journal()
        journal.append(make_records(1, 30))
        journal.close()
        path = directory / FIRST
        data = bytearray(path.read_bytes())
        data[RECORDS_OFFSET + 100] ^= 1
        path.write_bytes(data)
        with pytest.raises(JournalDamagedError, match=f"{FIRST}, offset 4096, record 1"):
            recover(directory, MACKey(audit_key), INSTALLATION)
        header = Segment(directory, 2, MACKey(audit_key)).header._replace(number=1, first_sequence=1)
        path.write_bytes(header.encode(MACKey(audit_key)) + bytes(2_048))
        with pytest.raises(JournalDamagedError, match="does not continue the one before it"):
            recover(directory, MACKey(audit_key), INSTALLATION)


class TestMemory:
    def test_ids_of_several_segments(
        self,
        open_journal: OpenJournal,
        make_records: MakeRecords,
        directory: Path,
        audit_key: Secret,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The event IDs are remembered across segments, as many as there may be, and no older segment is read."""
        journal = open_journal()
        journal.append(make_records(1, 50))
        journal.close()
        for module in (recovery_module, recent_ids_module):
            monkeypatch.setattr(module, "RECENT_IDS_MAX", 20)
        (directory / FIRST).write_bytes(b"not even a header")
        recovered = recover(directory, MACKey(audit_key), INSTALLATION)
        assert recovered is not None
        known = [n for n in range(1, 51) if UUID(make_records(n)[0].event_id).bytes in recovered.recent_ids]
        assert known == list(range(31, 51))

    def test_no_journal_yet(self, directory: Path, audit_key: Secret) -> None:
        """Where no segment is, there is nothing to go on from."""
        directory.mkdir()
        assert recover(directory, MACKey(audit_key), INSTALLATION) is None


def test_frame_written_behind_the_mark_with_the_key_counts(
    open_journal: OpenJournal, make_records: MakeRecords, directory: Path, audit_key: Secret, crash: Crash
) -> None:
    """A record is good by its hash alone, wherever the mark stands: the mark only says what must not be missing."""
    journal = open_journal()
    journal.append(make_records(1))
    position = journal._position
    crash(journal)
    frame, after = encode_frame(b"e" * 16, b"{}", position, MACKey(audit_key))
    path = directory / FIRST
    data = path.read_bytes()
    path.write_bytes(data[: position.offset] + frame + data[after.offset :])
    open_journal().append(make_records(2))
    assert [sequence for sequence, _ in read(directory, audit_key)] == [1, 2, 3]

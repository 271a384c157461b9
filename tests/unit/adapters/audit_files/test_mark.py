"""The settled mark on disk."""

import stat
from pathlib import Path

import pytest

from selfkms.adapters.audit_files.layout import Mark, Position
from selfkms.adapters.audit_files.mark import MARK_NAME, MarkFile, read_mark
from selfkms.adapters.audit_files.segments import JournalDamagedError
from selfkms.crypto.mac import MACKey
from selfkms.domain.secrets import Secret

KEY = MACKey(Secret(bytes(32)))
EARLY = Mark(Position(1, 4_096, 0, bytes(32)), synced=True)
LATE = Mark(Position(2, 5_000, 9, b"h" * 32), synced=False)


def test_last_mark_is_read(tmp_path: Path) -> None:
    """What is read is the mark written last, at once; the file has mode 0600 and is alone."""
    assert read_mark(tmp_path, KEY) is None
    file = MarkFile(tmp_path, EARLY, KEY)
    assert read_mark(tmp_path, KEY) == EARLY
    file.write(LATE)
    assert read_mark(tmp_path, KEY) == LATE
    file.sync()
    file.close()
    assert read_mark(tmp_path, KEY) == LATE
    assert [entry.name for entry in tmp_path.iterdir()] == [MARK_NAME]
    assert stat.S_IMODE((tmp_path / MARK_NAME).stat().st_mode) == 0o600


def test_new_mark_file_replaces_the_old_one(tmp_path: Path) -> None:
    """Whoever opens the journal sets a mark of its own, whatever stood there."""
    (tmp_path / MARK_NAME).write_bytes(b"nonsense, and longer than a mark" * 10)
    MarkFile(tmp_path, EARLY, KEY).close()
    assert read_mark(tmp_path, KEY) == EARLY


def test_altered_mark_is_damage(tmp_path: Path) -> None:
    """An altered mark is named as the damage."""
    MarkFile(tmp_path, EARLY, KEY).close()
    path = tmp_path / MARK_NAME
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(data)
    with pytest.raises(JournalDamagedError, match=r"settled\.mark.*altered"):
        read_mark(tmp_path, KEY)


def test_half_written_mark_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that meets the writer in the middle of a mark gets the whole one the next time."""
    MarkFile(tmp_path, LATE, KEY).close()
    whole, old = LATE.encode(KEY), EARLY.encode(KEY)
    seen = iter([whole[:40] + old[40:], whole])
    monkeypatch.setattr(Path, "read_bytes", lambda _: next(seen))
    assert read_mark(tmp_path, KEY) == LATE

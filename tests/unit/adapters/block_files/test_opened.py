"""Files that are kept open."""

import errno
import os
from pathlib import Path

import pytest

from selfkms.adapters.block_files.opened import Newest, answering, make_directories, open_to_read, open_to_write
from selfkms.ports.block_store import BlockCorruptError, BlockStoreUnavailableError


def test_the_newest_stay() -> None:
    """What was not used for longest is closed; what is chosen is closed, and in the end all."""
    closed: list[str] = []
    newest: Newest[int, str] = Newest(2, closed.append)

    def get(key: int) -> str:
        return newest.get(key, lambda: f"opened {key}")

    assert [get(1), get(2), get(1)] == ["opened 1", "opened 2", "opened 1"]
    get(3)
    assert closed == ["opened 2"]
    newest.forget(lambda key: key == 1)
    assert closed == ["opened 2", "opened 1"]
    newest.close()
    assert closed == ["opened 2", "opened 1", "opened 3"]


def test_failures_of_the_disk() -> None:
    """They get the port's name and the system's words."""
    with pytest.raises(BlockStoreUnavailableError, match="No space left on device"), answering():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_files_and_directories_are_private(tmp_path: Path) -> None:
    """Nobody else may read them; what is missing is damage, not a failure that passes."""
    make_directories(tmp_path / "a", tmp_path / "a" / "b")
    make_directories(tmp_path / "a", tmp_path / "a" / "b")
    path = tmp_path / "a" / "b" / "file"
    with pytest.raises(BlockCorruptError, match="file is missing"):
        open_to_read(path)
    os.close(open_to_write(path))
    os.close(open_to_read(path))
    assert [each.stat().st_mode & 0o777 for each in (path.parent.parent, path.parent, path)] == [0o700, 0o700, 0o600]

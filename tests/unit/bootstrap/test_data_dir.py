"""The data directory: where things lie, whose it is, and that one at a time serves it."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfkms.bootstrap.data_dir import DataDir, DataDirInUseError


@pytest.fixture
def without_umask() -> Iterator[None]:
    """A umask that takes nothing away."""
    former = os.umask(0)
    yield
    os.umask(former)


def mode(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_lies_below_the_directory() -> None:
    """A copy of the directory is a copy of the installation; no two things share a place."""
    root = Path("somewhere")
    place = DataDir(root)
    paths = [place.database, place.journal, place.history, place.clients, place.tls, place.clock_offset]
    assert {path.parent for path in paths} == {root}
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize(
    ("setting", "path"),
    [("seal.key", "/data/seal.key"), ("keys/seal", "/data/keys/seal"), ("/run/seal.key", "/run/seal.key")],
)
def test_a_path_of_the_settings(setting: str, path: str) -> None:
    """Relative ones are below the data directory, absolute ones are what they say."""
    assert DataDir(Path("/data")).of_settings(setting) == Path(path)


@pytest.mark.usefixtures("without_umask")
def test_a_new_directory_is_for_its_owner_only(tmp_path: Path) -> None:
    """Mode 0700, whatever the umask; missing parents are made too."""
    place = DataDir(tmp_path / "new" / "data")
    place.make()
    assert mode(place.root) == 0o700


def test_a_directory_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    """Its mode and content are its owner's business."""
    tmp_path.chmod(0o750)
    (tmp_path / "selfkms.toml").write_text("# mine")
    DataDir(tmp_path).make()
    assert mode(tmp_path) == 0o750
    assert (tmp_path / "selfkms.toml").read_text() == "# mine"


def test_a_file_in_its_place_is_an_error(tmp_path: Path) -> None:
    """It is not replaced."""
    (tmp_path / "data").write_text("a file")
    with pytest.raises(FileExistsError):
        DataDir(tmp_path / "data").make()
    assert (tmp_path / "data").read_text() == "a file"


def test_one_at_a_time_holds_the_directory(tmp_path: Path) -> None:
    """A second holder is told which directory it is, also while it is asked again and again."""
    place = DataDir(tmp_path)
    with place.held():
        for _ in range(2):
            with pytest.raises(DataDirInUseError) as refused, place.held():
                pass
            assert str(refused.value) == f"{tmp_path} is served by another selfkms"


def test_the_end_of_a_block_lets_go(tmp_path: Path) -> None:
    """Also when the block ends with an error."""
    place = DataDir(tmp_path)
    with pytest.raises(KeyboardInterrupt), place.held():
        raise KeyboardInterrupt
    for _ in range(2):
        with place.held():
            pass


def test_a_lock_file_of_a_dead_holder_is_no_lock(tmp_path: Path) -> None:
    """What excludes others is the lock, not the file that bears it."""
    (tmp_path / "lock").write_text("left behind")
    with DataDir(tmp_path).held():
        pass


def test_directories_are_held_each_for_itself(tmp_path: Path) -> None:
    """Two installations on one machine do not know of each other."""
    first, second = DataDir(tmp_path / "first"), DataDir(tmp_path / "second")
    first.make()
    second.make()
    with first.held(), second.held():
        pass


@pytest.mark.usefixtures("without_umask")
def test_the_lock_is_for_its_owner_only(tmp_path: Path) -> None:
    """Nobody else may hold it up."""
    with DataDir(tmp_path).held():
        assert mode(tmp_path / "lock") == 0o600


def test_a_directory_that_is_not_there_cannot_be_held(tmp_path: Path) -> None:
    """And is not made by trying."""
    with pytest.raises(FileNotFoundError), DataDir(tmp_path / "nowhere").held():
        pass
    assert not (tmp_path / "nowhere").exists()

"""An image becomes the blocks of a snapshot: which of them are sent, and how an interrupted import goes on."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from harness.direct_apis import SNAPSHOT_ID, DirectAPIs
from selfkms.cli.snapshot_client import TransferError
from selfkms.cli.snapshot_import import GIB, Image, Imported, Wanted, import_image, state_file
from selfkms.cli.transfer_state import StateError, load
from selfkms.domain.ebs.blocks import BLOCK_BYTES

END: Final = b"the end"


def word(index: int) -> bytes:
    """A block of its own kind."""
    return (b"%d|" % index).ljust(64, b".") * (BLOCK_BYTES // 64)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """10 blocks and a bit: data in 0, 3 and 4, zeros that are written in 1, the end in 10, holes elsewhere."""
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        for index in (0, 3, 4):
            file.seek(index * BLOCK_BYTES)
            file.write(word(index))
        file.seek(BLOCK_BYTES)
        file.write(bytes(BLOCK_BYTES))
        file.seek(10 * BLOCK_BYTES)
        file.write(END)
    return path


EXPECTED: Final = {**{index: word(index) for index in (0, 3, 4)}, 10: END.ljust(BLOCK_BYTES, b"\0")}


def run(
    apis: DirectAPIs,
    path: Path,
    *,
    resume: bool = False,
    progress: Callable[[int, int], None] = lambda _position, _total: None,
) -> Imported:
    """An import with two threads."""
    return import_image(apis.client(), path, Wanted(), threads=2, resume=resume, progress=progress)


def test_what_is_not_zero_is_sent(image: Path) -> None:
    """Each block once, the last one filled up; then the snapshot is completed, and no state is left."""
    apis = DirectAPIs()
    told: list[tuple[int, int]] = []
    made = run(apis, image, progress=lambda position, total: told.append((position, total)))
    assert made == Imported(SNAPSHOT_ID, 1, 4, 4)
    assert apis.blocks == EXPECTED
    assert apis.count("PutSnapshotBlock") == 4
    assert apis.count("CompleteSnapshot") == 1
    assert told[-1] == (image.stat().st_size, image.stat().st_size)
    assert told == sorted(told)
    assert [path.name for path in image.parent.iterdir()] == ["disk.img"]


def test_the_snapshot_is_what_was_wanted(image: Path) -> None:
    """The options reach StartSnapshot."""
    apis = DirectAPIs()
    wanted = Wanted("mine", encrypted=True, key_arn="arn")
    import_image(apis.client(), image, wanted, threads=1, resume=False, progress=lambda *_: None)
    asked = {"VolumeSize": 1, "Timeout": 4_320, "Description": "mine", "Encrypted": True, "KmsKeyArn": "arn"}
    assert apis.calls[0] == ("StartSnapshot", asked)


@pytest.mark.parametrize(("size", "size_gib"), [(1, 1), (GIB, 1), (GIB + 1, 2), (5 * GIB, 5)])
def test_a_volume_has_whole_gib(tmp_path: Path, size: int, size_gib: int) -> None:
    """Rounded up; an image that is nothing but a hole has no blocks."""
    path = tmp_path / "hole.img"
    path.touch()
    os.truncate(path, size)
    apis = DirectAPIs()
    assert run(apis, path) == Imported(SNAPSHOT_ID, size_gib, 0, 0)
    assert apis.calls[0][1]["VolumeSize"] == size_gib


def test_holes_are_not_read(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the file system says is a hole is skipped: a large one takes no time."""
    os.truncate(image, 8_000 * GIB)
    read: list[int] = []
    pread = os.pread

    def noted(descriptor: int, count: int, offset: int) -> bytes:
        read.append(offset // BLOCK_BYTES)
        return pread(descriptor, count, offset)

    monkeypatch.setattr(os, "pread", noted)
    run(DirectAPIs(), image)
    assert set(read) <= {0, 1, 3, 4, 10}


def test_where_holes_cannot_be_told_everything_is_read(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As from a block device: the same blocks come out."""
    seek = os.lseek

    def without_holes(descriptor: int, offset: int, whence: int) -> int:
        if whence in {os.SEEK_DATA, os.SEEK_HOLE}:
            raise OSError(22, "Invalid argument")
        return seek(descriptor, offset, whence)

    monkeypatch.setattr(os, "lseek", without_holes)
    apis = DirectAPIs()
    run(apis, image)
    assert apis.blocks == EXPECTED


def test_blocks_are_whole_wherever_holes_begin(tmp_path: Path) -> None:
    """Data that begin and end within blocks; two pieces within one block make one block."""
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        for offset in (8_192, 65_536, BLOCK_BYTES - 100, 3 * BLOCK_BYTES - 1):
            file.seek(offset)
            file.write(b"x" * 200)
    with path.open("rb") as file:
        found = dict(Image(file.fileno()).blocks())
    whole = path.read_bytes().ljust(4 * BLOCK_BYTES, b"\0")
    assert found == {
        index: data for index in range(4) if any(data := whole[index * BLOCK_BYTES : (index + 1) * BLOCK_BYTES])
    }
    assert list(found) == [0, 1, 2, 3]


def test_an_empty_file_is_no_image(tmp_path: Path) -> None:
    """Nothing is started for it."""
    path = tmp_path / "empty"
    path.touch()
    apis = DirectAPIs()
    with pytest.raises(TransferError, match="empty is empty"):
        run(apis, path)
    assert apis.calls == []


@pytest.mark.parametrize("error", [None, KeyboardInterrupt()])
def test_an_interrupted_import_goes_on(image: Path, error: BaseException | None) -> None:
    """What was sent is not sent again, and the checksum is over all of it; without being asked it does not go on."""
    apis = DirectAPIs()
    apis.fail_at = 4
    apis.error = error or apis.error
    with pytest.raises(KeyboardInterrupt if error else TransferError):
        run(apis, image)
    state = load(state_file(image))
    assert state is not None
    assert {0, 3} <= {index for first, last in state.done for index in range(first, last + 1)}
    assert apis.count("CompleteSnapshot") == 0
    apis.fail_at = None
    with pytest.raises(StateError, match=f"into {SNAPSHOT_ID} was interrupted: go on with --resume"):
        run(apis, image)
    sent_before = len(apis.blocks)
    made = run(apis, image, resume=True)
    assert made == Imported(SNAPSHOT_ID, 1, 4, 4 - sent_before)
    assert apis.blocks == EXPECTED
    assert apis.count("StartSnapshot") == 1
    assert not state_file(image).exists()


def test_an_import_whose_end_was_not_answered_is_completed_again(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent, and the server is told once more that this was all."""
    apis = DirectAPIs()
    with monkeypatch.context() as patched:
        patched.setattr(apis, "complete_snapshot", lambda **_: (_ for _ in ()).throw(apis.error))
        with pytest.raises(TransferError):
            run(apis, image)
    assert run(apis, image, resume=True) == Imported(SNAPSHOT_ID, 1, 4, 0)


def test_an_image_that_was_changed_is_not_gone_on_with(image: Path) -> None:
    """By its time or its size."""
    apis = DirectAPIs()
    apis.fail_at = 10
    with pytest.raises(TransferError):
        run(apis, image)
    now = image.stat()
    os.utime(image, ns=(now.st_atime_ns, now.st_mtime_ns + 1))
    with pytest.raises(StateError, match="was changed since its import"):
        run(apis, image, resume=True)
    os.truncate(image, now.st_size + 1)
    os.utime(image, ns=(now.st_atime_ns, now.st_mtime_ns))
    with pytest.raises(StateError, match="was changed since its import"):
        run(apis, image, resume=True)


def test_an_image_that_becomes_shorter_is_an_error(image: Path) -> None:
    """What was there when it began is not there: no zeros are made of it."""
    apis = DirectAPIs()

    def cut(position: int, _total: int) -> None:
        if position == 3 * BLOCK_BYTES:
            os.truncate(image, 3 * BLOCK_BYTES)

    with pytest.raises(TransferError, match="became shorter"):
        run(apis, image, progress=cut)


def test_resuming_what_never_began_begins(image: Path) -> None:
    """So that a script may always say --resume."""
    assert run(DirectAPIs(), image, resume=True).sent == 4

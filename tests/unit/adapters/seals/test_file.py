"""The seal `file`."""

import errno
import os
import pickle
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from selfkms.adapters.seals import SealError
from selfkms.adapters.seals.file import HEADER_LINE, FileSeal, check_private
from selfkms.adapters.system.entropy import SystemEntropy
from selfkms.crypto.root_key import RootKey
from selfkms.domain.secrets import SECRET_ACCESS, Secret

ENTROPY: Final = SystemEntropy()
ROOT_KEY: Final = RootKey(Secret(b"root key, that nobody should see"))
INSTALLATION_ID: Final = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sealing-key"


def write(path: Path, content: str, mode: int = 0o400) -> None:
    """A key file made by hand."""
    path.write_text(content)
    path.chmod(mode)


def status(*, mode: int, user: int) -> os.stat_result:
    """What the system says of a file."""
    fields: Sequence[int] = (mode, 0, 0, 1, user, 0, 0, 0, 0, 0)
    return os.stat_result(fields)


def test_a_root_key_sealed_by_a_new_file_unseals_by_the_same_file(path: Path) -> None:
    """The file is all that is needed."""
    sealed = FileSeal.create(path, ENTROPY).seal(ROOT_KEY, INSTALLATION_ID)
    opened = FileSeal.load(path, ENTROPY).unseal(sealed, INSTALLATION_ID)
    assert opened.for_seal().equals(ROOT_KEY.for_seal())


def test_the_key_file_is_for_its_owner_only(path: Path) -> None:
    """Mode 0400, a header line, 64 hex digits."""
    FileSeal.create(path, ENTROPY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    header, key, end = path.read_text().split("\n")
    assert (header, len(bytes.fromhex(key)), end) == (HEADER_LINE, 32, "")


def test_a_sealing_key_is_never_overwritten(path: Path) -> None:
    """What is there stays, whatever it is."""
    path.write_text("something")
    with pytest.raises(SealError, match="never overwritten"):
        FileSeal.create(path, ENTROPY)
    assert path.read_text() == "something"


def test_a_directory_that_is_not_there_is_said(path: Path) -> None:
    """For making and for reading."""
    for attempt in (FileSeal.create, FileSeal.load):
        with pytest.raises(SealError, match="No such file or directory"):
            attempt(path / "nowhere", ENTROPY)


def test_half_a_key_file_does_not_stay(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full, nothing stands in the way of the next attempt."""

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(SealError, match="cannot be written: No space left"):
            FileSeal.create(path, ENTROPY)
    assert not path.exists()
    FileSeal.create(path, ENTROPY)


@pytest.mark.parametrize("mode", [0o440, 0o420, 0o410, 0o404, 0o402, 0o401, 0o644, 0o777])
def test_a_file_open_to_others_is_refused(path: Path, mode: int) -> None:
    """Any right of group or others is one too many."""
    write(path, f"{HEADER_LINE}\n{'00' * 32}\n", mode)
    with pytest.raises(SealError, match=f"has mode {mode:04o}"):
        FileSeal.load(path, ENTROPY)


@pytest.mark.parametrize(
    ("owner", "process_user", "fits"),
    [(1000, 1000, True), (0, 1000, True), (0, 0, True), (1000, 0, False), (1, 2, False)],
)
def test_the_owner_is_the_process_or_root(path: Path, owner: int, process_user: int, *, fits: bool) -> None:
    """Whoever else owns the file could have put another key there."""
    owned = status(mode=stat.S_IFREG | 0o400, user=owner)
    if fits:
        check_private(path, owned, process_user=process_user)
    else:
        with pytest.raises(SealError, match=f"belongs to user {owner}"):
            check_private(path, owned, process_user=process_user)


def test_what_is_not_a_file_is_refused(path: Path) -> None:
    """A directory; a named pipe, without waiting for its other end."""
    path.mkdir(mode=0o700)
    pipe = path / "pipe"
    os.mkfifo(pipe, 0o600)
    for wrong in (path, pipe):
        with pytest.raises(SealError, match="is not a file"):
            FileSeal.load(wrong, ENTROPY)


@pytest.mark.parametrize(
    "content",
    [
        "",
        HEADER_LINE,
        f"{HEADER_LINE}\n",
        f"{HEADER_LINE}\n{'00' * 31}\n",
        f"{HEADER_LINE}\n{'00' * 33}\n",
        f"{HEADER_LINE}\n{'AB' * 32}\n",
        f"{HEADER_LINE}\n{'00' * 32}",
        f"{HEADER_LINE}\n{'00' * 32}\n\n",
        f"{HEADER_LINE.replace('1', '2')}\n{'00' * 32}\n",
        f"{'00' * 32}\n",
        f"{HEADER_LINE}\n{'é' * 64}\n",
    ],
)
def test_what_is_no_key_file_is_refused_and_not_quoted(path: Path, content: str) -> None:
    """To the byte; the error does not show what was there."""
    write(path, content)
    with pytest.raises(SealError) as refusal:
        FileSeal.load(path, ENTROPY)
    assert str(refusal.value) == f"{path} is not a sealing key file of version 1"


def test_another_key_or_installation_does_not_unseal(tmp_path: Path) -> None:
    """The sealed root key belongs to one sealing key and one installation."""
    first, second = (FileSeal.create(tmp_path / name, ENTROPY) for name in ("first", "second"))
    sealed = first.seal(ROOT_KEY, INSTALLATION_ID)
    for seal, installation_id in ((second, INSTALLATION_ID), (first, INSTALLATION_ID.upper()), (first, "")):
        with pytest.raises(SealError, match="does not open"):
            seal.unseal(sealed, installation_id)


def test_no_altered_sealed_root_key_opens(path: Path) -> None:
    """Each byte counts, each cut too."""
    seal = FileSeal.create(path, ENTROPY)
    sealed = seal.seal(ROOT_KEY, INSTALLATION_ID)
    altered = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    for broken in [*altered, *(sealed[:length] for length in range(len(sealed))), sealed + b"\0"]:
        with pytest.raises(SealError):
            seal.unseal(broken, INSTALLATION_ID)


def test_a_seal_shows_nothing(path: Path) -> None:
    """Neither sealing key nor root key, in no text, and none of it is pickled."""
    seal = FileSeal.create(path, ENTROPY)
    sealing_key = path.read_text().split("\n")[1]
    sealed = seal.seal(ROOT_KEY, INSTALLATION_ID)
    with pytest.raises(SealError) as refusal:
        seal.unseal(sealed[:-1], INSTALLATION_ID)
    with pytest.raises(TypeError) as unpickled:
        pickle.dumps(seal)
    for text in (repr(seal), str(refusal.value), repr(unpickled.value), sealed.hex()):
        assert sealing_key not in text
        assert ROOT_KEY.for_seal().open(SECRET_ACCESS).hex() not in text

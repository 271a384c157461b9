"""Making an installation and opening one; and what the operator is told when it cannot be done."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from harness.assembled import made, opened
from selfkms.adapters.sql.migrate import upgrade
from selfkms.adapters.sqlite.engine import open_engine
from selfkms.bootstrap.data_dir import DataDir
from selfkms.bootstrap.installation import InstallationError, exists
from selfkms.crypto.labels import Purpose
from selfkms.domain.secrets import SECRET_ACCESS


def mode(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def execute(directory: Path, statement: str) -> None:
    """Change the database behind the program's back."""
    with closing(sqlite3.connect(directory / "database.sqlite")) as connection:
        connection.execute(statement)
        connection.commit()


def refusal(directory: Path, *assignments: str) -> str:
    """What the operator is told when this installation is opened; the sealing key is never in it."""
    with pytest.raises(InstallationError) as refused:
        opened(directory, *assignments)
    told = str(refused.value)
    for path in directory.rglob("*.key"):
        key = path.read_text().split("\n")[1] if path.is_file() else ""
        assert not key or key not in told
    return told


def test_what_was_made_opens_again(tmp_path: Path) -> None:
    """Every key that is derived from the root key is the same after a restart."""
    first, second = made(tmp_path), opened(tmp_path)
    assert second.installation_id == first.installation_id
    for purpose in Purpose:
        assert second.root_key.subkey(purpose).equals(first.root_key.subkey(purpose))


def test_two_installations_have_nothing_in_common(tmp_path: Path) -> None:
    """Neither identity nor root key."""
    first, second = made(tmp_path / "first"), made(tmp_path / "second")
    assert first.installation_id != second.installation_id
    assert not first.root_key.for_seal().equals(second.root_key.for_seal())


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    """Whatever the umask; the sealing key cannot even be written. No connection is left open, so two files are all."""
    former = os.umask(0)
    try:
        made(tmp_path / "data")
        opened(tmp_path / "data")
    finally:
        os.umask(former)
    found = {path.name: mode(path) for path in (tmp_path / "data").iterdir()}
    assert found == {"database.sqlite": 0o600, "seal.key": 0o400}
    assert mode(tmp_path / "data") == 0o700


def test_the_root_key_is_nowhere_in_the_open(tmp_path: Path) -> None:
    """Not in a file, and not in what an unsealed installation shows of itself."""
    unsealed = made(tmp_path)
    root_key = unsealed.root_key.for_seal().open(SECRET_ACCESS)
    for path in tmp_path.iterdir():
        assert root_key not in path.read_bytes()
        assert root_key.hex().encode() not in path.read_bytes()
    assert root_key.hex() not in repr(unsealed)
    assert repr(root_key) not in repr(unsealed)


def test_whether_there_is_one(tmp_path: Path) -> None:
    """A database says so; a directory or settings alone do not."""
    assert not exists(DataDir(tmp_path / "nowhere"))
    (tmp_path / "selfkms.toml").touch()
    assert not exists(DataDir(tmp_path))
    made(tmp_path)
    assert exists(DataDir(tmp_path))


def test_a_second_one_is_refused(tmp_path: Path) -> None:
    """The first one stays as it is."""
    first = made(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InstallationError) as refused:
        made(tmp_path)
    assert str(refused.value) == f"{tmp_path} holds an installation already"
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert opened(tmp_path).root_key.for_seal().equals(first.root_key.for_seal())


def test_a_sealing_key_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    """It may be all that opens another installation; no database is made beside it."""
    made(tmp_path / "first")
    key = tmp_path / "first" / "seal.key"
    before = key.read_bytes()
    with pytest.raises(InstallationError, match="a sealing key is never overwritten"):
        made(tmp_path / "second", f"seal.file={key}")
    assert key.read_bytes() == before
    assert not exists(DataDir(tmp_path / "second"))


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A file where the directory, or the directory of the sealing key, should be."""
    (tmp_path / "file").touch()
    with pytest.raises(InstallationError, match="Not a directory"):
        made(tmp_path / "file" / "data")
    with pytest.raises(InstallationError, match=r"seal\.key cannot be made: Not a directory"):
        made(tmp_path / "data", f"seal.file={tmp_path}/file/seal.key")


def test_the_sealing_key_may_be_elsewhere(tmp_path: Path) -> None:
    """A copy of the data directory then opens nothing."""
    elsewhere = f"seal.file={tmp_path}/sealing-key"
    first = made(tmp_path / "data", elsewhere)
    assert not (tmp_path / "data" / "seal.key").exists()
    assert opened(tmp_path / "data", elsewhere).root_key.for_seal().equals(first.root_key.for_seal())
    assert "seal.key cannot be opened: No such file" in refusal(tmp_path / "data")


def test_where_there_is_none_nothing_opens(tmp_path: Path) -> None:
    """The operator is told how to make one, and none is made by trying."""
    assert refusal(tmp_path) == f"{tmp_path} holds no installation; make one with `selfkms init`"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tables", [False, True], ids=["empty file", "tables without a row"])
def test_half_an_installation_is_refused(tmp_path: Path, *, tables: bool) -> None:
    """`init` was interrupted: there is nothing to lose yet, and the text says what to do."""
    engine = open_engine(tmp_path / "database.sqlite")
    if tables:
        upgrade(engine)
    engine.dispose()
    assert refusal(tmp_path) == f"{tmp_path} was not finished by `selfkms init`; remove it and start anew"


def test_without_the_sealing_key_nothing_opens(tmp_path: Path) -> None:
    """The path is named."""
    made(tmp_path)
    (tmp_path / "seal.key").unlink()
    assert refusal(tmp_path) == f"{tmp_path}/seal.key cannot be opened: No such file or directory"


def test_another_sealing_key_opens_nothing(tmp_path: Path) -> None:
    """That of another installation, for example."""
    made(tmp_path / "first")
    made(tmp_path / "second")
    shutil.copy2(tmp_path / "first" / "seal.key", tmp_path / "other.key")
    shutil.copy2(tmp_path / "second" / "seal.key", tmp_path / "second" / "copy.key")
    told = refusal(tmp_path / "second", f"seal.file={tmp_path}/other.key")
    assert told.startswith("the root key does not open: sealed by another sealing key")
    opened(tmp_path / "second", "seal.file=copy.key")


@pytest.mark.parametrize("bits", [0o440, 0o604, 0o666])
def test_a_sealing_key_that_others_may_read_is_refused(tmp_path: Path, bits: int) -> None:
    """It may have been read already; the mode is named."""
    made(tmp_path)
    (tmp_path / "seal.key").chmod(bits)
    assert f"seal.key has mode {bits:04o}; group and others must have no access" in refusal(tmp_path)


def test_something_else_in_the_place_of_the_sealing_key_is_not_shown(tmp_path: Path) -> None:
    """It may be another secret."""
    made(tmp_path)
    key = tmp_path / "seal.key"
    key.unlink()
    key.write_text("first line\ncorrect horse\n")
    key.chmod(0o400)
    assert refusal(tmp_path) == f"{tmp_path}/seal.key is not a sealing key file of version 1"


def test_a_newer_database_is_left_as_it_is(tmp_path: Path) -> None:
    """An older program must not write into what it does not understand."""
    made(tmp_path)
    execute(tmp_path, "UPDATE alembic_version SET version_num = '9999'")
    before = (tmp_path / "database.sqlite").read_bytes()
    told = refusal(tmp_path)
    assert "revision '9999'" in told
    assert "or a newer one" in told
    assert (tmp_path / "database.sqlite").read_bytes() == before


def replace_file(directory: Path) -> None:
    """No database at all."""
    (directory / "database.sqlite").write_bytes(b"not a database, but long enough to look like one" * 200)


def belongs_to_another(directory: Path) -> None:
    """A database of another application."""
    execute(directory, "PRAGMA application_id = 5")


def another_type(directory: Path) -> None:
    """A column that holds a text where bytes were."""
    execute(directory, "UPDATE installation SET sealed_root_key = 'correct horse'")


def altered_root_key(directory: Path) -> None:
    """A sealed root key that was cut and continued otherwise."""
    execute(
        directory, "UPDATE installation SET sealed_root_key = CAST(substr(sealed_root_key, 1, 40) || x'00' AS BLOB)"
    )


def altered_identity(directory: Path) -> None:
    """The sealed root key under another installation's name."""
    execute(directory, "UPDATE installation SET installation_id = '00000000-0000-4000-8000-000000000000'")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (replace_file, "The database does not answer: file is not a database"),
        (belongs_to_another, "the file is a database of another application"),
        (another_type, "installation: not the row that was written"),
        (altered_root_key, "the root key does not open"),
        (altered_identity, "the root key does not open"),
    ],
)
def test_a_damaged_database_is_refused(tmp_path: Path, damage: Callable[[Path], None], told: str) -> None:
    """By a text for the operator, which quotes nothing of what was found."""
    made(tmp_path)
    damage(tmp_path)
    with pytest.raises(InstallationError, match=told) as refused:
        opened(tmp_path)
    assert "horse" not in str(refused.value)

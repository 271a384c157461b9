"""`selfkms init`: what it makes, what it says once, and when it makes nothing."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from harness.assembled import ask, opened
from harness.world import ALICE_ACCOUNT
from selfkms.bootstrap.data_dir import DataDir
from selfkms.bootstrap.installation import exists
from selfkms.cli.init import init
from selfkms.config import load_settings
from selfkms.domain.secrets import Secret
from selfkms.services.iam.accounts import Credential

PRINTED: Final = re.compile(
    r"# The first administrator\. This is shown once:\n"
    r"export AWS_ACCESS_KEY_ID=(AKIA[A-Z2-7]{16})\n"
    r"export AWS_SECRET_ACCESS_KEY=([A-Za-z0-9+/]{40})\n"
)


@pytest.fixture(autouse=True)
def without_umask() -> Iterator[None]:
    """A umask that takes nothing away: modes are the program's own."""
    former = os.umask(0)
    yield
    os.umask(former)


def invoke(directory: Path, *arguments: str | Path, account_id: str = ALICE_ACCOUNT) -> Result:
    """`selfkms init` for a data directory."""
    given = ["--data-dir", directory, "--account", account_id, *arguments]
    return CliRunner().invoke(init, [str(argument) for argument in given])


def made(directory: Path, *arguments: str | Path) -> tuple[Result, Credential]:
    """What it said, and the administrator's access key."""
    result = invoke(directory, *arguments)
    assert result.exit_code == 0, result.output
    printed = PRINTED.fullmatch(result.stdout)
    assert printed
    return result, Credential(printed[1], Secret(printed[2].encode()))


def refused(directory: Path, *arguments: str | Path) -> str:
    """What the operator is told; no access key was shown."""
    result = invoke(directory, *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("selfkms init: ")
    return result.stderr


def test_the_access_key_that_is_printed_works(tmp_path: Path) -> None:
    """It is the administrator's, of the account that was named; the root user has none."""
    _, credential = made(tmp_path)
    status, content = ask(opened(tmp_path), credential, "CreateKey")
    assert (status, content["KeyMetadata"]["AWSAccountId"]) == (200, ALICE_ACCOUNT)
    assert len(ask(opened(tmp_path), credential, "ListKeys")[1]["Keys"]) == 1


def test_the_secret_is_shown_once(tmp_path: Path) -> None:
    """On standard output, and nowhere to be read again: not in what is said beside it, not in a file."""
    result, _ = made(tmp_path)
    printed = PRINTED.fullmatch(result.stdout)
    assert printed
    assert result.stdout.count(printed[2]) == 1
    assert printed[2] not in result.stderr
    for path in tmp_path.rglob("*"):
        assert printed[2].encode() not in path.read_bytes()


def test_two_installations_have_different_access_keys(tmp_path: Path) -> None:
    """Each is random."""
    first, second = (made(tmp_path / name)[1] for name in ("first", "second"))
    assert first.access_key_id != second.access_key_id
    assert not first.secret_access_key.equals(second.secret_access_key)
    status, refusal = ask(opened(tmp_path / "second"), first, "ListKeys")
    assert (status, refusal["__type"]) == (400, "UnrecognizedClientException")


def test_what_stands_in_the_directory(tmp_path: Path) -> None:
    """What matters is for its owner only; the settings hold no secret."""
    made(tmp_path / "data")
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert found.keys() == {"database.sqlite", "seal.key", "selfkms.toml"}
    assert (found["database.sqlite"], found["seal.key"]) == (0o600, 0o400)


def test_the_settings_that_are_written_are_the_defaults(tmp_path: Path) -> None:
    """They show what can be set, and change nothing."""
    made(tmp_path)
    assert load_settings(tmp_path) == load_settings(tmp_path / "nowhere")
    written = (tmp_path / "selfkms.toml").read_text()
    (tmp_path / "selfkms.toml").write_text(re.sub(r"^# (?=[a-z_]+ = )", "", written, flags=re.MULTILINE))
    shown = load_settings(tmp_path)
    assert (shown.server.host, shown.server.port, shown.server.workers) == ("127.0.0.1", 4599, 0)
    assert (shown.seal.kind, shown.audit.durability) == ("file", "power")


def test_what_it_says_beside_the_access_key(tmp_path: Path) -> None:
    """Where the sealing key is, that it should not stay there, and what comes next."""
    result, _ = made(tmp_path)
    assert f"The sealing key is {tmp_path}/seal.key: without it nothing here opens." in result.stderr
    assert "WARNING: it lies beside what it protects." in result.stderr
    assert result.stderr.endswith(f"Next: selfkms serve --data-dir {tmp_path}\n")


def test_a_sealing_key_elsewhere(tmp_path: Path) -> None:
    """It is where it was asked for, the settings name it, and there is nothing to warn of."""
    elsewhere = tmp_path / "keys" / "seal"
    elsewhere.parent.mkdir()
    result, credential = made(tmp_path / "data", "--seal-file", elsewhere)
    assert elsewhere.exists()
    assert not (tmp_path / "data" / "seal.key").exists()
    assert load_settings(tmp_path / "data").seal.file == str(elsewhere)
    assert f"The sealing key is {elsewhere}:" in result.stderr
    assert "WARNING" not in result.stderr
    assert ask(opened(tmp_path / "data"), credential, "ListKeys")[0] == 200


def test_a_relative_path_of_the_sealing_key_is_the_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for every command: from where it was called, also when it is served from elsewhere."""
    monkeypatch.chdir(tmp_path)
    made(Path("data"), "--seal-file", "seal")
    assert (tmp_path / "seal").exists()
    monkeypatch.chdir("/")
    opened(tmp_path / "data")


def test_a_second_time_nothing_is_made(tmp_path: Path) -> None:
    """What is there stays, and its administrator too."""
    _, credential = made(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert refused(tmp_path) == f"selfkms init: {tmp_path} holds an installation already\n"
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert ask(opened(tmp_path), credential, "ListKeys")[0] == 200


@pytest.mark.parametrize("account_id", ["", "1111", "11112222333x"])
def test_an_account_that_is_none(tmp_path: Path, account_id: str) -> None:
    """Exit code 2, and nothing is made."""
    result = invoke(tmp_path / "data", account_id=account_id)
    assert result.exit_code == 2
    assert not (tmp_path / "data").exists()


def test_settings_that_are_refused(tmp_path: Path) -> None:
    """A misspelt one in the file that is there already; no installation is made."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "selfkms.toml").write_text("[server]\nports = 1\n")
    assert "unknown field `ports`" in refused(tmp_path / "data")
    assert not exists(DataDir(tmp_path / "data"))


def test_a_sealing_key_that_is_there(tmp_path: Path) -> None:
    """It is not overwritten, and the operator is told which one."""
    (tmp_path / "seal").write_text("something")
    told = refused(tmp_path / "data", "--seal-file", tmp_path / "seal")
    assert told == f"selfkms init: {tmp_path}/seal exists; a sealing key is never overwritten\n"
    assert (tmp_path / "seal").read_text() == "something"


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """One line, no traceback."""
    (tmp_path / "file").touch()
    assert "Not a directory" in refused(tmp_path / "file" / "data")


def test_settings_that_are_there_stay(tmp_path: Path) -> None:
    """Whoever prepared them knows better."""
    (tmp_path / "selfkms.toml").write_text("[server]\nport = 8443\n")
    made(tmp_path)
    assert (tmp_path / "selfkms.toml").read_text() == "[server]\nport = 8443\n"


@pytest.mark.parametrize("name", ['a "quoted" key', "back\\slash"])
def test_a_sealing_key_with_an_odd_name(tmp_path: Path, name: str) -> None:
    """The settings that are written name it, whatever it is called."""
    made(tmp_path / "data", "--seal-file", tmp_path / name)
    opened(tmp_path / "data")


def test_the_sealing_key_of_settings_that_are_there(tmp_path: Path) -> None:
    """What is made can be served: the sealing key is where the settings say."""
    (tmp_path / "selfkms.toml").write_text('[seal]\nfile = "other.key"\n')
    made(tmp_path)
    opened(tmp_path)


def test_a_sealing_key_elsewhere_beside_settings_that_are_there(tmp_path: Path) -> None:
    """The settings that are there say where it is: two answers are none, and nothing is made."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "selfkms.toml").write_text("[server]\nport = 8443\n")
    assert "seal.file" in refused(tmp_path / "data", "--seal-file", tmp_path / "seal")
    assert not exists(DataDir(tmp_path / "data"))
    assert not (tmp_path / "seal").exists()


def test_a_sealing_key_that_was_asked_for_in_the_data_directory(tmp_path: Path) -> None:
    """It lies beside what it protects, however it came there."""
    result, _ = made(tmp_path, "--seal-file", tmp_path / "my.key")
    assert "WARNING" in result.stderr

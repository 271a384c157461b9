"""`selfkms inspect`: what a ciphertext blob says of itself, and what an installation says of it."""

import json
import sqlite3
from base64 import b64decode, b64encode, encodebytes
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from harness.assembled import ask, made
from harness.world import ALICE_ACCOUNT
from selfkms.bootstrap.dev import administrator_credential, ensure_accounts
from selfkms.cli.inspect import blob_facts, inspect
from selfkms.domain.kms.ciphertext import FORMAT_1, OVERHEAD_BYTES, CiphertextBlob, Suite
from selfkms.domain.kms.errors import InvalidCiphertextException

HANDLE: Final = "00112233445566778899aabbccddeeff"
FACTS: Final = {"format": 1, "suite": "software", "key_material_handle": HANDLE, "plaintext_bytes": 5}


def blob(*, form: int = FORMAT_1, suite: int = Suite.SOFTWARE, plaintext_bytes: int = 5) -> bytes:
    """Bytes with the shape of a ciphertext blob, made by nobody."""
    body = bytes(plaintext_bytes + 16)
    return CiphertextBlob(form, suite, HANDLE, bytes(16), bytes(16), bytes(32), bytes(12), body).pack()


def invoke(argument: str, *options: str | Path, stdin: str | bytes | None = None) -> Result:
    """`selfkms inspect` with a blob."""
    return CliRunner().invoke(inspect, [argument, *(str(option) for option in options)], input=stdin)


def refused(argument: str, *options: str | Path, stdin: str | bytes | None = None) -> str:
    """What is said: exit code 1, nothing on standard output, no traceback."""
    result = invoke(argument, *options, stdin=stdin)
    assert isinstance(result.exception, SystemExit), result.exception
    assert (result.exit_code, result.stdout) == (1, "")
    return result.stderr


class Installed(NamedTuple):
    """An installation with one KMS key, and a blob of it."""

    directory: Path
    arn: str
    own: str


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    """With real files."""
    unsealed = made(tmp_path / "data")
    ensure_accounts(unsealed, [ALICE_ACCOUNT])
    admin = administrator_credential(ALICE_ACCOUNT)
    arn = ask(unsealed, admin, "CreateKey", region="eu-west-1")[1]["KeyMetadata"]["Arn"]
    parameters = {"KeyId": arn, "Plaintext": b64encode(b"horse").decode()}
    own = ask(unsealed, admin, "Encrypt", parameters, region="eu-west-1")[1]["CiphertextBlob"]
    return Installed(tmp_path / "data", arn, own)


def test_base64_on_the_command_line() -> None:
    """As the AWS CLI prints it; one fact a line, for people."""
    result = invoke(b64encode(blob()).decode())
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "format               1\n"
        "suite                software\n"
        f"key_material_handle  {HANDLE}\n"
        "plaintext_bytes      5\n"
    )


def test_a_file_holds_the_bytes(tmp_path: Path) -> None:
    """Not base64 of them."""
    (tmp_path / "first.kms").write_bytes(blob())
    result = invoke(f"@{tmp_path}/first.kms", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, FACTS)


@pytest.mark.parametrize("end", ["", "\n", "\r\n", " \n\n"])
def test_base64_from_standard_input(end: str) -> None:
    """With or without the end of a line."""
    result = invoke("-", "--json", stdin=b64encode(blob()).decode() + end)
    assert (result.exit_code, json.loads(result.stdout)) == (0, FACTS)


def test_base64_in_lines_from_standard_input() -> None:
    """RFC 2045, 6.8: 76 characters a line."""
    assert invoke("-", stdin=encodebytes(blob()).decode()).exit_code == 0


@given(st.integers(0, 4096), st.sampled_from(Suite))
def test_the_length_of_the_plaintext(plaintext_bytes: int, suite: Suite) -> None:
    """Known without decrypting anything, for every suite."""
    facts = blob_facts(blob(suite=suite, plaintext_bytes=plaintext_bytes))
    assert (facts["plaintext_bytes"], facts["suite"]) == (plaintext_bytes, suite.name.lower())


@given(st.binary(max_size=OVERHEAD_BYTES - 1))
def test_what_is_too_short_is_no_blob(raw: bytes) -> None:
    """Not even one of an empty plaintext fits."""
    with pytest.raises(InvalidCiphertextException):
        blob_facts(raw)


@pytest.mark.parametrize("wrong", [blob(form=0xA2), blob(form=0), blob(suite=0), blob(suite=4), b"", blob()[:109]])
def test_what_is_no_blob_is_refused(tmp_path: Path, wrong: bytes) -> None:
    """However it is given; another format or suite is not guessed at."""
    (tmp_path / "file").write_bytes(wrong)
    for told in (refused(b64encode(wrong).decode()), refused(f"@{tmp_path}/file")):
        assert told.startswith("selfkms inspect: not a ciphertext blob of selfkms")


@pytest.mark.parametrize("wrong", ["!", "AAA", "a b", "_-_-", "é", "AA==AA=="])
def test_what_is_not_base64_is_refused(wrong: str) -> None:
    """Nothing of it is passed over."""
    refused(wrong)
    refused("-", stdin=wrong)


def test_bytes_on_standard_input_are_refused() -> None:
    """They are no text."""
    refused("-", stdin=b"\xa1\xff\xfe" + blob())


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """By its name."""
    assert f"No such file or directory: '{tmp_path}/nowhere'" in refused(f"@{tmp_path}/nowhere")


def test_an_installation_knows_its_own_blob(installed: Installed) -> None:
    """And the KMS key that made it, in whatever Region."""
    result = invoke(installed.own, "--data-dir", installed.directory, "--json")
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    assert (facts["made_here"], facts["kms_key"], facts["plaintext_bytes"]) == (True, installed.arn, 5)


def test_facts_of_an_installation_for_people(installed: Installed) -> None:
    """Beside the others; no plaintext is shown."""
    result = invoke(installed.own, "--data-dir", installed.directory)
    assert f"made_here            True\nkms_key              {installed.arn}\n" in result.stdout
    assert "horse" not in result.stdout


def test_a_blob_of_another_installation(installed: Installed, tmp_path: Path) -> None:
    """Its header bears another tag; no KMS key is named."""
    made(tmp_path / "other")
    result = invoke(installed.own, "--data-dir", tmp_path / "other", "--json")
    facts = json.loads(result.stdout)
    assert (result.exit_code, facts["made_here"]) == (0, False)
    assert "kms_key" not in facts


@pytest.mark.parametrize("offset", [2, 17, 18, 33])
def test_an_altered_header_was_not_made_here(installed: Installed, offset: int) -> None:
    """Each bit of handle and header tag counts."""
    raw = bytearray(b64decode(installed.own))
    raw[offset] ^= 1
    result = invoke(b64encode(raw).decode(), "--data-dir", installed.directory, "--json")
    assert json.loads(result.stdout)["made_here"] is False


def test_a_blob_whose_key_is_gone(installed: Installed) -> None:
    """It was made here, by a key that nobody has any more."""
    with closing(sqlite3.connect(installed.directory / "database.sqlite")) as connection:
        connection.execute("DELETE FROM key_materials")
        connection.commit()
    facts = json.loads(invoke(installed.own, "--data-dir", installed.directory, "--json").stdout)
    assert (facts["made_here"], facts["kms_key"]) == (True, None)


def test_an_installation_that_does_not_open(tmp_path: Path) -> None:
    """Exit code 1, and no facts: the question was about the installation."""
    argument = b64encode(blob()).decode()
    assert "holds no installation" in refused(argument, "--data-dir", tmp_path)
    (tmp_path / "selfkms.toml").write_text("ports = 1\n")
    assert "unknown field `ports`" in refused(argument, "--data-dir", tmp_path)
    assert invoke(argument, "--data-dir", tmp_path / "nowhere").exit_code == 2


def test_a_damaged_key_is_said(installed: Installed) -> None:
    """In one line, as whatever else is wrong."""
    with closing(sqlite3.connect(installed.directory / "database.sqlite")) as connection:
        connection.execute("UPDATE kms_keys SET mac = zeroblob(32)")
        connection.commit()
    refused(installed.own, "--data-dir", installed.directory)

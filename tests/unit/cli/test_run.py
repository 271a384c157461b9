"""`selfkms run`: what is decrypted, and when the command is not started."""

import stat
import traceback
from base64 import b64encode
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from selfkms.cli.run import NotDecryptedError, _pairs, decrypted, run

CONTEXT: Final = {"app": "shop"}

# Enough for botocore to make a client, and nothing of the machine's own settings.
AWS: Final = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL_KMS": "http://127.0.0.1:9",
    "AWS_CONFIG_FILE": "nowhere",
    "AWS_SHARED_CREDENTIALS_FILE": "nowhere",
}


class FakeKMS:
    """A client of AWS KMS whose ciphertext blobs are `blob of ` and the plaintext."""

    def __init__(self, error: Exception | None = None) -> None:
        self.contexts: list[dict[str, str]] = []
        self._error = error

    def decrypt(self, **parameters: Any) -> dict[str, Any]:
        """What botocore's client answers."""
        assert parameters.keys() == {"CiphertextBlob", "EncryptionContext"}
        self.contexts.append(parameters["EncryptionContext"])
        if self._error is not None:
            raise self._error
        blob: bytes = parameters["CiphertextBlob"]
        assert blob.startswith(b"blob of ")
        return {"Plaintext": blob.removeprefix(b"blob of "), "KeyId": "…", "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}


def variable(plaintext: bytes) -> str:
    """The value of a variable that holds this plaintext, encrypted."""
    return "kms:" + b64encode(b"blob of " + plaintext).decode()


def refused(environment: dict[str, str], client: object) -> NotDecryptedError:
    """The error that this environment gives."""
    with pytest.raises(NotDecryptedError) as refusal:
        decrypted(environment, client, CONTEXT)
    return refusal.value


def test_encrypted_variables_become_plain_and_others_stay() -> None:
    """Only what begins with `kms:` is touched, and the environment that was given is not."""
    given_one = {"DB_PASSWORD": variable(b"correct horse"), "TOKEN": variable("é\n".encode()), "PATH": "/bin", "X": ""}
    kept = dict(given_one)
    client = FakeKMS()
    assert decrypted(given_one, client, CONTEXT) == {
        "DB_PASSWORD": "correct horse",
        "TOKEN": "é\n",
        "PATH": "/bin",
        "X": "",
    }
    assert given_one == kept
    assert client.contexts == [CONTEXT, CONTEXT]


@given(st.dictionaries(st.text(min_size=1), st.text(st.characters(codec="utf-8", exclude_characters="\0"))))
def test_whatever_was_encrypted_comes_out(secrets: dict[str, str]) -> None:
    """Any text that an environment can hold."""
    environment = {name: variable(secret.encode()) for name, secret in secrets.items()}
    assert decrypted(environment, FakeKMS(), {}) == secrets


@pytest.mark.parametrize("value", ["", "km", "KMS:AAAA", " kms:AAAA", "x=kms:AAAA", "arn:aws:kms:eu-central-1:1:key/x"])
def test_without_encrypted_variables_no_client_is_needed(value: str) -> None:
    """A command without secrets starts without AWS settings."""
    assert decrypted({"X": value}, None, {}) == {"X": value}


@pytest.mark.parametrize("blob", ["!", "AAA", "AAAA AAAA", "AAAA\n", "AA==AA", "_-_-", "é", "alias/app"])
def test_what_is_not_base64_is_refused(blob: str) -> None:
    """The message names the variable and does not show its value; AWS KMS is not asked."""
    client = FakeKMS()
    error = refused({"DB_PASSWORD": f"kms:{blob}"}, client)
    assert str(error) == "DB_PASSWORD: what follows `kms:` is not base64"
    assert client.contexts == []


@pytest.mark.parametrize(
    "failure",
    [
        ClientError({"Error": {"Code": "InvalidCiphertextException", "Message": ""}}, "Decrypt"),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "User: … may not"}}, "Decrypt"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:9"),
    ],
)
def test_what_cannot_be_decrypted_is_refused(failure: Exception) -> None:
    """The message names the variable and says what AWS KMS, or the way to it, said."""
    error = refused({"PATH": "/bin", "DB_PASSWORD": variable(b"correct horse")}, FakeKMS(failure))
    assert str(error) == f"DB_PASSWORD: {failure}"
    assert error.__cause__ is failure


@pytest.mark.parametrize(
    ("plaintext", "reason"),
    [
        (b"correct horse\xff", "the plaintext is not text"),
        (b"\x80", "the plaintext is not text"),
        # Half of a surrogate pair, which UTF-8 has not.
        (b"correct horse\xed\xa0\x80", "the plaintext is not text"),
        (b"correct horse\0", "the plaintext holds a NUL, which no environment can"),
        (b"\0", "the plaintext holds a NUL, which no environment can"),
    ],
)
def test_a_plaintext_that_no_environment_can_hold_is_refused(plaintext: bytes, reason: str) -> None:
    """And is not shown, neither in the message nor in a traceback."""
    error = refused({"DB_PASSWORD": variable(plaintext)}, FakeKMS())
    assert str(error) == f"DB_PASSWORD: {reason}"
    assert "horse" not in "".join(traceback.format_exception(error))


def test_one_bad_variable_stops_everything() -> None:
    """A command never starts with half of its secrets."""
    assert str(refused({"A": variable(b"a"), "B": "kms:!", "C": variable(b"c")}, FakeKMS())).startswith("B: ")


def test_the_command_is_not_started_without_its_secrets() -> None:
    """Exit code 4, and the variable is named."""
    result = CliRunner(env={**AWS, "DB_PASSWORD": "kms:!"}).invoke(run, ["--", "true"])
    assert result.exit_code == 4
    assert result.stderr == "selfkms run: DB_PASSWORD: what follows `kms:` is not base64\n"


def test_without_a_region_nothing_is_decrypted() -> None:
    """Exit code 4 also where the AWS settings are missing."""
    env: dict[str, str | None] = {**AWS, "AWS_DEFAULT_REGION": None, "AWS_REGION": None, "X": "kms:AAAA"}
    result = CliRunner(env=env).invoke(run, ["--", "true"])
    assert result.exit_code == 4
    assert result.stderr == "selfkms run: You must specify a region.\n"


def test_a_command_that_does_not_exist() -> None:
    """Exit code 127, as a shell would."""
    result = CliRunner().invoke(run, ["--", "no-such-command-anywhere"])
    assert result.exit_code == 127
    assert result.stderr == "selfkms run: no-such-command-anywhere: command not found\n"


def test_a_command_that_cannot_be_executed(tmp_path: Path) -> None:
    """Exit code 126, as a shell would."""
    path = tmp_path / "command"
    path.write_text("")
    path.chmod(stat.S_IRUSR)
    result = CliRunner().invoke(run, ["--", str(path)])
    assert result.exit_code == 126
    assert result.stderr == f"selfkms run: {path}: Permission denied\n"


def test_the_encryption_context_of_the_command_line() -> None:
    """A value may hold further equals signs, or be empty; no pairs are no context."""
    assert _pairs(("app=shop", "query=a=b", "stage=")) == {"app": "shop", "query": "a=b", "stage": ""}
    assert _pairs(()) == {}


@pytest.mark.parametrize("pair", ["app", "=shop", ""])
def test_what_is_no_pair_is_refused(pair: str) -> None:
    """Exit code 2: the command line is not understood."""
    result = CliRunner().invoke(run, ["--context", pair, "--", "no-such-command-anywhere"])
    assert result.exit_code == 2
    assert f"Invalid value for --context: '{pair}' is not NAME=VALUE\n" in result.stderr


def test_a_command_must_be_given() -> None:
    """There is nothing to start otherwise."""
    assert CliRunner().invoke(run, []).exit_code == 2

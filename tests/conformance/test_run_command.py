"""`selfkms run`: a program is started with its secrets decrypted, in its environment and nowhere else."""

import json
import os
import sys
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Final

import pytest

from harness.calls import make_key
from harness.commands import selfkms
from harness.server import Server

SECRET: Final = "correct horse battery staple é\n"
SHOW: Final = (sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))")
"""Prints its environment."""
MARK: Final = (sys.executable, "-c", "import pathlib; pathlib.Path('started').touch()")
"""Leaves a file where it is started."""


@pytest.fixture(scope="module")
def key_id(alice: Any) -> str:
    """A KMS key for secrets in environments."""
    made: str = make_key(alice)["KeyId"]
    return made


def sealed(kms: Any, key_id: str, secret: str | bytes = SECRET, **context: str) -> str:
    """The value of a variable that holds a secret."""
    plaintext = secret if isinstance(secret, bytes) else secret.encode()
    blob = kms.encrypt(KeyId=key_id, Plaintext=plaintext, EncryptionContext=context)["CiphertextBlob"]
    return f"kms:{b64encode(blob).decode()}"


def run(
    server: Server, *arguments: str, cwd: Path, variables: Mapping[str, str] | None = None
) -> CompletedProcess[str]:
    """Run the command as a user of the server, with further variables."""
    aws = {name: value for name, value in server.environment.items() if name.startswith("AWS_")}
    return selfkms("run", *arguments, env={**aws, **(variables or {})}, cwd=cwd)


def test_the_program_sees_its_secrets_and_everything_else_as_it_was(
    server: Server, alice: Any, key_id: str, tmp_path: Path
) -> None:
    """Only what begins with `kms:` is touched; several secrets under several keys are decrypted."""
    other = make_key(alice)["KeyId"]
    untouched = {"PLAIN": "as it was", "EMPTY": "", "LIKE": "KMS:AAAA", "INSIDE": f"x{sealed(alice, key_id)}"}
    secrets = {"DB_PASSWORD": sealed(alice, key_id), "TOKEN": sealed(alice, other, "t")}
    done = run(server, "--", *SHOW, cwd=tmp_path, variables={**untouched, **secrets})
    assert (done.returncode, done.stderr) == (0, "")
    seen = json.loads(done.stdout)
    assert (seen["DB_PASSWORD"], seen["TOKEN"]) == (SECRET, "t")
    assert {name: seen[name] for name in untouched} == untouched
    assert seen["AWS_CONFIG_FILE"] == server.environment["AWS_CONFIG_FILE"]
    assert seen["PATH"] == os.environ["PATH"]


def test_the_program_takes_the_place_of_the_command(server: Server, alice: Any, key_id: str, tmp_path: Path) -> None:
    """Arguments, standard input and exit code are its own, also those that look like options of the command."""
    variables = {"SECRET": sealed(alice, key_id)}
    script = "import sys; print(sys.argv[1:]); sys.exit(int(sys.argv[-1]))"
    for code in (0, 1, 4, 77):
        program = (sys.executable, "-c", script, "--context", "a=b", "--help", str(code))
        done = run(server, "--", *program, cwd=tmp_path, variables=variables)
        assert (done.returncode, done.stdout) == (code, f"{['--context', 'a=b', '--help', str(code)]}\n")
    died = run(server, "--", "sh", "-c", "kill -TERM $$", cwd=tmp_path, variables=variables)
    assert died.returncode == -15


def test_the_encryption_context(server: Server, alice: Any, key_id: str, tmp_path: Path) -> None:
    """All of its pairs must be given; a value may hold further equals signs."""
    variables = {"SECRET": sealed(alice, key_id, app="web", query="a=b")}
    given = ("--context", "app=web", "--context", "query=a=b")
    done = run(server, *given, "--", *SHOW, cwd=tmp_path, variables=variables)
    assert json.loads(done.stdout)["SECRET"] == SECRET
    for wrong in ((), given[:2], (*given, "--context", "x=y"), ("--context", "app=WEB", "--context", "query=a=b")):
        done = run(server, *wrong, "--", *MARK, cwd=tmp_path, variables=variables)
        assert done.returncode == 4
        assert done.stderr.startswith("selfkms run: SECRET: An error occurred (InvalidCiphertextException)")
    assert list(tmp_path.iterdir()) == []
    assert run(server, "--context", "app", "--", *MARK, cwd=tmp_path, variables=variables).returncode == 2


def test_what_cannot_be_decrypted_is_named_and_nothing_is_started(
    server: Server, alice: Any, key_id: str, tmp_path: Path
) -> None:
    """Exit code 4; the message says which variable and why, and never what is in it, encrypted or plain."""
    good = sealed(alice, key_id)
    disabled = make_key(alice)
    of_disabled = sealed(alice, disabled["KeyId"])
    alice.disable_key(KeyId=disabled["KeyId"])
    binary = sealed(alice, key_id, b"secret \xff\xfe binary")
    for value, reason in (
        ("kms:no base64!", "what follows `kms:` is not base64"),
        ("kms:", "Parameter validation failed:|ValidationException"),
        ("kms:AAAA", "(InvalidCiphertextException)"),
        (f"{good[:-8]}AAAA{good[-4:]}", "(InvalidCiphertextException)"),
        (of_disabled, f"(DisabledException) when calling the Decrypt operation: {disabled['Arn']} is disabled."),
        (binary, "the plaintext is not text"),
        (sealed(alice, key_id, "secret\0secret"), "the plaintext holds a NUL, which no environment can"),
    ):
        done = run(server, "--", *MARK, cwd=tmp_path, variables={"GOOD": good, "BAD_ONE": value})
        assert (done.returncode, done.stdout) == (4, "")
        assert done.stderr.startswith("selfkms run: BAD_ONE: ")
        assert any(part in done.stderr for part in reason.split("|")), done.stderr
        for hidden in ("horse", "secret", good, *([value.removeprefix("kms:")] if len(value) > 8 else [])):
            assert hidden not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_a_server_nothing_is_started(server: Server, alice: Any, key_id: str, tmp_path: Path) -> None:
    """Nor without a Region, nor with credentials that are not known; without secrets nobody is asked."""
    variables = {"SECRET": sealed(alice, key_id)}
    for broken, reason in (
        ({"AWS_ENDPOINT_URL_KMS": "http://127.0.0.1:9"}, "Could not connect to the endpoint URL"),
        ({"AWS_CONFIG_FILE": "nowhere", "AWS_SHARED_CREDENTIALS_FILE": "nowhere"}, "You must specify a region."),
        ({"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x"}, "(UnrecognizedClientException)"),
    ):
        done = run(server, "--", *MARK, cwd=tmp_path, variables={"AWS_MAX_ATTEMPTS": "1", **variables, **broken})
        assert (done.returncode, reason in done.stderr) == (4, True), done.stderr
    assert list(tmp_path.iterdir()) == []
    done = selfkms("run", "--", *MARK, env={"AWS_ENDPOINT_URL_KMS": "http://127.0.0.1:9"}, cwd=tmp_path)
    assert done.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["started"]


def test_a_program_that_is_not_there(server: Server, alice: Any, key_id: str, tmp_path: Path) -> None:
    """127, and 126 for one that cannot be executed, as a shell would; 2 without any."""
    variables = {"SECRET": sealed(alice, key_id)}
    missing = run(server, "--", "no-such-program-anywhere", cwd=tmp_path, variables=variables)
    assert (missing.returncode, missing.stderr) == (127, "selfkms run: no-such-program-anywhere: command not found\n")
    (tmp_path / "file").touch(mode=0o600)
    barred = run(server, "--", "./file", cwd=tmp_path, variables=variables)
    assert (barred.returncode, barred.stderr) == (126, "selfkms run: ./file: Permission denied\n")
    assert run(server, cwd=tmp_path).returncode == 2


def test_nothing_decrypted_touches_the_disk(server: Server, alice: Any, key_id: str, tmp_path: Path) -> None:
    """Neither where the program is started, nor for temporary files, nor where the server keeps what it has."""
    secret = "nowhere on any disk: 8b1f0d3e-canary"
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    variables = {"SECRET": sealed(alice, key_id, secret), "TMPDIR": str(temporary), "HOME": str(tmp_path)}
    script = "import os, sys; sys.exit(0 if os.environ['SECRET'].startswith('nowhere') else 1)"
    assert run(server, "--", sys.executable, "-c", script, cwd=tmp_path, variables=variables).returncode == 0
    forms = [secret.encode(), b64encode(secret.encode()), secret.encode().hex().encode(), secret.encode("utf-16-le")]
    searched = [path for root in (tmp_path, server.data_dir) for path in root.rglob("*") if path.is_file()]
    for path in [*searched, server.log]:
        content = path.read_bytes()
        assert not any(form in content for form in forms), path
    assert server.data_dir / "database.sqlite" in searched

"""`selfkms inspect` and `selfkms env`: what a ciphertext blob is, and the way to an installation."""

import json
import shlex
import subprocess
from base64 import b64encode
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from harness.calls import make_key
from harness.commands import environment, selfkms
from harness.server import CLIENTS, SELFKMS, Server, needs_clients, running

NOT_OURS: Final = "selfkms inspect: not a ciphertext blob of selfkms"


class Made(NamedTuple):
    """A ciphertext blob and the KMS key that made it."""

    blob: bytes
    arn: str

    @property
    def text(self) -> str:
        """The blob in base64."""
        return b64encode(self.blob).decode()


@pytest.fixture(scope="module")
def made(alice: Any) -> Made:
    """A blob of 14 bytes of plaintext, of the shared server."""
    key = make_key(alice)
    return Made(alice.encrypt(KeyId=key["KeyId"], Plaintext=b"attack at dawn")["CiphertextBlob"], key["Arn"])


@pytest.fixture(scope="module")
def resting(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Made]:
    """A data directory that nobody serves any more, and a blob that was made there."""
    data_dir = tmp_path_factory.mktemp("resting") / "data"
    with running(data_dir) as server, closing(server.client(region="eu-west-3")) as kms:
        key = make_key(kms)
        blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    return data_dir, Made(blob, key["Arn"])


def facts(made: Made) -> dict[str, Any]:
    """What the blob itself says."""
    return {
        "format": 1,
        "suite": "software",
        "key_material_handle": made.blob[2:18].hex(),
        "plaintext_bytes": len(made.blob) - 110,
    }


def shown(*arguments: str | Path, stdin: str = "") -> Any:
    """What inspect says as JSON."""
    done = selfkms("inspect", "--json", *arguments, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_a_blob_is_shown_however_it_is_given(made: Made, tmp_path: Path) -> None:
    """In base64, as a file with its bytes, or from standard input; nothing is needed to read a header."""
    file = tmp_path / "blob"
    file.write_bytes(made.blob)
    assert shown(made.text) == facts(made)
    assert shown(f"@{file}") == facts(made)
    assert shown("-", stdin=f"{made.text}\n") == facts(made)


def test_a_blob_is_shown_to_people(made: Made) -> None:
    """A line for each fact, names and values in columns."""
    done = selfkms("inspect", made.text)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "format               1",
        "suite                software",
        f"key_material_handle  {made.blob[2:18].hex()}",
        "plaintext_bytes      14",
    ]


def test_an_installation_knows_its_own_blobs(server: Server, made: Made, resting: tuple[Path, Made]) -> None:
    """And the KMS key of each, whatever its Region, while it is served and at rest."""
    data_dir, other = resting
    for directory, own, foreign in ((server.data_dir, made, other), (data_dir, other, made)):
        assert shown(own.text, "--data-dir", directory) == {**facts(own), "made_here": True, "kms_key": own.arn}
        assert shown(foreign.text, "--data-dir", directory) == {**facts(foreign), "made_here": False}
    done = selfkms("inspect", made.text, "--data-dir", server.data_dir)
    assert done.stdout.splitlines()[-2:] == ["made_here            True", f"kms_key              {made.arn}"]


def test_a_header_that_was_changed_is_none_of_the_installations(server: Server, made: Made) -> None:
    """What follows the header is not looked at: only the KMS key can tell."""
    changed = bytearray(made.blob)
    changed[2] ^= 1
    said = shown(b64encode(changed).decode(), "--data-dir", server.data_dir)
    assert said["made_here"] is False
    changed = bytearray(made.blob)
    changed[-1] ^= 1
    assert shown(b64encode(changed).decode(), "--data-dir", server.data_dir)["kms_key"] == made.arn


def test_the_key_of_a_blob_may_be_gone(data_dir: Path) -> None:
    """The header still says that it was made here."""
    with running(data_dir) as server, closing(server.client()) as kms:
        key_id = make_key(kms)["KeyId"]
        blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
        kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
        server.move_clock(7 * 86_400)
    gone = Made(blob, "")
    assert shown(gone.text, "--data-dir", data_dir) == {**facts(gone), "made_here": True, "kms_key": None}


def test_what_is_no_blob(made: Made, tmp_path: Path) -> None:
    """Exit code 1 and one line."""
    (tmp_path / "text").write_text("some text")
    other_format = b64encode(b"\xa2" + made.blob[1:]).decode()
    other_suite = b64encode(made.blob[:1] + b"\x09" + made.blob[2:]).decode()
    short = b64encode(made.blob[:109]).decode()
    for arguments, stdin in (
        (("no base64!",), ""),
        ((made.text[:-1],), ""),
        (("AQICAHh3aXRoIGEgYmxvYiBvZiBBV1M=",), ""),
        ((short,), ""),
        ((other_format,), ""),
        ((other_suite,), ""),
        ((f"@{tmp_path / 'text'}",), ""),
        (("-",), ""),
        (("-",), "garbage"),
        (("",), ""),
    ):
        done = selfkms("inspect", "--json", *arguments, stdin=stdin)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(NOT_OURS)
        assert done.stderr.count("\n") == 1


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """Exit code 1 and one line that says why, and nothing of blobs."""
    for place in (tmp_path / "nowhere", tmp_path):
        done = selfkms("inspect", f"@{place}")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("selfkms inspect: [Errno ")
        assert str(place) in done.stderr


def test_inspect_needs_an_installation_that_opens(made: Made, tmp_path: Path) -> None:
    """A directory without one, or without its sealing key, is said to be so."""
    empty = selfkms("inspect", made.text, "--data-dir", tmp_path)
    assert empty.returncode == 1
    assert empty.stderr == f"Error: {tmp_path} holds no installation; make one with `selfkms init`\n"
    assert selfkms("inspect", made.text, "--data-dir", tmp_path / "nowhere").returncode == 2


# -- env


def test_env_prints_what_dev_printed(server: Server) -> None:
    """The same lines, also at another time; with a profile of its files, if one is asked for."""
    exports = [line for line in server.printed if line.startswith("export ")]
    assert selfkms("env", "--data-dir", server.data_dir).stdout.splitlines() == exports
    with_profile = selfkms("env", "--data-dir", server.data_dir, "--profile", "444455556666-root")
    assert with_profile.stdout.splitlines() == [*exports, "export AWS_PROFILE=444455556666-root"]


def test_env_in_a_shell(server: Server) -> None:
    """`eval "$(selfkms env …)"`, and the AWS CLI talks to the installation as whoever was chosen."""
    needs_clients()
    command = f"{shlex.quote(str(SELFKMS))} env --data-dir {shlex.quote(str(server.data_dir))} --profile 444455556666"
    done = subprocess.run(
        ["bash", "-euc", f'eval "$({command})"; {CLIENTS}/aws kms create-key --query KeyMetadata.AWSAccountId'],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == '"444455556666"'


def test_env_of_an_installation_is_an_endpoint(data_dir: Path) -> None:
    """Credentials are the user's own there; the settings say where it listens."""
    assert selfkms("init", "--data-dir", data_dir, "--account", "123456789012").returncode == 0
    endpoint = "export AWS_ENDPOINT_URL_KMS=http://127.0.0.1:4599\n"
    assert selfkms("env", "--data-dir", data_dir).stdout == endpoint
    (data_dir / "selfkms.toml").write_text('[server]\nhost = "kms.example.com"\nport = 8443\ntls_certificate = "x"\n')
    endpoint = "export AWS_ENDPOINT_URL_KMS=https://kms.example.com:8443\n"
    assert selfkms("env", "--data-dir", data_dir).stdout == endpoint
    (data_dir / "selfkms.toml").write_text("nonsense = 1\n")
    broken = selfkms("env", "--data-dir", data_dir)
    assert (broken.returncode, broken.stdout) == (1, "")
    assert broken.stderr == "Error: setting: Object contains unknown field `nonsense`\n"
    assert selfkms("env", "--data-dir", data_dir / "nowhere").returncode == 2

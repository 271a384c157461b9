"""The AWS Encryption SDK for Python: files in envelopes, each with a data key from AWS KMS."""

import hashlib
import json
import random
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from harness.calls import make_key
from harness.server import CLIENTS, Server, needs_clients, read_journal, running

CLIENT: Final = Path(__file__).with_name("encryption_sdk_client.py")

LARGE_MIB: Final = 100
GROWTH_KIB_MAX: Final = 50 * 1_024
"""Half of the large file: a client that held all of it could not stay below."""
SEED: Final = 20_261_124

PUBLIC_KEY: Final = "aws-crypto-public-key"
"""The pair that the SDK adds to the encryption context: what the envelope is signed with."""


@pytest.fixture(autouse=True)
def _clients() -> None:
    needs_clients()


def run_sdk(
    server: Server, mode: str, key_arn: str, source: Path, target: Path, *pairs: str
) -> subprocess.CompletedProcess[str]:
    """Run the program with the SDK, as a user of the server."""
    return subprocess.run(
        [CLIENTS / "python", CLIENT, mode, key_arn, source, target, *pairs],
        env=server.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def stream(server: Server, mode: str, key_arn: str, source: Path, target: Path, *pairs: str) -> dict[str, Any]:
    """What the program says after it succeeded."""
    done = run_sdk(server, mode, key_arn, source, target, *pairs)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def write_large(path: Path) -> str:
    """A file that is the same in every run, and repeats nowhere; its SHA-256."""
    pattern = random.Random(SEED)
    written = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(LARGE_MIB):
            chunk = pattern.randbytes(1_024 * 1_024)
            written.update(chunk)
            file.write(chunk)
    return written.hexdigest()


def hash_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_a_hundred_megabytes_come_back_byte_for_byte(tmp_path: Path, data_dir: Path) -> None:
    """Streamed, with the encryption context that was given; also after kill -9 and a start on the same directory."""
    plain, sealed, opened = tmp_path / "plain", tmp_path / "sealed", tmp_path / "opened"
    expected = write_large(plain)
    pairs = ("purpose=backup", "aws-is=case Sensitive")
    with running(data_dir) as server:
        with closing(server.client()) as kms:
            arn = make_key(kms)["Arn"]
        into = stream(server, "encrypt", arn, plain, sealed, *pairs)
        assert into["grown_kib"] < GROWTH_KIB_MAX
        assert into["encryption_context"].items() >= {"purpose": "backup", "aws-is": "case Sensitive"}.items()
        out = stream(server, "decrypt", arn, sealed, opened, *pairs)
        assert out["encryption_context"] == into["encryption_context"]
        assert out["grown_kib"] < GROWTH_KIB_MAX
        assert out["sha256"] == hash_of(opened) == expected
        server.kill()
    opened.unlink()
    with running(data_dir) as server:
        assert stream(server, "decrypt", arn, sealed, opened, *pairs)["sha256"] == expected
    assert hash_of(opened) == expected


@pytest.fixture(scope="module")
def envelope(tmp_path_factory: pytest.TempPathFactory, server: Server, alice: Any) -> tuple[dict[str, Any], Path]:
    """A KMS key, and a small file that was encrypted under it with the encryption context `purpose=test`."""
    needs_clients()
    folder = tmp_path_factory.mktemp("envelope")
    plain, sealed = folder / "plain", folder / "sealed"
    plain.write_bytes(b"attack at dawn" * 1_000)
    key = make_key(alice)
    stream(server, "encrypt", key["Arn"], plain, sealed, "purpose=test")
    return key, sealed


def test_a_wrong_encryption_context_does_not_open(
    tmp_path: Path, server: Server, envelope: tuple[dict[str, Any], Path]
) -> None:
    """The one that the reader expects must be the one that the writer gave."""
    key, sealed = envelope
    opened = tmp_path / "opened"
    done = run_sdk(server, "decrypt", key["Arn"], sealed, opened, "purpose=other")
    assert done.returncode == 1
    assert "Encryption context does not match" in done.stderr
    assert opened.read_bytes() == b""


def test_a_wrong_key_does_not_open(
    tmp_path: Path, server: Server, alice: Any, envelope: tuple[dict[str, Any], Path]
) -> None:
    """Nor the right one while it is disabled; enabled again, it does."""
    key, sealed = envelope
    opened = tmp_path / "opened"
    assert run_sdk(server, "decrypt", make_key(alice)["Arn"], sealed, opened, "purpose=test").returncode == 1
    alice.disable_key(KeyId=key["KeyId"])
    assert run_sdk(server, "decrypt", key["Arn"], sealed, opened, "purpose=test").returncode == 1
    refused = run_sdk(server, "encrypt", key["Arn"], sealed, opened)
    assert refused.returncode == 1
    assert f"{key['Arn']} is disabled." in refused.stderr
    assert opened.read_bytes() == b""
    alice.enable_key(KeyId=key["KeyId"])
    stream(server, "decrypt", key["Arn"], sealed, opened, "purpose=test")
    assert opened.read_bytes() == b"attack at dawn" * 1_000


def test_an_encryption_context_changed_in_the_envelope_is_refused_by_the_service(
    tmp_path: Path, data_dir: Path
) -> None:
    """The data key does not open with it; the audit shows which encryption context was asked for each time."""
    plain, sealed, opened = tmp_path / "plain", tmp_path / "sealed", tmp_path / "opened"
    plain.write_bytes(b"attack at dawn")
    with running(data_dir) as server:
        with closing(server.client()) as kms:
            arn = make_key(kms)["Arn"]
        bound = stream(server, "encrypt", arn, plain, sealed, "tenant=alice")["encryption_context"]
        changed = sealed.read_bytes().replace(b"alice", b"mallo")
        sealed.write_bytes(changed)
        assert run_sdk(server, "decrypt", arn, sealed, opened).returncode == 1
        assert opened.read_bytes() == b""
    assert bound.keys() == {"tenant", PUBLIC_KEY}
    made, asked = (record for record in read_journal(data_dir) if record["eventName"] in {"GenerateDataKey", "Decrypt"})
    assert made["eventName"] == "GenerateDataKey"
    assert made["requestParameters"]["encryptionContext"] == bound
    assert "errorCode" not in made
    assert asked["requestParameters"]["encryptionContext"] == {**bound, "tenant": "mallo"}
    assert asked["requestParameters"]["keyId"] == arn
    assert asked["errorCode"] == "InvalidCiphertextException"

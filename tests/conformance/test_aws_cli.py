"""The AWS CLI, as people and scripts use it."""

import json
import re
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any, Final

import pytest

from harness.processes import until
from harness.server import ALICE_ACCOUNT, BOB_ACCOUNT, CLIENTS, Server, needs_clients

ROOT: Final = Path(__file__).parents[2]
REFUSED: Final = {254, 255}
"""What the AWS CLI exits with when the service refused: version 2 with 254, version 1 with 255."""


@pytest.fixture(autouse=True)
def _clients() -> None:
    needs_clients()


@pytest.fixture(scope="module")
def key_id(server: Server) -> str:
    """A KMS key made with the CLI; it has the alias `alias/cli`."""
    needs_clients()
    made = server.aws("kms", "create-key", "--query", "KeyMetadata.KeyId", "--output", "text").stdout.strip()
    server.aws("kms", "create-alias", "--alias-name", "alias/cli", "--target-key-id", made)
    return made


def kms(server: Server, *arguments: str) -> Any:
    """What a command answers; None if it answers nothing."""
    printed = server.aws("kms", *arguments, "--output", "json").stdout
    return json.loads(printed) if printed else None


def refused(server: Server, *arguments: str) -> str:
    """What the CLI says of a command that the service refuses."""
    done = server.aws("kms", *arguments, check=False)
    assert done.returncode in REFUSED
    assert not done.stdout
    return done.stderr.strip()


def commands_of(text: str) -> str:
    """The indented commands of a text that make the first secret."""
    lines = [line.strip() for line in text.splitlines()]
    start = next(number for number, line in enumerate(lines) if line.startswith("KEY=$("))
    end = next(number for number, line in enumerate(lines) if "kms decrypt" in line)
    return "\n".join(lines[start : end + 1])


def shell(server: Server, script: str, folder: Path) -> str:
    """What a script prints, typed into a shell after the lines that the server printed."""
    exports = "\n".join(line for line in server.printed if line.startswith("export "))
    plain = {name: value for name, value in server.environment.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{exports}\n{script}"],
        cwd=folder,
        env={**plain, "PATH": f"{CLIENTS}:{plain['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def test_the_first_secret(server: Server, tmp_path: Path) -> None:
    """The README, the hint of `selfkms dev`, word for word: one and the same, and it works."""
    script = commands_of((ROOT / "README.md").read_text())
    until(lambda: "Ctrl-C stops" in server.log.read_text(), "the hint, which comes after `ready`")
    # The hint names the `aws` that it found.
    assert commands_of(re.sub(r"\S*/aws kms", "aws kms", server.log.read_text())) == script
    assert shell(server, script, tmp_path) == "my first secret"
    assert len((tmp_path / "first.kms").read_bytes()) == len("my first secret") + 110


def test_a_key_is_made_described_and_listed(server: Server, key_id: str) -> None:
    """By its ID, its ARN and its alias."""
    arn = f"arn:aws:kms:us-east-1:{ALICE_ACCOUNT}:key/{key_id}"
    described = kms(server, "describe-key", "--key-id", "alias/cli")["KeyMetadata"]
    assert (described["KeyId"], described["Arn"], described["KeyState"]) == (key_id, arn, "Enabled")
    assert kms(server, "describe-key", "--key-id", arn)["KeyMetadata"] == described
    assert {"KeyId": key_id, "KeyArn": arn} in kms(server, "list-keys", "--page-size", "20")["Keys"]
    aliases = kms(server, "list-aliases", "--key-id", key_id)["Aliases"]
    assert [alias["AliasName"] for alias in aliases] == ["alias/cli"]


def test_tags(server: Server, key_id: str) -> None:
    """In the shorthand of the CLI."""
    assert kms(server, "tag-resource", "--key-id", key_id, "--tags", "TagKey=team,TagValue=red") is None
    assert kms(server, "list-resource-tags", "--key-id", key_id)["Tags"] == [{"TagKey": "team", "TagValue": "red"}]
    assert kms(server, "untag-resource", "--key-id", key_id, "--tag-keys", "team") is None
    assert kms(server, "list-resource-tags", "--key-id", key_id)["Tags"] == []


def test_rotation_by_hand(server: Server, tmp_path: Path) -> None:
    """A new key under the old alias: what was encrypted before still decrypts, as long as the old key is there."""
    old, new = (kms(server, "create-key")["KeyMetadata"] for _ in range(2))
    kms(server, "create-alias", "--alias-name", "alias/cli-rotated", "--target-key-id", old["KeyId"])
    secret = tmp_path / "secret"
    secret.write_bytes(b"\0\xffnot text")
    encrypt = ("encrypt", "--key-id", "alias/cli-rotated", "--plaintext", f"fileb://{secret}")
    before = kms(server, *encrypt, "--encryption-context", "app=web,stage=test")
    kms(server, "update-alias", "--alias-name", "alias/cli-rotated", "--target-key-id", new["KeyId"])
    after = kms(server, *encrypt, "--encryption-context", "app=web,stage=test")
    assert [before["KeyId"], after["KeyId"]] == [old["Arn"], new["Arn"]]
    for made in (before, after):
        blob = tmp_path / "blob"
        blob.write_bytes(b64decode(made["CiphertextBlob"]))
        context = ("--encryption-context", "stage=test,app=web")
        decrypted = kms(server, "decrypt", "--ciphertext-blob", f"fileb://{blob}", *context)
        assert decrypted["KeyId"] == made["KeyId"]
        assert b64decode(decrypted["Plaintext"]) == secret.read_bytes()


ERRORS: Final = [
    (
        ("describe-key", "--key-id", "alias/nowhere"),
        (
            "(NotFoundException) when calling the DescribeKey operation: "
            f"Alias arn:aws:kms:us-east-1:{ALICE_ACCOUNT}:alias/nowhere is not found."
        ),
    ),
    (
        ("decrypt", "--ciphertext-blob", "AAAA"),
        "(InvalidCiphertextException) when calling the Decrypt operation:",
    ),
    (
        ("connect-custom-key-store", "--custom-key-store-id", "cks-1234567890abcdef0"),
        (
            "(UnsupportedOperationException) when calling the ConnectCustomKeyStore operation: "
            "ConnectCustomKeyStore is not supported yet."
        ),
    ),
    (
        ("generate-random", "--number-of-bytes", "1025"),
        (
            "(ValidationException) when calling the GenerateRandom operation: 1 validation error detected: "
            "Value '1025' at 'numberOfBytes' failed to satisfy constraint: "
            "Member must have value less than or equal to 1024"
        ),
    ),
]


@pytest.mark.parametrize(("arguments", "error"), ERRORS, ids=["text", "no text", "operation", "validation"])
def test_errors(server: Server, arguments: tuple[str, ...], error: str) -> None:
    """The code and the text of the service, and an exit code that says so."""
    assert refused(server, *arguments).endswith(f"An error occurred {error}")


def test_a_profile_for_each_identity(server: Server) -> None:
    """The files have one for each administrator and each root user; the first administrator is the default."""
    made = kms(server, "create-key", "--profile", f"{BOB_ACCOUNT}-root")["KeyMetadata"]
    assert made["AWSAccountId"] == BOB_ACCOUNT
    assert kms(server, "describe-key", "--key-id", made["KeyId"], "--profile", BOB_ACCOUNT)["KeyMetadata"] == made
    # A refusal names who asked.
    for chosen, caller in (((), "user/admin"), (("--profile", f"{ALICE_ACCOUNT}-root"), "root")):
        text = refused(server, "describe-key", "--key-id", made["Arn"], *chosen)
        assert f"User: arn:aws:iam::{ALICE_ACCOUNT}:{caller} is not authorized to perform: kms:DescribeKey on" in text


def test_the_endpoint_may_be_given_with_the_command(server: Server, key_id: str) -> None:
    """Without the files of the server: only its address, and the credentials that the documents spell out."""
    plain = {name: value for name, value in server.environment.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [CLIENTS / "aws", "--endpoint-url", server.endpoint, "kms", "describe-key", "--key-id", key_id],
        env={
            **plain,
            "AWS_CONFIG_FILE": "nowhere",
            "AWS_SHARED_CREDENTIALS_FILE": "nowhere",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "AKIADHPWNEHFADMINKEY",
            "AWS_SECRET_ACCESS_KEY": "selfkms/dev/111122223333/admin/xxxxxxxxx",
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout)["KeyMetadata"]["KeyId"] == key_id

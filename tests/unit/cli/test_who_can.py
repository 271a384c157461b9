"""`selfkms who-can`: everybody who may, for people and for programs, by key and by ciphertext blob."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from click.testing import CliRunner, Result

from harness.assembled import ask, made, opened
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION
from selfkms.bootstrap.dev import administrator_credential, ensure_accounts
from selfkms.cli.who_can import who_can
from selfkms.domain.arns import root_arn, user_arn

ADMIN: Final = user_arn(ALICE_ACCOUNT, "/", "admin")
ROOT: Final = root_arn(ALICE_ACCOUNT)
BOB: Final = user_arn(BOB_ACCOUNT, "/", "admin")


class Installed(NamedTuple):
    """An installation with two accounts and a KMS key, on which Bob has a grant with a constraint."""

    directory: Path
    arn: str
    blob: str
    grant_id: str


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    directory = tmp_path_factory.mktemp("who-can") / "data"
    unsealed = made(directory)
    ensure_accounts(unsealed, [ALICE_ACCOUNT, BOB_ACCOUNT])
    admin = administrator_credential(ALICE_ACCOUNT)
    arn = ask(unsealed, admin, "CreateKey")[1]["KeyMetadata"]["Arn"]
    blob = ask(unsealed, admin, "Encrypt", {"KeyId": arn, "Plaintext": "AA=="})[1]["CiphertextBlob"]
    given = {"KeyId": arn, "GranteePrincipal": BOB, "Operations": ["Decrypt"]}
    grant = ask(unsealed, admin, "CreateGrant", {**given, "Constraints": {"EncryptionContextSubset": {"a": "b"}}})[1]
    return Installed(directory, arn, blob, grant["GrantId"])


def invoke(directory: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(who_can, [*map(str, arguments), "--data-dir", str(directory)])


def answered(directory: Path, *arguments: str | Path) -> Any:
    result = invoke(directory, *arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout)


def test_for_people(installed: Installed) -> None:
    """A line for each, in columns, and one for each condition."""
    result = invoke(installed.directory, "kms:Decrypt", installed.arn)
    assert (result.exit_code, result.stderr) == (0, "")
    of_key = "statement 1 (Enable IAM User Permissions) of the key policy, which names the account"
    width = len(ADMIN)
    assert result.stdout.splitlines() == [
        f"kms:Decrypt on {installed.arn}:",
        f"  {ROOT:<{width}}  {of_key}; the root user needs no IAM policy",
        f"  {ADMIN}  {of_key}; statement 1 of arn:aws:iam::aws:policy/AdministratorAccess",
        f"  {BOB:<{width}}  grant {installed.grant_id}",
        f'  {"":<{width}}    if grant {installed.grant_id}: {{"EncryptionContextSubset":{{"a":"b"}}}}',
    ]


def test_for_programs(installed: Installed) -> None:
    """A list of keys, each with its holders; the action as AWS writes it."""
    ((of_key),) = answered(installed.directory, "kms:Encrypt", installed.arn)
    assert (of_key["action"], of_key["key"], of_key["state"]) == ("kms:Encrypt", installed.arn, "Enabled")
    assert [(holder["principal"], holder["conditions"]) for holder in of_key["holders"]] == [(ROOT, []), (ADMIN, [])]


def test_who_can_decrypt_a_blob(installed: Installed, tmp_path: Path) -> None:
    """Whose key made it is told by its header; the file may hold its bytes or base64."""
    by_key = answered(installed.directory, "kms:Decrypt", installed.arn)
    (tmp_path / "bytes").write_bytes(b64decode(installed.blob))
    (tmp_path / "text").write_text(f"{installed.blob[:50]}\n{installed.blob[50:]}\n")
    altered = bytearray(b64decode(installed.blob))
    altered[-1] ^= 1  # what follows the header is not looked at
    (tmp_path / "altered").write_bytes(altered)
    for name in ("bytes", "text", "altered"):
        assert answered(installed.directory, "--blob", tmp_path / name) == by_key


def test_what_is_no_blob(installed: Installed, tmp_path: Path) -> None:
    """Exit code 1: text, another installation's, or one whose header was changed."""
    forged = bytearray(b64decode(installed.blob))
    forged[3] ^= 1
    for content in (b"", b"text", b"\xff" * 200, bytes(forged)):
        (tmp_path / "blob").write_bytes(content)
        result = invoke(installed.directory, "--blob", tmp_path / "blob")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.endswith("holds no ciphertext blob of this installation\n")


def test_nobody(installed: Installed) -> None:
    """A key whose policy lets nobody in, and that is disabled: both are said."""
    admin = administrator_credential(ALICE_ACCOUNT)
    unsealed = opened(installed.directory)
    arn = ask(unsealed, admin, "CreateKey")[1]["KeyMetadata"]["Arn"]
    ask(unsealed, admin, "CreateAlias", {"AliasName": "alias/closed", "TargetKeyId": arn.rpartition("/")[2]})
    ask(unsealed, admin, "DisableKey", {"KeyId": arn})
    policy = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"},
    }
    parameters = {"KeyId": arn, "Policy": json.dumps(policy), "BypassPolicyLockoutSafetyCheck": True}
    assert ask(unsealed, admin, "PutKeyPolicy", parameters)[0] == 200
    alias = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:alias/closed"
    result = invoke(installed.directory, "kms:Decrypt", alias)
    assert result.stdout == f"kms:Decrypt on {arn} (key state: Disabled):\n  nobody\n"


def test_what_cannot_be_answered(installed: Installed) -> None:
    """Exit code 1."""
    for arguments in (("kms:Decrpyt", installed.arn), ("kms:Decrypt", installed.arn + "x")):
        result = invoke(installed.directory, *arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("Error: there is no ")


def test_what_is_not_understood(installed: Installed, tmp_path: Path) -> None:
    """Exit code 2: too little, too much, or a permission that is asked for on no key."""
    (tmp_path / "blob").write_bytes(b"x")
    for arguments in (
        (),
        ("kms:Decrypt",),
        ("kms:Decrypt", installed.arn, "--blob", tmp_path / "blob"),
        ("kms:Decrypt", "--blob", tmp_path / "blob"),
        ("--blob", tmp_path / "nowhere"),
        ("kms:ListKeys", installed.arn),
    ):
        assert invoke(installed.directory, *arguments).exit_code == 2, arguments

"""`selfkms account`: accounts come into being, and root users get and lose their access keys."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from harness.assembled import answer, ask, gate_of, made, opened, signed
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT
from selfkms.bootstrap.assembly import Assembly
from selfkms.bootstrap.data_dir import DataDir
from selfkms.bootstrap.dev import ensure_accounts
from selfkms.cli.account import NAME_CHARACTERS_MAX, account
from selfkms.domain.secrets import Secret
from selfkms.services.iam.accounts import Credential

EXPORTS: Final = r"export AWS_ACCESS_KEY_ID=(AKIA[A-Z2-7]{16})\nexport AWS_SECRET_ACCESS_KEY=([A-Za-z0-9+/]{40})\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """An installation without accounts."""
    made(tmp_path / "data")
    return tmp_path / "data"


def invoke(directory: Path, *arguments: str) -> Result:
    return CliRunner().invoke(account, [*arguments, "--data-dir", str(directory)])


def done(directory: Path, *arguments: str) -> Any:
    """What it says to programs."""
    result = invoke(directory, *arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return json.loads(result.stdout)


def refused(directory: Path, *arguments: str) -> str:
    result = invoke(directory, *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    return result.stderr


def credential(shown: dict[str, str]) -> Credential:
    return Credential(shown["access_key_id"], Secret(shown["secret_access_key"].encode()))


def records(directory: Path) -> list[dict[str, Any]]:
    """The audit records that wait for the keeper."""
    database = Assembly(opened(directory)).database()
    try:
        return [json.loads(record.body) for _, record in database.audit_backlog(limit=100)]
    finally:
        database.close()


def test_an_account_is_made(directory: Path) -> None:
    """Its administrator's access key works, and the root user has none."""
    said = done(directory, "create", "--account", BOB_ACCOUNT, "--name", "Bob's")
    assert said.keys() == {"account", "name", "administrator"}
    status, content = ask(opened(directory), credential(said["administrator"]), "CreateKey")
    assert (status, content["KeyMetadata"]["AWSAccountId"]) == (200, BOB_ACCOUNT)
    (listed,) = done(directory, "list")
    assert re.fullmatch(r"20[0-9-]{8}T[0-9:]{8}Z", listed.pop("created"))
    assert listed == {"account": BOB_ACCOUNT, "name": "Bob's", "root_access_keys": []}


def test_what_people_read(directory: Path) -> None:
    """The lines of `init`, to be taken over by a shell; the list has a line for each account."""
    result = invoke(directory, "create", "--account", ALICE_ACCOUNT, "--root-key")
    assert re.fullmatch(
        f"# The first administrator. This is shown once:\n{EXPORTS}# The root user. This is shown once:\n{EXPORTS}",
        result.stdout,
    )
    invoke(directory, "create", "--account", BOB_ACCOUNT, "--name", "Bob")
    lines = invoke(directory, "list").stdout.splitlines()
    assert re.fullmatch(rf"{ALICE_ACCOUNT}  20\S+  root access keys: 1", lines[0])
    assert re.fullmatch(rf"{BOB_ACCOUNT}  20\S+  root access keys: 0  Bob", lines[1])
    assert re.fullmatch(
        f"# The root user. This is shown once:\n{EXPORTS}",
        invoke(directory, "root-key", "create", BOB_ACCOUNT).stdout,
    )
    assert re.fullmatch(r"deleted AKIA[A-Z2-7]{16}\n", invoke(directory, "root-key", "delete", BOB_ACCOUNT).stdout)


def test_a_secret_is_shown_once(directory: Path) -> None:
    """It stands in no file, and in no list."""
    said = done(directory, "create", "--account", ALICE_ACCOUNT, "--root-key")
    listed = invoke(directory, "list", "--json").stdout
    for holder in ("administrator", "root"):
        secret = said[holder]["secret_access_key"]
        assert secret not in listed
        for path in directory.rglob("*"):
            assert path.is_dir() or secret.encode() not in path.read_bytes()


def test_a_root_key_comes_and_goes(directory: Path) -> None:
    """Whoever is served sees it with the next request: it works as soon as it is there, and no longer."""
    done(directory, "create", "--account", ALICE_ACCOUNT)
    with gate_of(opened(directory)) as gate:
        root = credential(done(directory, "root-key", "create", ALICE_ACCOUNT)["root"])
        assert answer(gate, signed(root, "ListKeys", {}))[0] == 200
        deleted = done(directory, "root-key", "delete", ALICE_ACCOUNT)
        assert deleted == {"account": ALICE_ACCOUNT, "deleted": [root.access_key_id]}
        status, content = answer(gate, signed(root, "ListKeys", {}))
        assert (status, content["__type"]) == (400, "UnrecognizedClientException")


def test_no_more_root_keys_than_there_can_be(directory: Path) -> None:
    """Two, as for any user; all of them are deleted together."""
    done(directory, "create", "--account", ALICE_ACCOUNT, "--root-key")
    done(directory, "root-key", "create", ALICE_ACCOUNT)
    assert "has 2 access keys, which is as many as there can be" in refused(
        directory, "root-key", "create", ALICE_ACCOUNT
    )
    assert len(done(directory, "root-key", "delete", ALICE_ACCOUNT)["deleted"]) == 2
    none = invoke(directory, "root-key", "delete", ALICE_ACCOUNT)
    assert (none.exit_code, none.stdout) == (0, "")
    assert none.stderr == f"the root user of {ALICE_ACCOUNT} has no access key\n"


def test_the_audit_has_it(directory: Path) -> None:
    """Who made an account or a root key stands nowhere else."""
    done(directory, "create", "--account", ALICE_ACCOUNT)
    key_id = done(directory, "root-key", "create", ALICE_ACCOUNT)["root"]["access_key_id"]
    done(directory, "root-key", "delete", ALICE_ACCOUNT)
    found = records(directory)
    assert [(record["eventName"], record["serviceEventDetails"]) for record in found] == [
        ("CreateAccount", {"rootAccessKey": False}),
        ("CreateAccessKey", {"accessKeyId": key_id}),
        ("DeleteAccessKey", {"accessKeyId": key_id}),
    ]
    assert {record["userIdentity"]["invokedBy"] for record in found} == {"selfkms account"}
    assert {record["recipientAccountId"] for record in found} == {ALICE_ACCOUNT}


def test_what_is_refused(directory: Path) -> None:
    """An account that is there, one that is not; nothing is changed."""
    done(directory, "create", "--account", ALICE_ACCOUNT)
    assert "is there already" in refused(directory, "create", "--account", ALICE_ACCOUNT)
    for verb in ("create", "delete"):
        assert f"there is no account {BOB_ACCOUNT}" in refused(directory, "root-key", verb, BOB_ACCOUNT)
    assert len(done(directory, "list")) == 1
    assert len(records(directory)) == 1


def test_what_dev_made(directory: Path) -> None:
    """It has its own option for accounts, and clients' files that go with it; they may be listed."""
    DataDir(directory).dev_mark.touch()
    ensure_accounts(opened(directory), [ALICE_ACCOUNT])
    for arguments in (
        ("create", "--account", BOB_ACCOUNT),
        ("root-key", "create", ALICE_ACCOUNT),
        ("root-key", "delete", ALICE_ACCOUNT),
    ):
        assert "was made by `selfkms dev`" in refused(directory, *arguments)
    assert len(done(directory, "list")[0]["root_access_keys"]) == 1


def test_what_is_not_understood(directory: Path) -> None:
    """Exit code 2: no account ID, a name that is too long or moves the cursor."""
    for arguments in (
        ("create",),
        ("create", "--account", "12345"),
        ("create", "--account", ALICE_ACCOUNT, "--name", "x" * (NAME_CHARACTERS_MAX + 1)),
        ("create", "--account", ALICE_ACCOUNT, "--name", "a\nb"),
        ("root-key", "create"),
        ("root-key", "create", "me"),
        ("root-key",),
    ):
        assert invoke(directory, *arguments).exit_code == 2
    assert CliRunner().invoke(account, ["list", "--data-dir", "nowhere"]).exit_code == 2


def test_an_installation_that_does_not_open(tmp_path: Path) -> None:
    """Exit code 1."""
    assert "holds no installation" in refused(tmp_path, "list")

"""`selfkms explain`, `who-can` and `account` beside a running server: what they say is what clients see."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.commands import selfkms, started
from harness.server import ALICE_ACCOUNT, BOB_ACCOUNT, Server, credentials_of

ROOT: Final = f"arn:aws:iam::{ALICE_ACCOUNT}:root"
BOB_ROOT: Final = f"arn:aws:iam::{BOB_ACCOUNT}:root"
ADMIN: Final = f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"
BOB: Final = f"arn:aws:iam::{BOB_ACCOUNT}:user/admin"
CANARY: Final = b"canary of a plaintext"


def said(*arguments: str | Path) -> Any:
    """What a command says to programs."""
    done = selfkms(*arguments, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def refused(call: Any, **parameters: Any) -> tuple[str, str]:
    """The text and the request ID of an AccessDeniedException."""
    with pytest.raises(ClientError) as refusal:
        call(**parameters)
    answer = refusal.value.response
    assert answer["Error"]["Code"] == "AccessDeniedException"
    return answer["Error"]["Message"], answer["ResponseMetadata"]["RequestId"]


def may(call: Any, **parameters: Any) -> bool:
    """Whether a request is permitted."""
    try:
        call(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDeniedException":
            raise
        return False
    return True


def put_statement(alice: Any, key_id: str, statement: dict[str, Any]) -> None:
    """A statement more in a key policy."""
    policy = json.loads(alice.get_key_policy(KeyId=key_id)["Policy"])
    policy["Statement"].append(statement)
    alice.put_key_policy(KeyId=key_id, Policy=json.dumps(policy))


def test_a_refusal_is_explained_and_mended(server: Server, alice: Any, bob: Any) -> None:
    """By the ID of its answer; what is proposed, put into the key policy, lets the same request through."""
    arn = alice.create_key()["KeyMetadata"]["Arn"]
    text, request_id = refused(bob.encrypt, KeyId=arn, Plaintext=CANARY)
    answer = said("explain", request_id, "--data-dir", server.data_dir)
    (permission,) = answer["permissions"]
    assert (permission["principal"], permission["action"], permission["resource"]) == (BOB, "kms:Encrypt", arn)
    assert permission["text"] == text
    assert answer["answer"] == f"AccessDenied: {text}"
    in_key_policy = next(
        steps[0] for steps in permission["changes"] if [s["doing"] for s in steps] == ["allow-in-key-policy"]
    )
    put_statement(alice, arn, in_key_policy["statement"])
    assert may(bob.encrypt, KeyId=arn, Plaintext=CANARY)
    asked = ("--data-dir", server.data_dir, "--principal", BOB, "--action", "kms:Encrypt", "--key", arn)
    allowed = said("explain", *asked)
    assert allowed["allowed"] is True
    deny = next(steps[0] for steps in allowed["changes"] if steps[0]["doing"] == "deny-in-key-policy")
    put_statement(alice, arn, deny["statement"])
    assert not may(bob.encrypt, KeyId=arn, Plaintext=CANARY)


def test_a_grant_is_proposed_and_revoked(server: Server, alice: Any, bob: Any) -> None:
    """CreateGrant and RevokeGrant do what is said of them."""
    arn = alice.create_key()["KeyMetadata"]["Arn"]
    asked = ("--data-dir", server.data_dir, "--principal", BOB, "--action", "kms:Encrypt", "--key", arn)
    assert ["create-grant"] in [[s["doing"] for s in steps] for steps in said("explain", *asked)["changes"]]
    grant_id = alice.create_grant(KeyId=arn, GranteePrincipal=BOB, Operations=["Encrypt"])["GrantId"]
    assert may(bob.encrypt, KeyId=arn, Plaintext=CANARY)
    allowed = said("explain", *asked)
    assert allowed["decided_by"] == f"grant {grant_id}"
    assert allowed["changes"][0][0]["text"] == f"revoke grant {grant_id}"
    alice.revoke_grant(KeyId=arn, GrantId=grant_id)
    assert not may(bob.encrypt, KeyId=arn, Plaintext=CANARY)


@pytest.mark.parametrize(
    "principal", [ROOT, ADMIN, BOB_ROOT, BOB, [BOB_ROOT, ADMIN]], ids=["root", "admin", "bob's root", "bob", "two"]
)
def test_who_can_agrees_with_whoever_tries(server: Server, alice: Any, principal: str | list[str]) -> None:
    """Both administrators and both root users try; a context that is asked for is named."""
    arn = alice.create_key()["KeyMetadata"]["Arn"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:PutKeyPolicy", "Resource": "*"},
            {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "kms:Encrypt", "Resource": "*"},
            {
                "Effect": "Allow",
                "Principal": {"AWS": [ADMIN, BOB]},
                "Action": "kms:Encrypt",
                "Resource": "*",
                "Condition": {"StringEquals": {"kms:EncryptionContext:app": "web"}},
            },
        ],
    }
    alice.put_key_policy(KeyId=arn, Policy=json.dumps(policy))
    (found,) = said("who-can", "kms:Encrypt", arn, "--data-dir", server.data_dir)
    holders = {holder["principal"]: holder["conditions"] for holder in found["holders"]}
    profiles = {ROOT: f"{ALICE_ACCOUNT}-root", ADMIN: ALICE_ACCOUNT, BOB_ROOT: f"{BOB_ACCOUNT}-root", BOB: BOB_ACCOUNT}
    for who, profile in profiles.items():
        with closing(server.client(profile=profile)) as kms:
            without = may(kms.encrypt, KeyId=arn, Plaintext=CANARY)
            within = may(kms.encrypt, KeyId=arn, Plaintext=CANARY, EncryptionContext={"app": "web"})
        assert (without, within) == (holders.get(who) == [], who in holders), who


def test_who_can_decrypt_a_blob(server: Server, alice: Any, tmp_path: Path) -> None:
    """Without opening it."""
    arn = alice.create_key()["KeyMetadata"]["Arn"]
    (tmp_path / "blob").write_bytes(alice.encrypt(KeyId=arn, Plaintext=CANARY)["CiphertextBlob"])
    (found,) = said("who-can", "--blob", tmp_path / "blob", "--data-dir", server.data_dir)
    assert (found["action"], found["key"]) == ("kms:Decrypt", arn)
    assert [holder["principal"] for holder in found["holders"]] == [ROOT, ADMIN]


def test_nothing_secret_is_printed(server: Server, alice: Any, tmp_path: Path) -> None:
    """Neither a plaintext nor a secret access key, whatever is asked."""
    arn = alice.create_key()["KeyMetadata"]["Arn"]
    answer = alice.encrypt(KeyId=arn, Plaintext=CANARY, EncryptionContext={"app": "web"})
    (tmp_path / "blob").write_bytes(answer["CiphertextBlob"])
    place = ("--data-dir", server.data_dir)
    asked = ("--principal", ADMIN, "--action", "kms:Encrypt", "--key", arn)
    secrets = [CANARY.decode()] + [
        credentials_of(server.data_dir, profile)["aws_secret_access_key"]
        for profile in (ALICE_ACCOUNT, f"{ALICE_ACCOUNT}-root", BOB_ACCOUNT)
    ]
    for arguments in (
        ("explain", answer["ResponseMetadata"]["RequestId"], *place),
        ("explain", *asked, *place),
        ("who-can", "kms:Encrypt", arn, *place),
        ("who-can", "--blob", tmp_path / "blob", *place),
        ("account", "list", *place),
    ):
        done = selfkms(*arguments)
        assert done.returncode == 0, done.stderr
        assert not any(secret in done.stdout + done.stderr for secret in secrets)


@contextmanager
def client(endpoint: str, credential: dict[str, str]) -> Iterator[Any]:
    """AWS KMS with an access key as `selfkms account --json` shows it."""
    session = boto3.Session(
        aws_access_key_id=credential["access_key_id"],
        aws_secret_access_key=credential["secret_access_key"],
        region_name="us-east-1",
    )
    made = session.client("kms", endpoint_url=endpoint, config=Config(retries={"total_max_attempts": 1}))
    with closing(made):
        yield made


def test_accounts_are_made_beside_a_running_server(data_dir: Path, tmp_path: Path) -> None:
    """Every worker knows what was made with the next request, and no longer knows what was deleted."""
    assert selfkms("init", "--data-dir", data_dir, "--account", ALICE_ACCOUNT).returncode == 0
    (data_dir / "selfkms.toml").write_text("[server]\nport = 0\nworkers = 2\n")
    with started("serve", "--data-dir", data_dir, log=tmp_path / "log") as serving:
        made = said("account", "create", "--account", BOB_ACCOUNT, "--name", "Bob", "--data-dir", data_dir)
        for _ in range(4):  # connections go to one worker or the other
            with client(serving.endpoint, made["administrator"]) as kms:
                assert kms.create_key()["KeyMetadata"]["AWSAccountId"] == BOB_ACCOUNT
        root = said("account", "root-key", "create", BOB_ACCOUNT, "--data-dir", data_dir)["root"]
        for _ in range(4):
            with client(serving.endpoint, root) as kms:
                assert len(kms.list_keys()["Keys"]) == 4
        said("account", "root-key", "delete", BOB_ACCOUNT, "--data-dir", data_dir)
        for _ in range(4):
            with client(serving.endpoint, root) as kms, pytest.raises(ClientError) as refusal:
                kms.list_keys()
            assert refusal.value.response["Error"]["Code"] == "UnrecognizedClientException"
        listed = said("account", "list", "--data-dir", data_dir)
        assert [(entry["account"], entry["name"]) for entry in listed] == [(ALICE_ACCOUNT, ""), (BOB_ACCOUNT, "Bob")]
    assert said("trail", "verify", "--data-dir", data_dir)["damage"] is None

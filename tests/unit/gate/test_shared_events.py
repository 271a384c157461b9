"""A call on another account's key stands in the trails of both, if it succeeded."""

import json
from typing import Any

from harness.policies import allow, document, new_role, set_key_policy
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World, is_copy
from selfkms.domain.arns import role_arn

BOB = f"arn:aws:iam::{BOB_ACCOUNT}:root"
OWNER = f"arn:aws:iam::{ALICE_ACCOUNT}:root"


def shared_key(world: World) -> str:
    """The ARN of a key of Alice's that Bob's account may use."""
    key = world.make_key()
    set_key_policy(world, key["KeyId"], allow("kms:*", principal=[OWNER, BOB]))
    arn: str = key["Arn"]
    return arn


def copies(world: World) -> list[dict[str, Any]]:
    """Those of the last request that went to the journal."""
    assert world.last is not None
    return [json.loads(copy.body) for copy in world.last.copies]


def test_a_use_is_told_to_the_owner(world: World) -> None:
    """One request ID and one shared ID, an event ID of each own; of the caller the owner learns the account."""
    arn = shared_key(world)
    world.call("Encrypt", {"KeyId": arn, "Plaintext": "AA==", "EncryptionContext": {"a": "b"}}, by=BOB_ACCOUNT)
    record = world.record()
    (copy,) = copies(world)
    assert record["recipientAccountId"] == BOB_ACCOUNT
    assert copy["recipientAccountId"] == ALICE_ACCOUNT
    assert record["sharedEventID"] == copy["sharedEventID"]
    assert record["eventID"] != copy["eventID"]
    assert copy["userIdentity"] == {
        "type": "AWSAccount",
        "principalId": record["userIdentity"]["principalId"],
        "accountId": BOB_ACCOUNT,
    }
    own = {"userIdentity", "eventID", "recipientAccountId"}
    assert {name: value for name, value in copy.items() if name not in own} == {
        name: value for name, value in record.items() if name not in own
    }
    assert list(copy) == list(record)


def test_a_change_is_told_to_the_owner_in_the_same_commit(world: World) -> None:
    """CreateGrant is one of the changes that reach into another account."""
    arn = shared_key(world)
    world.call("CreateGrant", {"KeyId": arn, "GranteePrincipal": BOB, "Operations": ["Decrypt"]}, by=BOB_ACCOUNT)
    last = [record for record in world.committed_records() if record["eventName"] == "CreateGrant"]
    assert [is_copy(record) for record in last] == [False, True]
    assert len({record["sharedEventID"] for record in last}) == 1


def test_two_owners_have_a_copy_each(world: World) -> None:
    """ReEncrypt from one account to another by a third would be told to both; here one of the keys is the caller's."""
    arn = shared_key(world)
    mine = world.make_key(by=BOB_ACCOUNT)["KeyId"]
    blob = world.call("Encrypt", {"KeyId": mine, "Plaintext": "AA=="}, by=BOB_ACCOUNT)["CiphertextBlob"]
    world.call("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": arn}, by=BOB_ACCOUNT)
    assert [copy["recipientAccountId"] for copy in copies(world)] == [ALICE_ACCOUNT]


def test_what_was_refused_or_failed_is_the_callers_alone(world: World) -> None:
    """The owner hears nothing of it; and nothing of uses of the caller's own keys."""
    closed = world.make_key()["Arn"]
    world.refusal("Encrypt", {"KeyId": closed, "Plaintext": "AA=="}, by=BOB_ACCOUNT)
    assert not copies(world)
    arn = shared_key(world)
    world.call("DisableKey", {"KeyId": arn})
    world.refusal("Encrypt", {"KeyId": arn, "Plaintext": "AA=="}, by=BOB_ACCOUNT)
    assert not copies(world)
    assert "sharedEventID" not in world.record()
    world.call("DescribeKey", {"KeyId": arn})
    assert not copies(world)


def test_the_owner_of_a_role_sees_who_assumes_it(world: World) -> None:
    """That somebody of another account assumed a role stands in the audit of the role's account."""
    trust = document({"Effect": "Allow", "Principal": {"AWS": BOB}, "Action": "sts:AssumeRole"})
    new_role(world, "shared", trust)
    request = {"RoleArn": role_arn(ALICE_ACCOUNT, "/", "shared"), "RoleSessionName": "me"}
    world.sts("AssumeRole", request, by=BOB_ACCOUNT)
    assert world.last is not None
    assert len(world.last.copies) == 1


def test_of_re_encrypt_each_owner_has_what_is_of_its_key(world: World) -> None:
    """The key of the other half, its encryption context and its material are not for this owner."""
    arn = shared_key(world)
    mine = world.make_key(by=BOB_ACCOUNT)["KeyId"]
    context = {"EncryptionContext": {"of": "bob"}}
    blob = world.call("Encrypt", {"KeyId": mine, "Plaintext": "AA==", **context}, by=BOB_ACCOUNT)["CiphertextBlob"]
    parameters = {"CiphertextBlob": blob, "DestinationKeyId": arn, "SourceEncryptionContext": {"of": "bob"}}
    world.call("ReEncrypt", parameters, by=BOB_ACCOUNT)
    (copy,) = copies(world)
    assert [resource["ARN"] for resource in copy["resources"]] == [arn]
    assert copy["requestParameters"] is None
    assert "additionalEventData" not in copy
    assert "bob" not in json.dumps(copy)
    assert len(world.record()["resources"]) == 2

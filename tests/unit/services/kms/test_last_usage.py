"""GetKeyLastUsage through the gate.

Source: AWS KMS API Reference, "GetKeyLastUsage"; KMS developer guide, "Determine past usage of a KMS key".
"""

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.adapters.memory.event_history import MemoryEventHistory
from selfkms.ports.event_history import HistoryUnavailableError


def test_a_key_that_was_not_used(world: World) -> None:
    """An empty object; tracking began with the key."""
    world.call("ListKeys")
    world.clock.seconds += 7.5
    key = world.make_key()
    world.call("DescribeKey", {"KeyId": key["KeyId"]})
    assert world.call("GetKeyLastUsage", {"KeyId": key["KeyId"]}) == {
        "KeyId": key["KeyId"],
        "KeyLastUsage": {},
        "TrackingStartDate": key["CreationDate"],
        "KeyCreationDate": key["CreationDate"],
    }


@pytest.mark.parametrize("named_by", ["KeyId", "Arn"])
def test_a_key_that_was_used(world: World, named_by: str) -> None:
    """By what and when, and the IDs of that event and request; the key ID is the bare one."""
    key = world.make_key()
    world.call("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "AA=="})
    used = world.record()
    world.clock.seconds += 10
    world.call("GetPublicKey", {"KeyId": world.make_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyId"]})
    answer = world.call("GetKeyLastUsage", {"KeyId": key[named_by]})
    assert answer["KeyId"] == key["KeyId"]
    assert answer["KeyLastUsage"] == {
        "Operation": "Encrypt",
        "Timestamp": int(world.clock.now()) - 10,
        "CloudTrailEventId": used["eventID"],
        "KmsRequestId": used["requestID"],
    }


def test_what_failed_is_no_use(world: World) -> None:
    """Refused requests and dry runs leave it as it was."""
    key = world.make_key()
    world.refusal("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "AA==", "DryRun": True})
    world.refusal("Sign", {"KeyId": key["KeyId"], "Message": "AA==", "SigningAlgorithm": "ECDSA_SHA_256"})
    assert world.call("GetKeyLastUsage", {"KeyId": key["KeyId"]})["KeyLastUsage"] == {}


def test_re_encrypt_uses_both_keys(world: World) -> None:
    """The source and the destination."""
    first, second = world.make_key(), world.make_key()
    blob = world.call("Encrypt", {"KeyId": first["KeyId"], "Plaintext": "AA=="})["CiphertextBlob"]
    world.call("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": second["KeyId"]})
    for key in (first, second):
        usage = world.call("GetKeyLastUsage", {"KeyId": key["KeyId"]})["KeyLastUsage"]
        assert usage["Operation"] == "ReEncrypt"


def test_a_key_from_before_tracking_began(world: World) -> None:
    """Of the time before the first record nothing is known."""
    key = world.make_key()
    world.database.forget_audit([number for number, _ in world.database.audit_backlog(limit=10)])
    world.clock.seconds += 100
    world.call("ListKeys")
    answer = world.call("GetKeyLastUsage", {"KeyId": key["KeyId"]})
    assert answer["TrackingStartDate"] == key["CreationDate"] + 100
    assert answer["KeyLastUsage"] == {}


def test_what_names_no_key(world: World) -> None:
    """Aliases are not supported, and keys of other accounts are not there."""
    key = world.make_key()
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key["KeyId"]})
    assert world.refusal("GetKeyLastUsage", {"KeyId": "alias/a"}) == ("NotFoundException", "Invalid keyId 'alias/a'")
    assert world.refusal("GetKeyLastUsage", {"KeyId": key["Arn"]}, by=BOB_ACCOUNT)[0] == "AccessDeniedException"


def test_without_permission(world: World) -> None:
    """It is asked for on the key."""
    key = world.make_key()
    world.strip_of_policies(ALICE_ACCOUNT)
    code, text = world.refusal("GetKeyLastUsage", {"KeyId": key["KeyId"]})
    assert code == "AccessDeniedException"
    assert text is not None
    assert f"kms:GetKeyLastUsage on resource: {key['Arn']}" in text


def test_without_a_history(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure that clients repeat, not an empty answer."""
    key = world.make_key()

    def fail(*_: object) -> None:
        raise HistoryUnavailableError("locked")

    monkeypatch.setattr(MemoryEventHistory, "last_use", fail)
    assert world.refusal("GetKeyLastUsage", {"KeyId": key["KeyId"]})[0] == "DependencyTimeoutException"

"""What of an audit record is looked up, and what it says of KMS keys."""

import json
from typing import Any

import msgspec
import pytest

from harness.events import NOW, arn, event, event_id
from harness.related_keys import EAST, WEST, related
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World, loaded
from selfkms.domain.cloudtrail.history import TRACKED, Attribute, Lookup, RecordedEvent, recorded_event

ALIAS = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:alias/a"


def read(number: int, name: str = "Encrypt", *keys: str, **fields: Any) -> RecordedEvent:
    return recorded_event(event(number, name, *keys, **fields).body)


def by(**identity: Any) -> RecordedEvent:
    return read(1, userIdentity=identity)


def test_a_real_record_is_read() -> None:
    """What the gate writes is what the history reads."""
    world = World()
    key = world.make_key()
    world.call("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "AA=="})
    found = recorded_event(json.dumps(world.record()).encode())
    assert (found.event_name, found.event_source, found.aws_region) == ("Encrypt", "kms.amazonaws.com", REGION)
    assert (found.recipient_account_id, found.user_name, found.read_only) == (ALICE_ACCOUNT, "admin", True)
    assert found.at == int(world.clock.now())
    assert found.used_keys == (key["Arn"],)


@pytest.mark.parametrize("body", [b"", b"none", b"[]", b"{}", b'{"eventID":1}', b"\xff"])
def test_what_is_no_record(body: bytes) -> None:
    """It is refused, never half read."""
    with pytest.raises(msgspec.DecodeError):
        recorded_event(body)


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ({"type": "IAMUser", "userName": "bob", "principalId": "AIDA1"}, "bob"),
        ({"type": "Root", "principalId": ALICE_ACCOUNT, "accountId": ALICE_ACCOUNT}, "root"),
        ({"type": "AssumedRole", "principalId": "AROA1:session"}, "session"),
        ({"type": "FederatedUser", "principalId": f"{ALICE_ACCOUNT}:fred"}, "fred"),
        ({"type": "AssumedRole", "principalId": "AROA1"}, None),
        ({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}, None),
        ({"type": "AWSAccount", "principalId": "AIDA1", "accountId": BOB_ACCOUNT}, None),
        ({"accountId": ALICE_ACCOUNT, "invokedBy": "AWS Internal"}, None),
    ],
)
def test_user_names(identity: dict[str, str], name: str | None) -> None:
    """CloudTrail API Reference, "Event", Username: the user, the session, or `root`."""
    assert by(**identity).user_name == name


def test_attributes() -> None:
    """Everything that it can be looked up by, none twice; aliases and keys are resources of one type."""
    found = sorted(read(1, "Encrypt", arn(1), arn(2), arn(1), ALIAS).attributes())
    assert found == sorted(
        [
            (Attribute.EVENT_NAME, "Encrypt"),
            (Attribute.READ_ONLY, "true"),
            (Attribute.EVENT_SOURCE, "kms.amazonaws.com"),
            (Attribute.USERNAME, "admin"),
            (Attribute.ACCESS_KEY_ID, "AKIAADMIN00000000000"),
            (Attribute.RESOURCE_TYPE, "AWS::KMS::Key"),
            (Attribute.RESOURCE_NAME, arn(1)),
            (Attribute.RESOURCE_NAME, arn(2)),
            (Attribute.RESOURCE_NAME, ALIAS),
        ]
    )


def test_a_service_event_has_no_user() -> None:
    """It is found by what it is about."""
    own = read(1, "RotateKey", arn(1), userIdentity={"invokedBy": "AWS Internal"}, requestID=None)
    assert {attribute for attribute, _ in own.attributes()} == {
        Attribute.EVENT_NAME,
        Attribute.READ_ONLY,
        Attribute.EVENT_SOURCE,
        Attribute.RESOURCE_TYPE,
        Attribute.RESOURCE_NAME,
    }


def test_the_tracked_operations_are_the_models() -> None:
    """Those that GetKeyLastUsage can name."""
    shape = loaded("kms").shape_for("KeyLastUsageTrackingOperation")
    assert set(shape.enum) == TRACKED


@pytest.mark.parametrize("name", sorted(TRACKED))
def test_cryptographic_operations_are_uses(name: str) -> None:
    """Once they succeeded, of every key that they name and of no alias."""
    assert read(1, name, arn(1), arn(2), ALIAS).used_keys == (arn(1), arn(2))
    assert read(1, name, arn(1), errorCode="DryRunOperationException").used_keys == ()
    assert read(1, name, arn(1), eventSource="ec2.amazonaws.com").used_keys == ()


@pytest.mark.parametrize("name", ["DescribeKey", "GetPublicKey", "GenerateRandom", "CreateGrant", "RotateKey"])
def test_others_are_none(name: str) -> None:
    """KMS developer guide, "Tracked cryptographic operations"."""
    assert read(1, name, arn(1)).used_keys == ()


def test_requests_count_for_their_keys() -> None:
    """One about no key counts, too; what a service does by itself is no request."""
    assert read(1, "ReEncrypt", arn(1), arn(2)).counted_keys == (arn(1), arn(2))
    assert read(1, "ListKeys").counted_keys == ("",)
    assert read(1, "UpdateAlias", ALIAS).counted_keys == ("",)
    assert read(1, "RotateKey", arn(1), requestID=None).counted_keys == ()


def test_a_call_across_accounts_counts_once() -> None:
    """Of the two records of such a call that of the key's owner counts."""
    theirs = arn(1, account_id=BOB_ACCOUNT)
    assert read(1, "Decrypt", theirs, sharedEventID="1").used_keys == ()
    assert read(1, "Decrypt", theirs, sharedEventID="1", account_id=BOB_ACCOUNT).used_keys == (theirs,)
    assert read(1, "Decrypt", theirs).used_keys == (theirs,)


@pytest.mark.parametrize("name", ["CreateKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "DeleteKey"])
def test_the_life_of_a_key(name: str) -> None:
    """From its making to its end; what was refused did not happen."""
    assert read(1, name, arn(1)).happened_to_key() == (name, arn(1))
    assert read(1, name, arn(1), errorCode="AccessDenied").happened_to_key() is None
    assert read(1, name).happened_to_key() is None


def test_what_is_no_matter_of_fees() -> None:
    """AWS managed keys are free; other operations neither begin nor end a fee."""
    assert read(1, "CreateKey", arn(1), serviceEventDetails={"keyManager": "AWS"}).happened_to_key() is None
    assert read(1, "DisableKey", arn(1)).happened_to_key() is None


@pytest.mark.parametrize(
    ("lookup", "met"),
    [
        ({}, True),
        ({"account_id": BOB_ACCOUNT}, False),
        ({"region": "eu-west-1"}, False),
        ({"account_id": None, "region": None}, True),
        ({"since": NOW + 1.0}, True),
        ({"since": NOW + 1.5}, False),
        ({"until": NOW + 1.0}, True),
        ({"until": NOW + 0.5}, False),
        ({"attribute": Attribute.EVENT_ID, "value": event_id(1)}, True),
        ({"attribute": Attribute.EVENT_ID, "value": event_id(2)}, False),
        ({"attribute": Attribute.EVENT_NAME, "value": "Encrypt"}, True),
        ({"attribute": Attribute.EVENT_NAME, "value": "encrypt"}, False),
        ({"attribute": Attribute.RESOURCE_NAME, "value": "Encrypt"}, False),
    ],
)
def test_what_a_lookup_wants(lookup: dict[str, Any], met: bool) -> None:  # noqa: FBT001  a row of the table
    """Account, Region, time with both ends, and the attribute exactly."""
    wanted = Lookup(**{"account_id": ALICE_ACCOUNT, "region": REGION, **lookup})
    assert read(1).meets(wanted) is met
    assert not read(1, managementEvent=False).meets(wanted)


@pytest.mark.parametrize("name", ["ReplicateKey", "UpdatePrimaryRegion"])
def test_a_request_on_related_keys_counts_once(name: str) -> None:
    """What a request did in another Region is no further request, nor does its use stand with two keys."""
    world = World()
    key_id = related(world) if name == "ReplicateKey" else related(world, WEST)
    before = len(world.database.audit_backlog(limit=100))
    member = "ReplicaRegion" if name == "ReplicateKey" else "PrimaryRegion"
    world.call(name, {"KeyId": key_id, member: WEST}, region=EAST)
    records = [audit for _, audit in world.database.audit_backlog(limit=100)][before:]
    assert sum(len(recorded_event(audit.body).counted_keys) for audit in records) == 1

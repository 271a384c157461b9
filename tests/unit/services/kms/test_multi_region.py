"""ReplicateKey, UpdatePrimaryRegion, and what related keys share: through the gate, in several Regions."""

import json
from base64 import b64decode
from typing import Any, Final

import pytest

from harness.policies import allow, only
from harness.related_keys import (
    EAST,
    SOUTH,
    WEST,
    described_in,
    encrypted_in,
    opened_in,
    related,
    replicate,
    settle,
    state_in,
    stored_in,
)
from harness.world import ALICE_ACCOUNT, World
from selfkms.domain.limits import KEYS_PER_REGION_MAX
from selfkms.domain.records import Put

DAY: Final = 86_400.0
TAG: Final = {"TagKey": "a", "TagValue": "b"}
ALL: Final = (EAST, WEST, SOUTH)


@pytest.fixture
def world() -> World:
    return World()


def arn(region: str, key_id: str) -> str:
    return f"arn:aws:kms:{region}:{ALICE_ACCOUNT}:key/{key_id}"


def configuration(key_id: str, kind: str, primary: str, *replicas: str) -> dict[str, Any]:
    """MultiRegionConfiguration."""
    keys = [{"Arn": arn(region, key_id), "Region": region} for region in (primary, *replicas)]
    return {"MultiRegionKeyType": kind, "PrimaryKey": keys[0], "ReplicaKeys": keys[1:]}


def not_primary(region: str, key_id: str) -> tuple[str, str]:
    return "UnsupportedOperationException", f"{arn(region, key_id)} is not a multi-region primary key."


class TestCreateKey:
    """CreateKey with MultiRegion."""

    def test_a_primary_key(self, world: World) -> None:
        """Its ID says that it is one; it describes itself with an empty list of replica keys."""
        key = world.make_key(MultiRegion=True)
        key_id = key["KeyId"]
        assert key_id.startswith("mrk-")
        assert len(key_id) == 36
        assert key["MultiRegion"] is True
        assert key["MultiRegionConfiguration"] == configuration(key_id, "PRIMARY", EAST)
        assert described_in(world, EAST, key_id) == key
        assert "MultiRegionConfiguration" not in world.make_key()


class TestReplicateKey:
    """ReplicateKey."""

    def test_its_answer(self, world: World) -> None:
        """The replica key is Creating, not enabled, without CurrentKeyMaterialId, and lists itself."""
        key = world.make_key(MultiRegion=True, Description="of the primary key", Tags=[TAG])
        answer = replicate(world, key["KeyId"], WEST)
        metadata = answer["ReplicaKeyMetadata"]
        assert answer.keys() == {"ReplicaKeyMetadata", "ReplicaPolicy"}
        assert answer["ReplicaPolicy"] == world.call("GetKeyPolicy", {"KeyId": key["KeyId"]})["Policy"]
        assert metadata == {
            **{name: value for name, value in key.items() if name != "CurrentKeyMaterialId"},
            "Arn": arn(WEST, key["KeyId"]),
            "CreationDate": world.clock.now(),
            "Description": "",
            "Enabled": False,
            "KeyState": "Creating",
            "MultiRegionConfiguration": configuration(key["KeyId"], "REPLICA", EAST, WEST),
        }
        assert described_in(world, WEST, key["KeyId"]) == metadata

    def test_a_second_later(self, world: World) -> None:
        """Enabled, with the material of the primary key; before that it can be managed and not be used."""
        key_id = world.make_key(MultiRegion=True)["KeyId"]
        replicate(world, key_id, WEST)
        named = {"KeyId": key_id}
        refusal = world.refusal("Encrypt", {**named, "Plaintext": "AA=="}, region=WEST)
        assert refusal == ("KMSInvalidStateException", f"{arn(WEST, key_id)} is creating.")
        world.call("TagResource", {**named, "Tags": [TAG]}, region=WEST)
        world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key_id}, region=WEST)
        world.clock.seconds += 0.9
        assert world.upkeep.attend_due_keys() == 0
        world.clock.seconds += 0.1
        assert world.upkeep.attend_due_keys() == 1
        metadata = described_in(world, WEST, key_id)
        assert (metadata["KeyState"], metadata["Enabled"]) == ("Enabled", True)
        assert metadata["CurrentKeyMaterialId"] == described_in(world, EAST, key_id)["CurrentKeyMaterialId"]

    def test_what_is_its_own(self, world: World) -> None:
        """Description, tags and policy are those of the request; the answer has them."""
        key_id = world.make_key(MultiRegion=True)["KeyId"]
        policy = world.call("GetKeyPolicy", {"KeyId": key_id})["Policy"].replace("Enable", "enable")
        answer = replicate(world, key_id, WEST, Description="mine", Tags=[TAG], Policy=policy)
        assert answer["ReplicaTags"] == [TAG]
        assert answer["ReplicaPolicy"] == policy
        assert answer["ReplicaKeyMetadata"]["Description"] == "mine"
        assert world.call("ListResourceTags", {"KeyId": key_id}, region=WEST)["Tags"] == [TAG]
        assert world.call("ListResourceTags", {"KeyId": key_id})["Tags"] == []
        assert world.call("GetKeyPolicy", {"KeyId": key_id})["Policy"] != policy

    def test_every_related_key_describes_all(self, world: World) -> None:
        """The primary key, and the replica keys in the order in which they were made."""
        key_id = related(world, WEST, SOUTH)
        for region in ALL:
            kind = "PRIMARY" if region == EAST else "REPLICA"
            found = described_in(world, region, key_id)["MultiRegionConfiguration"]
            assert found == configuration(key_id, kind, EAST, WEST, SOUTH)

    @pytest.mark.parametrize("made_in", ALL)
    def test_what_one_region_encrypts_each_decrypts(self, world: World, made_in: str) -> None:
        """Also by what was made before the replica key was, and the answer names the key of the Region."""
        key_id = world.make_key(MultiRegion=True)["KeyId"]
        old = encrypted_in(world, EAST, key_id, b"old")
        world.call("RotateKeyOnDemand", {"KeyId": key_id})
        for region in (WEST, SOUTH):
            replicate(world, key_id, region)
        settle(world)
        blob = encrypted_in(world, made_in, key_id)
        for region in ALL:
            assert (opened_in(world, region, blob), opened_in(world, region, old)) == (b"text", b"old")
            assert world.call("Decrypt", {"CiphertextBlob": blob}, region=region)["KeyId"] == arn(region, key_id)
        elsewhere = world.refusal("Decrypt", {"CiphertextBlob": blob}, region="eu-west-2")
        assert elsewhere[0] == "AccessDeniedException"

    def test_keys_of_other_kinds(self, world: World) -> None:
        """One public key, and one MAC, in all Regions."""
        signing = related(world, WEST, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        mac = related(world, WEST, KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
        public_keys, macs = set(), set()
        for region in (EAST, WEST):
            public_keys.add(world.call("GetPublicKey", {"KeyId": signing}, region=region)["PublicKey"])
            parameters = {"KeyId": mac, "Message": "AA==", "MacAlgorithm": "HMAC_SHA_256"}
            macs.add(world.call("GenerateMac", parameters, region=region)["Mac"])
        assert (len(public_keys), len(macs)) == (1, 1)
        parameters = {"KeyId": signing, "Message": "AA==", "SigningAlgorithm": "ECDSA_SHA_256"}
        signature = world.call("Sign", parameters, region=WEST)["Signature"]
        assert world.call("Verify", {**parameters, "Signature": signature})["SignatureValid"] is True

    def test_material_is_wrapped_anew(self, world: World) -> None:
        """By the domain key of its own Region: handle and material ID stay, the bytes do not."""
        key_id = related(world, WEST)
        (east,), (west,) = (world.database.materials(ALICE_ACCOUNT, region, key_id) for region in (EAST, WEST))
        assert (east.handle, east.material_id) == (west.handle, west.material_id)
        assert east.wrapped != west.wrapped
        assert world.database.regions_with_domain_keys() == [WEST, EAST]

    @pytest.mark.parametrize(
        ("region", "code", "text"),
        [
            (EAST, "AlreadyExistsException", "You can create only one replica of each primary key in each AWS Region."),
            (WEST, "AlreadyExistsException", "You can create only one replica of each primary key in each AWS Region."),
            ("moon-east-1", "ValidationException", "Region moon-east-1 is not supported."),
        ],
    )
    def test_where_none_is_made(self, world: World, region: str, code: str, text: str) -> None:
        """Where one is, also while it is pending deletion, and where nothing is."""
        key_id = related(world, WEST)
        world.call("ScheduleKeyDeletion", {"KeyId": key_id}, region=WEST)
        assert world.refusal("ReplicateKey", {"KeyId": key_id, "ReplicaRegion": region}) == (code, text)

    def test_of_what_none_is_made(self, world: World) -> None:
        """Neither of a replica key nor of a single-Region key."""
        key_id, single = related(world, WEST), world.make_key()["KeyId"]
        parameters = {"ReplicaRegion": SOUTH}
        refusal = world.refusal("ReplicateKey", {"KeyId": key_id, **parameters}, region=WEST)
        assert refusal == not_primary(WEST, key_id)
        assert world.refusal("ReplicateKey", {"KeyId": single, **parameters}) == not_primary(EAST, single)

    def test_tags_and_policies_that_no_key_may_have(self, world: World) -> None:
        """As for CreateKey; nothing is left of it in either Region."""
        key_id = world.make_key(MultiRegion=True)["KeyId"]
        before = world.database.records.rows
        statement = {"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "kms:*", "Resource": "*"}
        locking_out = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        for parameters, code in (
            ({"Tags": [{"TagKey": "aws:a", "TagValue": ""}]}, "TagException"),
            ({"Policy": "no policy"}, "MalformedPolicyDocumentException"),
            ({"Policy": locking_out}, "MalformedPolicyDocumentException"),
        ):
            request = {"KeyId": key_id, "ReplicaRegion": WEST, **parameters}
            assert world.refusal("ReplicateKey", request)[0] == code
        assert world.database.records.rows == before
        answer = replicate(world, key_id, WEST, Policy=locking_out, BypassPolicyLockoutSafetyCheck=True)
        assert answer["ReplicaPolicy"] == locking_out

    def test_a_region_that_is_full(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """The limit is that of the Region of the replica key."""
        key_id = world.make_key(MultiRegion=True)["KeyId"]
        full = {WEST: KEYS_PER_REGION_MAX}
        monkeypatch.setattr(world.database, "key_count", lambda _account, region: full.get(region, 0))
        parameters = {"KeyId": key_id, "ReplicaRegion": WEST}
        assert world.refusal("ReplicateKey", parameters)[0] == "LimitExceededException"
        replicate(world, key_id, SOUTH)

    def test_permissions(self, world: World) -> None:
        """kms:ReplicateKey on the key, kms:CreateKey, and with tags kms:TagResource."""
        key_id = world.make_key(MultiRegion=True)["KeyId"]
        condition = {"StringEquals": {"kms:ReplicaRegion": WEST, "kms:MultiRegionKeyType": "PRIMARY"}}
        may_replicate = allow("kms:ReplicateKey", condition=condition)
        parameters = {"KeyId": key_id, "ReplicaRegion": WEST, "Tags": [TAG]}
        for statements, missing in (
            ([allow("kms:CreateKey"), allow("kms:TagResource")], "ReplicateKey"),
            ([may_replicate, allow("kms:TagResource")], "CreateKey"),
            ([may_replicate, allow("kms:CreateKey")], "TagResource"),
        ):
            only(world, *statements)
            code, text = world.refusal("ReplicateKey", parameters)
            assert code == "AccessDeniedException"
            assert text is not None
            assert f"not authorized to perform: kms:{missing} " in text
        only(world, may_replicate, allow("kms:CreateKey"), allow("kms:TagResource"))
        assert world.refusal("ReplicateKey", {**parameters, "ReplicaRegion": SOUTH})[0] == "AccessDeniedException"
        world.call("ReplicateKey", parameters)

    def test_two_records(self, world: World) -> None:
        """ReplicateKey where the primary key is, CreateKey where the replica key is, by the same caller."""
        key_id = world.make_key(MultiRegion=True)["KeyId"]
        before = len(world.committed_records())
        answer = replicate(world, key_id, WEST)
        here, there = world.committed_records()[before:]
        assert (here["eventName"], here["awsRegion"], here["readOnly"]) == ("ReplicateKey", EAST, False)
        assert here["requestParameters"] == {
            "keyId": key_id,
            "replicaRegion": WEST,
            "bypassPolicyLockoutSafetyCheck": False,
            "description": "",
        }
        assert here["responseElements"]["replicaPolicy"] == answer["ReplicaPolicy"]
        assert here["responseElements"]["replicaKeyMetadata"]["keyState"] == "Creating"
        assert (there["eventName"], there["awsRegion"], there["readOnly"]) == ("CreateKey", WEST, False)
        assert there["userIdentity"] == here["userIdentity"]
        assert [resource["ARN"] for resource in there["resources"]] == [arn(WEST, key_id)]


class TestUpdatePrimaryRegion:
    """UpdatePrimaryRegion."""

    def test_the_roles_change(self, world: World) -> None:
        """No output. Both keys are used all the while and not managed until they have settled."""
        key_id = related(world, WEST, SOUTH)
        blob = encrypted_in(world, EAST, key_id)
        assert world.call("UpdatePrimaryRegion", {"KeyId": key_id, "PrimaryRegion": WEST}) == {}
        assert [state_in(world, region, key_id) for region in ALL] == ["Updating", "Updating", "Enabled"]
        for region in ALL:
            assert opened_in(world, region, blob) == b"text"
        for region in (EAST, WEST):
            refusal = world.refusal("DisableKey", {"KeyId": key_id}, region=region)
            assert refusal == ("KMSInvalidStateException", f"{arn(region, key_id)} is updating.")
        settle(world)
        for region in ALL:
            kind = "PRIMARY" if region == WEST else "REPLICA"
            metadata = described_in(world, region, key_id)
            assert metadata["MultiRegionConfiguration"] == configuration(key_id, kind, WEST, EAST, SOUTH)
            assert metadata["KeyState"] == "Enabled"
        replicate(world, key_id, "eu-west-2", primary=WEST)

    def test_refusals(self, world: World) -> None:
        """From a key that is no primary key, to where it is, and to where no replica key is."""
        key_id, single = related(world, WEST), world.make_key()["KeyId"]

        def refusal(key: str, primary_region: str, region: str = EAST) -> tuple[str, str | None]:
            return world.refusal("UpdatePrimaryRegion", {"KeyId": key, "PrimaryRegion": primary_region}, region=region)

        assert refusal(key_id, EAST, WEST) == not_primary(WEST, key_id)
        assert refusal(single, WEST) == not_primary(EAST, single)
        assert refusal(key_id, EAST)[0] == "UnsupportedOperationException"
        assert refusal(key_id, SOUTH) == ("NotFoundException", f"Key '{arn(SOUTH, key_id)}' does not exist")

    def test_the_replica_key_must_be_enabled(self, world: World) -> None:
        """The text names it, and nothing changes."""
        key_id = related(world, WEST)
        parameters = {"KeyId": key_id, "PrimaryRegion": WEST}
        world.call("DisableKey", {"KeyId": key_id}, region=WEST)
        assert world.refusal("UpdatePrimaryRegion", parameters) == (
            "DisabledException",
            f"{arn(WEST, key_id)} is disabled.",
        )
        world.call("ScheduleKeyDeletion", {"KeyId": key_id}, region=WEST)
        assert world.refusal("UpdatePrimaryRegion", parameters)[0] == "KMSInvalidStateException"
        assert state_in(world, EAST, key_id) == "Enabled"

    def test_two_records(self, world: World) -> None:
        """One in each Region, each with the key there."""
        key_id = related(world, WEST)
        before = len(world.committed_records())
        world.call("UpdatePrimaryRegion", {"KeyId": key_id, "PrimaryRegion": WEST})
        for record, region in zip(world.committed_records()[before:], (EAST, WEST), strict=True):
            assert (record["eventName"], record["awsRegion"]) == ("UpdatePrimaryRegion", region)
            assert record["requestParameters"] == {"keyId": key_id, "primaryRegion": WEST}
            assert record["responseElements"] == {"keyId": arn(region, key_id)}


class TestRotation:
    """Automatic and on-demand rotation are the primary key's."""

    def test_the_setting_is_shared(self, world: World) -> None:
        """Set at the primary key, seen at the replica keys, and refused there."""
        key_id = related(world, WEST)
        named = {"KeyId": key_id}
        for operation in ("EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"):
            assert world.refusal(operation, named, region=WEST) == not_primary(WEST, key_id)
        world.call("EnableKeyRotation", {**named, "RotationPeriodInDays": 90})
        here, there = (world.call("GetKeyRotationStatus", named, region=region) for region in (EAST, WEST))
        assert there == {**here, "KeyId": arn(WEST, key_id)}
        assert there["RotationPeriodInDays"] == 90
        world.call("DisableKeyRotation", named)
        assert world.call("GetKeyRotationStatus", named, region=WEST)["KeyRotationEnabled"] is False

    @pytest.mark.parametrize("automatic", [True, False])
    def test_all_rotate_at_once(self, world: World, *, automatic: bool) -> None:
        """One material more, the same everywhere, also for a disabled replica key; one event each in the primary's."""
        key_id = related(world, WEST, SOUTH)
        old = encrypted_in(world, WEST, key_id, b"old")
        world.call("DisableKey", {"KeyId": key_id}, region=SOUTH)
        world.call("EnableKeyRotation", {"KeyId": key_id, "RotationPeriodInDays": 90})
        before = len(world.committed_records())
        if automatic:
            world.clock.seconds += 90 * DAY
            assert world.upkeep.attend_due_keys() == 1
        else:
            world.call("RotateKeyOnDemand", {"KeyId": key_id})
        names = {(record["eventName"], record["awsRegion"]) for record in world.committed_records()[before:]}
        assert names >= {("RotateKey", EAST), ("SynchronizeMultiRegionKey", EAST)}
        assert {region for _, region in names} == {EAST}
        records = [stored_in(world, region, key_id) for region in ALL]
        assert len({key.materials for key in records}) == 1
        assert len(records[0].materials) == 2
        assert len({key.next_rotation_at for key in records}) == 1
        world.call("EnableKey", {"KeyId": key_id}, region=SOUTH)
        new = encrypted_in(world, EAST, key_id, b"new")
        for region in ALL:
            assert (opened_in(world, region, old), opened_in(world, region, new)) == (b"old", b"new")

    def test_the_new_primary_key_goes_on(self, world: World) -> None:
        """The schedule moves with the role."""
        key_id = related(world, WEST)
        world.call("EnableKeyRotation", {"KeyId": key_id, "RotationPeriodInDays": 90})
        world.call("UpdatePrimaryRegion", {"KeyId": key_id, "PrimaryRegion": WEST})
        settle(world)
        world.clock.seconds += 90 * DAY
        assert world.upkeep.attend_due_keys() == 1
        assert len(stored_in(world, EAST, key_id).materials) == 2
        world.call("RotateKeyOnDemand", {"KeyId": key_id}, region=WEST)
        assert world.refusal("RotateKeyOnDemand", {"KeyId": key_id}) == not_primary(EAST, key_id)


def test_regions_are_set_apart(world: World) -> None:
    """Disabling, tagging and describing one related key leaves the others as they are."""
    key_id = related(world, WEST)
    world.call("DisableKey", {"KeyId": key_id}, region=WEST)
    world.call("UpdateKeyDescription", {"KeyId": key_id, "Description": "west"}, region=WEST)
    metadata = described_in(world, EAST, key_id)
    assert (metadata["KeyState"], metadata["Description"]) == ("Enabled", "")
    blob = encrypted_in(world, EAST, key_id)
    assert world.refusal("Decrypt", {"CiphertextBlob": blob}, region=WEST)[0] == "DisabledException"
    assert b64decode(blob)


def test_a_change_of_two_regions_gives_way_as_a_whole(world: World) -> None:
    """If the record of a replica key changed meanwhile, the rotation is decided again on what it is now."""
    key_id = related(world, WEST)
    west = stored_in(world, WEST, key_id)
    world.database.commit([Put(west.changed(description="changed"))])
    world.call("RotateKeyOnDemand", {"KeyId": key_id})
    after = stored_in(world, WEST, key_id)
    assert (after.description, len(after.materials)) == ("changed", 2)

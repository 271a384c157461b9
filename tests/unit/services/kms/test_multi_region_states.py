"""What becomes of related keys whose imported material comes and goes, and when one is deleted: through the gate."""

from typing import Any, Final

import pytest

from harness.importer import one_pair
from harness.related_keys import (
    EAST,
    SOUTH,
    WEST,
    described_in,
    encrypted_in,
    import_in,
    import_refusal,
    opened_in,
    related,
    replicate,
    settle,
    state_in,
    stored_in,
)
from harness.world import ALICE_ACCOUNT, World
from selfkms.crypto.rsa import RSAKeyPair

HOUR: Final = 3_600.0
DAY: Final = 86_400.0
FIRST: Final = b"1" * 32
SECOND: Final = b"2" * 32


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(RSAKeyPair, "generate", one_pair)
    return World()


def arn(region: str, key_id: str) -> str:
    return f"arn:aws:kms:{region}:{ALICE_ACCOUNT}:key/{key_id}"


def regions_of(metadata: dict[str, Any]) -> tuple[str, list[str]]:
    """Of the primary key and of the replica keys, as a KeyMetadata has them."""
    found = metadata["MultiRegionConfiguration"]
    return found["PrimaryKey"]["Region"], [entry["Region"] for entry in found["ReplicaKeys"]]


class TestImportedMaterial:
    """Origin EXTERNAL."""

    @pytest.fixture
    def key_id(self, world: World) -> str:
        """A primary key with FIRST and a replica key without."""
        key_id: str = world.make_key(MultiRegion=True, Origin="EXTERNAL")["KeyId"]
        import_in(world, EAST, key_id, FIRST)
        replicate(world, key_id, WEST)
        settle(world)
        return key_id

    def listed(self, world: World, region: str, key_id: str) -> list[tuple[str, str]]:
        parameters = {"KeyId": key_id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"}
        entries = world.call("ListKeyRotations", parameters, region=region)["Rotations"]
        return [(entry["KeyMaterialState"], entry["ImportState"]) for entry in entries]

    def test_a_replica_key_takes_the_primary_keys_material(self, world: World, key_id: str) -> None:
        """It is pending import until then, and takes no other."""
        blob = encrypted_in(world, EAST, key_id)
        assert state_in(world, WEST, key_id) == "PendingImport"
        pending = ("KMSInvalidStateException", f"{arn(WEST, key_id)} is pending import.")
        assert world.refusal("Decrypt", {"CiphertextBlob": blob}, region=WEST) == pending
        for parameters in ({}, {"ImportType": "NEW_KEY_MATERIAL"}, {"ImportType": "EXISTING_KEY_MATERIAL"}):
            assert import_refusal(world, WEST, key_id, SECOND, **parameters) == "IncorrectKeyMaterialException"
        answer = import_in(world, WEST, key_id, FIRST)
        assert answer["KeyMaterialId"] == described_in(world, EAST, key_id)["CurrentKeyMaterialId"]
        assert state_in(world, WEST, key_id) == "Enabled"
        assert opened_in(world, WEST, blob) == b"text"

    def test_each_region_loses_its_own(self, world: World, key_id: str) -> None:
        """DeleteImportedKeyMaterial in one Region leaves the others as they are."""
        import_in(world, WEST, key_id, FIRST)
        blob = encrypted_in(world, WEST, key_id)
        world.call("DeleteImportedKeyMaterial", {"KeyId": key_id})
        assert [state_in(world, region, key_id) for region in (EAST, WEST)] == ["PendingImport", "Enabled"]
        assert opened_in(world, WEST, blob) == b"text"

    def test_a_rotation_waits_for_all_regions(self, world: World, key_id: str) -> None:
        """New material is known everywhere at once, and rotates when it is everywhere."""
        import_in(world, WEST, key_id, FIRST)
        old = encrypted_in(world, EAST, key_id, b"old")
        import_in(world, EAST, key_id, SECOND, ImportType="NEW_KEY_MATERIAL")
        waits = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
        assert self.listed(world, EAST, key_id) == [(waits, "IMPORTED"), ("CURRENT", "IMPORTED")]
        assert self.listed(world, WEST, key_id) == [(waits, "PENDING_IMPORT"), ("CURRENT", "IMPORTED")]
        assert world.refusal("RotateKeyOnDemand", {"KeyId": key_id}) == (
            "KMSInvalidStateException",
            f"No available key material pending rotation for the key: {arn(EAST, key_id)}.",
        )
        import_in(world, WEST, key_id, SECOND)
        assert self.listed(world, WEST, key_id)[0] == ("PENDING_ROTATION", "IMPORTED")
        world.call("RotateKeyOnDemand", {"KeyId": key_id})
        new = encrypted_in(world, WEST, key_id, b"new")
        for region in (EAST, WEST):
            assert self.listed(world, region, key_id) == [("CURRENT", "IMPORTED"), ("NON_CURRENT", "IMPORTED")]
            assert (opened_in(world, region, old), opened_in(world, region, new)) == (b"old", b"new")

    @pytest.mark.parametrize("expiring", [True, False])
    def test_what_waits_goes_from_all_regions(self, world: World, key_id: str, *, expiring: bool) -> None:
        """When it is deleted or expires at the primary key; at a replica key it may come again."""
        import_in(world, WEST, key_id, FIRST)
        until = {"ValidTo": world.clock.now() + 100} | {"ExpirationModel": "KEY_MATERIAL_EXPIRES"} if expiring else {}
        answer = import_in(world, EAST, key_id, SECOND, ImportType="NEW_KEY_MATERIAL", **until)
        named = {"KeyId": key_id, "KeyMaterialId": answer["KeyMaterialId"]}
        import_in(world, WEST, key_id, SECOND)
        world.call("DeleteImportedKeyMaterial", named, region=WEST)
        assert self.listed(world, WEST, key_id)[0][1] == "PENDING_IMPORT"
        import_in(world, WEST, key_id, SECOND)
        if expiring:
            world.clock.seconds += 100
            assert world.upkeep.attend_due_keys() == 1
        else:
            world.call("DeleteImportedKeyMaterial", named)
        for region in (EAST, WEST):
            assert self.listed(world, region, key_id) == [("CURRENT", "IMPORTED")]
            assert len(world.database.materials(ALICE_ACCOUNT, region, key_id)) == 1
            assert state_in(world, region, key_id) == "Enabled"

    def test_expiry_while_the_primary_key_moves(self, world: World, key_id: str) -> None:
        """The key is pending import, and nothing makes it Enabled again but its material."""
        import_in(world, WEST, key_id, FIRST)
        until = {"ValidTo": world.clock.now() + 0.5, "ExpirationModel": "KEY_MATERIAL_EXPIRES"}
        import_in(world, EAST, key_id, FIRST, ImportType="EXISTING_KEY_MATERIAL", **until)
        world.call("UpdatePrimaryRegion", {"KeyId": key_id, "PrimaryRegion": WEST})
        world.clock.seconds += 0.5
        assert world.upkeep.attend_due_keys() == 1
        assert state_in(world, EAST, key_id) == "PendingImport"
        assert stored_in(world, EAST, key_id).settles_at is None
        settle(world)
        assert [state_in(world, region, key_id) for region in (EAST, WEST)] == ["PendingImport", "Enabled"]
        import_in(world, EAST, key_id, FIRST)
        assert state_in(world, EAST, key_id) == "Enabled"

    def test_the_first_material_comes_after_the_replica_key(self, world: World) -> None:
        """A primary key that has lost its material and another that is asymmetric: each material binds all Regions."""
        key_id = related(world, Origin="EXTERNAL", KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
        assert world.refusal("ReplicateKey", {"KeyId": key_id, "ReplicaRegion": WEST}) == (
            "KMSInvalidStateException",
            f"{arn(EAST, key_id)} is pending import.",
        )
        import_in(world, EAST, key_id, FIRST)
        replicate(world, key_id, WEST)
        settle(world)
        assert import_refusal(world, WEST, key_id, SECOND) == "IncorrectKeyMaterialException"
        import_in(world, WEST, key_id, FIRST)
        parameters = {"KeyId": key_id, "Message": "AA==", "MacAlgorithm": "HMAC_SHA_256"}
        assert len({world.call("GenerateMac", parameters, region=region)["Mac"] for region in (EAST, WEST)}) == 1


class TestDeletion:
    """ScheduleKeyDeletion and what follows."""

    def test_a_primary_key_waits(self, world: World) -> None:
        """Without a date until the last replica key is gone; then its window begins, and it goes."""
        key_id = related(world, WEST)
        named = {"KeyId": key_id, "PendingWindowInDays": 7}
        assert world.call("ScheduleKeyDeletion", named) == {
            "KeyId": arn(EAST, key_id),
            "KeyState": "PendingReplicaDeletion",
            "PendingWindowInDays": 7,
        }
        metadata = described_in(world, EAST, key_id)
        assert metadata["PendingDeletionWindowInDays"] == 7
        assert "DeletionDate" not in metadata
        refusal = world.refusal("Encrypt", {"KeyId": key_id, "Plaintext": "AA=="})
        assert refusal == ("KMSInvalidStateException", f"{arn(EAST, key_id)} is pending replica deletion.")
        world.clock.seconds += 400 * DAY
        assert world.upkeep.attend_due_keys() == 0
        assert "DeletionDate" in world.call("ScheduleKeyDeletion", named, region=WEST)
        world.clock.seconds += 7 * DAY
        assert world.upkeep.attend_due_keys() == 1
        metadata = described_in(world, EAST, key_id)
        assert metadata["KeyState"] == "PendingDeletion"
        assert metadata["DeletionDate"] == world.clock.now() + 7 * DAY
        assert "PendingDeletionWindowInDays" not in metadata
        assert regions_of(metadata) == (EAST, [])
        world.clock.seconds += 7 * DAY
        assert world.upkeep.attend_due_keys() == 1
        assert world.refusal("DescribeKey", {"KeyId": key_id})[0] == "NotFoundException"

    def test_it_may_be_taken_back(self, world: World) -> None:
        """Disabled afterwards, like any other."""
        key_id = related(world, WEST)
        world.call("ScheduleKeyDeletion", {"KeyId": key_id})
        world.call("CancelKeyDeletion", {"KeyId": key_id})
        metadata = described_in(world, EAST, key_id)
        assert metadata["KeyState"] == "Disabled"
        assert "PendingDeletionWindowInDays" not in metadata

    def test_a_replica_key_goes_alone(self, world: World) -> None:
        """With its aliases, grants and material; the others keep theirs, and may be replicated there again."""
        key_id = related(world, WEST, SOUTH)
        blob = encrypted_in(world, WEST, key_id)
        for region in (EAST, WEST):
            world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key_id}, region=region)
            grantee = {"GranteePrincipal": f"arn:aws:iam::{ALICE_ACCOUNT}:root", "Operations": ["Decrypt"]}
            world.call("CreateGrant", {"KeyId": key_id, **grantee}, region=region)
        world.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7}, region=WEST)
        world.clock.seconds += 7 * DAY
        assert world.upkeep.attend_due_keys() == 1
        assert world.database.materials(ALICE_ACCOUNT, WEST, key_id) == []
        assert world.call("ListAliases", region=WEST)["Aliases"] == []
        assert len(world.call("ListAliases")["Aliases"]) == len(world.call("ListGrants", {"KeyId": key_id})["Grants"])
        for region in (EAST, SOUTH):
            assert opened_in(world, region, blob) == b"text"
            assert regions_of(described_in(world, region, key_id)) == (EAST, [SOUTH])
        replicate(world, key_id, WEST)
        settle(world)
        assert opened_in(world, WEST, blob) == b"text"

    def test_while_it_is_created(self, world: World) -> None:
        """A replica key may be deleted before it can be used, and does not become Enabled meanwhile."""
        key_id = world.make_key(MultiRegion=True)["KeyId"]
        replicate(world, key_id, WEST)
        world.call("ScheduleKeyDeletion", {"KeyId": key_id}, region=WEST)
        settle(world)
        assert state_in(world, WEST, key_id) == "PendingDeletion"
        world.call("CancelKeyDeletion", {"KeyId": key_id}, region=WEST)
        assert state_in(world, WEST, key_id) == "Disabled"


def test_a_replica_key_settles_although_the_clock_was_put_right(world: World) -> None:
    """Nothing is lost when a transient state ends: it need not wait for both clocks."""
    key_id = related(world)
    world.clock.mature_seconds = world.clock.seconds - HOUR
    world.call("ReplicateKey", {"KeyId": key_id, "ReplicaRegion": WEST}, region=EAST)
    world.clock.seconds += 60
    world.clock.mature_seconds += 60
    world.upkeep.attend_due_keys()
    assert state_in(world, WEST, key_id) == "Enabled"


def test_a_key_can_be_disabled_although_the_clock_was_put_right(world: World) -> None:
    """A minute after UpdatePrimaryRegion a key can be disabled, in whatever order the clocks are."""
    key_id = related(world, WEST)
    world.clock.mature_seconds = world.clock.seconds - HOUR
    world.call("UpdatePrimaryRegion", {"KeyId": key_id, "PrimaryRegion": WEST}, region=EAST)
    world.clock.seconds += 60
    world.clock.mature_seconds += 60
    world.upkeep.attend_due_keys()
    world.call("DisableKey", {"KeyId": key_id}, region=EAST)
    assert state_in(world, EAST, key_id) == "Disabled"

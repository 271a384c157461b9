"""What falls due by itself: imported key material that expires."""

from base64 import b64encode

import pytest

from harness.importer import FIRST, SECOND, empty_key, encrypted, import_into, opens, state_of
from harness.troubled import TroubledDatabase, fail_with, in_turn
from harness.world import ALICE_ACCOUNT, REGION, World
from selfkms.adapters.software_keys.key_store import SoftwareKeyStore
from selfkms.domain.kms.keys import KeyMaterial
from selfkms.ports.database import DatabaseUnavailableError

DAY = 86_400.0
TEXT = b64encode(b"text").decode()


@pytest.fixture
def database() -> TroubledDatabase:
    return TroubledDatabase()


@pytest.fixture
def world(database: TroubledDatabase) -> World:
    return World(database=database)


def expiring(world: World, seconds: float = 10.0, **parameters: str) -> str:
    """The ID of a key whose material expires in so many seconds."""
    key_id: str = empty_key(world, **parameters)["KeyId"]
    import_into(world, key_id, FIRST, ValidTo=world.clock.now() + seconds)
    return key_id


def materials(world: World, key_id: str) -> list[KeyMaterial]:
    return world.database.materials(ALICE_ACCOUNT, REGION, key_id)


def test_at_its_moment_and_not_before(world: World) -> None:
    """The key is pending import, the material gone from its record; imported again it opens what it encrypted."""
    key_id = expiring(world)
    blob = encrypted(world, key_id)
    world.clock.seconds += 9.999
    assert world.upkeep.attend_due_keys() == 0
    world.clock.seconds += 0.001
    assert world.upkeep.attend_due_keys() == 1
    assert state_of(world, key_id) == "PendingImport"
    assert [material.wrapped for material in materials(world, key_id)] == [b""]
    assert world.database.compaction_due()
    assert world.upkeep.attend_due_keys() == 0
    import_into(world, key_id, FIRST)
    assert opens(world, blob)


def test_the_event(world: World) -> None:
    """DeleteExpiredKeyMaterial, as CloudTrail shows it."""
    key_id = expiring(world)
    world.clock.seconds += 10
    before = len(world.committed_records())
    world.upkeep.attend_due_keys()
    (event,) = world.committed_records()[before:]
    assert (event["eventName"], event["eventType"]) == ("DeleteExpiredKeyMaterial", "AwsServiceEvent")
    assert event["serviceEventDetails"] == {"keyId": key_id}
    assert (event["readOnly"], event["requestParameters"], event["responseElements"]) == (False, None, None)


def test_a_wall_clock_that_jumps_removes_nothing_early(world: World) -> None:
    """Removal waits for both clocks; use is refused by the one that is ahead."""
    key_id = expiring(world)
    world.clock.mature_seconds = world.clock.now()
    world.clock.seconds += 100
    assert world.upkeep.attend_due_keys() == 0
    assert world.refusal("Encrypt", {"KeyId": key_id, "Plaintext": TEXT})[0] == "KMSInvalidStateException"
    assert materials(world, key_id)[0].wrapped


def test_a_disabled_key_and_one_that_is_pending_deletion(world: World) -> None:
    """Material expires in any state; what is pending deletion stays so, and ends on its day."""
    disabled, ending = expiring(world), expiring(world)
    world.call("DisableKey", {"KeyId": disabled})
    world.call("ScheduleKeyDeletion", {"KeyId": ending, "PendingWindowInDays": 7})
    world.clock.seconds += 10
    assert world.upkeep.attend_due_keys() == 2
    assert (state_of(world, disabled), state_of(world, ending)) == ("PendingImport", "PendingDeletion")
    assert [material.wrapped for material in materials(world, ending)] == [b""]
    world.clock.seconds += 7 * DAY
    assert world.upkeep.attend_due_keys() == 1
    assert materials(world, ending) == []


def test_a_key_that_ends_before_its_material_expires(world: World) -> None:
    """It ends, once."""
    key_id = expiring(world, 100 * DAY)
    world.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7})
    world.clock.seconds += 200 * DAY
    assert world.upkeep.attend_due_keys() == 1
    assert world.refusal("DescribeKey", {"KeyId": key_id})[0] == "NotFoundException"


def test_several_materials(world: World) -> None:
    """All that expired go in one change, each with its event; what waits goes without leaving anything."""
    key_id = expiring(world)
    import_into(world, key_id, SECOND, ImportType="NEW_KEY_MATERIAL", ValidTo=world.clock.now() + 10)
    world.clock.seconds += 5
    world.call("RotateKeyOnDemand", {"KeyId": key_id})
    import_into(world, key_id, b"3" * 32, ImportType="NEW_KEY_MATERIAL", ValidTo=world.clock.now() + 1)
    world.clock.seconds += 1
    assert world.upkeep.attend_due_keys() == 1
    assert state_of(world, key_id) == "Enabled"
    assert len(materials(world, key_id)) == 2
    before = len(world.committed_records())
    world.clock.seconds += 10
    assert world.upkeep.attend_due_keys() == 1
    assert len(world.committed_records()) == before + 2
    assert [material.wrapped for material in materials(world, key_id)] == [b"", b""]


def test_destruction_comes_last(world: World, database: TroubledDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Material is destroyed when the change is committed, and not at all if it was not."""
    key_id = expiring(world)
    destroyed: list[tuple[str, bytes]] = []

    def destroy(_self: SoftwareKeyStore, gone: KeyMaterial) -> None:
        destroyed.append((gone.handle, materials(world, key_id)[0].wrapped))

    monkeypatch.setattr(SoftwareKeyStore, "destroy", destroy)
    world.clock.seconds += 10
    database.before_commit = in_turn(fail_with(DatabaseUnavailableError("not now")))
    with pytest.raises(DatabaseUnavailableError):
        world.upkeep.attend_due_keys()
    assert destroyed == []
    assert world.upkeep.attend_due_keys() == 1
    assert destroyed == [(materials(world, key_id)[0].handle, b"")]

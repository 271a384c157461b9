"""What falls due by itself: rotation. What a rotation is, and its event: `services/kms/test_rotation.py`."""

import pytest

from harness.troubled import TroubledDatabase, fail_with, in_turn
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.records import Put
from selfkms.ports.database import DatabaseUnavailableError

DAY = 86_400.0


@pytest.fixture
def database() -> TroubledDatabase:
    return TroubledDatabase()


@pytest.fixture
def world(database: TroubledDatabase) -> World:
    return World(database=database)


def stored(world: World, key_id: str) -> KMSKey:
    key = world.database.key(ALICE_ACCOUNT, REGION, key_id)
    assert key is not None
    return key


def rotating(world: World, *, by: str = ALICE_ACCOUNT, region: str = REGION) -> str:
    """The ID of a key that rotates every 90 days."""
    key_id: str = world.make_key(by=by, region=region)["KeyId"]
    parameters = {"KeyId": key_id, "RotationPeriodInDays": 90}
    world.call("EnableKeyRotation", parameters, by=by, region=region)
    return key_id


def handles(world: World, key_id: str) -> list[str]:
    """Which materials a key has, by its own record; each of them has a record too."""
    entries = [entry.handle for entry in stored(world, key_id).materials]
    assert sorted(entries) == sorted(m.handle for m in world.database.materials(ALICE_ACCOUNT, REGION, key_id))
    return entries


def test_of_every_account_and_region(world: World) -> None:
    """On its day and not a moment before, in one round with keys that end, each with its event."""
    rotating(world)
    rotating(world, by=BOB_ACCOUNT)
    rotating(world, region="eu-west-1")
    world.clock.seconds += 83 * DAY
    ending = world.make_key()["KeyId"]
    world.call("ScheduleKeyDeletion", {"KeyId": ending, "PendingWindowInDays": 7})
    world.clock.seconds += 7 * DAY - 0.5
    assert world.upkeep.attend_due_keys() == 0
    world.clock.seconds += 0.5
    before = len(world.committed_records())
    assert world.upkeep.attend_due_keys() == 4
    records = world.committed_records()[before:]
    assert sorted(record["eventName"] for record in records) == ["DeleteKey", *["RotateKey"] * 3]
    assert {(r["recipientAccountId"], r["awsRegion"]) for r in records if r["eventName"] == "RotateKey"} == {
        (ALICE_ACCOUNT, REGION),
        (BOB_ACCOUNT, REGION),
        (ALICE_ACCOUNT, "eu-west-1"),
    }
    assert world.upkeep.attend_due_keys() == 0


def test_a_disabled_key_keeps_its_cadence(world: World) -> None:
    """What it missed while it was disabled comes once, when it is enabled, and the next day is the old one's."""
    key_id = rotating(world)
    begun = world.clock.seconds
    world.call("DisableKey", {"KeyId": key_id})
    world.clock.seconds += 200 * DAY
    assert world.upkeep.attend_due_keys() == 0
    world.call("EnableKey", {"KeyId": key_id})
    assert world.upkeep.attend_due_keys() == 1
    assert world.upkeep.attend_due_keys() == 0
    assert len(handles(world, key_id)) == 2
    assert stored(world, key_id).next_rotation_at == begun + 270 * DAY


def test_a_key_that_is_pending_deletion_ends_and_does_not_rotate(world: World) -> None:
    """Its day passes within the window; taken back and enabled, it rotates."""
    ending, kept = rotating(world), rotating(world)
    world.clock.seconds += 89 * DAY
    for key_id in (ending, kept):
        world.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7})
    world.clock.seconds += 6 * DAY
    assert world.upkeep.attend_due_keys() == 0
    world.call("CancelKeyDeletion", {"KeyId": kept})
    world.clock.seconds += 1 * DAY
    assert world.upkeep.attend_due_keys() == 1
    assert [key["KeyId"] for key in world.call("ListKeys")["Keys"]] == [kept]
    assert len(handles(world, kept)) == 1
    world.call("EnableKey", {"KeyId": kept})
    assert world.upkeep.attend_due_keys() == 1
    assert len(handles(world, kept)) == 2


def test_a_key_that_changes_at_this_very_moment(world: World, database: TroubledDatabase) -> None:
    """Disabled meanwhile, it waits: the material of the rotation that came too late is not kept, and has no event."""
    key_id = rotating(world)
    disabled = stored(world, key_id).changed(state=KeyState.DISABLED)
    database.before_commit = in_turn(lambda: database.write(Put(disabled)))
    world.clock.seconds += 90 * DAY
    before = len(world.committed_records())
    assert world.upkeep.attend_due_keys() == 0
    assert (len(handles(world, key_id)), len(world.committed_records())) == (1, before)


def test_a_key_that_another_keeper_rotates(world: World, database: TroubledDatabase) -> None:
    """Rotates once, with one event."""
    key_id = rotating(world)
    world.clock.seconds += 90 * DAY
    before = len(world.committed_records())
    database.before_commit = in_turn(
        lambda: None if world.upkeep.attend_due_keys() == 1 else pytest.fail("not rotated")
    )
    assert world.upkeep.attend_due_keys() == 0
    assert (len(handles(world, key_id)), len(world.committed_records())) == (2, before + 1)


def test_a_database_that_does_not_answer(world: World, database: TroubledDatabase) -> None:
    """Nothing is rotated by half: the key works with what it has, and rotates in the next round."""
    key_id = rotating(world)
    world.clock.seconds += 90 * DAY
    database.before_commit = in_turn(fail_with(DatabaseUnavailableError("not now")))
    with pytest.raises(DatabaseUnavailableError):
        world.upkeep.attend_due_keys()
    assert len(handles(world, key_id)) == 1
    world.call("Encrypt", {"KeyId": key_id, "Plaintext": "AA=="})
    assert world.upkeep.attend_due_keys() == 1
    assert len(handles(world, key_id)) == 2

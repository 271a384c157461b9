"""Reading and writing related keys together: what is missing is never passed over."""

import pytest

from harness.related_keys import EAST, SOUTH, WEST, related, stored_in
from harness.world import ALICE_ACCOUNT, World
from selfkms.adapters.memory.database import MemoryDatabase, MemoryRecords
from selfkms.adapters.sql.warm import WarmDatabase
from selfkms.domain.iam.callers import Caller
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.records import Put, Remove
from selfkms.gate.upkeep import Upkeep
from selfkms.ports.database import ConflictError
from selfkms.services.context import Context
from selfkms.services.kms.related_keys import related_keys, synchronize


@pytest.fixture
def world() -> World:
    return World()


def context_of(world: World, key: KMSKey) -> Context:
    return Context(
        caller=Caller.root(key.account_id, ""),
        region=key.region,
        now=world.clock.now(),
        database=world.database,
        key_store=world.key_store,
        entropy=world.entropy,
        keys=world.keys,
    )


def test_all_others_are_found(world: World) -> None:
    """The primary key first, and never the key itself; a single-Region key has none."""
    key_id = related(world, WEST, SOUTH)
    for region, others in ((EAST, [WEST, SOUTH]), (WEST, [EAST, SOUTH]), (SOUTH, [EAST, WEST])):
        key = stored_in(world, region, key_id)
        assert [other.region for other in related_keys(key, context_of(world, key))] == others
    single = stored_in(world, EAST, world.make_key()["KeyId"])
    assert related_keys(single, context_of(world, single)) == []


def test_one_that_is_missing_fails_what_needs_it(world: World) -> None:
    """A rotation does not leave a Region behind: it fails, and nothing changes."""
    key_id = related(world, WEST)
    world.database.commit([Remove(stored_in(world, WEST, key_id))])
    key = stored_in(world, EAST, key_id)
    with pytest.raises(ConflictError):
        related_keys(key, context_of(world, key))
    assert world.refusal("RotateKeyOnDemand", {"KeyId": key_id})[0] == "DependencyTimeoutException"
    assert stored_in(world, EAST, key_id) == key


def test_a_key_alone_synchronizes_nothing(world: World) -> None:
    """No change and no event."""
    key_id = related(world)
    key = stored_in(world, EAST, key_id)
    context = context_of(world, key)
    synchronize(key, context)
    assert (context.changes, context.events) == ([], [])


def test_what_is_shared_is_written_once_for_each_replica_key(world: World) -> None:
    """With one event, in the Region of the primary key."""
    key_id = related(world, WEST, SOUTH)
    key = stored_in(world, EAST, key_id).changed(rotation_period_days=90, next_rotation_at=5.0)
    context = context_of(world, key)
    synchronize(key, context)
    expected = [
        stored_in(world, region, key_id).changed(rotation_period_days=90, next_rotation_at=5.0)
        for region in (WEST, SOUTH)
    ]
    assert context.changes == [Put(record) for record in expected]
    assert len(context.events) == 1


class AllIsNew:
    """The news of a warm database: anything may have changed, if anything was committed."""

    def __init__(self, records: MemoryRecords) -> None:
        self.records, self.seen = records, records.rows

    def touched(self) -> list[tuple[str, ...]] | None:
        before, self.seen = self.seen, self.records.rows
        return [] if before is self.seen else None

    def close(self) -> None:
        pass


def test_a_rotation_while_a_replica_key_ends_is_decided_again() -> None:
    """A view that is older than a change elsewhere is a conflict, not an internal failure."""
    cold = MemoryDatabase()
    warm = WarmDatabase(cold, AllIsNew(cold.records))
    world = World(database=warm)  # type: ignore[arg-type]  # any database does
    world.upkeep = Upkeep(
        database=cold, key_store=world.key_store, keys=world.keys, clock=world.clock, entropy=world.entropy
    )
    key_id = related(world, WEST)
    world.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7}, region=WEST)
    world.clock.seconds += 8 * 86_400.0
    request = world.request("RotateKeyOnDemand", {"KeyId": key_id})
    world.gate.begin_turn()
    warm.key(ALICE_ACCOUNT, EAST, key_id)
    world.upkeep.attend_due_keys()
    assert world.gate.handle(request).response.status == 200

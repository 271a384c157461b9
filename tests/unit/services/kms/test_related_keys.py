"""Reading and writing related keys together: what is missing is never passed over."""

import pytest

from harness.related_keys import EAST, SOUTH, WEST, related, stored_in
from harness.world import World
from selfkms.domain.iam.callers import Caller
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.records import Put, Remove
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

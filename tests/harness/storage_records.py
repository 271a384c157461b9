"""Snapshots and volumes that are simply there, without requests that make them."""

from itertools import count
from typing import Any, Final

from harness.world import ALICE_ACCOUNT, REGION, World
from selfkms.domain.ebs.blocks import BlockMap
from selfkms.domain.ebs.storage import DataKey, Snapshot, SnapshotState, Volume, VolumeState
from selfkms.domain.records import Put

_NUMBERS: Final = count(1)


def block_map(blocks: int) -> BlockMap:
    """A block map that says how many there are."""
    return BlockMap(lineage="lineage", map_id="map", pack="pack", sha256="", count=blocks, packs=("pack",))


def data_key(key_arn: str) -> DataKey:
    """A data key that nobody opens."""
    return DataKey(wrapped=b"blob", key_arn=key_arn, context_id="snap-1")


def put_snapshot(world: World, **fields: Any) -> str:
    """The ID of a completed snapshot of Alice's, unless the fields say otherwise."""
    number = next(_NUMBERS)
    known = {
        "account_id": ALICE_ACCOUNT,
        "region": REGION,
        "size_gib": 1,
        "created_at": world.clock.now(),
        "lineage": f"lineage-{number}",
        "snapshot_id": f"snap-{number:017x}",
        "state": SnapshotState.COMPLETED,
    }
    snapshot = Snapshot(**{**known, **fields})
    world.database.commit([Put(snapshot)])
    return snapshot.snapshot_id


def put_volume(world: World, **fields: Any) -> str:
    """The ID of an available volume of Alice's, unless the fields say otherwise."""
    number = next(_NUMBERS)
    known = {
        "account_id": ALICE_ACCOUNT,
        "region": REGION,
        "size_gib": 1,
        "created_at": world.clock.now(),
        "lineage": f"lineage-{number}",
        "volume_id": f"vol-{number:017x}",
        "zone": f"{REGION}a",
        "state": VolumeState.AVAILABLE,
    }
    volume = Volume(**{**known, **fields})
    world.database.commit([Put(volume)])
    return volume.volume_id


def stored_snapshot(world: World, snapshot_id: str, region: str = REGION) -> Snapshot | None:
    """Its record as it is now."""
    world.database.refresh()
    return world.database.snapshot_of_anybody(region, snapshot_id)

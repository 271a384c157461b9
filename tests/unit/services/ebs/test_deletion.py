"""DeleteSnapshot, DeleteVolume: what is gone, and what is left to be swept."""

from typing import Any

import pytest

from harness.snapshots import SnapshotWorld
from harness.storage_records import block_map, put_snapshot, put_volume, stored_snapshot
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION
from selfkms.domain.ebs.storage import Copy, DataKey, Failing, KeyUse, SnapshotState, Sweep

NEVER_THERE = "snap-fffffffffffffffff"
GRANTS = (KeyUse(key_arn="arn", grant_id="grant"),)


@pytest.fixture
def world() -> SnapshotWorld:
    return SnapshotWorld()


def swept(world: SnapshotWorld) -> set[tuple[str, str, tuple[KeyUse, ...]]]:
    found: list[Sweep] = world.database.sweeps(limit=100)
    assert {sweep.region for sweep in found} <= {REGION}
    return {(sweep.lineage, sweep.resource_id, sweep.grants) for sweep in found}


def copy(source_lineage: str = "source", **fields: Any) -> Copy:
    return Copy(source=block_map(1), source_key=DataKey(wrapped=b""), source_lineage=source_lineage, **fields)


def test_a_snapshot_is_gone_for_everybody(world: SnapshotWorld) -> None:
    """With its shares; its blocks are left to the sweep."""
    snapshot_id = put_snapshot(world, lineage="lineage-x")
    world.compute(
        "ModifySnapshotAttribute",
        SnapshotId=snapshot_id,
        CreateVolumePermission={"Add": [{"UserId": BOB_ACCOUNT}, {"Group": "all"}]},
    )
    assert world.compute("DeleteSnapshot", SnapshotId=snapshot_id) == {}
    assert stored_snapshot(world, snapshot_id) is None
    for with_whom in (BOB_ACCOUNT, "all"):
        assert world.database.snapshot_shares(with_whom, REGION, after="", limit=10) == []
    assert swept(world) == {("lineage-x", snapshot_id, ())}
    assert world.compute("DescribeSnapshots", by=BOB_ACCOUNT)["Snapshots"] == []
    code, text = world.compute_refusal("DeleteSnapshot", SnapshotId=snapshot_id)
    assert (code, text) == ("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")


def test_a_copy_under_way_has_grants_and_a_source(world: SnapshotWorld) -> None:
    """What it was copied from may have stayed for this copy alone."""
    snapshot_id = put_snapshot(world, state=SnapshotState.PENDING, lineage="new", work=copy(grants=GRANTS))
    world.compute("DeleteSnapshot", SnapshotId=snapshot_id)
    assert swept(world) == {("new", snapshot_id, GRANTS), ("source", snapshot_id, ())}


def test_a_source_of_the_same_lineage_is_swept_once(world: SnapshotWorld) -> None:
    """Two sweeps of one name could not be."""
    snapshot_id = put_snapshot(world, state=SnapshotState.PENDING, lineage="source", work=copy())
    world.compute("DeleteSnapshot", SnapshotId=snapshot_id)
    assert swept(world) == {("source", snapshot_id, ())}


def test_grants_of_what_fails_are_not_forgotten(world: SnapshotWorld) -> None:
    """They were made before it was known."""
    snapshot_id = put_snapshot(world, state=SnapshotState.PENDING, lineage="new", work=Failing("no", grants=GRANTS))
    world.compute("DeleteSnapshot", SnapshotId=snapshot_id)
    assert swept(world) == {("new", snapshot_id, GRANTS)}


def test_only_the_owner_deletes(world: SnapshotWorld) -> None:
    """For all others it is not there, though it is shared with them."""
    snapshot_id = put_snapshot(world)
    world.compute("ModifySnapshotAttribute", SnapshotId=snapshot_id, CreateVolumePermission={"Add": [{"Group": "all"}]})
    for named in (snapshot_id, NEVER_THERE):
        code, _ = world.compute_refusal("DeleteSnapshot", by=BOB_ACCOUNT, SnapshotId=named)
        assert code == "InvalidSnapshot.NotFound"
    assert stored_snapshot(world, snapshot_id) is not None


def test_a_volume(world: SnapshotWorld) -> None:
    """Snapshots of it stay."""
    volume_id = put_volume(world, lineage="lineage-x")
    snapshot_id = put_snapshot(world, lineage="lineage-x", volume_id=volume_id)
    assert world.compute("DeleteVolume", VolumeId=volume_id) == {}
    assert world.database.volume(ALICE_ACCOUNT, REGION, volume_id) is None
    assert stored_snapshot(world, snapshot_id) is not None
    assert swept(world) == {("lineage-x", volume_id, ())}
    code, text = world.compute_refusal("DeleteVolume", VolumeId=volume_id)
    assert (code, text) == ("InvalidVolume.NotFound", f"The volume '{volume_id}' does not exist.")


def test_records(world: SnapshotWorld) -> None:
    """What CloudTrail says."""
    snapshot_id, volume_id = put_snapshot(world), put_volume(world)
    world.compute("DeleteSnapshot", SnapshotId=snapshot_id)
    record = world.record()
    assert record["requestParameters"] == {"snapshotId": snapshot_id, "force": False}
    assert record["responseElements"] == {"requestId": record["requestID"], "_return": True}
    world.compute("DeleteVolume", VolumeId=volume_id)
    record = world.record()
    assert record["requestParameters"] == {"volumeId": volume_id}
    assert record["responseElements"] == {"requestId": record["requestID"], "_return": True}


def test_a_dry_run_deletes_nothing(world: SnapshotWorld) -> None:
    """It says only that it would be permitted."""
    snapshot_id = put_snapshot(world)
    code, _ = world.compute_refusal("DeleteSnapshot", SnapshotId=snapshot_id, DryRun=True)
    assert code == "DryRunOperation"
    assert stored_snapshot(world, snapshot_id) is not None

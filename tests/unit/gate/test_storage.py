"""The rounds of the keeper for snapshots: nothing that is wrong with one holds up another."""

from typing import Any

import pytest

from harness.snapshots import SnapshotWorld, block
from harness.world import ALICE_ACCOUNT
from selfkms.domain.ebs.storage import Snapshot, Sweep
from selfkms.domain.records import Put
from selfkms.gate import storage
from selfkms.ports.block_store import BlockStoreUnavailableError
from selfkms.ports.database import ConflictError, CorruptRecordError
from selfkms.services.ebs import work
from selfkms.services.ebs.work import StorageWork

HERE = "us-east-1"


@pytest.fixture
def world() -> SnapshotWorld:
    return SnapshotWorld()


def completing(world: SnapshotWorld) -> str:
    snapshot_id: str = world.direct("StartSnapshot", VolumeSize=1)["SnapshotId"]
    world.put(snapshot_id, 0, block(1))
    world.direct("CompleteSnapshot", SnapshotId=snapshot_id, ChangedBlocksCount=1)
    return snapshot_id


@pytest.mark.parametrize("error", [ConflictError("changed"), CorruptRecordError("damaged"), KeyError("unforeseen")])
def test_one_that_cannot_be_attended_to(
    world: SnapshotWorld, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Waits for the next round, and the others do not."""
    first_id, second_id = completing(world), completing(world)
    attend = StorageWork.attend

    def failing(self: StorageWork, storage: Any) -> bool:
        if storage.resource_id == first_id:
            raise error
        return attend(self, storage)

    with monkeypatch.context() as patched:
        patched.setattr(StorageWork, "attend", failing)
        world.keep()
    assert (world.state_of(first_id), world.state_of(second_id)) == ("pending", "completed")
    world.keep()
    assert world.state_of(first_id) == "completed"


def test_a_full_disk_does_not_keep_what_is_gone(world: SnapshotWorld) -> None:
    """A copy that finds no room comes first, and what would make room is taken away all the same."""
    source_id, gone_id = world.uploaded({0: block(1)}), world.uploaded({0: block(2)})
    gone = world.database.snapshot(ALICE_ACCOUNT, HERE, gone_id)
    assert gone is not None
    world.compute("CopySnapshot", SourceRegion=HERE, SourceSnapshotId=source_id)
    world.compute("DeleteSnapshot", SnapshotId=gone_id)
    world.blocks.full = True
    with pytest.raises(BlockStoreUnavailableError):
        world.storage_keeper.attend()
    assert world.blocks.written(gone.lineage, gone_id) == 0
    assert world.database.sweeps(limit=9) == []


def test_a_full_disk_ends_the_round(world: SnapshotWorld) -> None:
    """What was not written is tried again."""
    copy = {"SourceRegion": HERE, "SourceSnapshotId": world.uploaded({0: block(1)})}
    copy_id = world.compute("CopySnapshot", **copy)["SnapshotId"]
    world.blocks.full = True
    with pytest.raises(BlockStoreUnavailableError):
        world.storage_keeper.attend()
    world.blocks.full = False
    world.keep()
    assert world.state_of(copy_id) == "completed"


def test_more_copies_than_a_round_has_room_for(world: SnapshotWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """None waits until those before it are through."""
    monkeypatch.setattr(storage, "_AT_ONCE", 2)
    monkeypatch.setattr(work, "BLOCKS_AT_ONCE", 1)
    source_id = world.uploaded({index: block(index) for index in range(9)})
    copy = {"SourceRegion": HERE, "SourceSnapshotId": source_id}
    copies = [world.compute("CopySnapshot", **copy)["SnapshotId"] for _ in range(5)]
    for _ in range(3):
        world.clock.seconds += 1
        assert world.storage_keeper.attend()
    for copy_id in copies:
        found = world.database.snapshot(ALICE_ACCOUNT, HERE, copy_id)
        assert found is not None
        assert world.blocks.written(found.lineage, found.pack) in (1, 2)
    world.keep()
    assert {world.state_of(copy_id) for copy_id in copies} == {"completed"}


def test_nothing_is_due(world: SnapshotWorld) -> None:
    """Then nothing is done."""
    snapshot_id = world.uploaded({0: block(1)})
    before = world.database.snapshot(ALICE_ACCOUNT, HERE, snapshot_id)
    assert not world.storage_keeper.attend()
    assert world.database.snapshot(ALICE_ACCOUNT, HERE, snapshot_id) == before


def test_what_is_gone_is_tidied_up(world: SnapshotWorld) -> None:
    """Once."""
    snapshot = Snapshot(
        account_id=ALICE_ACCOUNT, region=HERE, snapshot_id="snap-1", size_gib=1, created_at=1.0, lineage="a"
    )
    world.database.commit([Put(Sweep(lineage=snapshot.lineage, resource_id="snap-1", region=HERE))])
    world.keep()
    assert world.database.sweeps(limit=9) == []

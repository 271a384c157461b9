"""What the keeper does: uploads that nobody ends, copies that are interrupted or refused, what is gone."""

import pytest

from harness.snapshots import SnapshotWorld, block
from harness.world import ALICE_ACCOUNT
from selfkms.domain.ebs.storage import Snapshot, Sweep
from selfkms.domain.kms.errors import KeyUnavailableException
from selfkms.domain.records import Put, Remove
from selfkms.domain.secrets import Secret
from selfkms.ports.block_store import BlockCorruptError, Progress
from selfkms.services.ebs import work
from selfkms.services.ebs.work import Storage

BLOCKS = {index: block(index) for index in (0, 3, 2_047)}
HERE = "us-east-1"
NOT_ACCESSIBLE = "error: Given key ID is not accessible"


@pytest.fixture
def world() -> SnapshotWorld:
    return SnapshotWorld()


@pytest.fixture
def key(world: SnapshotWorld) -> str:
    arn: str = world.make_key()["Arn"]
    return arn


def stored(world: SnapshotWorld, snapshot_id: str) -> Snapshot:
    found = world.database.snapshot(ALICE_ACCOUNT, HERE, snapshot_id)
    assert found is not None
    return found


def begun(world: SnapshotWorld, source_id: str, key: str) -> str:
    """The ID of a copy that the keeper has not seen yet."""
    copy_id: str = world.compute(
        "CopySnapshot", SourceRegion=HERE, SourceSnapshotId=source_id, Encrypted=True, KmsKeyId=key
    )["SnapshotId"]
    return copy_id


def delete(world: SnapshotWorld, snapshot_id: str) -> None:
    """As DeleteSnapshot does it."""
    snapshot = stored(world, snapshot_id)
    sweep = Sweep(lineage=snapshot.lineage, resource_id=snapshot_id, region=HERE)
    world.database.commit([Remove(snapshot), Put(sweep)])


def test_an_upload_that_nobody_ends(world: SnapshotWorld) -> None:
    """Is given up when no block has come for as long as StartSnapshot said."""
    snapshot_id = world.direct("StartSnapshot", VolumeSize=1, Timeout=10)["SnapshotId"]
    world.clock.seconds += 599
    world.keep()
    assert world.state_of(snapshot_id) == "pending"
    world.clock.seconds += 1
    world.keep()
    assert world.state_of(snapshot_id) == "error: The snapshot was not completed in time"
    assert world.database.sweeps(limit=9) == []


def test_blocks_keep_an_upload_alive(world: SnapshotWorld) -> None:
    """The time begins anew with each block."""
    snapshot_id = world.direct("StartSnapshot", VolumeSize=1, Timeout=10)["SnapshotId"]
    world.put(snapshot_id, 0, block(1))
    found = stored(world, snapshot_id)
    # Nobody put a block for ten minutes of the service's time, as far as the record says.
    world.database.commit([Put(found.changed(created_at=found.created_at - 600, due_at=world.clock.now()))])
    world.keep()
    assert world.state_of(snapshot_id) == "pending"
    assert stored(world, snapshot_id).due_at == pytest.approx(world.clock.now() + 600, abs=60)


def test_a_copy_takes_steps(world: SnapshotWorld, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of some blocks each; KMS is asked once. Another keeper goes on where this one was."""
    monkeypatch.setattr(work, "BLOCKS_AT_ONCE", 1)
    copy_id = begun(world, world.uploaded(BLOCKS, KmsKeyArn=key), key)
    before = len(world.records_of("Decrypt"))
    assert world.storage_keeper.attend()
    assert world.storage_keeper.attend()
    assert len(world.records_of("Decrypt")) == before + 2
    found = stored(world, copy_id)
    assert world.blocks.written(found.lineage, found.pack) == 2
    world.storage_keeper = world.another_keeper()
    world.keep()
    assert world.read(copy_id) == BLOCKS


@pytest.mark.parametrize("which", ["source", "destination"])
def test_a_key_that_is_disabled_meanwhile(world: SnapshotWorld, key: str, which: str) -> None:
    """The copy ends in error, its grants are retired, its blocks are gone."""
    other: str = world.make_key()["Arn"]
    copy_id = begun(world, world.uploaded(BLOCKS, KmsKeyArn=key), other)
    world.call("DisableKey", {"KeyId": key if which == "source" else other})
    world.keep()
    assert world.state_of(copy_id) == NOT_ACCESSIBLE
    for arn in (key, other):
        world.call("EnableKey", {"KeyId": arn})
        assert world.call("ListGrants", {"KeyId": arn})["Grants"] == []
    assert world.blocks.written(stored(world, copy_id).lineage, copy_id) == 0


def test_a_key_store_that_is_away_for_a_while(world: SnapshotWorld, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is no refusal: the copy waits for it."""
    copy_id = begun(world, world.uploaded(BLOCKS, KmsKeyArn=key), key)

    def away(*_args: object) -> Secret:
        raise KeyUnavailableException("not now")

    with monkeypatch.context() as patched:
        patched.setattr(world.key_store, "decrypt", away)
        world.keep()
    assert world.state_of(copy_id) == "pending"
    world.keep()
    assert world.read(copy_id) == BLOCKS


def test_a_grant_that_is_revoked_meanwhile(world: SnapshotWorld, key: str) -> None:
    """The service has nothing else to decrypt by."""
    copy_id = begun(world, world.uploaded(BLOCKS, KmsKeyArn=key), key)
    for grant in world.call("ListGrants", {"KeyId": key})["Grants"]:
        world.call("RevokeGrant", {"KeyId": key, "GrantId": grant["GrantId"]})
    world.keep()
    assert world.state_of(copy_id) == NOT_ACCESSIBLE


def test_a_source_that_is_deleted_meanwhile(world: SnapshotWorld, key: str) -> None:
    """Its blocks stay until the copy has them, and no longer."""
    source_id = world.uploaded(BLOCKS, KmsKeyArn=key)
    lineage = stored(world, source_id).lineage
    copy_id = begun(world, source_id, key)
    delete(world, source_id)
    for sweep in world.database.sweeps(limit=9):
        world.storage_keeper._work.sweep(sweep.lineage, [sweep])
    assert world.blocks.written(lineage, source_id) == 3
    world.keep()
    assert world.read(copy_id) == BLOCKS
    assert world.blocks.written(lineage, source_id) == 0
    assert world.database.sweeps(limit=9) == []


def test_a_source_that_was_deleted_before_its_copy_failed(world: SnapshotWorld, key: str) -> None:
    """Nothing else needs its blocks then."""
    source_id = world.uploaded(BLOCKS, KmsKeyArn=key)
    lineage = stored(world, source_id).lineage
    copy_id = begun(world, source_id, key)
    delete(world, source_id)
    for sweep in world.database.sweeps(limit=9):
        world.storage_keeper._work.sweep(sweep.lineage, [sweep])
    world.call("DisableKey", {"KeyId": key})
    world.keep()
    assert world.state_of(copy_id) == NOT_ACCESSIBLE
    assert world.blocks.written(lineage, source_id) == 0


def test_blocks_that_nobody_refers_to_are_gone(world: SnapshotWorld, key: str) -> None:
    """Those of a deleted parent stay for its child; with the last snapshot everything goes."""
    parent_id = world.uploaded(BLOCKS, KmsKeyArn=key)
    child_id = world.uploaded({3: block(30)}, ParentSnapshotId=parent_id)
    lineage = stored(world, child_id).lineage
    delete(world, parent_id)
    world.keep()
    assert world.read(child_id) == {**BLOCKS, 3: block(30)}
    delete(world, child_id)
    world.keep()
    assert (world.blocks.written(lineage, parent_id), world.blocks.written(lineage, child_id)) == (0, 0)
    assert world.database.sweeps(limit=9) == []


def test_a_lineage_is_looked_at_once_for_all_that_is_gone(
    world: SnapshotWorld, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not once for each of a thousand snapshots of a volume, which would hold up the copies of others."""
    ids = [world.uploaded(BLOCKS, KmsKeyArn=key)]
    ids += [world.uploaded({}, ParentSnapshotId=ids[0]) for _ in range(3)]
    for snapshot_id in ids[1:]:
        delete(world, snapshot_id)
    looked_at: list[str] = []
    read = world.database.storage_of_lineage

    def reading(lineage: str) -> list[Storage]:
        looked_at.append(lineage)
        return read(lineage)

    monkeypatch.setattr(world.database, "storage_of_lineage", reading)
    world.keep()
    assert looked_at == [stored(world, ids[0]).lineage]
    assert world.database.sweeps(limit=9) == []
    assert world.read(ids[0]) == BLOCKS


def test_an_upload_under_way_keeps_what_it_builds_on(world: SnapshotWorld, key: str) -> None:
    """The parent may be deleted while blocks are put into its child."""
    parent_id = world.uploaded(BLOCKS, KmsKeyArn=key)
    child_id = world.direct("StartSnapshot", VolumeSize=1, ParentSnapshotId=parent_id)["SnapshotId"]
    world.put(child_id, 3, block(30))
    delete(world, parent_id)
    world.keep()
    assert world.complete(child_id, {3: block(30)}) == "completed"
    assert world.read(child_id) == {**BLOCKS, 3: block(30)}


def test_an_upload_that_begins_while_its_lineage_is_swept(
    world: SnapshotWorld, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks that were put after it was read what is needed are not taken away."""
    parent_id = world.uploaded(BLOCKS, KmsKeyArn=key)
    gone_id = world.uploaded({3: block(30)}, ParentSnapshotId=parent_id)
    delete(world, gone_id)
    started = []
    read = world.database.storage_of_lineage

    def reading(lineage: str) -> list[Storage]:
        found = read(lineage)
        started.append(world.direct("StartSnapshot", VolumeSize=1, ParentSnapshotId=parent_id)["SnapshotId"])
        world.put(started[0], 3, block(31))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(world.database, "storage_of_lineage", reading)
        world.keep()
    assert world.complete(started[0], {3: block(31)}) == "completed"
    assert world.read(started[0]) == {**BLOCKS, 3: block(31)}


def test_a_copy_that_is_deleted_before_it_is_through(
    world: SnapshotWorld, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its data keys are not kept."""
    monkeypatch.setattr(work, "BLOCKS_AT_ONCE", 1)
    copy_id = begun(world, world.uploaded(BLOCKS, KmsKeyArn=key), key)
    assert world.storage_keeper.attend()
    assert list(world.storage_keeper._work._open) == [copy_id]
    world.compute("DeleteSnapshot", SnapshotId=copy_id)
    world.keep()
    assert list(world.storage_keeper._work._open) == []


def _torn(*_args: object, **_limits: int) -> Progress:
    raise BlockCorruptError("block 3 is not what was written")


def test_blocks_that_were_altered(world: SnapshotWorld, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are never copied as if they were right."""
    copy_id = begun(world, world.uploaded(BLOCKS, KmsKeyArn=key), key)
    monkeypatch.setattr(world.blocks, "copy", _torn)
    world.keep()
    assert world.state_of(copy_id) == "error: The blocks of the snapshot cannot be read"
    assert world.call("ListGrants", {"KeyId": key})["Grants"] == []


def test_a_record_with_nothing_to_do(world: SnapshotWorld) -> None:
    """Is not looked at again."""
    snapshot_id = world.uploaded({})
    world.database.commit([Put(stored(world, snapshot_id).changed(due_at=1.0))])
    world.keep()
    assert stored(world, snapshot_id).due_at is None

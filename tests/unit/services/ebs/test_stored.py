"""What a request is told when the block store fails it, and what the operator is."""

from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from harness.snapshots import SnapshotWorld, block
from selfkms.ports.block_store import BlockCorruptError, BlockStoreUnavailableError

BLOCKS = {0: block(1), 3: block(2)}


@pytest.fixture
def world() -> SnapshotWorld:
    return SnapshotWorld()


def failing(error: Exception) -> Callable[..., NoReturn]:
    """What raises an error, whatever it is called with."""

    def fail(*_: Any, **__: Any) -> NoReturn:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (BlockCorruptError("block 3 is not what was written"), "is damaged: block 3 is not what was written"),
        (BlockStoreUnavailableError("No space left on device"), "the block store fails: No space left on device"),
    ],
)
def test_a_block_store_that_fails_is_our_fault(
    world: SnapshotWorld,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    logged: str,
) -> None:
    """Status 500 for whatever uses the blocks; one line in the log, with the snapshot, for each; no traceback."""
    snapshot_id, pending = world.uploaded(BLOCKS), world.direct("StartSnapshot", VolumeSize=1)["SnapshotId"]
    entry = world.direct("ListSnapshotBlocks", SnapshotId=snapshot_id)["Blocks"][0]
    for name in ("get", "indices", "changed", "put"):
        monkeypatch.setattr(world.blocks, name, failing(error))
    failure = (500, "InternalServerException", None)
    assert world.direct_refusal("GetSnapshotBlock", SnapshotId=snapshot_id, **entry) == failure
    assert world.direct_refusal("ListSnapshotBlocks", SnapshotId=snapshot_id) == failure
    assert world.direct_refusal("ListChangedBlocks", SecondSnapshotId=snapshot_id) == failure
    with pytest.raises(Exception, match="InternalServerException"):
        world.put(pending, 0, block(3))
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 4
    assert all(logged in message for message in messages)
    assert [snapshot_id in message for message in messages] == [True, True, True, False]
    assert all(record.exc_info is None for record in caplog.records)


def test_afterwards_all_goes_on(world: SnapshotWorld) -> None:
    """A block that found no room may be put again, and the snapshot is whole."""
    snapshot_id = world.direct("StartSnapshot", VolumeSize=1)["SnapshotId"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(world.blocks, "put", failing(BlockStoreUnavailableError("full")))
        with pytest.raises(Exception, match="InternalServerException"):
            world.put(snapshot_id, 0, BLOCKS[0])
    for index, data in BLOCKS.items():
        world.put(snapshot_id, index, data)
    assert world.complete(snapshot_id, BLOCKS) == "completed"
    assert world.read(snapshot_id) == BLOCKS

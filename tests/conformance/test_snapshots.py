"""boto3: snapshots out of blocks and back, as the clients of the EBS direct APIs do it."""

from pathlib import Path
from typing import Any, Final

import pytest

from harness.block_checksums import checksum_of, linear
from harness.server import Server, running
from harness.stored_snapshots import ENCRYPTED, Storage, random_blocks, refused
from selfkms.domain.ebs.blocks import BLOCK_BYTES

LAST: Final = 2_047
ZEROS: Final = bytes(BLOCK_BYTES)


@pytest.fixture(scope="module")
def storage(server: Server) -> Storage:
    """The administrator's."""
    return Storage(server)


@pytest.fixture(scope="module")
def parent(storage: Storage) -> tuple[str, dict[int, bytes]]:
    """A completed snapshot, and its blocks."""
    blocks = random_blocks((0, 1, 5, LAST), seed=1)
    return storage.upload(blocks, **ENCRYPTED), blocks


def test_an_upload_of_64_blocks_at_once(storage: Storage) -> None:
    """As coldsnap does: zeros are left out, the checksum is LINEAR, and all blocks come back in one listing."""
    image = random_blocks(range(0, 160, 2)) | dict.fromkeys(range(1, 160, 2), ZEROS)
    blocks = {index: data for index, data in image.items() if data != ZEROS}
    snapshot_id = storage.start(VolumeSize=1, Description="an image", Timeout=10)
    storage.put_all(snapshot_id, blocks, threads=64)
    assert storage.complete(snapshot_id, blocks) == "pending"
    assert storage.outcome(snapshot_id) == "completed"
    assert storage.read(snapshot_id) == blocks
    described = storage.described(snapshot_id)
    assert (described["VolumeSize"], described["Description"], described["Encrypted"]) == (1, "an image", False)


def test_of_several_blocks_with_one_index_the_last_one_counts(storage: Storage) -> None:
    """It is one block, however often it was put."""
    first, second = random_blocks((0, 1), seed=2).values()
    snapshot_id = storage.start(**ENCRYPTED)
    for data in (first, second, first):
        storage.put(snapshot_id, 3, data)
    storage.complete(snapshot_id, {3: first})
    assert storage.outcome(snapshot_id) == "completed"
    assert storage.read(snapshot_id) == {3: first}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"ChangedBlocksCount": 3}, "Changed blocks count mismatch for snapshot"),
        ({"Checksum": checksum_of(b"")}, "Checksum mismatch for snapshot"),
    ],
)
def test_what_is_not_all_of_it_comes_to_nothing(storage: Storage, said: dict[str, Any], message: str) -> None:
    """A block too few, or another one: the state says so, and nothing can be read."""
    blocks = random_blocks((0, 1))
    snapshot_id = storage.start()
    storage.put_all(snapshot_id, blocks)
    storage.complete(snapshot_id, blocks, **said)
    assert storage.outcome(snapshot_id) == message
    assert refused(storage.tokens, snapshot_id) == (400, "ValidationException", "INVALID_SNAPSHOT_ID")


def test_blocks_that_are_none_are_refused(storage: Storage, parent: tuple[str, dict[int, bytes]]) -> None:
    """By checksum, length, place; and one for a snapshot that is complete. The upload then goes on."""
    (data,) = random_blocks((0,), seed=3).values()
    snapshot_id = storage.start(**ENCRYPTED)
    wrong = {"Checksum": checksum_of(ZEROS)}
    assert refused(storage.put, snapshot_id, 0, data, **wrong)[:2] == (403, "InvalidSignatureException")
    assert refused(storage.put, snapshot_id, 0, data[:-1]) == (400, "ValidationException", "INVALID_BLOCK")
    assert refused(storage.put, snapshot_id, LAST + 1, data) == (400, "ValidationException", "INVALID_BLOCK")
    assert refused(storage.put, parent[0], 0, data) == (400, "ValidationException", "INVALID_SNAPSHOT_ID")
    storage.put(snapshot_id, LAST, data)
    storage.complete(snapshot_id, {LAST: data})
    assert storage.outcome(snapshot_id) == "completed"
    assert storage.read(snapshot_id) == {LAST: data}


def test_a_child_has_the_blocks_of_its_parent(storage: Storage, parent: tuple[str, dict[int, bytes]]) -> None:
    """But for those that were put anew; what changed is listed, and either side of it can be read."""
    parent_id, before = parent
    changed = random_blocks((1, 7), seed=4)
    child_id = storage.upload(changed, ParentSnapshotId=parent_id)
    assert storage.read(child_id) == {**before, **changed}
    assert storage.read(parent_id) == before
    listed = storage.direct.list_changed_blocks(FirstSnapshotId=parent_id, SecondSnapshotId=child_id)["ChangedBlocks"]
    assert [(entry["BlockIndex"], "FirstBlockToken" in entry) for entry in listed] == [(1, True), (7, False)]
    for entry in listed:
        index = entry["BlockIndex"]
        assert storage.get(child_id, index, entry["SecondBlockToken"]) == changed[index]
    assert storage.get(parent_id, 1, listed[0]["FirstBlockToken"]) == before[1]
    assert storage.described(child_id)["KmsKeyId"] == storage.described(parent_id)["KmsKeyId"]


def test_pages_are_all_of_it(storage: Storage) -> None:
    """Listings in pages of 100, the least there is, have every block once."""
    blocks = random_blocks(range(0, 450, 3), seed=5)
    snapshot_id = storage.upload(blocks)
    found: list[int] = []
    wanted: dict[str, Any] = {"SnapshotId": snapshot_id, "MaxResults": 100}
    while True:
        page = storage.direct.list_snapshot_blocks(**wanted)
        found += [block["BlockIndex"] for block in page["Blocks"]]
        if "NextToken" not in page:
            break
        wanted["NextToken"] = page["NextToken"]
    assert found == sorted(blocks)


def test_a_token_is_good_for_its_block_only(storage: Storage, parent: tuple[str, dict[int, bytes]]) -> None:
    """Not for another block, nor for that block of another snapshot."""
    parent_id, blocks = parent
    tokens = storage.tokens(parent_id)
    assert refused(storage.get, parent_id, 0, tokens[1]) == (400, "ValidationException", "INVALID_BLOCK_TOKEN")
    other_id = storage.upload(random_blocks((0,)))
    assert refused(storage.get, other_id, 0, tokens[0]) == (400, "ValidationException", "INVALID_BLOCK_TOKEN")
    assert storage.get(parent_id, 0, tokens[0]) == blocks[0]


def test_an_upload_goes_on_after_a_restart(data_dir: Path) -> None:
    """What was put before is there; a copy of it, started just before another restart, is made after it."""
    blocks = random_blocks(range(12), seed=6)
    with running(data_dir) as server:
        storage = Storage(server)
        snapshot_id = storage.start(**ENCRYPTED)
        storage.put_all(snapshot_id, {index: blocks[index] for index in range(6)})
        assert server.stop() == 0
    with running(data_dir) as server:
        storage = Storage(server)
        storage.put_all(snapshot_id, {index: blocks[index] for index in range(6, 12)})
        storage.complete(snapshot_id, blocks)
        assert storage.outcome(snapshot_id) == "completed"
        copy_id = storage.copy(snapshot_id)
        assert server.stop() == 0
    with running(data_dir) as server:
        storage = Storage(server)
        assert storage.outcome(copy_id) == "completed"
        assert storage.read(snapshot_id) == storage.read(copy_id) == blocks


def test_blocks_over_tls_are_not_signed_twice(data_dir: Path) -> None:
    """With TLS clients leave the block out of the signature; its checksum is what it is held against."""
    blocks = random_blocks((0, 3), seed=7)
    signed: list[str] = []
    with running(data_dir, "--tls") as server:
        storage = Storage(server)
        storage.direct.meta.events.register(
            "before-send.ebs.PutSnapshotBlock",
            lambda request, **_: signed.append(request.headers["X-Amz-Content-SHA256"].decode()),
        )
        snapshot_id = storage.upload(blocks, **ENCRYPTED)
        assert signed == ["UNSIGNED-PAYLOAD"] * 2
        assert storage.read(snapshot_id) == blocks
        other = storage.start()
        wrong = {"Checksum": checksum_of(ZEROS)}
        assert refused(storage.put, other, 0, blocks[0], **wrong)[:2] == (403, "InvalidSignatureException")


def test_a_volume_and_back(storage: Storage, parent: tuple[str, dict[int, bytes]]) -> None:
    """A volume from a snapshot, and a snapshot from that, have the same blocks; the volume is asked for in a zone."""
    parent_id, blocks = parent
    volume_id = storage.ec2.create_volume(SnapshotId=parent_id, AvailabilityZone="us-east-1a")["VolumeId"]
    again = storage.ec2.create_snapshot(VolumeId=volume_id)["SnapshotId"]
    assert storage.outcome(again) == "completed"
    assert storage.read(again) == blocks
    assert linear(storage.read(again)) == linear(blocks)

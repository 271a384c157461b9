"""A snapshot becomes an image: whole or not at all, and how an interrupted export goes on."""

import stat
from pathlib import Path
from typing import Final

import pytest

from harness.direct_apis import SNAPSHOT_ID, DirectAPIs
from selfkms.cli.snapshot_client import TransferError
from selfkms.cli.snapshot_export import GIB, Exported, export_image, part_file, state_file
from selfkms.cli.transfer_state import StateError, load
from selfkms.domain.ebs.blocks import BLOCK_BYTES

BLOCKS: Final = {index: (b"%d|" % index).ljust(64, b".") * (BLOCK_BYTES // 64) for index in (0, 5, 6, 2_047)}
ZEROS: Final = bytes(BLOCK_BYTES)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Where it is to be."""
    return tmp_path / "disk.img"


def run(apis: DirectAPIs, path: Path, *, snapshot_id: str = SNAPSHOT_ID, resume: bool = False) -> Exported:
    """An export with two threads."""
    return export_image(
        apis.client(), snapshot_id, path, threads=2, resume=resume, progress=lambda _position, _total: None
    )


def check(path: Path, blocks: dict[int, bytes]) -> None:
    """An image of 1 GiB holds these blocks and holes."""
    assert path.stat().st_size == GIB
    with path.open("rb") as file:
        for index in (*blocks, 1, 7):
            file.seek(index * BLOCK_BYTES)
            assert file.read(BLOCK_BYTES) == blocks.get(index, ZEROS)
    assert path.stat().st_blocks * 512 < GIB // 2


@pytest.mark.parametrize("page", [1, 3, 10_000])
def test_all_blocks_are_where_they_belong(image: Path, page: int) -> None:
    """Over however many pages; only the owner may read it, and nothing is left beside it."""
    apis = DirectAPIs({**BLOCKS, 9: ZEROS}, page=page)
    assert run(apis, image) == Exported(SNAPSHOT_ID, 1, 5, 5)
    check(image, BLOCKS)
    assert stat.S_IMODE(image.stat().st_mode) == 0o600
    assert list(image.parent.iterdir()) == [image]


def test_a_snapshot_without_blocks_is_a_hole(image: Path) -> None:
    """As large as the volume."""
    assert run(DirectAPIs(), image) == Exported(SNAPSHOT_ID, 1, 0, 0)
    check(image, {})


def test_nothing_is_overwritten(image: Path) -> None:
    """A file that is there stays as it is, and nothing is asked of the server."""
    image.write_bytes(b"mine")
    apis = DirectAPIs(BLOCKS)
    with pytest.raises(TransferError, match="exists"):
        run(apis, image)
    assert image.read_bytes() == b"mine"
    assert apis.calls == []


def test_a_snapshot_that_is_not_there_leaves_nothing(image: Path) -> None:
    """No part, no state."""
    with pytest.raises(TransferError, match="SNAPSHOT_NOT_FOUND"):
        run(DirectAPIs(), image, snapshot_id="snap-2")
    assert list(image.parent.iterdir()) == []


def test_an_interrupted_export_goes_on(image: Path) -> None:
    """What is there is not asked for again; until it is whole there is no file of its name."""
    apis = DirectAPIs(BLOCKS)
    apis.fail_at = 2_047
    with pytest.raises(TransferError):
        run(apis, image)
    assert not image.exists()
    state = load(state_file(image))
    assert state is not None
    assert state.done == [(0, 0), (5, 6)]
    apis.fail_at = None
    with pytest.raises(StateError, match=f"an export of {SNAPSHOT_ID} to .* was interrupted: go on with --resume"):
        run(apis, image)
    assert run(apis, image, resume=True) == Exported(SNAPSHOT_ID, 1, 4, 1)
    check(image, BLOCKS)
    assert list(image.parent.iterdir()) == [image]


def test_damaged_blocks_are_not_kept(image: Path) -> None:
    """A block that never arrives as its checksum says ends the export."""
    apis = DirectAPIs(BLOCKS)
    apis.damaged = {6: 1_000}
    with pytest.raises(TransferError, match="block 6"):
        run(apis, image)
    assert not image.exists()


def test_the_state_of_another_export_is_not_gone_on_with(image: Path) -> None:
    """Of another snapshot, or one whose part is gone: its blocks would be missing."""
    apis = DirectAPIs(BLOCKS)
    apis.fail_at = 2_047
    with pytest.raises(TransferError):
        run(apis, image)
    apis.fail_at = None
    part_file(image).unlink()
    with pytest.raises(StateError, match="whose part is not here; remove it"):
        run(apis, image, resume=True)


def test_a_part_without_a_state_counts_for_nothing(image: Path) -> None:
    """Nobody knows what is in it: the export begins anew."""
    part_file(image).write_bytes(b"old" * BLOCK_BYTES)
    assert run(DirectAPIs(BLOCKS), image, resume=True).received == 4
    check(image, BLOCKS)

"""A snapshot becomes a raw disk image, with holes where nothing but zeros is."""

import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

from selfkms.cli.parallel import in_parallel
from selfkms.cli.snapshot_client import ListedBlock, Page, SnapshotClient, TransferError
from selfkms.cli.transfer_state import Keeper, StateError, TransferState, load

GIB: Final = 1_073_741_824
PART: Final = ".part"
SUFFIX: Final = ".selfkms-download"

# Whoever may read the image has what the KMS key protects.
_MODE: Final = 0o600


class Exported(NamedTuple):
    """What came of it."""

    snapshot_id: str
    size_gib: int
    blocks: int
    """Of the snapshot."""
    received: int
    """Of these, in this run."""


def part_file(path: Path) -> Path:
    """Where the image is until it is whole."""
    return path.with_name(f"{path.name}{PART}")


def state_file(path: Path) -> Path:
    """Where the state of an interrupted export is."""
    return path.with_name(f"{path.name}{SUFFIX}")


def export_image(
    client: SnapshotClient,
    snapshot_id: str,
    path: Path,
    *,
    threads: int,
    resume: bool,
    progress: Callable[[int, int], None],
) -> Exported:
    """Get all blocks of a snapshot. The file is there when it is whole, and not before.

    Args:
        client: of the server.
        snapshot_id: which snapshot.
        path: of the image, which must not exist.
        threads: how many blocks are asked for at once.
        resume: whether to go on where an interrupted export was, if there is one.
        progress: is told the bytes of the image that are done with, and all that there are.

    Raises:
        TransferError, StateError, OSError: it is interrupted, and can be resumed.
    """
    if path.exists():
        raise TransferError(f"{path} exists")
    pages = client.pages(snapshot_id)
    first = next(pages)
    size = first.size_gib * GIB
    state = _state(snapshot_id, path, size, resume=resume)
    descriptor = os.open(part_file(path), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, _MODE)
    try:
        os.ftruncate(descriptor, size)
        keeper = Keeper(state_file(path), state, before=lambda: os.fdatasync(descriptor))
        download = _Download(client, snapshot_id, descriptor, keeper, progress)
        download.run(chain([first], pages), size, threads)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part_file(path).rename(path)
    keeper.remove()
    return Exported(snapshot_id, first.size_gib, download.blocks, download.received)


def _state(snapshot_id: str, path: Path, size: int, *, resume: bool) -> TransferState:
    """What is there already: nothing, or what an interrupted export left."""
    state_path = state_file(path)
    state = load(state_path)
    if state is None:
        # Whatever is in the part of an export without a state, nobody knows.
        part_file(path).unlink(missing_ok=True)
        return TransferState(snapshot_id=snapshot_id, size=size, modified_ns=0)
    if not resume:
        raise StateError(
            f"an export of {state.snapshot_id} to {path} was interrupted: go on with --resume, "
            f"or remove {state_path} to begin anew"
        )
    if (state.snapshot_id, state.size) != (snapshot_id, size) or not part_file(path).exists():
        raise StateError(
            f"{state_path} is of an export of {state.snapshot_id} whose part is not here; remove it to begin anew"
        )
    return state


class _Download:
    """One run of an export."""

    def __init__(
        self,
        client: SnapshotClient,
        snapshot_id: str,
        descriptor: int,
        keeper: Keeper,
        progress: Callable[[int, int], None],
    ) -> None:
        self._client = client
        self._snapshot_id = snapshot_id
        self._descriptor = descriptor
        self._keeper = keeper
        self._progress = progress
        self._block_bytes = 0
        self.blocks = 0
        self.received = 0

    def run(self, pages: Iterator[Page], size: int, threads: int) -> None:
        """Get what is not there yet."""
        try:
            in_parallel(self._missing(pages, size), self._get, self._done, threads=threads)
        finally:
            self._keeper.save()
        self._progress(size, size)

    def _missing(self, pages: Iterator[Page], size: int) -> Iterator[ListedBlock]:
        for page in pages:
            self._block_bytes = page.block_bytes
            for block in page.blocks:
                self.blocks += 1
                self._progress(block.block_index * page.block_bytes, size)
                if block.block_index not in self._keeper.done:
                    yield block

    def _get(self, block: ListedBlock) -> None:
        data = self._client.get(self._snapshot_id, block)
        if len(data) != self._block_bytes:
            raise TransferError(f"block {block.block_index} of {self._snapshot_id} has {len(data)} bytes")
        if data != bytes(len(data)):
            _write(self._descriptor, data, block.block_index * self._block_bytes)

    def _done(self, block: ListedBlock) -> None:
        self.received += 1
        self._keeper.mark(block.block_index)


def _write(descriptor: int, data: bytes, offset: int) -> None:
    """All of it, where it belongs."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written

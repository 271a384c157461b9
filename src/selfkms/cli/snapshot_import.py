"""A raw disk image becomes a snapshot: its blocks are put, but for those that hold nothing but zeros."""

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from selfkms.cli.parallel import in_parallel
from selfkms.cli.snapshot_client import SnapshotClient, TransferError
from selfkms.cli.transfer_state import Keeper, StateError, TransferState, load

BLOCK_BYTES: Final = 524_288
GIB: Final = 1_073_741_824
SUFFIX: Final = ".selfkms-upload"

_ZEROS: Final = bytes(BLOCK_BYTES)


class Imported(NamedTuple):
    """What came of it."""

    snapshot_id: str
    size_gib: int
    blocks: int
    """That are not all zeros."""
    sent: int
    """Of these, in this run."""


class _Block(NamedTuple):
    block_index: int
    data: bytes
    digest: bytes


class Image:
    """A raw disk image, or a block device, open to be read."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.lseek(descriptor, 0, os.SEEK_END)
        self.modified_ns = os.fstat(descriptor).st_mtime_ns

    @property
    def size_gib(self) -> int:
        """As large as the volume must be."""
        return -(-self.size // GIB)

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """The blocks that are not all zeros, ascending; the last one is filled up with zeros. Holes are not read."""
        last = -1
        for start, end in self._extents():
            for index in range(max(start // BLOCK_BYTES, last + 1), -(-end // BLOCK_BYTES)):
                last = index
                data = self._read(index * BLOCK_BYTES)
                if data != _ZEROS:
                    yield index, data

    def _extents(self) -> Iterator[tuple[int, int]]:
        """Where there may be data, from and to. Source: lseek(2), SEEK_DATA."""
        end = 0
        while end < self.size:
            try:
                start = os.lseek(self._descriptor, end, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    return
                # Block devices have no holes to tell of.
                yield end, self.size
                return
            end = os.lseek(self._descriptor, start, os.SEEK_HOLE)
            yield start, end

    def _read(self, offset: int) -> bytes:
        parts: list[bytes] = []
        wanted = min(BLOCK_BYTES, self.size - offset)
        while wanted > 0:
            part = os.pread(self._descriptor, wanted, offset)
            if not part:
                raise TransferError("the image became shorter while it was read")
            parts.append(part)
            offset, wanted = offset + len(part), wanted - len(part)
        data = b"".join(parts)
        return data if len(data) == BLOCK_BYTES else data.ljust(BLOCK_BYTES, b"\0")


class Wanted(NamedTuple):
    """What the snapshot is to be."""

    description: str | None = None
    encrypted: bool = False
    key_arn: str | None = None


def state_file(path: Path) -> Path:
    """Where the state of an interrupted import is."""
    return path.with_name(f"{path.name}{SUFFIX}")


def import_image(
    client: SnapshotClient,
    path: Path,
    wanted: Wanted,
    *,
    threads: int,
    resume: bool,
    progress: Callable[[int, int], None],
) -> Imported:
    """Put all blocks of an image and complete the snapshot, which then is completed a little later.

    Args:
        client: of the server.
        path: of the image.
        wanted: counts for an import that begins.
        threads: how many blocks are sent at once.
        resume: whether to go on where an interrupted import was, if there is one.
        progress: is told the bytes of the image that are done with, and all that there are.

    Raises:
        TransferError, StateError, OSError: it is interrupted, and can be resumed.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        image = Image(descriptor)
        if image.size == 0:
            raise TransferError(f"{path} is empty")
        keeper, snapshot_id = _begun(client, path, image, wanted, resume=resume)
        return _Upload(client, image, keeper, snapshot_id, progress).run(threads)
    finally:
        os.close(descriptor)


def _begun(client: SnapshotClient, path: Path, image: Image, wanted: Wanted, *, resume: bool) -> tuple[Keeper, str]:
    state_path = state_file(path)
    state = load(state_path)
    if state is None:
        snapshot_id = client.start(
            image.size_gib, description=wanted.description, encrypted=wanted.encrypted, key_arn=wanted.key_arn
        )
        state = TransferState(snapshot_id=snapshot_id, size=image.size, modified_ns=image.modified_ns)
    elif not resume:
        raise StateError(
            f"an import of {path} into {state.snapshot_id} was interrupted: go on with --resume, "
            f"or remove {state_path} to begin anew"
        )
    elif (state.size, state.modified_ns) != (image.size, image.modified_ns):
        raise StateError(
            f"{path} was changed since its import into {state.snapshot_id} began; remove {state_path} to begin anew"
        )
    return Keeper(state_path, state), state.snapshot_id


class _Upload:
    """One run of an import."""

    def __init__(
        self,
        client: SnapshotClient,
        image: Image,
        keeper: Keeper,
        snapshot_id: str,
        progress: Callable[[int, int], None],
    ) -> None:
        self._client = client
        self._image = image
        self._keeper = keeper
        self._snapshot_id = snapshot_id
        self._progress = progress
        self._blocks = 0
        self._sent = 0
        self._linear = hashlib.sha256()

    def run(self, threads: int) -> Imported:
        """Send what is not there yet. The whole image is read, also what is: the checksum is over all of it."""
        try:
            in_parallel(self._missing(), self._put, self._done, threads=threads)
        finally:
            self._keeper.save()
        self._progress(self._image.size, self._image.size)
        self._client.complete(self._snapshot_id, self._blocks, self._linear.digest())
        self._keeper.remove()
        return Imported(self._snapshot_id, self._image.size_gib, self._blocks, self._sent)

    def _missing(self) -> Iterator[_Block]:
        for index, data in self._image.blocks():
            digest = hashlib.sha256(data).digest()
            self._linear.update(digest)
            self._blocks += 1
            self._progress(index * BLOCK_BYTES, self._image.size)
            if index not in self._keeper.done:
                yield _Block(index, data, digest)

    def _put(self, block: _Block) -> None:
        self._client.put(self._snapshot_id, block.block_index, block.data, block.digest)

    def _done(self, block: _Block) -> None:
        self._sent += 1
        self._keeper.mark(block.block_index)

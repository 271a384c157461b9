"""Copies of snapshots under another data key: the hot loop.

Blocks are read, decrypted, checked, encrypted and written by several threads (cipher, hash and file calls all let go of
the interpreter). One more makes them last, first the blocks, then their entries, while the next ones are under way.

The blocks of a copy stand in its pack by ascending index, the first in slot 0. So the number of entries says how far it
is, and whatever a crash left behind them is written over.
"""

import hashlib
import hmac
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Final, NamedTuple

from selfkms.adapters.block_files.layout import ENTRY_BYTES, encode_entry, index_of, is_no_entry, open_digest, slot_of
from selfkms.adapters.block_files.maps import MapFile
from selfkms.adapters.block_files.packs import PackWriter
from selfkms.crypto.blocks import RANDOM_BYTES, BlockCipher, DigestSeals
from selfkms.domain.ebs.blocks import BLOCK_BYTES
from selfkms.ports.block_store import BlockCorruptError
from selfkms.ports.entropy import Entropy

BATCH_BLOCKS: Final = 32
"""Blocks that are given to the threads at once: 16 MiB."""
BATCHES_UNDER_WAY: Final = 2
"""While one is being written another one waits, so that no thread has to."""
UNSYNCED_BLOCKS_MAX: Final = 512
"""Blocks that are written and not yet made durable: 256 MiB, which a crash costs at most."""
THREADS_MAX: Final = 4

_RESUME_ENTRIES: Final = 4_096


class SourceBlock(NamedTuple):
    """A block to be copied."""

    entry: bytes
    """Of the source's map."""
    descriptor: int
    """Of the pack that has it."""
    seals: DigestSeals
    """Of that pack."""


class Target(NamedTuple):
    """Where a copy goes, and how blocks come out of the source and into there."""

    writer: PackWriter
    source_cipher: BlockCipher
    cipher: BlockCipher
    seals: DigestSeals


class Batch(NamedTuple):
    """Blocks on their way into their slots."""

    shares: list[Future[None]]
    """Of each thread; done when its blocks are written."""
    entries: list[bytes]

    def written(self) -> bytes:
        """Wait until all blocks are written; their entries."""
        wait(self.shares)
        for share in self.shares:
            share.result()
        return b"".join(self.entries)


class Lasting:
    """Makes written blocks last, in their order, in a thread beside those that write.

    All that was written during one sync shares the next one: a slow disk gets fewer syncs, not a slower copy.
    """

    def __init__(self, writer: PackWriter, thread: ThreadPoolExecutor, position: int) -> None:
        self._writer = writer
        self._thread = thread
        self._position = position
        self._waiting = b""
        self._under_way: Future[None] | None = None

    def add(self, entries: bytes) -> None:
        """The blocks of these entries were written."""
        self._waiting += entries
        idle = self._under_way is None or self._under_way.done()
        if idle or len(self._waiting) >= UNSYNCED_BLOCKS_MAX * ENTRY_BYTES:
            self._start()

    def _start(self) -> None:
        if self._under_way is not None:
            self._under_way.result()
        self._under_way = self._thread.submit(self._make_last, self._waiting, self._position)
        self._position += len(self._waiting) // ENTRY_BYTES
        self._waiting = b""

    def _make_last(self, entries: bytes, position: int) -> None:
        self._writer.sync_blocks()
        self._writer.add(entries, position)
        os.fdatasync(self._writer.entries)

    def finish(self) -> int:
        """Wait until everything lasts; how many blocks the pack has."""
        if self._waiting:
            self._start()
        if self._under_way is not None:
            self._under_way.result()
        return self._position


class Copier:
    """Threads and their buffers. One copy at a time."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._threads = min(len(os.sched_getaffinity(0)), THREADS_MAX)
        self._free_buffers = [bytearray(BLOCK_BYTES) for _ in range(self._threads)]
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="block-copy")
        self._sync_thread = ThreadPoolExecutor(1, thread_name_prefix="block-sync")

    def copy(self, blocks: Iterator[bytes], locate: Callable[[bytes], SourceBlock], target: Target, first: int) -> int:
        """Copy the blocks of these map entries into the slots from `first` on; how many blocks the pack has then.

        If it fails, what the pack has are the batches before the one that failed.
        """
        position = first
        lasting = Lasting(target.writer, self._sync_thread, first)
        under_way: deque[Batch] = deque()
        try:
            while located := [locate(entry) for entry in islice(blocks, BATCH_BLOCKS)]:
                under_way.append(self._start(located, target, position))
                position += len(located)
                # What `locate` opened stays open for no more batches than these.
                if len(under_way) == BATCHES_UNDER_WAY:
                    lasting.add(under_way.popleft().written())
            while under_way:
                lasting.add(under_way.popleft().written())
        finally:
            wait([share for batch in under_way for share in batch.shares])
            copied = lasting.finish()
        return copied

    def _start(self, located: Sequence[SourceBlock], target: Target, position: int) -> Batch:
        """Have blocks copied into the slots from a position on."""
        random = self._entropy.random_bytes(RANDOM_BYTES * len(located))
        entries: list[bytes] = [b""] * len(located)

        def share(thread: int) -> None:
            buffer = self._free_buffers.pop()
            try:
                for place in range(thread, len(located), self._threads):
                    nonce = random[place * RANDOM_BYTES : (place + 1) * RANDOM_BYTES]
                    entries[place] = _copy_block(located[place], target, position + place, buffer, nonce)
            finally:
                self._free_buffers.append(buffer)

        return Batch([self._pool.submit(share, thread) for thread in range(self._threads)], entries)

    def close(self) -> None:
        self._pool.shutdown()
        self._sync_thread.shutdown()


def _copy_block(block: SourceBlock, target: Target, slot: int, buffer: bytearray, random: bytes) -> bytes:
    """Copy one block; its entry."""
    block_index = index_of(block.entry)
    digest = read_block(block.descriptor, block.entry, target.source_cipher, block.seals, buffer)
    target.cipher.encrypt(block_index, buffer, buffer)
    target.writer.write(slot, buffer)
    return encode_entry(block_index, target.seals.seal(block_index, slot, digest, random=random))


def read_block(descriptor: int, entry: bytes, cipher: BlockCipher, seals: DigestSeals, buffer: bytearray) -> bytes:
    """Read, decrypt and check a block into a buffer of its size; its SHA-256.

    Raises:
        BlockCorruptError: it is not what was written.
    """
    block_index, slot = index_of(entry), slot_of(entry)
    expected = open_digest(seals, entry)
    if os.preadv(descriptor, [buffer], slot * BLOCK_BYTES) != BLOCK_BYTES:
        raise BlockCorruptError(f"block {block_index} is cut off")
    cipher.decrypt(block_index, buffer, buffer)
    digest = hashlib.sha256(buffer).digest()
    if not hmac.compare_digest(digest, expected):
        raise BlockCorruptError(f"block {block_index} is not what was written")
    return digest


def copied_before(writer: PackWriter, source: MapFile) -> int:
    """How many blocks of the source the pack has; what stands behind them and was not acknowledged is cut off.

    Raises:
        BlockCorruptError: the pack has something else.
    """
    expected = source.entries(0)
    position = 0
    while chunk := os.pread(writer.entries, _RESUME_ENTRIES * ENTRY_BYTES, position * ENTRY_BYTES):
        for at in range(0, len(chunk) - ENTRY_BYTES + 1, ENTRY_BYTES):
            entry = chunk[at : at + ENTRY_BYTES]
            if is_no_entry(entry):
                break
            wanted = next(expected, b"")
            if not wanted or index_of(entry) != index_of(wanted) or slot_of(entry) != position:
                raise BlockCorruptError("the pack was not written by a copy of this snapshot")
            position += 1
        else:
            if len(chunk) == _RESUME_ENTRIES * ENTRY_BYTES:
                continue
        break
    os.ftruncate(writer.entries, position * ENTRY_BYTES)
    return position

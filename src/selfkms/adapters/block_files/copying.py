"""Copies of snapshots under another data key: the hot loop.

A batch is read, decrypted, checked, encrypted and written by several threads (cipher, hash and file calls all let go of
the interpreter). Then one more makes it last, first the blocks, then their entries, while the next batch is under way.

The blocks of a copy stand in its pack by ascending index, the first in slot 0. So the number of entries says how far it
is, and whatever a crash left behind them is written over.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Final, NamedTuple

from selfkms.adapters.block_files.layout import ENTRY_BYTES, encode_entry, index_of, is_no_entry, open_digest, slot_of
from selfkms.adapters.block_files.maps import MapFile
from selfkms.adapters.block_files.packs import PackWriter
from selfkms.crypto.blocks import RANDOM_BYTES, BlockCipher, DigestSeals
from selfkms.domain.ebs.blocks import BLOCK_BYTES
from selfkms.ports.block_store import BlockCorruptError
from selfkms.ports.entropy import Entropy

BATCH_BLOCKS: Final = 64
"""Blocks that become durable together: 32 MiB."""
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


class Copier:
    """Threads and their buffers. One copy at a time."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._threads = min(len(os.sched_getaffinity(0)), THREADS_MAX)
        self._buffers = [bytearray(BLOCK_BYTES) for _ in range(self._threads)]
        self._pool = ThreadPoolExecutor(self._threads + 1, thread_name_prefix="block-copy")

    def copy(self, blocks: Iterator[bytes], locate: Callable[[bytes], SourceBlock], target: Target, first: int) -> int:
        """Copy the blocks of these map entries into the slots from `first` on; how many blocks the pack has then.

        All that were written when it fails are there, and none that was not.
        """
        position = first
        lasting: Future[None] | None = None
        try:
            while batch := [locate(entry) for entry in islice(blocks, BATCH_BLOCKS)]:
                entries = self._batch(batch, target, position)
                if lasting is not None:
                    lasting.result()
                lasting = self._pool.submit(_make_last, target.writer, entries, position)
                position += len(batch)
        finally:
            if lasting is not None:
                lasting.result()
        return position

    def _batch(self, batch: Sequence[SourceBlock], target: Target, position: int) -> bytes:
        """Write the blocks; their entries."""
        random = self._entropy.random_bytes(RANDOM_BYTES * len(batch))
        entries: list[bytes] = [b""] * len(batch)

        def share(thread: int) -> None:
            buffer = self._buffers[thread]
            for place in range(thread, len(batch), self._threads):
                nonce = random[place * RANDOM_BYTES : (place + 1) * RANDOM_BYTES]
                entries[place] = _copy_block(batch[place], target, position + place, buffer, nonce)

        for shared in [self._pool.submit(share, thread) for thread in range(self._threads)]:
            shared.result()
        return b"".join(entries)

    def close(self) -> None:
        self._pool.shutdown()


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


def _make_last(writer: PackWriter, entries: bytes, position: int) -> None:
    writer.sync_blocks()
    writer.add(entries, position)
    os.fdatasync(writer.entries)


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

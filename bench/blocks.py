"""Copies of snapshots beside one simple loop, and parallel uploads. `python -m bench.blocks --mib 1024 8192`."""

import argparse
import hashlib
import os
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import XTS

from selfkms.adapters.block_files.store import FileBlockStore
from selfkms.adapters.system.entropy import SystemEntropy
from selfkms.domain.ebs.blocks import BLOCK_BYTES, BlockMap
from selfkms.domain.secrets import Secret

UPLOADS: Final = 64
BLOCKS_IN_A_CALL: Final = 1_024

SOURCE_KEY: Final = bytes(range(64))
KEY: Final = bytes(range(64, 128))
# Random: what a disk or a file system could squeeze or share would measure something else.
PLAIN: Final = os.urandom(BLOCK_BYTES - 8)


class Copied(NamedTuple):
    """How a copy went."""

    seconds: float
    memory_bytes: int
    """The most that its process ever had."""


def upload(directory: Path, blocks: int) -> tuple[BlockMap, float]:
    """A snapshot, written by 64 threads at once, and how long the writing took."""

    def write(thread: int) -> None:
        store = FileBlockStore(directory, SystemEntropy())
        for index in range(thread, blocks, UPLOADS):
            data = PLAIN + index.to_bytes(8)
            checksum = hashlib.sha256(data).digest()
            store.put("source", "pack", index, Secret(data), checksum=checksum, data_key=Secret(SOURCE_KEY))
        store.close()

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(UPLOADS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    store = FileBlockStore(directory, SystemEntropy())
    finished = store.finish("source", "pack", "map", parent=None, data_key=Secret(SOURCE_KEY))
    store.close()
    assert finished.written == blocks
    return finished.map, seconds


def copy(directory: Path, source: BlockMap) -> Copied:
    """A copy, as it is made for CopySnapshot; in a process of its own."""
    store = FileBlockStore(directory, SystemEntropy())
    began = time.perf_counter()
    copied = -1
    while copied != source.count:
        progress = store.copy(source, Secret(SOURCE_KEY), "target", "pack", Secret(KEY), limit=BLOCKS_IN_A_CALL)
        copied = progress.copied
    seconds = time.perf_counter() - began
    store.finish("target", "pack", "map", parent=None, data_key=Secret(KEY))
    store.keep_only("target", [], [])
    store.close()
    peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
    return Copied(seconds, int(peak) * 1_024)


def simple_loop(directory: Path, blocks: int) -> float:
    """Read, decrypt, encrypt, write; one sync at the end; nothing is checked. How long it takes."""
    source = os.open(directory / "source" / "pack.blocks", os.O_RDONLY)
    path = directory / "simple"
    target = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    buffer = bytearray(BLOCK_BYTES)
    old, new = AES(SOURCE_KEY), AES(KEY)
    began = time.perf_counter()
    for index in range(blocks):
        tweak = XTS(index.to_bytes(16, "little"))
        os.preadv(source, [buffer], index * BLOCK_BYTES)
        Cipher(old, tweak).decryptor().update_into(buffer, buffer)
        Cipher(new, tweak).encryptor().update_into(buffer, buffer)
        os.pwrite(target, buffer, index * BLOCK_BYTES)
    os.fdatasync(target)
    seconds = time.perf_counter() - began
    os.close(source)
    os.close(target)
    path.unlink()
    return seconds


def measure(directory: Path, mib: int, rounds: int) -> None:
    """One size."""
    blocks = mib * 1_048_576 // BLOCK_BYTES
    megabytes = blocks * BLOCK_BYTES / 1e6
    source, seconds = upload(directory, blocks)
    print(f"{mib} MiB: {UPLOADS} uploads at once {megabytes / seconds:.0f} MB/s")
    simple, copies = [], []
    for _ in range(rounds):
        os.sync()
        simple.append(simple_loop(directory, blocks))
        os.sync()
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            copies.append(process.submit(copy, directory, source).result())
    ratios = [one / other.seconds for one, other in zip(simple, copies, strict=True)]
    for name, times in (("simple loop", simple), ("copy", [copied.seconds for copied in copies])):
        print(f"  {name:12} {megabytes / median(times):6.0f} MB/s, at best {megabytes / min(times):6.0f}")
    best = min(simple) / min(copied.seconds for copied in copies)
    print(f"  ratio {median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f}), of the best ones {best:.2f}")
    print(f"  memory of a copy at most {max(copied.memory_bytes for copied in copies) / 1e6:.0f} MB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, nargs="+", default=[512], help="sizes of snapshots")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", type=Path, help="on the disk that is to be measured; takes two such snapshots")
    arguments = parser.parse_args()
    for mib in arguments.mib:
        with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
            measure(Path(directory), mib, arguments.rounds)


if __name__ == "__main__":
    main()

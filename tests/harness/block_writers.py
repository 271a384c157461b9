"""Processes that write blocks until they are done or killed, and say each block that was acknowledged.

python -m harness.block_writers put DIRECTORY NAME BLOCKS
python -m harness.block_writers copy DIRECTORY BLOCK-MAP
python -m harness.block_writers memory DIRECTORY BLOCK-MAP …
"""

import sys
import threading
from pathlib import Path
from typing import Final

import msgspec

from harness.blocks import KEY, LINEAGE, OTHER_KEY, OTHER_LINEAGE, block, checksum
from selfkms.adapters.block_files import copying
from selfkms.adapters.block_files.store import FileBlockStore
from selfkms.adapters.system.entropy import SystemEntropy
from selfkms.domain.ebs.blocks import BlockMap

PACK: Final = "written"
COPY: Final = "copied"
THREADS: Final = 8
SHARED_INDEX: Final = 100_000
"""Every thread of every process writes it."""


def open_store(directory: Path) -> FileBlockStore:
    """The store that all of them share."""
    return FileBlockStore(directory, SystemEntropy())


def put(directory: Path, name: str, blocks: int) -> None:
    """Write blocks in eight threads. The index of each is all its own, but for one."""

    def write(thread: int) -> None:
        store = open_store(directory)
        for number in range(blocks):
            block_index = SHARED_INDEX if number == blocks // 2 else int(name) * 10_000 + number * THREADS + thread
            data = block(f"{name}-{block_index}")
            store.put(LINEAGE, PACK, block_index, data, checksum=checksum(data), data_key=KEY)
            sys.stdout.write(f"{block_index}\n")
            sys.stdout.flush()

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def copy(directory: Path, source: BlockMap) -> None:
    """Copy a snapshot in small batches, and wait to be killed."""
    copying.BATCH_BLOCKS = 2  # type: ignore[misc]
    store = open_store(directory)
    while True:
        progress = store.copy(source, KEY, OTHER_LINEAGE, COPY, OTHER_KEY, limit=6)
        sys.stdout.write(f"{progress.copied}\n")
        sys.stdout.flush()
        if progress.copied == progress.total:
            sys.stdin.read()


def memory(directory: Path, sources: list[BlockMap]) -> None:
    """Copy and finish snapshots one after the other; after each, the most memory that this process ever had, in KiB."""
    store = open_store(directory)
    for number, source in enumerate(sources):
        pack = f"{COPY}-{number}"
        progress = store.copy(source, KEY, OTHER_LINEAGE, pack, OTHER_KEY, limit=source.count)
        assert progress.copied == progress.total
        store.finish(OTHER_LINEAGE, pack, pack, parent=None, data_key=OTHER_KEY)
        status = Path("/proc/self/status").read_text()
        sys.stdout.write(status.split("VmHWM:")[1].split()[0] + "\n")


def main() -> None:
    """See above."""
    what, directory, *rest = sys.argv[1:]
    if what == "put":
        put(Path(directory), rest[0], int(rest[1]))
    else:
        maps = [msgspec.json.decode(text, type=BlockMap) for text in rest]
        if what == "copy":
            copy(Path(directory), maps[0])
        else:
            memory(Path(directory), maps)


if __name__ == "__main__":
    main()

"""Several processes at once, and processes that are killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from harness.block_writers import COPY, PACK, SHARED_INDEX, THREADS
from harness.blocks import KEY, LINEAGE, OTHER_KEY, OTHER_LINEAGE, put, snapshot, words
from selfkms.adapters.block_files.store import FileBlockStore

TESTS = Path(__file__).parents[3]


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness.block_writers", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
    )


def kill_after(lines: int, process: subprocess.Popen[str]) -> list[int]:
    """Kill -9 after so many lines; all that it said until then."""
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        said = [int(process.stdout.readline()) for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        # The last line may be one of which only a part was written.
        said += [int(line) for line in process.stdout if line.endswith("\n")]
    assert process.wait() == -signal.SIGKILL
    return said


def test_two_processes_of_eight_threads(store: FileBlockStore, lineage: Path) -> None:
    """Every block is there, also the one that all of them wrote."""
    blocks = 4
    processes = [start("put", lineage.parent, name, blocks) for name in "12"]
    said = []
    for process in processes:
        said += [int(line) for line in process.communicate()[0].splitlines()]
        assert process.returncode == 0
    assert len(said) == 2 * THREADS * blocks
    finished = store.finish(LINEAGE, PACK, "m", parent=None, data_key=KEY)
    assert finished.written == len({*said}) == 2 * THREADS * (blocks - 1) + 1
    found = words(store, finished.map)
    assert found.pop(SHARED_INDEX) in {f"{name}-{SHARED_INDEX}" for name in "12"}
    assert found == {index: f"{index // 10_000}-{index}" for index in sorted({*said} - {SHARED_INDEX})}


@pytest.mark.parametrize("lines", [1, 30])
def test_an_upload_that_is_killed(store: FileBlockStore, lineage: Path, lines: int) -> None:
    """Every block that was acknowledged is there, and the upload goes on."""
    said = kill_after(lines, start("put", lineage.parent, "1", 1_000))
    put(store, PACK, {90_000: "later"})
    found = words(store, store.finish(LINEAGE, PACK, "m", parent=None, data_key=KEY).map)
    assert found.pop(90_000) == "later"
    assert {*said} <= found.keys()
    assert found == {index: f"1-{index}" for index in found}


@pytest.mark.parametrize("lines", [1, 5])
def test_a_copy_that_is_killed(store: FileBlockStore, lineage: Path, lines: int) -> None:
    """It goes on behind what it said, and comes to the same."""
    expected = {3 * number: f"word {number}" for number in range(100)}
    source = snapshot(store, "one", expected)
    said = kill_after(lines, start("copy", lineage.parent, msgspec.json.encode(source).decode()))
    progress = store.copy(source, KEY, OTHER_LINEAGE, COPY, OTHER_KEY, limit=1)
    assert said[-1] <= progress.copied <= 100
    assert store.copy(source, KEY, OTHER_LINEAGE, COPY, OTHER_KEY, limit=100) == (100, 100)
    finished = store.finish(OTHER_LINEAGE, COPY, "m", parent=None, data_key=OTHER_KEY)
    assert words(store, finished.map, key=OTHER_KEY) == expected


def test_memory_does_not_grow_with_the_snapshot(store: FileBlockStore, lineage: Path) -> None:
    """A copy of 128 MiB takes what one of 32 MiB does."""
    small = snapshot(store, "small", dict.fromkeys(range(64), "x"))
    large = snapshot(store, "large", dict.fromkeys(range(64, 256), "x"), parent=small)
    maps = [msgspec.json.encode(block_map).decode() for block_map in (small, large)]
    said, _ = start("memory", lineage.parent, *maps).communicate()
    before, after = (int(line) for line in said.splitlines())
    assert after - before < 8 * 1_024

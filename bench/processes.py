"""Servers to measure, each in processes of its own."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Start(NamedTuple):
    """How `selfkms dev` came up."""

    first_answer_seconds: float
    memory_bytes: int
    """PSS of all its processes: what they share counts once."""
    supervisor: int
    """Its process ID."""


@contextmanager
def selfkms(*options: str) -> Iterator[tuple[str, Start]]:
    """A `selfkms dev`: its address and how it started."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [Path(sys.executable).with_name("selfkms"), "dev", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        address = next(line for line in process.stdout if line.startswith("ready ")).removeprefix("ready ").strip()
        with urllib.request.urlopen(f"{address}/readyz", timeout=10) as answer:
            answer.read()
        yield address, Start(time.perf_counter() - began, _memory_bytes(process.pid), process.pid)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        process.stdout.close()


@contextmanager
def raw_loop() -> Iterator[int]:
    """The raw loop: its port."""
    process = subprocess.Popen([sys.executable, "-m", "bench.raw_loop"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _memory_bytes(group: int) -> int:
    listed = subprocess.run(["pgrep", "-g", str(group)], capture_output=True, text=True, check=True)
    total = 0
    for pid in listed.stdout.split():
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total

"""The machine's clocks, and the movable one of `selfkms dev`."""

import math
import mmap
import os
import struct
import tempfile
import threading
import time
from fcntl import LOCK_EX, LOCK_UN, lockf
from io import FileIO
from pathlib import Path
from typing import Final, NamedTuple, Self

_ELAPSED_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Runs on while the machine sleeps, where there is such a clock; never set."""

_OFFSET: Final = struct.Struct("=d")
OFFSET_SECONDS_MAX: Final = 100 * 365 * 86_400.0
"""How far `selfkms dev` may go ahead: 100 years, so that every date still has four digits in its year."""


class Baseline(NamedTuple):
    """One moment on both clocks. Taken once, before processes are forked, and given to each of them."""

    wall: float
    """Seconds since the epoch."""
    elapsed: float
    """Seconds on the clock that is never set."""

    @classmethod
    def take(cls) -> Self:
        """This moment."""
        return cls(wall=time.time(), elapsed=time.clock_gettime(_ELAPSED_CLOCK))


class SystemClock:
    """The port `Clock`: service time is wall time.

    A wall clock that was wrong when the baseline was taken and is put right later looks like a jump: `matured` then
    stays behind until the service is started again. That is the safe side.
    """

    def __init__(self, baseline: Baseline) -> None:
        self._baseline = baseline

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def wall(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def matured(self) -> float:
        """Seconds since the epoch, no more of them since the baseline than really passed."""
        elapsed = time.clock_gettime(_ELAPSED_CLOCK) - self._baseline.elapsed
        return min(time.time(), self._baseline.wall + elapsed)


class MovableClock:
    """The port `Clock` for `selfkms dev`: service time runs ahead of wall time by an offset that all processes share.

    The offset is 8 bytes of shared memory, mapped before the workers are forked and seen by each of them at once.
    With a file, the offset also outlives the processes.
    """

    def __init__(self, baseline: Baseline, file: Path | None = None) -> None:
        """Map the offset.

        Raises:
            ValueError: the file holds something else than an offset.
            OSError: the file cannot be opened.
        """
        self._system = SystemClock(baseline)
        # Open for the life of the object: the descriptor bears the lock of `advance`.
        self._file = _offset_file(file)
        try:
            self._shared = _map_offset(self._file)
        except ValueError:
            self._file.close()
            raise
        self._moving = threading.Lock()

    def close(self) -> None:
        """Give up the memory and the descriptor, in this process only."""
        self._shared.close()
        self._file.close()

    def offset(self) -> float:
        """How far service time is ahead of wall time, in seconds."""
        offset: float = _OFFSET.unpack_from(self._shared)[0]
        return offset

    def advance(self, seconds: float) -> float:
        """Move service time ahead for every process; the offset afterwards, in seconds.

        Raises:
            ValueError: backwards, not a number, or beyond 100 years in all.
        """
        # The file's lock keeps processes apart, but not the threads of one process: they have a lock of their own.
        with self._moving:
            lockf(self._file, LOCK_EX)
            try:
                moved = self.offset() + seconds
                if not (math.isfinite(seconds) and seconds >= 0 and moved <= OFFSET_SECONDS_MAX):
                    raise ValueError("the clock moves ahead only, by 100 years at most")
                _OFFSET.pack_into(self._shared, 0, moved)
            finally:
                lockf(self._file, LOCK_UN)
        return moved

    def now(self) -> float:
        """Seconds since the epoch, moved."""
        return self._system.now() + self.offset()

    def wall(self) -> float:
        """Seconds since the epoch, as clients know it."""
        return self._system.wall()

    def matured(self) -> float:
        """Seconds since the epoch, moved: moving the clock is meant to let things fall due."""
        return self._system.matured() + self.offset()


def _offset_file(file: Path | None) -> FileIO:
    """The file behind the memory. Without a path it has no name and goes with the last process that has it open."""
    if file is None:
        descriptor, name = tempfile.mkstemp()
        Path(name).unlink()
    else:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return FileIO(descriptor, "r+")


def _map_offset(file: FileIO) -> mmap.mmap:
    """The shared memory, 0.0 at first.

    Raises:
        ValueError: the file is of another length, or holds no offset.
    """
    if os.fstat(file.fileno()).st_size == 0:
        file.truncate(_OFFSET.size)
    if os.fstat(file.fileno()).st_size != _OFFSET.size:
        raise ValueError("the file of the clock's offset is not 8 bytes long")
    shared = mmap.mmap(file.fileno(), _OFFSET.size)
    if not 0 <= _OFFSET.unpack_from(shared)[0] <= OFFSET_SECONDS_MAX:
        shared.close()
        raise ValueError("the file of the clock's offset holds no offset")
    return shared

"""The machine's clocks, and the movable one."""

import math
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from selfkms.adapters.system.clock import OFFSET_SECONDS_MAX, Baseline, MovableClock, SystemClock

HOUR = 3600.0
CLOSE = 60.0  # Seconds that a test may take: differences below are not what is asked.


def forked(action: Callable[[], object]) -> int:
    """The process ID of a child that does this and nothing else."""
    child = os.fork()
    if child == 0:
        exit_code = 1
        try:
            action()
            exit_code = 0
        finally:
            os._exit(exit_code)
    return child


@pytest.fixture
def clock() -> Iterator[MovableClock]:
    made = MovableClock(Baseline.take())
    yield made
    made.close()


def jumped(seconds: float) -> Baseline:
    """The baseline of a process that started an hour ago, since when the wall clock jumped by so many seconds."""
    wall, elapsed = Baseline.take()
    return Baseline(wall=wall - HOUR - seconds, elapsed=elapsed - HOUR)


def test_the_system_clock_tells_the_time() -> None:
    """Service time is wall time, and as long as nothing jumped, all of it has matured."""
    clock = SystemClock(Baseline.take())
    for reading in (clock.now(), clock.wall(), clock.matured()):
        assert reading == pytest.approx(time.time(), abs=CLOSE)


def test_a_jump_ahead_does_not_mature() -> None:
    """What cannot be taken back does not fall due because somebody set the clock a year ahead."""
    clock = SystemClock(jumped(365 * 24 * HOUR))
    assert clock.now() == pytest.approx(time.time(), abs=CLOSE)
    assert clock.matured() == pytest.approx(time.time() - 365 * 24 * HOUR, abs=CLOSE)


def test_a_jump_back_holds_both_clocks() -> None:
    """After the wall clock was set back, nothing is ahead of it."""
    clock = SystemClock(jumped(-24 * HOUR))
    assert clock.matured() <= clock.now() <= time.time()


def test_the_movable_clock_moves_service_time_only(clock: MovableClock) -> None:
    """Clients sign with the wall clock; what was moved has matured."""
    assert clock.advance(10 * HOUR) == 10 * HOUR
    assert clock.advance(0.5) == 10 * HOUR + 0.5
    assert clock.wall() == pytest.approx(time.time(), abs=CLOSE)
    for reading in (clock.now(), clock.matured()):
        assert reading == pytest.approx(time.time() + 10 * HOUR, abs=CLOSE)


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf, -math.inf, OFFSET_SECONDS_MAX + 1])
def test_the_clock_only_moves_ahead(clock: MovableClock, seconds: float) -> None:
    """Backwards, nonsense or beyond 100 years is refused and changes nothing."""
    clock.advance(1.0)
    with pytest.raises(ValueError, match="ahead only"):
        clock.advance(seconds)
    assert clock.offset() == 1.0


def test_100_years_in_all() -> None:
    """The limit counts what was moved before."""
    clock = MovableClock(Baseline.take())
    clock.advance(OFFSET_SECONDS_MAX)
    with pytest.raises(ValueError, match="100 years"):
        clock.advance(1.0)
    clock.close()


def test_forked_processes_share_the_offset(clock: MovableClock) -> None:
    """What a child moves, its parent sees, and the other way round."""
    clock.advance(1.0)
    child = forked(lambda: clock.advance(2.0))
    assert os.waitpid(child, 0)[1] == 0
    assert clock.offset() == 3.0


def test_no_move_is_lost(clock: MovableClock) -> None:
    """Processes and threads that move the clock at the same time do so one after the other."""

    def move() -> None:
        for _ in range(200):
            clock.advance(1.0)

    children = [forked(move) for _ in range(2)]
    threads = [threading.Thread(target=move) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    assert clock.offset() == 800.0


def test_a_file_keeps_the_offset(tmp_path: Path) -> None:
    """The next process starts where the last one was; two that are open see each other."""
    path = tmp_path / "clock"
    first = MovableClock(Baseline.take(), path)
    first.advance(HOUR)
    second = MovableClock(Baseline.take(), path)
    first.advance(HOUR)
    assert second.offset() == 2 * HOUR
    first.close()
    second.close()
    third = MovableClock(Baseline.take(), path)
    assert third.offset() == 2 * HOUR
    third.close()


@pytest.mark.parametrize(
    "content", [b"1234567", b"123456789", struct.pack("=d", math.nan), struct.pack("=d", -1.0), struct.pack("=d", 1e12)]
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    """Another length, or no offset; the file stays as it is."""
    path = tmp_path / "clock"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="file of the clock's offset"):
        MovableClock(Baseline.take(), path)
    assert path.read_bytes() == content

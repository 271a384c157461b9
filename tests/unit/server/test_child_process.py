"""A forked child: a clean beginning, an end that says what it was."""

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

import pytest

from selfkms.server.child_process import describe_end, fork_child


def end_of(run: Callable[[], None]) -> str:
    """How a child that does this ends."""
    _, status = os.waitpid(fork_child(run), 0)
    return describe_end(status)


def leave(code: object) -> NoReturn:
    raise SystemExit(code)


def kill_myself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("run", "end"),
    [
        (lambda: None, "exit code 0"),
        (lambda: leave(3), "exit code 3"),
        (lambda: leave(None), "exit code 0"),
        (lambda: leave("a message"), "exit code 1"),
        (kill_myself, "killed by SIGKILL"),
    ],
    ids=["returns", "exits", "exits well", "exits with words", "is killed"],
)
def test_an_end_says_what_it_was(run: Callable[[], None], end: str) -> None:
    """Exit codes and signals, in words."""
    assert end_of(run) == end


def test_an_exception_is_shown_and_ends_the_child(capfd: pytest.CaptureFixture[str]) -> None:
    """It never reaches the parent's code, of which the child has a copy."""

    def broken() -> None:
        raise ZeroDivisionError("what went wrong")

    assert end_of(broken) == "exit code 70"
    assert "ZeroDivisionError: what went wrong" in capfd.readouterr().err


def test_a_child_begins_without_the_parent_s_signals() -> None:
    """No handler, no blocked signal; SIGINT alone is ignored, since a terminal sends it to all processes."""

    def look() -> None:
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()

    former = signal.signal(signal.SIGUSR1, lambda _number, _frame: None)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        assert end_of(look) == "exit code 0"
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGUSR1, former)


@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")
def test_a_child_dies_with_its_parent() -> None:
    """However the parent ends: here it is killed. The pipe is open for as long as the grandchild lives."""
    reading, writing = os.pipe()

    def sleep() -> None:
        os.write(writing, b"!")
        signal.pause()

    def parent() -> None:
        fork_child(sleep)
        signal.pause()

    pid = fork_child(parent)
    os.close(writing)
    assert os.read(reading, 1) == b"!"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert os.read(reading, 1) == b""
    os.close(reading)

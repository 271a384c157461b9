"""One forked child of the supervisor: how it begins, and how its end reads."""

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Final, NoReturn

EXIT_SOFTWARE: Final = 70
"""The exit code of a child that raised. Source: sysexits.h, EX_SOFTWARE."""

_PR_SET_PDEATHSIG: Final = 1


def fork_child(run: Callable[[], None]) -> int:
    """Run this in a child process; returns its process ID, in the parent only.

    The caller has one thread. The child begins with no handler and no blocked signal of the parent's, and dies with it.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _be_child(parent, run)
    return child


def describe_end(wait_status: int) -> str:
    """How a process ended, from the status that `os.waitpid` gave, in words."""
    code = os.waitstatus_to_exitcode(wait_status)
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _be_child(parent: int, run: Callable[[], None]) -> NoReturn:
    code = EXIT_SOFTWARE
    try:
        _reset_signals()
        _die_with(parent)
        run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  nothing may pass into the parent's code above, which this process has a copy of
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # What the parent registered for its own end is not ours to run.
        os._exit(code)


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all processes; the supervisor decides
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _die_with(parent: int) -> None:
    """Be killed when the parent dies, however it dies. Source: prctl(2), PR_SET_PDEATHSIG."""
    if sys.platform == "linux":
        library = ctypes.CDLL(None, use_errno=True)
        if library.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    if os.getppid() != parent:
        raise SystemExit(EXIT_SOFTWARE)  # it died before the kernel knew of our wish

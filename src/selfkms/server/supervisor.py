"""The parent of all processes: starts them, starts again what dies, and ends them in order.

It has one thread and no event loop, so that it may fork at any time; it waits for signals only. Children come in
groups, which are ended one after the other, the last one first, so that whoever needs another is gone before it.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

import msgspec

from selfkms.server.child_process import describe_end, fork_child

# SIGHUP: the terminal that `dev` was started from is closed.
_STOPPING: Final = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_WATCHED: Final = {*_STOPPING, signal.SIGCHLD}

# No signal says that a child reported ready: until all did, the pipe is looked at so often.
_READY_POLL_SECONDS: Final = 0.02
_IDLE_SECONDS: Final = 60.0


class RestartPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How soon a dead child is started again, and when not any more."""

    delay_seconds_min: float = 0.1
    """Doubled with each further death …"""
    delay_seconds_max: float = 5.0
    """… up to this."""
    reset_after_seconds: float = 10.0
    """A child that lived so long begins anew with the shortest delay."""
    early_seconds: float = 1.0
    early_deaths_max: int = 5
    """So many deaths in a row, each so soon after the start: it cannot start, and everything ends."""


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A process to keep alive."""

    name: str
    group: str
    run: Callable[[Callable[[], None]], None]
    """`run(report_ready)`, called in the child; returns when it ends. `report_ready` is called at most once."""
    awaited: bool = False
    """Whether all are ready only when this one has reported."""
    niceness: int = 0
    """How far it stands back when all cores are busy: see nice(2)."""
    restart: RestartPolicy = RestartPolicy()


class Restarts:
    """The deaths of one child, and what follows from each."""

    def __init__(self, policy: RestartPolicy) -> None:
        """Begin without any."""
        self._policy = policy
        self._delay = policy.delay_seconds_min
        self._early_deaths = 0

    def died(self, lived_seconds: float) -> float | None:
        """In how many seconds it is to start again; None: it cannot start."""
        policy = self._policy
        if lived_seconds >= policy.reset_after_seconds:
            self._delay = policy.delay_seconds_min
        self._early_deaths = self._early_deaths + 1 if lived_seconds < policy.early_seconds else 0
        if self._early_deaths >= policy.early_deaths_max:
            return None
        delay, self._delay = self._delay, min(self._delay * 2, policy.delay_seconds_max)
        return delay


class _Child:
    """What the supervisor knows of a child. `pid` is None while there is no process, which then starts at `due`."""

    def __init__(self, number: int, spec: ChildSpec) -> None:
        self.number = number
        self.spec = spec
        self.restarts = Restarts(spec.restart)
        self.pid: int | None = None
        self.started = 0.0
        self.due = 0.0
        self.ready = not spec.awaited


class _End(NamedTuple):
    child: _Child
    text: str
    exit_code: int
    """Negative: the signal that killed it."""


class Supervisor:
    """The life of all children. Runs in the main thread of its process."""

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        ready: Callable[[], None],
        monotonic: Callable[[], float],
        grace_seconds: float = 15.0,
    ) -> None:
        """Prepare; nothing starts yet.

        Args:
            specs: the children, in the order in which they start. Groups end in the reverse order of their first child.
            ready: called once, when every awaited child has reported.
            monotonic: a clock that never goes back, in seconds.
            grace_seconds: how long a group may take to end after SIGTERM, before it is killed.
        """
        self._children = [_Child(number, spec) for number, spec in enumerate(specs)]
        self._ready: Callable[[], None] | None = ready
        self._monotonic = monotonic
        self._grace_seconds = grace_seconds
        self._pipe: tuple[int, int]

    def run(self) -> int:
        """Until SIGTERM, SIGINT or SIGHUP; then 0. 1 if a child could not start."""
        self._pipe = os.pipe()
        os.set_blocking(self._pipe[0], False)
        former_mask = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        try:
            return self._watch()
        finally:
            for group in reversed(dict.fromkeys(child.spec.group for child in self._children)):
                self._end([child for child in self._children if child.spec.group == group])
            # Whoever asked twice is not to kill us when signals count again: the caller still has to clean up.
            while signal.sigtimedwait(_WATCHED, 0) is not None:
                pass
            signal.pthread_sigmask(signal.SIG_SETMASK, former_mask)
            os.close(self._pipe[0])
            os.close(self._pipe[1])

    def _watch(self) -> int:
        while True:
            for child in self._children:
                if child.pid is None and child.due <= self._monotonic():
                    self._start(child)
            self._note_ready()
            received = signal.sigtimedwait(_WATCHED, self._wait_seconds())
            if received is not None and received.si_signo in _STOPPING:
                return 0
            for end in self._reap():
                delay = end.child.restarts.died(self._monotonic() - end.child.started)
                if delay is None:
                    _say(f"{end.text}; it cannot start, ending everything")
                    return 1
                _say(f"{end.text}; starting it again in {delay:.1f} s")
                end.child.due = self._monotonic() + delay

    def _wait_seconds(self) -> float:
        if self._ready is not None:
            return _READY_POLL_SECONDS
        now = self._monotonic()
        return max(0.0, min((child.due - now for child in self._children if child.pid is None), default=_IDLE_SECONDS))

    def _start(self, child: _Child) -> None:
        child.started = self._monotonic()
        child.pid = fork_child(partial(self._run_child, child))

    def _run_child(self, child: _Child) -> None:
        """In the child."""
        os.close(self._pipe[0])
        if child.spec.niceness:
            os.nice(child.spec.niceness)
        child.spec.run(partial(self._report_ready, child))

    def _report_ready(self, child: _Child) -> None:
        """In the child: one byte, its number."""
        os.write(self._pipe[1], bytes((child.number,)))
        os.close(self._pipe[1])

    def _note_ready(self) -> None:
        """Read who is ready; after all were, only to keep the pipe from filling up with those that started again."""
        with contextlib.suppress(BlockingIOError):
            for number in os.read(self._pipe[0], 1_024):
                self._children[number].ready = True
        if self._ready is not None and all(child.ready for child in self._children):
            ready, self._ready = self._ready, None
            ready()

    def _reap(self) -> list[_End]:
        """Who died, and how. One SIGCHLD may stand for several deaths."""
        ends = []
        for child in self._children:
            if child.pid is None:
                continue
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                child.pid = None
                text = f"{child.spec.name} (process {pid}) ended: {describe_end(status)}"
                ends.append(_End(child, text, os.waitstatus_to_exitcode(status)))
        return ends

    def _end(self, children: Sequence[_Child]) -> None:
        """SIGTERM, and SIGKILL for those that take too long."""
        for child in children:
            if child.pid is not None:
                os.kill(child.pid, signal.SIGTERM)
        deadline = self._monotonic() + self._grace_seconds
        while any(child.pid is not None for child in children):
            remaining = deadline - self._monotonic()
            if remaining <= 0:
                self._kill(children)
                return
            signal.sigtimedwait({signal.SIGCHLD}, remaining)
            for end in self._reap():
                # SIGTERM itself ends a child that was not yet ready for it.
                if end.exit_code not in (0, -signal.SIGTERM):
                    _say(end.text)

    def _kill(self, children: Sequence[_Child]) -> None:
        for child in children:
            if child.pid is not None:
                _say(f"{child.spec.name} (process {child.pid}) did not end in time and is killed")
                os.kill(child.pid, signal.SIGKILL)
                os.waitpid(child.pid, 0)
                child.pid = None


def _say(line: str) -> None:
    sys.stderr.write(f"selfkms: {line}\n")
    sys.stderr.flush()

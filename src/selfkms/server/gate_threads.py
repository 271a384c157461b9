"""Threads beside the event loop, each with a gate of its own: a gate and its database belong to one thread."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from selfkms.server.interfaces import Gate, T

_log = logging.getLogger(__name__)


class GateThreads:
    """Implements `OffLoop`. What waits is bounded: a connection has one request under way."""

    def __init__(self, loop: asyncio.AbstractEventLoop, make_gate: Callable[[], Gate], *, count: int) -> None:
        """Prepare; threads start when they are needed."""
        self._loop = loop
        self._make_gate = make_gate
        self._executor = ThreadPoolExecutor(count, thread_name_prefix="gate")
        self._own = threading.local()

    async def prepare(self) -> None:
        """Start a thread and make its gate now, so that what is wrong with it is known before anyone connects."""
        await self._loop.run_in_executor(self._executor, self._gate)

    def run(self, work: Callable[[Gate], T], done: Callable[[T | None], None]) -> None:
        """Do the work in a thread, then call `done` on the loop with its result, or with None if it raised."""
        future = self._loop.run_in_executor(self._executor, self._do, work)
        future.add_done_callback(partial(_report, done))

    def close(self) -> None:
        """Give up what has not begun; a thread at work is not waited for."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _do(self, work: Callable[[Gate], T]) -> T:
        return work(self._gate())

    def _gate(self) -> Gate:
        """The gate of this thread. If it cannot be made, the next piece of work tries again."""
        gate: Gate | None = getattr(self._own, "gate", None)
        if gate is None:
            gate = self._own.gate = self._make_gate()
        return gate


def _report(done: Callable[[T | None], None], future: asyncio.Future[T]) -> None:
    if future.cancelled():
        return  # closed: nobody waits any more
    error = future.exception()
    if error is not None:
        _log.error("work off the event loop failed", exc_info=error)
    done(None if error is not None else future.result())

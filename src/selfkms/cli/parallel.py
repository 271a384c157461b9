"""Many things of one kind, some of them at once, with only as many taken up as can soon be done."""

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def in_parallel(items: Iterable[T], act: Callable[[T], object], done: Callable[[T], None], *, threads: int) -> None:
    """Call `act` for each item in one of so many threads, and afterwards `done` in this one.

    When one fails, or the user interrupts, no more are begun; those under way come to their end, and `done` hears of
    them, before the error goes on.
    """
    under_way: dict[Future[object], T] = {}
    with ThreadPoolExecutor(threads) as pool, _interrupts_noted() as check:
        try:
            for item in items:
                check()
                if len(under_way) >= 2 * threads:
                    _settle(under_way, done)
                under_way[pool.submit(act, item)] = item
            while under_way:
                check()
                _settle(under_way, done)
        except BaseException:
            _wind_up(under_way, done)
            raise


@contextmanager
def _interrupts_noted() -> Iterator[Callable[[], None]]:
    """Until the end SIGINT is only noted, and what is given raises KeyboardInterrupt where it is called.

    Raised anywhere, it could leave a lock of a future held for good: its thread would wait for it, and we for the
    thread. A second one is raised at once: somebody does not want to wait.
    """
    noted = False

    def note(_number: int, _frame: object) -> None:
        nonlocal noted
        if noted:
            raise KeyboardInterrupt
        noted = True

    def check() -> None:
        if noted:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)


def _settle(under_way: dict[Future[object], T], done: Callable[[T], None]) -> None:
    """Wait for at least one.

    Raises:
        Exception: what it failed with.
    """
    ended, _ = wait(under_way, return_when=FIRST_COMPLETED)
    failed = [future for future in ended if future.exception() is not None]
    for future in ended:
        item = under_way.pop(future)
        if future not in failed:
            done(item)
    for future in failed:
        future.result()


def _wind_up(under_way: dict[Future[object], T], done: Callable[[T], None]) -> None:
    for future in under_way:
        future.cancel()
    wait(under_way)
    for future, item in under_way.items():
        if not future.cancelled() and future.exception() is None:
            done(item)

"""Many things of one kind, some of them at once, with only as many taken up as can soon be done."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")


def in_parallel(items: Iterable[T], act: Callable[[T], object], done: Callable[[T], None], *, threads: int) -> None:
    """Call `act` for each item in one of so many threads, and afterwards `done` in this one.

    When one fails, or the user interrupts, no more are begun; those under way come to their end, and `done` hears of
    them, before the error goes on.
    """
    under_way: dict[Future[object], T] = {}
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                if len(under_way) >= 2 * threads:
                    _settle(under_way, done)
                under_way[pool.submit(act, item)] = item
            while under_way:
                _settle(under_way, done)
        except BaseException:
            _wind_up(under_way, done)
            raise


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

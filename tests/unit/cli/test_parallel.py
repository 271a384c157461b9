"""Many things at once: what is begun, what is told, and what becomes of the rest when one fails."""

import os
import signal
from collections.abc import Iterator
from threading import Barrier, Event

import pytest

from selfkms.cli.parallel import in_parallel


def test_each_is_done_once_and_told() -> None:
    """Whatever the order, `done` hears of all of them."""
    acted: list[int] = []
    told: list[int] = []
    in_parallel(range(100), acted.append, told.append, threads=4)
    assert sorted(acted) == sorted(told) == list(range(100))


def test_there_may_be_nothing_to_do() -> None:
    """Without items nothing happens."""
    in_parallel([], pytest.fail, pytest.fail, threads=2)


def test_as_many_at_once_as_there_are_threads() -> None:
    """Three wait for each other, which they could not if only two ran."""
    barrier = Barrier(3, timeout=10)
    in_parallel(range(6), lambda _: barrier.wait(), lambda _: None, threads=3)


def test_no_more_is_taken_up_than_can_soon_be_done() -> None:
    """While nothing ends, only twice as many items as threads are asked for."""
    taken: list[int] = []
    go_on = Event()

    def items() -> Iterator[int]:
        for number in range(20):
            taken.append(number)
            if number == 4:
                go_on.set()
            yield number

    def act(_: int) -> None:
        assert go_on.wait(10)
        assert len(taken) <= 6 + len(told)

    told: list[int] = []
    in_parallel(items(), act, told.append, threads=2)
    assert len(told) == 20


def test_a_failure_ends_it_and_what_succeeded_is_told() -> None:
    """The error comes out; items behind it are not begun, those that were under way are told of."""
    acted: list[int] = []
    told: list[int] = []

    def act(number: int) -> None:
        if number == 3:
            raise ConnectionError("no answer")
        acted.append(number)

    with pytest.raises(ConnectionError, match="no answer"):
        in_parallel(range(1_000), act, told.append, threads=2)
    assert sorted(told) == sorted(acted)
    assert len(acted) < 20


def test_an_interruption_is_one_too() -> None:
    """Ctrl-C, which comes in the thread that hands out the items."""
    acted: list[int] = []
    told: list[int] = []

    def items() -> Iterator[int]:
        yield from range(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_parallel(items(), acted.append, told.append, threads=1)
    assert sorted(told) == sorted(acted)


@pytest.mark.parametrize("after", range(0, 40, 5))
def test_a_signal_ends_it_between_two_steps(after: int) -> None:
    """Whenever it comes: nothing that was begun is left, or held for good."""
    before = signal.getsignal(signal.SIGINT)
    acted: list[int] = []
    told: list[int] = []

    def act(number: int) -> None:
        if number == after:
            os.kill(os.getpid(), signal.SIGINT)
        acted.append(number)

    with pytest.raises(KeyboardInterrupt):
        in_parallel(range(10_000), act, told.append, threads=4)
    assert sorted(told) == sorted(acted)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_signal_does_not_wait() -> None:
    """Somebody is impatient: it ends where it is."""
    ended = Event()

    def act(_: int) -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            # Two at the same moment count as one.
            ended.wait(0.05)

    with pytest.raises(KeyboardInterrupt):
        in_parallel(range(1), act, lambda _: None, threads=1)

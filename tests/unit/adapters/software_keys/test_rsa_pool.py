"""The pool of RSA key pairs, with numbers for key pairs."""

import itertools
import os
from collections import Counter
from threading import Event, Thread, current_thread

from selfkms.adapters.software_keys.rsa_pool import RSAPool
from selfkms.domain.kms.keys import KeySpec

SMALL, LARGE = KeySpec.RSA_2048, KeySpec.RSA_4096


class Maker:
    """Makes numbers, and remembers of which size and in which thread."""

    def __init__(self) -> None:
        self.made: list[tuple[KeySpec, str]] = []
        self._numbers = itertools.count()

    def __call__(self, key_spec: KeySpec) -> int:
        self.made.append((key_spec, current_thread().name))
        return next(self._numbers)


def settle(pool: RSAPool[int]) -> None:
    """Wait until the pool is full."""
    filler = pool._filler
    if filler is not None:
        filler.join()
    assert pool._filler is None


def test_nothing_is_made_before_it_is_asked_for() -> None:
    """Neither a key pair nor a thread."""
    maker = Maker()
    pool = RSAPool(maker, ready_per_size=2)
    assert pool._filler is None
    assert not maker.made


def test_a_pool_of_none_makes_each_when_it_is_asked_for() -> None:
    """In the caller's thread, and no other."""
    maker = Maker()
    pool = RSAPool(maker, ready_per_size=0)
    assert [pool.take(SMALL), pool.take(SMALL)] == [0, 1]
    assert maker.made == [(SMALL, current_thread().name)] * 2
    assert pool._filler is None


def test_the_first_is_made_at_once_and_the_next_ones_ahead() -> None:
    """After the first call there are two of that size; whoever takes one has it replaced."""
    maker = Maker()
    pool = RSAPool(maker, ready_per_size=2)
    pool.take(SMALL)
    settle(pool)
    assert Counter(maker.made) == {(SMALL, current_thread().name): 1, (SMALL, "rsa-pool"): 2}
    pool.take(SMALL)
    settle(pool)
    assert Counter(maker.made) == {(SMALL, current_thread().name): 1, (SMALL, "rsa-pool"): 3}


def test_each_size_has_its_own() -> None:
    """A size is made ahead from when it was asked for."""
    maker = Maker()
    pool = RSAPool(maker, ready_per_size=1)
    for key_spec in (SMALL, LARGE):
        pool.take(key_spec)
        settle(pool)
    assert Counter(key_spec for key_spec, _ in maker.made) == {SMALL: 2, LARGE: 2}


def test_nobody_waits_for_the_thread() -> None:
    """While the pool is at work, a caller that finds it empty makes its own."""
    started, go_on = Event(), Event()
    numbers = itertools.count()

    def make(_key_spec: KeySpec) -> int:
        if current_thread().name == "rsa-pool":
            started.set()
            assert go_on.wait(10)
        return next(numbers)

    pool = RSAPool(make, ready_per_size=1)
    assert pool.take(SMALL) == 0
    assert started.wait(10)
    assert pool.take(SMALL) == 1
    go_on.set()
    settle(pool)
    assert pool.take(SMALL) == 2


def test_each_key_pair_is_given_out_once() -> None:
    """However many threads take at the same time."""
    pool = RSAPool(Maker(), ready_per_size=3)
    taken: list[int] = []
    threads = [Thread(target=lambda: taken.extend(pool.take(SMALL) for _ in range(100))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settle(pool)
    assert len(taken) == len(set(taken)) == 400


def test_a_child_process_gives_out_nothing_of_its_parent() -> None:
    """Two processes never hand out one private key; the child has a lock of its own even if the parent held its."""
    pool = RSAPool(Maker(), ready_per_size=2)
    pool.take(SMALL)
    settle(pool)
    lock = pool._lock
    with lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if not pool._ready and pool._lock is not lock and pool._filler is None else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert len(pool._ready[SMALL]) == 2

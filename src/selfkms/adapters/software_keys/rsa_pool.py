"""RSA key pairs made ahead, because one takes 50 to 350 ms and is asked for by somebody who waits."""

import os
from collections.abc import Callable
from threading import Lock, Thread
from typing import Generic, TypeVar

from selfkms.domain.kms.keys import KeySpec

Pair = TypeVar("Pair")


class RSAPool(Generic[Pair]):
    """A few key pairs of each size that was ever asked for. Safe to share between threads; made once per process.

    Each key pair is given out once. A thread makes new ones while any are missing, and ends when none are: a program
    that never asks for an RSA key pair has neither thread nor key pairs. If making one fails there, the pool is not
    filled any more, and every key pair is made when it is asked for.

    Args:
        make: a new key pair of a key spec.
        ready_per_size: how many are kept ready; 0 for none, and no thread.
    """

    def __init__(self, make: Callable[[KeySpec], Pair], *, ready_per_size: int) -> None:
        self._make = make
        self._ready_per_size = ready_per_size
        self._lock = Lock()
        self._ready: dict[KeySpec, list[Pair]] = {}
        self._filler: Thread | None = None
        # What a parent process holds ready it gives out itself: a child that gave it out too would hand one private
        # key to two callers. The parent's lock may be held and its thread is not there, so both are new as well.
        if ready_per_size > 0:
            os.register_at_fork(after_in_child=self._start_empty)

    def take(self, key_spec: KeySpec) -> Pair:
        """A key pair that nobody had before and nobody gets again."""
        if self._ready_per_size == 0:
            return self._make(key_spec)
        with self._lock:
            ready = self._ready.setdefault(key_spec, [])
            pair = ready.pop() if ready else None
            if self._filler is None:
                # Daemon: a process that ends does not wait for a key pair that nobody asked for.
                self._filler = Thread(target=self._fill, name="rsa-pool", daemon=True)
                self._filler.start()
        return self._make(key_spec) if pair is None else pair

    def _start_empty(self) -> None:
        self._lock = Lock()
        self._ready = {}
        self._filler = None

    def _fill(self) -> None:
        while (key_spec := self._missing()) is not None:
            pair = self._make(key_spec)
            with self._lock:
                self._ready[key_spec].append(pair)

    def _missing(self) -> KeySpec | None:
        """Of which size there are fewest, or none if there are enough of each: then the thread has come to its end."""
        with self._lock:
            key_spec = min(self._ready, key=lambda each: len(self._ready[each]))
            if len(self._ready[key_spec]) < self._ready_per_size:
                return key_spec
            self._filler = None
            return None

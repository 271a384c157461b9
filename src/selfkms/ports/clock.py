"""Time comes in here, so that tests and `selfkms dev` can move it."""

from typing import Protocol


class Clock(Protocol):
    """Two clocks: the service's, which `selfkms dev` can move, and the wall clock, which clients sign with."""

    def now(self) -> float:
        """The service's time, seconds since the epoch: states, dates, expiry, audit."""

    def wall(self) -> float:
        """The wall clock, seconds since the epoch: signatures only. Clients do not know of a moved clock."""

    def matured(self) -> float:
        """The service's time, seconds since the epoch, less every jump ahead that the monotonic clock did not see.

        What cannot be taken back (the end of a pending window) waits for both this and `now`.
        """

"""All connections of a worker: what they share, how many there may be, and what has taken too long."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import msgspec

from selfkms.domain.limits import BODY_BYTES_MAX
from selfkms.server.response_writer import ResponseWriter
from selfkms.server.turn import Turn


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker takes from its clients."""

    connections_max: int = 1_000
    """Beyond, a connection is accepted and closed."""
    body_bytes_max: int = BODY_BYTES_MAX
    request_timeout_seconds: float = 20.0
    """From the first byte of a request to its last; then it is refused."""
    idle_timeout_seconds: float = 75.0
    """Without a request, or without the client taking its answer; then the connection is closed."""


class Member(Protocol):
    """A connection, as far as all of them are looked after together."""

    def expire(self, now: float) -> None:
        """End whatever has taken too long at `now`, in seconds of the event loop's clock."""

    def drain(self) -> None:
        """End if nothing is under way; else end after the answer."""

    def abort(self) -> None:
        """End at once, whatever is under way."""


class Connections:
    """One per worker."""

    def __init__(
        self, *, turn: Turn, writer: ResponseWriter, limits: ConnectionLimits, now: Callable[[], float]
    ) -> None:
        """Begin without any; `now` is the event loop's clock, in seconds."""
        self.turn = turn
        self.writer = writer
        self.limits = limits
        self.now = now
        self.draining = False
        """Whether each answer is the last one of its connection."""
        self._members: set[Member] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._members)

    def admit(self, member: Member) -> bool:
        """Whether there is room for this one."""
        if len(self._members) >= self.limits.connections_max:
            return False
        self._members.add(member)
        self._empty.clear()
        return True

    def forget(self, member: Member) -> None:
        """This connection is lost."""
        self._members.discard(member)
        if not self._members:
            self._empty.set()

    def sweep(self) -> None:
        """Called once a second: one timer for all connections instead of one for each request."""
        now = self.now()
        for member in tuple(self._members):
            member.expire(now)

    async def drain(self, seconds: float) -> None:
        """Answer what is under way and close everything; what is left after so long is cut off."""
        self.draining = True
        for member in tuple(self._members):
            member.drain()
        try:
            await asyncio.wait_for(self._empty.wait(), seconds)
        except TimeoutError:
            for member in tuple(self._members):
                member.abort()

"""All connections of a worker, together."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from selfkms.server.connections import ConnectionLimits, Connections
from selfkms.server.response_writer import ResponseWriter
from selfkms.server.turn import Turn


class FakeMember:
    """Says what it is asked."""

    def __init__(self, connections: Connections, *, drains: bool = True) -> None:
        self.connections = connections
        self.drains = drains
        self.log: list[object] = []

    def expire(self, now: float) -> None:
        self.log.append(now)

    def drain(self) -> None:
        self.log.append("drain")
        if self.drains:
            self.connections.forget(self)

    def abort(self) -> None:
        self.log.append("abort")
        self.connections.forget(self)


def connections(*, connections_max: int = 2, now: Callable[[], float] = lambda: 0.0) -> Connections:
    return Connections(
        turn=cast("Turn", None),  # not looked at here
        writer=ResponseWriter(now),
        limits=ConnectionLimits(connections_max=connections_max),
        now=now,
    )


def test_there_is_room_for_so_many() -> None:
    """Beyond the limit nobody is admitted; who leaves makes room."""
    all_of_them = connections(connections_max=2)
    first, second, third = (FakeMember(all_of_them) for _ in range(3))
    assert all_of_them.admit(first)
    assert all_of_them.admit(second)
    assert not all_of_them.admit(third)
    all_of_them.forget(third)
    assert len(all_of_them) == 2
    all_of_them.forget(first)
    assert all_of_them.admit(third)


def test_a_sweep_looks_at_each() -> None:
    """One reading of the clock for all; a member may leave meanwhile."""
    all_of_them = connections(now=lambda: 42.0)
    members = [FakeMember(all_of_them), FakeMember(all_of_them)]
    for member in members:
        all_of_them.admit(member)
    all_of_them.sweep()
    assert [member.log for member in members] == [[42.0], [42.0]]


@pytest.mark.parametrize("drains", [True, False])
def test_draining_waits_for_what_is_under_way_and_then_cuts_off(drains: bool) -> None:  # noqa: FBT001  a parameter of pytest
    """Whoever does not end by itself in time is ended."""
    all_of_them = connections()
    member = FakeMember(all_of_them, drains=drains)
    all_of_them.admit(member)
    asyncio.run(all_of_them.drain(0.0 if not drains else 5.0))
    assert member.log == (["drain"] if drains else ["drain", "abort"])
    assert all_of_them.draining
    assert not len(all_of_them)


def test_draining_nobody_takes_no_time() -> None:
    """Without connections there is nothing to wait for."""
    asyncio.run(connections().drain(5.0))

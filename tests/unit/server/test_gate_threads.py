"""Threads with a gate of their own."""

import asyncio
import threading

import pytest

from selfkms.domain.errors import AWSError
from selfkms.gate.outcome import Outcome
from selfkms.protocol.http import HTTPRequest, HTTPResponse
from selfkms.server.gate_threads import GateThreads
from selfkms.server.interfaces import Gate


class FakeGate:
    """Knows the thread that it was made in."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()

    def begin_turn(self) -> None: ...

    def off_loop(self, request: HTTPRequest) -> bool:
        raise NotImplementedError

    def handle(self, request: HTTPRequest) -> Outcome:
        raise NotImplementedError

    def refuse(self, error: AWSError) -> HTTPResponse:
        raise NotImplementedError


async def result_of(threads: GateThreads, work: object) -> object:
    """What `run` reports on the loop."""
    loop = asyncio.get_running_loop()
    reported: asyncio.Future[object] = loop.create_future()

    def done(result: object) -> None:
        assert asyncio.get_running_loop() is loop
        reported.set_result(result)

    assert callable(work)
    threads.run(work, done)
    return await reported


def test_each_thread_has_one_gate_and_the_loop_gets_the_result() -> None:
    """The gate is made in the thread that uses it, once; results come back on the loop."""
    made: list[FakeGate] = []

    def make_gate() -> Gate:
        made.append(FakeGate())
        return made[-1]

    def work(gate: Gate) -> tuple[Gate, int]:
        return gate, threading.get_ident()

    async def scenario() -> None:
        threads = GateThreads(asyncio.get_running_loop(), make_gate, count=1)
        await threads.prepare()
        assert len(made) == 1
        for _ in range(3):
            assert await result_of(threads, work) == (made[0], made[0].thread)
        assert made[0].thread != threading.get_ident()
        threads.close()

    asyncio.run(scenario())
    assert len(made) == 1


def test_work_that_raises_is_reported_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody waits for ever, and the thread goes on working."""

    def broken(_gate: Gate) -> str:
        raise ZeroDivisionError

    async def scenario() -> None:
        threads = GateThreads(asyncio.get_running_loop(), FakeGate, count=1)
        assert await result_of(threads, broken) is None
        assert await result_of(threads, lambda _gate: "well") == "well"
        threads.close()

    asyncio.run(scenario())
    assert "ZeroDivisionError" in caplog.text


def test_a_gate_that_cannot_be_made_is_noticed_at_the_start_and_tried_again() -> None:
    """`prepare` raises what the making raised; later work makes the gate anew."""
    attempts: list[None] = []

    def make_gate() -> Gate:
        attempts.append(None)
        if len(attempts) == 1:
            raise OSError("no database")
        return FakeGate()

    async def scenario() -> None:
        threads = GateThreads(asyncio.get_running_loop(), make_gate, count=1)
        with pytest.raises(OSError, match="no database"):
            await threads.prepare()
        assert await result_of(threads, lambda _gate: "well") == "well"
        threads.close()

    asyncio.run(scenario())


def test_what_has_not_begun_is_given_up_when_it_closes() -> None:
    """Closing waits for nothing; what is under way is still reported, what never began is not."""
    given_up: list[object] = []
    begun, release = threading.Event(), threading.Event()

    def work(_gate: Gate) -> str:
        begun.set()
        release.wait(5)
        return "done"

    async def scenario() -> None:
        threads = GateThreads(asyncio.get_running_loop(), FakeGate, count=1)
        under_way = asyncio.ensure_future(result_of(threads, work))
        await asyncio.to_thread(begun.wait, 5)
        threads.run(lambda _gate: "never", given_up.append)
        threads.close()
        release.set()
        assert await under_way == "done"

    asyncio.run(scenario())
    assert not given_up

"""One turn: handled together, recorded together, answered when safe."""

from collections.abc import Callable, Sequence

import msgspec
import pytest

from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.errors import AWSError
from selfkms.gate.outcome import Outcome
from selfkms.protocol.http import HTTPRequest, HTTPResponse
from selfkms.server.interfaces import Gate, T
from selfkms.server.turn import Turn


def response(text: str) -> HTTPResponse:
    return HTTPResponse(status=200, headers=(), body=text.encode())


def request(target: str, *, method: str = "POST", body: bytes = b"") -> HTTPRequest:
    return HTTPRequest(method=method, target=target, headers=(), body=body, peer="192.0.2.7")


class FakeGate:
    """Answers with the target. `/slow…` is for a thread, `/safe…` is recorded already, `/bug…` raises."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def begin_turn(self) -> None:
        self.log.append("begin")

    def off_loop(self, request: HTTPRequest) -> bool:
        return request.target.startswith("/slow")

    def handle(self, request: HTTPRequest) -> Outcome:
        self.log.append(request.target)
        if request.target == "/bug":
            raise ZeroDivisionError
        record = None if "safe" in request.target else AuditRecord(request.target, b"{}")
        return Outcome(response(request.target), record, lambda: response("not safe"))

    def refuse(self, error: AWSError) -> HTTPResponse:
        return response(error.code)


class FakeLink:
    """Keeps what was submitted; the test says when it is safe."""

    ready = True

    def __init__(self) -> None:
        self.submitted: list[tuple[list[str], Callable[[bool], None]]] = []

    def submit(self, records: Sequence[AuditRecord], done: Callable[[bool], None]) -> None:
        self.submitted.append(([record.event_id for record in records], done))


class FakeThreads:
    """One thread, which works when the test says so."""

    def __init__(self) -> None:
        self.gate = FakeGate()
        self.work: list[Callable[[], None]] = []

    def run(self, work: Callable[[Gate], T], done: Callable[[T | None], None]) -> None:
        self.work.append(lambda: done(work(self.gate)))

    def fail(self, _work: Callable[[Gate], T], done: Callable[[T | None], None]) -> None:
        self.work.append(lambda: done(None))


class World:
    """A turn with fakes around it, and the answers that left."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.gate = FakeGate()
        self.link = FakeLink()
        self.threads = FakeThreads()
        self.answers: list[str] = []
        self.turn = Turn(
            call_soon=self.soon.append,
            gate=self.gate,
            link=self.link,
            off_loop=self.threads,
            health={("GET", "/livez"): lambda: response("alive")},
            routes={("POST", "/-/dev/clock"): lambda body: response("clock " + body.decode())},
        )

    def add(self, *requests: HTTPRequest) -> None:
        for one in requests:
            self.turn.add(one, lambda answer: self.answers.append(answer.body.decode()))

    def run(self) -> None:
        """What the event loop would do until nothing is left."""
        while self.soon:
            self.soon.pop(0)()


def test_the_requests_of_a_turn_are_recorded_together_and_answered_when_safe() -> None:
    """One look at the database, one handover to the recorder, and no answer before the records are safe."""
    world = World()
    world.add(request("/a"), request("/b"), request("/c"))
    assert len(world.soon) == 1
    assert not world.gate.log
    world.run()
    assert world.gate.log == ["begin", "/a", "/b", "/c"]
    ((records, done),) = world.link.submitted
    assert records == ["/a", "/b", "/c"]
    assert not world.answers
    done(True)
    assert world.answers == ["/a", "/b", "/c"]


def test_an_answer_whose_record_is_not_safe_does_not_leave() -> None:
    """The other answer leaves in its place."""
    world = World()
    world.add(request("/a"), request("/b"))
    world.run()
    world.link.submitted[0][1](False)
    assert world.answers == ["not safe", "not safe"]


def test_an_answer_whose_record_stands_in_the_database_leaves_at_once() -> None:
    """It does not wait for the recorder, and is not handed to it."""
    world = World()
    world.add(request("/a"), request("/safe"))
    world.run()
    assert world.answers == ["/safe"]
    assert world.link.submitted[0][0] == ["/a"]


def test_nothing_is_submitted_when_there_is_nothing_to_record() -> None:
    """A turn without records does not bother the recorder."""
    world = World()
    world.add(request("/safe"))
    world.run()
    assert not world.link.submitted


def test_turns_do_not_wait_for_each_other() -> None:
    """The next turn begins while the records of the last one are under way."""
    world = World()
    world.add(request("/a"))
    world.run()
    world.add(request("/b"))
    world.run()
    assert [records for records, _ in world.link.submitted] == [["/a"], ["/b"]]
    world.link.submitted[1][1](True)
    world.link.submitted[0][1](True)
    assert world.answers == ["/b", "/a"]


def test_what_is_not_for_the_loop_goes_to_a_thread_with_a_gate_of_its_own() -> None:
    """The loop's gate does not see it; the thread's looks at the database first; then the record counts as ever."""
    world = World()
    world.add(request("/slow"), request("/slow-safe"))
    world.run()
    assert world.gate.log == ["begin"]
    for work in world.threads.work:
        work()
    assert world.threads.gate.log == ["begin", "/slow", "begin", "/slow-safe"]
    assert world.answers == ["/slow-safe"]
    world.run()
    ((records, done),) = world.link.submitted
    assert records == ["/slow"]
    done(True)
    assert world.answers == ["/slow-safe", "/slow"]


def test_what_comes_back_from_threads_is_recorded_with_the_turn_it_falls_into() -> None:
    """One handover for both."""
    world = World()
    world.add(request("/slow"))
    world.run()
    world.threads.work.pop()()
    world.add(request("/a"))
    world.run()
    assert world.link.submitted[0][0] == ["/slow", "/a"]


def test_a_thread_that_fails_is_answered_as_internal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client gets an answer that it may retry, whatever broke."""
    world = World()
    monkeypatch.setattr(FakeThreads, "run", FakeThreads.fail)
    world.add(request("/slow"), request("/-/dev/clock"))
    world.run()
    for work in world.threads.work:
        work()
    assert world.answers == ["InternalFailure", "InternalFailure"]


def test_a_fault_takes_no_other_request_with_it(caplog: pytest.LogCaptureFixture) -> None:
    """The gate never raises; if it does all the same, that one request fails, and the fault is logged."""
    world = World()
    world.add(request("/a"), request("/bug"), request("/b"))
    world.run()
    assert world.answers == ["InternalFailure"]
    assert "ZeroDivisionError" in caplog.text
    world.link.submitted[0][1](True)
    assert world.answers == ["InternalFailure", "/a", "/b"]


def test_health_is_answered_without_gate_and_record() -> None:
    """Health needs no signature; another method on the same path is a request like any other."""
    world = World()
    world.add(request("/livez", method="GET"), request("/livez", method="POST"))
    world.run()
    assert world.answers == ["alive"]
    assert world.gate.log == ["begin", "/livez"]


def test_further_routes_are_followed_in_a_thread() -> None:
    """A route gets the body, off the loop, and its answer needs no record."""
    world = World()
    world.add(request("/-/dev/clock", body=b"60"), request("/-/dev/clock", method="GET"))
    world.run()
    assert not world.answers
    world.threads.work.pop()()
    assert world.answers == ["clock 60"]
    assert world.gate.log == ["begin", "/-/dev/clock"]


def test_a_web_page_follows_no_route() -> None:
    """A browser sends a page's requests to this machine without asking; it says where they come from."""
    world = World()
    page = (("origin", "https://example.com"),)
    world.add(msgspec.structs.replace(request("/-/dev/clock", body=b"60"), headers=page))
    world.run()
    assert world.answers == [""]
    assert not world.threads.work


def test_refusals_are_the_gate_s() -> None:
    """How a refusal looks on the wire is not the server's to know."""
    assert World().turn.refuse(AWSError("x")).body == b"AWSError"

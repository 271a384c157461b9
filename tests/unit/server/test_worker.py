"""A worker as a process of its own, on a loopback socket."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from selfkms.server.child_process import describe_end, fork_child
from selfkms.server.listener import bind_reserved
from selfkms.server.worker import WorkerParts, WorkerSettings, run_worker
from unit.server.forked import HOST, ForkedGate, Lines, ask, connect, safe_link


class Worker:
    """One worker, under test."""

    def __init__(self, *, drain_seconds: float = 10.0, link_ready: bool = True) -> None:
        self.lines = Lines()
        self.held = bind_reserved(HOST, 0)
        self.port: int = self.held.getsockname()[1]
        release, self.release = os.pipe()
        settings = WorkerSettings(host=HOST, port=self.port, drain_seconds=drain_seconds)
        parts = WorkerParts(
            make_gate=lambda: ForkedGate(self.lines, release),
            make_link=lambda: safe_link(ready=link_ready),
            wall=lambda: 784_111_777.0,
        )
        self.pid = fork_child(lambda: run_worker(settings, parts, listening=lambda: self.lines.say("listening")))
        os.close(release)
        self.lines.forked()
        assert self.lines.next() == "listening"

    def end(self) -> str:
        """How it ended."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self.release)
        self.lines.close()
        self.held.close()
        return describe_end(status)


@contextmanager
def worker_that_ends_well(*, link_ready: bool = True) -> Iterator[Worker]:
    """A worker that is asked to stop at the end, and does."""
    worker = Worker(link_ready=link_ready)
    try:
        yield worker
    finally:
        os.kill(worker.pid, signal.SIGTERM)
        assert worker.end() == "exit code 0"


def test_a_worker_serves_and_ends_when_asked() -> None:
    """Several requests over one connection; SIGINT does not concern it; SIGTERM ends it with exit code 0."""
    with worker_that_ends_well() as worker:
        client = connect(worker.port)
        os.kill(worker.pid, signal.SIGINT)
        assert [ask(client, target) for target in ("/a", "/b")] == [(200, str(worker.pid))] * 2
        client.close()


@pytest.mark.parametrize("link_ready", [True, False])
def test_a_worker_is_ready_when_the_recorder_is(link_ready: bool) -> None:  # noqa: FBT001  a parameter of pytest
    """Without the recorder nothing could be answered, so no balancer should send anything."""
    with worker_that_ends_well(link_ready=link_ready) as worker:
        client = connect(worker.port)
        assert ask(client, "/livez")[0] == 200
        assert ask(client, "/readyz")[0] == (200 if link_ready else 503)
        client.close()


def test_a_request_under_way_is_answered_before_the_end() -> None:
    """After SIGTERM nobody new is let in; the answer says that the connection ends."""
    worker = Worker()
    client, late = connect(worker.port), connect(worker.port)
    client.request("GET", "/slow")
    assert worker.lines.next() == "slow"
    os.kill(worker.pid, signal.SIGTERM)
    while True:  # until the signal has arrived
        try:
            late.connect()
            late.close()
        except ConnectionError:
            break
    os.write(worker.release, b"!")
    answer = client.getresponse()
    assert (answer.status, answer.getheader("connection")) == (200, "close")
    client.close()
    assert worker.end() == "exit code 0"


def test_a_request_that_takes_too_long_does_not_hold_up_the_end() -> None:
    """When the time is over, its connection is cut off, its thread given up, and the worker ends well."""
    worker = Worker(drain_seconds=0.0)
    client = connect(worker.port)
    client.request("GET", "/slow")
    assert worker.lines.next() == "slow"
    os.kill(worker.pid, signal.SIGTERM)
    with pytest.raises(ConnectionError):
        client.getresponse()
    client.close()
    assert worker.end() == "exit code 0"


def test_a_worker_that_cannot_have_a_gate_does_not_listen(capfd: pytest.CaptureFixture[str]) -> None:
    """Its end says so, and nobody was let in."""

    def no_gate() -> ForkedGate:
        raise OSError("no database")

    with bind_reserved(HOST, 0) as held:
        settings = WorkerSettings(host=HOST, port=held.getsockname()[1])
        parts = WorkerParts(make_gate=no_gate, make_link=safe_link, wall=lambda: 0.0)
        pid = fork_child(lambda: run_worker(settings, parts, listening=lambda: os._exit(3)))
        assert describe_end(os.waitpid(pid, 0)[1]) == "exit code 70"
    assert "no database" in capfd.readouterr().err

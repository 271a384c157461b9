"""A real supervisor with real workers on a loopback socket: start, death, restart, the order of the end."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from selfkms.server.child_process import describe_end, fork_child
from selfkms.server.listener import bind_reserved
from selfkms.server.supervisor import ChildSpec, RestartPolicy, Supervisor
from selfkms.server.worker import WorkerParts, WorkerSettings, run_worker
from unit.server.forked import HOST, ForkedGate, Lines, ask, connect, safe_link

QUICK = RestartPolicy(delay_seconds_min=0.001, delay_seconds_max=0.002)


class Service:
    """A supervisor in a process of its own, and what its processes say."""

    def __init__(self, specs: Sequence[ChildSpec], lines: Lines, *, grace_seconds: float = 10.0) -> None:
        self.lines = lines

        def supervise() -> None:
            supervisor = Supervisor(
                specs, ready=lambda: lines.say("ready"), monotonic=time.monotonic, grace_seconds=grace_seconds
            )
            raise SystemExit(supervisor.run())

        self.pid = fork_child(supervise)
        lines.forked()

    def end(self) -> tuple[str, list[str]]:
        """How it ended, and what was said until everybody was gone."""
        _, status = os.waitpid(self.pid, 0)
        said = list(iter(self.lines.next, ""))
        self.lines.close()
        return describe_end(status), said


def until_terminated(name: str, lines: Lines) -> Callable[[Callable[[], None]], None]:
    """A child that ends when it is asked to, and says so."""

    def run(report: Callable[[], None]) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        report()
        lines.say(f"{name} began")
        signal.sigwait({signal.SIGTERM})
        lines.say(f"{name} ended")

    return run


@contextmanager
def two_workers() -> Iterator[tuple[Service, int, list[int]]]:
    """A base that outlives two workers; the service, its port, and the workers' process IDs. It is ready."""
    lines = Lines()
    with bind_reserved(HOST, 0) as held:
        port: int = held.getsockname()[1]
        settings = WorkerSettings(host=HOST, port=port)
        parts = WorkerParts(make_gate=lambda: ForkedGate(lines, -1), make_link=safe_link, wall=lambda: 0.0)

        def work(report: Callable[[], None]) -> None:
            def listening() -> None:
                lines.say(f"listening {os.getpid()}")
                report()

            run_worker(settings, parts, listening=listening)
            lines.say("worker ended")

        specs = [
            ChildSpec(name="base", group="base", run=until_terminated("base", lines)),
            *(ChildSpec(name=f"worker {number}", group="workers", run=work, awaited=True) for number in (1, 2)),
        ]
        service = Service(specs, lines)
        begun = sorted(lines.next() for _ in range(3))
        assert begun[0] == "base began"
        assert lines.next() == "ready"
        yield service, port, [int(line.split()[1]) for line in begun[1:]]


def test_workers_share_the_port_and_everything_ends_in_order() -> None:
    """All is ready when both listen; the end comes to the workers first, then to what they stand on; exit code 0."""
    with two_workers() as (service, port, workers):
        for _ in range(4):
            client = connect(port)
            status, body = ask(client, "/")
            assert (status, int(body) in workers) == (200, True)
            client.close()
        os.kill(service.pid, signal.SIGTERM)
        end, said = service.end()
        assert end == "exit code 0"
        assert said == ["worker ended", "worker ended", "base ended"]
        with pytest.raises(ConnectionRefusedError):
            connect(port).connect()


def test_a_worker_that_dies_is_started_again(capfd: pytest.CaptureFixture[str]) -> None:
    """The other one goes on meanwhile; one line says what happened; `ready` is not called again."""
    with two_workers() as (service, port, workers):
        client = connect(port)
        victim = int(ask(client, "/")[1])
        with pytest.raises(ConnectionError):
            ask(client, "/die")
        client.close()
        again = service.lines.next()
        assert again.startswith("listening")
        assert int(again.split()[1]) not in workers
        client = connect(port)
        assert int(ask(client, "/")[1]) != victim
        client.close()
        os.kill(service.pid, signal.SIGINT)
        assert service.end() == ("exit code 0", ["worker ended", "worker ended", "base ended"])
    (line,) = capfd.readouterr().err.splitlines()
    assert f"(process {victim}) ended: exit code 9; starting it again in 0.1 s" in line


def test_a_child_that_cannot_start_ends_everything(capfd: pytest.CaptureFixture[str]) -> None:
    """After five deaths; the others are ended in order; exit code 1."""
    lines = Lines()

    def die(_report: Callable[[], None]) -> None:
        raise SystemExit(3)

    specs = [
        ChildSpec(name="base", group="base", run=until_terminated("base", lines)),
        ChildSpec(name="unlucky", group="workers", run=die, awaited=True, restart=QUICK),
    ]
    service = Service(specs, lines)
    assert service.end() == ("exit code 1", ["base began", "base ended"])
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 5
    assert "unlucky" in said[-1]
    assert "cannot start" in said[-1]


def test_a_child_that_does_not_end_is_killed(capfd: pytest.CaptureFixture[str]) -> None:
    """When its time is over; the group before it still ends in its turn."""
    lines = Lines()

    def stubborn(report: Callable[[], None]) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        report()
        while True:
            signal.pause()

    specs = [
        ChildSpec(name="base", group="base", run=until_terminated("base", lines), awaited=True),
        ChildSpec(name="stubborn", group="workers", run=stubborn, awaited=True),
    ]
    service = Service(specs, lines, grace_seconds=0.1)
    assert {lines.next(), lines.next()} == {"base began", "ready"}
    os.kill(service.pid, signal.SIGTERM)
    assert service.end() == ("exit code 0", ["base ended"])
    assert "stubborn" in capfd.readouterr().err


def test_a_child_may_stand_back() -> None:
    """By its own niceness, and nobody else by it."""
    lines = Lines()

    def tell(name: str) -> Callable[[Callable[[], None]], None]:
        def run(_report: Callable[[], None]) -> None:
            lines.say(f"{name} {os.nice(0)}")
            signal.pause()

        return run

    specs = [
        ChildSpec(name="base", group="base", run=tell("base")),
        ChildSpec(name="modest", group="base", run=tell("modest"), niceness=5),
    ]
    service = Service(specs, lines)
    here = os.nice(0)
    assert {lines.next() for _ in range(3)} == {"ready", f"base {here}", f"modest {min(here + 5, 19)}"}
    os.kill(service.pid, signal.SIGTERM)
    assert service.end() == ("exit code 0", [])


def test_no_child_outlives_the_supervisor() -> None:
    """Not even when it is killed: the pipe that they all hold is closed."""
    with two_workers() as (service, _, _):
        os.kill(service.pid, signal.SIGKILL)
        assert service.end() == ("killed by SIGKILL", [])

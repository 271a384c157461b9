"""A worker without a loop, sockets or time of its own, to drive connections in."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.errors import AWSError
from selfkms.gate.outcome import Outcome
from selfkms.protocol.http import HTTPRequest, HTTPResponse
from selfkms.server.connections import ConnectionLimits, Connections
from selfkms.server.http_connection import HTTPConnection
from selfkms.server.interfaces import Gate, T
from selfkms.server.response_writer import ResponseWriter
from selfkms.server.turn import Turn

REQUEST_TIMEOUT = 20.0
IDLE_TIMEOUT = 75.0


def post(target: str, body: bytes = b"", more: bytes = b"") -> bytes:
    head = f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n".encode()
    return head + more + b"\r\n" + body


class FakeGate:
    """Answers with the target, without a record; `/recorded…` has one."""

    def __init__(self) -> None:
        self.requests: list[HTTPRequest] = []

    def begin_turn(self) -> None: ...

    def off_loop(self, request: HTTPRequest) -> bool:
        return request.target == "/slow"

    def handle(self, request: HTTPRequest) -> Outcome:
        self.requests.append(request)
        response = HTTPResponse(status=200, headers=(), body=request.target.encode())
        record = AuditRecord(request.target, b"{}") if request.target.startswith("/recorded") else None
        return Outcome(response, record, lambda: HTTPResponse(status=500, headers=(), body=b"otherwise"))

    def refuse(self, error: AWSError) -> HTTPResponse:
        return HTTPResponse(status=error.http_status, headers=(), body=error.code.encode())


class FakeLink:
    """Keeps what is to be called when the records are safe."""

    ready = True

    def __init__(self) -> None:
        self.done: list[Callable[[bool], None]] = []

    def submit(self, records: Sequence[AuditRecord], done: Callable[[bool], None]) -> None:
        assert records
        self.done.append(done)


class NoThreads:
    """Nothing here goes off the loop."""

    def run(self, work: Callable[[Gate], T], done: Callable[[T | None], None]) -> None:
        raise NotImplementedError


class FakeTLS:
    """What the standard library says of a TLS connection."""

    def version(self) -> str:
        return "TLSv1.3"

    def cipher(self) -> tuple[str, str, int]:
        return "TLS_AES_256_GCM_SHA384", "TLSv1.3", 256


class FakeTransport(asyncio.Transport):
    """Strict as uvloop's: a write after the end raises. The connection is lost when the test says so."""

    def __init__(self, extra: dict[str, Any]) -> None:
        super().__init__(extra)
        self.writes: list[bytes] = []
        self.closed = False
        self.aborted = False
        self.eof_written = False
        self.paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        assert not self.eof_written
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def can_write_eof(self) -> bool:
        return self.get_extra_info("ssl_object") is None

    def write_eof(self) -> None:
        self.eof_written = True

    def pause_reading(self) -> None:
        assert not self.paused
        assert not self.closed
        self.paused = True

    def resume_reading(self) -> None:
        assert self.paused
        assert not self.closed
        self.paused = False


class Client:
    """The other side of one connection."""

    def __init__(self, world: "World", *, tls: bool = False) -> None:
        extra: dict[str, Any] = {"peername": ("2001:db8::7%eth0", 50_000, 0, 3)}
        if tls:
            extra["ssl_object"] = FakeTLS()
        self.world = world
        self.transport = FakeTransport(extra)
        self.connection = HTTPConnection(world.connections)
        self.connection.connection_made(self.transport)

    def send(self, data: bytes, *, run: bool = True) -> None:
        """What the loop would deliver, and then what it would do; nothing while reading is paused."""
        assert not self.transport.paused
        self.connection.data_received(data)
        if run:
            self.world.run()

    @property
    def received(self) -> bytes:
        """Everything written so far."""
        return b"".join(self.transport.writes)

    @property
    def answers(self) -> list[tuple[int, str]]:
        """Status and body of everything written so far."""
        heads_and_bodies = [written.split(b"\r\n\r\n", 1) for written in self.transport.writes]
        return [(int(head.split()[1]), body.decode()) for head, body in heads_and_bodies]

    def paused(self) -> bool:
        return self.transport.paused

    def closed(self) -> bool:
        return self.transport.closed

    def aborted(self) -> bool:
        return self.transport.aborted

    def lose(self) -> None:
        self.transport.closed = True
        self.connection.connection_lost(None)


class World:
    """A worker without a loop: time stands still unless the test moves it."""

    def __init__(self, *, connections_max: int = 10, body_bytes_max: int = 100_000) -> None:
        self.now = 1_000.0
        self.soon: list[Callable[[], None]] = []
        self.gate = FakeGate()
        self.link = FakeLink()
        turn = Turn(
            call_soon=self.soon.append,
            gate=self.gate,
            link=self.link,
            off_loop=NoThreads(),
            health={("GET", "/livez"): lambda: HTTPResponse(status=200, headers=(), body=b"alive")},
            routes={},
        )
        self.connections = Connections(
            turn=turn,
            writer=ResponseWriter(lambda: 0.0),
            limits=ConnectionLimits(
                connections_max=connections_max,
                body_bytes_max=body_bytes_max,
                request_timeout_seconds=REQUEST_TIMEOUT,
                idle_timeout_seconds=IDLE_TIMEOUT,
            ),
            now=lambda: self.now,
        )

    def connect(self, *, tls: bool = False) -> Client:
        return Client(self, tls=tls)

    def run(self) -> None:
        while self.soon:
            self.soon.pop(0)()

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.connections.sweep()
        self.run()

    def safe(self, safe: bool = True) -> None:  # noqa: FBT001, FBT002  as the recorder link calls it
        self.link.done.pop(0)(safe)
        self.run()

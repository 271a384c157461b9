"""What real processes need in tests: lines they say things with, a gate, and requests over a loopback socket."""

import http.client
import os
import select
import ssl
from collections.abc import Callable, Sequence

from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.errors import AWSError
from selfkms.gate.outcome import Outcome
from selfkms.protocol.http import HTTPRequest, HTTPResponse

HOST = "127.0.0.1"
PATIENCE_SECONDS = 10.0


class Lines:
    """A pipe that any forked process may say a line into; it ends when the last of them has."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()

    def say(self, line: str) -> None:
        os.write(self.writing, f"{line}\n".encode())

    def forked(self) -> None:
        """In the parent, after the fork: only the children still say anything."""
        os.close(self.writing)

    def next(self) -> str:
        """The next line, or nothing at the end."""
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self.reading], [], [], PATIENCE_SECONDS)
            assert ready, f"no line came, only {line!r}"
            byte = os.read(self.reading, 1)
            if not byte:
                break
            line += byte
        return line.decode().rstrip("\n")

    def close(self) -> None:
        os.close(self.reading)


class ForkedGate:
    """Answers with the process ID. `/slow` runs in a thread until it is let go, `/die` ends the process."""

    def __init__(self, lines: Lines, release: int) -> None:
        self.lines = lines
        self.release = release

    def begin_turn(self) -> None: ...

    def off_loop(self, request: HTTPRequest) -> bool:
        return request.target == "/slow"

    def handle(self, request: HTTPRequest) -> Outcome:
        if request.target == "/die":
            os._exit(9)
        if request.target == "/slow":
            self.lines.say("slow")
            os.read(self.release, 1)
        response = HTTPResponse(status=200, headers=(), body=str(os.getpid()).encode())
        return Outcome(response, AuditRecord("id", b"{}"), lambda: response)

    def refuse(self, error: AWSError) -> HTTPResponse:
        return HTTPResponse(status=error.http_status, headers=(), body=error.code.encode())


class SafeLink:
    """Everything is safe at once."""

    def __init__(self, *, ready: bool = True) -> None:
        self.ready = ready

    def submit(self, records: Sequence[AuditRecord], done: Callable[[bool], None]) -> None:
        assert records
        done(True)


async def safe_link(*, ready: bool = True) -> SafeLink:
    """As a worker makes its link."""
    return SafeLink(ready=ready)


def connect(port: int, tls: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
    """A client."""
    if tls is None:
        return http.client.HTTPConnection(HOST, port, timeout=PATIENCE_SECONDS)
    return http.client.HTTPSConnection(HOST, port, timeout=PATIENCE_SECONDS, context=tls)


def ask(client: http.client.HTTPConnection, target: str) -> tuple[int, str]:
    """Status and body of the answer to a GET."""
    client.request("GET", target)
    answer = client.getresponse()
    return answer.status, answer.read().decode()

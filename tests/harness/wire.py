"""A client that sends whatever bytes it likes, and reads answers so exactly that half of one is noticed."""

import contextlib
import json
import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness.server import Server, credentials_of

HTTP_LEVEL_CODES = frozenset(
    {"MalformedHttpRequestException", "RequestEntityTooLargeException", "RequestTimeoutException"}
)
"""The refusals of what never became a request; they have a request ID, and no audit record."""

ANSWER_SECONDS_MAX = 30.0


class ClosedError(Exception):
    """The server closed the connection instead of answering; not a byte of an answer came."""


class HalfAnswerError(Exception):
    """The connection ended within an answer."""


class Answer(NamedTuple):
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    raw: bytes
    """All of it, as it came."""

    @property
    def request_id(self) -> str:
        """What the client knows the request by."""
        return self.headers["x-amzn-requestid"]

    @property
    def content(self) -> dict[str, Any]:
        """The JSON object in the body; empty for an empty body."""
        content = json.loads(self.body or b"{}")
        assert isinstance(content, dict)
        return content

    @property
    def code(self) -> str | None:
        """The code of an error; None for a success."""
        code = self.content.get("__type")
        assert (code is None) is (self.status == 200), self
        assert code is None or isinstance(code, str)
        return code

    @property
    def closes(self) -> bool:
        """Whether the server says that it closes the connection."""
        return self.headers.get("connection", "").lower() == "close"


class HasPort(Protocol):
    """A server, or what stands for it elsewhere."""

    @property
    def port(self) -> int:
        """Of the API, on 127.0.0.1."""


class Connection:
    """One connection to a server, without TLS. For use in a `with` statement."""

    def __init__(self, server: HasPort) -> None:
        """Connect."""
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=ANSWER_SECONDS_MAX)
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it from this side."""
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send all of it, or as much as the server lets in before it closes."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(data)

    def finish(self) -> None:
        """Say that nothing more comes."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def answer(self) -> Answer:
        """The next answer; `100 Continue` is one without body."""
        while b"\r\n\r\n" not in self._received:
            self._receive()
        head, _, rest = self._received.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body_bytes = int(headers.get("content-length", "0"))
        while len(rest) < body_bytes:
            self._receive()
            rest = self._received[len(head) + 4 :]
        length = len(head) + 4 + body_bytes
        raw, self._received = self._received[:length], self._received[length:]
        return Answer(int(status_line.split(" ")[1]), headers, rest[:body_bytes], raw)

    def answers(self) -> list[Answer]:
        """All answers until the server closes."""
        found = []
        with contextlib.suppress(ClosedError):
            while True:
                found.append(self.answer())
        return found

    def ask(self, data: bytes) -> Answer:
        """Send a request and read its answer."""
        self.send(data)
        return self.answer()

    def drip(self, data: bytes, *, pause_seconds: float) -> None:
        """Send byte by byte, until something comes back or everything is sent."""
        self._socket.settimeout(pause_seconds)
        try:
            for byte in data:
                self.send(bytes((byte,)))
                with contextlib.suppress(TimeoutError):
                    self._receive()
                    return
        finally:
            self._socket.settimeout(ANSWER_SECONDS_MAX)

    def is_open(self) -> bool:
        """Whether the server has neither closed nor sent anything."""
        self._socket.settimeout(0.0)
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False
        finally:
            self._socket.settimeout(ANSWER_SECONDS_MAX)

    def _receive(self) -> None:
        try:
            data = self._socket.recv(65_536)
        except ConnectionResetError:
            data = b""
        if not data:
            if self._received:
                raise HalfAnswerError(repr(self._received))
            raise ClosedError
        self._received += data


def once(server: Server, data: bytes) -> Answer:
    """The answer to a request on a connection of its own."""
    with Connection(server) as connection:
        return connection.ask(data)


def signed_headers(
    server: Server, operation: str, body: bytes, *, profile: str = "default", region: str = "us-east-1"
) -> dict[str, str]:
    """The headers of a request that botocore signs, without Content-Length."""
    credentials = credentials_of(server.data_dir, profile)
    unsigned = AWSRequest(
        method="POST",
        url=f"{server.endpoint}/",
        data=body,
        headers={
            "Host": f"127.0.0.1:{server.port}",
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"TrentService.{operation}",
        },
    )
    signer = Credentials(credentials["aws_access_key_id"], credentials["aws_secret_access_key"])
    SigV4Auth(signer, "kms", region).add_auth(unsigned)
    return dict(unsigned.headers.items())


def framed(headers: Mapping[str, str], body: bytes, *, first_line: str = "POST / HTTP/1.1") -> bytes:
    """An HTTP request with these headers and Content-Length."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{first_line}\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body


def call(
    server: Server,
    operation: str,
    parameters: Mapping[str, Any] | bytes,
    *,
    profile: str = "default",
    more: Mapping[str, str] | None = None,
    first_line: str = "POST / HTTP/1.1",
) -> bytes:
    """A signed request as bytes; `parameters` as JSON, or a body as it is. `more` headers are not signed."""
    body = parameters if isinstance(parameters, bytes) else json.dumps(parameters).encode()
    headers = signed_headers(server, operation, body, profile=profile)
    return framed({**headers, **(more or {})}, body, first_line=first_line)

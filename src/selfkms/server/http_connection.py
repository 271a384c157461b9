"""One connection: requests in, answers out, in the same order.

One request of a connection is under way at a time. A client that sends more (pipelining) has 16 of them waiting, and is
not read from beyond that; one that does not take its answers is not read from either. A refusal on the level of HTTP
ends the connection, after the answers to what came before it.
"""

import asyncio
from collections import deque
from math import inf
from typing import Final, cast

from selfkms.domain.errors import AWSError
from selfkms.protocol.http import HTTPResponse
from selfkms.server.connections import Connections
from selfkms.server.errors import RequestTimeoutException
from selfkms.server.request_reader import Received, RequestReader
from selfkms.server.response_writer import CONTINUE
from selfkms.server.tls import tls_details

QUEUED_MAX: Final = 16
"""Requests of one connection that wait for the one under way, before its client is no longer read from."""

# Bytes are parsed in pieces, so that one read cannot bring thousands of small requests at once.
_PIECE_BYTES: Final = 4_096

# After a refusal the rest of what the client sends is read and dropped, else its system would discard the answer with a
# reset (RFC 9112, 9.6).
_LINGER_SECONDS: Final = 2.0


class HTTPConnection(asyncio.Protocol):
    """HTTP/1.1 and 1.0, with or without TLS beneath."""

    def __init__(self, shared: Connections) -> None:
        """Wait for the transport."""
        self._shared = shared
        self._transport: asyncio.Transport
        self._reader: RequestReader
        self._queue: deque[Received] = deque()
        self._unread = b""
        """What came in while the queue was full."""
        self._current: Received | None = None
        """The request under way."""
        self._refusal: AWSError | None = None
        self._deaf = True
        """Whether whatever still comes in is dropped."""
        self._ending = False
        """Whether the last answer was written."""
        self._half_closed = False
        self._reading_paused = False
        self._writing_paused = False
        self._deadline = inf
        """For the client to begin a request or to take an answer, in seconds of the loop's clock."""
        self._message_deadline = inf
        """For a request that has begun to be complete."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there, and its TLS handshake is done."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports do not say that they are one
        peername = transport.get_extra_info("peername") or ("",)  # None if the client is gone again
        self._reader = RequestReader(
            body_bytes_max=self._shared.limits.body_bytes_max,
            peer=peername[0].partition("%")[0],  # RFC 4007, 11: what follows names an interface of ours
            tls=tls_details(transport),
        )
        if self._shared.admit(self):
            self._deaf = False
            self._await_request()
        else:
            self._ending = True
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature; why is of no interest
        """The connection is gone. What is under way finishes, and its answer is dropped."""
        self._shared.forget(self)
        self._deaf = self._ending = True
        self._queue.clear()
        self._unread = b""
        self._reader.close()

    def data_received(self, data: bytes) -> None:
        """Bytes came in."""
        if not self._deaf:
            self._unread = self._unread + data if self._unread else data
            self._read()
            self._proceed()

    def eof_received(self) -> bool:
        """The client sends no more. It may still wait for answers; whether the transport stays open for them."""
        self._deaf = True
        self._half_closed = True
        # Over TLS a connection cannot be half closed.
        return bool(self._current or self._queue) and self._transport.get_extra_info("ssl_object") is None

    def pause_writing(self) -> None:
        """The client takes its answers more slowly than it asks."""
        self._writing_paused = True
        self._deadline = self._shared.now() + self._shared.limits.idle_timeout_seconds

    def resume_writing(self) -> None:
        """The client has taken its answers."""
        self._writing_paused = False
        if not self._ending:
            self._await_request()
            self._proceed()

    def answer(self, response: HTTPResponse) -> None:
        """Write the answer to the request under way, and go on to the next one."""
        received, self._current = self._current, None
        if received is None or self._transport.is_closing():
            return
        close = received.last or self._shared.draining
        self._write(response, close=close, without_body=received.request.method == "HEAD")
        if close:
            self._end()
        else:
            self._await_request()
            self._proceed()

    def expire(self, now: float) -> None:
        """End whatever has taken too long. Called once a second."""
        if now >= self._message_deadline:
            self._message_deadline = inf
            self._deaf = True
            self._refusal = RequestTimeoutException("Reading the request timed out.")
            self._proceed()
        elif now >= self._deadline:
            if self._ending or self._writing_paused:
                self._transport.abort()
            elif self._current is None and self._message_deadline == inf:
                self._end()

    def drain(self) -> None:
        """End if nothing is under way; else end after the answer."""
        if self._ending or (self._current is None and not self._reader.mid_message):
            self._end()

    def abort(self) -> None:
        """End at once."""
        self._transport.abort()

    def _read(self) -> None:
        """Parse what came in, as far as there is room for the requests in it."""
        data, self._unread = self._unread, b""
        for start in range(0, len(data), _PIECE_BYTES):
            if len(self._queue) >= QUEUED_MAX:
                self._unread = data[start:]
                break
            complete = self._reader.feed(data[start : start + _PIECE_BYTES])
            if complete:
                self._queue.extend(complete)
                self._message_deadline = inf
            if self._reader.refusal is not None or self._reader.ended:
                self._refusal = self._reader.refusal
                self._deaf = True
                break

    def _proceed(self) -> None:
        """Take the next request, if none is under way and its answer could be written; or what stands in its place."""
        if self._current is None and not self._writing_paused and not self._transport.is_closing():
            if self._unread and not self._queue:
                self._read()
            if self._queue:
                self._current = self._queue.popleft()
                self._deadline = inf
                self._shared.turn.add(self._current.request, self.answer)
            elif self._refusal is not None:
                self._refuse(self._refusal)
            elif self._half_closed:
                self._end()
            elif self._reader.wants_continue:
                self._reader.wants_continue = False
                self._transport.write(CONTINUE)
        self._watch()

    def _watch(self) -> None:
        """Read only if there is room for what comes in; then a request that has begun must be complete in time."""
        if self._transport.is_closing():
            return
        full = not self._deaf and (self._writing_paused or bool(self._unread) or len(self._queue) >= QUEUED_MAX)
        if full != self._reading_paused:
            self._reading_paused = full
            if full:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()
        if full or self._deaf or not self._reader.mid_message:
            self._message_deadline = inf
        elif self._message_deadline == inf:
            self._message_deadline = self._shared.now() + self._shared.limits.request_timeout_seconds

    def _await_request(self) -> None:
        self._deadline = self._shared.now() + self._shared.limits.idle_timeout_seconds

    def _write(self, response: HTTPResponse, *, close: bool, without_body: bool = False) -> None:
        self._transport.write(self._shared.writer.render(response, close=close, without_body=without_body))

    def _refuse(self, error: AWSError) -> None:
        """Answer what never became a request; then drop what comes in until the client closes too, or for a while."""
        self._refusal = None
        self._deaf = self._ending = True
        self._write(self._shared.turn.refuse(error), close=True)
        self._deadline = self._shared.now() + _LINGER_SECONDS
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _end(self) -> None:
        """Close, once the client has taken what was written; it has as long for that as for any answer."""
        self._deaf = self._ending = True
        self._deadline = self._shared.now() + self._shared.limits.idle_timeout_seconds
        self._transport.close()

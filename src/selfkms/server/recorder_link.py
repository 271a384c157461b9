"""The way to the recorder: for a worker on its event loop, and for the keeper and commands with a blocking socket."""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, cast

from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.ports.audit_sink import JournalUnavailableError
from selfkms.server.recorder import ANSWER, GREETING, SAFE, WireError, encode_message, split

TIMEOUT_SECONDS: Final = 5.0
WAITING_BATCHES_MAX: Final = 1_024
WAITING_BYTES_MAX: Final = 64 * 1_048_576
_PAUSE_SECONDS_MIN: Final = 0.01
_PAUSE_SECONDS_MAX: Final = 0.5

_log: Final = logging.getLogger(__name__)


class _Submission:
    """What was submitted in one call: one batch, or several if it was long."""

    __slots__ = ("_done", "_left", "_safe")

    def __init__(self, batches: int, done: Callable[[bool], None]) -> None:
        self._left = batches
        self._safe = True
        self._done = done

    def settle(self, *, safe: bool) -> None:
        """One of its batches is safe, or is given up."""
        self._left -= 1
        self._safe = self._safe and safe
        if self._left == 0:
            self._done(self._safe)


class _Batch:
    """A message that has no answer yet."""

    __slots__ = ("deadline", "message", "submission")

    def __init__(self, message: bytes, deadline: float, submission: _Submission) -> None:
        self.message = message
        self.deadline = deadline
        """By the clock of the event loop, in seconds."""
        self.submission = submission


class AsyncRecorderLink:
    """A worker's way to the recorder. All calls, and `done`, belong to the thread of the event loop."""

    def __init__(self, path: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """A link to the recorder that listens at `path`; a batch is given up after `timeout_seconds` without answer."""
        self._path = path
        self._timeout_seconds = timeout_seconds
        self._waiting: dict[int, _Batch] = {}
        self._waiting_bytes = 0
        self._last_number = 0
        self._connection: _Connection | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._reconnecting: asyncio.Task[None] | None = None
        self._greeted = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether the recorder has greeted on the present connection."""
        return self._greeted.is_set()

    async def connect(self) -> None:
        """Connect, and from now on again whenever the connection is lost.

        Raises:
            JournalUnavailableError: the recorder did not greet in time.
        """
        self._loop = asyncio.get_running_loop()
        self._reconnecting = self._loop.create_task(self._stay_connected())
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._greeted.wait()
        except TimeoutError as error:
            await self.close()
            raise JournalUnavailableError("the recorder does not answer") from error

    def submit(self, records: Sequence[AuditRecord], done: Callable[[bool], None]) -> None:
        """Hand the records over. `done` is called once, with whether all of them are safe; it must not raise.

        It is called with False: within this call, if too much is waiting or a record is too long; later, if the journal
        fails or does not answer in time. What was not answered when the connection was lost is sent again.
        """
        try:
            pieces = split(records)
        except WireError as error:
            _log.error("a record is not handed over: %s", error)
            done(False)
            return
        if len(self._waiting) + len(pieces) > WAITING_BATCHES_MAX or self._waiting_bytes > WAITING_BYTES_MAX:
            done(False)
            return
        submission = _Submission(len(pieces), done)
        deadline = self._loop.time() + self._timeout_seconds
        for piece in pieces:
            self._last_number += 1
            message = encode_message(self._last_number, piece)
            self._waiting[self._last_number] = _Batch(message, deadline, submission)
            self._waiting_bytes += len(message)
            if self._connection:
                self._connection.send(message)
        if self._expiry is None:
            self._expiry = self._loop.call_at(deadline, self._expire)

    async def close(self) -> None:
        """Disconnect. What waits is given up."""
        if self._reconnecting:
            self._reconnecting.cancel()
            await asyncio.wait([self._reconnecting])
        if self._connection:
            self._connection.close()
        if self._expiry:
            self._expiry.cancel()
        for number in list(self._waiting):
            self._settle(number, safe=False)

    def connected(self, connection: "_Connection") -> None:
        """There is a connection: send what has no answer, in its order."""
        self._connection = connection
        for batch in self._waiting.values():
            connection.send(batch.message)

    def answered(self, number: int, status: int) -> None:
        """The recorder has answered a batch."""
        if number == GREETING:
            self._greeted.set()
        else:
            self._settle(number, safe=status == SAFE)

    def disconnected(self) -> None:
        """The connection is lost."""
        self._connection = None
        self._greeted.clear()

    def _settle(self, number: int, *, safe: bool) -> None:
        # A batch that was given up may still be answered; nobody waits for it any more.
        batch = self._waiting.pop(number, None)
        if batch:
            self._waiting_bytes -= len(batch.message)
            batch.submission.settle(safe=safe)

    def _expire(self) -> None:
        """Give up what has waited too long. The oldest come first, and one timer for the oldest is enough."""
        self._expiry = None
        now = self._loop.time()
        for number, batch in list(self._waiting.items()):
            if batch.deadline > now:
                self._expiry = self._loop.call_at(batch.deadline, self._expire)
                break
            self._settle(number, safe=False)

    async def _stay_connected(self) -> None:
        pause_seconds = _PAUSE_SECONDS_MIN
        while True:
            lost = self._loop.create_future()
            try:
                await self._loop.create_unix_connection(partial(_Connection, self, lost), self._path)
                if await lost:
                    pause_seconds = _PAUSE_SECONDS_MIN
            except OSError as error:
                _log.debug("the recorder cannot be reached: %s", error)
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, _PAUSE_SECONDS_MAX)


class _Connection(asyncio.Protocol):
    """One connection to the recorder."""

    def __init__(self, link: AsyncRecorderLink, lost: asyncio.Future[bool]) -> None:
        self._link = link
        self._lost = lost
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio's, but not their classes.
        self._transport = cast("asyncio.WriteTransport", transport)
        self._link.connected(self)

    def send(self, message: bytes) -> None:
        """Send, unless the connection is about to be lost; then the message goes over the next one."""
        if not self._transport.is_closing():
            self._transport.write(message)

    def data_received(self, data: bytes) -> None:
        received = self._received + data
        whole = len(received) - len(received) % ANSWER.size
        self._received = received[whole:]
        for number, status in ANSWER.iter_unpack(received[:whole]):
            self._link.answered(number, status)

    def connection_lost(self, _error: Exception | None) -> None:
        greeted = self._link.ready
        self._link.disconnected()
        if not self._lost.done():
            self._lost.set_result(greeted)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


class BlockingRecorderLink:
    """`ports.audit_sink.AuditSink` for a process without an event loop: the keeper, a command."""

    def __init__(self, path: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """A link to the recorder that listens at `path`; it connects when it is first used."""
        self._path = path
        self._timeout_seconds = timeout_seconds
        self._connection: socket.socket | None = None
        self._last_number = 0

    def record(self, records: Sequence[AuditRecord]) -> None:
        """Return once the records are safe. Waits at most `timeout_seconds` for each message and its answer.

        Raises:
            JournalUnavailableError: they are not, or it is not known.
        """
        try:
            pieces = split(records)
        except WireError as error:
            raise JournalUnavailableError(str(error)) from error
        for piece in pieces:
            self._last_number += 1
            message = encode_message(self._last_number, piece)
            try:
                status = self._exchange(message)
            except TimeoutError as error:
                self.close()
                raise JournalUnavailableError("the recorder does not answer") from error
            except OSError as error:
                self.close()
                raise JournalUnavailableError(f"the recorder cannot be reached: {error.strerror or error}") from error
            if status != SAFE:
                raise JournalUnavailableError("the recorder could not write the journal")

    def _exchange(self, message: bytes) -> int:
        """Send the message and wait for its answer; once more if the connection turns out to be lost.

        A recorder that was started anew has closed the old connection, and knows by their event IDs which records of
        the message are written already.
        """
        try:
            return self._exchange_once(message)
        except TimeoutError:
            raise
        except OSError as error:
            _log.debug("the connection to the recorder was lost: %s", error)
            self.close()
        return self._exchange_once(message)

    def _exchange_once(self, message: bytes) -> int:
        connection = self._connected()
        connection.sendall(message)
        while True:
            answer = b""
            while len(answer) < ANSWER.size:
                received = connection.recv(ANSWER.size - len(answer))
                if not received:
                    raise ConnectionResetError("the recorder closed the connection")
                answer += received
            number, status = ANSWER.unpack(answer)
            # What else arrives is the greeting: this link has one message under way at most.
            if number == self._last_number:
                return int(status)

    def _connected(self) -> socket.socket:
        if self._connection is None:
            self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._connection.settimeout(self._timeout_seconds)
            self._connection.connect(self._path)
        return self._connection

    def close(self) -> None:
        """Disconnect; the next call connects again."""
        if self._connection:
            self._connection.close()
            self._connection = None

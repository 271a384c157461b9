"""The recorder: the one process of a node that writes the audit journal, and what it speaks with the others.

The wire is a Unix stream socket, within one installation and one node. All numbers are big-endian.

    greeting  recorder to peer  an answer to batch 0, which no peer uses: the recorder is there
    message   peer to recorder  u32 length of what follows, u64 batch number, then records:
                                16-byte event ID, u32 length of the body, body
    answer    recorder to peer  u64 batch number, u8 status: 0 safe, 1 not safe

A peer may send many messages before the first answer, and sends again, after a reconnect, what was not answered: the
journal knows a record by its event ID. Whoever speaks anything else is dropped.
"""

import contextlib
import logging
import selectors
import signal
import socket
import struct
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.ports.audit_sink import Journal, JournalUnavailableError

RECORD_BYTES_MAX: Final = 262_144
"""CloudTrail User Guide, "Quotas in AWS CloudTrail", "Event size"."""
MESSAGE_BYTES_MAX: Final = 1_048_576
"""What follows the length of a message, at most."""
SAFE: Final = 0
NOT_SAFE: Final = 1
GREETING: Final = 0

ANSWER: Final = struct.Struct(">QB")
_LENGTH: Final = struct.Struct(">I")
_BATCH_NUMBER: Final = struct.Struct(">Q")
_RECORD: Final = struct.Struct(">16sI")

_READ_BYTES: Final = 262_144
_PEERS_MAX: Final = 256
_BACKLOG: Final = 128
_SOCKET_NAME: Final = "recorder"

_log: Final = logging.getLogger(__name__)


class WireError(ValueError):
    """Something that is no message, or cannot be one."""


def recorder_listener(directory: Path) -> tuple[socket.socket, str]:
    """The listening socket of the recorder and its path, in a new directory (mode 0700) below `directory`.

    The supervisor makes it before it forks and keeps it: a recorder that is started anew inherits it, and peers that
    connect meanwhile wait. `directory` is a short one, such as the system's for temporary files: a socket's path has at
    most 107 bytes (unix(7), "Address format"). Whoever called this removes the new directory, the parent of the path.

    Raises:
        OSError: the path is too long for a socket, or the directory is not writable.
    """
    path = Path(tempfile.mkdtemp(prefix="selfkms-", dir=directory)) / _SOCKET_NAME
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        path.parent.rmdir()
        raise
    return listener, str(path)


def split(records: Sequence[AuditRecord]) -> list[Sequence[AuditRecord]]:
    """The records in as few pieces as messages allow, in their order; nearly always one.

    Raises:
        WireError: a record is longer than the recorder takes.
    """
    pieces: list[Sequence[AuditRecord]] = []
    begin = 0
    length = _BATCH_NUMBER.size
    for index, record in enumerate(records):
        if len(record.body) > RECORD_BYTES_MAX:
            raise WireError(f"an audit record of {len(record.body)} bytes; it may have {RECORD_BYTES_MAX}")
        record_bytes = _RECORD.size + len(record.body)
        if length + record_bytes > MESSAGE_BYTES_MAX:
            pieces.append(records[begin:index])
            begin = index
            length = _BATCH_NUMBER.size
        length += record_bytes
    pieces.append(records[begin:])
    return pieces


def encode_message(batch_number: int, records: Sequence[AuditRecord]) -> bytes:
    """The message with these records, which are one piece of `split`."""
    parts = [_BATCH_NUMBER.pack(batch_number)]
    for record in records:
        parts.append(_RECORD.pack(bytes.fromhex(record.event_id.replace("-", "")), len(record.body)))
        parts.append(record.body)
    message = b"".join(parts)
    return _LENGTH.pack(len(message)) + message


def decode_message(message: bytes) -> tuple[int, list[AuditRecord]]:
    """Batch number and records of a message, which is given without its length.

    Raises:
        WireError: it is none.
    """
    records = []
    offset = _BATCH_NUMBER.size
    try:
        (batch_number,) = _BATCH_NUMBER.unpack_from(message)
        while offset < len(message):
            event_id, length = _RECORD.unpack_from(message, offset)
            if not 0 < length <= RECORD_BYTES_MAX:
                raise WireError(f"a record of {length} bytes")
            begin = offset + _RECORD.size
            offset = begin + length
            records.append(AuditRecord(_uuid_text(event_id.hex()), message[begin:offset]))
    except struct.error as error:
        raise WireError("a message that is cut short") from error
    if offset != len(message):
        raise WireError("a record that is cut short")
    return batch_number, records


def _uuid_text(digits: str) -> str:
    """A UUID as it is written. `str(UUID(…))` takes five times as long, and each request has one."""
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class _Peer:
    """A process that hands records over."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._received = bytearray()

    def read(self, into: memoryview) -> list[tuple[int, list[AuditRecord]]]:
        """What has arrived, as far as it is whole: batch numbers and their records.

        Raises:
            OSError: the peer is gone.
            WireError: it speaks something else.
        """
        count = self.connection.recv_into(into)
        if count == 0:
            raise ConnectionResetError("the peer closed the connection")
        self._received += into[:count]
        batches = []
        offset = 0
        while len(self._received) >= offset + _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._received, offset)
            if length > MESSAGE_BYTES_MAX:
                raise WireError(f"a message of {length} bytes")
            begin = offset + _LENGTH.size
            if len(self._received) < begin + length:
                break
            offset = begin + length
            batches.append(decode_message(bytes(self._received[begin:offset])))
        del self._received[:offset]
        return batches

    def answer(self, batch_numbers: Sequence[int], status: int) -> None:
        """Say what became of these batches.

        Raises:
            OSError: the peer is gone, or does not read its answers.
        """
        answers = b"".join(ANSWER.pack(number, status) for number in batch_numbers)
        if self.connection.send(answers) < len(answers):
            raise BlockingIOError("the peer does not read its answers")


class Recorder:
    """Takes records from all peers and gives them to the journal, as many at once as have arrived."""

    def __init__(self, listener: socket.socket, journal: Journal) -> None:
        """Listen; `listener` stays the caller's."""
        self._listener = listener
        self._journal = journal
        self._journal_works = True
        self._read_into = memoryview(bytearray(_READ_BYTES))
        self._peers: dict[socket.socket, _Peer] = {}
        self._stop_asked, self._stop_seen = socket.socketpair()
        self._stop_asked.setblocking(False)
        self._stopping = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(self._stop_seen, selectors.EVENT_READ)

    def run(self) -> None:
        """Record until `stop`, then what has arrived by then, and close the journal."""
        while not self._stopping:
            self.turn(timeout_seconds=None)
        self._selector.unregister(self._listener)
        self.turn(timeout_seconds=0)
        self._close()

    def stop(self) -> None:
        """Let `run` come to its end; callable from a signal handler and from another thread."""
        # A second call finds the first one waiting, or nothing left to stop.
        with contextlib.suppress(OSError):
            self._stop_asked.send(b"\0")

    def turn(self, *, timeout_seconds: float | None) -> None:
        """Wait until something arrives, at most so long; write all of it at once, then answer all of it."""
        arrived: list[tuple[_Peer, list[int]]] = []
        records: list[AuditRecord] = []
        for key, _ in self._selector.select(timeout_seconds):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._stop_seen:
                self._stopping = True
            else:
                with self._dropped_on_failure(key.data):
                    batches = key.data.read(self._read_into)
                    if batches:
                        arrived.append((key.data, [number for number, _ in batches]))
                    records.extend(record for _, batch in batches for record in batch)
        status = self._append(records) if records else SAFE
        for peer, batch_numbers in arrived:
            with self._dropped_on_failure(peer):
                peer.answer(batch_numbers, status)

    def _append(self, records: Sequence[AuditRecord]) -> int:
        try:
            self._journal.append(records)
        except JournalUnavailableError as error:
            if self._journal_works:
                _log.error("no request can be recorded: %s", error)
            self._journal_works = False
            return NOT_SAFE
        if not self._journal_works:
            _log.warning("requests are recorded again")
        self._journal_works = True
        return SAFE

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:  # The peer has given up already.
            return
        if len(self._peers) == _PEERS_MAX:
            connection.close()
            return
        connection.setblocking(False)
        peer = self._peers[connection] = _Peer(connection)
        self._selector.register(connection, selectors.EVENT_READ, peer)
        with self._dropped_on_failure(peer):
            peer.answer([GREETING], SAFE)

    @contextlib.contextmanager
    def _dropped_on_failure(self, peer: _Peer) -> Iterator[None]:
        """A peer that is gone, or speaks nonsense, is dropped, and with it what it had sent in this turn."""
        try:
            yield
        except (OSError, WireError) as error:
            if isinstance(error, WireError):
                _log.error("a peer of the recorder is dropped, it sent %s", error)
            if self._peers.pop(peer.connection, None):
                self._selector.unregister(peer.connection)
                peer.connection.close()

    def _close(self) -> None:
        for connection in self._peers:
            connection.close()
        self._selector.close()
        self._stop_asked.close()
        self._stop_seen.close()
        self._journal.close()


def run_recorder(listener: socket.socket, journal: Journal) -> None:
    """The whole life of the recorder process, from the opened journal to SIGTERM.

    SIGINT is ignored: a terminal sends it to all processes at once, but the recorder must be the last one to end. The
    supervisor sees to that.

    Raises:
        JournalUnavailableError: the journal could not be closed in good order.
    """
    recorder = Recorder(listener, journal)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda _signal, _frame: recorder.stop())
    recorder.run()

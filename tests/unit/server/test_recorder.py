"""The recorder: what it takes from its peers, what it answers, and when it ends."""

import asyncio
import logging
import multiprocessing
import os
import shutil
import signal
import socket
import stat
import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.context import ForkProcess
from pathlib import Path

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from selfkms.adapters.audit_files.journal import Durability, FileJournal
from selfkms.adapters.audit_files.verify import read, verify
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.secrets import Secret
from selfkms.ports.audit_sink import JournalUnavailableError
from selfkms.server import recorder as recorder_module
from selfkms.server.recorder import (
    ANSWER,
    GREETING,
    MESSAGE_BYTES_MAX,
    NOT_SAFE,
    RECORD_BYTES_MAX,
    SAFE,
    Recorder,
    WireError,
    decode_message,
    encode_message,
    recorder_listener,
    run_recorder,
    split,
)
from selfkms.server.recorder_link import AsyncRecorderLink

RECORDS = st.lists(
    st.builds(AuditRecord, st.uuids().map(str), st.binary(min_size=1, max_size=100)),
    max_size=10,
)


def record(number: int, body: bytes = b"{}") -> AuditRecord:
    return AuditRecord(f"00000000-0000-4000-8000-{number:012x}", body)


class FakeJournal:
    """Keeps what is appended, one list a call, or is full."""

    def __init__(self) -> None:
        self.appended: list[list[AuditRecord]] = []
        self.full = False
        self.closed = False

    def append(self, records: Sequence[AuditRecord]) -> None:
        if self.full:
            raise JournalUnavailableError("No space left on device")
        self.appended.append(list(records))

    def close(self) -> None:
        self.closed = True


class FakePeer:
    """A peer on a real socket, in the thread of the test."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(path)

    def send(self, number: int, *records: AuditRecord) -> None:
        self.socket.sendall(encode_message(number, records))

    def answers(self, count: int) -> list[tuple[int, int]]:
        received = b""
        while len(received) < count * ANSWER.size:
            piece = self.socket.recv(count * ANSWER.size - len(received))
            assert piece, "the connection was closed"
            received += piece
        return [(number, status) for number, status in ANSWER.iter_unpack(received)]

    def is_dropped(self) -> bool:
        """Whether the recorder has closed the connection; waits for something to read."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


@pytest.fixture
def listening() -> Iterator[tuple[socket.socket, str]]:
    listener, path = recorder_listener(Path(tempfile.gettempdir()))
    with listener:
        yield listener, path
    shutil.rmtree(Path(path).parent)


@pytest.fixture
def journal() -> FakeJournal:
    return FakeJournal()


@pytest.fixture
def recorder(listening: tuple[socket.socket, str], journal: FakeJournal) -> Iterator[Recorder]:
    recorder = Recorder(listening[0], journal)
    yield recorder
    if not journal.closed:
        recorder._close()


@pytest.fixture
def peers(listening: tuple[socket.socket, str], recorder: Recorder) -> Iterator[list[FakePeer]]:
    """Three peers that the recorder has greeted."""
    peers = [FakePeer(listening[1]) for _ in range(3)]
    for peer in peers:
        recorder.turn(timeout_seconds=10)
        assert peer.answers(1) == [(GREETING, SAFE)]
    yield peers
    for peer in peers:
        peer.socket.close()


class TestWire:
    @given(st.integers(0, 2**64 - 1), RECORDS)
    def test_round_trip(self, number: int, records: list[AuditRecord]) -> None:
        """A message is read as what was written."""
        message = encode_message(number, records)
        assert struct.unpack_from(">I", message) == (len(message) - 4,)
        assert decode_message(message[4:]) == (number, records)

    @given(RECORDS.filter(bool))
    def test_cut_message(self, records: list[AuditRecord]) -> None:
        """A message that is cut anywhere but between two records is refused."""
        message = encode_message(1, records)[4:]
        ends = {8 + sum(20 + len(record.body) for record in records[:count]) for count in range(len(records) + 1)}
        for length in set(range(len(message))) - ends:
            with pytest.raises(WireError):
                decode_message(message[:length])

    @pytest.mark.parametrize("length", [0, RECORD_BYTES_MAX + 1, 2**32 - 1])
    def test_record_of_a_wrong_length(self, length: int) -> None:
        """A record of no length, or of more than CloudTrail takes, is refused."""
        with pytest.raises(WireError, match="bytes"):
            decode_message(struct.pack(">Q16sI", 1, b"e" * 16, length) + bytes(min(length, 300_000)))

    def test_split(self) -> None:
        """Records are split only where a message would become too long, and each piece is a message."""
        long = [record(number, b"x" * (RECORD_BYTES_MAX - 20)) for number in range(9)]
        pieces = split(long)
        assert [len(piece) for piece in pieces] == [3, 3, 3]
        assert [record for piece in pieces for record in piece] == long
        assert all(len(encode_message(1, piece)) <= MESSAGE_BYTES_MAX + 4 for piece in pieces)
        assert split([record(1), record(2)]) == [[record(1), record(2)]]
        assert split([]) == [[]]

    def test_record_that_is_too_long(self) -> None:
        """A record longer than the recorder takes is not sent to it."""
        assert split([record(1, b"x" * RECORD_BYTES_MAX)])
        with pytest.raises(WireError, match="262145 bytes"):
            split([record(1, b"x" * (RECORD_BYTES_MAX + 1))])


class TestListener:
    def test_private(self, listening: tuple[socket.socket, str]) -> None:
        """The socket stands alone in a directory that only its owner enters."""
        path = Path(listening[1])
        assert path.is_socket()
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert list(path.parent.iterdir()) == [path]

    def test_path_too_long(self, tmp_path: Path) -> None:
        """Below a directory with a long path no socket is made, and nothing is left."""
        directory = tmp_path / ("d" * 100)
        directory.mkdir()
        with pytest.raises(OSError, match="path too long"):
            recorder_listener(directory)
        assert list(directory.iterdir()) == []


class TestTurn:
    def test_all_that_arrived_at_once(self, recorder: Recorder, peers: list[FakePeer], journal: FakeJournal) -> None:
        """The batches of all peers are one append, and each peer gets the answers to its own."""
        for number, peer in enumerate(peers):
            peer.send(10 + number, record(3 * number), record(3 * number + 1))
            peer.send(20 + number, record(3 * number + 2))
        recorder.turn(timeout_seconds=10)
        assert len(journal.appended) == 1
        assert sorted(journal.appended[0]) == [record(number) for number in range(9)]
        for number, peer in enumerate(peers):
            assert peer.answers(2) == [(10 + number, SAFE), (20 + number, SAFE)]

    def test_message_in_pieces(self, recorder: Recorder, peers: list[FakePeer], journal: FakeJournal) -> None:
        """A message may arrive byte by byte; it is recorded once it is whole."""
        message = encode_message(7, [record(1)])
        for byte in message:
            assert journal.appended == []
            peers[0].socket.sendall(bytes([byte]))
            recorder.turn(timeout_seconds=10)
        assert journal.appended == [[record(1)]]
        assert peers[0].answers(1) == [(7, SAFE)]

    def test_message_without_records(self, recorder: Recorder, peers: list[FakePeer], journal: FakeJournal) -> None:
        """A batch of nothing is safe."""
        peers[0].send(3)
        recorder.turn(timeout_seconds=10)
        assert peers[0].answers(1) == [(3, SAFE)]
        assert journal.appended == []

    def test_journal_that_fails(
        self, recorder: Recorder, peers: list[FakePeer], journal: FakeJournal, caplog: pytest.LogCaptureFixture
    ) -> None:
        """While the journal fails every batch is answered as not safe; the log tells the change and not each batch."""
        for full in (False, True, True, True, False, False):
            journal.full = full
            peers[0].send(1, record(1))
            peers[1].send(2, record(2))
            recorder.turn(timeout_seconds=10)
            status = NOT_SAFE if full else SAFE
            assert peers[0].answers(1) == [(1, status)]
            assert peers[1].answers(1) == [(2, status)]
        assert [(line.levelno, line.message) for line in caplog.records] == [
            (logging.ERROR, "no request can be recorded: No space left on device"),
            (logging.WARNING, "requests are recorded again"),
        ]

    @pytest.mark.parametrize(
        "nonsense",
        [
            struct.pack(">I", MESSAGE_BYTES_MAX + 1),
            struct.pack(">I", 3) + b"abc",
            struct.pack(">IQ16sI", 28, 1, b"e" * 16, 0),
            b"GET / HTTP/1.1\r\n\r\n",
            encode_message(1, [record(1)]) + b"\xff" * 4,
        ],
    )
    def test_nonsense(
        self,
        nonsense: bytes,
        recorder: Recorder,
        peers: list[FakePeer],
        journal: FakeJournal,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """A peer that speaks anything else is dropped, and only that one."""
        peers[0].socket.sendall(nonsense)
        peers[1].send(5, record(5))
        recorder.turn(timeout_seconds=10)
        assert peers[0].is_dropped()
        assert peers[1].answers(1) == [(5, SAFE)]
        assert journal.appended == [[record(5)]]
        assert "a peer of the recorder is dropped" in caplog.text

    def test_peer_that_is_gone(self, recorder: Recorder, peers: list[FakePeer], journal: FakeJournal) -> None:
        """What a peer sent before it died is recorded, and the others do not notice."""
        peers[0].send(1, record(1))
        peers[0].socket.close()
        recorder.turn(timeout_seconds=10)
        peers[1].send(2, record(2))
        recorder.turn(timeout_seconds=10)
        assert peers[1].answers(1) == [(2, SAFE)]
        assert journal.appended == [[record(1)], [record(2)]]

    def test_peer_that_does_not_read(self, recorder: Recorder, peers: list[FakePeer]) -> None:
        """A peer whose answers pile up unread is dropped instead of being waited for."""
        peers[0].socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1_000_000)
        connection = next(iter(recorder._peers))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        peers[0].socket.sendall(b"".join(encode_message(number, []) for number in range(2_000)))
        recorder.turn(timeout_seconds=10)
        assert len(recorder._peers) == 2
        peers[1].send(1, record(1))
        recorder.turn(timeout_seconds=10)
        assert peers[1].answers(1) == [(1, SAFE)]

    def test_too_many_peers(
        self,
        recorder: Recorder,
        peers: list[FakePeer],
        listening: tuple[socket.socket, str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """One peer more than there may be is turned away."""
        monkeypatch.setattr(recorder_module, "_PEERS_MAX", len(peers))
        one_more = FakePeer(listening[1])
        recorder.turn(timeout_seconds=10)
        assert one_more.is_dropped()
        one_more.socket.close()
        peers[0].send(1, record(1))
        recorder.turn(timeout_seconds=10)
        assert peers[0].answers(1) == [(1, SAFE)]


class TestEnd:
    def test_what_has_arrived_is_recorded(
        self, recorder: Recorder, peers: list[FakePeer], journal: FakeJournal, listening: tuple[socket.socket, str]
    ) -> None:
        """When it is stopped, the recorder answers what has arrived, takes no new peer, and closes the journal."""
        recorder.stop()
        recorder.turn(timeout_seconds=10)
        peers[2].send(4, record(4))
        recorder.run()
        assert peers[2].answers(1) == [(4, SAFE)]
        assert peers[2].is_dropped()
        assert journal.appended == [[record(4)]]
        assert journal.closed
        assert listening[0].fileno() != -1
        recorder.stop()

    def test_listener_outlives_the_recorder(
        self, recorder: Recorder, listening: tuple[socket.socket, str], journal: FakeJournal
    ) -> None:
        """A peer that connects while no recorder runs is greeted by the next one."""
        recorder.stop()
        recorder.run()
        peer = FakePeer(listening[1])
        peer.send(1, record(1))
        following = Recorder(listening[0], journal)
        following.turn(timeout_seconds=10)
        following.turn(timeout_seconds=10)
        assert peer.answers(2) == [(GREETING, SAFE), (1, SAFE)]
        peer.socket.close()
        following._close()

    def test_signals(self, listening: tuple[socket.socket, str]) -> None:
        """SIGINT, which a terminal sends to everyone, is ignored; SIGTERM ends the process in good order."""
        process = multiprocessing.get_context("fork").Process(
            target=run_recorder, args=(listening[0], FakeJournal()), daemon=True
        )
        process.start()
        assert process.pid is not None
        peer = FakePeer(listening[1])
        assert peer.answers(1) == [(GREETING, SAFE)]
        os.kill(process.pid, signal.SIGINT)
        peer.send(1, record(1))
        assert peer.answers(1) == [(1, SAFE)]
        os.kill(process.pid, signal.SIGTERM)
        assert peer.is_dropped()
        process.join(10)
        assert process.exitcode == 0
        peer.socket.close()


INSTALLATION_ID = "6f1c1f6e-1111-4222-8333-444455556666"
KEY = Secret(bytes(32))


def record_until_killed(listener: socket.socket, directory: Path, durability: Durability) -> None:
    journal = FileJournal(
        directory,
        audit_key=KEY,
        installation_id=INSTALLATION_ID,
        durability=durability,
        segment_bytes=300_000,
    )
    run_recorder(listener, journal)


@pytest.mark.parametrize("durability", Durability)
def test_kill_under_load(
    durability: Durability,
    listening: tuple[socket.socket, str],
    tmp_path: Path,
) -> None:
    """A recorder killed in the middle of load, again and again, loses no acknowledged record and doubles none."""
    directory = tmp_path / "journal"

    def start() -> ForkProcess:
        process = multiprocessing.get_context("fork").Process(
            target=record_until_killed, args=(listening[0], directory, durability), daemon=True
        )
        process.start()
        return process

    acknowledged: list[AuditRecord] = []

    async def load(link: AsyncRecorderLink, batches: Iterator[int], kill: Callable[[int], None]) -> None:
        for batch in batches:
            records = [record(10 * batch + n, b'{"eventTime":"%d"}' % batch) for n in range(batch % 7 + 1)]
            done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            link.submit(records, done.set_result)
            assert await done
            acknowledged.extend(records)
            kill(batch)

    async def test() -> None:
        process = start()

        def kill(batch: int) -> None:
            nonlocal process
            if batch % 150 == 100:
                process.kill()
                process.join()
                process = start()

        link = AsyncRecorderLink(listening[1])
        await link.connect()
        batches = iter(range(600))
        await asyncio.gather(*(load(link, batches, kill) for _ in range(16)))
        await link.close()
        process.terminate()
        process.join()
        assert process.exitcode == 0

    uvloop.run(asyncio.wait_for(test(), timeout=30))
    report = verify(directory, KEY)
    assert report.damage is None
    assert report.open_end_bytes == 0
    found = [body for _, body in read(directory, KEY)]
    assert len(found) == report.records == len(acknowledged)
    assert sorted(found) == sorted(record.body for record in acknowledged)

"""The way to the recorder: acknowledgements, lost connections, and what is given up."""

import asyncio
import shutil
import socket
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest
import uvloop

from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.ports.audit_sink import AuditSink, JournalUnavailableError
from selfkms.server import recorder_link as link_module
from selfkms.server.interfaces import RecorderLink
from selfkms.server.recorder import (
    ANSWER,
    GREETING,
    NOT_SAFE,
    RECORD_BYTES_MAX,
    SAFE,
    Recorder,
    decode_message,
    recorder_listener,
)
from selfkms.server.recorder_link import AsyncRecorderLink, BlockingRecorderLink

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.SelectorEventLoop,
    "uvloop": uvloop.new_event_loop,
}


def record(number: int, body: bytes = b"{}") -> AuditRecord:
    return AuditRecord(f"00000000-0000-4000-8000-{number:012x}", body)


@pytest.fixture
def listening() -> Iterator[tuple[socket.socket, str]]:
    listener, path = recorder_listener(Path(tempfile.gettempdir()))
    with listener:
        yield listener, path
    shutil.rmtree(Path(path).parent)


@pytest.fixture(params=list(LOOPS))
def run(request: pytest.FixtureRequest) -> Iterator[Callable[[Awaitable[None]], None]]:
    """`run(coroutine)` on an event loop of each kind, for ten seconds at most."""

    async def limited(work: Awaitable[None]) -> None:
        async with asyncio.timeout(10):
            await work

    with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
        yield lambda work: runner.run(limited(work))


class ScriptedRecorder:
    """A recorder on the loop of the test, which says what is answered and when."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._writers: list[asyncio.StreamWriter] = []
        self._messages: asyncio.Queue[tuple[int, list[AuditRecord]]] = asyncio.Queue()
        self.greets = True

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, sock=self._listener.dup())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        if self.greets:
            self.answer(GREETING, SAFE)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(4), "big")
                self._messages.put_nowait(decode_message(await reader.readexactly(length)))
        except (asyncio.IncompleteReadError, ConnectionResetError):
            pass
        finally:
            writer.close()

    async def message(self) -> tuple[int, list[AuditRecord]]:
        """Number and records of the next message that arrives, over whatever connection."""
        return await self._messages.get()

    def answer(self, number: int, status: int) -> None:
        """Answer over the newest connection."""
        self._writers[-1].write(ANSWER.pack(number, status))

    def cut(self) -> None:
        """Lose the newest connection, as when the process dies."""
        self._writers[-1].transport.abort()

    async def stop(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._server.close()


class Result:
    """Takes `done` of one submission, once."""

    def __init__(self) -> None:
        self.future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def __call__(self, safe: bool) -> None:  # noqa: FBT001  as it is called
        self.future.set_result(safe)

    @property
    def given(self) -> bool:
        return self.future.done()


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until it is so."""
    while not condition():  # noqa: ASYNC110  the link tells nobody
        await asyncio.sleep(0)


Test = Callable[[ScriptedRecorder, AsyncRecorderLink], Awaitable[None]]


@pytest.fixture
def with_link(listening: tuple[socket.socket, str], run: Callable[[Awaitable[None]], None]) -> Callable[[Test], None]:
    """Run a test with a scripted recorder and a link that is connected to it."""

    async def whole(test: Test) -> None:
        recorder = ScriptedRecorder(listening[0])
        await recorder.start()
        link = AsyncRecorderLink(listening[1])
        await link.connect()
        await test(recorder, link)
        await link.close()
        await recorder.stop()

    return lambda test: run(whole(test))


class TestAcknowledgement:
    def test_each_batch_has_its_answer(self, with_link: Callable[[Test], None]) -> None:
        """Batches may be answered in any order and with any result; each caller gets the one of its own."""

        async def test(recorder: ScriptedRecorder, link: AsyncRecorderLink) -> None:
            results = [Result() for _ in range(3)]
            for number, result in enumerate(results):
                link.submit([record(number)], result)
            messages = [await recorder.message() for _ in range(3)]
            assert [records for _, records in messages] == [[record(0)], [record(1)], [record(2)]]
            numbers = [number for number, _ in messages]
            assert len(set(numbers)) == 3
            recorder.answer(numbers[2], SAFE)
            assert await results[2].future
            assert not results[0].given
            recorder.answer(numbers[0], NOT_SAFE)
            assert not await results[0].future
            recorder.answer(numbers[1], SAFE)
            assert await results[1].future

        with_link(test)

    def test_answer_in_pieces(self, with_link: Callable[[Test], None]) -> None:
        """An answer may arrive in two pieces, and together with another one."""

        async def test(recorder: ScriptedRecorder, link: AsyncRecorderLink) -> None:
            results = [Result(), Result(), Result()]
            for number, result in enumerate(results):
                link.submit([record(number)], result)
            answers = b"".join([ANSWER.pack((await recorder.message())[0], SAFE) for _ in results])
            writer = recorder._writers[-1]
            writer.write(answers[: ANSWER.size + 4])
            assert await results[0].future
            assert not results[1].given
            writer.write(answers[ANSWER.size + 4 :])
            assert await results[1].future
            assert await results[2].future

        with_link(test)

    @pytest.mark.parametrize("statuses", [(SAFE, SAFE), (SAFE, NOT_SAFE), (NOT_SAFE, SAFE)])
    def test_long_submission(self, statuses: tuple[int, int], with_link: Callable[[Test], None]) -> None:
        """A submission longer than a message is sent as several, and is safe once all of them are."""

        async def test(recorder: ScriptedRecorder, link: AsyncRecorderLink) -> None:
            records = [record(number, b"x" * RECORD_BYTES_MAX) for number in range(5)]
            result = Result()
            link.submit(records, result)
            first = await recorder.message()
            second = await recorder.message()
            assert first[1] + second[1] == records
            recorder.answer(first[0], statuses[0])
            recorder.answer(second[0], statuses[1])
            assert await result.future == (statuses == (SAFE, SAFE))

        with_link(test)

    def test_a_real_recorder(
        self, listening: tuple[socket.socket, str], run: Callable[[Awaitable[None]], None]
    ) -> None:
        """Records come to the journal of a recorder, and its failure comes back."""
        with recording(listening[0]) as journal:

            async def test() -> None:
                link: RecorderLink = (connected := AsyncRecorderLink(listening[1]))
                await connected.connect()
                assert link.ready
                first, second = Result(), Result()
                link.submit([record(1), record(2)], first)
                assert await first.future
                journal.full = True
                link.submit([record(3)], second)
                assert not await second.future
                await connected.close()

            run(test())
            assert journal.records == [record(1), record(2)]


class TestLostConnection:
    def test_unanswered_batches_are_sent_again(self, with_link: Callable[[Test], None]) -> None:
        """After a reconnect, what has no answer is sent again, in its order, with the same numbers; nothing else is."""

        async def test(recorder: ScriptedRecorder, link: AsyncRecorderLink) -> None:
            results = [Result() for _ in range(3)]
            for number, result in enumerate(results):
                link.submit([record(number)], result)
            messages = [await recorder.message() for _ in range(3)]
            recorder.answer(messages[1][0], SAFE)
            assert await results[1].future
            recorder.cut()
            assert [await recorder.message(), await recorder.message()] == [messages[0], messages[2]]
            recorder.answer(messages[0][0], SAFE)
            recorder.answer(messages[2][0], SAFE)
            assert await results[0].future
            assert await results[2].future

        with_link(test)

    def test_batch_submitted_meanwhile(self, with_link: Callable[[Test], None]) -> None:
        """What is submitted while there is no connection is sent over the next one, once."""

        async def test(recorder: ScriptedRecorder, link: AsyncRecorderLink) -> None:
            recorder.cut()
            await until(lambda: not link.ready)
            result = Result()
            link.submit([record(1)], result)
            number, records = await recorder.message()
            assert records == [record(1)]
            recorder.answer(number, SAFE)
            assert await result.future
            assert recorder._messages.empty()

        with_link(test)

    def test_ready_says_whether_a_recorder_has_greeted(self, with_link: Callable[[Test], None]) -> None:
        """Without a recorder that greets, the link is not ready, even if something accepts its connection."""

        async def test(recorder: ScriptedRecorder, link: AsyncRecorderLink) -> None:
            await until(lambda: link.ready)
            recorder.greets = False
            recorder.cut()
            link.submit([record(1)], lambda _: None)
            await recorder.message()
            await until(lambda: not link.ready)
            recorder.greets = True
            recorder.cut()
            await recorder.message()
            await until(lambda: link.ready)

        with_link(test)

    def test_no_recorder(self, run: Callable[[Awaitable[None]], None], listening: tuple[socket.socket, str]) -> None:
        """Where no recorder listens, or none greets, connecting fails after the time it may take."""

        async def test() -> None:
            for path in (listening[1] + "-absent", listening[1]):
                link = AsyncRecorderLink(path, timeout_seconds=0.05)
                with pytest.raises(JournalUnavailableError, match="does not answer"):
                    await link.connect()
                assert not link.ready

        run(test())


class TestGivenUp:
    def test_no_answer_in_time(
        self, run: Callable[[Awaitable[None]], None], listening: tuple[socket.socket, str]
    ) -> None:
        """A batch without an answer is given up after its time; its answer, if it comes later, does no harm."""

        async def test() -> None:
            recorder = ScriptedRecorder(listening[0])
            await recorder.start()
            link = AsyncRecorderLink(listening[1], timeout_seconds=0.05)
            await link.connect()
            for number in (1, 2):
                late, other = Result(), Result()
                link.submit([record(number)], late)
                link.submit([record(number)], other)
                (late_number, _), (other_number, _) = await recorder.message(), await recorder.message()
                recorder.answer(other_number, SAFE)
                assert await other.future
                assert not await late.future
                recorder.answer(late_number, SAFE)
            last = Result()
            link.submit([record(3)], last)
            recorder.answer((await recorder.message())[0], SAFE)
            assert await last.future
            await link.close()
            await recorder.stop()

        run(test())

    def test_too_much_waits(self, with_link: Callable[[Test], None], monkeypatch: pytest.MonkeyPatch) -> None:
        """Beyond a number of waiting batches, or of bytes in them, a further one is refused within the call."""

        async def test(recorder: ScriptedRecorder, link: AsyncRecorderLink) -> None:
            monkeypatch.setattr(link_module, "WAITING_BATCHES_MAX", 2)
            results = [Result() for _ in range(3)]
            for number, result in enumerate(results):
                link.submit([record(number)], result)
            assert [result.given for result in results] == [False, False, True]
            assert not await results[2].future
            for _ in range(2):
                recorder.answer((await recorder.message())[0], SAFE)
            assert await results[0].future
            assert await results[1].future

            monkeypatch.setattr(link_module, "WAITING_BYTES_MAX", 100)
            long, short = Result(), Result()
            link.submit([record(4, b"x" * 200)], long)
            link.submit([record(5)], short)
            assert short.given
            recorder.answer((await recorder.message())[0], SAFE)
            assert await long.future
            last = Result()
            link.submit([record(6)], last)
            recorder.answer((await recorder.message())[0], SAFE)
            assert await last.future

        with_link(test)

    def test_record_that_is_too_long(self, with_link: Callable[[Test], None]) -> None:
        """A record that the recorder does not take is refused within the call."""

        async def test(recorder: ScriptedRecorder, link: AsyncRecorderLink) -> None:
            result = Result()
            link.submit([record(1), record(2, b"x" * (RECORD_BYTES_MAX + 1))], result)
            assert result.given
            assert not await result.future
            assert recorder._messages.empty()

        with_link(test)

    def test_closing(self, with_link: Callable[[Test], None]) -> None:
        """A link that is closed gives up what waits."""

        async def test(recorder: ScriptedRecorder, link: AsyncRecorderLink) -> None:
            result = Result()
            link.submit([record(1)], result)
            await recorder.message()
            await link.close()
            assert not await result.future

        with_link(test)


class FakeJournal:
    """Keeps what is appended, or is full."""

    def __init__(self) -> None:
        self.records: list[AuditRecord] = []
        self.full = False

    def append(self, records: Sequence[AuditRecord]) -> None:
        if self.full:
            raise JournalUnavailableError("No space left on device")
        self.records.extend(records)

    def close(self) -> None:
        pass


class recording:  # noqa: N801  reads as a statement
    """A recorder in a thread of its own, over a fake journal, as long as the block lasts."""

    def __init__(self, listener: socket.socket) -> None:
        self._journal = FakeJournal()
        self._recorder = Recorder(listener, self._journal)
        self._thread = threading.Thread(target=self._recorder.run)

    def __enter__(self) -> FakeJournal:
        self._thread.start()
        return self._journal

    def __exit__(self, *_: object) -> None:
        self._recorder.stop()
        self._thread.join()


class TestBlockingLink:
    def test_records_are_safe(self, listening: tuple[socket.socket, str]) -> None:
        """When the call returns, the journal has the records, however long they are together."""
        link = BlockingRecorderLink(listening[1])
        sink: AuditSink = link
        many = [record(number, b"x" * RECORD_BYTES_MAX) for number in range(2, 9)]
        with recording(listening[0]) as journal:
            sink.record([record(1)])
            assert journal.records == [record(1)]
            sink.record(many)
            assert journal.records == [record(1), *many]
            link.close()

    def test_journal_that_fails(self, listening: tuple[socket.socket, str]) -> None:
        """When the journal fails, the call does, and the next one may succeed."""
        link = BlockingRecorderLink(listening[1])
        with recording(listening[0]) as journal:
            journal.full = True
            with pytest.raises(JournalUnavailableError, match="could not write the journal"):
                link.record([record(1)])
            journal.full = False
            link.record([record(1)])
            assert journal.records == [record(1)]
            link.close()

    def test_recorder_started_anew(self, listening: tuple[socket.socket, str]) -> None:
        """A call after the recorder was started anew connects again by itself."""
        link = BlockingRecorderLink(listening[1])
        for number in range(3):
            with recording(listening[0]) as journal:
                link.record([record(number)])
                assert journal.records == [record(number)]
        link.close()

    def test_no_answer_in_time(self, listening: tuple[socket.socket, str]) -> None:
        """Without an answer the call fails after its time."""
        link = BlockingRecorderLink(listening[1], timeout_seconds=0.05)
        with pytest.raises(JournalUnavailableError, match="does not answer"):
            link.record([record(1)])

    def test_no_recorder(self, listening: tuple[socket.socket, str]) -> None:
        """Where nothing listens the call fails."""
        link = BlockingRecorderLink(listening[1] + "-absent")
        with pytest.raises(JournalUnavailableError, match="cannot be reached"):
            link.record([record(1)])

    def test_record_that_is_too_long(self, listening: tuple[socket.socket, str]) -> None:
        """A record that the recorder does not take fails the call."""
        with pytest.raises(JournalUnavailableError, match="262145 bytes"):
            BlockingRecorderLink(listening[1]).record([record(1, b"x" * (RECORD_BYTES_MAX + 1))])

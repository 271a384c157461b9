"""A load generator on one core: the same signed request, over and over, on so many connections."""

import asyncio
import time
from statistics import quantiles
from typing import NamedTuple

import uvloop


class Result(NamedTuple):
    """Of one run."""

    answers: int
    requests_per_second: float
    p50_milliseconds: float
    p99_milliseconds: float
    failures: int
    """Answers that were not 200."""


class _Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last one is whole."""

    def __init__(self, request: bytes, run: "_Run") -> None:
        self._request = request
        self._run = run
        self._received = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)  # type: ignore[attr-defined]  # uvloop's transports have no common class

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        _, _, after = head.lower().partition(b"content-length: ")
        if len(body) < int(after.split(b"\r\n", 1)[0]):
            return
        self._received = b""
        if self._run.count(time.perf_counter() - self._sent_at, ok=head.startswith(b"HTTP/1.1 200")):
            self._send()
        else:
            self._transport.close()


class _Run:
    """Counts answers until the time is over."""

    def __init__(self, seconds: float) -> None:
        self.ends_at = time.perf_counter() + seconds
        self.latencies: list[float] = []
        self.failures = 0

    def count(self, seconds: float, *, ok: bool) -> bool:
        """Note an answer; whether to send the next request."""
        self.latencies.append(seconds)
        self.failures += not ok
        return time.perf_counter() < self.ends_at


async def _load(host: str, port: int, request: bytes, connections: int, seconds: float) -> Result:
    loop = asyncio.get_running_loop()
    run = _Run(seconds)
    started = time.perf_counter()
    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(request, run), host, port)
    await asyncio.sleep(seconds + 0.2)
    percentiles = quantiles(run.latencies, n=100)
    return Result(
        len(run.latencies),
        len(run.latencies) / (run.ends_at - started),
        percentiles[49] * 1000,
        percentiles[98] * 1000,
        run.failures,
    )


def load(host: str, port: int, request: bytes, *, connections: int, seconds: float) -> Result:
    """Load a server and say what came of it."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_load(host, port, request, connections, seconds))

"""A worker: one process, one event loop, one listening socket. Workers are equal and know nothing of each other."""

import asyncio
import gc
import signal
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import msgspec
import uvloop

from selfkms.server.connections import ConnectionLimits, Connections
from selfkms.server.gate_threads import GateThreads
from selfkms.server.health import health_answers
from selfkms.server.http_connection import HTTPConnection
from selfkms.server.interfaces import Gate, RecorderLink, Routes
from selfkms.server.listener import BACKLOG, worker_socket
from selfkms.server.response_writer import ResponseWriter
from selfkms.server.turn import Turn

_SWEEP_SECONDS: Final = 1.0


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker serves."""

    host: str
    port: int
    """The port that the supervisor holds, see `listener.bind_reserved`."""
    limits: ConnectionLimits = ConnectionLimits()
    tls: ssl.SSLContext | None = None
    threads: int = 1
    """For requests that run off the event loop."""
    drain_seconds: float = 10.0
    """How long requests under way may take after SIGTERM, before their connections are cut off."""


class WorkerParts(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker makes for itself, after the fork: nothing of this may be shared between processes or threads."""

    make_gate: Callable[[], Gate]
    """Called once in the thread of the loop, and once in each further thread."""
    make_link: Callable[[], Awaitable[RecorderLink]]
    """Called in the running loop; gives the link once it is up."""
    wall: Callable[[], float]
    """The wall clock, seconds since the epoch, for the Date of answers."""
    routes: Routes = {}


def run_worker(settings: WorkerSettings, parts: WorkerParts, *, listening: Callable[[], None]) -> None:
    """Serve until SIGTERM, then answer what is under way and return.

    Args:
        settings: where and how.
        parts: what it is made of.
        listening: called once, as soon as clients can connect.

    Raises:
        OSError: the port cannot be had; and whatever the making of a gate or of the link raises.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all processes; the supervisor decides
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, parts, listening))


async def _serve(settings: WorkerSettings, parts: WorkerParts, listening: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    asked_to_stop = asyncio.Event()
    gate = parts.make_gate()
    threads = GateThreads(loop, parts.make_gate, count=settings.threads)
    await threads.prepare()
    link = await parts.make_link()
    turn = Turn(
        call_soon=loop.call_soon,
        gate=gate,
        link=link,
        off_loop=threads,
        health=health_answers(lambda: link.ready and not asked_to_stop.is_set()),
        routes=parts.routes,
    )
    connections = Connections(turn=turn, writer=ResponseWriter(parts.wall), limits=settings.limits, now=loop.time)
    # Until here there was nothing to finish: SIGTERM ended the process, also while the link waited for the recorder.
    loop.add_signal_handler(signal.SIGTERM, asked_to_stop.set)
    server = await loop.create_server(
        partial(HTTPConnection, connections),
        sock=worker_socket(settings.host, settings.port),
        backlog=BACKLOG,
        ssl=settings.tls,
        # The handshake is a part of what a client must send in time; asyncio takes no value without TLS.
        ssl_handshake_timeout=settings.limits.request_timeout_seconds if settings.tls else None,
    )
    _sweep(loop, connections)
    # What exists now lives as long as the process: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    listening()
    await asked_to_stop.wait()
    server.close()
    await connections.drain(settings.drain_seconds)
    threads.close()


def _sweep(loop: asyncio.AbstractEventLoop, connections: Connections) -> None:
    loop.call_later(_SWEEP_SECONDS, _sweep, loop, connections)
    connections.sweep()

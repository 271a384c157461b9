"""The processes of an installation: recorder, keeper, workers, and the supervisor that holds them."""

import gc
import shutil
import tempfile
import time
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from ssl import SSLContext, SSLError
from typing import Final

from selfkms.adapters.audit_files.journal import JournalInUseError
from selfkms.adapters.audit_files.segments import JournalDamagedError
from selfkms.adapters.event_history.file import prepare
from selfkms.bootstrap.assembly import Assembly
from selfkms.bootstrap.data_dir import DIRECTORY_MODE, DataDir
from selfkms.bootstrap.installation import Unsealed
from selfkms.config import ServerSettings
from selfkms.ports.audit_sink import JournalUnavailableError
from selfkms.ports.event_history import HistoryUnavailableError
from selfkms.server.connections import ConnectionLimits
from selfkms.server.interfaces import Routes
from selfkms.server.keeper import run_keeper
from selfkms.server.listener import bind_reserved
from selfkms.server.recorder import recorder_listener, run_recorder
from selfkms.server.recorder_link import AsyncRecorderLink, BlockingRecorderLink
from selfkms.server.supervisor import ChildSpec, Supervisor
from selfkms.server.tls import server_context
from selfkms.server.worker import WorkerParts, WorkerSettings, run_worker

_GRACE_SECONDS: Final = 15.0

_KEEPER_NICENESS: Final = 5
"""Answers come before the event history: a third of a worker's share of a busy core, enough to keep up."""

_SOCKET_FOLDER_BYTES_MAX: Final = 70
"""unix(7): a socket's path has 107 bytes at most; the recorder adds a directory and a name."""


class ServingError(Exception):
    """The installation cannot be served: the port, the certificate, the journal. The message is for the operator."""


def serve(
    unsealed: Unsealed,
    *,
    ready: Callable[[str], None],
    routes: Callable[[Assembly, BlockingRecorderLink], Routes] | None = None,
) -> int:
    """Serve an installation until SIGTERM or SIGINT.

    Args:
        unsealed: the installation; its data directory is held by the caller.
        ready: called once with the address of the API (`http://127.0.0.1:4599`), when all workers take requests.
        routes: further answers without a signature, for `dev`.

    Returns:
        0 after a stop that was asked for; 1 if a process could not be started.

    Raises:
        ServingError: the port is taken, the certificate is not usable, the journal is damaged.
    """
    server = unsealed.settings.server
    assembly = Assembly(unsealed)
    tls = _tls(unsealed)
    _check_exposure(server, tls)
    _check_journal(assembly)
    _check_authorities(assembly)
    _check_roots(assembly)
    _prepare_history(unsealed)
    try:
        reserved = bind_reserved(server.host, server.port)
    except OSError as error:
        raise ServingError(f"{server.host}:{server.port}: {error.strerror}") from error
    listener, recorder_path = recorder_listener(_socket_folder(unsealed.data_dir))
    port: int = reserved.getsockname()[1]
    # What all workers need is read once, before they are forked.
    _ = assembly.services, assembly.regions
    parts = WorkerParts(
        make_gate=assembly.gate,
        make_link=lambda: _connected(recorder_path),
        wall=unsealed.clock.wall,
        routes=routes(assembly, BlockingRecorderLink(recorder_path)) if routes else {},
    )
    children = [
        ChildSpec(name="recorder", group="recorder", run=lambda _: run_recorder(listener, assembly.journal())),
        _keeper(assembly, recorder_path),
        *_workers(_worker_settings(server, port, tls), parts, count=server.worker_count),
    ]
    supervisor = Supervisor(
        children,
        ready=lambda: ready(_address(server.host, port, tls)),
        monotonic=time.monotonic,
        grace_seconds=max(_GRACE_SECONDS, server.drain_seconds + 5.0),
    )
    _freeze()
    try:
        return supervisor.run()
    finally:
        reserved.close()
        listener.close()
        shutil.rmtree(Path(recorder_path).parent, ignore_errors=True)


def _keeper(assembly: Assembly, recorder_path: str) -> ChildSpec:
    return ChildSpec(
        name="keeper",
        group="keeper",
        niceness=_KEEPER_NICENESS,
        run=lambda _: run_keeper(
            lambda: assembly.upkeep(assembly.database()),
            BlockingRecorderLink(recorder_path),
            assembly.history_feed,
            lambda: assembly.deliverer(BlockingRecorderLink(recorder_path)),
            assembly.storage_keeper,
        ),
    )


def _freeze() -> None:
    """Keep the collector away from what exists now, which lives as long as the processes do.

    It writes into each object that it looks at, so the pages of what is frozen before the fork stay shared.

    Source: Python Standard Library, `gc.freeze`.
    """
    gc.freeze()
    gc.enable()


def _workers(settings: WorkerSettings, parts: WorkerParts, *, count: int) -> list[ChildSpec]:
    return [
        ChildSpec(
            name=f"worker {number}",
            group="workers",
            run=lambda report: run_worker(settings, parts, listening=report),
            awaited=True,
        )
        for number in range(1, count + 1)
    ]


def _socket_folder(place: DataDir) -> Path:
    """Where the recorder's socket may be: in the data directory, unless its path is too long for a socket."""
    # What a run that was killed left there; the lock on the directory says that no other is alive.
    shutil.rmtree(place.run, ignore_errors=True)
    if len(bytes(place.run)) > _SOCKET_FOLDER_BYTES_MAX:
        return Path(tempfile.gettempdir())
    place.run.mkdir(mode=DIRECTORY_MODE)
    return place.run


def _worker_settings(server: ServerSettings, port: int, tls: SSLContext | None) -> WorkerSettings:
    return WorkerSettings(
        host=server.host,
        port=port,
        limits=ConnectionLimits(
            connections_max=server.connections_max,
            body_bytes_max=server.body_bytes_max,
            request_timeout_seconds=server.request_timeout_seconds,
            idle_timeout_seconds=server.idle_timeout_seconds,
        ),
        tls=tls,
        threads=server.threads,
        drain_seconds=server.drain_seconds,
    )


def _address(host: str, port: int, tls: SSLContext | None) -> str:
    bracketed = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{bracketed}:{port}"


async def _connected(recorder_path: str) -> AsyncRecorderLink:
    """A link that is up, and comes up again by itself whenever the recorder was started again."""
    link = AsyncRecorderLink(recorder_path)
    await link.connect()
    return link


def _tls(unsealed: Unsealed) -> SSLContext | None:
    """The TLS of the API, read before the fork: an unreadable key is an error at the start, not in a worker."""
    server, place = unsealed.settings.server, unsealed.data_dir
    if server.tls_certificate is None and server.tls_private_key is None:
        return None
    if server.tls_certificate is None or server.tls_private_key is None:
        raise ServingError("server.tls_certificate and server.tls_private_key go together")
    try:
        return server_context(place.of_settings(server.tls_certificate), place.of_settings(server.tls_private_key))
    except SSLError as error:
        raise ServingError(f"{server.tls_certificate}: {error.reason or error}") from error
    except OSError as error:
        raise ServingError(f"{server.tls_certificate}, {server.tls_private_key}: {error.strerror}") from error


def _check_exposure(server: ServerSettings, tls: SSLContext | None) -> None:
    """Plaintexts and data keys pass here: without TLS they do not leave the machine, unless somebody takes that on."""
    if tls is None and not server.plain_http and not is_loopback(server.host):
        raise ServingError(
            f"{server.host} is not a loopback address: set server.tls_certificate and server.tls_private_key, "
            "or server.plain_http=true if a proxy in front speaks TLS"
        )


def _check_authorities(assembly: Assembly) -> None:
    """A file of authorities that cannot be used is an error at the start, not with the first token."""
    try:
        _ = assembly.web_identity_keys
    except SSLError as error:
        raise ServingError(f"web_identity.ca_file: {error.reason or error}") from error
    except OSError as error:
        raise ServingError(f"web_identity.ca_file: {error.strerror}") from error


def _check_roots(assembly: Assembly) -> None:
    """A file of roots that cannot be used is an error at the start, not with the first attestation document."""
    try:
        _ = assembly.recipients
    except OSError as error:
        raise ServingError(f"attestation.root_file: {error.strerror}") from error
    except ValueError as error:
        raise ServingError("attestation.root_file: there are no certificates in it that can be read") from error


def _check_journal(assembly: Assembly) -> None:
    """A journal that cannot be written is an error at the start, not in a process that is started again and again."""
    try:
        assembly.journal().close()
    except (JournalDamagedError, JournalInUseError, JournalUnavailableError) as error:
        raise ServingError(f"the audit journal cannot be used: {error}") from error


def _prepare_history(unsealed: Unsealed) -> None:
    """An event history that is not usable is made anew before anybody has it open."""
    try:
        prepare(unsealed.data_dir.history)
    except HistoryUnavailableError as error:
        raise ServingError(str(error)) from error


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

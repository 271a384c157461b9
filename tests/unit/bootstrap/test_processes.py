"""What `serve` starts and what it refuses to start. No process is forked: a fake supervisor keeps what it is given."""

import asyncio
import socket
import ssl
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import Final

import pytest

from harness.assembled import answer, made, signed
from harness.world import ALICE_ACCOUNT
from selfkms.adapters.audit_files.verify import verify
from selfkms.adapters.event_history.feed import JournalFeed
from selfkms.bootstrap import processes
from selfkms.bootstrap.assembly import Assembly
from selfkms.bootstrap.data_dir import DataDir
from selfkms.bootstrap.dev import administrator_credential, ensure_accounts
from selfkms.bootstrap.installation import Unsealed
from selfkms.bootstrap.processes import ServingError, _address, _check_exposure, is_loopback, serve
from selfkms.config import ServerSettings
from selfkms.crypto.certificates import self_made_certificates
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.secrets import SECRET_ACCESS
from selfkms.gate.delivery import Deliverer
from selfkms.gate.storage import StorageKeeper
from selfkms.gate.upkeep import Upkeep
from selfkms.ports.audit_sink import AuditSink, Journal
from selfkms.ports.event_history import HistoryFeed
from selfkms.protocol.http import HTTPResponse
from selfkms.server.deliveries import deliver
from selfkms.server.interfaces import Routes
from selfkms.server.keeper import keep
from selfkms.server.recorder import Recorder
from selfkms.server.recorder_link import AsyncRecorderLink, BlockingRecorderLink
from selfkms.server.storage import keep_storage
from selfkms.server.supervisor import ChildSpec
from selfkms.server.worker import WorkerParts, WorkerSettings

QUIET: Final = ("server.port=0", "server.workers=2", "audit.segment_bytes=1048576")


class FakeSupervisor:
    """Keeps what it is given, and says `ready` at once."""

    def __init__(self, during: Callable[["FakeSupervisor"], int]) -> None:
        self._during = during
        self.specs: Sequence[ChildSpec] = ()
        self.grace_seconds = 0.0

    def __call__(
        self,
        specs: Sequence[ChildSpec],
        *,
        ready: Callable[[], None],
        monotonic: Callable[[], float],
        grace_seconds: float,
    ) -> "FakeSupervisor":
        """What the class `Supervisor` is called with."""
        assert monotonic() <= monotonic()
        self.specs, self._ready, self.grace_seconds = specs, ready, grace_seconds
        return self

    def run(self) -> int:
        self._ready()
        return self._during(self)


def served(
    unsealed: Unsealed,
    monkeypatch: pytest.MonkeyPatch,
    *,
    during: Callable[[FakeSupervisor], int] = lambda _: 0,
    routes: Callable[[Assembly, BlockingRecorderLink], Routes] | None = None,
) -> tuple[int, FakeSupervisor, list[str]]:
    """What `serve` returned, the supervisor, and the addresses that were called ready."""
    supervisor = FakeSupervisor(during)
    monkeypatch.setattr(processes, "Supervisor", supervisor)
    addresses: list[str] = []
    return serve(unsealed, ready=addresses.append, routes=routes), supervisor, addresses


def refusal(unsealed: Unsealed, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the operator is told; nothing was started."""
    started: list[FakeSupervisor] = []

    def start(supervisor: FakeSupervisor) -> int:
        started.append(supervisor)
        return 0

    with pytest.raises(ServingError) as refused:
        served(unsealed, monkeypatch, during=start)
    assert not started
    return str(refused.value)


def certificates(directory: Path, prefix: str = "server") -> tuple[str, str]:
    """A certificate and its key below a data directory; the settings that name them."""
    pair = self_made_certificates(hosts=["127.0.0.1"], not_before=1_790_000_000.0, days=36_500)
    (directory / f"{prefix}.pem").write_bytes(pair.certificate)
    (directory / f"{prefix}.key").write_bytes(pair.private_key.open(SECRET_ACCESS))
    return f"server.tls_certificate={prefix}.pem", f"server.tls_private_key={prefix}.key"


def run_worker_of(spec: ChildSpec, monkeypatch: pytest.MonkeyPatch) -> tuple[WorkerSettings, WorkerParts]:
    """What a worker would be run with."""
    given: list[tuple[WorkerSettings, WorkerParts]] = []

    def run_worker(settings: WorkerSettings, parts: WorkerParts, *, listening: Callable[[], None]) -> None:
        given.append((settings, parts))
        listening()

    monkeypatch.setattr(processes, "run_worker", run_worker)
    reports: list[str] = []
    spec.run(lambda: reports.append("ready"))
    assert reports == ["ready"]
    return given[0]


def test_the_processes_of_an_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorder first, so that it ends last; only workers take requests, so only they are waited for."""
    code, supervisor, _ = served(made(tmp_path, *QUIET), monkeypatch)
    assert code == 0
    assert [(spec.name, spec.group, spec.awaited) for spec in supervisor.specs] == [
        ("recorder", "recorder", False),
        ("keeper", "keeper", False),
        ("worker 1", "workers", True),
        ("worker 2", "workers", True),
    ]


@pytest.mark.parametrize(("drain_seconds", "grace_seconds"), [(1, 15.0), (10, 15.0), (30, 35.0)])
def test_the_grace_is_longer_than_the_drain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drain_seconds: int, grace_seconds: float
) -> None:
    """A worker that still finishes requests is not killed."""
    unsealed = made(tmp_path, *QUIET, f"server.drain_seconds={drain_seconds}")
    _, supervisor, _ = served(unsealed, monkeypatch)
    assert supervisor.grace_seconds == grace_seconds


def test_the_exit_code_is_the_supervisors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 if a process could not be started."""
    code, _, _ = served(made(tmp_path, *QUIET), monkeypatch, during=lambda _: 1)
    assert code == 1


def test_the_port_is_held_while_it_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ready` is told the port that was really taken; nobody else gets it before the end."""
    taken: list[int] = []

    def during(supervisor: FakeSupervisor) -> int:
        settings, _ = run_worker_of(supervisor.specs[-1], monkeypatch)
        taken.append(settings.port)
        with socket.socket() as other, pytest.raises(OSError, match="Address already in use"):
            other.bind(("127.0.0.1", settings.port))
        return 0

    _, _, addresses = served(made(tmp_path, *QUIET), monkeypatch, during=during)
    assert addresses == [f"http://127.0.0.1:{taken[0]}"]
    with socket.socket() as other:
        other.bind(("127.0.0.1", taken[0]))


@pytest.mark.parametrize("failing", [False, True])
def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, failing: bool) -> None:
    """The recorder's socket is gone at the end, also after a failure."""
    sockets = tmp_path / "sockets"
    sockets.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(sockets))

    def during(_: FakeSupervisor) -> int:
        (folder,) = sockets.iterdir()
        assert [path.is_socket() for path in folder.iterdir()] == [True]
        if failing:
            raise KeyboardInterrupt
        return 0

    unsealed = made(tmp_path / "data", *QUIET)
    if failing:
        with pytest.raises(KeyboardInterrupt):
            served(unsealed, monkeypatch, during=during)
    else:
        served(unsealed, monkeypatch, during=during)
    assert list(sockets.iterdir()) == []


def test_a_worker_serves_as_the_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its limits are the settings', its time is the wall clock's, and its gate takes requests."""
    unsealed = made(
        tmp_path,
        *QUIET,
        "server.connections_max=7",
        "server.body_bytes_max=70000",
        "server.request_timeout_seconds=11",
        "server.idle_timeout_seconds=13",
        "server.drain_seconds=17",
    )
    ensure_accounts(unsealed, [ALICE_ACCOUNT])
    _, supervisor, _ = served(unsealed, monkeypatch)
    settings, parts = run_worker_of(supervisor.specs[-1], monkeypatch)
    limits = settings.limits
    assert (limits.connections_max, limits.body_bytes_max) == (7, 70_000)
    assert (limits.request_timeout_seconds, limits.idle_timeout_seconds) == (11, 13)
    assert (settings.host, settings.drain_seconds, settings.tls) == ("127.0.0.1", 17, None)
    assert parts.wall == unsealed.clock.wall
    assert parts.routes == {}
    gate = Assembly(unsealed).gate()
    assert answer(gate, signed(administrator_credential(ALICE_ACCOUNT), "ListKeys", {}))[0] == 200
    gate._database.close()


def test_further_routes_are_given_to_the_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are made of the assembly and the way to the recorder."""
    given: list[object] = []

    def routes(assembly: Assembly, sink: BlockingRecorderLink) -> Routes:
        given.extend((assembly, sink))
        return {("POST", "/-/dev/clock"): lambda _: HTTPResponse(status=200, headers=(), body=b"moved")}

    _, supervisor, _ = served(made(tmp_path, *QUIET), monkeypatch, routes=routes)
    _, parts = run_worker_of(supervisor.specs[-1], monkeypatch)
    assert [type(part) for part in given] == [Assembly, BlockingRecorderLink]
    assert parts.routes["POST", "/-/dev/clock"](b"").body == b"moved"


def test_worker_and_keeper_reach_the_recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What either hands over is in the journal of the installation when it is told so."""
    unsealed = made(tmp_path, *QUIET)
    recorders: list[Recorder] = []
    feeds: list[bool] = []
    first, second = (AuditRecord(f"00000000-0000-4000-8000-00000000000{n}", b"{}") for n in (1, 2))

    def run_recorder(listener: socket.socket, journal: Journal) -> None:
        recorders.append(Recorder(listener, journal))

    def run_keeper(
        make_upkeep: Callable[[], Upkeep],
        sink: AuditSink,
        make_feed: Callable[[], HistoryFeed],
        make_deliverer: Callable[[], Deliverer],
        make_storage: Callable[[], StorageKeeper],
    ) -> None:
        deliver(make_deliverer())
        assert not keep_storage(make_storage())
        upkeep = make_upkeep()
        keep(upkeep, sink)
        upkeep._database.close()
        sink.record([first])
        feed = make_feed()
        assert isinstance(feed, JournalFeed)
        feeds.append(feed.feed())
        assert feed.place().position.sequence == 1
        feed.close()
        assert isinstance(sink, BlockingRecorderLink)
        sink.close()

    async def submit(parts: WorkerParts) -> bool:
        link = await parts.make_link()
        assert isinstance(link, AsyncRecorderLink)
        safe: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        link.submit([second], safe.set_result)
        try:
            return await safe
        finally:
            await link.close()

    def during(supervisor: FakeSupervisor) -> int:
        recorder, keeper, worker, _ = supervisor.specs
        recorder.run(lambda: None)
        thread = Thread(target=recorders[0].run)
        thread.start()
        try:
            keeper.run(lambda: None)
            _, parts = run_worker_of(worker, monkeypatch)
            assert asyncio.run(submit(parts))
        finally:
            recorders[0].stop()
            thread.join()
        return 0

    monkeypatch.setattr(processes, "run_recorder", run_recorder)
    monkeypatch.setattr(processes, "run_keeper", run_keeper)
    served(unsealed, monkeypatch, during=during)
    report = verify(DataDir(tmp_path).journal, Assembly(unsealed).audit_key)
    assert (report.records, report.damage, feeds) == (2, None, [False])


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("::1", "[::1]"), ("fe80::1%eth0", "[fe80::1%eth0]")],
)
def test_how_an_address_is_written(host: str, shown: str) -> None:
    """RFC 3986, 3.2.2: an IPv6 address stands in brackets."""
    assert _address(host, 4599, None) == f"http://{shown}:4599"
    assert _address(host, 443, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) == f"https://{shown}:443"


def test_with_a_certificate_it_is_https(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The context is read before the fork, and is what the workers have."""
    _, supervisor, addresses = served(made(tmp_path, *QUIET, *certificates(tmp_path)), monkeypatch)
    settings, _ = run_worker_of(supervisor.specs[-1], monkeypatch)
    assert isinstance(settings.tls, ssl.SSLContext)
    assert addresses == [f"https://127.0.0.1:{settings.port}"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "kms.example.com", "127.0.0.1.example"])
def test_without_tls_nothing_leaves_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """The text says what to set; the port is not even asked for."""
    told = refusal(made(tmp_path, *QUIET, f"server.host={host}"), monkeypatch)
    assert told == (
        f"{host} is not a loopback address: set server.tls_certificate and server.tls_private_key, "
        "or server.plain_http=true if a proxy in front speaks TLS"
    )


def test_what_may_be_exposed() -> None:
    """An address for all with TLS, or because somebody took it on."""
    _check_exposure(ServerSettings(host="0.0.0.0"), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    _check_exposure(ServerSettings(host="0.0.0.0", plain_http=True), None)


def test_plain_http_behind_a_proxy_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once somebody said so in the settings."""
    unsealed = made(tmp_path, *QUIET, "server.host=0.0.0.0", "server.plain_http=true")
    code, _, (address,) = served(unsealed, monkeypatch)
    assert code == 0
    assert address.startswith("http://0.0.0.0:")


@pytest.mark.parametrize("half", [0, 1])
def test_half_of_a_tls_pair_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, half: int) -> None:
    """Whoever sets one of the two wanted TLS: serving without it would be a surprise."""
    told = refusal(made(tmp_path, *QUIET, certificates(tmp_path)[half]), monkeypatch)
    assert told == "server.tls_certificate and server.tls_private_key go together"


@pytest.mark.parametrize("missing", ["server.pem", "server.key"])
def test_a_missing_tls_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """At the start, by the names that the settings have."""
    unsealed = made(tmp_path, *QUIET, *certificates(tmp_path))
    (tmp_path / missing).unlink()
    assert refusal(unsealed, monkeypatch) == "server.pem, server.key: No such file or directory"


def test_what_is_no_certificate_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another file, or the private key of another certificate; nothing of either is shown."""
    unsealed = made(tmp_path / "data", *QUIET, *certificates(tmp_path))
    for name in ("server.pem", "server.key"):
        (tmp_path / name).rename(tmp_path / "data" / name)
    certificates(tmp_path, "other")
    (tmp_path / "other.key").rename(tmp_path / "data" / "server.key")
    assert refusal(unsealed, monkeypatch) == "server.pem: KEY_VALUES_MISMATCH"
    (tmp_path / "data" / "server.pem").write_text("correct horse")
    told = refusal(unsealed, monkeypatch)
    assert told.startswith("server.pem: ")
    assert "horse" not in told


def test_a_damaged_journal_is_not_written_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first thing that is wrong is named, and nothing is started."""
    unsealed = made(tmp_path, *QUIET)
    journal = Assembly(unsealed).journal()
    journal.append([AuditRecord("00000000-0000-4000-8000-000000000001", b'{"secret":"horse"}')])
    journal.close()
    segment = DataDir(tmp_path).journal / "00000000000000000001.journal"
    data = bytearray(segment.read_bytes())
    data[data.index(b"horse")] ^= 1
    segment.write_bytes(data)
    told = refusal(unsealed, monkeypatch)
    assert told.startswith("the audit journal cannot be used: audit journal, 00000000000000000001.journal, offset ")
    assert "horse" not in told
    assert segment.read_bytes() == data


def test_a_journal_that_cannot_be_had_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Because a recorder has it, or because something else is in its place."""
    unsealed = made(tmp_path, *QUIET)
    journal = Assembly(unsealed).journal()
    assert "another process has the audit journal" in refusal(unsealed, monkeypatch)
    journal.close()
    (tmp_path / "audit").rename(tmp_path / "kept")
    (tmp_path / "audit").write_text("a file")
    assert "the audit journal cannot be written" in refusal(unsealed, monkeypatch)


def test_a_history_that_is_none_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an index: whatever is in its place is no reason not to serve."""
    unsealed = made(tmp_path, *QUIET)
    DataDir(tmp_path).history.write_bytes(b"no database at all, but long enough to be asked for its header" * 20)
    code, _, _ = served(unsealed, monkeypatch)
    assert code == 0
    assert DataDir(tmp_path).history.read_bytes().startswith(b"SQLite format 3")


def test_a_history_that_cannot_be_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory in its place is nobody's to remove."""
    unsealed = made(tmp_path, *QUIET)
    DataDir(tmp_path).history.mkdir()
    assert "the event history does not answer" in refusal(unsealed, monkeypatch)


def test_a_port_that_is_taken_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whom is not known; which one is."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        told = refusal(made(tmp_path, "server.workers=1", f"server.port={port}"), monkeypatch)
    assert told == f"127.0.0.1:{port}: port {port} of 127.0.0.1 is in use by another process"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.0.9", "::1", "localhost"])
def test_loopback_addresses(host: str) -> None:
    """All of 127.0.0.0/8 (RFC 1122, 3.2.1.3), ::1 (RFC 4291, 2.5.3) and their name."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "128.0.0.1", "10.0.0.1", "fe80::1", "kms.example.com", "localhost.example.com"]
)
def test_all_other_addresses_are_not(host: str) -> None:
    """A name may become any address: only `localhost` is believed."""
    assert not is_loopback(host)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_roots_that_cannot_be_read_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    """At the start, not with the first attestation document."""
    unsealed = made(tmp_path / "data", *QUIET, "attestation.root_file=roots.pem")
    if content is not None:
        (tmp_path / "data" / "roots.pem").write_bytes(content)
    told = refusal(unsealed, monkeypatch)
    assert told.startswith("attestation.root_file: ")
    assert ("No such file" in told) is (content is None)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_authorities_that_cannot_be_read_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    """At the start, not with the first token."""
    unsealed = made(tmp_path / "data", *QUIET, "web_identity.ca_file=ca.pem")
    if content is not None:
        (tmp_path / "data" / "ca.pem").write_bytes(content)
    told = refusal(unsealed, monkeypatch)
    assert told.startswith("web_identity.ca_file: ")
    assert ("No such file" in told) is (content is None)

"""`selfkms dev`, as far as its processes: what it makes, prints, writes and refuses. No process is forked."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from harness.assembled import answer, ask, opened, signed
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT
from selfkms.adapters.system import clock
from selfkms.adapters.system.clock import Baseline, MovableClock
from selfkms.bootstrap import processes
from selfkms.bootstrap.assembly import Assembly
from selfkms.bootstrap.data_dir import DataDir, DataDirInUseError
from selfkms.bootstrap.dev import administrator_credential
from selfkms.bootstrap.installation import Unsealed
from selfkms.bootstrap.processes import ServingError
from selfkms.cli.dev import dev
from selfkms.server.interfaces import Routes
from selfkms.server.recorder_link import BlockingRecorderLink

ADMIN: Final = administrator_credential(ALICE_ACCOUNT)
ADDRESS: Final = "http://127.0.0.1:4599"


class FakeServing:
    """Stands for the processes: does what a test wants, says `ready`, and ends."""

    def __init__(self) -> None:
        self.unsealed: list[Unsealed] = []
        self.routes: Routes = {}
        self.address = ADDRESS
        self.ends_with = 0
        self.error: Exception | None = None
        self.during: Callable[[Unsealed], None] = lambda _: None

    def __call__(
        self,
        unsealed: Unsealed,
        *,
        ready: Callable[[str], None],
        routes: Callable[[Assembly, BlockingRecorderLink], Routes],
    ) -> int:
        """What `processes.serve` is called with."""
        self.unsealed.append(unsealed)
        with pytest.raises(DataDirInUseError), unsealed.data_dir.held():
            pass
        if self.error:
            raise self.error
        self.routes = routes(Assembly(unsealed), BlockingRecorderLink("nowhere"))
        ready(self.address)
        self.during(unsealed)
        return self.ends_with


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> FakeServing:
    """In place of the processes."""
    fake = FakeServing()
    monkeypatch.setattr(processes, "serve", fake)
    return fake


@pytest.fixture(autouse=True)
def clocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the clocks that `dev` leaves to the end of its process."""
    opened_here: list[MovableClock] = []

    class Remembered(MovableClock):
        def __init__(self, baseline: Baseline, file: Path | None = None) -> None:
            super().__init__(baseline, file)
            opened_here.append(self)

    monkeypatch.setattr(clock, "MovableClock", Remembered)
    yield
    for each in opened_here:
        each.close()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's directory for temporary files; empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def invoke(*arguments: str | Path) -> Result:
    """`selfkms dev` with these arguments."""
    return CliRunner().invoke(dev, [str(argument) for argument in arguments])


def refused(*arguments: str | Path) -> str:
    """What is said: exit code 1, nothing on standard output, no traceback."""
    result = invoke(*arguments)
    assert isinstance(result.exception, SystemExit), result.exception
    assert (result.exit_code, result.stdout) == (1, "")
    return result.stderr


def test_what_it_prints(tmp_path: Path, serving: FakeServing) -> None:
    """Lines for a shell and `ready` on standard output, what a newcomer types next on standard error."""
    result = invoke("--data-dir", tmp_path)
    assert serving.unsealed
    assert result.exit_code == 0
    assert result.stdout == (
        f"export AWS_CONFIG_FILE={tmp_path}/aws/config\n"
        f"export AWS_SHARED_CREDENTIALS_FILE={tmp_path}/aws/credentials\n"
        f"ready {ADDRESS}\n"
    )
    assert "kms create-key" in result.stderr
    assert result.stderr.endswith("Ctrl-C stops the server.\n\n")


def test_without_a_data_directory_nothing_stays(serving: FakeServing, temporary: Path) -> None:
    """While it serves, all is below one temporary directory; at the end that is gone, and the hint said so."""
    seen: list[Path] = []
    serving.during = lambda unsealed: seen.extend((unsealed.data_dir.root, *temporary.iterdir()))
    result = invoke()
    assert seen[0] == seen[1]
    assert list(temporary.iterdir()) == []
    assert "Ctrl-C stops the server and removes everything it kept." in result.stderr


@pytest.mark.parametrize("error", [ServingError("the port is taken"), KeyboardInterrupt(), RuntimeError("a defect")])
def test_nothing_stays_after_a_failure_either(
    serving: FakeServing, temporary: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of whatever kind."""
    monkeypatch.setattr(serving, "error", error)
    assert invoke().exit_code == 1
    assert list(temporary.iterdir()) == []


def test_its_credentials_are_ready(tmp_path: Path, serving: FakeServing) -> None:
    """When it says so, both accounts take requests."""
    statuses: list[int] = []
    serving.during = lambda unsealed: statuses.extend(
        ask(unsealed, administrator_credential(account_id), "ListKeys")[0]
        for account_id in (ALICE_ACCOUNT, BOB_ACCOUNT)
    )
    invoke("--data-dir", tmp_path)
    assert statuses == [200, 200]


def test_what_is_kept_is_there_the_next_time(tmp_path: Path, serving: FakeServing) -> None:
    """Keys, accounts, and how far the clock was moved."""

    def use(unsealed: Unsealed) -> None:
        assert ask(unsealed, ADMIN, "CreateKey")[0] == 200
        assert isinstance(unsealed.clock, MovableClock)
        unsealed.clock.advance(3_600)

    serving.during = use
    assert invoke("--data-dir", tmp_path).exit_code == 0
    assert invoke("--data-dir", tmp_path).exit_code == 0
    first, second = serving.unsealed
    assert first.installation_id == second.installation_id
    assert isinstance(second.clock, MovableClock)
    assert second.clock.offset() == 7_200
    assert len(ask(second, ADMIN, "ListKeys")[1]["Keys"]) == 2


def test_the_accounts_that_are_asked_for(tmp_path: Path, serving: FakeServing) -> None:
    """In their order, each once; the default profile is the first one's."""
    accounts = ("--account", BOB_ACCOUNT, "--account", "000000000001", "--account", BOB_ACCOUNT)
    assert invoke("--data-dir", tmp_path, *accounts).exit_code == 0
    database = Assembly(serving.unsealed[0]).database()
    assert {account.account_id for account in database.accounts()} == {BOB_ACCOUNT, "000000000001"}
    database.close()
    credentials = (tmp_path / "aws" / "credentials").read_text()
    default = credentials.split("[default]\n")[1].split("\n")[0]
    assert default == f"aws_access_key_id = {administrator_credential(BOB_ACCOUNT).access_key_id}"


def test_its_options_are_settings(tmp_path: Path, serving: FakeServing) -> None:
    """They win over the file, and a port that is not given is the file's."""
    (tmp_path / "selfkms.toml").write_text('[server]\nport = 8443\nworkers = 5\nhost = "127.0.0.9"\n')
    invoke("--data-dir", tmp_path, "--set", "audit.durability=process")
    invoke("--data-dir", tmp_path, "--host", "127.0.0.2", "--port", "0", "--workers", "2")
    found = [(each.settings.server.host, each.settings.server.port) for each in serving.unsealed]
    assert found == [("127.0.0.1", 8443), ("127.0.0.2", 0)]
    assert [each.settings.server.workers for each in serving.unsealed] == [1, 2]
    assert serving.unsealed[0].settings.audit.durability == "process"


def test_with_tls(tmp_path: Path, serving: FakeServing) -> None:
    """The certificate is there before it is served, and clients are pointed at its authority."""

    def check(unsealed: Unsealed) -> None:
        server = unsealed.settings.server
        assert (server.tls_certificate, server.tls_private_key) == ("tls/server.pem", "tls/server.key")
        assert {path.name for path in unsealed.data_dir.tls.iterdir()} >= {"ca.pem", "server.key", "server.pem"}

    serving.during, serving.address = check, "https://127.0.0.1:4599"
    result = invoke("--data-dir", tmp_path, "--tls")
    assert result.exit_code == 0
    assert f"export AWS_CA_BUNDLE={tmp_path}/tls/ca.pem\n" in result.stdout
    assert f"ca_bundle = {tmp_path}/tls/ca.pem\n" in (tmp_path / "aws" / "config").read_text()


def test_the_clock_can_be_moved(tmp_path: Path, serving: FakeServing) -> None:
    """By the one route that it has beyond `serve`."""
    invoke("--data-dir", tmp_path)
    assert list(serving.routes) == [("POST", "/-/dev/clock")]
    response = serving.routes["POST", "/-/dev/clock"](b'{"advance_seconds": 60}')
    assert response.status == 200
    assert isinstance(serving.unsealed[0].clock, MovableClock)
    assert serving.unsealed[0].clock.offset() == 60


def test_signatures_are_checked_as_in_production(tmp_path: Path, serving: FakeServing) -> None:
    """There is no switch that turns verification off."""
    invoke("--data-dir", tmp_path)
    gate = Assembly(serving.unsealed[0]).gate()
    wrong = ADMIN._replace(secret_access_key=administrator_credential(BOB_ACCOUNT).secret_access_key)
    assert answer(gate, signed(wrong, "ListKeys", {}))[1]["__type"] == "InvalidSignatureException"
    gate._database.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "kms.example.com", ""])
def test_no_other_address_than_loopback(tmp_path: Path, serving: FakeServing, host: str) -> None:
    """Everybody knows the credentials. Exit code 2, and nothing is made."""
    result = invoke("--data-dir", tmp_path / "data", "--host", host)
    assert result.exit_code == 2
    assert "the credentials of `dev` are known to everyone: loopback only" in result.stderr
    assert not (tmp_path / "data").exists()
    assert not serving.unsealed


def test_no_other_address_by_a_setting(tmp_path: Path, serving: FakeServing) -> None:
    """However it is given."""
    invoke("--data-dir", tmp_path, "--set", "server.host=0.0.0.0", "--set", "server.plain_http=true")
    assert not serving.unsealed


@pytest.mark.parametrize(
    "arguments",
    [("--port", "65536"), ("--port", "-1"), ("--workers", "0"), ("--workers", "257"), ("--account", "1"), ("there",)],
)
def test_arguments_that_are_refused(serving: FakeServing, temporary: Path, arguments: tuple[str, ...]) -> None:
    """Exit code 2, and nothing is made."""
    assert invoke(*arguments).exit_code == 2
    assert list(temporary.iterdir()) == []
    assert not serving.unsealed


def test_what_cannot_be_served_is_said(tmp_path: Path, serving: FakeServing) -> None:
    """In one line; nobody holds the directory afterwards."""
    serving.error = ServingError("127.0.0.1:4599: port 4599 of 127.0.0.1 is in use by another process")
    assert refused("--data-dir", tmp_path) == f"selfkms dev: {serving.error}\n"
    with DataDir(tmp_path).held():
        pass


def test_a_directory_that_is_served_already(tmp_path: Path, serving: FakeServing) -> None:
    """Two servers on the same keys would each know half of the truth."""
    with DataDir(tmp_path).held():
        assert refused("--data-dir", tmp_path) == f"selfkms dev: {tmp_path} is served by another selfkms\n"
    assert not serving.unsealed


def test_an_installation_that_does_not_open(tmp_path: Path, serving: FakeServing) -> None:
    """It is not made anew: its keys may still be wanted."""
    invoke("--data-dir", tmp_path)
    (tmp_path / "seal.key").unlink()
    assert "seal.key cannot be opened" in refused("--data-dir", tmp_path)
    assert len(serving.unsealed) == 1


def test_settings_that_are_refused(tmp_path: Path, serving: FakeServing) -> None:
    """Nothing is opened."""
    assert "unknown field `ports`" in refused("--data-dir", tmp_path, "--set", "server.ports=1")
    assert not serving.unsealed


def test_the_exit_code_is_that_of_the_processes(tmp_path: Path, serving: FakeServing) -> None:
    """1 if one of them could not be started."""
    serving.ends_with = 1
    assert invoke("--data-dir", tmp_path).exit_code == 1


@pytest.mark.usefixtures("serving")
def test_what_it_makes_can_be_opened_by_others(tmp_path: Path) -> None:
    """It is an installation like any other."""
    invoke("--data-dir", tmp_path)
    assert ask(opened(tmp_path), ADMIN, "ListKeys")[0] == 200


@pytest.mark.usefixtures("serving")
def test_a_damaged_clock_is_said(tmp_path: Path) -> None:
    """In one line, as whatever else is wrong."""
    (tmp_path / "clock-offset").write_text("not an offset")
    assert "offset" in refused("--data-dir", tmp_path)


@pytest.mark.usefixtures("serving")
def test_a_damaged_account_is_said(tmp_path: Path) -> None:
    """In one line, as whatever else is wrong."""
    invoke("--data-dir", tmp_path)
    with closing(sqlite3.connect(tmp_path / "database.sqlite")) as connection:
        connection.execute("UPDATE accounts SET mac = zeroblob(32)")
        connection.commit()
    refused("--data-dir", tmp_path)

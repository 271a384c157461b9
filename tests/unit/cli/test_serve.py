"""`selfkms serve`, as far as its processes: what it opens, holds, says and refuses. No process is forked."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.assembled import made
from selfkms.bootstrap import processes
from selfkms.bootstrap.data_dir import DataDir, DataDirInUseError
from selfkms.bootstrap.installation import Unsealed
from selfkms.bootstrap.processes import ServingError
from selfkms.cli.serve import serve

WARNING = "selfkms: WARNING the sealing key lies beside what it protects (seal.file)\n"


class FakeServing:
    """Stands for the processes: says `ready`, keeps what it was given, and ends as a test wants it."""

    def __init__(self) -> None:
        self.unsealed: list[Unsealed] = []
        self.ends_with = 0
        self.error: Exception | None = None

    def __call__(self, unsealed: Unsealed, *, ready: Callable[[str], None]) -> int:
        """What `processes.serve` is called with."""
        self.unsealed.append(unsealed)
        # Held from before it is opened until after it ended.
        with pytest.raises(DataDirInUseError), unsealed.data_dir.held():
            pass
        if self.error:
            raise self.error
        ready("http://127.0.0.1:4599")
        return self.ends_with


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> FakeServing:
    """In place of the processes."""
    fake = FakeServing()
    monkeypatch.setattr(processes, "serve", fake)
    return fake


def invoke(directory: Path, *assignments: str) -> Result:
    """`selfkms serve` with these settings."""
    given = [word for assignment in assignments for word in ("--set", assignment)]
    return CliRunner().invoke(serve, ["--data-dir", str(directory), *given])


def refused(directory: Path, *assignments: str) -> str:
    """What the operator is told: exit code 1, nothing on standard output, and nobody holds the directory."""
    result = invoke(directory, *assignments)
    assert (result.exit_code, result.stdout) == (1, "")
    with DataDir(directory).held():
        pass
    return result.stderr


def test_an_installation_is_served(tmp_path: Path, serving: FakeServing) -> None:
    """Standard output says only that it is ready, for programs that wait for it."""
    installed = made(tmp_path)
    result = invoke(tmp_path)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "ready http://127.0.0.1:4599\n", WARNING)
    (unsealed,) = serving.unsealed
    assert unsealed.installation_id == installed.installation_id
    assert unsealed.root_key.for_seal().equals(installed.root_key.for_seal())
    with DataDir(tmp_path).held():
        pass


def test_a_sealing_key_elsewhere_needs_no_warning(tmp_path: Path, serving: FakeServing) -> None:
    """A copy of the data directory opens nothing then."""
    made(tmp_path / "data", f"seal.file={tmp_path}/seal.key")
    result = invoke(tmp_path / "data", f"seal.file={tmp_path}/seal.key")
    assert (result.exit_code, result.stderr) == (0, "")
    assert serving.unsealed


@pytest.mark.usefixtures("serving")
def test_a_relative_path_out_of_the_data_directory_needs_no_warning(tmp_path: Path) -> None:
    """`../seal.key` is not beside what it protects."""
    made(tmp_path / "data", "seal.file=../seal.key")
    assert invoke(tmp_path / "data", "seal.file=../seal.key").stderr == ""


def test_the_settings_are_the_files_and_the_command_lines(tmp_path: Path, serving: FakeServing) -> None:
    """The command line wins."""
    made(tmp_path)
    (tmp_path / "selfkms.toml").write_text("[server]\nport = 8443\nworkers = 3\n")
    invoke(tmp_path, "server.workers=2", "audit.durability=process")
    settings = serving.unsealed[0].settings
    assert (settings.server.port, settings.server.workers, settings.audit.durability) == (8443, 2, "process")


def test_a_relative_data_directory(tmp_path: Path, serving: FakeServing, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept as an absolute one: no process depends on where it was started."""
    made(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    assert invoke(Path("data")).exit_code == 0
    assert serving.unsealed[0].data_dir.root == tmp_path / "data"


def test_the_exit_code_is_that_of_the_processes(tmp_path: Path, serving: FakeServing) -> None:
    """1 if one of them could not be started."""
    made(tmp_path)
    serving.ends_with = 1
    assert invoke(tmp_path).exit_code == 1


def test_what_cannot_be_served_is_said(tmp_path: Path, serving: FakeServing) -> None:
    """In one line, without a traceback."""
    made(tmp_path)
    serving.error = ServingError("127.0.0.1:4599: port 4599 of 127.0.0.1 is in use by another process")
    assert refused(tmp_path) == WARNING + f"selfkms serve: {serving.error}\n"


def test_a_directory_that_is_served_already(tmp_path: Path, serving: FakeServing) -> None:
    """It is not even opened."""
    made(tmp_path)
    with DataDir(tmp_path).held():
        result = invoke(tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"selfkms serve: {tmp_path} is served by another selfkms\n"
    assert not serving.unsealed


def test_without_an_installation_nothing_is_served(tmp_path: Path, serving: FakeServing) -> None:
    """And none is made."""
    assert refused(tmp_path) == (f"selfkms serve: {tmp_path} holds no installation; make one with `selfkms init`\n")
    assert not DataDir(tmp_path).database.exists()
    assert not serving.unsealed


def test_without_its_sealing_key_nothing_is_served(tmp_path: Path, serving: FakeServing) -> None:
    """The path is named."""
    made(tmp_path)
    (tmp_path / "seal.key").unlink()
    assert f"{tmp_path}/seal.key cannot be opened" in refused(tmp_path)
    assert not serving.unsealed


@pytest.mark.parametrize("assignment", ["server.ports=1", "server.port=65536", "port", "audit.durability=none"])
def test_settings_that_are_refused(tmp_path: Path, serving: FakeServing, assignment: str) -> None:
    """None is passed over."""
    made(tmp_path)
    assert refused(tmp_path, assignment).startswith("selfkms serve: ")
    assert not serving.unsealed


@pytest.mark.usefixtures("serving")
def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    """Exit code 2: a misspelt one is no installation, and is not made."""
    assert invoke(tmp_path / "nowhere").exit_code == 2
    assert not (tmp_path / "nowhere").exists()

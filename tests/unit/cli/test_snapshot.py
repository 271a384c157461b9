"""`selfkms snapshot` as a command: what it prints, and what it exits with."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.direct_apis import SNAPSHOT_ID, DirectAPIs
from selfkms.cli import snapshot_client
from selfkms.cli.exit_codes import ExitCode
from selfkms.cli.snapshot import snapshot


@pytest.fixture
def apis(monkeypatch: pytest.MonkeyPatch) -> DirectAPIs:
    """A server that the command finds, whatever the settings are."""
    made = DirectAPIs()
    monkeypatch.setattr(snapshot_client, "connected", lambda **_: made.client())
    return made


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image with one block of data."""
    path = tmp_path / "disk.img"
    path.write_bytes(b"data")
    return path


def invoke(*arguments: str | Path) -> Result:
    """The command with these arguments."""
    return CliRunner().invoke(snapshot, [str(argument) for argument in arguments])


def test_there_and_back(apis: DirectAPIs, image: Path, tmp_path: Path) -> None:
    """The ID alone is on standard output, so that a shell can take it; for people there is a line on standard error."""
    there = invoke("import", image)
    assert (there.exit_code, there.stdout) == (0, f"{SNAPSHOT_ID}\n")
    assert there.stderr == "1 blocks with data of 1 GiB, 1 sent\n"
    assert apis.count("DescribeSnapshots") == 1
    back = invoke("export", SNAPSHOT_ID, tmp_path / "again.img")
    assert (back.exit_code, back.stdout) == (0, "")
    assert back.stderr == "1 blocks of 1 GiB, 1 received\n"
    with (tmp_path / "again.img").open("rb") as file:
        assert file.read(8) == b"data\0\0\0\0"


def test_for_programs_there_is_json(apis: DirectAPIs, image: Path, tmp_path: Path) -> None:
    """With AWS's names, and nothing on standard error."""
    there = invoke("import", image, "--json", "--no-wait")
    expected = {"SnapshotId": SNAPSHOT_ID, "VolumeSize": 1, "State": "pending", "Blocks": 1, "BlocksSent": 1}
    assert (json.loads(there.stdout), there.stderr) == (expected, "")
    assert apis.count("DescribeSnapshots") == 0
    again = tmp_path / "again.img"
    back = invoke("export", SNAPSHOT_ID, again, "--json")
    received = {"SnapshotId": SNAPSHOT_ID, "VolumeSize": 1, "File": str(again), "Blocks": 1, "BlocksReceived": 1}
    assert (json.loads(back.stdout), back.stderr) == (received, "")


def test_options_reach_the_server(monkeypatch: pytest.MonkeyPatch, apis: DirectAPIs, image: Path) -> None:
    """Where it is, and what the snapshot is to be."""
    asked: list[dict[str, object]] = []

    def connected(**parameters: object) -> object:
        asked.append(parameters)
        return apis.client()

    monkeypatch.setattr(snapshot_client, "connected", connected)
    server = ("--endpoint-url", "http://a", "--region", "b", "--profile", "c", "--parallel", "3")
    done = invoke("import", image, *server, "--encrypted", "--kms-key-arn", "d", "--description", "e")
    assert done.exit_code == 0
    assert asked == [{"endpoint_url": "http://a", "region": "b", "profile": "c", "threads": 3}]
    said = {"VolumeSize": 1, "Timeout": 4_320, "Description": "e", "Encrypted": True, "KmsKeyArn": "d"}
    assert apis.calls[0] == ("StartSnapshot", said)


def test_what_fails_is_one_line(apis: DirectAPIs, image: Path) -> None:
    """Exit code 1, and no traceback; nothing on standard output could be taken for an ID."""
    apis.fail_at = 0
    done = invoke("import", image)
    assert (done.exit_code, done.stdout) == (ExitCode.FAILED, "")
    assert done.stderr.startswith("selfkms snapshot: An error occurred (InternalServerException)")
    assert done.stderr.endswith(f"; go on with --resume, or remove {image}.selfkms-upload to begin anew\n")
    again = invoke("import", image)
    assert (again.exit_code, again.stdout) == (ExitCode.FAILED, "")
    assert again.stderr.count("go on with --resume") == 1
    apis.fail_at = None
    assert invoke("import", image, "--resume").exit_code == 0


def test_what_never_began_cannot_be_resumed(apis: DirectAPIs, tmp_path: Path) -> None:
    """So nobody is told to."""
    done = invoke("export", "snap-2", tmp_path / "again.img")
    assert (done.exit_code, done.stdout) == (ExitCode.FAILED, "")
    assert "SNAPSHOT_NOT_FOUND" in done.stderr
    assert "--resume" not in done.stderr
    assert apis.count("GetSnapshotBlock") == 0


def test_a_snapshot_that_failed_fails(apis: DirectAPIs, image: Path) -> None:
    """Though all of it was sent."""
    apis.states = ["error"]
    done = invoke("import", image)
    assert (done.exit_code, done.stdout) == (ExitCode.FAILED, "")
    assert done.stderr == f"selfkms snapshot: {SNAPSHOT_ID} failed: Checksum mismatch for snapshot\n"


def test_ctrl_c_says_how_to_go_on(
    apis: DirectAPIs, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 130, in either direction, and while it waits."""
    apis.fail_at, apis.error = 0, KeyboardInterrupt()
    done = invoke("import", image)
    assert (done.exit_code, done.stdout) == (ExitCode.INTERRUPTED, "")
    how = f"go on with --resume, or remove {image}.selfkms-upload to begin anew"
    assert done.stderr == f"selfkms snapshot: interrupted; {how}\n"
    apis.blocks = {0: b""}
    assert invoke("export", SNAPSHOT_ID, tmp_path / "again.img").exit_code == ExitCode.INTERRUPTED
    apis.fail_at, apis.blocks = None, {}

    def interrupted(**_: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(apis, "describe_snapshots", interrupted)
    waiting = invoke("import", image, "--resume")
    assert waiting.exit_code == ExitCode.INTERRUPTED
    assert waiting.stderr == f"selfkms snapshot: {SNAPSHOT_ID} is still pending\n"


def test_an_image_that_is_none_is_a_mistake_of_the_command_line(tmp_path: Path) -> None:
    """Exit code 2: there is none, or it is a directory."""
    assert invoke("import", tmp_path / "none").exit_code == ExitCode.USAGE
    assert invoke("import", tmp_path).exit_code == ExitCode.USAGE
    assert invoke("export", SNAPSHOT_ID, tmp_path).exit_code == ExitCode.USAGE

"""`selfkms snapshot` against a real server: disk images there and back, also when it is interrupted."""

import json
import signal
import stat
import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import pytest

from harness.commands import environment, selfkms
from harness.processes import until
from harness.server import SELFKMS, Server, running
from harness.stored_snapshots import Storage
from selfkms.adapters.block_files.layout import ENTRY_BYTES
from selfkms.cli.snapshot_export import part_file
from selfkms.cli.transfer_state import load
from selfkms.domain.ebs.blocks import BLOCK_BYTES

BLOCKS: Final = 320
GIB: Final = 1 << 30
INTERRUPTED: Final = 130


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk image with data in every second block, some zeros that are written, and an end within a block."""
    path = tmp_path_factory.mktemp("image") / "disk.img"
    random = Random(31)
    with path.open("wb") as file:
        for index in range(0, 2 * BLOCKS, 2):
            file.seek(index * BLOCK_BYTES)
            file.write(random.randbytes(BLOCK_BYTES))
        file.write(bytes(3 * BLOCK_BYTES) + b"the end")
    return path


def settings(server: Server) -> dict[str, str]:
    """What a shell has after the `export` lines, but for what it had before."""
    return {name: value for name, value in server.environment.items() if name.startswith("AWS_")}


def same(exported: Path, image: Path) -> bool:
    """Whether it is the image, filled up with zeros to whole GiB."""
    assert exported.stat().st_size == GIB
    size = image.stat().st_size
    done = subprocess.run(["cmp", "-n", str(size), exported, image], check=False)
    with exported.open("rb") as file:
        file.seek(size)
        return done.returncode == 0 and not any(file.read(BLOCK_BYTES))


def received(server: Server, state: Path) -> int:
    """How many blocks of an import a server has, told at once: the state learns of them once a second."""
    found = load(state)
    if found is None:
        return 0
    entries = (server.data_dir / "snapshots").glob(f"*/{found.snapshot_id}.entries")
    return sum(file.stat().st_size for file in entries) // ENTRY_BYTES


def written(part: Path) -> int:
    """How many blocks of an image are there, told at once."""
    return part.stat().st_blocks * 512 // BLOCK_BYTES if part.exists() else 0


def begun(
    moved: Callable[[], int], blocks: int, *arguments: str | Path, env: Mapping[str, str]
) -> subprocess.Popen[str]:
    """A command that has moved so many blocks."""
    command = [SELFKMS, "snapshot", *arguments, "--parallel", "2"]
    process = subprocess.Popen(command, env=environment(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: moved() >= blocks or process.poll() is not None, "some blocks are through")
    assert process.poll() is None, process.communicate()
    return process


def test_there_and_back(server: Server, image: Path, tmp_path: Path) -> None:
    """An encrypted snapshot under the key that was named; only data are sent, and the image comes back."""
    storage = Storage(server)
    key_arn = storage.kms.create_key()["KeyMetadata"]["Arn"]
    there = selfkms(
        *("snapshot", "import", image, "--kms-key-arn", key_arn, "--description", "a disk", "--json"),
        env=settings(server),
    )
    assert there.returncode == 0, there.stderr
    made = json.loads(there.stdout)
    assert (made["State"], made["VolumeSize"], made["Blocks"]) == ("completed", 1, BLOCKS + 1)
    described = storage.described(made["SnapshotId"])
    assert (described["KmsKeyId"], described["Description"]) == (key_arn, "a disk")
    back = selfkms("snapshot", "export", made["SnapshotId"], tmp_path / "again.img", env=settings(server))
    assert back.returncode == 0, back.stderr
    assert same(tmp_path / "again.img", image)
    assert (tmp_path / "again.img").stat().st_blocks * 512 < (BLOCKS + 8) * BLOCK_BYTES


def test_ctrl_c_and_on_again(server: Server, image: Path, tmp_path: Path) -> None:
    """Both directions stop with 130 and go on where they were; nobody else may read what they leave behind."""
    state = image.with_name("disk.img.selfkms-upload")
    process = begun(partial(received, server, state), 40, "import", image, env=settings(server))
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=20)
    assert (process.returncode, printed) == (INTERRUPTED, "")
    assert said.startswith("selfkms snapshot: interrupted; go on with --resume, or remove ")
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    again = selfkms("snapshot", "import", image, "--resume", "--json", env=settings(server))
    assert again.returncode == 0, again.stderr
    made = json.loads(again.stdout)
    assert made["Blocks"] == BLOCKS + 1
    assert made["BlocksSent"] <= BLOCKS + 1 - 20
    assert not state.exists()

    target = tmp_path / "again.img"
    arguments = ("export", made["SnapshotId"], target)
    process = begun(partial(written, part_file(target)), 40, *arguments, env=settings(server))
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=20)
    assert (process.returncode, printed) == (INTERRUPTED, "")
    assert not target.exists()
    back = selfkms("snapshot", *arguments, "--resume", "--json", env=settings(server))
    assert back.returncode == 0, back.stderr
    assert json.loads(back.stdout)["BlocksReceived"] <= BLOCKS + 1 - 20
    assert same(target, image)
    assert list(tmp_path.iterdir()) == [target]


def test_kill_nine_of_either_side_and_on_again(data_dir: Path, image: Path, tmp_path: Path) -> None:
    """The command, then the server: after each the same command goes on, and the image is whole in the end."""
    state = image.with_name("disk.img.selfkms-upload")
    with running(data_dir, "--workers", "2") as server:
        process = begun(partial(received, server, state), 20, "import", image, env=settings(server))
        process.kill()
        process.communicate()
        process = begun(partial(received, server, state), 60, "import", image, "--resume", env=settings(server))
        server.kill()
        assert process.wait(timeout=60) == 1
        assert process.communicate()[0] == ""
        port = server.port
    with running(data_dir, "--workers", "2", port=port) as server:
        again = selfkms("snapshot", "import", image, "--resume", env=settings(server))
        assert again.returncode == 0, again.stderr
        snapshot_id = again.stdout.strip()
        back = selfkms("snapshot", "export", snapshot_id, tmp_path / "again.img", env=settings(server))
        assert back.returncode == 0, back.stderr
    assert same(tmp_path / "again.img", image)


def test_a_refusal_is_told(server: Server, tmp_path: Path) -> None:
    """In AWS's words, with exit code 1, and nothing is left behind."""
    image = tmp_path / "disk.img"
    image.write_bytes(b"data")
    unknown = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000"
    refused = selfkms("snapshot", "import", image, "--kms-key-arn", unknown, env=settings(server))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "ResourceNotFoundException" in refused.stderr
    refused = selfkms("snapshot", "export", "snap-00000000000000000", tmp_path / "again.img", env=settings(server))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "SNAPSHOT_NOT_FOUND" in refused.stderr
    assert list(tmp_path.iterdir()) == [image]

"""A `selfkms` in processes of its own, and clients for it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

ROOT = Path(__file__).parents[2]
SELFKMS = Path(sys.executable).with_name("selfkms")
CLIENTS = ROOT / ".venv-clients" / "bin"

ALICE_ACCOUNT = "111122223333"
BOB_ACCOUNT = "444455556666"

START_SECONDS_MAX = 20.0


class Server:
    """A running `selfkms dev`."""

    def __init__(self, data_dir: Path, *options: str, port: int = 0) -> None:
        """Start it and wait until it is ready; standard error goes to `data_dir`'s sibling `NAME.log`."""
        self.data_dir = data_dir
        self.log = data_dir.with_suffix(".log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [SELFKMS, "dev", "--data-dir", data_dir, "--port", str(port), *options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                # A group of its own, so that `kill` reaches all of it, and Ctrl-C in the test run does not.
                start_new_session=True,
            )
        self.printed = self._wait_for_ready()
        self.endpoint = self.printed[-1].removeprefix("ready ").strip()

    def _wait_for_ready(self) -> list[str]:
        assert self.process.stdout is not None
        deadline = time.monotonic() + START_SECONDS_MAX
        printed: list[str] = []
        for line in self.process.stdout:
            printed.append(line.rstrip("\n"))
            if line.startswith("ready "):
                return printed
            assert time.monotonic() < deadline
        raise AssertionError(f"selfkms dev ended with {self.process.wait()}: {self.log.read_text()}")

    @property
    def port(self) -> int:
        """Of the API."""
        return int(self.endpoint.rsplit(":", 1)[1])

    def client(self, *, profile: str = "default", region: str = "us-east-1", service: str = "kms") -> Any:
        """A boto3 client with the files that `dev` wrote. It does not retry: every refusal is seen."""
        session = boto3.Session(
            **credentials_of(self.data_dir, profile),
            region_name=region,
        )
        return session.client(
            service,
            endpoint_url=self.endpoint,
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=50),
            verify=str(self.data_dir / "tls" / "ca.pem") if self.endpoint.startswith("https") else None,
        )

    @property
    def environment(self) -> dict[str, str]:
        """What a shell has after the `export` lines."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        for line in self.printed:
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").partition("=")
                environment[name] = value
        return environment

    def aws(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the AWS CLI as a person would."""
        return subprocess.run(
            [CLIENTS / "aws", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=check,
            timeout=60,
        )

    def move_clock(self, seconds: float) -> dict[str, Any]:
        """Move the service's time ahead."""
        request = urllib.request.Request(
            f"{self.endpoint}/-/dev/clock", data=json.dumps({"advance_seconds": seconds}).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            moved: dict[str, Any] = json.load(answer)
            return moved

    def kill(self) -> None:
        """SIGKILL to every process at once, as when the machine fails."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._close()

    def stop(self) -> int:
        """Ask it to stop, and wait. Its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """Wait until it ends by itself or because it was asked to. Its exit code."""
        try:
            return self.process.wait(timeout=30)
        finally:
            self._close()

    def _close(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def running(data_dir: Path, *options: str, port: int = 0) -> Iterator[Server]:
    """A server for the length of a block; nothing of it is left running afterwards."""
    server = Server(data_dir, *options, port=port)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
        # Whatever the supervisor may have left behind.
        with_group = subprocess.run(["pkill", "-9", "-g", str(server.process.pid)], check=False)
        assert with_group.returncode in {0, 1}


def credentials_of(data_dir: Path, profile: str) -> dict[str, str]:
    """A profile of the credentials that `dev` wrote."""
    found: dict[str, str] = {}
    section = ""
    for line in (data_dir / "aws" / "credentials").read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif section == profile and "=" in line:
            name, _, value = line.partition("=")
            found[name.strip()] = value.strip()
    assert found, profile
    return found


def needs_clients() -> None:
    """Skip a test, and say so, where the environment with the other AWS clients is missing. In CI that is a failure."""
    if (CLIENTS / "aws").exists():
        return
    message = "needs the environment with the AWS clients: make clients"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def read_journal(data_dir: Path, *fields: str) -> Sequence[dict[str, Any]]:
    """All audit records of the journal, every hash checked; the installation must be at rest or settled.

    With `fields` these alone: of many records the whole ones take much memory.
    """
    from selfkms.adapters.audit_files.verify import read
    from selfkms.adapters.system.clock import Baseline, SystemClock
    from selfkms.adapters.system.entropy import SystemEntropy
    from selfkms.bootstrap import installation
    from selfkms.bootstrap.assembly import Assembly
    from selfkms.bootstrap.data_dir import DataDir
    from selfkms.config import Settings

    place = DataDir(data_dir)
    unsealed = installation.open_existing(
        place, Settings(), clock=SystemClock(Baseline.take()), entropy=SystemEntropy()
    )
    records = (json.loads(body) for _, body in read(place.journal, Assembly(unsealed).audit_key))
    if not fields:
        return list(records)
    return [{name: record[name] for name in fields if name in record} for record in records]

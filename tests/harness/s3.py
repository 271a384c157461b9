"""An S3 in a process of its own: moto's, of the environment with the clients."""

import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3

from harness.server import CLIENTS

START_SECONDS_MAX = 30.0


class S3:
    """A running server. What it has is gone when it stops."""

    def __init__(self, log: Path, *, port: int | None = None) -> None:
        """Start it and wait until it answers."""
        self.port = _free_port() if port is None else port
        self.endpoint = f"http://127.0.0.1:{self.port}"
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [CLIENTS / "moto_server", "-H", "127.0.0.1", "-p", str(self.port)],
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._answers():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="AKIATRAIL",
            aws_secret_access_key="trail",
        )

    def _answers(self) -> bool:
        with suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(self.endpoint, timeout=5):
            return True
        return False

    def objects(self, bucket: str) -> dict[str, bytes]:
        """All objects of a bucket that are not empty."""
        found: dict[str, bytes] = {}
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for entry in page.get("Contents", ()):
                if entry["Size"]:
                    found[entry["Key"]] = self.client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
        return found

    def replace(self, bucket: str, key: str, body: bytes) -> None:
        """Write other bytes in the place of an object, and leave its metadata."""
        metadata = self.client.head_object(Bucket=bucket, Key=key)["Metadata"]
        self.client.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata)

    def stop(self) -> None:
        """End it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=30)
        self.client.close()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running_s3(log: Path) -> Iterator[S3]:
    """A server for the length of a block."""
    server = S3(log)
    try:
        yield server
    finally:
        server.stop()

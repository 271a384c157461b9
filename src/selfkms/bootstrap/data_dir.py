"""Where everything of an installation lies, in its one data directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

DIRECTORY_MODE = 0o700


class DataDirInUseError(Exception):
    """Another `selfkms` serves this data directory. The message is for the operator."""


class DataDir(NamedTuple):
    """The paths below a data directory."""

    root: Path

    @property
    def database(self) -> Path:
        """All records."""
        return self.root / "database.sqlite"

    @property
    def journal(self) -> Path:
        """The segments of the audit journal."""
        return self.root / "audit"

    @property
    def history(self) -> Path:
        """The event history: an index over the journal, made again from it when it is missing."""
        return self.root / "history.sqlite"

    @property
    def snapshots(self) -> Path:
        """The blocks of snapshots and volumes, encrypted."""
        return self.root / "snapshots"

    @property
    def clients(self) -> Path:
        """What `dev` writes for AWS clients: `config` and `credentials`."""
        return self.root / "aws"

    @property
    def tls(self) -> Path:
        """The self-made certificates of `dev --tls`."""
        return self.root / "tls"

    @property
    def clock_offset(self) -> Path:
        """How far `dev` has moved the clock."""
        return self.root / "clock-offset"

    @property
    def run(self) -> Path:
        """What belongs to running processes; nothing in it outlives them."""
        return self.root / "run"

    @property
    def dev_mark(self) -> Path:
        """There if `dev` made the installation: its credentials are known to everyone."""
        return self.root / "made-by-dev"

    def of_settings(self, path: str) -> Path:
        """A path out of the settings: relative ones are below the data directory."""
        return self.root / path

    def holds(self, path: Path) -> bool:
        """Whether a path is below the data directory, links and dots resolved."""
        return path.resolve().is_relative_to(self.root.resolve())

    def make(self) -> None:
        """Make the directory, for its owner only, if it is not there."""
        self.root.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the directory: one `selfkms` at a time serves it. The lock ends with the process, however it ends.

        Raises:
            DataDirInUseError: somebody has it.
        """
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DataDirInUseError(f"{self.root} is served by another selfkms") from error
            yield
        finally:
            os.close(descriptor)

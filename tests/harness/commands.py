"""`selfkms` as a person starts it: commands that end, and servers that run until they are told to end."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from harness.server import SELFKMS

ENDS_SECONDS_MAX = 30.0


def environment(added: Mapping[str, str] | None = None) -> dict[str, str]:
    """That of the test run without any settings of AWS's, and what is added."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, **(added or {})}


def selfkms(
    *arguments: str | Path, env: Mapping[str, str] | None = None, stdin: str = "", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command until it ends."""
    return subprocess.run(
        [SELFKMS, *arguments],
        env=environment(env),
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=ENDS_SECONDS_MAX,
    )


class Started:
    """A `selfkms` that said `ready`."""

    def __init__(self, process: subprocess.Popen[str], printed: list[str], log: Path) -> None:
        self.process = process
        self.printed = printed
        self.log = log
        self.endpoint = printed[-1].removeprefix("ready ")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal to the process that was started, and wait. Its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=ENDS_SECONDS_MAX)


@contextmanager
def started(*arguments: str | Path, log: Path, env: Mapping[str, str] | None = None) -> Iterator[Started]:
    """A server for the length of a block; standard error goes to `log`. Nothing of it is left running afterwards."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [SELFKMS, *arguments],
            env=environment(env),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            # A group of its own, so that what is left of it can be found.
            start_new_session=True,
        )
    assert process.stdout is not None
    with process.stdout:
        try:
            printed = []
            for line in process.stdout:
                printed.append(line.rstrip("\n"))
                if line.startswith("ready "):
                    break
            else:
                raise AssertionError(f"selfkms ended with {process.wait()}: {log.read_text()}")
            yield Started(process, printed, log)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=ENDS_SECONDS_MAX)
            assert not group_lives(process.pid)


def group_lives(group: int) -> bool:
    """Whether any process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True

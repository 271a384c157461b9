"""The processes of a running server: which is which, and what becomes of them."""

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.server import Server

FULL_BYTES = 4_096
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
WAIT_SECONDS_MAX = 20.0
_PAUSE_SECONDS = 0.02
_LISTENING = "0A"


def until(holds: Callable[[], bool], what: str, *, seconds: float = WAIT_SECONDS_MAX) -> None:
    """Wait for something that happens in another process; too long is a failure, `what` says of which."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} seconds: {what}"
        time.sleep(_PAUSE_SECONDS)


class Processes:
    """The children of a server's supervisor, by the part that each plays. The server is ready."""

    def __init__(self, server: Server) -> None:
        """Tell them apart by what they have open, which shows who is who only while nobody is starting."""
        self._server = server
        self.roles: dict[int, str] = {}
        """Process ID and `recorder`, `keeper` or `worker`."""
        for pid in children(server):
            self.roles[pid] = self._role(pid)
        assert sorted(self.roles.values())[:2] == ["keeper", "recorder"], self.roles

    def _role(self, pid: int) -> str:
        opened = _opened(pid)
        if str(self._server.data_dir / "audit" / "journal.lock") in opened:
            return "recorder"
        return "worker" if opened & _listeners(self._server.port) else "keeper"

    def of(self, role: str) -> int:
        """The process ID of one that plays this part."""
        return next(pid for pid, found in self.roles.items() if found == role)

    def kill(self, role: str) -> None:
        """SIGKILL to one of them, and wait until the supervisor has put another in its place."""
        victim = self.of(role)
        workers = len(_listeners(self._server.port))
        os.kill(victim, signal.SIGKILL)
        until(lambda: bool(children(self._server) - self.roles.keys()), f"another {role}")
        del self.roles[victim]
        (successor,) = children(self._server) - self.roles.keys()
        self.roles[successor] = role
        until(lambda: len(_listeners(self._server.port)) == workers, "all workers listen")


def children(server: Server) -> set[int]:
    """The process IDs of the supervisor's children."""
    listed = subprocess.run(
        ["pgrep", "-P", str(server.process.pid)], check=False, capture_output=True, text=True
    ).stdout.split()
    return {int(pid) for pid in listed}


def listens(server: Server) -> bool:
    """Whether anybody takes connections on the server's port."""
    return bool(_listeners(server.port))


def recorder_socket(pid: int) -> Path:
    """The path of the Unix socket that a recorder listens at. Source: proc(5), /proc/net/unix."""
    opened = _opened(pid)
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        if f"socket:[{fields[6]}]" in opened and len(fields) == 8:
            return Path(fields[7])
    raise AssertionError(f"process {pid} listens at no path")


def restarts(server: Server) -> list[str]:
    """What the log says of processes that ended, and of errors that nobody foresaw."""
    return [line for line in server.log.read_text().splitlines() if " ended: " in line or "Traceback" in line]


def _opened(pid: int) -> set[str]:
    """What a process has open: paths, and `socket:[inode]`."""
    opened = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            opened.add(str(descriptor.readlink()))
        except FileNotFoundError:  # Closed meanwhile.
            continue
    return opened


def _listeners(port: int) -> set[str]:
    """The sockets that listen on a port of 127.0.0.1, as `_opened` names them. Source: proc(5), /proc/net/tcp."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *_, inode = line.split()[:10]
        if state == _LISTENING and int(local.rpartition(":")[2], 16) == port:
            found.add(f"socket:[{inode}]")
    return found


@contextmanager
def full_for(processes: Processes, *roles: str) -> Iterator[None]:
    """No room beyond the first 4 kB of any file for the processes that play these parts, for the length of a block."""
    pids = [pid for pid, role in processes.roles.items() if role in roles]
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (FULL_BYTES, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, UNLIMITED)

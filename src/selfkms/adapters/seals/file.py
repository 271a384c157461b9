"""The seal `file`: a key file that only the process may read. It is as safe as the place where it is kept.

The file is text, so that it can be looked after like any other: a header line, then 64 hex digits.
"""

import os
import re
import stat
from pathlib import Path
from typing import Final

from selfkms.adapters.seals import SealError
from selfkms.crypto.aead import RANDOM_BYTES, Binding, EnvelopeNotOpenedError, open_committed, seal_committed
from selfkms.crypto.framing import frame
from selfkms.crypto.kdf import KEY_BYTES
from selfkms.crypto.labels import Envelope
from selfkms.crypto.root_key import RootKey
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.ports.entropy import Entropy

HEADER_LINE: Final = "selfkms sealing key, version 1: keep this file secret, and apart from the data directory"

_CONTENT: Final = re.compile(rf"{re.escape(HEADER_LINE)}\n(?P<key>[0-9a-f]{{{2 * KEY_BYTES}}})\n", re.ASCII)
_FILE_BYTES_MAX: Final = 1_024
_SEALED_HEADER: Final = b"\xd4"


class FileSeal:
    """Seals and unseals the root key with the key in a file."""

    name: Final = "file"

    def __init__(self, sealing_key: Secret, entropy: Entropy) -> None:
        self._sealing_key = sealing_key
        self._entropy = entropy

    @classmethod
    def create(cls, path: Path, entropy: Entropy) -> "FileSeal":
        """Make a key file, mode 0400, that survives a loss of power from now on.

        Raises:
            SealError: it exists, or cannot be written.
        """
        sealing_key = Secret(entropy.random_bytes(KEY_BYTES))
        _write_new(path, f"{HEADER_LINE}\n{sealing_key.open(SECRET_ACCESS).hex()}\n".encode())
        return cls(sealing_key, entropy)

    @classmethod
    def load(cls, path: Path, entropy: Entropy) -> "FileSeal":
        """Read a key file.

        Raises:
            SealError: it cannot be read, others may read or write it, or it is no key file.
        """
        matched = _CONTENT.fullmatch(_read_private(path))
        if matched is None:
            raise SealError(f"{path} is not a sealing key file of version 1")
        return cls(Secret(bytes.fromhex(matched["key"])), entropy)

    def seal(self, root_key: RootKey, installation_id: str) -> bytes:
        """The root key, sealed for this installation."""
        random = self._entropy.random_bytes(RANDOM_BYTES)
        return _SEALED_HEADER + seal_committed(
            self._sealing_key, root_key.for_seal(), _binding(installation_id), random=random
        )

    def unseal(self, sealed_root_key: bytes, installation_id: str) -> RootKey:
        """The root key.

        Raises:
            SealError: sealed by another key or for another installation, or altered.
        """
        header_bytes = len(_SEALED_HEADER)
        if sealed_root_key[:header_bytes] != _SEALED_HEADER:
            raise SealError("the sealed root key has a format that this version does not know")
        try:
            secret = open_committed(self._sealing_key, sealed_root_key[header_bytes:], _binding(installation_id))
        except EnvelopeNotOpenedError:
            raise SealError(
                "the root key does not open: sealed by another sealing key, for another installation, or altered"
            ) from None
        return RootKey(secret)


def _binding(installation_id: str) -> Binding:
    words = frame("installation", FileSeal.name, installation_id)
    return Binding(Envelope.ROOT_KEY, _SEALED_HEADER, _SEALED_HEADER, words)


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that did not exist, readable by its owner only from its first moment, and make it durable."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
    except FileExistsError:
        raise SealError(f"{path} exists; a sealing key is never overwritten") from None
    except OSError as failure:
        raise SealError(f"{path} cannot be made: {failure.strerror}") from failure
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _sync_directory(path.parent)
    except OSError as failure:
        # Half a key file would stand in the way of the next attempt, and nothing is sealed with it yet.
        path.unlink(missing_ok=True)
        raise SealError(f"{path} cannot be written: {failure.strerror}") from failure


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_private(path: Path) -> str:
    """The text of a file that nobody else may read or write. What is checked is the open file, not its name."""
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as failure:
        raise SealError(f"{path} cannot be opened: {failure.strerror}") from failure
    try:
        check_private(path, os.fstat(descriptor), process_user=os.geteuid())
        content = os.read(descriptor, _FILE_BYTES_MAX)
    except OSError as failure:
        raise SealError(f"{path} cannot be read: {failure.strerror}") from failure
    finally:
        os.close(descriptor)
    return content.decode("ascii", "replace")


def check_private(path: Path, status: os.stat_result, *, process_user: int) -> None:
    """Refuse a file that somebody else could have read or could have put there.

    Raises:
        SealError: not a plain file, open to group or others, or owned by neither the process's user nor root.
    """
    if not stat.S_ISREG(status.st_mode):
        raise SealError(f"{path} is not a file")
    if status.st_uid not in {process_user, 0}:
        raise SealError(f"{path} belongs to user {status.st_uid}; it must belong to user {process_user} or to root")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SealError(
            f"{path} has mode {stat.S_IMODE(status.st_mode):04o}; group and others must have no access (0400)"
        )

"""The settled mark: a small file that says how far records were acknowledged.

The chain alone cannot tell a write that was cut off by a crash, which nobody was told of, from a damaged record that
somebody was told of. The mark can: what lies before it was acknowledged, what lies behind it was not, or not certainly.
It is written after each batch became durable, and synced only when the journal opens and closes: after `kill -9` it is
exact, after a power loss it may be older, never newer than what is on disk (but see `Mark.synced`).
"""

import os
from pathlib import Path
from typing import Final

from selfkms.adapters.audit_files.layout import LayoutError, Mark
from selfkms.adapters.audit_files.segments import FILE_MODE, Damage, JournalDamagedError, sync_directory, write_all
from selfkms.crypto.mac import MACKey

MARK_NAME: Final = "settled.mark"
_READS_MAX: Final = 16


def read_mark(directory: Path, key: MACKey) -> Mark | None:
    """The settled mark of a journal, or None if it has none.

    Raises:
        JournalDamagedError: it is altered.
    """
    problem = ""
    # Whoever reads while the recorder writes may see half of the old mark and half of the new one.
    for _ in range(_READS_MAX):
        try:
            return Mark.decode((directory / MARK_NAME).read_bytes(), key)
        except FileNotFoundError:
            return None
        except LayoutError as error:
            problem = str(error)
    raise JournalDamagedError(Damage(MARK_NAME, 0, None, problem))


class MarkFile:
    """The settled mark, in the hands of the one who writes the journal."""

    def __init__(self, directory: Path, mark: Mark, key: MACKey) -> None:
        """Replace the mark, durably and at once: a crash leaves the old one or this one.

        Raises:
            OSError: it cannot be written.
        """
        self._key = key
        unfinished = directory / f"{MARK_NAME}.new"
        self._descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
        try:
            self.write(mark)
            self.sync()
            unfinished.rename(directory / MARK_NAME)
            sync_directory(directory)
        except OSError:
            self.close()
            raise

    def write(self, mark: Mark) -> None:
        """Set the mark anew, in place: it is far smaller than what a disk writes as one piece."""
        write_all(self._descriptor, mark.encode(self._key), 0)

    def sync(self) -> None:
        """Make it durable."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

"""Files that are kept open, the newest few, and what failures of the operating system mean."""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Generic, TypeVar

from selfkms.adapters.audit_files.segments import sync_directory
from selfkms.ports.block_store import BlockCorruptError, BlockStoreUnavailableError

FILE_MODE: Final = 0o600
DIRECTORY_MODE: Final = 0o700

_Key = TypeVar("_Key")
_Opened = TypeVar("_Opened")


class Newest(Generic[_Key, _Opened]):
    """The last few things that were opened. Whoever holds one uses it before opening more than there is room for."""

    def __init__(self, room: int, close: Callable[[_Opened], None]) -> None:
        self._room = room
        self._close = close
        self._kept: OrderedDict[_Key, _Opened] = OrderedDict()

    def get(self, key: _Key, open_it: Callable[[], _Opened]) -> _Opened:
        """What is kept under the key, opened if it has to be."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        opened = open_it()
        self._kept[key] = opened
        if len(self._kept) > self._room:
            self._close(self._kept.popitem(last=False)[1])
        return opened

    def forget(self, chosen: Callable[[_Key], bool]) -> None:
        """Close those whose keys are chosen."""
        for key in [key for key in self._kept if chosen(key)]:
            self._close(self._kept.pop(key))

    def close(self) -> None:
        """Close all of them."""
        self.forget(lambda _: True)


@contextmanager
def answering() -> Iterator[None]:
    """Turn the operating system's failures into the port's."""
    try:
        yield
    except OSError as error:
        raise BlockStoreUnavailableError(error.strerror or str(error)) from error


def open_to_read(path: Path) -> int:
    """A descriptor of a file that has to be there.

    Raises:
        BlockCorruptError: it is not.
    """
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BlockCorruptError(f"{path.name} is missing") from None


def open_to_write(path: Path) -> int:
    """A descriptor of a file, which is made if it is not there."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)


def make_directories(*paths: Path) -> None:
    """Make directories, the outermost first, so that they survive a power loss.

    Synced also if they are there: whoever made them may not have come to it.
    """
    for path in paths:
        path.mkdir(DIRECTORY_MODE, exist_ok=True)
        sync_directory(path.parent)

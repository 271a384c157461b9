"""A block store in a directory, of which there may be several instances."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.blocks import LINEAGE, OpenStore
from selfkms.adapters.block_files.store import FileBlockStore
from selfkms.adapters.system.entropy import SystemEntropy


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[OpenStore]:
    """Opens instances on files that only this test has."""
    opened: list[FileBlockStore] = []

    def open_one() -> FileBlockStore:
        opened.append(FileBlockStore(tmp_path / "snapshots", SystemEntropy()))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: OpenStore) -> FileBlockStore:
    """An empty store."""
    return open_store()


@pytest.fixture
def lineage(tmp_path: Path) -> Path:
    """The directory of the lineage that `harness.blocks` writes to; it may not be there yet."""
    return tmp_path / "snapshots" / LINEAGE

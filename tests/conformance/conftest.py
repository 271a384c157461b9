"""A server that the tests of this folder share, and one of a test's own for those that break things."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.server import Server, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One `selfkms dev` with two workers for all tests that leave it as they found it."""
    with running(tmp_path_factory.mktemp("shared") / "data", "--workers", "2") as shared:
        yield shared


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A place for an installation of the test's own; it does not exist yet."""
    return tmp_path / "data"

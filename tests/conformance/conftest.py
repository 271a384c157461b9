"""A server that the tests of this folder share, and one of a test's own for those that break things."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harness.server import BOB_ACCOUNT, Server, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One `selfkms dev` with two workers for all tests that leave it as they found it."""
    with running(tmp_path_factory.mktemp("shared") / "data", "--workers", "2") as shared:
        yield shared


@pytest.fixture(scope="session")
def alice(server: Server) -> Iterator[Any]:
    """The shared server's AWS KMS in us-east-1 for the administrator of the first account."""
    with closing(server.client()) as client:
        yield client


@pytest.fixture(scope="session")
def bob(server: Server) -> Iterator[Any]:
    """The same for the administrator of the second account."""
    with closing(server.client(profile=BOB_ACCOUNT)) as client:
        yield client


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A place for an installation of the test's own; it does not exist yet."""
    return tmp_path / "data"

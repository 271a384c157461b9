"""A journal and its history, let go of at the end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.events import Files


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """Nothing is in them yet."""
    made = Files(tmp_path)
    yield made
    made.close()

"""The pages about copying and sharing snapshots, typed into a shell from top to bottom."""

from pathlib import Path

import pytest

from harness.pages import Page
from harness.server import needs_clients, running


@pytest.mark.parametrize("name", ["copy-a-snapshot-to-another-region.md", "share-a-snapshot-with-another-account.md"])
def test_the_page_is_true(tmp_path: Path, name: str) -> None:
    """Its commands are one script that prints what the page says, in that order, and no error besides."""
    needs_clients()
    page = Page(name)
    with running(tmp_path / "data") as server:
        page.check(page.typed(server, tmp_path))

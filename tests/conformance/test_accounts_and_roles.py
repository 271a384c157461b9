"""docs/accounts-and-roles.md, typed into a shell from top to bottom."""

from pathlib import Path

from harness.pages import Page
from harness.server import needs_clients, running


def test_the_page_is_true(tmp_path: Path) -> None:
    """Its commands are one script that prints what the page says, in that order, and no error besides."""
    needs_clients()
    page = Page("accounts-and-roles.md")
    with running(tmp_path / "data") as server:
        page.check(page.typed(server, tmp_path))

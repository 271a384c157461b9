"""Opening an installation to look at it."""

from pathlib import Path

import click
import pytest

from harness.assembled import made
from selfkms.cli.at_rest import unsealed_at


def test_what_was_made_opens(tmp_path: Path) -> None:
    """The installation of the directory, with its settings."""
    installation = made(tmp_path / "data")
    (tmp_path / "data" / "selfkms.toml").write_text("[server]\nport = 8443\n")
    opened = unsealed_at(tmp_path / "data")
    assert opened.installation_id == installation.installation_id
    assert opened.settings.server.port == 8443


@pytest.mark.parametrize("settings", [None, "[server]\nports = 1\n", "no toml ["])
def test_what_does_not_open_is_said(tmp_path: Path, settings: str | None) -> None:
    """No installation, or settings that are none: a message for the operator, and no traceback."""
    if settings is not None:
        made(tmp_path)
        (tmp_path / "selfkms.toml").write_text(settings)
    with pytest.raises(click.ClickException):
        unsealed_at(tmp_path)

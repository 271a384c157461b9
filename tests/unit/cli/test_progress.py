"""How far a command is."""

import pytest

from selfkms.cli.progress import Progress


def test_a_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """When it takes longer than a moment; nothing of it stays there."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    progress = Progress()
    progress("records", 1)
    progress._next = 0.0
    progress("records", 12_345)
    progress.clear()
    progress.clear()
    assert capsys.readouterr().err == "\r\x1b[K12,345 records\r\x1b[K"


def test_nothing_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    """A log is no terminal."""
    progress = Progress()
    progress._next = 0.0
    progress("records", 1)
    progress.clear()
    assert capsys.readouterr().err == ""

"""Exit codes are an interface: scripts ask for them."""

import re
from pathlib import Path
from typing import Final

from selfkms.cli.exit_codes import ExitCode

DOCUMENT: Final = Path(__file__).parents[3] / "docs" / "commands.md"


def test_the_codes_are_for_ever() -> None:
    """A script that was written once goes on working."""
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0,
        "FAILED": 1,
        "USAGE": 2,
        "DAMAGED": 3,
        "NOT_DECRYPTED": 4,
        "NOT_EXECUTABLE": 126,
        "NOT_FOUND": 127,
        "INTERRUPTED": 130,
    }


def test_every_code_is_documented() -> None:
    """In the table of the commands, each with its meaning."""
    rows = re.findall(r"^\| ([0-9, ]+) \| (.+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    documented = {int(code) for codes, _ in rows for code in codes.split(",")}
    assert documented >= set(ExitCode)

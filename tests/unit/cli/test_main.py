"""The commands as a whole: each is there, says what it is for, and is loaded when it is called."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

import click
import pytest
from click.testing import CliRunner

from selfkms.cli.main import COMMANDS, LazyGroup, main

DOCUMENT: Final = Path(__file__).parents[3] / "docs" / "commands.md"


def test_the_commands_are_listed_in_their_order() -> None:
    """The one that a newcomer needs comes first."""
    assert isinstance(main, LazyGroup)
    names = [
        "dev",
        "init",
        "account",
        "serve",
        "env",
        "run",
        "inspect",
        "explain",
        "who-can",
        "trail",
        "usage",
        "snapshot",
    ]
    assert main.list_commands(click.Context(main)) == names


def test_help_names_every_command() -> None:
    """Without an error and on standard output, by either option."""
    for option in ("-h", "--help"):
        result = CliRunner().invoke(main, [option])
        assert result.exit_code == 0
        for name in COMMANDS:
            assert f"\n  {name} " in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_is_for(name: str) -> None:
    """It can be loaded, bears its name, and explains itself."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    assert command.help
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: selfkms {name} ") or result.stdout.startswith(f"Usage: main {name} ")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    """In the table of `docs/commands.md`."""
    assert f"| `selfkms {name} " in DOCUMENT.read_text() or f"| `selfkms {name}` |" in DOCUMENT.read_text()


@pytest.mark.parametrize("name", ["", "DEV", "devs", "exit_codes", "main", "options", "verify"])
def test_there_is_no_other_command(name: str) -> None:
    """Exit code 2; a module of the package is no command for being there."""
    assert main.get_command(click.Context(main), name) is None
    result = CliRunner().invoke(main, [name])
    assert result.exit_code == 2
    assert f"No such command '{name}'" in result.stderr


def test_without_a_command_there_is_help() -> None:
    """Exit code 2: nothing was asked for."""
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 2
    assert "selfkms dev" in result.output


def test_the_version_is_the_packages() -> None:
    """The installed one."""
    result = CliRunner().invoke(main, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"selfkms, version {version('selfkms')}\n")


@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        (["--version"], ["sqlalchemy", "cryptography", "botocore", "msgspec", "asyncio"]),
        (["run", "--help"], ["sqlalchemy", "cryptography", "botocore", "uvloop"]),
        (["inspect", "--help"], ["sqlalchemy", "cryptography", "botocore", "uvloop"]),
        (["explain", "--help"], ["sqlalchemy", "cryptography", "botocore", "uvloop"]),
        (["who-can", "--help"], ["sqlalchemy", "cryptography", "botocore", "uvloop"]),
        (["snapshot", "import", "--help"], ["sqlalchemy", "cryptography", "botocore", "uvloop"]),
        (["account", "--help"], ["sqlalchemy", "cryptography", "botocore", "uvloop"]),
        (["dev", "--help"], ["sqlalchemy", "cryptography", "botocore", "uvloop"]),
    ],
)
def test_nothing_is_loaded_that_is_not_needed(arguments: list[str], unneeded: list[str]) -> None:
    """`selfkms run` stands before every start of somebody's program: it must not wait for the server's parts."""
    program = (
        "import sys; from selfkms.cli.main import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        f"sys.exit(' '.join(set({unneeded!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""

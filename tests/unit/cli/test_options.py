"""Options that several commands share."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from selfkms.cli.options import AccountID, assignments, existing_data_dir


@click.command()
@existing_data_dir
@assignments
@click.option("--account", type=AccountID())
def echo(data_dir: Path, assignments: tuple[str, ...], account: str | None) -> None:
    """Show what was understood."""
    click.echo(repr((type(data_dir).__name__ == type(Path()).__name__, str(data_dir), assignments, account)))


def invoke(*arguments: str | Path) -> Result:
    """The command with these arguments."""
    return CliRunner().invoke(echo, [str(argument) for argument in arguments])


def test_what_is_understood(tmp_path: Path) -> None:
    """A path, settings in the order in which they were given, and 12 digits as a text."""
    result = invoke("--data-dir", tmp_path, "--set", "a.b=1", "--set", "a.b=2=3", "--account", "000000000001")
    assert result.stdout == f"{(True, str(tmp_path), ('a.b=1', 'a.b=2=3'), '000000000001')!r}\n"


def test_settings_may_be_left_away(tmp_path: Path) -> None:
    """There are none then."""
    assert invoke("--data-dir", tmp_path).stdout == f"{(True, str(tmp_path), (), None)!r}\n"


def test_a_data_directory_must_be_named() -> None:
    """None is guessed."""
    result = invoke()
    assert result.exit_code == 2
    assert "Missing option '--data-dir'" in result.stderr


def test_a_data_directory_must_be_one(tmp_path: Path) -> None:
    """Neither nothing nor a file."""
    (tmp_path / "file").touch()
    for wrong in ("nowhere", "file"):
        result = invoke("--data-dir", tmp_path / wrong)
        assert result.exit_code == 2
        assert "Invalid value for '--data-dir'" in result.stderr


@pytest.mark.parametrize(
    "account_id", ["", "12345678901", "1234567890123", "12345678901a", "\uff11" * 12, " 111122223333"]
)
def test_what_is_no_account_id_is_refused(tmp_path: Path, account_id: str) -> None:
    """12 ASCII digits and nothing else."""
    result = invoke("--data-dir", tmp_path, "--account", account_id)
    assert result.exit_code == 2
    assert f"'{account_id}' is not an account ID of 12 digits" in result.stderr

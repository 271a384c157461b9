"""Documents are held against what they describe."""

import re
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from tools.reference import FOLDER, pages

from selfkms.bootstrap.dev import DEFAULT_ACCOUNTS, administrator_credential, root_credential
from selfkms.cli.exit_codes import ExitCode
from selfkms.cli.main import COMMANDS, main
from selfkms.config import Settings
from selfkms.domain.secrets import SECRET_ACCESS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
DOCUMENTS = [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "tests").rglob("*.md")]


@pytest.mark.parametrize("name", sorted(pages()))
def test_reference_is_current(name: str) -> None:
    """What `make docs` would write stands there."""
    assert (FOLDER / name).read_text() == pages()[name]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Every link to a file of the project names one."""
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_named_in_documents_exist(path: Path) -> None:
    """A path in backticks is one of the repository."""
    for named in re.findall(r"`((?:src|tests|docs|tools|bench)/[A-Za-z0-9_./-]+)`", path.read_text()):
        assert (ROOT / named).exists(), named


def settings_of(struct: type[msgspec.Struct], prefix: str = "") -> dict[str, Any]:
    """Every setting with its default."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(struct):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            found |= settings_of(field.type, f"{prefix}{field.name}.")
        else:
            found[f"{prefix}{field.name}"] = field.default
    return found


def test_every_setting_is_documented_with_its_default() -> None:
    """`docs/settings.md` has the settings that there are, and their defaults."""
    rows = dict(re.findall(r"^\| `([a-z0-9_.]+)` \| ([^|]*) \|", (DOCS / "settings.md").read_text(), re.MULTILINE))
    settings = settings_of(Settings)
    assert rows.keys() == settings.keys()
    for name, default in settings.items():
        shown = "–" if default in (None, ()) else str(default).lower() if isinstance(default, bool) else str(default)
        assert rows[name].strip().strip("`") == shown, name


def test_every_command_is_documented() -> None:
    """`docs/commands.md` has the commands that there are, each of them helps, and its options are named there."""
    text = (DOCS / "commands.md").read_text()
    documented = set(re.findall(r"^\| `selfkms ([a-z-]+)", text, re.MULTILINE))
    assert documented == set(COMMANDS)
    assert isinstance(main, click.Group)
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        assert command.help


def test_every_exit_code_is_documented() -> None:
    """`docs/commands.md` lists what the commands exit with."""
    text = (DOCS / "commands.md").read_text()
    for code in ExitCode:
        assert re.search(rf"^\| (\d+, )?{code.value}(, \d+)? \|", text, re.MULTILINE), code


def test_dev_credentials_are_as_documented() -> None:
    """The credentials of `dev` can be spelled out by a test suite: what the page says is what there is."""
    text = (DOCS / "dev-server.md").read_text()
    for account_id in DEFAULT_ACCOUNTS:
        for who, credential in (("admin", administrator_credential(account_id)), ("root", root_credential(account_id))):
            secret = credential.secret_access_key.open(SECRET_ACCESS).decode()
            assert len(credential.access_key_id) == 20
            assert len(secret) == 40
            assert f"| {account_id} | {who} | `{credential.access_key_id}` | `{secret}` |" in text

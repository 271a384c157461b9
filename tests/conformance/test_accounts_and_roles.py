"""docs/accounts-and-roles.md, typed into a shell from top to bottom."""

import re
import subprocess
from pathlib import Path
from typing import Final

from harness.server import CLIENTS, needs_clients, running

PAGE: Final = (Path(__file__).parents[2] / "docs" / "accounts-and-roles.md").read_text()
SCRIPT_SECONDS_MAX: Final = 240.0
ERROR: Final = "An error occurred"


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def expected() -> list[re.Pattern[str]]:
    """What is printed, line by line; `…` stands for whatever an ID is."""
    lines = "".join(blocks("text")).splitlines()
    return [re.compile(r"[^ ]+".join(map(re.escape, line.split("…"))) + r"\n") for line in lines]


def test_the_page_is_true(tmp_path: Path) -> None:
    """Its commands are one script that prints what the page says, in that order, and no error besides."""
    needs_clients()
    script = "".join(blocks("sh"))
    with running(tmp_path / "data") as server:
        exports = "\n".join(line for line in server.printed if line.startswith("export "))
        plain = {name: value for name, value in server.environment.items() if not name.startswith("AWS_")}
        done = subprocess.run(
            ["bash", "-uo", "pipefail", "-c", f"{exports}\n{script}"],
            cwd=tmp_path,
            env={**plain, "PATH": f"{CLIENTS}:{plain['PATH']}", "HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
            timeout=SCRIPT_SECONDS_MAX,
        )
    printed = done.stdout.replace("\t", " ")
    at = 0
    for line in expected():
        found = line.search(printed, at)
        assert found, f"{line.pattern} does not follow in:\n{printed}"
        at = found.end()
    refused = sum("not authorized" in line or ERROR in line for line in "".join(blocks("text")).splitlines())
    assert printed.count(ERROR) == refused, printed
    assert "Traceback" not in printed

"""Pages of the documentation, typed into a shell from top to bottom."""

import re
import subprocess
from pathlib import Path
from typing import Final

from harness.server import CLIENTS, ROOT, Server

SCRIPT_SECONDS_MAX: Final = 240.0
ERROR: Final = "An error occurred"


class Page:
    """A page whose `sh` blocks are one script, and whose `text` blocks are what it prints, in that order."""

    def __init__(self, name: str) -> None:
        """Read `docs/NAME`."""
        self._text = (ROOT / "docs" / name).read_text()

    def blocks(self, language: str) -> list[str]:
        """The fenced blocks of a language, in their order."""
        return re.findall(rf"^```{language}\n(.*?)^```$", self._text, re.MULTILINE | re.DOTALL)

    def expected(self) -> list[re.Pattern[str]]:
        """What is printed, line by line; `…` stands for whatever an ID is."""
        lines = "".join(self.blocks("text")).splitlines()
        return [re.compile(r"[^ \n]+".join(map(re.escape, line.split("…"))) + r"\n") for line in lines]

    def typed(self, server: Server, directory: Path) -> str:
        """What the script prints, errors too, against `selfkms dev` and in a directory that is empty otherwise."""
        exports = "\n".join(line for line in server.printed if line.startswith("export "))
        plain = {name: value for name, value in server.environment.items() if not name.startswith("AWS_")}
        done = subprocess.run(
            ["bash", "-uo", "pipefail", "-c", f"{exports}\n{''.join(self.blocks('sh'))}"],
            cwd=directory,
            env={**plain, "PATH": f"{CLIENTS}:{plain['PATH']}", "HOME": str(directory)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
            timeout=SCRIPT_SECONDS_MAX,
        )
        return done.stdout.replace("\t", " ")

    def check(self, printed: str) -> None:
        """What was printed is what the page says, in that order, and there was no error besides."""
        at = 0
        for line in self.expected():
            found = line.search(printed, at)
            assert found, f"{line.pattern} does not follow in:\n{printed}"
            at = found.end()
        lines = "".join(self.blocks("text")).splitlines()
        refused = sum("not authorized" in line or ERROR in line for line in lines)
        assert printed.count(ERROR) == refused, printed
        assert "Traceback" not in printed

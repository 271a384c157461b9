"""The oracle: `@cloud-copilot/iam-simulate`, which judges IAM policies on its own.

It is asked in a process of its own and nothing of it becomes part of selfkms. It is installed from its lock file into a
directory that is gone afterwards.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

HERE = Path(__file__).parent
INSTALLED_SECONDS_MAX = 60.0
JUDGED_SECONDS_MAX = 60.0

Judge = Callable[[Sequence[dict[str, Any]]], list[str]]
"""Simulations in, verdicts out."""


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """The oracle, or a skip that says why there is none; on a build server it has to be there."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        _missing("needs node and npm")
    folder = tmp_path_factory.mktemp("oracle")
    for name in ("package.json", "package-lock.json", "simulate.mjs"):
        shutil.copy(HERE / name, folder)
    try:
        subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=INSTALLED_SECONDS_MAX,
        )
    except subprocess.SubprocessError as error:
        _missing(f"needs @cloud-copilot/iam-simulate, which npm could not install: {getattr(error, 'stderr', error)}")

    def judge(simulations: Sequence[dict[str, Any]]) -> list[str]:
        done = subprocess.run(
            [node, "simulate.mjs"],
            cwd=folder,
            check=False,
            input=json.dumps(simulations),
            capture_output=True,
            text=True,
            timeout=JUDGED_SECONDS_MAX,
        )
        assert done.returncode == 0, done.stderr
        verdicts: list[str] = json.loads(done.stdout)
        return verdicts

    return judge


def _missing(message: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)

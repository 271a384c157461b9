"""DuckDB, for what reads exported audit records."""

import importlib
import os
from typing import Any

import pytest


def needs_duckdb() -> Any:
    """The module. Where it is missing the test is skipped, and says so; in CI that is a failure."""
    try:
        return importlib.import_module("duckdb")
    except ImportError:
        message = "needs DuckDB, which `make setup` installs"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)

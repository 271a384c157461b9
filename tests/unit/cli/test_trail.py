"""`selfkms trail`: which commands there are."""

import pytest
from click.testing import CliRunner

from selfkms.cli.trail import trail


@pytest.mark.parametrize("arguments", [[], ["verify"], ["verify", "--data-dir", "nowhere"], ["check"]])
def test_what_is_not_understood(arguments: list[str]) -> None:
    """Exit code 2."""
    assert CliRunner().invoke(trail, arguments).exit_code == 2

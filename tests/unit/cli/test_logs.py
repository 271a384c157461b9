"""What the processes say to their operator."""

import logging
from collections.abc import Callable, Iterator

import pytest

from selfkms.cli.logs import log_to_stderr


@pytest.fixture
def set_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """`log_to_stderr` in a process whose logging nobody has touched; afterwards it is as it was."""
    root, alembic = logging.getLogger(), logging.getLogger("alembic")
    levels = root.level, alembic.level

    def set_up_anew() -> None:
        # Here and not before: pytest adds handlers of its own when the test begins.
        monkeypatch.setattr(root, "handlers", [])
        root.setLevel(logging.WARNING)
        log_to_stderr()

    yield set_up_anew
    root.setLevel(levels[0])
    alembic.setLevel(levels[1])


def test_a_line_on_standard_error(set_up: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output is for programs that read it."""
    set_up()
    logging.getLogger("selfkms.gate.upkeep").info("the pending window of %s is over", "arn:…")
    logging.getLogger("selfkms.server").warning("no request can be recorded")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "selfkms: INFO the pending window of arn:… is over\nselfkms: WARNING no request can be recorded\n"
    )


def test_what_is_of_no_use_to_an_operator_is_not_said(
    set_up: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Details for developers, and what Alembic does while it makes the tables."""
    set_up()
    logging.getLogger("selfkms.gate").debug("detail")
    logging.getLogger("alembic.runtime.migration").info("Running upgrade")
    assert capsys.readouterr().err == ""
    logging.getLogger("alembic.runtime.migration").warning("something is wrong")
    assert capsys.readouterr().err == "selfkms: WARNING something is wrong\n"


def test_twice_is_once(set_up: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    """Each line stands there one time only."""
    set_up()
    log_to_stderr()
    logging.getLogger("selfkms").warning("once")
    assert capsys.readouterr().err == "selfkms: WARNING once\n"

"""How far a command is, for whoever waits at a terminal."""

import sys
import time
from typing import Final

import click

_QUIET_SECONDS: Final = 1.0
_REDRAW_SECONDS: Final = 0.2


class Progress:
    """One line on standard error, when it takes longer than a moment; none where that is no terminal."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._next = time.monotonic() + _QUIET_SECONDS
        self._drawn = False

    def __call__(self, what: str, count: int) -> None:
        """So many of these are done."""
        if self._shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + _REDRAW_SECONDS
            self._drawn = True
            click.echo(f"\r\x1b[K{count:,} {what}", err=True, nl=False)

    def clear(self) -> None:
        """Leave nothing behind."""
        if self._drawn:
            click.echo("\r\x1b[K", err=True, nl=False)
            self._drawn = False

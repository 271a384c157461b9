"""The event history for commands that look at it, also while the installation is served."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from selfkms.cli.at_rest import unsealed_at

if TYPE_CHECKING:
    from selfkms.adapters.audit_files.follow import Follower, Place
    from selfkms.adapters.event_history.reads import SQLiteEventHistory
    from selfkms.bootstrap.installation import Unsealed


class Past(NamedTuple):
    """An installation with its history, which goes as far as its journal."""

    unsealed: "Unsealed"
    history: "SQLiteEventHistory"
    follower: "Follower"
    place: "Place"
    """How far the journal is in the history."""


@contextmanager
def past_of(directory: Path) -> Iterator[Past]:
    """The history of a data directory, brought up to date: nobody does that while the installation is not served.

    Raises:
        click.ClickException: it cannot be opened or read; the message is for the operator.
    """
    from selfkms.bootstrap.assembly import Assembly
    from selfkms.ports.event_history import HistoryUnavailableError

    unsealed = unsealed_at(directory)
    assembly = Assembly(unsealed)
    history = assembly.event_history()
    try:
        feed = assembly.history_feed()
        try:
            while feed.feed():
                pass
            place = feed.place()
        finally:
            feed.close()
        yield Past(unsealed, history, assembly.follower(), place)
    except (HistoryUnavailableError, OSError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        history.close()

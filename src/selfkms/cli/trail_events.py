"""`selfkms trail search` and `selfkms trail tail`: events of all accounts and Regions, for the operator."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click

from selfkms.cli.event_filter import EventFilter, event_filter_options
from selfkms.cli.event_lines import event_line
from selfkms.cli.exit_codes import ExitCode
from selfkms.cli.options import existing_data_dir
from selfkms.cli.past import Past, past_of

FOLLOW_SECONDS: Final = 0.5
_EVENTS_AT_ONCE: Final = 500


@click.command()
@existing_data_dir
@event_filter_options
@click.option("--json", "as_json", is_flag=True, help="The audit records, one a line.")
def search(*, data_dir: Path, as_json: bool, **filters: Any) -> None:
    """Search the event history, the newest event first.

    Of all accounts and Regions, as far back as trail.history_days says. With several options an event must meet all of
    them.
    """
    from selfkms.domain.cloudtrail.history import recorded_event

    wanted = EventFilter(**filters)
    lookup = wanted.lookup()
    with past_of(data_dir) as past:
        before = None
        while found := past.history.lookup(lookup, before=before, limit=_EVENTS_AT_ONCE):
            for event in found:
                if wanted.wants(recorded_event(event.body)):
                    _print(event.body, as_json=as_json)
            before = found[-1].mark


@click.command()
@existing_data_dir
@click.option("--lines", type=click.IntRange(0, 10_000), default=10, show_default=True, help="How many events.")
@click.option("--follow", is_flag=True, help="Go on with every further event, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="The audit records, one a line.")
def tail(*, data_dir: Path, lines: int, follow: bool, as_json: bool) -> None:
    """Show the newest events, the newest last."""
    from selfkms.domain.cloudtrail.history import Lookup

    with past_of(data_dir) as past, suppress(KeyboardInterrupt):
        newest = past.history.lookup(Lookup(account_id=None, region=None), before=None, limit=lines) if lines else ()
        for event in reversed(newest):
            _print(event.body, as_json=as_json)
        if follow:
            for body in _followed(past, pause=lambda: time.sleep(FOLLOW_SECONDS)):
                _print(body, as_json=as_json)


def _followed(past: Past, *, pause: Callable[[], None]) -> Iterator[bytes]:
    """The records that come after those of the history, without end."""
    from selfkms.adapters.audit_files.follow import AnotherJournalError
    from selfkms.adapters.audit_files.segments import JournalDamagedError

    place = past.place
    while True:
        try:
            records = past.follower.read(place, records_max=_EVENTS_AT_ONCE)
        except AnotherJournalError as error:
            raise click.ClickException("the audit journal was exchanged for another one") from error
        except JournalDamagedError as error:
            click.echo(f"DAMAGED {error}", err=True)
            sys.exit(ExitCode.DAMAGED)
        for record in records:
            yield record.body
            place = record.place
        if not records:
            pause()


def _print(body: bytes, *, as_json: bool) -> None:
    click.echo(body.decode() if as_json else event_line(body))

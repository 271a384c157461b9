"""`selfkms trail search` and `selfkms trail tail`: events of all accounts and Regions, for the operator."""

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from selfkms.cli.event_lines import event_line
from selfkms.cli.exit_codes import ExitCode
from selfkms.cli.options import existing_data_dir
from selfkms.cli.past import Past, past_of

if TYPE_CHECKING:
    from selfkms.domain.cloudtrail.history import Attribute, RecordedEvent

FOLLOW_SECONDS: Final = 0.5
_EVENTS_AT_ONCE: Final = 500

_ACCESS_KEY_ID: Final = re.compile(r"A[KS]IA[A-Z0-9]{16}")
_MOMENT: Final = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S"])


@click.command()
@existing_data_dir
@click.option("--event-name", metavar="OPERATION", help="For example Decrypt, or DeleteKey.")
@click.option("--key", "key_arn", metavar="ARN", help="A KMS key, by its key ARN.")
@click.option("--principal", metavar="NAME", help="A user name, a session name, `root`, an ARN, or an access key ID.")
@click.option("--since", type=_MOMENT, help="2026-11-24 or 2026-11-24T10:00:00Z, in UTC.")
@click.option("--until", type=_MOMENT, help="The same; this second is the last one.")
@click.option("--json", "as_json", is_flag=True, help="The audit records, one a line.")
def search(
    *,
    data_dir: Path,
    event_name: str | None,
    key_arn: str | None,
    principal: str | None,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
) -> None:
    """Search the event history, the newest event first.

    Of all accounts and Regions, as far back as trail.history_days says. With several options an event must meet all of
    them.
    """
    from selfkms.domain.cloudtrail.history import Lookup, recorded_event

    attribute, value = _narrowest(event_name, key_arn, principal)
    lookup = Lookup(
        account_id=None,
        region=None,
        attribute=attribute,
        value=value,
        since=_seconds(since),
        until=_seconds(until),
    )

    def wanted(event: "RecordedEvent") -> bool:
        return (
            (event_name is None or event.event_name == event_name)
            and (key_arn is None or any(resource.arn == key_arn for resource in event.resources))
            and (principal is None or principal in {event.user_name, event.principal_arn, event.access_key_id})
        )

    with past_of(data_dir) as past:
        before = None
        while found := past.history.lookup(lookup, before=before, limit=_EVENTS_AT_ONCE):
            for event in found:
                if wanted(recorded_event(event.body)):
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


def _narrowest(event_name: str | None, key_arn: str | None, principal: str | None) -> tuple["Attribute | None", str]:
    """What to look up: the rest is a matter of looking through what is found."""
    from selfkms.domain.cloudtrail.history import Attribute

    if key_arn is not None:
        return Attribute.RESOURCE_NAME, key_arn
    if principal is not None:
        if _ACCESS_KEY_ID.fullmatch(principal):
            return Attribute.ACCESS_KEY_ID, principal
        # An ARN ends with the user name, the session name, or `root` after a colon.
        return Attribute.USERNAME, re.split("[/:]", principal)[-1]
    if event_name is not None:
        return Attribute.EVENT_NAME, event_name
    return None, ""


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.replace(tzinfo=UTC).timestamp()


def _print(body: bytes, *, as_json: bool) -> None:
    click.echo(body.decode() if as_json else event_line(body))

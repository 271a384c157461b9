"""Events for people: one line each, coloured where there is a terminal."""

from typing import Final

import click
import msgspec

from selfkms.domain.cloudtrail.history import RecordedEvent, recorded_event

_NOBODY: Final = "-"


def event_line(body: bytes) -> str:
    """Time, account, Region, operation, who asked, what came of it, and what it is about."""
    try:
        event = recorded_event(body)
    except (msgspec.DecodeError, ValueError):
        return body.decode(errors="replace")
    name = f"{event.event_name:<28}"
    outcome = event.error_code or "ok"
    return "  ".join(
        (
            click.style(event.event_time, dim=True),
            f"{event.recipient_account_id or _NOBODY:<12}",
            f"{event.aws_region:<14}",
            click.style(name, dim=True) if event.read_only else click.style(name, bold=True),
            f"{_who(event):<20}",
            click.style(f"{outcome:<28}", fg="red" if event.error_code else "green"),
            " ".join(resource.arn for resource in event.resources),
        )
    ).rstrip()


def _who(event: RecordedEvent) -> str:
    return event.user_name or event.principal_arn or _NOBODY

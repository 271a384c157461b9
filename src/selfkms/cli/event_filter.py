"""Which events a command is about: the options that `trail search` and `trail export` share."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

if TYPE_CHECKING:
    from selfkms.domain.cloudtrail.history import Attribute, Lookup, RecordedEvent

_ACCESS_KEY_ID: Final = re.compile(r"A[KS]IA[A-Z0-9]{16}")
_MOMENT: Final = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S"])

_OPTIONS: Final = (
    click.option("--event-name", metavar="OPERATION", help="For example Decrypt, or DeleteKey."),
    click.option("--key", "key_arn", metavar="ARN", help="A KMS key, by its key ARN."),
    click.option(
        "--principal", metavar="NAME", help="A user name, a session name, `root`, an ARN, or an access key ID."
    ),
    click.option("--since", type=_MOMENT, help="2026-11-24 or 2026-11-24T10:00:00Z, in UTC."),
    click.option("--until", type=_MOMENT, help="The same; this second is the last one."),
)


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What an event must meet: all that is not None."""

    event_name: str | None
    key_arn: str | None
    principal: str | None
    since: datetime | None
    until: datetime | None

    def wants(self, event: "RecordedEvent") -> bool:
        """Whether an event meets it."""
        since, until = _seconds(self.since), _seconds(self.until)
        return (
            (self.event_name is None or event.event_name == self.event_name)
            and (self.key_arn is None or any(resource.arn == self.key_arn for resource in event.resources))
            and (self.principal is None or self.principal in _names_of_principal(event))
            and (since is None or event.at >= since)
            and (until is None or event.at <= until)
        )

    def lookup(self) -> "Lookup":
        """What to look up in the event history: of what is found, `wants` says whether it meets the rest."""
        from selfkms.domain.cloudtrail.history import Lookup

        attribute, value = self._narrowest()
        return Lookup(
            account_id=None,
            region=None,
            attribute=attribute,
            value=value,
            since=_seconds(self.since),
            until=_seconds(self.until),
        )

    def _narrowest(self) -> tuple["Attribute | None", str]:
        from selfkms.domain.cloudtrail.history import Attribute

        if self.key_arn is not None:
            return Attribute.RESOURCE_NAME, self.key_arn
        if self.principal is not None:
            if _ACCESS_KEY_ID.fullmatch(self.principal):
                return Attribute.ACCESS_KEY_ID, self.principal
            # An ARN ends with the user name, the session name, or `root` after a colon.
            return Attribute.USERNAME, re.split("[/:]", self.principal)[-1]
        if self.event_name is not None:
            return Attribute.EVENT_NAME, self.event_name
        return None, ""


def event_filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options, whose values make an `EventFilter`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _names_of_principal(event: "RecordedEvent") -> set[str | None]:
    return {event.user_name, event.principal_arn, event.access_key_id}


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.replace(tzinfo=UTC).timestamp()

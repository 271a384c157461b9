"""The options by which events are chosen: how they are read is tested with the commands that have them."""

from datetime import datetime
from typing import Any

import pytest

from harness.events import arn, event
from selfkms.cli.event_filter import EventFilter
from selfkms.domain.cloudtrail.history import Attribute, recorded_event


def chosen(**wishes: Any) -> EventFilter:
    nothing = dict.fromkeys(("event_name", "key_arn", "principal", "since", "until"))
    return EventFilter(**{**nothing, **wishes})


@pytest.mark.parametrize(
    ("wishes", "wanted"),
    [
        ({}, True),
        ({"event_name": "Encrypt"}, True),
        ({"event_name": "Decrypt"}, False),
        ({"key_arn": arn(1), "principal": "admin"}, True),
        ({"key_arn": arn(2), "principal": "admin"}, False),
        ({"principal": "AKIAADMIN00000000000"}, True),
        ({"since": datetime(2026, 9, 21, 14, 13, 21), "until": datetime(2026, 9, 21, 14, 13, 21)}, True),  # noqa: DTZ001  click's
        ({"since": datetime(2026, 9, 21, 14, 13, 22)}, False),  # noqa: DTZ001  the same
        ({"until": datetime(2026, 9, 21, 14, 13, 20)}, False),  # noqa: DTZ001  the same
    ],
)
def test_what_is_wanted(wishes: dict[str, Any], wanted: bool) -> None:  # noqa: FBT001  a row of the table
    """What meets all of them."""
    assert chosen(**wishes).wants(recorded_event(event(1, "Encrypt", arn(1)).body)) is wanted


@pytest.mark.parametrize(
    ("wishes", "attribute", "value"),
    [
        ({}, None, ""),
        ({"event_name": "Encrypt"}, Attribute.EVENT_NAME, "Encrypt"),
        ({"event_name": "Encrypt", "principal": "arn:aws:iam::1:user/a/bob"}, Attribute.USERNAME, "bob"),
        ({"principal": "AKIAADMIN00000000000"}, Attribute.ACCESS_KEY_ID, "AKIAADMIN00000000000"),
        ({"key_arn": arn(1), "principal": "bob"}, Attribute.RESOURCE_NAME, arn(1)),
    ],
)
def test_what_is_looked_up(wishes: dict[str, Any], attribute: Attribute | None, value: str) -> None:
    """The narrowest of them."""
    lookup = chosen(**wishes).lookup()
    assert (lookup.attribute, lookup.value) == (attribute, value)

"""Which events a trail takes, and in the files of which Region."""

from typing import Any

import msgspec
import pytest

from selfkms.domain.cloudtrail.history import RecordedEvent, recorded_event
from selfkms.domain.cloudtrail.selection import EventSelector, Selection

ACCOUNT = "111122223333"
HOME = "eu-central-1"
SELECTION = Selection(account_id=ACCOUNT, home_region=HOME)
EVERYWHERE = Selection(account_id=ACCOUNT, home_region=HOME, multi_region=True)


def event(**fields: Any) -> RecordedEvent:
    whole = {
        "eventID": "e",
        "eventTime": "2026-11-24T10:00:00Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "Encrypt",
        "awsRegion": HOME,
        "readOnly": True,
        "userIdentity": {},
        "recipientAccountId": ACCOUNT,
    }
    return recorded_event(msgspec.json.encode({**whole, **fields}))


IAM = event(eventSource="iam.amazonaws.com", awsRegion="us-east-1", readOnly=False)


def test_the_home_region_or_all() -> None:
    """The Region of the event is that of its file."""
    assert SELECTION.region_of(event()) == HOME
    assert SELECTION.region_of(event(awsRegion="us-west-2")) is None
    assert EVERYWHERE.region_of(event(awsRegion="us-west-2")) == "us-west-2"


def test_only_its_account() -> None:
    """Neither another one nor none."""
    assert EVERYWHERE.region_of(event(recipientAccountId="444455556666")) is None
    assert EVERYWHERE.region_of(event(recipientAccountId="")) is None


def test_global_services() -> None:
    """Recorded in us-east-1; a trail of one Region has them in its own files, unless it does not want them."""
    assert EVERYWHERE.region_of(IAM) == "us-east-1"
    assert SELECTION.region_of(IAM) == HOME
    for home in (HOME, "us-east-1"):
        without = Selection(account_id=ACCOUNT, home_region=home, include_global=False)
        assert without.region_of(IAM) is None
    regional = event(eventSource="sts.amazonaws.com", awsRegion=HOME)
    assert SELECTION.region_of(regional) == HOME


@pytest.mark.parametrize(
    ("selector", "read", "write"),
    [
        (EventSelector(), True, True),
        (EventSelector(read_write_type="ReadOnly"), True, False),
        (EventSelector(read_write_type="WriteOnly"), False, True),
        (EventSelector(include_management_events=False), False, False),
        (EventSelector(excluded_sources=("kms.amazonaws.com",)), False, False),
    ],
)
def test_selectors(selector: EventSelector, read: bool, write: bool) -> None:  # noqa: FBT001  a row of the table
    """Reads, writes, all, none, and all but those of AWS KMS."""
    assert selector.selects(event()) is read
    assert selector.selects(event(readOnly=False)) is write


def test_one_selector_that_takes_it_is_enough() -> None:
    """And data events are taken by none."""
    both = Selection(
        account_id=ACCOUNT,
        home_region=HOME,
        selectors=(EventSelector(read_write_type="ReadOnly"), EventSelector(read_write_type="WriteOnly")),
    )
    assert both.region_of(event(readOnly=False)) == HOME
    assert both.region_of(event(managementEvent=False)) is None

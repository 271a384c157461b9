"""Advanced event selectors: what they take, and what is none.

Source: CloudTrail User Guide, "Filtering data events by using advanced event selectors".
"""

from typing import Any

import msgspec
import pytest

from selfkms.domain.cloudtrail.advanced_selection import (
    ADVANCED_VALUES_MAX,
    AdvancedEventSelector,
    FieldSelector,
    check_advanced,
)
from selfkms.domain.cloudtrail.errors import InvalidEventSelectorsException
from selfkms.domain.cloudtrail.history import RecordedEvent, recorded_event
from selfkms.domain.cloudtrail.selection import Selection

ACCOUNT = "111122223333"
SNAPSHOT = "arn:aws:ec2:us-east-1::snapshot/snap-0123456789abcdef0"

MANAGEMENT = FieldSelector(field="eventCategory", equals=("Management",))
DATA = FieldSelector(field="eventCategory", equals=("Data",))
SNAPSHOTS = FieldSelector(field="resources.type", equals=("AWS::EC2::Snapshot",))


def event(**fields: Any) -> RecordedEvent:
    whole = {
        "eventID": "e",
        "eventTime": "2026-11-24T10:00:00Z",
        "eventSource": "ebs.amazonaws.com",
        "eventName": "GetSnapshotBlock",
        "awsRegion": "us-east-1",
        "readOnly": True,
        "managementEvent": False,
        "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/bob"},
        "recipientAccountId": ACCOUNT,
        "resources": [{"accountId": ACCOUNT, "type": "AWS::EC2::Snapshot", "ARN": SNAPSHOT}],
    }
    return recorded_event(msgspec.json.encode({**whole, **fields}))


BLOCK = event()
KMS = event(eventSource="kms.amazonaws.com", eventName="Encrypt", managementEvent=True, resources=[])


def selector(*conditions: FieldSelector) -> AdvancedEventSelector:
    return AdvancedEventSelector(fields=conditions)


def test_management_and_data_events_are_asked_for_by_themselves() -> None:
    """A selector takes one category; without advanced selectors there are no data events."""
    assert selector(MANAGEMENT).selects(KMS)
    assert not selector(MANAGEMENT).selects(BLOCK)
    assert selector(DATA, SNAPSHOTS).selects(BLOCK)
    assert not selector(DATA, SNAPSHOTS).selects(KMS)
    plain = Selection(account_id=ACCOUNT, home_region="us-east-1")
    assert plain.region_of(BLOCK) is None
    asked = Selection(
        account_id=ACCOUNT, home_region="us-east-1", advanced_selectors=(selector(DATA, SNAPSHOTS),), selectors=()
    )
    assert asked.region_of(BLOCK) == "us-east-1"
    assert asked.region_of(KMS) is None


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        (FieldSelector(field="readOnly", equals=("true",)), True),
        (FieldSelector(field="readOnly", equals=("false",)), False),
        (FieldSelector(field="eventName", equals=("PutSnapshotBlock", "GetSnapshotBlock")), True),
        (FieldSelector(field="eventName", starts_with=("List",)), False),
        (FieldSelector(field="eventName", starts_with=("List",), ends_with=("Block",)), True),
        (FieldSelector(field="eventName", not_equals=("GetSnapshotBlock",)), False),
        (FieldSelector(field="eventName", not_starts_with=("List", "Put")), True),
        (FieldSelector(field="eventName", not_ends_with=("Blocks", "Block")), False),
        (FieldSelector(field="eventName", starts_with=("Get",), not_ends_with=("Block",)), False),
        (FieldSelector(field="eventName", starts_with=("Get",), not_ends_with=("Blocks",)), True),
        (FieldSelector(field="resources.ARN", equals=(SNAPSHOT,)), True),
        (FieldSelector(field="resources.ARN", starts_with=("arn:aws:ec2:eu-",)), False),
        (FieldSelector(field="resources.ARN", not_equals=(SNAPSHOT,)), False),
        (FieldSelector(field="eventSource", equals=("ebs.amazonaws.com",)), True),
        (FieldSelector(field="userIdentity.arn", ends_with=("user/bob",)), True),
        (FieldSelector(field="userIdentity.arn", not_ends_with=("user/bob",)), False),
    ],
)
def test_operators(condition: FieldSelector, taken: bool) -> None:  # noqa: FBT001  a row of the table
    """One that includes must hold, none that excludes."""
    whole = selector(DATA, SNAPSHOTS, condition)
    whole.check()
    assert whole.selects(BLOCK) is taken


@pytest.mark.parametrize(
    "conditions",
    [
        (),
        (SNAPSHOTS,),
        (FieldSelector(field="eventCategory", equals=("Insight",)), SNAPSHOTS),
        (FieldSelector(field="eventCategory", equals=("Data", "Management")), SNAPSHOTS),
        (FieldSelector(field="eventCategory", not_equals=("Data",)),),
        (DATA, MANAGEMENT, SNAPSHOTS),
        (DATA,),
        (DATA, FieldSelector(field="resources.type", equals=("AWS::S3::Object",))),
        (DATA, FieldSelector(field="resources.type", starts_with=("AWS::EC2",))),
        (DATA, SNAPSHOTS, FieldSelector(field="readOnly", equals=("yes",))),
        (DATA, SNAPSHOTS, FieldSelector(field="readOnly", not_equals=("true",))),
        (DATA, SNAPSHOTS, FieldSelector(field="errorCode", equals=("AccessDenied",))),
        (DATA, SNAPSHOTS, FieldSelector(field="eventName")),
        (MANAGEMENT, SNAPSHOTS),
        (MANAGEMENT, FieldSelector(field="eventName", equals=("Encrypt",))),
        (MANAGEMENT, FieldSelector(field="eventSource", equals=("kms.amazonaws.com",))),
        (MANAGEMENT, FieldSelector(field="eventSource", not_equals=("iam.amazonaws.com",))),
    ],
)
def test_what_is_no_selector(conditions: tuple[FieldSelector, ...]) -> None:
    """Fields, operators and values that CloudTrail does not take, or that nothing here could meet."""
    with pytest.raises(InvalidEventSelectorsException):
        selector(*conditions).check()


def test_the_events_of_a_source_are_left_out() -> None:
    """As the basic selectors do it."""
    without = selector(MANAGEMENT, FieldSelector(field="eventSource", not_equals=("kms.amazonaws.com",)))
    without.check()
    assert not without.selects(KMS)
    assert without.selects(event(eventSource="iam.amazonaws.com", managementEvent=True))


def test_so_many_values() -> None:
    """And not one more, in all selectors together."""
    names = tuple(str(number) for number in range(ADVANCED_VALUES_MAX - 3))
    check_advanced([selector(DATA, SNAPSHOTS, FieldSelector(field="eventName", equals=names)), selector(MANAGEMENT)])
    with pytest.raises(InvalidEventSelectorsException):
        check_advanced([selector(DATA, SNAPSHOTS, FieldSelector(field="eventName", equals=names))] * 2)

"""PutEventSelectors and GetEventSelectors."""

from typing import Any

import pytest

from harness.world import Refused, World

DEFAULT = {
    "ReadWriteType": "All",
    "IncludeManagementEvents": True,
    "DataResources": [],
    "ExcludeManagementEventSources": [],
}
WITHOUT_KMS = {"ReadWriteType": "WriteOnly", "ExcludeManagementEventSources": ["kms.amazonaws.com"]}


@pytest.fixture
def world() -> World:
    made = World()
    made.cloudtrail("CreateTrail", {"Name": "audit", "S3BucketName": "logs"})
    return made


def test_a_trail_takes_all_management_events_at_first(world: World) -> None:
    """And says so."""
    assert world.cloudtrail("GetEventSelectors", {"TrailName": "audit"})["EventSelectors"] == [DEFAULT]


def test_they_are_replaced(world: World) -> None:
    """The answer has them in full, and the trail says that they are its own."""
    answer = world.cloudtrail("PutEventSelectors", {"TrailName": "audit", "EventSelectors": [WITHOUT_KMS]})
    assert answer["EventSelectors"] == [{**DEFAULT, **WITHOUT_KMS}]
    record = world.record()
    assert record["requestParameters"]["eventSelectors"] == [
        {"readWriteType": "WriteOnly", "excludeManagementEventSources": ["kms.amazonaws.com"]}
    ]
    assert answer == world.cloudtrail("GetEventSelectors", {"TrailName": "audit"})
    assert world.cloudtrail("GetTrail", {"Name": "audit"})["Trail"]["HasCustomEventSelectors"] is True


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"EventSelectors": []},
        {"EventSelectors": [{}] * 6},
        {"EventSelectors": [{"ExcludeManagementEventSources": ["iam.amazonaws.com"]}]},
        {"EventSelectors": [{"DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]}]},
        {"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}]},
    ],
)
def test_what_is_refused(world: World, parameters: dict[str, Any]) -> None:
    """None, too many, and what there are no events of."""
    with pytest.raises(Refused) as refused:
        world.cloudtrail("PutEventSelectors", {"TrailName": "audit", **parameters})
    assert refused.value.code == "InvalidEventSelectorsException"

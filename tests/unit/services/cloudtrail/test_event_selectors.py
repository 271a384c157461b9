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

ADVANCED = [
    {"Name": "management", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]},
    {
        "FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["Data"]},
            {"Field": "resources.type", "Equals": ["AWS::EC2::Snapshot"]},
            {"Field": "eventName", "StartsWith": ["Get", "Put"], "NotEndsWith": ["Blocks"]},
        ]
    },
]


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


def test_advanced_ones_take_the_place_of_basic_ones(world: World) -> None:
    """And the other way round: a trail has either."""
    world.cloudtrail("PutEventSelectors", {"TrailName": "audit", "EventSelectors": [WITHOUT_KMS]})
    answer = world.cloudtrail("PutEventSelectors", {"TrailName": "audit", "AdvancedEventSelectors": ADVANCED})
    assert answer == world.cloudtrail("GetEventSelectors", {"TrailName": "audit"})
    assert (answer["AdvancedEventSelectors"], "EventSelectors" in answer) == (ADVANCED, False)
    assert world.cloudtrail("GetTrail", {"Name": "audit"})["Trail"]["HasCustomEventSelectors"] is True
    answer = world.cloudtrail("PutEventSelectors", {"TrailName": "audit", "EventSelectors": [{}]})
    assert (answer["EventSelectors"], "AdvancedEventSelectors" in answer) == ([DEFAULT], False)
    assert world.cloudtrail("GetTrail", {"Name": "audit"})["Trail"]["HasCustomEventSelectors"] is False


def test_the_record_has_them(world: World) -> None:
    """In CloudTrail's letters."""
    world.cloudtrail("PutEventSelectors", {"TrailName": "audit", "AdvancedEventSelectors": ADVANCED})
    recorded = world.record()["requestParameters"]["advancedEventSelectors"]
    assert recorded[0] == {
        "name": "management",
        "fieldSelectors": [{"field": "eventCategory", "equals": ["Management"]}],
    }
    assert world.record()["responseElements"]["advancedEventSelectors"][1]["fieldSelectors"][2]["notEndsWith"]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"EventSelectors": []},
        {"EventSelectors": [{}] * 6},
        {"EventSelectors": [{"ExcludeManagementEventSources": ["iam.amazonaws.com"]}]},
        {"EventSelectors": [{"DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]}]},
        {"EventSelectors": [{"DataResources": [{"Type": "AWS::EC2::Snapshot", "Values": ["arn:aws:ec2"]}]}]},
        {"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}]},
        {"AdvancedEventSelectors": ADVANCED, "EventSelectors": [WITHOUT_KMS]},
    ],
)
def test_what_is_refused(world: World, parameters: dict[str, Any]) -> None:
    """None, too many, and what there are no events of."""
    with pytest.raises(Refused) as refused:
        world.cloudtrail("PutEventSelectors", {"TrailName": "audit", **parameters})
    assert refused.value.code == "InvalidEventSelectorsException"

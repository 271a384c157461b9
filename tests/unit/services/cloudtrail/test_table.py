"""The table of CloudTrail against the published service model."""

import typing
from typing import Any

import msgspec
import pytest

from harness.world import loaded
from selfkms.services.cloudtrail.history import EventEntry, LookupAttribute, ResourceEntry
from selfkms.services.cloudtrail.table import FAMILIES, OPERATIONS

MODEL = loaded("cloudtrail")

# What an answer never holds, and why.
NOT_OFFERED = "trails that deliver there are refused"
ALL_ON_ONE_PAGE = "there are never more than fit"
SETTINGS = {
    "SnsTopicName": NOT_OFFERED,
    "SnsTopicARN": NOT_OFFERED,
    "CloudWatchLogsLogGroupArn": NOT_OFFERED,
    "CloudWatchLogsRoleArn": NOT_OFFERED,
    "KmsKeyId": NOT_OFFERED,
    "RecursiveLogging": NOT_OFFERED,
}
ABSENT: dict[str, dict[str, str]] = {
    "CreateTrail": SETTINGS,
    "UpdateTrail": SETTINGS,
    "GetTrailStatus": {
        "LatestNotificationError": NOT_OFFERED,
        "LatestNotificationTime": NOT_OFFERED,
        "LatestCloudWatchLogsDeliveryError": NOT_OFFERED,
        "LatestCloudWatchLogsDeliveryTime": NOT_OFFERED,
    },
    "ListTags": {"NextToken": ALL_ON_ONE_PAGE},
    "ListTrails": {"NextToken": ALL_ON_ONE_PAGE},
    "ListPublicKeys": {"NextToken": ALL_ON_ONE_PAGE},
}


def test_every_row_is_an_operation_of_the_model_once() -> None:
    """What is served exists, and asks for a permission of CloudTrail."""
    assert len(OPERATIONS) == sum(len(family.OPERATIONS) for family in FAMILIES)
    assert OPERATIONS.keys() <= set(MODEL.operation_names)
    assert {operation.service for operation in OPERATIONS.values()} == {"cloudtrail"}


def members(type_: type[msgspec.Struct]) -> dict[str, bool]:
    """AWS's names, and whether each is required."""
    return {field.encode_name: field.required for field in msgspec.structs.fields(type_)}


def published(shape: Any) -> dict[str, bool]:
    return {name: name in shape.required_members for name in shape.members}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_request_knows_every_member(name: str) -> None:
    """No parameter is dropped in silence, and the required ones are required."""
    assert members(OPERATIONS[name].request) == published(MODEL.operation_model(name).input_shape)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_result_has_every_member(name: str) -> None:
    """All of the model's but those that are listed with their reasons, and none of its own."""
    result = typing.get_type_hints(OPERATIONS[name].run)["return"]
    expected = published(MODEL.operation_model(name).output_shape).keys() - ABSENT.get(name, {}).keys()
    assert members(result).keys() == expected


@pytest.mark.parametrize(
    ("type_", "shape"), [(LookupAttribute, "LookupAttribute"), (EventEntry, "Event"), (ResourceEntry, "Resource")]
)
def test_what_stands_below(type_: type[msgspec.Struct], shape: str) -> None:
    """The same of what requests and results are made of."""
    assert members(type_).keys() == published(MODEL.shape_for(shape)).keys()

"""AddTags, ListTags, RemoveTags."""

from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, Refused, World

ARN = f"arn:aws:cloudtrail:us-east-1:{ALICE_ACCOUNT}:trail/audit"


@pytest.fixture
def world() -> World:
    made = World()
    made.cloudtrail("CreateTrail", {"Name": "audit", "S3BucketName": "logs"})
    return made


def tags(world: World) -> Any:
    (entry,) = world.cloudtrail("ListTags", {"ResourceIdList": [ARN]})["ResourceTagList"]
    assert entry["ResourceId"] == ARN
    return entry["TagsList"]


def test_added_changed_removed(world: World) -> None:
    """A value may be missing; to remove a tag its key is enough."""
    new = [{"Key": "team", "Value": "red"}, {"Key": "bare"}]
    assert world.cloudtrail("AddTags", {"ResourceId": ARN, "TagsList": new}) == {}
    world.cloudtrail("AddTags", {"ResourceId": ARN, "TagsList": [{"Key": "team", "Value": "blue"}]})
    assert tags(world) == [{"Key": "team", "Value": "blue"}, {"Key": "bare"}]
    world.cloudtrail("RemoveTags", {"ResourceId": ARN, "TagsList": [{"Key": "team"}]})
    assert tags(world) == [{"Key": "bare"}]


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("AddTags", {"ResourceId": "audit"}, "CloudTrailARNInvalidException"),
        ("AddTags", {"ResourceId": ARN + "-2"}, "ResourceNotFoundException"),
        ("AddTags", {"ResourceId": ARN.replace("trail/", "channel/")}, "ResourceTypeNotSupportedException"),
        ("AddTags", {"TagsList": [{"Key": "a"}, {"Key": "a"}]}, "InvalidTagParameterException"),
        ("AddTags", {"TagsList": [{"Key": "AWS:a"}]}, "InvalidTagParameterException"),
        ("AddTags", {"TagsList": [{"Key": str(n)} for n in range(51)]}, "TagsLimitExceededException"),
        ("RemoveTags", {"ResourceId": ARN + "-2"}, "ResourceNotFoundException"),
        ("ListTags", {"ResourceIdList": [ARN], "NextToken": "x"}, "InvalidTokenException"),
    ],
)
def test_what_is_refused(world: World, operation: str, parameters: dict[str, Any], code: str) -> None:
    """Each with its error."""
    if operation != "ListTags":
        parameters = {"ResourceId": ARN, "TagsList": [{"Key": "a"}], **parameters}
    with pytest.raises(Refused) as refused:
        world.cloudtrail(operation, parameters)
    assert refused.value.code == code

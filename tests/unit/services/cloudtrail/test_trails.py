"""CreateTrail, UpdateTrail, DeleteTrail and the reads: answers, refusals, permissions, records."""

import json
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, Refused, World

ARN = f"arn:aws:cloudtrail:us-east-1:{ALICE_ACCOUNT}:trail/audit"
MADE = {
    "Name": "audit",
    "S3BucketName": "logs",
    "IncludeGlobalServiceEvents": True,
    "IsMultiRegionTrail": False,
    "TrailARN": ARN,
    "LogFileValidationEnabled": False,
    "IsOrganizationTrail": False,
}
REST = {"HomeRegion": "us-east-1", "HasCustomEventSelectors": False, "HasInsightSelectors": False}


@pytest.fixture
def world() -> World:
    return World()


def create(world: World, name: str = "audit", **settings: Any) -> dict[str, Any]:
    region = settings.pop("region", "us-east-1")
    return world.cloudtrail("CreateTrail", {"Name": name, "S3BucketName": "logs", **settings}, region=region)


def refusal(world: World, operation: str, parameters: dict[str, Any], **where: str) -> tuple[str, str | None]:
    with pytest.raises(Refused) as refused:
        world.cloudtrail(operation, parameters, **where)
    return refused.value.code, refused.value.message


def test_a_trail_is_made_and_read(world: World) -> None:
    """The answer of CreateTrail has no home Region, those of the reads have one. It does not log yet."""
    assert create(world) == MADE
    assert world.cloudtrail("GetTrail", {"Name": "audit"}) == {"Trail": {**MADE, **REST}}
    assert world.cloudtrail("GetTrail", {"Name": ARN}) == {"Trail": {**MADE, **REST}}
    assert world.cloudtrail("DescribeTrails") == {"trailList": [{**MADE, **REST}]}
    listed = {"TrailARN": ARN, "Name": "audit", "HomeRegion": "us-east-1"}
    assert world.cloudtrail("ListTrails", region="eu-central-1") == {"Trails": [listed]}
    assert world.cloudtrail("GetTrailStatus", {"Name": "audit"})["IsLogging"] is False


def test_the_record_of_a_new_trail(world: World) -> None:
    """Request and response, names as in CloudTrail."""
    create(world, TagsList=[{"Key": "team", "Value": "red"}])
    record = world.record()
    assert record["requestParameters"] == {
        "name": "audit",
        "s3BucketName": "logs",
        "tagsList": [{"key": "team", "value": "red"}],
    }
    assert record["responseElements"] == {name[0].lower() + name[1:]: value for name, value in MADE.items()}
    assert (record["eventSource"], record["readOnly"]) == ("cloudtrail.amazonaws.com", False)
    assert "resources" not in record


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"Name": "ab"}, "InvalidTrailNameException"),
        ({"S3BucketName": "Logs"}, "InvalidS3BucketNameException"),
        ({"S3KeyPrefix": "a/../b"}, "InvalidS3PrefixException"),
        ({"S3BucketName": "elsewhere"}, "S3BucketDoesNotExistException"),
        ({"SnsTopicName": "topic"}, "UnsupportedOperationException"),
        ({"KmsKeyId": "alias/key"}, "UnsupportedOperationException"),
        ({"CloudWatchLogsLogGroupArn": "arn"}, "UnsupportedOperationException"),
        ({"IsOrganizationTrail": True}, "OrganizationsNotInUseException"),
        ({"IsMultiRegionTrail": True, "IncludeGlobalServiceEvents": False}, "InvalidParameterCombinationException"),
        ({"TagsList": [{"Key": "aws:a"}]}, "InvalidTagParameterException"),
    ],
)
def test_what_no_trail_can_be_made_with(world: World, settings: dict[str, Any], code: str) -> None:
    """Each has its error, and nothing is made."""
    with pytest.raises(Refused) as refused:
        create(world, **settings)
    assert refused.value.code == code
    assert world.cloudtrail("ListTrails") == {"Trails": []}


def test_a_bucket_that_may_not_be_written_to(world: World) -> None:
    """AWS's text."""
    world.log_store.denied.add("logs")
    assert refusal(world, "CreateTrail", {"Name": "audit", "S3BucketName": "logs"}) == (
        "InsufficientS3BucketPolicyException",
        "Incorrect S3 bucket policy is detected for bucket: logs",
    )
    world.log_store.failure = "SlowDown"
    assert refusal(world, "CreateTrail", {"Name": "audit", "S3BucketName": "logs"})[0] == "InternalFailure"


def test_a_name_is_taken_once_a_region(world: World) -> None:
    """In another Region, and in another account, it is free."""
    create(world)
    assert refusal(world, "CreateTrail", {"Name": "audit", "S3BucketName": "logs"}) == (
        "TrailAlreadyExistsException",
        f"Trail audit already exists for customer: {ALICE_ACCOUNT}",
    )
    create(world, region="eu-central-1")
    world.cloudtrail("CreateTrail", {"Name": "audit", "S3BucketName": "logs"}, by=BOB_ACCOUNT)


def test_a_region_has_five_trails(world: World) -> None:
    """Those of other Regions that deliver its events count."""
    create(world, "far", IsMultiRegionTrail=True, region="eu-central-1")
    for number in range(4):
        create(world, f"trail-{number}")
    assert refusal(world, "CreateTrail", {"Name": "audit", "S3BucketName": "logs"}) == (
        "MaximumNumberOfTrailsExceededException",
        f"User: {ALICE_ACCOUNT} already has 5 trails in us-east-1.",
    )


def test_trails_of_other_regions(world: World) -> None:
    """One that delivers all Regions is seen in all, by its ARN; it is changed at home only."""
    arn = create(world, IsMultiRegionTrail=True)["TrailARN"]
    create(world, "local")
    (shadow,) = world.cloudtrail("DescribeTrails", region="eu-central-1")["trailList"]
    assert shadow["TrailARN"] == arn
    assert world.cloudtrail("DescribeTrails", {"includeShadowTrails": False}, region="eu-central-1") == {
        "trailList": []
    }
    assert world.cloudtrail("DescribeTrails", {"trailNameList": ["audit"]}, region="eu-central-1") == {"trailList": []}
    assert world.cloudtrail("DescribeTrails", {"trailNameList": [arn]}, region="eu-central-1") == {
        "trailList": [shadow]
    }
    assert world.cloudtrail("GetTrail", {"Name": arn}, region="eu-central-1")["Trail"] == shadow
    assert (
        refusal(world, "GetTrail", {"Name": arn.replace("audit", "local")}, region="eu-central-1")[0]
        == "TrailNotFoundException"
    )
    assert refusal(world, "StopLogging", {"Name": arn}, region="eu-central-1")[0] == "InvalidHomeRegionException"


def test_names_that_are_none(world: World) -> None:
    """Unknown, of another account, no name, no ARN."""
    create(world)
    assert refusal(world, "GetTrail", {"Name": "other"}) == (
        "TrailNotFoundException",
        f"Unknown trail: {ARN.replace('audit', 'other')} for the user: {ALICE_ACCOUNT}",
    )
    with_bob = {"by": BOB_ACCOUNT}
    assert refusal(world, "GetTrail", {"Name": ARN}, **with_bob)[0] in {
        "TrailNotFoundException",
        "AccessDeniedException",
    }
    assert refusal(world, "GetTrail", {"Name": "a b c"})[0] == "InvalidTrailNameException"
    assert refusal(world, "GetTrail", {"Name": "arn:aws:s3:::logs"})[0] == "CloudTrailARNInvalidException"
    assert refusal(world, "DescribeTrails", {"trailNameList": ["arn:a"]})[0] == "CloudTrailARNInvalidException"
    assert refusal(world, "ListTrails", {"NextToken": "x"})[0] == "InvalidTokenException"


def test_a_trail_is_changed(world: World) -> None:
    """What the request names, and nothing else; an empty prefix takes it away."""
    create(world, S3KeyPrefix="a", EnableLogFileValidation=True)
    changed = world.cloudtrail("UpdateTrail", {"Name": "audit", "IsMultiRegionTrail": True, "S3KeyPrefix": ""})
    assert changed == {**MADE, "IsMultiRegionTrail": True, "LogFileValidationEnabled": True}
    assert (
        refusal(world, "UpdateTrail", {"Name": "audit", "S3BucketName": "gone"})[0] == "S3BucketDoesNotExistException"
    )
    assert refusal(world, "UpdateTrail", {"Name": "audit", "S3KeyPrefix": "/"})[0] == "InvalidS3PrefixException"


def test_a_deleted_trail_is_gone(world: World) -> None:
    """Also when its last deliveries are under way: nothing can be asked of it."""
    create(world)
    world.cloudtrail("StartLogging", {"Name": "audit"})
    assert world.cloudtrail("DeleteTrail", {"Name": "audit"}) == {}
    assert world.cloudtrail("DescribeTrails") == {"trailList": []}
    assert refusal(world, "DeleteTrail", {"Name": "audit"})[0] == "TrailNotFoundException"


def allow(world: World, *statements: dict[str, Any]) -> None:
    """Give Alice's `admin` this policy instead of all permissions."""
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    world.iam("PutUserPolicy", {"UserName": "admin", "PolicyName": "p", "PolicyDocument": document})
    world.strip_of_policies(ALICE_ACCOUNT)


def test_permissions_are_asked_for_on_the_trail(world: World) -> None:
    """A statement on one trail opens no other; a Deny on one trail protects it; tags and conditions count."""
    create(world, "open", TagsList=[{"Key": "team", "Value": "red"}])
    create(world, "kept")
    trail = f"arn:aws:cloudtrail:us-east-1:{ALICE_ACCOUNT}:trail/"
    allow(
        world,
        {"Effect": "Allow", "Action": "cloudtrail:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "cloudtrail:StopLogging", "Resource": trail + "kept"},
        {
            "Effect": "Deny",
            "Action": "cloudtrail:DeleteTrail",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/team": "red"}},
        },
    )
    world.cloudtrail("StopLogging", {"Name": "open"})
    code, text = refusal(world, "StopLogging", {"Name": "kept"})
    assert code == "AccessDeniedException"
    assert text is not None
    assert f"cloudtrail:StopLogging on resource: {trail}kept" in text
    assert refusal(world, "DeleteTrail", {"Name": "open"})[0] == "AccessDeniedException"
    world.cloudtrail("DeleteTrail", {"Name": "kept"})


def test_whoever_may_not_know_is_not_told(world: World) -> None:
    """A trail that does not exist is refused like one that does."""
    world.strip_of_policies(ALICE_ACCOUNT)
    assert refusal(world, "GetTrail", {"Name": "other"})[0] == "AccessDeniedException"


def test_tags_need_their_own_permission(world: World) -> None:
    """CreateTrail with tags asks for cloudtrail:AddTags on the trail that is to be made."""
    allow(world, {"Effect": "Allow", "Action": "cloudtrail:CreateTrail", "Resource": "*"})
    create(world, "plain")
    with pytest.raises(Refused) as refused:
        create(world, "tagged", TagsList=[{"Key": "team"}])
    assert "cloudtrail:AddTags" in str(refused.value.message)

"""From names and ARNs to trails."""

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.domain.cloudtrail.errors import (
    CloudTrailARNInvalidException,
    InvalidHomeRegionException,
    ResourceNotFoundException,
    ResourceTypeNotSupportedException,
    TrailNotFoundException,
)
from selfkms.gate.resolve_trails import TrailResolver
from selfkms.gate.resolved import ResolvedTrail
from selfkms.services.cloudtrail.table import OPERATIONS
from selfkms.services.cloudtrail.trail_shapes import GetTrailRequest
from selfkms.services.operation import TrailNamed

ARN = f"arn:aws:cloudtrail:{REGION}:{ALICE_ACCOUNT}:trail/audit"


def resolved(
    named: str, target: TrailNamed | None = None, *, account_id: str = ALICE_ACCOUNT, region: str = REGION
) -> ResolvedTrail:
    world = World()
    world.cloudtrail("CreateTrail", {"Name": "audit", "S3BucketName": "logs", "IsMultiRegionTrail": True})
    (found,), given = TrailResolver(world.database).one(
        target or TrailNamed(),
        OPERATIONS["GetTrail"],
        GetTrailRequest(name=named),
        account_id=account_id,
        region=region,
    )
    assert isinstance(found, ResolvedTrail)
    assert len(given) == (0 if target is not None and not target.exists else 1)
    return found


def test_by_name_and_by_arn() -> None:
    """Permission is asked for on the ARN, however it is named."""
    for named in ("audit", ARN):
        found = resolved(named)
        assert (found.arn, found.missing) == (ARN, None)


def test_what_is_not_there() -> None:
    """Told later, to whoever may know: another name, another account's, another Region's by its name."""
    assert isinstance(resolved("other").missing, TrailNotFoundException)
    assert isinstance(resolved("audit", region="eu-central-1").missing, TrailNotFoundException)
    foreign = resolved(ARN, account_id=BOB_ACCOUNT)
    assert isinstance(foreign.missing, TrailNotFoundException)
    assert foreign.arn == ARN
    assert isinstance(resolved(ARN + "x", TrailNamed(only_arn=True)).missing, ResourceNotFoundException)


def test_it_is_changed_at_home() -> None:
    """Read it may be anywhere."""
    assert resolved(ARN, region="eu-central-1").missing is None
    elsewhere = resolved(ARN, TrailNamed(at_home=True), region="eu-central-1")
    assert isinstance(elsewhere.missing, InvalidHomeRegionException)


@pytest.mark.parametrize("arn", ["arn:aws:s3:::logs", "arn:aws:cloudtrail", ARN.replace("trail/audit", "trail/")])
def test_no_trails_arn(arn: str) -> None:
    """Refused at once: it says nothing of what there is."""
    with pytest.raises(CloudTrailARNInvalidException):
        resolved(arn)
    with pytest.raises(ResourceTypeNotSupportedException):
        resolved(ARN.replace(":trail/", ":channel/"), TrailNamed(only_arn=True))


def test_one_that_is_to_be_made() -> None:
    """Has its ARN already."""
    found = resolved("new", TrailNamed(exists=False))
    assert (found.arn, found.missing) == (ARN.replace("audit", "new"), None)

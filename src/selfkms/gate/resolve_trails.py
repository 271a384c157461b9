"""From what a request to CloudTrail names to the trails it is about, as of now.

Source: CloudTrail API Reference, "GetTrail", "UpdateTrail", "AddTags"; Service Authorization Reference, "AWS
CloudTrail".
"""

from typing import Any

from selfkms.domain.arns import ARN, PARTITION
from selfkms.domain.cloudtrail.errors import (
    CloudTrailARNInvalidException,
    InvalidHomeRegionException,
    ResourceNotFoundException,
    ResourceTypeNotSupportedException,
    TrailNotFoundException,
)
from selfkms.domain.cloudtrail.trails import Trail, check_trail_name, trail_arn
from selfkms.domain.errors import AWSError
from selfkms.gate.resolved import ResolvedTrail, Resource
from selfkms.ports.database import Database
from selfkms.services.operation import Operation, TrailNamed


class TrailResolver:
    """Looks up what requests name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def one(
        self, target: TrailNamed, operation: Operation, request: Any, *, account_id: str, region: str
    ) -> tuple[list[Resource], list[Any]]:
        """What one target is about, and what it gives to the handler.

        Raises:
            CloudTrailARNInvalidException, ResourceTypeNotSupportedException: an ARN that is none of a trail.
            InvalidTrailNameException: no trail can be called so.
        """
        named = getattr(request, target.member)
        if not target.exists:
            check_trail_name(named)
            return [ResolvedTrail(arn=trail_arn(region, account_id, named), action=operation.action)], []
        names = named if target.several else (named,)
        found = [self._named(name, target, operation, account_id=account_id, region=region) for name in names]
        trails = [trail for _, trail in found]
        return [resolved for resolved, _ in found], [tuple(trails)] if target.several else trails

    def _named(
        self, text: str, target: TrailNamed, operation: Operation, *, account_id: str, region: str
    ) -> tuple[ResolvedTrail, Trail | None]:
        owner, home_region, name = _parts(text, target, account_id=account_id, region=region)
        trail = self._database.trail(account_id, home_region, name) if owner == account_id else None
        if trail is not None and home_region != region and not trail.multi_region:
            trail = None
        arn = trail_arn(home_region, owner, name)
        missing: AWSError | None = None
        if trail is None and target.only_arn:
            missing = ResourceNotFoundException(f"The resource with ARN {text} was not found.")
        elif trail is None:
            missing = TrailNotFoundException(f"Unknown trail: {arn} for the user: {account_id}")
        elif target.at_home and home_region != region:
            missing = InvalidHomeRegionException(f"Trail {arn} can only be changed in its home Region {home_region}.")
        tags = () if trail is None else tuple((tag.key, tag.value or "") for tag in trail.tags)
        return ResolvedTrail(arn=arn, action=operation.action, tags=tags, missing=missing), trail


def _parts(text: str, target: TrailNamed, *, account_id: str, region: str) -> tuple[str, str, str]:
    """Account, home Region and name of what was named: a trail of this Region by its name, any by its ARN."""
    if not text.startswith("arn:") and not target.only_arn:
        check_trail_name(text)
        return account_id, region, text
    arn = ARN.parse(text)
    if arn is None or (arn.partition, arn.service) != (PARTITION, "cloudtrail"):
        raise CloudTrailARNInvalidException(f"Invalid trail ARN: {text}")
    kind, _, name = arn.resource.partition("/")
    if kind != "trail" and target.only_arn:
        raise ResourceTypeNotSupportedException(f"Resource type {kind} is not supported.")
    if kind != "trail" or not name:
        raise CloudTrailARNInvalidException(f"Invalid trail ARN: {text}")
    return arn.account_id, arn.region, name

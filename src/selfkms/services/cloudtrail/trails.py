"""CreateTrail, UpdateTrail, DeleteTrail, and the reads of trails.

Source: CloudTrail API Reference, "CreateTrail", "UpdateTrail", "DeleteTrail", "DescribeTrails", "GetTrail",
"ListTrails". Of the errors that AWS publishes no texts of, the texts are ours.
"""

from collections.abc import Iterable
from typing import Any, Final

from selfkms.domain.arns import ARN
from selfkms.domain.cloudtrail.errors import (
    CloudTrailARNInvalidException,
    InsufficientS3BucketPolicyException,
    InvalidParameterCombinationException,
    InvalidTokenException,
    MaximumNumberOfTrailsExceededException,
    OrganizationsNotInUseException,
    S3BucketDoesNotExistException,
    TrailAlreadyExistsException,
    UnsupportedOperationException,
)
from selfkms.domain.cloudtrail.trails import TRAILS_PER_REGION_MAX, Trail, check_bucket, check_trail_name
from selfkms.domain.errors import InternalFailure
from selfkms.ports.log_store import LogStoreDeniedError, LogStoreError, NoSuchBucketError
from selfkms.services.cloudtrail.trail_shapes import (
    CreateTrailRequest,
    DeleteTrailRequest,
    DeleteTrailResult,
    DescribeTrailsRequest,
    DescribeTrailsResult,
    GetTrailRequest,
    GetTrailResult,
    ListTrailsRequest,
    ListTrailsResult,
    TrailEntry,
    TrailListEntry,
    TrailResult,
    UpdateTrailRequest,
)
from selfkms.services.cloudtrail.trail_tags import checked_tags, tag_condition_keys
from selfkms.services.context import Context
from selfkms.services.operation import Audit, Operation, TrailNamed

_NOT_OFFERED: Final = {
    "sns_topic_name": "Notifications of Amazon SNS",
    "cloud_watch_logs_log_group_arn": "Delivery to CloudWatch Logs",
    "cloud_watch_logs_role_arn": "Delivery to CloudWatch Logs",
    "kms_key_id": "Encryption of log files with AWS KMS",
    "recursive_logging": "Recursive logging",
}
_PARAMETERS: Final = (
    "name",
    "s3_bucket_name",
    "s3_key_prefix",
    "include_global_service_events",
    "is_multi_region_trail",
    "enable_log_file_validation",
    "is_organization_trail",
)
_ANSWERS: Final = (
    "name",
    "s3_bucket_name",
    "s3_key_prefix",
    "include_global_service_events",
    "is_multi_region_trail",
    "trail_arn",
    "log_file_validation_enabled",
    "is_organization_trail",
)


def check_create_trail(request: CreateTrailRequest) -> None:
    """Refuse what no trail can be made with."""
    check_trail_name(request.name)
    check_bucket(request.s3_bucket_name, request.s3_key_prefix)
    checked_tags((), request.tags_list)
    _check_offered(request)


def check_update_trail(request: UpdateTrailRequest) -> None:
    """Refuse what no trail can be changed to."""
    if request.s3_bucket_name is not None:
        check_bucket(request.s3_bucket_name, None)
    if request.s3_key_prefix:
        check_bucket("any-bucket", request.s3_key_prefix)
    _check_offered(request)


def _check_offered(request: CreateTrailRequest | UpdateTrailRequest) -> None:
    for member, what in _NOT_OFFERED.items():
        if getattr(request, member):
            raise UnsupportedOperationException(f"{what} is not supported.")
    if request.is_organization_trail:
        raise OrganizationsNotInUseException("The account is not a member of an organization.")


def create_trail(request: CreateTrailRequest, context: Context) -> TrailResult:
    """Make a trail, which does not log yet.

    Raises:
        TrailAlreadyExistsException: there is one of that name in this Region.
        MaximumNumberOfTrailsExceededException: the Region has as many as it may.
        S3BucketDoesNotExistException, InsufficientS3BucketPolicyException: nothing can be delivered.
    """
    trails = [trail for trail in _present(context) if _shown(trail, context)]
    if context.database.trail(context.account_id, context.region, request.name) is not None:
        raise TrailAlreadyExistsException(f"Trail {request.name} already exists for customer: {context.account_id}")
    if len(trails) >= TRAILS_PER_REGION_MAX:
        raise MaximumNumberOfTrailsExceededException(
            f"User: {context.account_id} already has {len(trails)} trails in {context.region}."
        )
    trail = Trail(
        account_id=context.account_id,
        home_region=context.region,
        name=request.name,
        created_at=context.now,
        bucket=request.s3_bucket_name,
        prefix=request.s3_key_prefix or None,
        multi_region=bool(request.is_multi_region_trail),
        include_global=request.include_global_service_events is not False,
        log_file_validation=bool(request.enable_log_file_validation),
        tags=checked_tags((), request.tags_list),
    )
    _check_global(trail)
    _check_store(trail, context)
    context.put(trail)
    return _result(trail)


def update_trail(request: UpdateTrailRequest, trail: Trail, context: Context) -> TrailResult:
    """Change what the request names; what is being delivered is delivered as it was."""
    changes = {
        "bucket": request.s3_bucket_name,
        "prefix": request.s3_key_prefix,
        "multi_region": request.is_multi_region_trail,
        "include_global": request.include_global_service_events,
    }
    changed = trail.changed(**{name: value for name, value in changes.items() if value is not None})
    changed = changed.changed(prefix=changed.prefix or None)
    if request.enable_log_file_validation is not None:
        changed = changed.with_validation(enabled=request.enable_log_file_validation, at=context.now)
    _check_global(changed)
    if (changed.bucket, changed.prefix) != (trail.bucket, trail.prefix):
        _check_store(changed, context)
    context.put(changed)
    return _result(changed)


def delete_trail(_request: DeleteTrailRequest, trail: Trail, context: Context) -> DeleteTrailResult:
    """The trail is gone; what happened until now is still delivered, with a last digest. Nothing is deleted in S3."""
    context.remove(trail)
    if trail.sessions:
        last = trail.stopped(at=context.now) if trail.is_logging else trail
        context.put(last.changed(row_version=0, deletion=context.entropy.uuid()))
    return DeleteTrailResult()


def describe_trails(request: DescribeTrailsRequest, context: Context) -> DescribeTrailsResult:
    """The trails of this Region; those of other Regions that deliver its events, too, unless they are not wanted."""
    shadows = request.include_shadow_trails is not False
    trails = [trail for trail in _present(context) if _shown(trail, context)]
    trails = [trail for trail in trails if shadows or trail.home_region == context.region]
    if request.trail_name_list:
        names = {_as_arn_or_name(name) for name in request.trail_name_list}
        trails = [t for t in trails if t.arn in names or (t.home_region == context.region and t.name in names)]
    return DescribeTrailsResult(trail_list=tuple(map(_entry, trails)))


def get_trail(_request: GetTrailRequest, trail: Trail, _context: Context) -> GetTrailResult:
    """One trail."""
    return GetTrailResult(trail=_entry(trail))


def list_trails(request: ListTrailsRequest, context: Context) -> ListTrailsResult:
    """All trails of the account, of all Regions: never more than fit on a page."""
    if request.next_token is not None:
        raise InvalidTokenException("The token is not valid.")
    return ListTrailsResult(
        trails=tuple(
            TrailListEntry(trail_arn=trail.arn, name=trail.name, home_region=trail.home_region)
            for trail in _present(context)
        )
    )


def _present(context: Context) -> list[Trail]:
    """The trails of the account that were not deleted."""
    return [trail for trail in context.database.trails(context.account_id) if not trail.deletion]


def _shown(trail: Trail, context: Context) -> bool:
    return trail.multi_region or trail.home_region == context.region


def _as_arn_or_name(text: str) -> str:
    if not text.startswith("arn:"):
        check_trail_name(text)
    elif (arn := ARN.parse(text)) is None or arn.service != "cloudtrail":
        raise CloudTrailARNInvalidException(f"Invalid trail ARN: {text}")
    return text


def _check_global(trail: Trail) -> None:
    if trail.multi_region and not trail.include_global:
        raise InvalidParameterCombinationException("Multi-Region trail must include global service events.")


def _check_store(trail: Trail, context: Context) -> None:
    """Whether the trail can deliver."""
    folder = f"{trail.prefix}/" if trail.prefix else ""
    try:
        context.log_store.check(trail.bucket, f"{folder}AWSLogs/{trail.account_id}/")
    except NoSuchBucketError as error:
        raise S3BucketDoesNotExistException(f"S3 bucket {trail.bucket} does not exist!") from error
    except LogStoreDeniedError as error:
        raise InsufficientS3BucketPolicyException(
            f"Incorrect S3 bucket policy is detected for bucket: {trail.bucket}"
        ) from error
    except LogStoreError as error:
        raise InternalFailure("S3 does not answer. The request can be retried.") from error


def _result(trail: Trail) -> TrailResult:
    return TrailResult(
        name=trail.name,
        s3_bucket_name=trail.bucket,
        s3_key_prefix=trail.prefix,
        include_global_service_events=trail.include_global,
        is_multi_region_trail=trail.multi_region,
        trail_arn=trail.arn,
        log_file_validation_enabled=trail.log_file_validation,
        is_organization_trail=False,
    )


def _entry(trail: Trail) -> TrailEntry:
    return TrailEntry(
        name=trail.name,
        s3_bucket_name=trail.bucket,
        s3_key_prefix=trail.prefix,
        include_global_service_events=trail.include_global,
        is_multi_region_trail=trail.multi_region,
        home_region=trail.home_region,
        trail_arn=trail.arn,
        log_file_validation_enabled=trail.log_file_validation,
        has_custom_event_selectors=trail.has_custom_selectors,
        has_insight_selectors=False,
        is_organization_trail=False,
    )


def _tagging(request: Any) -> Iterable[str]:
    return ("cloudtrail:AddTags",) if request.tags_list else ()


OPERATIONS: Final = (
    Operation(
        "CreateTrail",
        service="cloudtrail",
        run=create_trail,
        request=CreateTrailRequest,
        check=check_create_trail,
        targets=(TrailNamed(exists=False),),
        condition_keys=tag_condition_keys,
        further_actions=lambda request: tuple(_tagging(request)),
        writes=True,
        audit=Audit(parameters=(*_PARAMETERS, "tags_list"), answers=_ANSWERS, read_only=False),
    ),
    Operation(
        "UpdateTrail",
        service="cloudtrail",
        run=update_trail,
        request=UpdateTrailRequest,
        check=check_update_trail,
        targets=(TrailNamed(at_home=True),),
        writes=True,
        audit=Audit(parameters=_PARAMETERS, answers=_ANSWERS, read_only=False),
    ),
    Operation(
        "DeleteTrail",
        service="cloudtrail",
        run=delete_trail,
        request=DeleteTrailRequest,
        targets=(TrailNamed(at_home=True),),
        writes=True,
        audit=Audit(parameters=("name",), read_only=False),
    ),
    Operation(
        "DescribeTrails",
        service="cloudtrail",
        run=describe_trails,
        request=DescribeTrailsRequest,
        audit=Audit(parameters=("trail_name_list", "include_shadow_trails")),
    ),
    Operation(
        "GetTrail",
        service="cloudtrail",
        run=get_trail,
        request=GetTrailRequest,
        targets=(TrailNamed(),),
        audit=Audit(parameters=("name",)),
    ),
    Operation("ListTrails", service="cloudtrail", run=list_trails, request=ListTrailsRequest, audit=Audit()),
)

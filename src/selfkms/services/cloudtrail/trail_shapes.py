"""What requests about trails hold, and their results.

Source: CloudTrail API Reference, "CreateTrail", "UpdateTrail", "DescribeTrails", "Trail".
"""

from selfkms.services.shapes import Shape


class TagEntry(Shape, frozen=True, kw_only=True):
    key: str
    value: str | None = None


class _Settings(Shape, frozen=True, kw_only=True):
    """What both CreateTrail and UpdateTrail take."""

    name: str
    s3_key_prefix: str | None = None
    sns_topic_name: str | None = None
    include_global_service_events: bool | None = None
    is_multi_region_trail: bool | None = None
    enable_log_file_validation: bool | None = None
    cloud_watch_logs_log_group_arn: str | None = None
    cloud_watch_logs_role_arn: str | None = None
    kms_key_id: str | None = None
    is_organization_trail: bool | None = None
    recursive_logging: bool | None = None


class CreateTrailRequest(_Settings, frozen=True, kw_only=True):
    s3_bucket_name: str
    tags_list: tuple[TagEntry, ...] = ()


class UpdateTrailRequest(_Settings, frozen=True, kw_only=True):
    s3_bucket_name: str | None = None


class TrailResult(Shape, frozen=True, kw_only=True):
    """Of CreateTrail and UpdateTrail: without the home Region."""

    name: str
    s3_bucket_name: str
    s3_key_prefix: str | None = None
    include_global_service_events: bool
    is_multi_region_trail: bool
    trail_arn: str
    log_file_validation_enabled: bool
    is_organization_trail: bool


class TrailEntry(Shape, frozen=True, kw_only=True):
    name: str
    s3_bucket_name: str
    s3_key_prefix: str | None = None
    include_global_service_events: bool
    is_multi_region_trail: bool
    home_region: str
    trail_arn: str
    log_file_validation_enabled: bool
    has_custom_event_selectors: bool
    has_insight_selectors: bool
    is_organization_trail: bool


class DeleteTrailRequest(Shape, frozen=True, kw_only=True):
    name: str


class DeleteTrailResult(Shape, frozen=True, kw_only=True):
    pass


class DescribeTrailsRequest(Shape, frozen=True, kw_only=True):
    trail_name_list: tuple[str, ...] = ()
    include_shadow_trails: bool | None = None


class DescribeTrailsResult(Shape, frozen=True, kw_only=True):
    trail_list: tuple[TrailEntry, ...]


class GetTrailRequest(Shape, frozen=True, kw_only=True):
    name: str


class GetTrailResult(Shape, frozen=True, kw_only=True):
    trail: TrailEntry


class ListTrailsRequest(Shape, frozen=True, kw_only=True):
    next_token: str | None = None


class TrailListEntry(Shape, frozen=True, kw_only=True):
    trail_arn: str
    name: str
    home_region: str


class ListTrailsResult(Shape, frozen=True, kw_only=True):
    trails: tuple[TrailListEntry, ...]

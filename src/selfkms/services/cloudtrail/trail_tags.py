"""AddTags, ListTags, RemoveTags: tags of trails.

Source: CloudTrail API Reference, "AddTags", "ListTags", "RemoveTags"; Service Authorization Reference, "AWS
CloudTrail".
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from selfkms.domain.cloudtrail.errors import InvalidTagParameterException, InvalidTokenException
from selfkms.domain.cloudtrail.errors import TagsLimitExceededException as TooManyTags
from selfkms.domain.cloudtrail.trails import TAGS_PER_TRAIL_MAX, Trail, TrailTag
from selfkms.domain.policy.facts import Fact
from selfkms.services.cloudtrail.trail_shapes import TagEntry
from selfkms.services.context import Context
from selfkms.services.operation import Audit, Operation, TrailNamed
from selfkms.services.shapes import Shape


class AddTagsRequest(Shape, frozen=True, kw_only=True):
    resource_id: str
    tags_list: tuple[TagEntry, ...]


class RemoveTagsRequest(Shape, frozen=True, kw_only=True):
    resource_id: str
    tags_list: tuple[TagEntry, ...]


class ListTagsRequest(Shape, frozen=True, kw_only=True):
    resource_id_list: tuple[str, ...]
    next_token: str | None = None


class Nothing(Shape, frozen=True, kw_only=True):
    """The result of AddTags and RemoveTags."""


class ResourceTag(Shape, frozen=True, kw_only=True):
    resource_id: str
    tags_list: tuple[TagEntry, ...]


class ListTagsResult(Shape, frozen=True, kw_only=True):
    resource_tag_list: tuple[ResourceTag, ...]


def checked_tags(present: tuple[TrailTag, ...], new: Iterable[TagEntry]) -> tuple[TrailTag, ...]:
    """The tags after AddTags: an updated one stays in its place, a new one goes to the end.

    Raises:
        InvalidTagParameterException: a reserved key, or two tags of one key.
        TagsLimitExceededException: there would be too many.
    """
    by_key = {tag.key: tag for tag in present}
    seen: set[str] = set()
    for tag in new:
        if tag.key.lower().startswith("aws:"):
            raise InvalidTagParameterException("Tag keys beginning with aws: are reserved.")
        if tag.key in seen:
            raise InvalidTagParameterException("Duplicate tag keys.")
        seen.add(tag.key)
        by_key[tag.key] = TrailTag(tag.key, tag.value)
    if len(by_key) > TAGS_PER_TRAIL_MAX:
        raise TooManyTags(f"A trail has at most {TAGS_PER_TRAIL_MAX} tags.")
    return tuple(by_key.values())


def tag_condition_keys(request: Any) -> Mapping[str, Fact]:
    """What a request that brings tags says of them."""
    tags: tuple[TagEntry, ...] = request.tags_list
    if not tags:
        return {}
    return {
        "aws:TagKeys": tuple(tag.key for tag in tags),
        **{f"aws:RequestTag/{tag.key}": tag.value or "" for tag in tags},
    }


def check_add_tags(request: AddTagsRequest) -> None:
    """Refuse tags that no trail may have."""
    checked_tags((), request.tags_list)


def check_list_tags(request: ListTagsRequest) -> None:
    """All tags of a trail fit on a page, so there is no token to come with."""
    if request.next_token is not None:
        raise InvalidTokenException("The token is not valid.")


def add_tags(request: AddTagsRequest, trail: Trail, context: Context) -> Nothing:
    """Add tags, or give those that are there other values."""
    context.put(trail.changed(tags=checked_tags(trail.tags, request.tags_list)))
    return Nothing()


def remove_tags(request: RemoveTagsRequest, trail: Trail, context: Context) -> Nothing:
    """Take tags away by their keys, whatever values the request names."""
    gone = {tag.key for tag in request.tags_list}
    context.put(trail.changed(tags=tuple(tag for tag in trail.tags if tag.key not in gone)))
    return Nothing()


def list_tags(_request: ListTagsRequest, trails: tuple[Trail, ...], _context: Context) -> ListTagsResult:
    """The tags of some trails."""
    return ListTagsResult(
        resource_tag_list=tuple(
            ResourceTag(
                resource_id=trail.arn,
                tags_list=tuple(TagEntry(key=tag.key, value=tag.value) for tag in trail.tags),
            )
            for trail in trails
        )
    )


OPERATIONS: Final = (
    Operation(
        "AddTags",
        service="cloudtrail",
        run=add_tags,
        request=AddTagsRequest,
        check=check_add_tags,
        targets=(TrailNamed("resource_id", at_home=True, only_arn=True),),
        condition_keys=tag_condition_keys,
        writes=True,
        audit=Audit(parameters=("resource_id", "tags_list"), read_only=False),
    ),
    Operation(
        "RemoveTags",
        service="cloudtrail",
        run=remove_tags,
        request=RemoveTagsRequest,
        targets=(TrailNamed("resource_id", at_home=True, only_arn=True),),
        condition_keys=lambda request: {"aws:TagKeys": tuple(tag.key for tag in request.tags_list)},
        writes=True,
        audit=Audit(parameters=("resource_id", "tags_list"), read_only=False),
    ),
    Operation(
        "ListTags",
        service="cloudtrail",
        run=list_tags,
        request=ListTagsRequest,
        check=check_list_tags,
        targets=(TrailNamed("resource_id_list", only_arn=True, several=True),),
        audit=Audit(parameters=("resource_id_list",)),
    ),
)

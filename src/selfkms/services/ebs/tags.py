"""CreateTags, DeleteTags, DescribeTags, for snapshots and volumes: nothing else has tags here.

Source: Amazon EC2 API Reference, "CreateTags", "DeleteTags", "DescribeTags"; Service Authorization Reference, "Amazon
EC2".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final, NamedTuple

from selfkms.domain.ebs.errors import InvalidParameterValue, MissingParameter
from selfkms.domain.ebs.storage import Snapshot, Volume
from selfkms.domain.ebs.tags import check_new_tags, with_tags
from selfkms.domain.policy.facts import Fact
from selfkms.domain.tags import Tag
from selfkms.services.context import Context
from selfkms.services.ebs.audit_forms import Parameters, filter_set, items, results_shown, tag_set
from selfkms.services.ebs.descriptions import reading_snapshots, reading_volumes
from selfkms.services.ebs.filters import Filter, Texts, wanted
from selfkms.services.ebs.paging import Paged, check_paged, page
from selfkms.services.ebs.shapes import EC2Tag, of_tags, tags_of
from selfkms.services.markers import Read, each
from selfkms.services.operation import Audit, Operation, StorageTagged
from selfkms.services.shapes import Shape

_RESOURCES_MAX: Final = 1_000
_TAGS_MAX: Final = 1_000
"""Of DeleteTags."""


class CreateTagsRequest(Shape, frozen=True, kw_only=True):
    dry_run: bool = False
    resources: tuple[str, ...]
    tags: tuple[EC2Tag, ...]


class DeleteTagsRequest(Shape, frozen=True, kw_only=True):
    dry_run: bool = False
    resources: tuple[str, ...]
    tags: tuple[EC2Tag, ...] = ()


class DescribeTagsRequest(Paged, frozen=True, kw_only=True):
    dry_run: bool = False
    filters: tuple[Filter, ...] = ()


class TagDescription(Shape, frozen=True, kw_only=True):
    key: str
    resource_id: str
    resource_type: str
    value: str


class DescribeTagsResult(Shape, frozen=True, kw_only=True):
    next_token: str | None = None
    tags: tuple[TagDescription, ...]


def check_create_tags(request: CreateTagsRequest) -> None:
    """Refuse tags that nothing may have."""
    _check_resources(request.resources)
    if not request.tags:
        raise MissingParameter("The request must contain the parameter tagSet")
    check_new_tags(tags_of(request.tags))


def check_delete_tags(request: DeleteTagsRequest) -> None:
    """Refuse more than may be named at once."""
    _check_resources(request.resources)
    if len(request.tags) > _TAGS_MAX:
        raise InvalidParameterValue(f"A request may name at most {_TAGS_MAX} tags.")


def check_describe_tags(request: DescribeTagsRequest) -> None:
    """Refuse pages that are too small."""
    check_paged(request, (), "")


def _check_resources(resources: Sequence[str]) -> None:
    if not resources:
        raise MissingParameter("The request must contain the parameter resourceIdSet")
    if len(resources) > _RESOURCES_MAX:
        raise InvalidParameterValue(f"A request may name at most {_RESOURCES_MAX} resources.")


def create_tags(request: CreateTagsRequest, tagged: tuple[Snapshot | Volume, ...], context: Context) -> None:
    """Add tags, or give those that are there other values.

    Raises:
        TagLimitExceeded: one of the resources would have more than 50.
    """
    new = tags_of(request.tags)
    for one in tagged:
        context.put(one.changed(tags=with_tags(one.tags, new)))


def delete_tags(request: DeleteTagsRequest, tagged: tuple[Snapshot | Volume, ...], context: Context) -> None:
    """Take tags away by their keys, by key and value where the request has one, and all if it names none."""
    gone = [(tag.key, tag.value) for tag in request.tags]
    for one in tagged:
        left = tuple(tag for tag in one.tags if gone and not _is_gone(tag, gone))
        if left != one.tags:
            context.put(one.changed(tags=left))


def _is_gone(tag: Tag, gone: Sequence[tuple[str, str | None]]) -> bool:
    return (tag.tag_key, None) in gone or (tag.tag_key, tag.tag_value) in gone


class _Described(NamedTuple):
    """A tag, and what has it."""

    resource: Snapshot | Volume
    tag: Tag

    @property
    def resource_type(self) -> str:
        return "snapshot" if isinstance(self.resource, Snapshot) else "volume"


def describe_tags(request: DescribeTagsRequest, context: Context) -> DescribeTagsResult:
    """The tags of all snapshots and volumes of the caller's account."""
    found, token = page(
        context,
        "DescribeTags",
        request,
        read=_reading(wanted(request.filters, _FILTERS, tags=lambda one: (one.tag,)), context),
        position=lambda one: _position(one, context),
    )
    return DescribeTagsResult(
        tags=tuple(
            TagDescription(
                key=one.tag.tag_key,
                resource_id=one.resource.resource_id,
                resource_type=one.resource_type,
                value=one.tag.tag_value,
            )
            for one in found
        ),
        next_token=token,
    )


def _reading(matches: Callable[[_Described], bool], context: Context) -> Read[_Described]:
    def read(after: str, count: int) -> Sequence[_Described]:
        return list(islice(filter(matches, _behind(after, context)), count))

    return read


def _behind(after: str, context: Context) -> Iterator[_Described]:
    """All tags behind a position. If its tag was taken away, those of the same resource come once more."""
    last, _, _ = after.partition(" ")
    for resource in _resources_from(last, context):
        described = [_Described(resource, tag) for tag in resource.tags]
        positions = [_position(one, context) for one in described] if resource.resource_id == last else []
        yield from described[positions.index(after) + 1 :] if after in positions else described


def _resources_from(last: str, context: Context) -> Iterator[Snapshot | Volume]:
    """The resource with this ID and all that follow. The IDs of all snapshots come before those of all volumes."""
    place = (context.account_id, context.region)
    present = context.database.snapshot(*place, last) or context.database.volume(*place, last)
    snapshots = each(reading_snapshots(context), position=lambda one: one.snapshot_id, after=last)
    volumes = each(reading_volumes(context), position=lambda one: one.volume_id, after=last)
    return chain(() if present is None else (present,), snapshots, volumes)


def _position(one: _Described, context: Context) -> str:
    # A tag key may be too long for a token, in which it would be readable besides.
    return f"{one.resource.resource_id} {context.keys.tag('EC2 tag key', one.tag.tag_key.encode()).hex()}"


_FILTERS: Final[Mapping[str, Texts[_Described]]] = {
    "key": lambda one: (one.tag.tag_key,),
    "resource-id": lambda one: (one.resource.resource_id,),
    "resource-type": lambda one: (one.resource_type,),
    "value": lambda one: (one.tag.tag_value,),
}


def _create_condition_keys(request: CreateTagsRequest) -> Mapping[str, Fact]:
    return of_tags(tags_of(request.tags))


def _delete_condition_keys(request: DeleteTagsRequest) -> Mapping[str, Fact]:
    """A tag that is named without a value has none to compare."""
    keys = of_tags(tags_of(request.tags))
    for tag in request.tags:
        if tag.value is None:
            keys.pop(f"aws:RequestTag/{tag.key}", None)
    return keys


def _tagging_shown(parameters: Parameters) -> dict[str, Any]:
    return {
        "resourcesSet": items("resourceId", parameters.get("resources")),
        "tagSet": tag_set(parameters.get("tags")),
    }


OPERATIONS: Final = (
    Operation(
        "CreateTags",
        service="ec2",
        run=create_tags,
        request=CreateTagsRequest,
        check=check_create_tags,
        targets=(StorageTagged(),),
        condition_keys=_create_condition_keys,
        writes=True,
        dry_run_asks=True,
        audit=Audit(parameters=("resources", "tags"), shown=_tagging_shown, read_only=False),
    ),
    Operation(
        "DeleteTags",
        service="ec2",
        run=delete_tags,
        request=DeleteTagsRequest,
        check=check_delete_tags,
        targets=(StorageTagged(),),
        condition_keys=_delete_condition_keys,
        writes=True,
        dry_run_asks=True,
        audit=Audit(parameters=("resources", "tags"), shown=_tagging_shown, read_only=False),
    ),
    Operation(
        "DescribeTags",
        service="ec2",
        run=describe_tags,
        request=DescribeTagsRequest,
        check=check_describe_tags,
        slow=True,
        dry_run_asks=True,
        audit=Audit(
            parameters=("max_results", "filters"),
            shown=lambda parameters: {**results_shown(parameters), "filterSet": filter_set(parameters)},
        ),
    ),
)

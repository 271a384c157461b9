"""TagResource, UntagResource, ListResourceTags.

Source: AWS KMS API Reference, the operations of these names.
"""

from typing import Final

from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.limits import LIST_RESOURCE_TAGS
from selfkms.domain.tags import Tag, check_new_tags, with_tags, without_tags
from selfkms.services.context import Context
from selfkms.services.kms.condition_keys import of_tag_keys, of_tagging
from selfkms.services.kms.paging import Page, Paged, page
from selfkms.services.markers import following
from selfkms.services.operation import Audit, KeyNamed, Operation
from selfkms.services.shapes import Shape


class TagResourceRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    tags: tuple[Tag, ...]


class UntagResourceRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    tag_keys: tuple[str, ...]


class ListResourceTagsRequest(Paged, frozen=True, kw_only=True):
    key_id: str


class ListResourceTagsResult(Page, frozen=True, kw_only=True):
    tags: tuple[Tag, ...]


def check_tag_resource(request: TagResourceRequest) -> None:
    """Refuse reserved and doubled tag keys."""
    check_new_tags(request.tags)


def tag_resource(request: TagResourceRequest, key: KMSKey, context: Context) -> None:
    """Add tags to a KMS key, or give the ones it has a new value.

    Raises:
        TagException: the key would have more than 50 tags.
    """
    context.put(key.changed(tags=with_tags(key.tags, request.tags)))


def untag_resource(request: UntagResourceRequest, key: KMSKey, context: Context) -> None:
    """Remove tags by their keys; a key that is not there is no error."""
    context.put(key.changed(tags=without_tags(key.tags, request.tag_keys)))


def list_resource_tags(request: ListResourceTagsRequest, key: KMSKey, context: Context) -> ListResourceTagsResult:
    """The tags of a KMS key, in the order in which they were added."""
    tags, marker = page(
        context,
        f"ListResourceTags {key.key_id}",
        request,
        LIST_RESOURCE_TAGS,
        read=following(key.tags, position=_tag_key),
        position=_tag_key,
    )
    return ListResourceTagsResult(tags=tuple(tags), next_marker=marker, truncated=marker is not None)


def _tag_key(tag: Tag) -> str:
    return tag.tag_key


_KEY: Final = (KeyNamed(),)

OPERATIONS: Final = (
    Operation(
        "TagResource",
        run=tag_resource,
        request=TagResourceRequest,
        condition_keys=of_tagging,
        check=check_tag_resource,
        targets=_KEY,
        writes=True,
        audit=Audit(parameters=("key_id", "tags"), answers=("key_id",), read_only=False),
    ),
    Operation(
        "UntagResource",
        run=untag_resource,
        request=UntagResourceRequest,
        condition_keys=of_tag_keys,
        targets=_KEY,
        writes=True,
        audit=Audit(parameters=("key_id", "tag_keys"), answers=("key_id",), read_only=False),
    ),
    Operation(
        "ListResourceTags",
        run=list_resource_tags,
        request=ListResourceTagsRequest,
        targets=_KEY,
        audit=Audit(parameters=("key_id", "limit", "marker")),
    ),
)

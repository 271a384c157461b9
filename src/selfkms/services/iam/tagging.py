"""Tags as IAM's requests and answers have them, for users, roles, managed policies and identity providers.

Source: IAM API Reference, "Tag", "TagUser", "ListUserTags"; Service Authorization Reference, "AWS Identity and Access
Management"; IAM User Guide, "Tags for AWS Identity and Access Management resources".
"""

from collections.abc import Iterable, Mapping
from typing import Any

from selfkms.domain.iam.tags import check_new_tags
from selfkms.domain.policy.facts import Fact
from selfkms.domain.tags import Tag
from selfkms.services.context import Context
from selfkms.services.iam.paging import Page, Paged, page
from selfkms.services.markers import following
from selfkms.services.shapes import Shape


class TagEntry(Shape, frozen=True, kw_only=True):
    """A tag on IAM's wire."""

    key: str
    value: str


class ListTagsResult(Page, frozen=True, kw_only=True):
    """ListUserTags, ListRoleTags and their like."""

    tags: tuple[TagEntry, ...]


def tags_of(entries: Iterable[TagEntry]) -> tuple[Tag, ...]:
    """The tags that a request brings."""
    return tuple(Tag(tag_key=entry.key, tag_value=entry.value) for entry in entries)


def tag_entries(tags: Iterable[Tag]) -> tuple[TagEntry, ...]:
    """Tags for an answer."""
    return tuple(TagEntry(key=tag.tag_key, value=tag.tag_value) for tag in tags)


def check_tags(request: Any) -> None:
    """Refuse reserved and doubled tag keys in the member `tags`.

    Raises:
        InvalidInputException: see `domain.iam.tags.check_new_tags`.
    """
    check_new_tags(tags_of(request.tags))


def list_tags(context: Context, listing: str, request: Paged, tags: tuple[Tag, ...]) -> ListTagsResult:
    """One page of an entity's tags, sorted by their keys; `listing` is the operation and what it is about."""
    listed, marker = page(
        context,
        listing,
        request,
        read=following(tags, position=lambda tag: _position(context, tag)),
        position=lambda tag: _position(context, tag),
    )
    return ListTagsResult(tags=tag_entries(listed), is_truncated=marker is not None, marker=marker)


def of_tagging(request: Any) -> Mapping[str, Fact]:
    """Condition keys of what brings tags: each by its key, and all keys."""
    keys: dict[str, Fact] = {f"aws:RequestTag/{entry.key}": entry.value for entry in request.tags}
    if request.tags:
        keys["aws:TagKeys"] = tuple(entry.key for entry in request.tags)
    return keys


def of_untagging(request: Any) -> Mapping[str, Fact]:
    """Condition keys of UntagUser and its like."""
    return {"aws:TagKeys": tuple(request.tag_keys)}


def _position(context: Context, tag: Tag) -> str:
    # A tag key may be too long for a marker, in which it would be readable besides.
    return context.keys.tag("tag key", tag.tag_key.encode()).hex()

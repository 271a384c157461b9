"""TagUser, UntagUser, ListUserTags.

Source: IAM API Reference, the operations of these names.
"""

from typing import Final

from selfkms.domain.iam.principals import User
from selfkms.domain.iam.tags import with_tags, without_tags
from selfkms.services.context import Context
from selfkms.services.iam.paging import Paged
from selfkms.services.iam.tagging import (
    ListTagsResult,
    TagEntry,
    check_tags,
    list_tags,
    of_tagging,
    of_untagging,
    tags_of,
)
from selfkms.services.iam.users import USER_NAMED
from selfkms.services.operation import Audit, Operation
from selfkms.services.shapes import Shape


class TagUserRequest(Shape, frozen=True, kw_only=True):
    user_name: str
    tags: tuple[TagEntry, ...]


class UntagUserRequest(Shape, frozen=True, kw_only=True):
    user_name: str
    tag_keys: tuple[str, ...]


class ListUserTagsRequest(Paged, frozen=True, kw_only=True):
    user_name: str


def tag_user(request: TagUserRequest, user: User, context: Context) -> None:
    """Add tags to a user, or give the ones it has a new value.

    Raises:
        LimitExceededException: the user would have more than 50.
    """
    context.put(user.changed(tags=with_tags(user.tags, tags_of(request.tags))))


def untag_user(request: UntagUserRequest, user: User, context: Context) -> None:
    """Remove tags by their keys; a key that is not there is no error."""
    context.put(user.changed(tags=without_tags(user.tags, request.tag_keys)))


def list_user_tags(request: ListUserTagsRequest, user: User, context: Context) -> ListTagsResult:
    """The tags of a user, sorted by their keys."""
    return list_tags(context, f"ListUserTags {user.user_id}", request, user.tags)


OPERATIONS: Final = (
    Operation(
        "TagUser",
        service="iam",
        run=tag_user,
        request=TagUserRequest,
        check=check_tags,
        targets=(USER_NAMED,),
        condition_keys=of_tagging,
        writes=True,
        audit=Audit(parameters=("user_name", "tags"), read_only=False),
    ),
    Operation(
        "UntagUser",
        service="iam",
        run=untag_user,
        request=UntagUserRequest,
        targets=(USER_NAMED,),
        condition_keys=of_untagging,
        writes=True,
        audit=Audit(parameters=("user_name", "tag_keys"), read_only=False),
    ),
    Operation(
        "ListUserTags",
        service="iam",
        run=list_user_tags,
        request=ListUserTagsRequest,
        targets=(USER_NAMED,),
        audit=Audit(parameters=("user_name", "marker", "max_items")),
    ),
)

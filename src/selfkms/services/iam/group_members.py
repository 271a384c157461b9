"""AddUserToGroup, RemoveUserFromGroup, ListGroupsForUser: who is in a group stands in the users.

Source: IAM API Reference, the operations of these names; Service Authorization Reference, "AWS Identity and Access
Management": membership is a matter of the group alone, no permission on the user is asked for.
"""

from collections.abc import Iterator
from typing import Final

from selfkms.domain.iam.errors import LimitExceededException
from selfkms.domain.iam.limits import GROUPS_PER_USER_MAX
from selfkms.domain.iam.principals import Group, User
from selfkms.services.context import Context
from selfkms.services.iam.paging import Page, Paged, page
from selfkms.services.iam.shapes import GroupEntry, group_entry
from selfkms.services.iam.users import USER_NAMED, existing_user, position_of_user, reading_users
from selfkms.services.markers import Read, each, following, only
from selfkms.services.operation import Audit, Entity, EntityNamed, Operation
from selfkms.services.shapes import Shape


class MembershipRequest(Shape, frozen=True, kw_only=True):
    """AddUserToGroup and RemoveUserFromGroup."""

    group_name: str
    user_name: str


class ListGroupsForUserRequest(Paged, frozen=True, kw_only=True):
    user_name: str


class ListGroupsForUserResult(Page, frozen=True, kw_only=True):
    groups: tuple[GroupEntry, ...]


def add_user_to_group(request: MembershipRequest, group: Group, context: Context) -> None:
    """Let a user have what the policies of a group give. A user who is in it already stays in it.

    Raises:
        NoSuchEntityException: there is no such user.
        LimitExceededException: the user is in ten groups.
    """
    user = existing_user(request.user_name, context)
    if group.group_name in user.group_names:
        return
    if len(user.group_names) >= GROUPS_PER_USER_MAX:
        raise LimitExceededException(f"Cannot exceed quota for GroupsPerUser: {GROUPS_PER_USER_MAX}")
    # The group is raised, too: it must not be deleted or renamed at the same moment.
    context.put(group)
    context.put(user.changed(group_names=(*user.group_names, group.group_name)))


def remove_user_from_group(request: MembershipRequest, group: Group, context: Context) -> None:
    """Take a user out of a group. One who is not in it is no error.

    Raises:
        NoSuchEntityException: there is no such user.
    """
    user = existing_user(request.user_name, context)
    if group.group_name in user.group_names:
        names = tuple(name for name in user.group_names if name != group.group_name)
        context.put(user.changed(group_names=names))


def list_groups_for_user(request: ListGroupsForUserRequest, user: User, context: Context) -> ListGroupsForUserResult:
    """The groups that a user is in, in the order of their names."""
    found = (context.database.group(user.account_id, name) for name in sorted(user.group_names, key=str.lower))
    groups, marker = page(
        context,
        f"ListGroupsForUser {user.user_id}",
        request,
        read=following([group for group in found if group is not None], position=_position),
        position=_position,
    )
    return ListGroupsForUserResult(
        groups=tuple(group_entry(group) for group in groups), is_truncated=marker is not None, marker=marker
    )


def reading_members(group: Group, context: Context) -> Read[User]:
    """The reading of the users who are in a group: all users are looked through."""
    return only(reading_users(context), lambda user: group.group_name in user.group_names, position=position_of_user)


def members(group: Group, context: Context) -> Iterator[User]:
    """All users who are in a group."""
    users = each(reading_users(context), position=position_of_user)
    return (user for user in users if group.group_name in user.group_names)


def _position(group: Group) -> str:
    return group.group_name.lower()


_GROUP: Final = (EntityNamed(Entity.GROUP, "group_name"),)

OPERATIONS: Final = (
    Operation(
        "AddUserToGroup",
        service="iam",
        run=add_user_to_group,
        request=MembershipRequest,
        targets=_GROUP,
        writes=True,
        audit=Audit(parameters=("group_name", "user_name"), read_only=False),
    ),
    Operation(
        "RemoveUserFromGroup",
        service="iam",
        run=remove_user_from_group,
        request=MembershipRequest,
        targets=_GROUP,
        writes=True,
        audit=Audit(parameters=("group_name", "user_name"), read_only=False),
    ),
    Operation(
        "ListGroupsForUser",
        service="iam",
        run=list_groups_for_user,
        request=ListGroupsForUserRequest,
        targets=(USER_NAMED,),
        audit=Audit(parameters=("user_name", "marker", "max_items")),
    ),
)

"""CreateGroup, GetGroup, UpdateGroup, DeleteGroup, ListGroups.

Source: IAM API Reference, the operations of these names; IAM User Guide, "IAM user groups", "Rename an IAM user group".
"""

from typing import Final

from selfkms.domain.iam.errors import (
    DeleteConflictException,
    EntityAlreadyExistsException,
    LimitExceededException,
)
from selfkms.domain.iam.limits import GROUPS_PER_ACCOUNT_MAX
from selfkms.domain.iam.principals import Group
from selfkms.services.context import Context
from selfkms.services.iam.group_members import members, reading_members
from selfkms.services.iam.paging import Page, Paged, page
from selfkms.services.iam.shapes import GroupEntry, UserEntry, group_entry, user_entry
from selfkms.services.iam.unique_ids import IDPrefix, unique_id
from selfkms.services.iam.users import position_of_user
from selfkms.services.markers import Read, each, only
from selfkms.services.operation import Audit, Entity, EntityMoved, EntityNamed, NewEntity, Operation
from selfkms.services.shapes import Shape


class CreateGroupRequest(Shape, frozen=True, kw_only=True):
    path: str = "/"
    group_name: str


class GetGroupRequest(Paged, frozen=True, kw_only=True):
    group_name: str


class UpdateGroupRequest(Shape, frozen=True, kw_only=True):
    group_name: str
    new_path: str | None = None
    new_group_name: str | None = None


class DeleteGroupRequest(Shape, frozen=True, kw_only=True):
    group_name: str


class ListGroupsRequest(Paged, frozen=True, kw_only=True):
    path_prefix: str = "/"


class CreateGroupResult(Shape, frozen=True, kw_only=True):
    group: GroupEntry


class GetGroupResult(Page, frozen=True, kw_only=True):
    group: GroupEntry
    users: tuple[UserEntry, ...]


class ListGroupsResult(Page, frozen=True, kw_only=True):
    groups: tuple[GroupEntry, ...]


def create_group(request: CreateGroupRequest, context: Context) -> CreateGroupResult:
    """Make a group that nobody is in.

    Raises:
        EntityAlreadyExistsException: the name is taken, case aside.
        LimitExceededException: the account has 300 groups.
    """
    _check_name_free(request.group_name, context)
    if sum(1 for _ in each(reading_groups(context), position=position_of_group)) >= GROUPS_PER_ACCOUNT_MAX:
        raise LimitExceededException(f"Cannot exceed quota for GroupsPerAccount: {GROUPS_PER_ACCOUNT_MAX}")
    group = Group(
        account_id=context.account_id,
        group_name=request.group_name,
        group_id=unique_id(IDPrefix.GROUP, context.entropy),
        created_at=context.now,
        path=request.path,
    )
    context.put(group)
    return CreateGroupResult(group=group_entry(group))


def get_group(request: GetGroupRequest, group: Group, context: Context) -> GetGroupResult:
    """A group and who is in it, in the order of their names."""
    users, marker = page(
        context,
        f"GetGroup {group.group_id}",
        request,
        read=reading_members(group, context),
        position=position_of_user,
    )
    return GetGroupResult(
        group=group_entry(group),
        users=tuple(user_entry(user) for user in users),
        is_truncated=marker is not None,
        marker=marker,
    )


def update_group(request: UpdateGroupRequest, group: Group, context: Context) -> None:
    """Give a group another name or path. Unique ID, members and policies stay.

    Each member names the group, so all of them are written anew in the same transaction; a user who comes or goes
    meanwhile changes the group or is changed here, too, and the request is decided again.

    Raises:
        EntityAlreadyExistsException: the new name is taken.
    """
    renamed = group.changed(
        group_name=request.new_group_name or group.group_name,
        path=request.new_path or group.path,
    )
    if renamed.primary_key() == group.primary_key():
        context.put(renamed)
    else:
        _check_name_free(renamed.group_name, context)
        context.remove(group)
        context.put(renamed.changed(row_version=0))
    if renamed.group_name != group.group_name:
        for user in members(group, context):
            names = tuple(renamed.group_name if name == group.group_name else name for name in user.group_names)
            context.put(user.changed(group_names=names))


def delete_group(_request: DeleteGroupRequest, group: Group, context: Context) -> None:
    """Delete a group that is empty and has no policies. Whoever joins it changes its record, and so is not lost.

    Raises:
        DeleteConflictException: somebody is in it, or it has policies.
    """
    if next(members(group, context), None) is not None:
        raise DeleteConflictException("Cannot delete entity, must remove users from group first.")
    if group.inline_policies:
        raise DeleteConflictException("Cannot delete entity, must delete policies first.")
    if group.attached_policy_arns:
        raise DeleteConflictException("Cannot delete entity, must detach all policies first.")
    context.remove(group)


def list_groups(request: ListGroupsRequest, context: Context) -> ListGroupsResult:
    """Groups whose paths begin with a prefix, in the order of their names."""
    read = reading_groups(context)
    if request.path_prefix != "/":
        read = only(read, lambda group: group.path.startswith(request.path_prefix), position=position_of_group)
    groups, marker = page(context, f"ListGroups {request.path_prefix}", request, read=read, position=position_of_group)
    return ListGroupsResult(
        groups=tuple(group_entry(group) for group in groups), is_truncated=marker is not None, marker=marker
    )


def reading_groups(context: Context) -> Read[Group]:
    """The reading of all groups of the caller's account."""
    return lambda after, count: context.database.groups(context.account_id, after=after, limit=count)


def position_of_group(group: Group) -> str:
    """Where a group stands in listings."""
    return group.group_name.lower()


def _check_name_free(group_name: str, context: Context) -> None:
    if context.database.group(context.account_id, group_name) is not None:
        raise EntityAlreadyExistsException(f"Group with name {group_name} already exists.")


GROUP_NAMED: Final = EntityNamed(Entity.GROUP, "group_name")

OPERATIONS: Final = (
    Operation(
        "CreateGroup",
        service="iam",
        run=create_group,
        request=CreateGroupRequest,
        targets=(NewEntity(Entity.GROUP, "group_name"),),
        writes=True,
        audit=Audit(parameters=("path", "group_name"), answers=("group",), read_only=False),
    ),
    Operation(
        "GetGroup",
        service="iam",
        run=get_group,
        request=GetGroupRequest,
        targets=(GROUP_NAMED,),
        slow=True,
        audit=Audit(parameters=("group_name", "marker", "max_items")),
    ),
    Operation(
        "UpdateGroup",
        service="iam",
        run=update_group,
        request=UpdateGroupRequest,
        targets=(EntityMoved(Entity.GROUP, member="group_name", new_member="new_group_name"),),
        writes=True,
        audit=Audit(parameters=("group_name", "new_path", "new_group_name"), read_only=False),
    ),
    Operation(
        "DeleteGroup",
        service="iam",
        run=delete_group,
        request=DeleteGroupRequest,
        targets=(GROUP_NAMED,),
        writes=True,
        audit=Audit(parameters=("group_name",), read_only=False),
    ),
    Operation(
        "ListGroups",
        service="iam",
        run=list_groups,
        request=ListGroupsRequest,
        slow=True,
        audit=Audit(parameters=("path_prefix", "marker", "max_items")),
    ),
)

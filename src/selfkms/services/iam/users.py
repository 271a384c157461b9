"""CreateUser, GetUser, UpdateUser, DeleteUser, ListUsers.

Source: IAM API Reference, the operations of these names; IAM User Guide, "IAM users", "Rename an IAM user".
"""

from typing import Final

from selfkms.domain.arns import root_arn
from selfkms.domain.errors import ValidationError
from selfkms.domain.iam.callers import CallerKind
from selfkms.domain.iam.errors import (
    DeleteConflictException,
    EntityAlreadyExistsException,
    LimitExceededException,
    NoSuchEntityException,
)
from selfkms.domain.iam.limits import USERS_PER_ACCOUNT_MAX
from selfkms.domain.iam.principals import User
from selfkms.domain.iam.tags import with_tags
from selfkms.domain.policy.facts import Fact
from selfkms.services.context import Context
from selfkms.services.iam.boundaries import boundary_dropped, boundary_put
from selfkms.services.iam.paging import Page, Paged, page
from selfkms.services.iam.shapes import UserEntry, user_entry, whole_user_entry
from selfkms.services.iam.tagging import TagEntry, check_tags, of_tagging, tags_of
from selfkms.services.iam.unique_ids import IDPrefix, unique_id
from selfkms.services.markers import Read, each, only
from selfkms.services.operation import Audit, Entity, EntityMoved, EntityNamed, NewEntity, Operation
from selfkms.services.shapes import Shape

USER_NAME_NEEDED: Final = "Must specify userName when calling with non-User credentials"


class CreateUserRequest(Shape, frozen=True, kw_only=True):
    path: str = "/"
    user_name: str
    permissions_boundary: str | None = None
    tags: tuple[TagEntry, ...] = ()


class GetUserRequest(Shape, frozen=True, kw_only=True):
    user_name: str | None = None


class UpdateUserRequest(Shape, frozen=True, kw_only=True):
    user_name: str
    new_path: str | None = None
    new_user_name: str | None = None


class DeleteUserRequest(Shape, frozen=True, kw_only=True):
    user_name: str


class ListUsersRequest(Paged, frozen=True, kw_only=True):
    path_prefix: str = "/"


class UserResult(Shape, frozen=True, kw_only=True):
    """CreateUser and GetUser."""

    user: UserEntry


class ListUsersResult(Page, frozen=True, kw_only=True):
    users: tuple[UserEntry, ...]


def create_user(request: CreateUserRequest, context: Context) -> UserResult:
    """Make a user who may do nothing yet.

    Raises:
        EntityAlreadyExistsException: the name is taken, case aside.
        LimitExceededException: the account has 5,000 users.
        NoSuchEntityException: there is no managed policy of the ARN that is to be the permissions boundary.
    """
    check_user_name_free(request.user_name, context)
    if sum(1 for _ in each(reading_users(context), position=position_of_user)) >= USERS_PER_ACCOUNT_MAX:
        raise LimitExceededException(f"Cannot exceed quota for UsersPerAccount: {USERS_PER_ACCOUNT_MAX}")
    user = User(
        account_id=context.account_id,
        user_name=request.user_name,
        user_id=unique_id(IDPrefix.USER, context.entropy),
        created_at=context.now,
        path=request.path,
        permissions_boundary=request.permissions_boundary,
        tags=with_tags((), tags_of(request.tags)),
    )
    if request.permissions_boundary is not None:
        boundary_put(context, request.permissions_boundary)
    context.put(user)
    return UserResult(user=whole_user_entry(user))


def get_user(request: GetUserRequest, user: User | None, context: Context) -> UserResult:
    """A user; without a name the caller, who may be the root user."""
    user = subject(request.user_name, user, context)
    if user is not None:
        return UserResult(user=whole_user_entry(user))
    account = context.database.account(context.account_id)
    assert account is not None, "a caller has an account"
    return UserResult(
        user=UserEntry(user_id=account.account_id, arn=root_arn(account.account_id), create_date=account.created_at)
    )


def update_user(request: UpdateUserRequest, user: User, context: Context) -> None:
    """Give a user another name or path. It stays the same user: unique ID, groups, policies and access keys go along.

    Raises:
        EntityAlreadyExistsException: the new name is taken.
    """
    renamed = user.changed(
        user_name=request.new_user_name or user.user_name,
        path=request.new_path or user.path,
    )
    if renamed.primary_key() == user.primary_key():
        context.put(renamed)
    else:
        check_user_name_free(renamed.user_name, context)
        context.remove(user)
        context.put(renamed.changed(row_version=0))
    if renamed.user_name != user.user_name:
        for key in context.database.access_keys(user.account_id, user.user_name):
            context.put(key.changed(user_name=renamed.user_name))


def delete_user(_request: DeleteUserRequest, user: User, context: Context) -> None:
    """Delete a user to whom nothing belongs any more.

    Whatever comes to belong to a user changes its record, too: it cannot be lost with a user who is deleted meanwhile.

    Raises:
        DeleteConflictException: it has access keys or policies, or is in a group.
    """
    if context.database.access_keys(user.account_id, user.user_name):
        raise DeleteConflictException("Cannot delete entity, must delete access keys first.")
    if user.inline_policies:
        raise DeleteConflictException("Cannot delete entity, must delete policies first.")
    if user.attached_policy_arns:
        raise DeleteConflictException("Cannot delete entity, must detach all policies first.")
    if user.group_names:
        raise DeleteConflictException("Cannot delete entity, must remove users from group first.")
    if user.permissions_boundary is not None:
        boundary_dropped(context, user.permissions_boundary)
    context.remove(user)


def list_users(request: ListUsersRequest, context: Context) -> ListUsersResult:
    """Users whose paths begin with a prefix, in the order of their names; without boundaries and tags, as on AWS."""
    read = reading_users(context)
    if request.path_prefix != "/":
        read = only(read, lambda user: user.path.startswith(request.path_prefix), position=position_of_user)
    users, marker = page(context, f"ListUsers {request.path_prefix}", request, read=read, position=position_of_user)
    return ListUsersResult(
        users=tuple(user_entry(user) for user in users), is_truncated=marker is not None, marker=marker
    )


def subject(user_name: str | None, user: User | None, context: Context) -> User | None:
    """Whom a request is about that may leave out its `user_name`: that user, else the caller; None is the root user.

    Args:
        user_name: as the request has it.
        user: what its target gave.

    Raises:
        ValidationError: the caller is no user.
        NoSuchEntityException: the caller was deleted meanwhile.
    """
    if user_name is not None:
        return user
    caller = context.caller
    if caller.kind is CallerKind.ROOT:
        return None
    if caller.user_name is None:
        raise ValidationError(USER_NAME_NEEDED)
    # Read anew: the record that the signature was checked with may be older than this attempt to decide.
    return existing_user(caller.user_name, context)


def existing_user(user_name: str, context: Context) -> User:
    """The user of exactly this name in the caller's account.

    Raises:
        NoSuchEntityException: there is none.
    """
    user = context.database.user(context.account_id, user_name)
    if user is None or user.user_name != user_name:
        raise NoSuchEntityException(f"The user with name {user_name} cannot be found.")
    return user


def check_user_name_free(user_name: str, context: Context) -> None:
    """Refuse a name that a user has, case aside.

    Raises:
        EntityAlreadyExistsException: it is taken.
    """
    if context.database.user(context.account_id, user_name) is not None:
        raise EntityAlreadyExistsException(f"User with name {user_name} already exists.")


def reading_users(context: Context) -> Read[User]:
    """The reading of all users of the caller's account."""
    return lambda after, count: context.database.users(context.account_id, after=after, limit=count)


def position_of_user(user: User) -> str:
    """Where a user stands in listings."""
    return user.user_name.lower()


def of_new_user(request: CreateUserRequest) -> dict[str, Fact]:
    """Condition keys of CreateUser."""
    keys = dict(of_tagging(request))
    if request.permissions_boundary is not None:
        keys["iam:PermissionsBoundary"] = request.permissions_boundary
    return keys


def tagging_too(request: CreateUserRequest) -> tuple[str, ...]:
    """CreateUser with tags needs the permission to tag, too."""
    return ("iam:TagUser",) if request.tags else ()


USER_NAMED: Final = EntityNamed(Entity.USER, "user_name")
USER_OR_CALLER: Final = EntityNamed(Entity.USER, "user_name", optional=True)

OPERATIONS: Final = (
    Operation(
        "CreateUser",
        service="iam",
        run=create_user,
        request=CreateUserRequest,
        check=check_tags,
        targets=(NewEntity(Entity.USER, "user_name"),),
        condition_keys=of_new_user,
        further_actions=tagging_too,
        writes=True,
        audit=Audit(
            parameters=("path", "user_name", "permissions_boundary", "tags"), answers=("user",), read_only=False
        ),
    ),
    Operation(
        "GetUser",
        service="iam",
        run=get_user,
        request=GetUserRequest,
        targets=(USER_OR_CALLER,),
        audit=Audit(parameters=("user_name",)),
    ),
    Operation(
        "UpdateUser",
        service="iam",
        run=update_user,
        request=UpdateUserRequest,
        targets=(EntityMoved(Entity.USER, member="user_name", new_member="new_user_name"),),
        writes=True,
        audit=Audit(parameters=("user_name", "new_path", "new_user_name"), read_only=False),
    ),
    Operation(
        "DeleteUser",
        service="iam",
        run=delete_user,
        request=DeleteUserRequest,
        targets=(USER_NAMED,),
        writes=True,
        audit=Audit(parameters=("user_name",), read_only=False),
    ),
    Operation(
        "ListUsers",
        service="iam",
        run=list_users,
        request=ListUsersRequest,
        slow=True,
        audit=Audit(parameters=("path_prefix", "marker", "max_items")),
    ),
)

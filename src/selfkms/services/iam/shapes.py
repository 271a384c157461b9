"""Users, groups and permissions boundaries as IAM's answers have them.

Source: IAM API Reference, "User", "Group", "AttachedPermissionsBoundary".
"""

from typing import Final

from selfkms.domain.iam.principals import Group, Role, User
from selfkms.services.iam.tagging import TagEntry, tag_entries
from selfkms.services.shapes import Shape

# What AWS answers; the service model knows `PermissionsBoundaryPolicy` alone, which AWS never sends.
_BOUNDARY_TYPE: Final = "Policy"


class AttachedPermissionsBoundary(Shape, frozen=True, kw_only=True):
    permissions_boundary_type: str
    permissions_boundary_arn: str


class UserEntry(Shape, frozen=True, kw_only=True):
    """A user. The root user has neither path nor name."""

    path: str | None = None
    user_name: str | None = None
    user_id: str
    arn: str
    create_date: float
    permissions_boundary: AttachedPermissionsBoundary | None = None
    tags: tuple[TagEntry, ...] | None = None


class GroupEntry(Shape, frozen=True, kw_only=True):
    path: str
    group_name: str
    group_id: str
    arn: str
    create_date: float


def boundary_of(holder: User | Role) -> AttachedPermissionsBoundary | None:
    """The permissions boundary of a user or a role, if it has one."""
    if holder.permissions_boundary is None:
        return None
    return AttachedPermissionsBoundary(
        permissions_boundary_type=_BOUNDARY_TYPE, permissions_boundary_arn=holder.permissions_boundary
    )


def user_entry(user: User) -> UserEntry:
    """A user as listings show it: without permissions boundary and tags."""
    return UserEntry(
        path=user.path,
        user_name=user.user_name,
        user_id=user.user_id,
        arn=user.arn,
        create_date=user.created_at,
    )


def whole_user_entry(user: User) -> UserEntry:
    """A user as CreateUser and GetUser show it."""
    return UserEntry(
        path=user.path,
        user_name=user.user_name,
        user_id=user.user_id,
        arn=user.arn,
        create_date=user.created_at,
        permissions_boundary=boundary_of(user),
        tags=tag_entries(user.tags) or None,
    )


def group_entry(group: Group) -> GroupEntry:
    """A group."""
    return GroupEntry(
        path=group.path,
        group_name=group.group_name,
        group_id=group.group_id,
        arn=group.arn,
        create_date=group.created_at,
    )

"""Permissions boundaries: {Put,Delete}UserPermissionsBoundary, {Put,Delete}RolePermissionsBoundary.

A managed policy that is a boundary cannot be deleted, so it counts whose boundary it is.

Source: IAM User Guide, "Permissions boundaries for IAM entities"; IAM API Reference, the operations of these names.
"""

from typing import Any, Final

from selfkms.domain.iam.errors import NoSuchEntityException
from selfkms.domain.iam.managed_policies import ManagedPolicy
from selfkms.domain.iam.principals import Role, User
from selfkms.domain.policy.facts import Fact
from selfkms.services.context import Context
from selfkms.services.iam.known_policies import known_policy
from selfkms.services.operation import Audit, Entity, EntityNamed, Operation
from selfkms.services.shapes import Shape


class PutUserPermissionsBoundaryRequest(Shape, frozen=True, kw_only=True):
    user_name: str
    permissions_boundary: str


class DeleteUserPermissionsBoundaryRequest(Shape, frozen=True, kw_only=True):
    user_name: str


class PutRolePermissionsBoundaryRequest(Shape, frozen=True, kw_only=True):
    role_name: str
    permissions_boundary: str


class DeleteRolePermissionsBoundaryRequest(Shape, frozen=True, kw_only=True):
    role_name: str


def put_permissions_boundary(request: Any, holder: User | Role, context: Context) -> None:
    """Limit a user or a role to what a managed policy allows, instead of the boundary that it may have.

    Raises:
        ValidationError: the boundary is no ARN of a managed policy.
        NoSuchEntityException: there is none of that ARN.
    """
    if request.permissions_boundary == holder.permissions_boundary:
        return
    boundary_put(context, request.permissions_boundary)
    if holder.permissions_boundary is not None:
        boundary_dropped(context, holder.permissions_boundary)
    context.put(holder.changed(permissions_boundary=request.permissions_boundary))


def delete_permissions_boundary(_request: Any, holder: User | Role, context: Context) -> None:
    """Take the boundary from a user or a role, which may widen what it may do. One that has none is no error."""
    if holder.permissions_boundary is not None:
        boundary_dropped(context, holder.permissions_boundary)
        context.put(holder.changed(permissions_boundary=None))


def boundary_put(context: Context, arn: str) -> None:
    """A managed policy becomes the permissions boundary of one more user or role.

    Raises:
        ValidationError: this is no ARN of a managed policy.
        NoSuchEntityException: there is none of that ARN in the caller's account, nor among those of AWS.
    """
    policy = known_policy(arn, context)
    if policy is None:
        raise NoSuchEntityException(f"Scope ARN: {arn} does not exist or is not attachable.")
    if isinstance(policy, ManagedPolicy):
        context.put(policy.changed(boundary_count=policy.boundary_count + 1))


def boundary_dropped(context: Context, arn: str) -> None:
    """A managed policy is the permissions boundary of one user or role less."""
    policy = known_policy(arn, context)
    if isinstance(policy, ManagedPolicy):
        context.put(policy.changed(boundary_count=policy.boundary_count - 1))


def of_boundary(request: Any) -> dict[str, Fact]:
    """Condition keys of what sets a permissions boundary."""
    return {"iam:PermissionsBoundary": request.permissions_boundary}


def _operations(entity: str, target: EntityNamed, put: type[Shape], delete: type[Shape]) -> tuple[Operation, Operation]:
    return (
        Operation(
            f"Put{entity}PermissionsBoundary",
            service="iam",
            run=put_permissions_boundary,
            request=put,
            targets=(target,),
            condition_keys=of_boundary,
            writes=True,
            audit=Audit(parameters=(target.member, "permissions_boundary"), read_only=False),
        ),
        Operation(
            f"Delete{entity}PermissionsBoundary",
            service="iam",
            run=delete_permissions_boundary,
            request=delete,
            targets=(target,),
            writes=True,
            audit=Audit(parameters=(target.member,), read_only=False),
        ),
    )


OPERATIONS: Final = (
    *_operations(
        "User",
        EntityNamed(Entity.USER, "user_name"),
        PutUserPermissionsBoundaryRequest,
        DeleteUserPermissionsBoundaryRequest,
    ),
    *_operations(
        "Role",
        EntityNamed(Entity.ROLE, "role_name"),
        PutRolePermissionsBoundaryRequest,
        DeleteRolePermissionsBoundaryRequest,
    ),
)

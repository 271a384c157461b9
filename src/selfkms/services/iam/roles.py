"""CreateRole, GetRole, UpdateRole, UpdateRoleDescription, DeleteRole, ListRoles, UpdateAssumeRolePolicy.

Source: IAM API Reference, the operations of these names; IAM User Guide, "IAM roles".
"""

from typing import Final

import msgspec

from selfkms.domain.iam.errors import (
    DeleteConflictException,
    EntityAlreadyExistsException,
    LimitExceededException,
    MalformedPolicyDocumentException,
)
from selfkms.domain.iam.limits import ROLES_PER_ACCOUNT_MAX
from selfkms.domain.iam.principals import Role
from selfkms.domain.iam.tags import with_tags
from selfkms.domain.policy.document import PolicyKind
from selfkms.domain.policy.facts import Fact
from selfkms.services.context import Context
from selfkms.services.iam.boundaries import boundary_dropped, boundary_put, of_boundary
from selfkms.services.iam.documents import checked_document, encoded
from selfkms.services.iam.paging import Page, Paged, page
from selfkms.services.iam.shapes import AttachedPermissionsBoundary, boundary_of
from selfkms.services.iam.tagging import TagEntry, check_tags, of_tagging, tag_entries, tags_of
from selfkms.services.iam.unique_ids import IDPrefix, unique_id
from selfkms.services.markers import Read, each, only
from selfkms.services.operation import Audit, Entity, EntityNamed, NewEntity, Operation
from selfkms.services.principals import UnknownPrincipalError, principal_ids
from selfkms.services.shapes import Shape

DEFAULT_SESSION_SECONDS: Final = 3_600
"""IAM API Reference, "CreateRole", MaxSessionDuration."""


class RoleLastUsed(Shape, frozen=True, kw_only=True):
    """Empty: when a role was used is not kept."""


class RoleEntry(Shape, frozen=True, kw_only=True):
    path: str
    role_name: str
    role_id: str
    arn: str
    create_date: float
    assume_role_policy_document: str
    """Percent-encoded."""
    description: str | None = None
    max_session_duration: int | None = None
    permissions_boundary: AttachedPermissionsBoundary | None = None
    tags: tuple[TagEntry, ...] | None = None
    role_last_used: RoleLastUsed | None = None


class CreateRoleRequest(Shape, frozen=True, kw_only=True):
    path: str = "/"
    role_name: str
    assume_role_policy_document: str
    description: str | None = None
    max_session_duration: int = DEFAULT_SESSION_SECONDS
    permissions_boundary: str | None = None
    tags: tuple[TagEntry, ...] = ()


class RoleNamedRequest(Shape, frozen=True, kw_only=True):
    """GetRole and DeleteRole."""

    role_name: str


class UpdateRoleRequest(Shape, frozen=True, kw_only=True):
    role_name: str
    description: str | None = None
    max_session_duration: int = DEFAULT_SESSION_SECONDS


class UpdateRoleDescriptionRequest(Shape, frozen=True, kw_only=True):
    role_name: str
    description: str


class ListRolesRequest(Paged, frozen=True, kw_only=True):
    path_prefix: str = "/"


class UpdateAssumeRolePolicyRequest(Shape, frozen=True, kw_only=True):
    role_name: str
    policy_document: str


class RoleResult(Shape, frozen=True, kw_only=True):
    """CreateRole, GetRole, UpdateRoleDescription."""

    role: RoleEntry


class UpdateRoleResult(Shape, frozen=True, kw_only=True):
    pass


class ListRolesResult(Page, frozen=True, kw_only=True):
    roles: tuple[RoleEntry, ...]


def create_role(request: CreateRoleRequest, context: Context) -> RoleResult:
    """Make a role that may do nothing yet. The answer has neither description nor longest session, as on AWS.

    Raises:
        EntityAlreadyExistsException: the name is taken, case aside.
        LimitExceededException: the account has 1,000 roles, or the trust policy is too long.
        MalformedPolicyDocumentException: see `trusting`.
        NoSuchEntityException: there is no managed policy of the ARN that is to be the permissions boundary.
    """
    if context.database.role(context.account_id, request.role_name) is not None:
        raise EntityAlreadyExistsException(f"Role with name {request.role_name} already exists.")
    if sum(1 for _ in each(reading_roles(context), position=position_of_role)) >= ROLES_PER_ACCOUNT_MAX:
        raise LimitExceededException(f"Cannot exceed quota for RolesPerAccount: {ROLES_PER_ACCOUNT_MAX}")
    role = Role(
        account_id=context.account_id,
        role_name=request.role_name,
        role_id=unique_id(IDPrefix.ROLE, context.entropy),
        created_at=context.now,
        path=request.path,
        trust_policy=request.assume_role_policy_document,
        description=request.description,
        max_session_seconds=request.max_session_duration,
        permissions_boundary=request.permissions_boundary,
        tags=with_tags((), tags_of(request.tags)),
    )
    role = trusting(role, request.assume_role_policy_document, context)
    if request.permissions_boundary is not None:
        boundary_put(context, request.permissions_boundary)
    context.put(role)
    made = _entry(role)
    return RoleResult(
        role=msgspec.structs.replace(
            made,
            description=None,
            max_session_duration=None,
            permissions_boundary=boundary_of(role),
            tags=tag_entries(role.tags) or None,
        )
    )


def get_role(_request: RoleNamedRequest, role: Role, _context: Context) -> RoleResult:
    """A role with all that is known of it."""
    whole = msgspec.structs.replace(
        _entry(role),
        permissions_boundary=boundary_of(role),
        tags=tag_entries(role.tags) or None,
        role_last_used=RoleLastUsed(),
    )
    return RoleResult(role=whole)


def update_role(request: UpdateRoleRequest, role: Role, context: Context) -> UpdateRoleResult:
    """Set the description, if one is given, and the longest session: an hour unless the request says otherwise.

    Source: IAM API Reference, "UpdateRole", MaxSessionDuration: what is not specified becomes the default.
    """
    description = role.description if request.description is None else request.description
    context.put(role.changed(description=description, max_session_seconds=request.max_session_duration))
    return UpdateRoleResult()


def update_role_description(request: UpdateRoleDescriptionRequest, role: Role, context: Context) -> RoleResult:
    """Set the description alone."""
    described = role.changed(description=request.description)
    context.put(described)
    return RoleResult(role=_entry(described))


def delete_role(_request: RoleNamedRequest, role: Role, context: Context) -> None:
    """Delete a role to which nothing belongs any more. Its sessions are nobody's from then on.

    Raises:
        DeleteConflictException: it has policies.
    """
    if role.attached_policy_arns:
        raise DeleteConflictException("Cannot delete entity, must detach all policies first.")
    if role.inline_policies:
        raise DeleteConflictException("Cannot delete entity, must delete policies first.")
    if role.permissions_boundary is not None:
        boundary_dropped(context, role.permissions_boundary)
    context.remove(role)


def list_roles(request: ListRolesRequest, context: Context) -> ListRolesResult:
    """Roles whose paths begin with a prefix, in the order of their names; without boundaries and tags, as on AWS."""
    read = reading_roles(context)
    if request.path_prefix != "/":
        read = only(read, lambda role: role.path.startswith(request.path_prefix), position=position_of_role)
    roles, marker = page(context, f"ListRoles {request.path_prefix}", request, read=read, position=position_of_role)
    return ListRolesResult(roles=tuple(_entry(role) for role in roles), is_truncated=marker is not None, marker=marker)


def update_assume_role_policy(request: UpdateAssumeRolePolicyRequest, role: Role, context: Context) -> None:
    """Replace the trust policy; it counts from the next request on, sessions that exist go on.

    Raises:
        LimitExceededException: longer than 2,048 characters.
        MalformedPolicyDocumentException: see `trusting`.
    """
    context.put(trusting(role, request.policy_document, context))


def trusting(role: Role, trust_policy: str, context: Context) -> Role:
    """The role with a trust policy, and the unique IDs of the principals that it names.

    Raises:
        LimitExceededException: longer than 2,048 characters.
        MalformedPolicyDocumentException: no trust policy, or a principal of an account of ours that does not exist.
    """
    policy = checked_document(trust_policy, PolicyKind.TRUST)
    try:
        named = principal_ids(policy, context.database)
    except UnknownPrincipalError as error:
        raise MalformedPolicyDocumentException(f'Invalid principal in policy: "AWS":"{error.arn}"') from error
    return role.changed(trust_policy=trust_policy, principal_ids=named)


def reading_roles(context: Context) -> Read[Role]:
    """The reading of all roles of the caller's account."""
    return lambda after, count: context.database.roles(context.account_id, after=after, limit=count)


def position_of_role(role: Role) -> str:
    """Where a role stands in listings."""
    return role.role_name.lower()


def of_new_role(request: CreateRoleRequest) -> dict[str, Fact]:
    """Condition keys of CreateRole."""
    boundary = {} if request.permissions_boundary is None else of_boundary(request)
    return {**of_tagging(request), **boundary}


def tagging_too(request: CreateRoleRequest) -> tuple[str, ...]:
    """CreateRole with tags needs the permission to tag, too."""
    return ("iam:TagRole",) if request.tags else ()


def _entry(role: Role) -> RoleEntry:
    """A role as listings show it."""
    return RoleEntry(
        path=role.path,
        role_name=role.role_name,
        role_id=role.role_id,
        arn=role.arn,
        create_date=role.created_at,
        assume_role_policy_document=encoded(role.trust_policy),
        description=role.description,
        max_session_duration=role.max_session_seconds,
    )


ROLE_NAMED: Final = EntityNamed(Entity.ROLE, "role_name")

OPERATIONS: Final = (
    Operation(
        "CreateRole",
        service="iam",
        run=create_role,
        request=CreateRoleRequest,
        check=check_tags,
        targets=(NewEntity(Entity.ROLE, "role_name"),),
        condition_keys=of_new_role,
        further_actions=tagging_too,
        writes=True,
        audit=Audit(
            parameters=(
                "path",
                "role_name",
                "assume_role_policy_document",
                "description",
                "max_session_duration",
                "permissions_boundary",
                "tags",
            ),
            answers=("role",),
            read_only=False,
        ),
    ),
    Operation(
        "GetRole",
        service="iam",
        run=get_role,
        request=RoleNamedRequest,
        targets=(ROLE_NAMED,),
        audit=Audit(parameters=("role_name",)),
    ),
    Operation(
        "UpdateRole",
        service="iam",
        run=update_role,
        request=UpdateRoleRequest,
        targets=(ROLE_NAMED,),
        writes=True,
        audit=Audit(parameters=("role_name", "description", "max_session_duration"), read_only=False),
    ),
    Operation(
        "UpdateRoleDescription",
        service="iam",
        run=update_role_description,
        request=UpdateRoleDescriptionRequest,
        targets=(ROLE_NAMED,),
        writes=True,
        audit=Audit(parameters=("role_name", "description"), answers=("role",), read_only=False),
    ),
    Operation(
        "DeleteRole",
        service="iam",
        run=delete_role,
        request=RoleNamedRequest,
        targets=(ROLE_NAMED,),
        writes=True,
        audit=Audit(parameters=("role_name",), read_only=False),
    ),
    Operation(
        "ListRoles",
        service="iam",
        run=list_roles,
        request=ListRolesRequest,
        slow=True,
        audit=Audit(parameters=("path_prefix", "marker", "max_items")),
    ),
    Operation(
        "UpdateAssumeRolePolicy",
        service="iam",
        run=update_assume_role_policy,
        request=UpdateAssumeRolePolicyRequest,
        targets=(ROLE_NAMED,),
        writes=True,
        audit=Audit(parameters=("role_name", "policy_document"), read_only=False),
    ),
)

"""{Put,Get,Delete}{User,Group,Role}Policy, List{User,Group,Role}Policies: policies that are part of one holder.

Source: IAM API Reference, the operations of these names; IAM User Guide, "IAM and AWS STS quotas".
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from selfkms.domain.iam.errors import LimitExceededException, NoSuchEntityException
from selfkms.domain.iam.limits import (
    INLINE_POLICY_CHARACTERS_PER_GROUP_MAX,
    INLINE_POLICY_CHARACTERS_PER_ROLE_MAX,
    INLINE_POLICY_CHARACTERS_PER_USER_MAX,
)
from selfkms.domain.iam.principals import Group, InlinePolicy, Role, User
from selfkms.domain.policy.document import PolicyKind
from selfkms.services.context import Context
from selfkms.services.iam.documents import characters, encoded, parsed_document
from selfkms.services.iam.paging import Page, Paged, page
from selfkms.services.markers import following
from selfkms.services.operation import Audit, Entity, EntityNamed, Operation
from selfkms.services.shapes import Shape


class UserInlinePolicyRequest(Shape, frozen=True, kw_only=True):
    """GetUserPolicy and DeleteUserPolicy."""

    user_name: str
    policy_name: str


class GroupInlinePolicyRequest(Shape, frozen=True, kw_only=True):
    """GetGroupPolicy and DeleteGroupPolicy."""

    group_name: str
    policy_name: str


class RoleInlinePolicyRequest(Shape, frozen=True, kw_only=True):
    """GetRolePolicy and DeleteRolePolicy."""

    role_name: str
    policy_name: str


class UserInlinePolicy(UserInlinePolicyRequest, frozen=True, kw_only=True):
    """What PutUserPolicy takes and GetUserPolicy, percent-encoded, gives."""

    policy_document: str


class GroupInlinePolicy(GroupInlinePolicyRequest, frozen=True, kw_only=True):
    """What PutGroupPolicy takes and GetGroupPolicy, percent-encoded, gives."""

    policy_document: str


class RoleInlinePolicy(RoleInlinePolicyRequest, frozen=True, kw_only=True):
    """What PutRolePolicy takes and GetRolePolicy, percent-encoded, gives."""

    policy_document: str


class ListUserPoliciesRequest(Paged, frozen=True, kw_only=True):
    user_name: str


class ListGroupPoliciesRequest(Paged, frozen=True, kw_only=True):
    group_name: str


class ListRolePoliciesRequest(Paged, frozen=True, kw_only=True):
    role_name: str


class ListInlinePoliciesResult(Page, frozen=True, kw_only=True):
    policy_names: tuple[str, ...]


class _Kind(NamedTuple):
    """What differs between users, groups and roles."""

    name: str
    """As it stands in the names of operations, and in small letters in errors."""
    target: EntityNamed
    request: type[Shape]
    policy: type[Shape]
    list_request: type[Paged]
    characters_max: int
    """Of all inline policies together, white space not counted."""


_KINDS: Final = {
    User: _Kind(
        "User",
        EntityNamed(Entity.USER, "user_name"),
        UserInlinePolicyRequest,
        UserInlinePolicy,
        ListUserPoliciesRequest,
        INLINE_POLICY_CHARACTERS_PER_USER_MAX,
    ),
    Group: _Kind(
        "Group",
        EntityNamed(Entity.GROUP, "group_name"),
        GroupInlinePolicyRequest,
        GroupInlinePolicy,
        ListGroupPoliciesRequest,
        INLINE_POLICY_CHARACTERS_PER_GROUP_MAX,
    ),
    Role: _Kind(
        "Role",
        EntityNamed(Entity.ROLE, "role_name"),
        RoleInlinePolicyRequest,
        RoleInlinePolicy,
        ListRolePoliciesRequest,
        INLINE_POLICY_CHARACTERS_PER_ROLE_MAX,
    ),
}


def put_policy(request: Any, holder: User | Group | Role, context: Context) -> None:
    """Add an inline policy, or replace the one of that name.

    Raises:
        LimitExceededException: the inline policies of the holder together would be too long.
        MalformedPolicyDocumentException: the document is no policy.
    """
    kind = _KINDS[type(holder)]
    kept = [policy for policy in holder.inline_policies if policy.policy_name != request.policy_name]
    policies = sorted([*kept, InlinePolicy(request.policy_name, request.policy_document)], key=_name)
    if sum(characters(policy.document) for policy in policies) > kind.characters_max:
        holder_name = getattr(request, kind.target.member)
        raise LimitExceededException(
            f"Maximum policy size of {kind.characters_max} bytes exceeded for {kind.name.lower()} {holder_name}"
        )
    parsed_document(request.policy_document, PolicyKind.IDENTITY)
    context.put(holder.changed(inline_policies=tuple(policies)))


def get_policy(request: Any, holder: User | Group | Role, _context: Context) -> Any:
    """An inline policy with its document.

    Raises:
        NoSuchEntityException: the holder has none of that name.
    """
    kind = _KINDS[type(holder)]
    policy = _policy(request, holder)
    return kind.policy(
        **{kind.target.member: getattr(request, kind.target.member)},
        policy_name=policy.policy_name,
        policy_document=encoded(policy.document),
    )


def delete_policy(request: Any, holder: User | Group | Role, context: Context) -> None:
    """Remove an inline policy.

    Raises:
        NoSuchEntityException: the holder has none of that name.
    """
    gone = _policy(request, holder)
    kept = tuple(policy for policy in holder.inline_policies if policy is not gone)
    context.put(holder.changed(inline_policies=kept))


def list_policies(request: Any, holder: User | Group | Role, context: Context) -> ListInlinePoliciesResult:
    """The names of the inline policies, in their order."""
    policies, marker = page(
        context,
        f"ListInlinePolicies {holder.arn}",
        request,
        read=following(holder.inline_policies, position=_name),
        position=_name,
    )
    return ListInlinePoliciesResult(
        policy_names=tuple(policy.policy_name for policy in policies), is_truncated=marker is not None, marker=marker
    )


def _policy(request: Any, holder: User | Group | Role) -> InlinePolicy:
    for policy in holder.inline_policies:
        if policy.policy_name == request.policy_name:
            return policy
    kind = _KINDS[type(holder)].name.lower()
    raise NoSuchEntityException(f"The {kind} policy with name {request.policy_name} cannot be found.")


def _name(policy: InlinePolicy) -> str:
    return policy.policy_name


def _operations(kind: _Kind) -> tuple[Operation, ...]:
    named = (kind.target.member, "policy_name")

    def operation(name: str, run: Callable[..., Any], request: type[Shape], audit: Audit) -> Operation:
        return Operation(
            name,
            service="iam",
            run=run,
            request=request,
            targets=(kind.target,),
            writes=not audit.read_only,
            audit=audit,
        )

    return (
        operation(
            f"Put{kind.name}Policy",
            put_policy,
            kind.policy,
            Audit(parameters=(*named, "policy_document"), read_only=False),
        ),
        operation(f"Get{kind.name}Policy", get_policy, kind.request, Audit(parameters=named)),
        operation(f"Delete{kind.name}Policy", delete_policy, kind.request, Audit(parameters=named, read_only=False)),
        operation(
            f"List{kind.name}Policies",
            list_policies,
            kind.list_request,
            Audit(parameters=(kind.target.member, "marker", "max_items")),
        ),
    )


OPERATIONS: Final = tuple(operation for kind in _KINDS.values() for operation in _operations(kind))

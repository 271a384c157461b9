"""GetAccountAuthorizationDetails: all of an account that decides who may do what, with every document.

Source: IAM API Reference, the operation of this name.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from selfkms.domain.iam.aws_managed_policies import AWS_MANAGED_POLICIES, AWSManagedPolicy
from selfkms.domain.iam.managed_policies import ManagedPolicy
from selfkms.domain.iam.principals import Group, InlinePolicy, Role, User
from selfkms.services.context import Context
from selfkms.services.iam.attachments import AttachedPolicy, attached_policies
from selfkms.services.iam.documents import encoded
from selfkms.services.iam.groups import position_of_group, reading_groups
from selfkms.services.iam.in_turn import Part, Placed, in_turn, position_of_placed
from selfkms.services.iam.managed_policies import (
    PolicyEntry,
    aws_policy_entry,
    policy_entry,
    position_of_policy,
    reading_policies,
)
from selfkms.services.iam.paging import Page, Paged, page
from selfkms.services.iam.policy_usage import PolicyUsage
from selfkms.services.iam.policy_versions import PolicyVersionEntry, version_entry, versions_of
from selfkms.services.iam.roles import RoleLastUsed, position_of_role, reading_roles
from selfkms.services.iam.shapes import AttachedPermissionsBoundary, boundary_of
from selfkms.services.iam.tagging import TagEntry, tag_entries
from selfkms.services.iam.users import position_of_user, reading_users
from selfkms.services.markers import following
from selfkms.services.operation import Audit, Operation
from selfkms.services.shapes import Shape

_KINDS: Final = ("User", "Group", "Role", "LocalManagedPolicy", "AWSManagedPolicy")


class GetAccountAuthorizationDetailsRequest(Paged, frozen=True, kw_only=True):
    filter: tuple[str, ...] = ()


class PolicyDetail(Shape, frozen=True, kw_only=True):
    policy_name: str
    policy_document: str
    """Percent-encoded."""


class UserDetail(Shape, frozen=True, kw_only=True):
    path: str
    user_name: str
    user_id: str
    arn: str
    create_date: float
    user_policy_list: tuple[PolicyDetail, ...]
    group_list: tuple[str, ...]
    attached_managed_policies: tuple[AttachedPolicy, ...]
    permissions_boundary: AttachedPermissionsBoundary | None = None
    tags: tuple[TagEntry, ...]


class GroupDetail(Shape, frozen=True, kw_only=True):
    path: str
    group_name: str
    group_id: str
    arn: str
    create_date: float
    group_policy_list: tuple[PolicyDetail, ...]
    attached_managed_policies: tuple[AttachedPolicy, ...]


class RoleDetail(Shape, frozen=True, kw_only=True):
    path: str
    role_name: str
    role_id: str
    arn: str
    create_date: float
    assume_role_policy_document: str
    """Percent-encoded."""
    instance_profile_list: tuple[()]
    """There are no instance profiles."""
    role_policy_list: tuple[PolicyDetail, ...]
    attached_managed_policies: tuple[AttachedPolicy, ...]
    permissions_boundary: AttachedPermissionsBoundary | None = None
    tags: tuple[TagEntry, ...]
    role_last_used: RoleLastUsed


class ManagedPolicyDetail(Shape, frozen=True, kw_only=True):
    policy_name: str
    policy_id: str
    arn: str
    path: str
    default_version_id: str
    attachment_count: int
    permissions_boundary_usage_count: int
    is_attachable: bool
    description: str | None = None
    create_date: float
    update_date: float
    policy_version_list: tuple[PolicyVersionEntry, ...]


class GetAccountAuthorizationDetailsResult(Page, frozen=True, kw_only=True):
    user_detail_list: tuple[UserDetail, ...]
    group_detail_list: tuple[GroupDetail, ...]
    role_detail_list: tuple[RoleDetail, ...]
    policies: tuple[ManagedPolicyDetail, ...]


def get_account_authorization_details(
    request: GetAccountAuthorizationDetailsRequest, context: Context
) -> GetAccountAuthorizationDetailsResult:
    """Users, groups, roles and managed policies, in this order, on pages that they share. Of AWS's those in use."""
    usage = PolicyUsage.of_account(context)
    wanted = [kind for kind in _KINDS if kind in request.filter or not request.filter]
    parts = _parts(context, usage)
    placed, marker = page(
        context,
        f"GetAccountAuthorizationDetails {' '.join(wanted)}",
        request,
        read=in_turn({kind: parts[kind] for kind in wanted}),
        position=position_of_placed,
    )
    return GetAccountAuthorizationDetailsResult(
        user_detail_list=tuple(_user(entry) for entry in _entries(placed, "User")),
        group_detail_list=tuple(_group(entry) for entry in _entries(placed, "Group")),
        role_detail_list=tuple(_role(entry) for entry in _entries(placed, "Role")),
        policies=(
            *(_policy(policy, policy_entry(policy)) for policy in _entries(placed, "LocalManagedPolicy")),
            *(_policy(policy, aws_policy_entry(policy, usage)) for policy in _entries(placed, "AWSManagedPolicy")),
        ),
        is_truncated=marker is not None,
        marker=marker,
    )


def _parts(context: Context, usage: PolicyUsage) -> dict[str, Part]:
    in_use = [
        policy
        for arn, policy in sorted(AWS_MANAGED_POLICIES.items())
        if usage.attachments[arn] or usage.boundaries[arn]
    ]
    return {
        "User": Part(reading_users(context), position_of_user),
        "Group": Part(reading_groups(context), position_of_group),
        "Role": Part(reading_roles(context), position_of_role),
        "LocalManagedPolicy": Part(reading_policies(context), position_of_policy),
        "AWSManagedPolicy": Part(following(in_use, position=_name), _name),
    }


def _entries(placed: Sequence[Placed], kind: str) -> list[Any]:
    return [entry.entry for entry in placed if entry.kind == kind]


def _user(user: User) -> UserDetail:
    return UserDetail(
        path=user.path,
        user_name=user.user_name,
        user_id=user.user_id,
        arn=user.arn,
        create_date=user.created_at,
        user_policy_list=_inline(user.inline_policies),
        group_list=user.group_names,
        attached_managed_policies=attached_policies(user.attached_policy_arns),
        permissions_boundary=boundary_of(user),
        tags=tag_entries(user.tags),
    )


def _group(group: Group) -> GroupDetail:
    return GroupDetail(
        path=group.path,
        group_name=group.group_name,
        group_id=group.group_id,
        arn=group.arn,
        create_date=group.created_at,
        group_policy_list=_inline(group.inline_policies),
        attached_managed_policies=attached_policies(group.attached_policy_arns),
    )


def _role(role: Role) -> RoleDetail:
    return RoleDetail(
        path=role.path,
        role_name=role.role_name,
        role_id=role.role_id,
        arn=role.arn,
        create_date=role.created_at,
        assume_role_policy_document=encoded(role.trust_policy),
        instance_profile_list=(),
        role_policy_list=_inline(role.inline_policies),
        attached_managed_policies=attached_policies(role.attached_policy_arns),
        permissions_boundary=boundary_of(role),
        tags=tag_entries(role.tags),
        role_last_used=RoleLastUsed(),
    )


def _policy(policy: ManagedPolicy | AWSManagedPolicy, entry: PolicyEntry) -> ManagedPolicyDetail:
    """A managed policy as listings show it, with its description and all its documents, but without tags."""
    listed = msgspec.structs.asdict(entry)
    del listed["tags"]
    versions = tuple(version_entry(policy, version, with_document=True) for version in versions_of(policy))
    return ManagedPolicyDetail(**{**listed, "description": policy.description}, policy_version_list=versions)


def _inline(policies: Sequence[InlinePolicy]) -> tuple[PolicyDetail, ...]:
    return tuple(
        PolicyDetail(policy_name=policy.policy_name, policy_document=encoded(policy.document)) for policy in policies
    )


def _name(policy: AWSManagedPolicy) -> str:
    return policy.policy_name


OPERATIONS: Final = (
    Operation(
        "GetAccountAuthorizationDetails",
        service="iam",
        run=get_account_authorization_details,
        request=GetAccountAuthorizationDetailsRequest,
        slow=True,
        audit=Audit(parameters=("filter", "max_items", "marker")),
    ),
)

"""ListEntitiesForPolicy: who has a managed policy, or has it as permissions boundary.

Source: IAM API Reference, "ListEntitiesForPolicy".
"""

from typing import Any, Final

from selfkms.domain.iam.aws_managed_policies import AWSManagedPolicy
from selfkms.domain.iam.managed_policies import ManagedPolicy
from selfkms.domain.iam.principals import Group, Role, User
from selfkms.services.context import Context
from selfkms.services.iam.groups import position_of_group, reading_groups
from selfkms.services.iam.in_turn import Part, in_turn, position_of_placed
from selfkms.services.iam.managed_policies import POLICY_NAMED
from selfkms.services.iam.paging import Page, Paged, page
from selfkms.services.iam.roles import position_of_role, reading_roles
from selfkms.services.iam.users import position_of_user, reading_users
from selfkms.services.markers import only
from selfkms.services.operation import Audit, Operation
from selfkms.services.shapes import Shape


class ListEntitiesForPolicyRequest(Paged, frozen=True, kw_only=True):
    policy_arn: str
    entity_filter: str | None = None
    path_prefix: str = "/"
    policy_usage_filter: str | None = None


class PolicyGroup(Shape, frozen=True, kw_only=True):
    group_name: str
    group_id: str


class PolicyUser(Shape, frozen=True, kw_only=True):
    user_name: str
    user_id: str


class PolicyRole(Shape, frozen=True, kw_only=True):
    role_name: str
    role_id: str


class ListEntitiesForPolicyResult(Page, frozen=True, kw_only=True):
    policy_groups: tuple[PolicyGroup, ...]
    policy_users: tuple[PolicyUser, ...]
    policy_roles: tuple[PolicyRole, ...]


def list_entities_for_policy(
    request: ListEntitiesForPolicyRequest, policy: ManagedPolicy | AWSManagedPolicy, context: Context
) -> ListEntitiesForPolicyResult:
    """Groups, users and roles of the account, in this order, on pages that they share. All are looked through."""
    kinds = {
        "Group": Part(reading_groups(context), position_of_group),
        "User": Part(reading_users(context), position_of_user),
        "Role": Part(reading_roles(context), position_of_role),
    }
    parts = {
        kind: Part(only(part.read, _having(request, policy.arn), position=part.position), part.position)
        for kind, part in kinds.items()
        if request.entity_filter in (None, kind)
    }
    listing = (
        f"ListEntitiesForPolicy {policy.arn} {request.entity_filter} {request.policy_usage_filter} "
        f"{request.path_prefix}"
    )
    placed, marker = page(context, listing, request, read=in_turn(parts), position=position_of_placed)
    entities = [entry.entry for entry in placed]
    return ListEntitiesForPolicyResult(
        policy_groups=tuple(
            PolicyGroup(group_name=e.group_name, group_id=e.group_id) for e in entities if isinstance(e, Group)
        ),
        policy_users=tuple(
            PolicyUser(user_name=e.user_name, user_id=e.user_id) for e in entities if isinstance(e, User)
        ),
        policy_roles=tuple(
            PolicyRole(role_name=e.role_name, role_id=e.role_id) for e in entities if isinstance(e, Role)
        ),
        is_truncated=marker is not None,
        marker=marker,
    )


def _having(request: ListEntitiesForPolicyRequest, arn: str) -> Any:
    """Whether an entity has the policy in the way that the request asks for, and a path that it asks for."""

    def wanted(entity: User | Group | Role) -> bool:
        attached = arn in entity.attached_policy_arns
        boundary = not isinstance(entity, Group) and entity.permissions_boundary == arn
        uses = {"PermissionsPolicy": attached, "PermissionsBoundary": boundary, None: attached or boundary}
        return uses[request.policy_usage_filter] and entity.path.startswith(request.path_prefix)

    return wanted


OPERATIONS: Final = (
    Operation(
        "ListEntitiesForPolicy",
        service="iam",
        run=list_entities_for_policy,
        request=ListEntitiesForPolicyRequest,
        targets=(POLICY_NAMED,),
        slow=True,
        audit=Audit(
            parameters=("policy_arn", "entity_filter", "path_prefix", "policy_usage_filter", "marker", "max_items")
        ),
    ),
)

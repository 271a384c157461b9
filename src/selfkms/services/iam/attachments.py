"""{Attach,Detach}{User,Group,Role}Policy, ListAttached{User,Group,Role}Policies: managed policies and their holders.

A managed policy of the account counts to how many it is attached: attaching and deleting it at the same moment exclude
each other.

Source: IAM API Reference, the operations of these names; IAM User Guide, "IAM and AWS STS quotas".
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from selfkms.domain.iam.errors import LimitExceededException, NoSuchEntityException
from selfkms.domain.iam.limits import (
    ATTACHED_POLICIES_PER_GROUP_MAX,
    ATTACHED_POLICIES_PER_ROLE_MAX,
    ATTACHED_POLICIES_PER_USER_MAX,
)
from selfkms.domain.iam.managed_policies import ManagedPolicy
from selfkms.domain.iam.principals import Group, Role, User
from selfkms.domain.policy.facts import Fact
from selfkms.services.context import Context
from selfkms.services.iam.known_policies import attachable_policy, known_policy, name_and_path
from selfkms.services.iam.paging import Page, Paged, page
from selfkms.services.markers import following
from selfkms.services.operation import Audit, Entity, EntityNamed, Operation
from selfkms.services.shapes import Shape


class UserPolicyRequest(Shape, frozen=True, kw_only=True):
    user_name: str
    policy_arn: str


class GroupPolicyRequest(Shape, frozen=True, kw_only=True):
    group_name: str
    policy_arn: str


class RolePolicyRequest(Shape, frozen=True, kw_only=True):
    role_name: str
    policy_arn: str


class ListAttachedUserPoliciesRequest(Paged, frozen=True, kw_only=True):
    user_name: str
    path_prefix: str = "/"


class ListAttachedGroupPoliciesRequest(Paged, frozen=True, kw_only=True):
    group_name: str
    path_prefix: str = "/"


class ListAttachedRolePoliciesRequest(Paged, frozen=True, kw_only=True):
    role_name: str
    path_prefix: str = "/"


class AttachedPolicy(Shape, frozen=True, kw_only=True):
    policy_name: str
    policy_arn: str


class ListAttachedPoliciesResult(Page, frozen=True, kw_only=True):
    attached_policies: tuple[AttachedPolicy, ...]


class _Kind(NamedTuple):
    """What differs between users, groups and roles."""

    name: str
    """As it stands in the names of operations and quotas."""
    target: EntityNamed
    request: type[Shape]
    list_request: type[Paged]
    policies_max: int


_KINDS: Final = {
    User: _Kind(
        "User",
        EntityNamed(Entity.USER, "user_name"),
        UserPolicyRequest,
        ListAttachedUserPoliciesRequest,
        ATTACHED_POLICIES_PER_USER_MAX,
    ),
    Group: _Kind(
        "Group",
        EntityNamed(Entity.GROUP, "group_name"),
        GroupPolicyRequest,
        ListAttachedGroupPoliciesRequest,
        ATTACHED_POLICIES_PER_GROUP_MAX,
    ),
    Role: _Kind(
        "Role",
        EntityNamed(Entity.ROLE, "role_name"),
        RolePolicyRequest,
        ListAttachedRolePoliciesRequest,
        ATTACHED_POLICIES_PER_ROLE_MAX,
    ),
}


def attach_policy(request: Any, holder: User | Group | Role, context: Context) -> None:
    """Give what a managed policy allows to a user, a group or a role. One that is attached already stays attached.

    Raises:
        ValidationError: this is no ARN of a managed policy.
        NoSuchEntityException: there is none of that ARN in the caller's account, nor among those of AWS.
        LimitExceededException: ten are attached.
    """
    policy = attachable_policy(request.policy_arn, context)
    if request.policy_arn in holder.attached_policy_arns:
        return
    kind = _KINDS[type(holder)]
    if len(holder.attached_policy_arns) >= kind.policies_max:
        raise LimitExceededException(f"Cannot exceed quota for PoliciesPer{kind.name}: {kind.policies_max}")
    if isinstance(policy, ManagedPolicy):
        context.put(policy.changed(attachment_count=policy.attachment_count + 1))
    context.put(holder.changed(attached_policy_arns=(*holder.attached_policy_arns, request.policy_arn)))


def detach_policy(request: Any, holder: User | Group | Role, context: Context) -> None:
    """Take away what a managed policy allows.

    Raises:
        ValidationError: this is no ARN of a managed policy.
        NoSuchEntityException: it is not attached.
    """
    policy = known_policy(request.policy_arn, context)
    if request.policy_arn not in holder.attached_policy_arns:
        raise NoSuchEntityException(f"Policy {request.policy_arn} was not found.")
    if isinstance(policy, ManagedPolicy):
        context.put(policy.changed(attachment_count=policy.attachment_count - 1))
    kept = tuple(arn for arn in holder.attached_policy_arns if arn != request.policy_arn)
    context.put(holder.changed(attached_policy_arns=kept))


def list_attached_policies(request: Any, holder: User | Group | Role, context: Context) -> ListAttachedPoliciesResult:
    """The managed policies of a user, a group or a role whose paths begin with a prefix, as they were attached."""
    wanted = [arn for arn in holder.attached_policy_arns if name_and_path(arn)[1].startswith(request.path_prefix)]
    arns, marker = page(
        context,
        f"ListAttachedPolicies {holder.arn} {request.path_prefix}",
        request,
        read=following(wanted, position=_position),
        position=_position,
    )
    return ListAttachedPoliciesResult(
        attached_policies=attached_policies(arns), is_truncated=marker is not None, marker=marker
    )


def attached_policies(arns: Iterable[str]) -> tuple[AttachedPolicy, ...]:
    """Managed policies for an answer, by their ARNs."""
    return tuple(AttachedPolicy(policy_name=name_and_path(arn)[0], policy_arn=arn) for arn in arns)


def of_attachment(request: Any) -> dict[str, Fact]:
    """Condition keys of attaching and detaching."""
    return {"iam:PolicyARN": request.policy_arn}


def _position(arn: str) -> str:
    # A path may be too long for a marker. Names are unique in an account, and among those of AWS.
    return f"{arn.split(':')[4]} {name_and_path(arn)[0]}"


def _operations(kind: _Kind) -> tuple[Operation, ...]:
    change = Audit(parameters=(kind.target.member, "policy_arn"), read_only=False)
    return (
        Operation(
            f"Attach{kind.name}Policy",
            service="iam",
            run=attach_policy,
            request=kind.request,
            targets=(kind.target,),
            condition_keys=of_attachment,
            writes=True,
            audit=change,
        ),
        Operation(
            f"Detach{kind.name}Policy",
            service="iam",
            run=detach_policy,
            request=kind.request,
            targets=(kind.target,),
            condition_keys=of_attachment,
            writes=True,
            audit=change,
        ),
        Operation(
            f"ListAttached{kind.name}Policies",
            service="iam",
            run=list_attached_policies,
            request=kind.list_request,
            targets=(kind.target,),
            audit=Audit(parameters=(kind.target.member, "path_prefix", "marker", "max_items")),
        ),
    )


OPERATIONS: Final = tuple(operation for kind in _KINDS.values() for operation in _operations(kind))

"""CreatePolicy, GetPolicy, DeletePolicy, ListPolicies.

Source: IAM API Reference, the operations of these names; IAM User Guide, "Managed policies and inline policies".
"""

from typing import Any, Final

import msgspec

from selfkms.domain.iam.aws_managed_policies import AWS_MANAGED_POLICIES, AWSManagedPolicy
from selfkms.domain.iam.errors import (
    DeleteConflictException,
    EntityAlreadyExistsException,
    LimitExceededException,
)
from selfkms.domain.iam.limits import POLICIES_PER_ACCOUNT_MAX
from selfkms.domain.iam.managed_policies import ManagedPolicy, PolicyVersion
from selfkms.domain.iam.tags import with_tags
from selfkms.domain.policy.document import PolicyKind
from selfkms.services.context import Context
from selfkms.services.iam.documents import checked_document
from selfkms.services.iam.in_turn import Part, in_turn, position_of_placed
from selfkms.services.iam.known_policies import own_policy
from selfkms.services.iam.paging import Page, Paged, page
from selfkms.services.iam.policy_usage import PolicyUsage
from selfkms.services.iam.tagging import TagEntry, check_tags, of_tagging, tag_entries, tags_of
from selfkms.services.iam.unique_ids import IDPrefix, unique_id
from selfkms.services.markers import Read, each, following, only
from selfkms.services.operation import Audit, Entity, EntityNamed, NewEntity, Operation
from selfkms.services.shapes import Shape


class PolicyEntry(Shape, frozen=True, kw_only=True):
    policy_name: str
    policy_id: str
    arn: str
    path: str
    default_version_id: str
    attachment_count: int
    permissions_boundary_usage_count: int
    is_attachable: bool
    create_date: float
    update_date: float
    description: str | None = None
    tags: tuple[TagEntry, ...] | None = None


class CreatePolicyRequest(Shape, frozen=True, kw_only=True):
    policy_name: str
    path: str = "/"
    policy_document: str
    description: str | None = None
    tags: tuple[TagEntry, ...] = ()


class PolicyNamedRequest(Shape, frozen=True, kw_only=True):
    """GetPolicy and DeletePolicy."""

    policy_arn: str


class ListPoliciesRequest(Paged, frozen=True, kw_only=True):
    scope: str = "All"
    only_attached: bool = False
    path_prefix: str = "/"
    policy_usage_filter: str | None = None


class PolicyResult(Shape, frozen=True, kw_only=True):
    """CreatePolicy and GetPolicy."""

    policy: PolicyEntry


class ListPoliciesResult(Page, frozen=True, kw_only=True):
    policies: tuple[PolicyEntry, ...]


def create_policy(request: CreatePolicyRequest, context: Context) -> PolicyResult:
    """Make a managed policy with its first version. The answer has no description, as on AWS.

    Raises:
        EntityAlreadyExistsException: the name is taken, case and path aside.
        LimitExceededException: longer than 6,144 characters, or the account has 1,500 managed policies.
        MalformedPolicyDocumentException: the document is no policy.
    """
    checked_document(request.policy_document, PolicyKind.IDENTITY)
    if context.database.managed_policy(context.account_id, request.policy_name) is not None:
        raise EntityAlreadyExistsException(
            f"A policy called {request.policy_name} already exists. Duplicate names are not allowed."
        )
    if sum(1 for _ in each(reading_policies(context), position=position_of_policy)) >= POLICIES_PER_ACCOUNT_MAX:
        raise LimitExceededException(f"Cannot exceed quota for PoliciesPerAccount: {POLICIES_PER_ACCOUNT_MAX}")
    version = PolicyVersion("v1", request.policy_document, context.now)
    policy = ManagedPolicy(
        account_id=context.account_id,
        policy_name=request.policy_name,
        policy_id=unique_id(IDPrefix.MANAGED_POLICY, context.entropy),
        created_at=context.now,
        updated_at=context.now,
        path=request.path,
        description=request.description,
        versions=(version,),
        default_version_id=version.version_id,
        tags=with_tags((), tags_of(request.tags)),
    )
    context.put(policy)
    return PolicyResult(policy=msgspec.structs.replace(policy_entry(policy), tags=tag_entries(policy.tags) or None))


def get_policy(
    _request: PolicyNamedRequest, policy: ManagedPolicy | AWSManagedPolicy, context: Context
) -> PolicyResult:
    """A managed policy with its description and its tags, without its document."""
    if isinstance(policy, AWSManagedPolicy):
        entry, tags = aws_policy_entry(policy, PolicyUsage.of_account(context)), None
    else:
        entry, tags = policy_entry(policy), tag_entries(policy.tags) or None
    return PolicyResult(policy=msgspec.structs.replace(entry, description=policy.description, tags=tags))


def delete_policy(_request: PolicyNamedRequest, policy: ManagedPolicy | AWSManagedPolicy, context: Context) -> None:
    """Delete a managed policy that nobody has and of which one version is left.

    Raises:
        AccessDenied: it is one of AWS.
        DeleteConflictException: it is attached or a permissions boundary, or has further versions.
    """
    policy = own_policy(policy)
    if policy.attachment_count or policy.boundary_count:
        raise DeleteConflictException("Cannot delete a policy attached to entities.")
    if len(policy.versions) > 1:
        raise DeleteConflictException(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's "
            "versions. The default version is deleted with the policy."
        )
    context.remove(policy)


def list_policies(request: ListPoliciesRequest, context: Context) -> ListPoliciesResult:
    """The managed policies of the account in the order of their names, then those of AWS; without tags, as on AWS."""
    parts: dict[str, Part] = {}
    if request.scope != "AWS":
        parts["Local"] = Part(reading_policies(context), position_of_policy)
    usage = None
    if request.scope != "Local":
        usage = PolicyUsage.of_account(context)
        parts["AWS"] = Part(following(sorted(AWS_MANAGED_POLICIES.values(), key=_name), position=_name), _name)

    def entry(policy: ManagedPolicy | AWSManagedPolicy) -> PolicyEntry:
        if isinstance(policy, ManagedPolicy):
            return policy_entry(policy)
        assert usage is not None, "policies of AWS are listed with their usage"
        return aws_policy_entry(policy, usage)

    read = only(in_turn(parts), lambda placed: _wanted(request, entry(placed.entry)), position=position_of_placed)
    listing = (
        f"ListPolicies {request.scope} {request.only_attached} {request.policy_usage_filter} {request.path_prefix}"
    )
    policies, marker = page(context, listing, request, read=read, position=position_of_placed)
    return ListPoliciesResult(
        policies=tuple(entry(placed.entry) for placed in policies), is_truncated=marker is not None, marker=marker
    )


def _wanted(request: ListPoliciesRequest, entry: PolicyEntry) -> bool:
    """Whether a policy passes the filters. One that is not used as a filter says does not pass it."""
    if not entry.path.startswith(request.path_prefix):
        return False
    uses = {
        "PermissionsPolicy": entry.attachment_count,
        "PermissionsBoundary": entry.permissions_boundary_usage_count,
    }
    if request.policy_usage_filter is not None:
        return uses[request.policy_usage_filter] > 0
    return entry.attachment_count > 0 or not request.only_attached


def policy_entry(policy: ManagedPolicy) -> PolicyEntry:
    """A managed policy of the account as listings show it."""
    return PolicyEntry(
        policy_name=policy.policy_name,
        policy_id=policy.policy_id,
        arn=policy.arn,
        path=policy.path,
        default_version_id=policy.default_version_id,
        attachment_count=policy.attachment_count,
        permissions_boundary_usage_count=policy.boundary_count,
        is_attachable=True,
        create_date=policy.created_at,
        update_date=policy.updated_at,
    )


def aws_policy_entry(policy: AWSManagedPolicy, usage: PolicyUsage) -> PolicyEntry:
    """A managed policy of AWS, with its uses in the account."""
    return PolicyEntry(
        policy_name=policy.policy_name,
        policy_id=policy.policy_id,
        arn=policy.arn,
        path=policy.path,
        default_version_id=policy.version_id,
        attachment_count=usage.attachments[policy.arn],
        permissions_boundary_usage_count=usage.boundaries[policy.arn],
        is_attachable=True,
        create_date=policy.created_at,
        update_date=policy.updated_at,
    )


def reading_policies(context: Context) -> Read[ManagedPolicy]:
    """The reading of all managed policies of the caller's account."""
    return lambda after, count: context.database.managed_policies(context.account_id, after=after, limit=count)


def position_of_policy(policy: ManagedPolicy) -> str:
    """Where a managed policy stands in listings."""
    return policy.policy_name.lower()


def tagging_too(request: Any) -> tuple[str, ...]:
    """CreatePolicy with tags needs the permission to tag, too."""
    return ("iam:TagPolicy",) if request.tags else ()


def _name(policy: AWSManagedPolicy) -> str:
    return policy.policy_name


POLICY_NAMED: Final = EntityNamed(Entity.POLICY, "policy_arn")

OPERATIONS: Final = (
    Operation(
        "CreatePolicy",
        service="iam",
        run=create_policy,
        request=CreatePolicyRequest,
        check=check_tags,
        targets=(NewEntity(Entity.POLICY, "policy_name"),),
        condition_keys=of_tagging,
        further_actions=tagging_too,
        writes=True,
        audit=Audit(
            parameters=("policy_name", "path", "policy_document", "description", "tags"),
            answers=("policy",),
            read_only=False,
        ),
    ),
    Operation(
        "GetPolicy",
        service="iam",
        run=get_policy,
        request=PolicyNamedRequest,
        targets=(POLICY_NAMED,),
        slow=True,
        audit=Audit(parameters=("policy_arn",)),
    ),
    Operation(
        "DeletePolicy",
        service="iam",
        run=delete_policy,
        request=PolicyNamedRequest,
        targets=(POLICY_NAMED,),
        writes=True,
        audit=Audit(parameters=("policy_arn",), read_only=False),
    ),
    Operation(
        "ListPolicies",
        service="iam",
        run=list_policies,
        request=ListPoliciesRequest,
        slow=True,
        audit=Audit(parameters=("scope", "only_attached", "path_prefix", "policy_usage_filter", "marker", "max_items")),
    ),
)

"""CreatePolicyVersion, GetPolicyVersion, DeletePolicyVersion, ListPolicyVersions, SetDefaultPolicyVersion.

Only the default version of a managed policy is in force; another one becomes the default at once for all who have it.

Source: IAM API Reference, the operations of these names; IAM User Guide, "Versioning IAM policies".
"""

from typing import Final

from selfkms.domain.iam.aws_managed_policies import AWSManagedPolicy
from selfkms.domain.iam.errors import DeleteConflictException, LimitExceededException, NoSuchEntityException
from selfkms.domain.iam.limits import VERSIONS_PER_POLICY_MAX
from selfkms.domain.iam.managed_policies import ManagedPolicy, PolicyVersion
from selfkms.domain.policy.document import PolicyKind
from selfkms.services.context import Context
from selfkms.services.iam.documents import checked_document, encoded
from selfkms.services.iam.known_policies import own_policy
from selfkms.services.iam.managed_policies import POLICY_NAMED
from selfkms.services.iam.paging import Page, Paged, page
from selfkms.services.markers import following
from selfkms.services.operation import Audit, Operation
from selfkms.services.shapes import Shape


class PolicyVersionEntry(Shape, frozen=True, kw_only=True):
    document: str | None = None
    """Percent-encoded."""
    version_id: str
    is_default_version: bool
    create_date: float


class CreatePolicyVersionRequest(Shape, frozen=True, kw_only=True):
    policy_arn: str
    policy_document: str
    set_as_default: bool = False


class PolicyVersionNamedRequest(Shape, frozen=True, kw_only=True):
    """GetPolicyVersion, DeletePolicyVersion, SetDefaultPolicyVersion."""

    policy_arn: str
    version_id: str


class ListPolicyVersionsRequest(Paged, frozen=True, kw_only=True):
    policy_arn: str


class PolicyVersionResult(Shape, frozen=True, kw_only=True):
    """CreatePolicyVersion and GetPolicyVersion."""

    policy_version: PolicyVersionEntry


class ListPolicyVersionsResult(Page, frozen=True, kw_only=True):
    versions: tuple[PolicyVersionEntry, ...]


def create_policy_version(
    request: CreatePolicyVersionRequest, policy: ManagedPolicy | AWSManagedPolicy, context: Context
) -> PolicyVersionResult:
    """Add a version to a managed policy. It is in force only if the request says so. The answer has no document.

    Raises:
        AccessDenied: the policy is one of AWS.
        LimitExceededException: longer than 6,144 characters, or the policy has five versions.
        MalformedPolicyDocumentException: the document is no policy.
    """
    policy = own_policy(policy)
    checked_document(request.policy_document, PolicyKind.IDENTITY)
    if len(policy.versions) >= VERSIONS_PER_POLICY_MAX:
        raise LimitExceededException(
            f"A managed policy can have up to {VERSIONS_PER_POLICY_MAX} versions. Before you create a new version, "
            "you must delete an existing version."
        )
    number = policy.versions_made + 1
    version = PolicyVersion(f"v{number}", request.policy_document, context.now)
    changed = policy.changed(
        versions=(*policy.versions, version),
        versions_made=number,
        updated_at=context.now,
        default_version_id=version.version_id if request.set_as_default else policy.default_version_id,
    )
    context.put(changed)
    return PolicyVersionResult(policy_version=version_entry(changed, version))


def get_policy_version(
    request: PolicyVersionNamedRequest, policy: ManagedPolicy | AWSManagedPolicy, _context: Context
) -> PolicyVersionResult:
    """A version with its document.

    Raises:
        NoSuchEntityException: the policy has no such version, or no longer.
    """
    version = _version(policy, request.version_id)
    return PolicyVersionResult(policy_version=version_entry(policy, version, with_document=True))


def delete_policy_version(
    request: PolicyVersionNamedRequest, policy: ManagedPolicy | AWSManagedPolicy, context: Context
) -> None:
    """Delete a version that is not in force.

    Raises:
        AccessDenied: the policy is one of AWS.
        DeleteConflictException: it is the default version.
        NoSuchEntityException: the policy has no such version.
    """
    policy = own_policy(policy)
    version = _version(policy, request.version_id)
    if version.version_id == policy.default_version_id:
        raise DeleteConflictException("Cannot delete the default version of a policy.")
    context.put(policy.changed(versions=tuple(kept for kept in policy.versions if kept is not version)))


def list_policy_versions(
    request: ListPolicyVersionsRequest, policy: ManagedPolicy | AWSManagedPolicy, context: Context
) -> ListPolicyVersionsResult:
    """The versions of a managed policy, the newest first, without their documents."""
    versions, marker = page(
        context,
        f"ListPolicyVersions {policy.policy_id}",
        request,
        read=following(versions_of(policy), position=_version_id),
        position=_version_id,
    )
    return ListPolicyVersionsResult(
        versions=tuple(version_entry(policy, version) for version in versions),
        is_truncated=marker is not None,
        marker=marker,
    )


def set_default_policy_version(
    request: PolicyVersionNamedRequest, policy: ManagedPolicy | AWSManagedPolicy, context: Context
) -> None:
    """Put a version in force.

    Raises:
        AccessDenied: the policy is one of AWS.
        NoSuchEntityException: the policy has no such version.
    """
    policy = own_policy(policy)
    context.put(policy.changed(default_version_id=_version(policy, request.version_id).version_id))


def versions_of(policy: ManagedPolicy | AWSManagedPolicy) -> tuple[PolicyVersion, ...]:
    """The versions of a managed policy, the newest first; of one of AWS the one that is in force."""
    if isinstance(policy, AWSManagedPolicy):
        return (PolicyVersion(policy.version_id, policy.document, policy.updated_at),)
    return policy.versions[::-1]


def version_entry(
    policy: ManagedPolicy | AWSManagedPolicy, version: PolicyVersion, *, with_document: bool = False
) -> PolicyVersionEntry:
    """A version for an answer."""
    default = policy.version_id if isinstance(policy, AWSManagedPolicy) else policy.default_version_id
    return PolicyVersionEntry(
        document=encoded(version.document) if with_document else None,
        version_id=version.version_id,
        is_default_version=version.version_id == default,
        create_date=version.created_at,
    )


def _version(policy: ManagedPolicy | AWSManagedPolicy, version_id: str) -> PolicyVersion:
    for version in versions_of(policy):
        if version.version_id == version_id:
            return version
    raise NoSuchEntityException(f"Policy {policy.arn} version {version_id} does not exist or is not attachable.")


def _version_id(version: PolicyVersion) -> str:
    return version.version_id


OPERATIONS: Final = (
    Operation(
        "CreatePolicyVersion",
        service="iam",
        run=create_policy_version,
        request=CreatePolicyVersionRequest,
        targets=(POLICY_NAMED,),
        writes=True,
        audit=Audit(
            parameters=("policy_arn", "policy_document", "set_as_default"),
            answers=("policy_version",),
            read_only=False,
        ),
    ),
    Operation(
        "GetPolicyVersion",
        service="iam",
        run=get_policy_version,
        request=PolicyVersionNamedRequest,
        targets=(POLICY_NAMED,),
        audit=Audit(parameters=("policy_arn", "version_id")),
    ),
    Operation(
        "DeletePolicyVersion",
        service="iam",
        run=delete_policy_version,
        request=PolicyVersionNamedRequest,
        targets=(POLICY_NAMED,),
        writes=True,
        audit=Audit(parameters=("policy_arn", "version_id"), read_only=False),
    ),
    Operation(
        "ListPolicyVersions",
        service="iam",
        run=list_policy_versions,
        request=ListPolicyVersionsRequest,
        targets=(POLICY_NAMED,),
        audit=Audit(parameters=("policy_arn", "marker", "max_items")),
    ),
    Operation(
        "SetDefaultPolicyVersion",
        service="iam",
        run=set_default_policy_version,
        request=PolicyVersionNamedRequest,
        targets=(POLICY_NAMED,),
        writes=True,
        audit=Audit(parameters=("policy_arn", "version_id"), read_only=False),
    ),
)

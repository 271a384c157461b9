"""SimulateCustomPolicy, SimulatePrincipalPolicy: what policies would decide, without any request being made.

Source: IAM API Reference, the operations of these names, "EvaluationResult"; texts of errors as recorded from AWS.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from selfkms.domain.arns import ARN, is_account_id
from selfkms.domain.iam.callers import Caller, CallerKind
from selfkms.domain.iam.errors import InvalidInputException
from selfkms.domain.iam.limits import LISTING
from selfkms.domain.iam.principals import Role
from selfkms.domain.policy.document import PolicyKind
from selfkms.domain.policy.evaluate import Identity
from selfkms.services.context import Context
from selfkms.services.iam.context_keys import context_keys
from selfkms.services.iam.paging import Paged, page
from selfkms.services.iam.principal_sources import PRINCIPAL_TARGETS, check_principal
from selfkms.services.iam.simulated_context import ContextEntry, facts_given
from selfkms.services.iam.simulated_policies import (
    HeldPolicies,
    PrincipalARN,
    SimulatedPolicy,
    SourceType,
    given_policies,
    parsed,
)
from selfkms.services.iam.simulated_request import EVERYTHING, Simulation, simulate
from selfkms.services.iam.simulation_results import MATCHED_STATEMENTS_MAX, SimulatePolicyResult, evaluation_result
from selfkms.services.operation import Audit, Operation
from selfkms.services.shapes import Shape

# Ours: characters of policies that one page of results may take through the verdict. Made to be slow, that is a second.
WORK_A_PAGE_MAX: Final = 10_000_000
# Ours: statements and context keys that one page of results may show.
ENTRIES_A_PAGE_MAX: Final = 50_000


class OrganizationPolicies(Shape, frozen=True, kw_only=True):
    service_control_policy_input_list: tuple[str, ...] = ()


class SimulateRequest(Paged, frozen=True, kw_only=True):
    """What both take."""

    permissions_boundary_policy_input_list: tuple[str, ...] = ()
    action_names: tuple[str, ...]
    resource_arns: tuple[str, ...] = (EVERYTHING,)
    resource_policy: str | None = None
    resource_owner: str | None = None
    caller_arn: str | None = None
    context_entries: tuple[ContextEntry, ...] = ()
    resource_handling_option: str | None = None
    """Of EC2 alone: it changes nothing."""


class SimulateCustomPolicyRequest(SimulateRequest, frozen=True, kw_only=True):
    policy_input_list: tuple[str, ...]
    ordered_organization_policy_input_list: tuple[OrganizationPolicies, ...] = ()


class SimulatePrincipalPolicyRequest(SimulateRequest, frozen=True, kw_only=True):
    policy_source_arn: str
    policy_input_list: tuple[str, ...] = ()
    policy_exclusion_list: tuple[dict[str, Any], ...] = ()


def simulate_custom_policy(request: SimulateCustomPolicyRequest, context: Context) -> SimulatePolicyResult:
    """What policies given as text decide.

    Raises:
        InvalidInputException: a parameter that cannot be simulated.
    """
    if request.ordered_organization_policy_input_list:
        raise InvalidInputException("OrderedOrganizationPolicyInputList is not supported: there are no organizations.")
    if request.resource_policy is not None and request.caller_arn is None:
        raise InvalidInputException("CallerArn is required if ResourcePolicy is given.")
    identity = Identity(
        caller=_caller(request.caller_arn, context),
        policies=given_policies(request.policy_input_list, "PolicyInputList", SourceType.IDENTITY),
        boundary=_boundary_given(request),
    )
    return _simulated("SimulateCustomPolicy", request, identity, context)


def simulate_principal_policy(request: SimulatePrincipalPolicyRequest, context: Context) -> SimulatePolicyResult:
    """What the policies of a user with its groups, of a group or a role decide, together with policies given as text.

    Raises:
        InvalidInputException: a parameter that cannot be simulated, or a principal of another account.
        NoSuchEntityException: there is no such principal.
    """
    if request.policy_exclusion_list:
        raise InvalidInputException("PolicyExclusionList is not supported.")
    principal = PrincipalARN.parse(request.policy_source_arn).existing(context)
    held = HeldPolicies(context)
    given = given_policies(request.policy_input_list, "PolicyInputList", SourceType.IDENTITY)
    identity = Identity(
        caller=_caller(request.caller_arn or request.policy_source_arn, context),
        policies=(*held.of(principal), *given),
        boundary=_boundary_given(request) or held.boundary_of(principal),
    )
    return _simulated("SimulatePrincipalPolicy", request, identity, context)


def _simulated(listing: str, request: SimulateRequest, identity: Identity, context: Context) -> SimulatePolicyResult:
    _check_actions(request.action_names)
    _check_resources(request.resource_arns)
    resource_policy = None
    if request.resource_policy is not None:
        policy = parsed(request.resource_policy, PolicyKind.KEY)
        resource_policy = SimulatedPolicy("ResourcePolicy", policy, request.resource_policy, SourceType.RESOURCE)
    simulation = Simulation(
        identity=identity,
        resource_policy=resource_policy,
        resource_owner=_owner(request.resource_owner),
        facts=facts_given(request.context_entries),
    )
    texts = [policy.text for policy in _documents(simulation)]
    given = {name.lower() for name in simulation.facts}
    missing = tuple(key for key in context_keys(texts) if key.lower() not in given)
    numbers = range(len(request.action_names))
    found, marker = page(
        context,
        listing,
        msgspec.structs.replace(request, max_items=_page_length(simulation, texts, missing, request)),
        read=lambda after, count: numbers[int(after) + 1 if after else 0 :][:count],
        position=str,
    )
    return SimulatePolicyResult(
        evaluation_results=tuple(
            evaluation_result(
                request.action_names[number],
                [simulate(simulation, request.action_names[number], resource) for resource in request.resource_arns],
                missing,
            )
            for number in found
        ),
        is_truncated=marker is not None,
        marker=marker,
    )


def _documents(simulation: Simulation) -> list[SimulatedPolicy]:
    documents = [*simulation.identity.policies, simulation.identity.boundary, simulation.resource_policy]
    return [document for document in documents if isinstance(document, SimulatedPolicy)]


def _page_length(simulation: Simulation, texts: Sequence[str], missing: Sequence[str], request: SimulateRequest) -> int:
    """How many actions one page may have: AWS, too, may give fewer than were asked for.

    Raises:
        InvalidInputException: already one would take too long.
    """
    values = max((len(fact) for fact in simulation.facts.values() if isinstance(fact, tuple)), default=1)
    work = sum(map(len, texts)) * values * len(request.resource_arns)
    entries = (len(missing) + MATCHED_STATEMENTS_MAX) * len(request.resource_arns)
    affordable = min(WORK_A_PAGE_MAX // max(work, 1), ENTRIES_A_PAGE_MAX // max(entries, 1))
    if not affordable:
        raise InvalidInputException("The policies, resources and context values are too many for one simulation.")
    return min(request.max_items or LISTING.default, affordable)


def _boundary_given(request: SimulateRequest) -> SimulatedPolicy | None:
    parameter = "PermissionsBoundaryPolicyInputList"
    given = given_policies(request.permissions_boundary_policy_input_list, parameter, SourceType.BOUNDARY)
    if len(given) > 1:
        raise InvalidInputException("Only one permissions boundary policy may be given.")
    return given[0] if given else None


def _caller(arn: str | None, context: Context) -> Caller:
    """The simulated caller: a user, a group, or some session of a role, which need not exist.

    Raises:
        InvalidInputException: the ARN is of something else.
    """
    if arn is None:
        return Caller(kind=CallerKind.USER, account_id=context.account_id, principal_id="", arn="", access_key_id="")
    named = PrincipalARN.parse(arn)
    existing = named.entity(context)
    if named.kind != "role":
        unique_id = getattr(existing, "user_id", "")
        return Caller(
            kind=CallerKind.USER, account_id=named.account_id, principal_id=unique_id, arn=arn, access_key_id=""
        )
    role = existing if isinstance(existing, Role) else _role(named)
    # The session has no ARN: a resource policy names the role, or it does not name the caller.
    return Caller(
        kind=CallerKind.ROLE,
        account_id=named.account_id,
        principal_id=role.role_id,
        arn="",
        access_key_id="",
        role=role,
    )


def _role(named: PrincipalARN) -> Role:
    return Role(
        account_id=named.account_id,
        created_at=0.0,
        path=named.path,
        role_name=named.name,
        role_id="",
        trust_policy="",
    )


def _owner(arn: str | None) -> str | None:
    owner = None if arn is None else ARN.parse(arn)
    if arn is None:
        return None
    if owner is None or owner.service != "iam" or owner.resource != "root" or not is_account_id(owner.account_id):
        raise InvalidInputException(f"'{arn}' is not a valid as a Resource Owner.")
    return owner.account_id


def _check_actions(names: Sequence[str]) -> None:
    for name in names:
        service, _, action = name.partition(":")
        if not service or not action or "*" in name or "?" in name or ":" in action:
            raise InvalidInputException(f"Invalid Input Actions: {name}")


def _check_resources(arns: Sequence[str]) -> None:
    wrong = [arn for arn in arns if arn != EVERYTHING and ARN.parse(arn) is None]
    if wrong:
        raise InvalidInputException(f"ResourceNames are not in a valid ARN format: {', '.join(wrong)}.")


_RECORDED: Final = (
    "policy_input_list",
    "permissions_boundary_policy_input_list",
    "action_names",
    "resource_arns",
    "resource_policy",
    "resource_owner",
    "caller_arn",
    "context_entries",
    "resource_handling_option",
    "max_items",
    "marker",
)

OPERATIONS: Final = (
    Operation(
        "SimulateCustomPolicy",
        service="iam",
        run=simulate_custom_policy,
        request=SimulateCustomPolicyRequest,
        slow=True,
        audit=Audit(parameters=_RECORDED),
    ),
    Operation(
        "SimulatePrincipalPolicy",
        service="iam",
        run=simulate_principal_policy,
        request=SimulatePrincipalPolicyRequest,
        check=check_principal,
        targets=PRINCIPAL_TARGETS,
        slow=True,
        audit=Audit(parameters=("policy_source_arn", *_RECORDED)),
    ),
)

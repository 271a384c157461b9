"""The answers of the policy simulator: one result an action, which sums up its resources.

Source: IAM API Reference, "EvaluationResult", "ResourceSpecificResult", "Statement".
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from selfkms.domain.arns import ARN
from selfkms.domain.policy.document import Statement
from selfkms.domain.policy.evaluate import Document, Found
from selfkms.services.iam.paging import Page
from selfkms.services.iam.simulated_policies import SimulatedPolicy
from selfkms.services.iam.simulated_request import EVERYTHING, Simulated, Verdict
from selfkms.services.iam.statement_positions import Position
from selfkms.services.shapes import Shape

# Service Authorization Reference, "Resource types defined by" AWS KMS and IAM. With `aws` for the partition: answers
# were seen so.
_TEMPLATES: Final = {
    ("kms", "key"): "arn:aws:kms:${Region}:${Account}:key/${KeyId}",
    ("kms", "alias"): "arn:aws:kms:${Region}:${Account}:alias/${Alias}",
    ("iam", "user"): "arn:aws:iam::${Account}:user/${UserNameWithPath}",
    ("iam", "group"): "arn:aws:iam::${Account}:group/${GroupNameWithPath}",
    ("iam", "role"): "arn:aws:iam::${Account}:role/${RoleNameWithPath}",
    ("iam", "policy"): "arn:aws:iam::${Account}:policy/${PolicyNameWithPath}",
    ("iam", "oidc-provider"): "arn:aws:iam::${Account}:oidc-provider/${OidcProviderName}",
}


MATCHED_STATEMENTS_MAX: Final = 20
"""Ours: the first of each result are shown. Policies that match with hundreds would make answers of many megabytes."""


class PositionEntry(Shape, frozen=True, kw_only=True):
    line: int
    column: int


class StatementEntry(Shape, frozen=True, kw_only=True):
    source_policy_id: str
    source_policy_type: str
    start_position: PositionEntry | None = None
    end_position: PositionEntry | None = None


class PermissionsBoundaryDecisionDetail(Shape, frozen=True, kw_only=True):
    allowed_by_permissions_boundary: bool


class ResourceSpecificResult(Shape, frozen=True, kw_only=True):
    eval_resource_name: str
    eval_resource_decision: str
    matched_statements: tuple[StatementEntry, ...]
    missing_context_values: tuple[str, ...]
    eval_decision_details: dict[str, str] | None = None
    permissions_boundary_decision_detail: PermissionsBoundaryDecisionDetail | None = None


class EvaluationResult(Shape, frozen=True, kw_only=True):
    eval_action_name: str
    eval_resource_name: str
    eval_decision: str
    matched_statements: tuple[StatementEntry, ...]
    missing_context_values: tuple[str, ...]
    eval_decision_details: dict[str, str] | None = None
    """Empty within one account; None if no resource was named."""
    permissions_boundary_decision_detail: PermissionsBoundaryDecisionDetail | None = None
    resource_specific_results: tuple[ResourceSpecificResult, ...] | None = None


class SimulatePolicyResult(Page, frozen=True, kw_only=True):
    evaluation_results: tuple[EvaluationResult, ...]


def evaluation_result(action: str, simulated: Sequence[Simulated], missing: tuple[str, ...]) -> EvaluationResult:
    """The result of an action on all resources: the most restrictive decision, and what led to it.

    Args:
        action: its name, as the request has it.
        simulated: what came of it on each resource.
        missing: the condition keys of all policies that the request gives no values for.
    """
    verdict = max(one.verdict for one in simulated)
    # Statements that allow, but not enough, are shown at the resource alone.
    contributed = [one for one in simulated if one.verdict is verdict and verdict is not Verdict.IMPLICIT_DENY]
    named = [one.resource for one in simulated] != [EVERYTHING]
    return EvaluationResult(
        eval_action_name=action,
        eval_resource_name=_template([one.resource for one in simulated]),
        eval_decision=verdict.written,
        matched_statements=_statements(found for one in contributed for found in one.matched),
        missing_context_values=missing,
        eval_decision_details=_strictest(simulated) if named else None,
        permissions_boundary_decision_detail=_boundary([one.allowed_by_boundary for one in simulated]),
        resource_specific_results=tuple(_specific(one, missing) for one in simulated) if named else None,
    )


def _specific(one: Simulated, missing: tuple[str, ...]) -> ResourceSpecificResult:
    return ResourceSpecificResult(
        eval_resource_name=one.resource,
        eval_resource_decision=one.verdict.written,
        matched_statements=_statements(one.matched),
        missing_context_values=missing,
        eval_decision_details=None if one.by_type is None else _strictest([one]),
        permissions_boundary_decision_detail=_boundary([one.allowed_by_boundary]),
    )


def _template(resources: Sequence[str]) -> str:
    """The form of the resources' ARNs, where it is known and one; else `*`."""
    found = {_TEMPLATES.get(_resource_type(resource), EVERYTHING) for resource in resources}
    return found.pop() if len(found) == 1 else EVERYTHING


def _resource_type(resource: str) -> tuple[str, str]:
    parsed = ARN.parse(resource)
    return ("", "") if parsed is None else (parsed.service, parsed.resource.partition("/")[0])


def _strictest(simulated: Iterable[Simulated]) -> dict[str, str]:
    """For each kind of policy its most restrictive decision."""
    found: dict[str, Verdict] = {}
    for one in simulated:
        for kind, verdict in (one.by_type or {}).items():
            found[str(kind)] = max(verdict, found.get(str(kind), verdict))
    return {kind: verdict.written for kind, verdict in found.items()}


def _boundary(allowed: Sequence[bool | None]) -> PermissionsBoundaryDecisionDetail | None:
    known = [one for one in allowed if one is not None]
    return PermissionsBoundaryDecisionDetail(allowed_by_permissions_boundary=all(known)) if known else None


def _statements(found: Iterable[Found]) -> tuple[StatementEntry, ...]:
    """The statements, each once."""
    each = {(id(document), statement.number): (document, statement) for document, statement in found}
    return tuple(_entry(document, statement) for document, statement in islice(each.values(), MATCHED_STATEMENTS_MAX))


def _entry(document: Document, statement: Statement) -> StatementEntry:
    assert isinstance(document, SimulatedPolicy), "a simulation has no other documents"
    known = statement.number < len(document.spans)
    start, end = document.spans[statement.number] if known else (None, None)
    return StatementEntry(
        source_policy_id=document.name,
        source_policy_type=document.source_type,
        start_position=_position(start),
        end_position=_position(end),
    )


def _position(position: Position | None) -> PositionEntry | None:
    return None if position is None else PositionEntry(line=position.line, column=position.column)

"""One simulated permission: what the policies say of one action on one resource.

The verdict is that of `domain.policy.evaluate`, which also decides requests in earnest. Resources other than KMS keys
are let through by an identity policy alone where their own policy says nothing; a KMS key never is.

Source: IAM User Guide, "Policy evaluation logic"; IAM API Reference, "EvaluationResult", "ResourceSpecificResult".
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final

import msgspec

from selfkms.domain.arns import ARN
from selfkms.domain.policy.document import Statement
from selfkms.domain.policy.evaluate import (
    Document,
    Found,
    Identity,
    Question,
    ResourceSide,
    Why,
    decide,
    name_caller,
)
from selfkms.domain.policy.facts import Fact, Facts
from selfkms.services.iam.simulated_policies import SimulatedPolicy, SourceType

EVERYTHING: Final = "*"
"""The resource of a simulation that names none."""


class Verdict(IntEnum):
    """A decision; the greater one is the more restrictive."""

    ALLOWED = 0
    IMPLICIT_DENY = 1
    EXPLICIT_DENY = 2

    @property
    def written(self) -> str:
        """As answers have it."""
        return ("allowed", "implicitDeny", "explicitDeny")[self]


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """All that the permissions of one request to the simulator have in common."""

    identity: Identity
    resource_policy: SimulatedPolicy | None
    resource_owner: str | None
    """Account ID, of resources whose ARNs name none; None: the account of the caller."""
    facts: Mapping[str, Fact]

    def owner_of(self, resource: str) -> str:
        """The account that a resource belongs to."""
        parsed = ARN.parse(resource)
        named = "" if parsed is None else parsed.account_id
        return named or self.resource_owner or self.identity.caller.account_id


class Simulated(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one action on one resource."""

    resource: str
    verdict: Verdict
    matched: tuple[Found, ...]
    """The statements that deny, where one does; else those that allow, be it enough or not."""
    allowed_by_boundary: bool | None
    """None: there is no permissions boundary."""
    by_type: Mapping[str, Verdict] | None
    """What each kind of policy says, if the resource is of another account and has a policy; else None."""


def simulate(simulation: Simulation, action: str, resource: str) -> Simulated:
    """Decide one permission."""
    identity = simulation.identity
    facts = Facts.of(simulation.facts)
    question = Question(action=action, resource=resource, facts=facts, resource_facts=Facts.of(simulation.facts))
    side = _side(simulation, resource)
    decision = decide(identity, question, side)
    if decision.why is Why.NOT_IN_RESOURCE and not _is_kms(action):
        decision = decide(identity, question, None)
    by_identity = _concerning(identity.policies, question)
    boundary = () if identity.boundary is None else _concerning((identity.boundary,), question)
    _, allowing, denying = (None, None, None) if side is None else name_caller(side, identity, question)
    by_resource = [found for found in (allowing, denying) if found is not None]
    denials = [found for found in (*by_identity, *boundary, *by_resource) if not found[1].allows]
    allows = [found for found in (*by_identity, *by_resource) if found[1].allows]
    verdict = Verdict.ALLOWED
    if not decision.allowed:
        verdict = Verdict.EXPLICIT_DENY if decision.statement is not None else Verdict.IMPLICIT_DENY
    foreign = side is not None and side.owner != identity.caller.account_id
    by_type: dict[str, Verdict] = {
        SourceType.IDENTITY: _weighed(by_identity),
        SourceType.RESOURCE: _weighed(by_resource),
    }
    if identity.boundary is not None:
        by_type[SourceType.BOUNDARY] = _weighed(boundary)
    return Simulated(
        resource=resource,
        verdict=verdict,
        matched=tuple(denials or allows),
        allowed_by_boundary=None if identity.boundary is None else _weighed(boundary) is Verdict.ALLOWED,
        by_type=by_type if foreign else None,
    )


def _side(simulation: Simulation, resource: str) -> ResourceSide | None:
    if simulation.resource_policy is None:
        return None
    # What exists is not looked up, so there are no unique IDs to compare.
    return ResourceSide(policy=simulation.resource_policy, owner=simulation.owner_of(resource), principal_ids={})


def _is_kms(action: str) -> bool:
    return action.lower().startswith("kms:")


def _concerning(documents: Iterable[Document], question: Question) -> tuple[Found, ...]:
    """All statements about a question."""
    return tuple((document, statement) for document in documents for statement in _statements(document, question))


def _statements(document: Document, question: Question) -> Iterable[Statement]:
    for statement in document.policy.statements:
        if statement.concerns(question.action, question.resource, question.facts):
            yield statement


def _weighed(found: Iterable[Found]) -> Verdict:
    effects = {statement.allows for _, statement in found}
    if False in effects:
        return Verdict.EXPLICIT_DENY
    return Verdict.ALLOWED if True in effects else Verdict.IMPLICIT_DENY

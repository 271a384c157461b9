"""A decision taken apart: what each document and the grants say, and which statements came near. Pure, like `evaluate`.

Nothing here decides: the functions that do are asked, each part for itself.
"""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import msgspec

from selfkms.domain.arns import root_arn
from selfkms.domain.iam.callers import Caller, CallerKind
from selfkms.domain.kms.grants import Grant
from selfkms.domain.policy.conditions import Condition
from selfkms.domain.policy.document import Policy, Statement
from selfkms.domain.policy.evaluate import (
    Decision,
    Document,
    Found,
    Identity,
    Named,
    Question,
    ResourceSide,
    Why,
    decide,
    how_named,
    name_caller,
    weigh,
)
from selfkms.domain.policy.facts import Fact, Facts
from selfkms.domain.policy.patterns import Pattern

_NAMED: Final = {
    Named.DIRECTLY: "which names the caller",
    Named.ROLE: "which names the role",
    Named.ACCOUNT: "which names the account",
}
_MISSING: Final = {
    Why.NOT_IN_RESOURCE: "the key policy, which does not let the caller in, and no grant does",
    Why.NOT_IN_TRUST: "the trust policy, which does not let the caller in",
    Why.NOT_IN_IDENTITY: "the IAM policies, which do not allow it",
    Why.NOT_IN_BOUNDARY: "the permissions boundary, which does not allow it",
    Why.NOT_IN_SESSION: "the session policies, which do not allow it",
    Why.FOREIGN: "the key policy, which does not let the caller in from another account, and no grant does",
}
_SHOWN_RESOURCES: Final = 3


class Says(StrEnum):
    """What one part says."""

    ALLOWS = "allows"
    DENIES = "denies"
    NOTHING = "says nothing"
    NONE = "none"
    """There is none, so that it neither allows nor limits."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one part of the decision says."""

    part: str
    says: Says
    by: str = ""
    """The statement, or the grant."""
    near: tuple[str, ...] = ()
    """What would allow, but for the conditions, resources or principals named here."""


class Overlaid(Facts):
    """Facts of which some are given by whoever asks; with an allowance of comparisons of its own.

    The allowance is one request's. Whoever decides a request many times gives each time facts of its own.
    """

    __slots__ = ("_below", "_given")

    def __init__(self, below: Facts, given: Mapping[str, Fact] | None = None) -> None:
        super().__init__(dict)
        self._below = below
        self._given = Facts.of(given or {})

    def get(self, name_lower: str) -> Fact | None:
        """What is given wins."""
        found = self._given.get(name_lower)
        return self._below.get(name_lower) if found is None else found


def afresh(question: Question) -> Question:
    """The same question, to be decided once more."""
    return msgspec.structs.replace(
        question, facts=Overlaid(question.facts), resource_facts=Overlaid(question.resource_facts)
    )


def decided_by(identity: Identity, question: Question, resource: ResourceSide | None, decision: Decision) -> str:
    """What a decision comes of, in words: the statements, the grant, or what is missing."""
    if decision.why is not None:
        return _MISSING[decision.why] if decision.statement is None else _name_of(decision)
    if decision.grant is not None:
        return f"grant {decision.grant.grant_id}"
    if resource is None:
        return "the root user needs no IAM policy" if decision.statement is None else _name_of(decision)
    named, _, _ = name_caller(resource, identity, question)
    assert named is not None, "only a resource policy that names the caller allows"
    by = f"{_name_of(decision)}, {_NAMED[named]}"
    alone = resource.owner == identity.caller.account_id and named is not Named.ACCOUNT
    if alone:
        return by
    _, allowing = weigh(identity.policies, question)
    return f"{by}; the root user needs no IAM policy" if allowing is None else f"{by}; {statement_name(*allowing)}"


def _name_of(decision: Decision) -> str:
    assert decision.document is not None
    assert decision.statement is not None
    return statement_name(decision.document, decision.statement)


def statement_name(document: Document, statement: Statement) -> str:
    """`statement 2 (Sid) of the key policy`; counted from 1."""
    sid = f" ({statement.sid})" if statement.sid else ""
    return f"statement {statement.number + 1}{sid} of {document.name}"


def parts_of(identity: Identity, question: Question, resource: ResourceSide | None) -> tuple[Part, ...]:
    """What each part says, whatever the others do."""
    parts = [] if resource is None else [_resource_part(identity, question, resource)]
    if identity.caller.kind is CallerKind.ROOT:
        parts.append(Part(part="IAM policies", says=Says.NONE, by="the root user needs none"))
    else:
        parts.append(_identity_part("IAM policies", identity.policies, question))
    for name, documents in (
        ("permissions boundary", None if identity.boundary is None else (identity.boundary,)),
        ("session policies", identity.session),
    ):
        none = Part(part=name, says=Says.NONE)
        parts.append(none if documents is None else _identity_part(name, documents, question))
    if resource is not None and resource.grants_to is not None:
        parts.append(_grants_part(identity, question, resource))
    return tuple(parts)


def _resource_part(identity: Identity, question: Question, resource: ResourceSide) -> Part:
    named, allowing, denying = name_caller(resource, identity, question)
    name = "trust policy" if resource.is_role else "key policy"
    if denying is not None:
        return Part(part=name, says=Says.DENIES, by=statement_name(*denying))
    near = [
        *_near_texts((resource.policy,), question, question.resource_facts, resource, identity.caller),
        *_earlier(resource, identity.caller, question),
    ]
    if named is None or allowing is None:
        return Part(part=name, says=Says.NOTHING, near=tuple(near))
    return Part(part=name, says=Says.ALLOWS, by=f"{statement_name(*allowing)}, {_NAMED[named]}")


def _identity_part(name: str, documents: Sequence[Document], question: Question) -> Part:
    denying, allowing = weigh(documents, question)
    if denying is not None:
        return Part(part=name, says=Says.DENIES, by=statement_name(*denying))
    if allowing is not None:
        return Part(part=name, says=Says.ALLOWS, by=statement_name(*allowing))
    near = [*_near_texts(documents, question, question.facts), *_on_other_resources(documents, question)]
    return Part(part=name, says=Says.NOTHING, near=tuple(near))


def _grants_part(identity: Identity, question: Question, resource: ResourceSide) -> Part:
    grant = covering_grant(identity, question, resource)
    if grant is not None:
        return Part(part="grants", says=Says.ALLOWS, by=f"grant {grant.grant_id}")
    near = [
        f"grant {near.grant_id}: its constraint is not met: {constraint_text(near)}"
        for near in grants_near(identity.caller, question, resource)
    ]
    near += [
        f"grant {earlier.grant_id}: names an earlier user or role of this ARN, deleted since"
        for earlier in _earlier_grants(identity.caller, question, resource)
    ]
    return Part(part="grants", says=Says.NOTHING, near=tuple(near))


def near_misses(
    documents: Sequence[Document],
    question: Question,
    facts: Facts,
    resource: ResourceSide | None = None,
    caller: Caller | None = None,
) -> Iterator[tuple[Found, tuple[Condition, ...]]]:
    """Allow statements whose action, resource and principals fit, and whose conditions do not, with these conditions.

    Args:
        documents: of one part.
        question: the permission.
        facts: those that count for these documents.
        resource: whose policy it is, if it is a resource policy.
        caller: whom a resource policy must name.
    """
    for document in documents:
        for statement in document.policy.statements:
            if not statement.allows or not _fits(statement, question, facts):
                continue
            if resource is not None and caller is not None:
                principals = statement.principals
                if principals is None or how_named(principals, caller, resource.principal_ids) is None:
                    continue
            unmet = tuple(c for c in statement.conditions if not c.holds(facts, allows=True))
            if unmet:
                yield (document, statement), unmet


def _fits(statement: Statement, question: Question, facts: Facts) -> bool:
    service = question.action.partition(":")[0].lower()
    return statement.names_action(question.action) and statement.covers(question.resource, facts, service=service)


def _near_texts(
    documents: Sequence[Document],
    question: Question,
    facts: Facts,
    resource: ResourceSide | None = None,
    caller: Caller | None = None,
) -> Iterator[str]:
    for found, unmet in near_misses(documents, question, facts, resource, caller):
        yield f"{statement_name(*found)}: not met: {conditions_text(unmet)}"


def _on_other_resources(documents: Sequence[Document], question: Question) -> Iterator[str]:
    for document in documents:
        for statement in document.policy.statements:
            names = statement.allows and statement.names_action(question.action)
            if names and not _fits(statement, question, question.facts):
                shown = ", ".join(statement.resources.written[:_SHOWN_RESOURCES])
                more = ", …" if len(statement.resources.written) > _SHOWN_RESOURCES else ""
                but = "every resource but " if statement.resources.negated else "other resources: "
                yield f"{statement_name(document, statement)}: about {but}{shown}{more}"


def _earlier(resource: ResourceSide, caller: Caller, question: Question) -> Iterator[str]:
    """Statements that name who had the caller's ARN when the policy was written: a user or role deleted since."""
    for statement in resource.policy.policy.statements:
        principals = statement.principals
        if principals is None or not statement.allows or not _fits(statement, question, question.resource_facts):
            continue
        if how_named(principals, caller, resource.principal_ids) is None and how_named(principals, caller, {}):
            yield (
                f"{statement_name(resource.policy, statement)}: names an earlier user or role of this ARN, "
                "deleted since; it counts anew once the policy is written again"
            )


def covering_grant(identity: Identity, question: Question, resource: ResourceSide) -> Grant | None:
    """A grant that covers the request, whatever the documents deny."""
    documents = [*identity.policies, *(identity.session or ())] + ([identity.boundary] if identity.boundary else [])
    undenied = {id(document): Document(document.name, _allowing(document.policy)) for document in documents}
    alone = msgspec.structs.replace(
        identity,
        policies=tuple(undenied[id(document)] for document in identity.policies),
        boundary=None if identity.boundary is None else undenied[id(identity.boundary)],
        session=None if identity.session is None else tuple(undenied[id(document)] for document in identity.session),
    )
    silent = msgspec.structs.replace(resource, policy=Document(resource.policy.name, Policy(())))
    return decide(alone, question, silent).grant


def _allowing(policy: Policy) -> Policy:
    return Policy(tuple(statement for statement in policy.statements if statement.allows))


def grants_near(caller: Caller, question: Question, resource: ResourceSide) -> Iterator[Grant]:
    """Grants to the caller that have the operation, and whose constraint is not met: CreateGrant by its new grant."""
    if resource.grants_to is None:
        return
    operation = question.action.partition(":")[2]
    for grantee in grantees(caller):
        for grant in resource.grants_to(grantee):
            if operation not in grant.operations:
                continue
            new = question.new_grant
            wider = new is not None and not grant.covers_child(new.operations, new.constraints)
            if wider or not grant.permits(operation, question.encryption_context):
                yield grant


def _earlier_grants(caller: Caller, question: Question, resource: ResourceSide) -> Iterator[Grant]:
    """Grants that would cover the request, had the caller not been made anew since."""
    if resource.grants_to is None or caller.kind is CallerKind.ROOT:
        return
    operation = question.action.partition(":")[2]
    for grantee in grantees(caller):
        for grant in resource.grants_to(grantee):
            behind = caller.iam_user.user_id if caller.iam_user is not None else caller.unique_id
            same = grant.grantee_id in (None, caller.unique_id, behind)
            if not same and grant.permits(operation, question.encryption_context):
                yield grant


def grantees(caller: Caller) -> list[str]:
    """The ARNs by which a grant may name a caller itself."""
    if caller.kind is CallerKind.ROOT:
        return [root_arn(caller.account_id)]
    behind = (
        caller.role.arn if caller.role is not None else caller.iam_user.arn if caller.iam_user is not None else None
    )
    return [caller.arn] if behind in (None, caller.arn) else [caller.arn, behind]


def constraint_text(grant: Grant) -> str:
    """The constraint of a grant: as AWS's API writes it."""
    return msgspec.json.encode(grant.constraints).decode()


def conditions_text(conditions: Sequence[Condition]) -> str:
    """Conditions in one line, as near to how they were written as their compiled form still tells."""
    return ", ".join(_condition_text(condition) for condition in conditions)


def _condition_text(condition: Condition) -> str:
    prefix = f"{condition.set_operator.value}:" if condition.set_operator is not None else ""
    if_exists = "IfExists" if condition.if_exists else ""
    values = [_value_text(value) for value in condition.values]
    # Dates are kept as seconds and patterns in pieces: the statement that is named shows them.
    shown = [value for value in values if value is not None and not condition.operator.startswith("Date")]
    of = f" {' or '.join(shown)}" if shown and len(shown) == len(values) else ""
    return f"{prefix}{condition.operator}{if_exists} {condition.key}{of}"


def _value_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | Decimal | ipaddress.IPv4Network | ipaddress.IPv6Network):
        return str(value)
    return value.literal if isinstance(value, Pattern) else None

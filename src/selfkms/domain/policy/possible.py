"""Whether a principal could ever be permitted, whatever else it puts into its request, and on which conditions.

A request is decided twice. First with every condition that hangs on the request counted against the caller: what is
allowed then is always allowed. Then with each counted for it: Allow statements as if they were met, Deny statements as
if they were not. What is allowed only then is allowed on conditions, which are named; whether one request can meet all
of them is not found out.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from selfkms.domain.kms.grants import Grant
from selfkms.domain.policy.conditions import Condition
from selfkms.domain.policy.document import Policy, Statement
from selfkms.domain.policy.evaluate import (
    Decision,
    Document,
    Identity,
    Named,
    Question,
    ResourceSide,
    decide,
    name_caller,
    weigh,
)
from selfkms.domain.policy.explain import (
    afresh,
    conditions_text,
    constraint_text,
    decided_by,
    grants_near,
    statement_name,
)
from selfkms.domain.policy.variables import ARNTemplate, Template, Variable

Settled = Callable[[str], bool]
"""Whether a condition key, in small letters, has the same value in every request of the caller on the key."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How a principal comes by a permission."""

    by: str
    conditions: tuple[str, ...] = ()
    """What a request must meet besides, each with the statement or grant that asks for it; none: every request may."""


def way_of(identity: Identity, question: Question, resource: ResourceSide, *, settled: Settled) -> Way | None:
    """How a caller comes by a permission on a KMS key, or None if it never does.

    Args:
        identity: the caller.
        question: the permission, with the facts that are settled and an empty encryption context, which meets the
            constraint of no grant; of CreateGrant, with a new grant without operations and constraints.
        resource: the key.
        settled: tells which conditions can be decided now.
    """
    always = _counted_against(identity, resource, settled)
    decision = decide(always.identity, afresh(question), always.resource)
    if decision.allowed:
        by = decided_by(always.identity, afresh(question), always.resource, decision)
        return Way(by=by, conditions=tuple(_no_wider(question, decision)))
    at_best = _counted_for(identity, resource, settled)
    decision = decide(at_best.identity, afresh(question), at_best.resource)
    if not decision.allowed:
        return None
    return Way(
        by=decided_by(at_best.identity, afresh(question), at_best.resource, decision),
        conditions=(
            *_no_wider(question, decision),
            *_asked(at_best, afresh(question), decision, _Sides(identity, resource), settled),
            *_unless(identity, question, resource, settled),
        ),
    )


def _no_wider(question: Question, decision: Decision) -> Iterator[str]:
    """What a grant of CreateGrant asks of the grants that are made by it."""
    if question.action == "kms:CreateGrant" and decision.grant is not None:
        operations = ", ".join(decision.grant.operations)
        yield f"grant {decision.grant.grant_id}: the new grant has no other operations than {operations}"


class _Sides(NamedTuple):
    identity: Identity
    resource: ResourceSide


def _adapted(identity: Identity, resource: ResourceSide, adapt: Callable[[Policy], Policy]) -> _Sides:
    def of(document: Document) -> Document:
        return Document(document.name, adapt(document.policy))

    return _Sides(
        msgspec.structs.replace(
            identity,
            policies=tuple(map(of, identity.policies)),
            boundary=None if identity.boundary is None else of(identity.boundary),
            session=None if identity.session is None else tuple(map(of, identity.session)),
        ),
        msgspec.structs.replace(resource, policy=of(resource.policy)),
    )


def _counted_against(identity: Identity, resource: ResourceSide, settled: Settled) -> _Sides:
    """Allow statements with open conditions left out, and those of Deny statements taken as met."""

    def adapt(policy: Policy) -> Policy:
        kept = (s for s in policy.statements if not s.allows or not open_conditions(s, settled))
        return Policy(tuple(s if s.allows else _settled_part(s, settled) for s in kept))

    return _adapted(identity, resource, adapt)


def _counted_for(identity: Identity, resource: ResourceSide, settled: Settled) -> _Sides:
    """Deny statements with open conditions left out; those of Allow statements, and constraints of grants, as met.

    Statements without open conditions come first, so that they are named if one of them will do.
    """

    def adapt(policy: Policy) -> Policy:
        kept = [s for s in policy.statements if s.allows or not open_conditions(s, settled)]
        kept.sort(key=lambda statement: bool(open_conditions(statement, settled)))
        return Policy(tuple(_settled_part(s, settled) if s.allows else s for s in kept))

    def first(document: Document) -> Document:
        kept = (s for s in document.policy.statements if s.allows and not open_conditions(s, settled))
        return Document(document.name, Policy(tuple(kept)))

    best, unbound = _adapted(identity, resource, adapt)
    return _Sides(
        msgspec.structs.replace(best, policies=(*map(first, identity.policies), *best.policies)),
        msgspec.structs.replace(unbound, grants_to=_unbound(resource)),
    )


def _settled_part(statement: Statement, settled: Settled) -> Statement:
    left = open_conditions(statement, settled)
    return msgspec.structs.replace(statement, conditions=tuple(c for c in statement.conditions if c not in left))


def open_conditions(statement: Statement, settled: Settled) -> tuple[Condition, ...]:
    """The conditions of a statement that hang on the request."""
    return tuple(c for c in statement.conditions if not all(map(settled, _keys_of(c))))


def _keys_of(condition: Condition) -> Iterator[str]:
    yield condition.key
    for value in condition.values if condition.variable else ():
        templates = (
            value.components if isinstance(value, ARNTemplate) else (value,) if isinstance(value, Template) else ()
        )
        for template in templates:
            yield from (piece.name for piece in template.pieces if isinstance(piece, Variable))


def _unbound(resource: ResourceSide) -> Callable[[str], Sequence[Grant]] | None:
    """The grants, without what their constraints ask of the encryption context."""
    given = resource.grants_to
    if given is None:
        return None

    def grants_to(grantee: str) -> Sequence[Grant]:
        # One with a source ARN permits nobody who calls us: no request has an aws:SourceArn.
        return [
            grant if grant.constraints is None or grant.constraints.source_arn else grant.changed(constraints=None)
            for grant in given(grantee)
        ]

    return grants_to


def _asked(
    at_best: _Sides, question: Question, decision: Decision, original: _Sides, settled: Settled
) -> Iterator[str]:
    """What the statements or the grant that decided ask of the request."""
    identity, resource = at_best
    if decision.grant is not None:
        for grant in grants_near(identity.caller, question, original.resource):
            if grant.grant_id == decision.grant.grant_id:
                yield f"grant {grant.grant_id}: {constraint_text(grant)}"
        return
    named, of_key, _ = name_caller(resource, identity, question)
    own = resource.owner == identity.caller.account_id
    deciding = [of_key]
    if not own or named is Named.ACCOUNT:
        deciding.append(weigh(identity.policies, question)[1])
    if not own or named is not Named.DIRECTLY:
        deciding += [weigh(documents, question)[1] for documents in _limits(identity)]
    documents = _documents(original)
    for found in deciding:
        for document, statement in documents:
            if found is not None and (document.name, statement.number) == (found[0].name, found[1].number):
                conditions = open_conditions(statement, settled)
                if conditions:
                    yield f"{statement_name(document, statement)}: {conditions_text(conditions)}"


def _limits(identity: Identity) -> list[Sequence[Document]]:
    boundary: list[Sequence[Document]] = [] if identity.boundary is None else [(identity.boundary,)]
    return boundary if identity.session is None else [*boundary, identity.session]


def _documents(sides: _Sides) -> list[tuple[Document, Statement]]:
    """Each statement of each document, with it."""
    identity, resource = sides
    limits = [document for documents in _limits(identity) for document in documents]
    return [
        (document, s) for document in (resource.policy, *identity.policies, *limits) for s in document.policy.statements
    ]


def _unless(identity: Identity, question: Question, resource: ResourceSide, settled: Settled) -> Iterator[str]:
    """Deny statements that would end it if their conditions held."""
    for document, statement in _documents(_Sides(identity, resource)):
        conditions = open_conditions(statement, settled)
        if statement.allows or not conditions:
            continue
        only = Document(document.name, Policy((_settled_part(statement, settled),)))
        if document is resource.policy:
            about = msgspec.structs.replace(resource, policy=only)
            _, _, denying = name_caller(about, identity, afresh(question))
        else:
            denying, _ = weigh((only,), afresh(question))
        if denying is not None:
            yield f"unless {statement_name(document, statement)} applies: {conditions_text(conditions)}"

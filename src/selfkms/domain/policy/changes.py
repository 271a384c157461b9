"""What would flip a decision, found by trying: a change is made to the documents, and the decision is asked again.

A change is proposed only if that came out as wanted, and only together with others that it cannot do without.
"""

import itertools
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec

from selfkms.domain.arns import root_arn
from selfkms.domain.iam.callers import CallerKind
from selfkms.domain.policy.document import Policy
from selfkms.domain.policy.edits import (
    Edit,
    Sides,
    adding_to_boundary,
    adding_to_iam_policies,
    adding_to_key_policy,
    adding_to_session_policies,
    detaching,
    granting,
    new_grant,
    removing,
    replacing,
    revoking,
)
from selfkms.domain.policy.evaluate import Document, Found, Identity, Question, ResourceSide, decide, name_caller
from selfkms.domain.policy.explain import (
    afresh,
    conditions_text,
    constraint_text,
    covering_grant,
    grants_near,
    near_misses,
    statement_name,
)

_TOGETHER_MAX: Final = 4
"""Key policy, IAM policy, permissions boundary and session policies: no more is ever missing at once."""
_OF_A_KIND_MAX: Final = 4
"""So that the search ends soon, however many statements there are; what is left untried is not proposed."""
_PROPOSED_MAX: Final = 8
_OF_AWS: Final = "arn:aws:iam::aws:policy/"


class Doing(StrEnum):
    """What is to be done."""

    REMOVE_STATEMENT = "remove-statement"
    DETACH_POLICY = "detach-policy"
    MEET_CONDITIONS = "meet-conditions"
    ALLOW_IN_KEY_POLICY = "allow-in-key-policy"
    ALLOW_IN_IAM_POLICY = "allow-in-iam-policy"
    ALLOW_IN_BOUNDARY = "allow-in-boundary"
    ALLOW_IN_SESSION_POLICY = "allow-in-session-policy"
    DENY_IN_KEY_POLICY = "deny-in-key-policy"
    DENY_IN_IAM_POLICY = "deny-in-iam-policy"
    CREATE_GRANT = "create-grant"
    REVOKE_GRANT = "revoke-grant"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do."""

    doing: Doing
    text: str
    """A sentence for people, without its full stop."""
    statement: dict[str, Any] | None = None
    """The statement to add, as it would stand in the policy."""


class _Candidate(NamedTuple):
    change: Change
    make: Edit


def changes_of(
    identity: Identity, question: Question, resource: ResourceSide | None, *, grantable: bool
) -> tuple[tuple[Change, ...], ...]:
    """Changes that would flip the decision, the smallest first; each by itself, all of its steps together.

    Args:
        identity: the caller.
        question: the permission.
        resource: the KMS key, if there is one.
        grantable: whether a grant on the key may have the operation.
    """
    sides = Sides(identity, resource)
    if _allowed(sides, question):
        return _search(sides, question, (), list(_refusals(sides, question)))
    denials = tuple(_without_denials(sides, question))
    near = itertools.islice(_near(sides, question), _OF_A_KIND_MAX)
    candidates = [*near, *_permissions(sides, question, grantable=grantable)]
    return _search(sides, question, denials, candidates)


def _allowed(sides: Sides, question: Question) -> bool:
    return decide(sides.identity, afresh(question), sides.resource).allowed


def _search(
    sides: Sides, question: Question, first: Sequence[_Candidate], candidates: Sequence[_Candidate]
) -> tuple[tuple[Change, ...], ...]:
    """The smallest sets of candidates that flip the decision together with `first`, none of which holds another."""
    wanted = not _allowed(sides, question)
    for candidate in first:
        sides = candidate.make(sides)
    found: list[tuple[int, ...]] = []
    for size in range(_TOGETHER_MAX + 1):
        for chosen in itertools.combinations(range(len(candidates)), size):
            if any(set(smaller) <= set(chosen) for smaller in found):
                continue
            changed = sides
            for place in chosen:
                changed = candidates[place].make(changed)
            if _allowed(changed, question) is wanted:
                found.append(chosen)
    return tuple(
        tuple(c.change for c in (*first, *(candidates[place] for place in chosen))) for chosen in found[:_PROPOSED_MAX]
    )


def _without_denials(sides: Sides, question: Question) -> Iterator[_Candidate]:
    """Every Deny that concerns the request must go, or its conditions must not hold."""
    for found, concerns in _statements(sides, question):
        document, statement = found
        if statement.allows or not concerns:
            continue
        text = f"remove {statement_name(document, statement)}, which denies it"
        if statement.conditions:
            text += f"; or see that one of its conditions does not hold: {conditions_text(statement.conditions)}"
        yield _Candidate(Change(doing=Doing.REMOVE_STATEMENT, text=text), removing(document.name, statement))


def _refusals(sides: Sides, question: Question) -> Iterator[_Candidate]:
    """What ends a permission. Last, what would end it for others, too: a statement less in the key policy."""
    yield from itertools.islice(_removals(sides, question, of_resource=False), _OF_A_KIND_MAX)
    yield from itertools.islice(_revocations(sides, question), _OF_A_KIND_MAX)
    yield from _denials(sides, question)
    yield from itertools.islice(_removals(sides, question, of_resource=True), _OF_A_KIND_MAX)


def _removals(sides: Sides, question: Question, *, of_resource: bool) -> Iterator[_Candidate]:
    """Each statement that allows, taken away."""
    for (document, statement), concerns in _statements(sides, question, limits=False):
        in_resource = sides.resource is not None and document is sides.resource.policy
        if not statement.allows or not concerns or in_resource is not of_resource:
            continue
        if document.name.startswith(_OF_AWS):
            change = Change(doing=Doing.DETACH_POLICY, text=f"detach {document.name}")
            yield _Candidate(change, detaching(document.name))
        else:
            change = Change(doing=Doing.REMOVE_STATEMENT, text=f"remove {statement_name(document, statement)}")
            yield _Candidate(change, removing(document.name, statement))


def _revocations(sides: Sides, question: Question) -> Iterator[_Candidate]:
    """Each grant that covers the request, taken away."""
    while sides.resource is not None and (grant := covering_grant(sides.identity, afresh(question), sides.resource)):
        change = Change(doing=Doing.REVOKE_GRANT, text=f"revoke grant {grant.grant_id}")
        candidate = _Candidate(change, revoking(grant))
        sides = candidate.make(sides)
        yield candidate


def _statements(sides: Sides, question: Question, *, limits: bool = True) -> Iterator[tuple[Found, bool]]:
    """Every statement, with whether it is about this request; of boundary and session policies if `limits`."""
    identity, resource = sides
    if resource is not None:
        for statement in resource.policy.policy.statements:
            alone = msgspec.structs.replace(resource, policy=Document(resource.policy.name, Policy((statement,))))
            named, _, denying = name_caller(alone, identity, afresh(question))
            yield (resource.policy, statement), named is not None or denying is not None
    documents = [*identity.policies]
    if limits:
        documents += [*([identity.boundary] if identity.boundary else []), *(identity.session or ())]
    for document in documents:
        for statement in document.policy.statements:
            asked = afresh(question)
            yield (document, statement), statement.concerns(asked.action, asked.resource, asked.facts)


def _near(sides: Sides, question: Question) -> Iterator[_Candidate]:
    """Statements and grants that would allow it, taken as if their conditions held."""
    identity, resource = sides
    misses = (
        []
        if resource is None
        else [*near_misses((resource.policy,), question, question.resource_facts, resource, identity.caller)]
    )
    boundary = () if identity.boundary is None else (identity.boundary,)
    for documents in (identity.policies, boundary, identity.session or ()):
        misses += near_misses(documents, question, question.facts)
    for (document, statement), unmet in misses:
        text = f"meet the conditions of {statement_name(document, statement)}: {conditions_text(unmet)}"
        met = msgspec.structs.replace(statement, conditions=tuple(c for c in statement.conditions if c not in unmet))
        yield _Candidate(Change(doing=Doing.MEET_CONDITIONS, text=text), replacing(document.name, statement, met))
    for grant in () if resource is None else grants_near(identity.caller, question, resource):
        if grant.constraints is not None and grant.constraints.source_arn is not None:
            # Nobody who calls us has an aws:SourceArn.
            continue
        text = f"meet the constraint of grant {grant.grant_id}: {constraint_text(grant)}"
        yield _Candidate(Change(doing=Doing.MEET_CONDITIONS, text=text), granting(grant.changed(constraints=None)))


def _permissions(sides: Sides, question: Question, *, grantable: bool) -> Iterator[_Candidate]:
    """The permissions that may be missing, given."""
    identity, resource = sides
    caller, action = identity.caller, question.action
    whom = caller.principal_arn
    statement = {"Effect": "Allow", "Action": action, "Resource": question.resource}
    if caller.kind is not CallerKind.ROOT:
        text = f"give {whom} an IAM policy that allows it"
        change = Change(doing=Doing.ALLOW_IN_IAM_POLICY, text=text, statement=statement)
        yield _Candidate(change, adding_to_iam_policies(statement))
    if resource is not None:
        of_key = {"Effect": "Allow", "Principal": {"AWS": whom}, "Action": action, "Resource": "*"}
        text = f"let the key policy allow it to {whom}"
        change = Change(doing=Doing.ALLOW_IN_KEY_POLICY, text=text, statement=of_key)
        yield _Candidate(change, adding_to_key_policy(of_key, whom))
    if resource is not None and grantable:
        change = Change(doing=Doing.CREATE_GRANT, text=f"make a grant of {action.partition(':')[2]} to {whom}")
        yield _Candidate(change, granting(new_grant(question, whom)))
    if identity.boundary is not None:
        text = f"let the permissions boundary {identity.boundary.name} allow it"
        change = Change(doing=Doing.ALLOW_IN_BOUNDARY, text=text, statement=statement)
        yield _Candidate(change, adding_to_boundary(statement))
    if identity.session is not None:
        text = "ask for a session whose session policies allow it"
        change = Change(doing=Doing.ALLOW_IN_SESSION_POLICY, text=text, statement=statement)
        yield _Candidate(change, adding_to_session_policies(statement))


def _denials(sides: Sides, question: Question) -> Iterator[_Candidate]:
    """A Deny ends it, whatever allows."""
    caller = sides.identity.caller
    whom = caller.principal_arn
    if sides.resource is None:
        if caller.kind is not CallerKind.ROOT:
            statement: dict[str, Any] = {"Effect": "Deny", "Action": question.action, "Resource": question.resource}
            change = Change(
                doing=Doing.DENY_IN_IAM_POLICY, text=f"give {whom} an IAM policy that denies it", statement=statement
            )
            yield _Candidate(change, adding_to_iam_policies(statement))
        return
    statement = {"Effect": "Deny", "Principal": {"AWS": whom}, "Action": question.action, "Resource": "*"}
    if caller.kind is CallerKind.ROOT:
        # The ARN of the root user is the account's, too: alone it would deny everybody in it.
        statement["Condition"] = {"ArnEquals": {"aws:PrincipalArn": root_arn(caller.account_id)}}
    change = Change(doing=Doing.DENY_IN_KEY_POLICY, text=f"let the key policy deny it to {whom}", statement=statement)
    yield _Candidate(change, adding_to_key_policy(statement, whom))

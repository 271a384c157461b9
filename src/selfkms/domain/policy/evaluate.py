"""The verdict: what the documents and grants that concern a request give together. Pure: everything comes in as data.

1. An explicit Deny in any document ends it.
2. A resource policy (key policy, trust policy) must let the caller in. How it names the caller says what else it takes:

   | named | same account | another account |
   | --- | --- | --- |
   | directly (the user, the very session, `*`) | nothing | identity, boundary and session policies |
   | the role of the session | boundary and session policies | the same |
   | the account | identity, boundary and session policies | the same |

   The root user needs no identity policy.
3. Or a grant on the key covers the request.
4. Where there is no resource policy, identity, boundary and session policies decide.

Source: IAM User Guide, "Policy evaluation logic", "How AWS enforcement code logic evaluates requests"; KMS developer
guide, "Determining access to AWS KMS keys".
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, IntEnum
from typing import Final

import msgspec

from selfkms.domain.arns import root_arn
from selfkms.domain.iam.callers import Caller, CallerKind
from selfkms.domain.kms.grants import Grant, GrantConstraints
from selfkms.domain.policy.document import Policy, Principals, Statement
from selfkms.domain.policy.facts import Facts


class Why(Enum):
    """The reason of a refusal, in AWS's words; `{action}` is the permission that was asked for."""

    DENIED_BY_RESOURCE = "with an explicit deny in a resource-based policy"
    DENIED_BY_IDENTITY = "with an explicit deny in an identity-based policy"
    DENIED_BY_BOUNDARY = "with an explicit deny in a permissions boundary"
    DENIED_BY_SESSION = "with an explicit deny in a session policy"
    NOT_IN_RESOURCE = "because no resource-based policy allows the {action} action"
    NOT_IN_TRUST = "because no role trust policy allows the {action} action"
    NOT_IN_IDENTITY = "because no identity-based policy allows the {action} action"
    NOT_IN_BOUNDARY = "because no permissions boundary allows the {action} action"
    NOT_IN_SESSION = "because no session policy allows the {action} action"
    FOREIGN = (
        "because the resource does not exist in this Region, no resource-based policies allow access, "
        "or a resource-based policy explicitly denies access"
    )


class Document(msgspec.Struct, frozen=True):
    """A policy, and the name by which people know it."""

    name: str
    policy: Policy


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A caller with the documents of the identity side."""

    caller: Caller
    policies: tuple[Document, ...] = ()
    """Of the user and its groups, or of the role."""
    boundary: Document | None = None
    session: tuple[Document, ...] | None = None
    """Session policies; None: the session was not limited by any."""
    gathered: object | None = None
    """Stands for all documents, and for the user or the role: the same object for as long as none of them changed.
    None: nobody knows."""


class NewGrant(msgspec.Struct, frozen=True):
    """What a request to CreateGrant wants to give away."""

    operations: tuple[str, ...]
    constraints: GrantConstraints | None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One permission on one resource."""

    action: str
    """`kms:Encrypt`"""
    resource: str
    """ARN, or `*` for an operation without resource."""
    facts: Facts
    """For identity, boundary and session policies."""
    resource_facts: Facts
    """For resource policies: without the tags and aliases of the resource, which count on the identity side alone."""
    encryption_context: Mapping[str, str] | None = None
    """For the constraints of grants; None: the operation has none."""
    new_grant: NewGrant | None = None
    """For CreateGrant: on the strength of a grant it may only give away what that grant has."""


class ResourceSide(msgspec.Struct, frozen=True, kw_only=True):
    """A resource with a policy of its own: a KMS key, or a role with its trust policy."""

    policy: Document
    owner: str
    """Account ID."""
    principal_ids: Mapping[str, str]
    """Unique IDs of the users and roles that the policy names by ARN."""
    is_role: bool = False
    grants_to: Callable[[str], Sequence[Grant]] | None = None
    """The grants on the key for a grantee, by its ARN."""


class Decision(msgspec.Struct, frozen=True):
    """Allowed (`why` is None) or refused, and what decided: a statement of a document, or a grant."""

    why: Why | None
    document: Document | None = None
    statement: Statement | None = None
    grant: Grant | None = None

    @property
    def allowed(self) -> bool:
        """Whether the request may go on."""
        return self.why is None


class Named(IntEnum):
    """How a resource policy names a caller; the highest counts."""

    ACCOUNT = 1
    ROLE = 2
    DIRECTLY = 3


Found = tuple[Document, Statement]

_Weighed = tuple[Found | None, Found | None]
"""The first Deny and the first Allow."""

_NOTHING: Final[_Weighed] = (None, None)


def decide(identity: Identity, question: Question, resource: ResourceSide | None) -> Decision:
    """The verdict on one permission."""
    policies, boundary, session = _weigh_identity(identity, question)
    limits = _limits(identity, boundary[1], session[1])
    may = policies[1] is not None or identity.caller.is_root
    if resource is None:
        denial = _denial(policies[0], boundary[0], session[0])
        return denial or (_allowed(policies[1]) if may and limits is None else _missing(limits if may else None))
    named, allowing, denying = name_caller(resource, identity, question)
    foreign = resource.owner != identity.caller.account_id
    enough = (named is Named.DIRECTLY and not foreign) or (
        limits is None and named is not None and (may or (named is Named.ROLE and not foreign))
    )
    # Where the documents are enough, no grant is looked for.
    grant = None
    if not enough:
        grant = _grant(resource, identity, question, delegated=may and limits is None)
    if foreign and (denying is not None or (named is None and grant is None)):
        # Before what the caller's own policies deny: with their conditions it would learn about a resource of others.
        return Decision(Why.FOREIGN, *(denying or ()))
    denial = _denial(policies[0], boundary[0], session[0], of_resource=denying)
    if denial is not None:
        return denial
    if enough:
        return _allowed(allowing)
    if grant is not None:
        return Decision(None, grant=grant)
    if named is None:
        return Decision(Why.NOT_IN_TRUST if resource.is_role else Why.NOT_IN_RESOURCE)
    return _missing(limits if may or (named is Named.ROLE and not foreign) else None)


def _denial(
    identity: Found | None, boundary: Found | None, session: Found | None, *, of_resource: Found | None = None
) -> Decision | None:
    """The refusal by the first explicit Deny, if there is any."""
    if of_resource is not None:
        return Decision(Why.DENIED_BY_RESOURCE, *of_resource)
    if identity is not None:
        return Decision(Why.DENIED_BY_IDENTITY, *identity)
    if boundary is not None:
        return Decision(Why.DENIED_BY_BOUNDARY, *boundary)
    return None if session is None else Decision(Why.DENIED_BY_SESSION, *session)


def _missing(limits: Why | None) -> Decision:
    """The refusal for want of an Allow: of the identity policies, or where these allow, of what limits them."""
    return Decision(limits if limits is not None else Why.NOT_IN_IDENTITY)


def _weigh_identity(identity: Identity, question: Question) -> tuple[_Weighed, _Weighed, _Weighed]:
    """Of identity policies, of the boundary, and of session policies."""
    boundary = weigh((identity.boundary,), question) if identity.boundary is not None else _NOTHING
    session = weigh(identity.session, question) if identity.session is not None else _NOTHING
    return weigh(identity.policies, question), boundary, session


def weigh(documents: Sequence[Document], question: Question) -> _Weighed:
    """The first Deny and the first Allow of documents of the identity side that concern a question."""
    allowing: Found | None = None
    for document in documents:
        for statement in document.policy.naming(question.action):
            if statement.allows and allowing is not None:
                continue
            if statement.applies(question.action, question.resource, question.facts):
                if not statement.allows:
                    return (document, statement), allowing
                allowing = (document, statement)
    return None, allowing


def name_caller(
    resource: ResourceSide, identity: Identity, question: Question
) -> tuple[Named | None, Found | None, Found | None]:
    """How a resource policy lets the caller in, with the statement that does; and the first statement that denies."""
    best: Named | None = None
    allowing: Found | None = None
    for statement in resource.policy.policy.naming(question.action):
        if statement.principals is None:
            continue
        if not statement.allows:
            if _denies(statement.principals, identity, resource.principal_ids) and statement.applies(
                question.action, question.resource, question.resource_facts
            ):
                return best, allowing, (resource.policy, statement)
            continue
        named = how_named(statement.principals, identity.caller, resource.principal_ids)
        better = named is not None and (best is None or named > best)
        if better and statement.applies(question.action, question.resource, question.resource_facts):
            best, allowing = named, (resource.policy, statement)
    return best, allowing, None


def how_named(principals: Principals, caller: Caller, principal_ids: Mapping[str, str]) -> Named | None:
    """How the principals of a statement name a caller.

    A user or a role that was made anew under an old name is not the one that was named: unique IDs are compared, where
    they are known. NotPrincipal names nobody here: together with Allow it would let in all the world but a few.
    """
    if principals.negated:
        return None
    if caller.service is not None and caller.kind is CallerKind.SERVICE:
        return Named.DIRECTLY if caller.service in principals.services else None
    if caller.web_identity is not None:
        # By its provider alone: `*` must not let everybody on the internet in who has a token of it.
        return Named.DIRECTLY if caller.web_identity.provider_arn in principals.federated else None
    if principals.everyone:
        return Named.DIRECTLY
    entries = principals.aws
    if caller.kind is not CallerKind.ROOT:
        by_arn = _named_by_arn(entries, caller.arn, caller, principal_ids)
        if by_arn or (caller.kind is CallerKind.USER and _named_by_id(entries, caller.unique_id, principal_ids)):
            return Named.DIRECTLY
        holder = _holder(caller)
        if holder is not None:
            by_arn = _named_by_arn(entries, holder[0], caller, principal_ids)
            if by_arn or _named_by_id(entries, holder[1], principal_ids):
                return Named.ROLE
    if caller.account_id in entries or root_arn(caller.account_id) in entries:
        return Named.ACCOUNT
    return None


def _named_by_arn(entries: frozenset[str], arn: str, caller: Caller, principal_ids: Mapping[str, str]) -> bool:
    if arn not in entries:
        return False
    holder = _holder(caller)
    return principal_ids.get(arn) in (None, caller.unique_id, holder[1] if holder is not None else None)


def _named_by_id(entries: frozenset[str], unique_id: str, principal_ids: Mapping[str, str]) -> bool:
    """Whether a user or a role is named by its unique ID, or by an ARN that was its own when the policy was written.

    A user who gets another name or path must not leave behind what denies it.
    """
    former = (arn for arn, recorded in principal_ids.items() if recorded == unique_id)
    return unique_id in entries or any(arn in entries for arn in former)


def _holder(caller: Caller) -> tuple[str, str] | None:
    """ARN and unique ID of what stands behind a session that its session policies limit: a role, or a user."""
    if caller.role is not None:
        return caller.role.arn, caller.role.role_id
    if caller.kind is CallerKind.FEDERATED and caller.iam_user is not None:
        return caller.iam_user.arn, caller.iam_user.user_id
    return None


def _denies(principals: Principals, identity: Identity, principal_ids: Mapping[str, str]) -> bool:
    """Whether a Deny is about this caller.

    NotPrincipal spares a caller only if each of its names is listed (the account, the role, the session), and
    nobody with a permissions boundary. Source: IAM User Guide, "AWS JSON policy elements: NotPrincipal".
    """
    caller = identity.caller
    if not principals.negated:
        # `*` lets in no service that calls for itself and no web identity, but keeps them out.
        return principals.everyone or how_named(principals, caller, principal_ids) is not None
    if caller.kind is CallerKind.SERVICE:
        return caller.service not in principals.services
    if caller.web_identity is not None:
        return caller.web_identity.provider_arn not in principals.federated
    if identity.boundary is not None:
        return True
    if not {caller.account_id, root_arn(caller.account_id)} & principals.aws:
        return True
    holder = _holder(caller)
    names = [caller.arn, *([holder[0]] if holder is not None else [])]
    if caller.kind is CallerKind.ROOT:
        names = []
    return not all(_named_by_arn(principals.aws, name, caller, principal_ids) for name in names)


def _limits(identity: Identity, boundary: Found | None, session: Found | None) -> Why | None:
    """What keeps the identity side from allowing, if anything does: a boundary or session policies without an Allow."""
    if identity.boundary is not None and boundary is None:
        return Why.NOT_IN_BOUNDARY
    if identity.session is not None and session is None:
        return Why.NOT_IN_SESSION
    return None


def _grant(resource: ResourceSide, identity: Identity, question: Question, *, delegated: bool) -> Grant | None:
    """A grant that covers the request.

    Args:
        resource: the KMS key.
        identity: the caller.
        question: the permission.
        delegated: whether the identity side allows: what a grant to an account as such asks for besides.
    """
    if resource.grants_to is None:
        return None
    caller = identity.caller
    grantees = [caller.arn] if caller.kind is not CallerKind.ROOT else []
    holder = _holder(caller)
    if holder is not None and (delegated or caller.kind is not CallerKind.FEDERATED):
        # A federated user has what its user has only as far as its session policies let it.
        grantees.append(holder[0])
    if delegated:
        grantees.append(root_arn(caller.account_id))
    operation = question.action.partition(":")[2]
    unique_ids = (None, caller.unique_id, holder[1] if holder is not None else None)
    for grantee in grantees:
        for grant in resource.grants_to(grantee):
            same = grant.grantee_id in unique_ids
            if same and grant.permits(operation, question.encryption_context) and _narrower(grant, question):
                return grant
    return None


def _narrower(parent: Grant, question: Question) -> bool:
    if question.action != "kms:CreateGrant":
        return True
    new = question.new_grant
    return new is not None and parent.covers_child(new.operations, new.constraints)


def _allowed(found: Found | None) -> Decision:
    return Decision(None) if found is None else Decision(None, *found)


def decide_on_retiring(identity: Identity, question: Question, grant: Grant | None, *, owner: str) -> Decision:
    """The verdict on RetireGrant, which the grant itself permits, and no key policy.

    1. Who is of another account and whom nothing below lets retire it is refused as if there were no such grant.
    2. An explicit Deny of the identity side ends it.
    3. The retiring principal may; the grantee, if RetireGrant is among its operations; the root user of the account
       that made the grant.
    4. An IAM policy that allows kms:RetireGrant counts for principals of an account that is itself the retiring
       principal, or that made the grant.

    Source: KMS developer guide, "Retiring and revoking grants"; AWS KMS API Reference, "RetireGrant".
    """
    policies, boundary, session = _weigh_identity(identity, question)
    permitted = policies[1] is not None and _limits(identity, boundary[1], session[1]) is None
    by_grant = grant is not None and _retires(identity.caller, grant, permitted=permitted)
    if owner != identity.caller.account_id and not by_grant:
        return Decision(Why.FOREIGN)
    denial = _denial(policies[0], boundary[0], session[0])
    if denial is not None:
        return denial
    return Decision(None, grant=grant) if by_grant else Decision(Why.NOT_IN_IDENTITY)


def _retires(caller: Caller, grant: Grant, *, permitted: bool) -> bool:
    """Whether a caller may retire a grant; `permitted`: by its IAM policies, where these count."""
    if _is_principal(caller, grant.retiring, grant.retiring_id):
        return True
    if "RetireGrant" in grant.operations and _is_principal(caller, grant.grantee, grant.grantee_id):
        return True
    of_account = root_arn(caller.account_id) in (grant.issuing_account, grant.retiring)
    return of_account and (permitted or caller.kind is CallerKind.ROOT)


def _is_principal(caller: Caller, arn: str | None, unique_id: str | None) -> bool:
    """Whether a grant names this caller: the user, the session, or the role of the session."""
    holder = _holder(caller) if caller.kind is not CallerKind.FEDERATED else None
    names = {caller.arn: caller.unique_id, **({holder[0]: holder[1]} if holder is not None else {})}
    return arn in names and unique_id in (None, caller.unique_id, names[arn])

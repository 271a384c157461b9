"""Changes to the documents and grants that a decision hangs on, made on paper, so that it can be asked again.

Each is the change that an API would make: a document is edited wherever it counts, a key policy that is written binds
its ARNs anew.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from selfkms.domain.arns import ARN, root_arn
from selfkms.domain.kms.grants import Grant
from selfkms.domain.policy.document import Policy, PolicyKind, Statement
from selfkms.domain.policy.evaluate import Document, Identity, Question, ResourceSide


class Sides(NamedTuple):
    """What a decision hangs on beside the question."""

    identity: Identity
    resource: ResourceSide | None


Edit = Callable[[Sides], Sides]


def removing(document_name: str, statement: Statement) -> Edit:
    """A statement less."""
    return replacing(document_name, statement, None)


def replacing(document_name: str, old: Statement, new: Statement | None) -> Edit:
    """A statement exchanged wherever its document counts: a managed policy may be attached and be the boundary, too."""

    def edited(document: Document) -> Document:
        if document.name != document_name:
            return document
        statements = (new if s.number == old.number else s for s in document.policy.statements)
        return Document(document.name, Policy(tuple(s for s in statements if s is not None)))

    def make(sides: Sides) -> Sides:
        identity, resource = sides
        return Sides(
            msgspec.structs.replace(
                identity,
                policies=tuple(map(edited, identity.policies)),
                boundary=None if identity.boundary is None else edited(identity.boundary),
                session=None if identity.session is None else tuple(map(edited, identity.session)),
            ),
            None if resource is None else msgspec.structs.replace(resource, policy=edited(resource.policy)),
        )

    return make


def detaching(document_name: str) -> Edit:
    """An IAM policy less."""

    def make(sides: Sides) -> Sides:
        left = tuple(document for document in sides.identity.policies if document.name != document_name)
        return sides._replace(identity=msgspec.structs.replace(sides.identity, policies=left))

    return make


def adding_to_iam_policies(statement: dict[str, Any]) -> Edit:
    """One IAM policy more."""
    document = Document("what is added", Policy((_parsed(statement, PolicyKind.IDENTITY),)))

    def make(sides: Sides) -> Sides:
        policies = (*sides.identity.policies, document)
        return sides._replace(identity=msgspec.structs.replace(sides.identity, policies=policies))

    return make


def adding_to_session_policies(statement: dict[str, Any]) -> Edit:
    """One session policy more: any one of them that allows will do."""
    document = Document("what is added", Policy((_parsed(statement, PolicyKind.IDENTITY),)))

    def make(sides: Sides) -> Sides:
        session = (*(sides.identity.session or ()), document)
        return sides._replace(identity=msgspec.structs.replace(sides.identity, session=session))

    return make


def adding_to_boundary(statement: dict[str, Any]) -> Edit:
    """A statement more in the permissions boundary, which there is."""
    added = _parsed(statement, PolicyKind.IDENTITY)

    def make(sides: Sides) -> Sides:
        boundary = sides.identity.boundary
        assert boundary is not None
        more = Document(boundary.name, Policy((*boundary.policy.statements, added)))
        return sides._replace(identity=msgspec.structs.replace(sides.identity, boundary=more))

    return make


def adding_to_key_policy(statement: dict[str, Any], whom: str) -> Edit:
    """A statement about a principal more in the key policy."""
    added = _parsed(statement, PolicyKind.KEY)

    def make(sides: Sides) -> Sides:
        resource = sides.resource
        assert resource is not None
        # Whoever writes a key policy binds the ARNs in it to who has them now.
        bound = {arn: unique_id for arn, unique_id in resource.principal_ids.items() if arn != whom}
        policy = Document(resource.policy.name, Policy((*resource.policy.policy.statements, added)))
        return sides._replace(resource=msgspec.structs.replace(resource, policy=policy, principal_ids=bound))

    return make


def _parsed(statement: dict[str, Any], kind: PolicyKind) -> Statement:
    """Read as if it stood in a policy: what is proposed is what is decided on."""
    (parsed,) = Policy.parse(json.dumps({"Version": "2012-10-17", "Statement": [statement]}), kind).statements
    return msgspec.structs.replace(parsed, number=-1)


def new_grant(question: Question, grantee: str) -> Grant:
    """The grant as CreateGrant would make it, but for its ID."""
    key = ARN.parse(question.resource)
    assert key is not None, "a KMS key has an ARN"
    return Grant(
        account_id=key.account_id,
        region=key.region,
        key_id=key.resource.partition("/")[2],
        grant_id="",
        created_at=0.0,
        grantee=grantee,
        issuing_account=root_arn(key.account_id),
        operations=(question.action.partition(":")[2],),
    )


def granting(grant: Grant) -> Edit:
    """One grant more."""

    def make(sides: Sides) -> Sides:
        resource = sides.resource
        assert resource is not None
        before = resource.grants_to

        def grants_to(grantee: str) -> Sequence[Grant]:
            others = () if before is None else before(grantee)
            return (*others, grant) if grantee == grant.grantee else others

        return sides._replace(resource=msgspec.structs.replace(resource, grants_to=grants_to))

    return make


def revoking(grant: Grant) -> Edit:
    """One grant less."""

    def make(sides: Sides) -> Sides:
        resource = sides.resource
        assert resource is not None
        before = resource.grants_to
        assert before is not None
        return sides._replace(
            resource=msgspec.structs.replace(
                resource, grants_to=lambda grantee: [g for g in before(grantee) if g.grant_id != grant.grant_id]
            )
        )

    return make

"""What a decision is made of, put together by hand: callers, documents, grants and a KMS key's side."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from harness.policies import Statement
from selfkms.domain.arns import root_arn, user_arn
from selfkms.domain.iam.callers import Caller, CallerKind, Session
from selfkms.domain.iam.principals import Role, User
from selfkms.domain.kms.grants import Grant, GrantConstraints
from selfkms.domain.policy.document import Policy, PolicyKind
from selfkms.domain.policy.evaluate import Document, Identity, Question, ResourceSide
from selfkms.domain.policy.facts import Fact, Facts

OWNER: Final = "111122223333"
OTHER: Final = "444455556666"
KEY_ARN: Final = f"arn:aws:kms:us-east-1:{OWNER}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
DELEGATING: Final = {"Effect": "Allow", "Principal": {"AWS": root_arn(OWNER)}, "Action": "kms:*", "Resource": "*"}


def user(name: str = "bob", *, account_id: str = OWNER) -> Caller:
    """An IAM user."""
    record = User(account_id=account_id, user_name=name, user_id=f"AIDA{name.upper()}", created_at=0.0)
    return Caller.user(record, "")


def session(role_name: str = "reader", *, account_id: str = OWNER, name: str = "s1") -> Caller:
    """A session of a role."""
    role = Role(
        account_id=account_id,
        role_name=role_name,
        role_id=f"AROA{role_name.upper()}",
        created_at=0.0,
        trust_policy="",
    )
    made = Session(
        access_key_id="",
        kind=CallerKind.ROLE,
        account_id=account_id,
        issued_at=0.0,
        expires_at=1.0,
        holder_name=role_name,
        holder_id=role.role_id,
        name=name,
    )
    return Caller.assumed_role(role, made)


BOB: Final = user_arn(OWNER, "/", "bob")


def written(name: str, *statements: Statement, kind: PolicyKind = PolicyKind.IDENTITY) -> Document:
    """A document of these statements."""
    if not statements:
        return Document(name, Policy(()))
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return Document(name, Policy.parse(text, kind))


def identity(
    caller: Caller,
    *statements: Statement,
    boundary: Sequence[Statement] | None = None,
    session_policy: Sequence[Statement] | None = None,
) -> Identity:
    """A caller with one IAM policy of these statements."""
    return Identity(
        caller=caller,
        policies=(written("p0", *statements),) if statements else (),
        boundary=None if boundary is None else written("the boundary", *boundary),
        session=None if session_policy is None else (written("session policy", *session_policy),),
    )


def key_side(
    *statements: Statement, grants: Sequence[Grant] = (), principal_ids: Mapping[str, str] | None = None
) -> ResourceSide:
    """A KMS key with this key policy and these grants."""
    return ResourceSide(
        policy=written("the key policy", *statements, kind=PolicyKind.KEY),
        owner=OWNER,
        principal_ids=principal_ids or {},
        grants_to=lambda grantee: [grant for grant in grants if grant.grantee == grantee],
    )


def question(
    action: str = "kms:Decrypt", *, context: Mapping[str, str] | None = None, facts: Mapping[str, Fact] | None = None
) -> Question:
    """One permission on the key."""
    pairs = {f"kms:EncryptionContext:{name}": value for name, value in (context or {}).items()}
    known = Facts.of({**pairs, **(facts or {})})
    return Question(action=action, resource=KEY_ARN, facts=known, resource_facts=known, encryption_context=context)


def grant(grantee: str, *operations: str, number: int = 1, **fields: Any) -> Grant:
    """A grant on the key. `subset` and `equals` are constraints on the encryption context."""
    subset, equals = fields.pop("subset", None), fields.pop("equals", None)
    constraints = GrantConstraints(encryption_context_subset=subset, encryption_context_equals=equals)
    return Grant(
        account_id=OWNER,
        region="us-east-1",
        key_id=KEY_ARN.rpartition("/")[2],
        grant_id=f"{number:064x}",
        created_at=0.0,
        grantee=grantee,
        issuing_account=root_arn(OWNER),
        operations=operations or ("Decrypt",),
        constraints=constraints if subset or equals else None,
        **fields,
    )

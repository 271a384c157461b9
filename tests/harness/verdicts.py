"""Callers, policies and grants for tests of the verdict: short names for what such a test says in many variants.

There are two accounts, `OWNER` with the KMS key and `OTHER`. In each an IAM user and a role, their sessions, and root.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from selfkms.domain.arns import root_arn
from selfkms.domain.iam.callers import Caller, CallerKind, Session
from selfkms.domain.iam.principals import Role, User
from selfkms.domain.kms.grants import Grant, GrantConstraints
from selfkms.domain.policy.document import Policy, PolicyKind
from selfkms.domain.policy.evaluate import Document, Identity, NewGrant, Question, ResourceSide, Why, decide
from selfkms.domain.policy.facts import Fact, Facts

OWNER: Final = "111122223333"
OTHER: Final = "444455556666"
REGION: Final = "eu-central-1"
KEY_ID: Final = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY_ARN: Final = f"arn:aws:kms:{REGION}:{OWNER}:key/{KEY_ID}"

Statement = dict[str, Any]
Statements = Sequence[Statement]


def make_user(name: str, account_id: str = OWNER, *, path: str = "/team/", user_id: str | None = None) -> User:
    """An IAM user. Its unique ID is made of its name and account, unless another one is given."""
    made = user_id or f"AIDA{name.upper()}{account_id[:4]}"
    return User(account_id=account_id, user_name=name, user_id=made, created_at=1.0, path=path)


def make_role(name: str, account_id: str = OWNER, *, path: str = "/team/", role_id: str | None = None) -> Role:
    """A role. Its unique ID is made of its name and account, unless another one is given."""
    made = role_id or f"AROA{name.upper()}{account_id[:4]}"
    return Role(account_id=account_id, role_name=name, role_id=made, created_at=1.0, path=path, trust_policy="")


def make_session(kind: CallerKind, holder_id: str, *, account_id: str = OWNER, name: str | None = None) -> Session:
    """What stands behind temporary credentials."""
    return Session(
        access_key_id="ASIA1",
        kind=kind,
        account_id=account_id,
        issued_at=1.0,
        expires_at=2.0,
        holder_id=holder_id,
        name=name,
    )


def user_caller(user: User) -> Caller:
    """A user with its long-term access key."""
    return Caller.user(user, "AKIA1")


def user_session(user: User) -> Caller:
    """A user with temporary credentials of GetSessionToken."""
    session = make_session(CallerKind.USER, user.user_id, account_id=user.account_id)
    return Caller.user(user, session.access_key_id, session=session)


def role_session(role: Role, name: str = "one") -> Caller:
    """A session of AssumeRole."""
    session = make_session(CallerKind.ROLE, role.role_id, account_id=role.account_id, name=name)
    return Caller.assumed_role(role, session)


def federated_user(user: User | None, name: str = "guest", *, account_id: str = OWNER) -> Caller:
    """A session of GetFederationToken; `user` None: the root user asked for it."""
    holder_id = account_id if user is None else user.user_id
    session = make_session(CallerKind.FEDERATED, holder_id, account_id=account_id, name=name)
    return Caller.federated(user, session)


def service_caller(service: str, account_id: str = OWNER) -> Caller:
    """A service that calls for itself."""
    return Caller(
        kind=CallerKind.SERVICE,
        account_id=account_id,
        principal_id=service,
        arn=service,
        access_key_id="",
        service=service,
    )


BOB: Final = make_user("bob")
APP: Final = make_role("app")
OTHER_BOB: Final = make_user("bob", OTHER)
OTHER_APP: Final = make_role("app", OTHER)

CALLERS: Final[Mapping[str, Caller]] = {
    "root": Caller.root(OWNER, "AKIA1"),
    "user": user_caller(BOB),
    "token": user_session(BOB),
    "session": role_session(APP),
    "federated": federated_user(BOB),
    "other-root": Caller.root(OTHER, "AKIA1"),
    "other-user": user_caller(OTHER_BOB),
    "other-session": role_session(OTHER_APP),
    "other-federated": federated_user(OTHER_BOB, account_id=OTHER),
}

SESSION: Final = CALLERS["session"].arn
FEDERATED: Final = CALLERS["federated"].arn
SERVICE: Final = "ebs.amazonaws.com"
ROOT: Final = root_arn(OWNER)
OTHER_ROOT: Final = root_arn(OTHER)


def statement(effect: str, action: Any, **elements: Any) -> Statement:
    """A statement about every resource, unless it is said otherwise; an element given as `...` is left out."""
    whole = {"Effect": effect, "Action": action, "Resource": "*", **elements}
    return {name: value for name, value in whole.items() if value is not ...}


def allow(action: Any = "kms:*", **elements: Any) -> Statement:
    """A statement that allows."""
    return statement("Allow", action, **elements)


def deny(action: Any = "kms:*", **elements: Any) -> Statement:
    """A statement that denies."""
    return statement("Deny", action, **elements)


def aws(*names: str) -> dict[str, list[str]]:
    """The Principal element that names these."""
    return {"AWS": list(names)}


def let(*names: str, action: Any = "kms:*", **elements: Any) -> Statement:
    """A statement of a key policy that lets these in."""
    return allow(action, Principal=aws(*names), **elements)


def keep_out(*names: str, action: Any = "kms:*", **elements: Any) -> Statement:
    """A statement of a key policy that denies these."""
    return deny(action, Principal=aws(*names), **elements)


def policy_text(statements: Iterable[Statement]) -> str:
    """A policy as it is written."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def document(statements: Statements, name: str = "a policy", kind: PolicyKind = PolicyKind.IDENTITY) -> Document:
    """A policy by its statements. Without any it is one that nobody can write, and that lets nobody do anything."""
    return Document(name, Policy.parse(policy_text(statements), kind) if statements else Policy(()))


def identity(
    caller: Caller,
    policies: Statements = (),
    *,
    boundary: Statements | None = None,
    session: Sequence[Statements] | None = None,
) -> Identity:
    """A caller with the documents of its side: one identity policy, a boundary, any number of session policies."""
    return Identity(
        caller=caller,
        policies=(document(policies, "the identity policy"),),
        boundary=None if boundary is None else document(boundary, "the boundary"),
        session=None if session is None else tuple(document(each, "a session policy") for each in session),
    )


def question(
    action: str = "kms:Encrypt",
    *,
    resource: str = KEY_ARN,
    facts: Mapping[str, Fact] | None = None,
    of_identity_side: Mapping[str, Fact] | None = None,
    encryption_context: Mapping[str, str] | None = None,
    new_grant: NewGrant | None = None,
) -> Question:
    """A permission on the KMS key of these tests; `of_identity_side`: facts that key policies do not see."""
    shared = facts or {}
    return Question(
        action=action,
        resource=resource,
        facts=Facts.of({**shared, **(of_identity_side or {})}),
        resource_facts=Facts.of(shared),
        encryption_context=encryption_context,
        new_grant=new_grant,
    )


def key_side(
    statements: Statements,
    *,
    principal_ids: Mapping[str, str] | None = None,
    grants: Sequence[Grant] = (),
) -> ResourceSide:
    """The KMS key of these tests with its key policy and its grants."""
    return ResourceSide(
        policy=document(statements, "the key policy", PolicyKind.KEY),
        owner=OWNER,
        principal_ids=principal_ids or {},
        grants_to=lambda grantee: [grant for grant in grants if grant.grantee == grantee],
    )


def why(
    who: Identity | str,
    key_policy: Statements,
    action: str = "kms:Encrypt",
    *,
    facts: Mapping[str, Fact] | None = None,
    principal_ids: Mapping[str, str] | None = None,
) -> Why | None:
    """The verdict on the KMS key of these tests; a caller by its name has an identity policy that allows all of KMS."""
    asking = identity(CALLERS[who], [allow("kms:*")]) if isinstance(who, str) else who
    return decide(asking, question(action, facts=facts), key_side(key_policy, principal_ids=principal_ids)).why


def role_side(statements: Statements, *, principal_ids: Mapping[str, str] | None = None) -> ResourceSide:
    """A role of account `OWNER` with its trust policy."""
    return ResourceSide(
        policy=document(statements, "the trust policy", PolicyKind.TRUST),
        owner=OWNER,
        principal_ids=principal_ids or {},
        is_role=True,
    )


def make_grant(
    grantee: str,
    *operations: str,
    grantee_id: str | None = None,
    retiring: str | None = None,
    retiring_id: str | None = None,
    issuing_account: str = ROOT,
    constraints: GrantConstraints | None = None,
) -> Grant:
    """A grant on the KMS key of these tests."""
    return Grant(
        account_id=OWNER,
        region=REGION,
        key_id=KEY_ID,
        grant_id="0" * 64,
        created_at=1.0,
        grantee=grantee,
        grantee_id=grantee_id,
        retiring=retiring,
        retiring_id=retiring_id,
        issuing_account=issuing_account,
        operations=operations,
        constraints=constraints,
    )

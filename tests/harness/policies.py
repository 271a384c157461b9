"""Policies for tests, and principals that have them: put into the database as they are, past the checks of APIs."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from harness.world import ALICE_ACCOUNT, REGION, Refused, World
from selfkms.domain.iam.callers import CallerKind, Session
from selfkms.domain.iam.managed_policies import ManagedPolicy, PolicyVersion
from selfkms.domain.iam.principals import AccessKey, Group, InlinePolicy, Role, User, secret_binding
from selfkms.domain.records import Put
from selfkms.domain.secrets import Secret
from selfkms.services.iam.accounts import Credential
from selfkms.services.sts.tokens import SECRET_CHARACTERS, seal_session

Statement = dict[str, Any]
Condition = Mapping[str, Mapping[str, Any]]

NOBODY = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": [], "Resource": "*"}}'
"""A key policy that lets nobody in."""


def allow(
    action: str | list[str],
    *,
    resource: str | list[str] = "*",
    principal: Any = None,
    condition: Condition | None = None,
) -> Statement:
    """A statement of an identity policy or, with a principal, of a key policy."""
    statement: Statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    if principal is not None:
        statement["Principal"] = principal if principal == "*" else {"AWS": principal}
    if condition is not None:
        statement["Condition"] = condition
    return statement


def deny(
    action: str | list[str],
    *,
    resource: str | list[str] = "*",
    principal: Any = None,
    condition: Condition | None = None,
) -> Statement:
    """The same, denying."""
    return allow(action, resource=resource, principal=principal, condition=condition) | {"Effect": "Deny"}


def document(*statements: Statement) -> str:
    """A policy of version 2012-10-17."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def inline(*documents: str) -> tuple[InlinePolicy, ...]:
    """Inline policies named `p0`, `p1` and so on."""
    return tuple(InlinePolicy(f"p{number}", text) for number, text in enumerate(documents))


def user_of(world: World, name: str = "admin", *, account_id: str = ALICE_ACCOUNT) -> User:
    """A user as the database has it."""
    user = world.database.user(account_id, name)
    assert isinstance(user, User)
    return user


def change_user(world: World, name: str = "admin", *, account_id: str = ALICE_ACCOUNT, **fields: Any) -> None:
    """Set fields of a user."""
    world.database.commit([Put(user_of(world, name, account_id=account_id).changed(**fields))])


def only(world: World, *statements: Statement, account_id: str = ALICE_ACCOUNT) -> None:
    """Let an account's `admin` have one inline policy of these statements, and nothing else; without any, none."""
    policies = inline(document(*statements)) if statements else ()
    change_user(world, account_id=account_id, attached_policy_arns=(), inline_policies=policies)


def new_user(world: World, name: str, *, account_id: str = ALICE_ACCOUNT, **fields: Any) -> User:
    """A user with an access key. Requests are sent `by` its name."""
    user = User(account_id=account_id, user_name=name, user_id=f"AIDA{name.upper()}", created_at=0.0, **fields)
    credential = Credential(f"AKIA{name.upper()}", Secret(b"a secret"))
    sealed = world.keys.seal(credential.secret_access_key, bound_to=secret_binding(credential.access_key_id))
    access_key = AccessKey(
        access_key_id=credential.access_key_id,
        account_id=account_id,
        user_name=name,
        sealed_secret=sealed,
        created_at=0.0,
    )
    world.database.commit([Put(user), Put(access_key)])
    world.credentials[name] = credential
    return user


def new_group(world: World, name: str, *, account_id: str = ALICE_ACCOUNT, **fields: Any) -> Group:
    """A group."""
    group = Group(account_id=account_id, group_name=name, group_id=f"AGPA{name.upper()}", created_at=0.0, **fields)
    world.database.commit([Put(group)])
    return group


def new_role(world: World, name: str, trust_policy: str, *, account_id: str = ALICE_ACCOUNT, **fields: Any) -> Role:
    """A role."""
    role = Role(
        account_id=account_id,
        role_name=name,
        role_id=f"AROA{name.upper()}",
        created_at=0.0,
        trust_policy=trust_policy,
        **fields,
    )
    world.database.commit([Put(role)])
    return role


def new_session(world: World, name: str, holder: User | Role, *, kind: CallerKind, **fields: Any) -> Session:
    """Temporary credentials of a role, or of a user. Requests are sent `by` the name of the session."""
    secret = "s" * SECRET_CHARACTERS
    session = Session(
        access_key_id=f"ASIA{name.upper()}",
        kind=kind,
        account_id=holder.account_id,
        issued_at=world.clock.now(),
        expires_at=world.clock.now() + 3_600.0,
        holder_name=holder.role_name if isinstance(holder, Role) else holder.user_name,
        holder_id=holder.role_id if isinstance(holder, Role) else holder.user_id,
        name=name,
        **fields,
    )
    token = seal_session(session, Secret(secret.encode()), world.keys)
    world.remember(name, {"AccessKeyId": session.access_key_id, "SecretAccessKey": secret, "SessionToken": token})
    return session


def new_managed_policy(
    world: World, name: str, *documents: str, default: int = 1, account_id: str = ALICE_ACCOUNT, path: str = "/"
) -> ManagedPolicy:
    """A managed policy with these versions, of which `default` is in force."""
    policy = ManagedPolicy(
        account_id=account_id,
        policy_name=name,
        policy_id=f"ANPA{name.upper()}",
        created_at=0.0,
        updated_at=0.0,
        path=path,
        versions=tuple(PolicyVersion(f"v{number}", text, 0.0) for number, text in enumerate(documents, 1)),
        default_version_id=f"v{default}",
        versions_made=len(documents),
    )
    world.database.commit([Put(policy)])
    return policy


def set_key_policy(world: World, key_id: str, *statements: Statement, account_id: str = ALICE_ACCOUNT) -> None:
    """Replace a key policy, whatever it says."""
    key = world.database.key(account_id, REGION, key_id)
    assert key is not None
    world.database.commit([Put(key.changed(policy=document(*statements)))])


def may(world: World, operation: str, parameters: Mapping[str, Any], *, by: str = ALICE_ACCOUNT) -> bool:
    """Whether a request gets past authorization; what else comes of it does not matter."""
    outcome = world.send(world.request(operation, parameters, by=by))
    answer: dict[str, Any] = json.loads(outcome.response.body or b"{}")
    code: str | None = answer.get("__type")
    assert outcome.response.status < 500, outcome.response.body
    assert code not in ("SerializationException", "ValidationException"), outcome.response.body
    return code != "AccessDeniedException"


def can(call: Callable[[], Any]) -> bool:
    """Whether a request is answered. A refusal other than of access is a mistake of the test."""
    try:
        call()
    except Refused as refused:
        if refused.code not in ("AccessDenied", "AccessDeniedException"):
            raise
        return False
    return True

"""Explanations agree with what the gate does, and what they propose works when it is done through the APIs."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from harness.policies import (
    NOBODY,
    allow,
    change_user,
    deny,
    document,
    inline,
    may,
    new_managed_policy,
    new_role,
    new_session,
    new_user,
    only,
    set_key_policy,
)
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.domain.arns import root_arn, user_arn
from selfkms.domain.iam.callers import CallerKind
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.policy.changes import Change, Doing
from selfkms.domain.policy.explain import Says
from selfkms.gate.explain import Explainer, Explanation, Hypothesis, UnknownSubjectError, is_closed
from selfkms.gate.permissions import UnknownPermissionError, permission_named

ROOT: Final = root_arn(ALICE_ACCOUNT)
ADMIN: Final = user_arn(ALICE_ACCOUNT, "/", "admin")
CAROL: Final = user_arn(ALICE_ACCOUNT, "/", "carol")
BOB: Final = user_arn(BOB_ACCOUNT, "/", "admin")
ROLE: Final = f"arn:aws:iam::{ALICE_ACCOUNT}:role/reader"
SESSION: Final = f"arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/reader/s1"
DELEGATING: Final = allow("kms:*", principal=ROOT)
WEB: Final = {"StringEquals": {"kms:EncryptionContext:app": "web"}}
PLAINTEXT: Final = "AA=="


@pytest.fixture
def key(world: World) -> KMSKey:
    """A key with the default policy; beside the administrators there is Carol, who has nothing, and a role."""
    new_user(world, "carol")
    role = new_role(world, "reader", document(allow("sts:AssumeRole", principal=ROOT)))
    new_session(world, "s1", role, kind=CallerKind.ROLE)
    found = world.database.key(ALICE_ACCOUNT, REGION, world.make_key()["KeyId"])
    assert found is not None
    return found


def explained(
    world: World, key: KMSKey | None, principal: str, action: str = "kms:Encrypt", **fields: Any
) -> Explanation:
    """As of now."""
    explainer = Explainer(world.database)
    now = world.clock.now()
    current = None if key is None else world.database.key(*key.primary_key())
    caller = explainer.caller(principal, now=now)
    return explainer.explain(Hypothesis(caller=caller, action=action, key=current, now=now, region=REGION, **fields))


def encrypts(world: World, key: KMSKey, by: str, **context: str) -> bool:
    """Whether a real request is let through."""
    return may(world, "Encrypt", {"KeyId": key.arn, "Plaintext": PLAINTEXT, "EncryptionContext": context}, by=by)


def part(explanation: Explanation, name: str) -> tuple[Says, str]:
    found = next(part for part in explanation.parts if part.part == name)
    return found.says, found.by


# -- each reason of a refusal has its part


def a_deny_in_the_key_policy(world: World, key: KMSKey) -> None:
    change_user(world, "carol", inline_policies=inline(document(allow("kms:*"))))
    set_key_policy(world, key.key_id, DELEGATING, deny("kms:Encrypt", principal=CAROL))


def a_deny_in_an_iam_policy(world: World, key: KMSKey) -> None:
    del key
    change_user(world, "carol", inline_policies=inline(document(allow("kms:*"), deny("kms:Encrypt"))))


def a_deny_in_the_boundary(world: World, key: KMSKey) -> None:
    del key
    boundary = new_managed_policy(world, "limit", document(allow("*"), deny("kms:Encrypt")))
    change_user(world, "carol", inline_policies=inline(document(allow("kms:*"))), permissions_boundary=boundary.arn)


def no_key_policy(world: World, key: KMSKey) -> None:
    change_user(world, "carol", inline_policies=inline(document(allow("kms:*"))))
    world.call(
        "PutKeyPolicy",
        {"KeyId": key.key_id, "Policy": NOBODY, "BypassPolicyLockoutSafetyCheck": True},
    )


def no_iam_policy(world: World, key: KMSKey) -> None:
    del world, key


def no_allow_in_the_boundary(world: World, key: KMSKey) -> None:
    del key
    boundary = new_managed_policy(world, "limit", document(allow("s3:*")))
    change_user(world, "carol", inline_policies=inline(document(allow("kms:*"))), permissions_boundary=boundary.arn)


def conditions_in_the_iam_policy(world: World, key: KMSKey) -> None:
    del key
    change_user(world, "carol", inline_policies=inline(document(allow("kms:*", condition=WEB))))


REASONS: Final[list[tuple[Callable[[World, KMSKey], None], str, Says]]] = [
    (a_deny_in_the_key_policy, "key policy", Says.DENIES),
    (a_deny_in_an_iam_policy, "IAM policies", Says.DENIES),
    (a_deny_in_the_boundary, "permissions boundary", Says.DENIES),
    (no_key_policy, "key policy", Says.NOTHING),
    (no_iam_policy, "IAM policies", Says.NOTHING),
    (no_allow_in_the_boundary, "permissions boundary", Says.NOTHING),
    (conditions_in_the_iam_policy, "IAM policies", Says.NOTHING),
]


@pytest.mark.parametrize(("set_up", "name", "says"), REASONS)
def test_a_refusal_is_explained_by_the_part_that_refuses(
    world: World, key: KMSKey, set_up: Callable[[World, KMSKey], None], name: str, says: Says
) -> None:
    """The text is the one that the real request gets, and all other parts allow."""
    set_up(world, key)
    found = explained(world, key, CAROL)
    code, text = world.refusal("Encrypt", {"KeyId": key.arn, "Plaintext": PLAINTEXT}, by="carol")
    assert (code, text) == ("AccessDeniedException", found.text)
    assert not found.allowed
    assert part(found, name)[0] is says
    others = {p.part: p.says for p in found.parts if p.part not in (name, "grants")}
    assert set(others.values()) <= {Says.ALLOWS, Says.NONE}


@pytest.mark.parametrize(("set_up", "_name", "_says"), REASONS)
def test_what_is_proposed_against_a_refusal_works(
    world: World, key: KMSKey, set_up: Callable[[World, KMSKey], None], _name: str, _says: Says
) -> None:
    """Each proposal, done through the APIs in a world of its own, lets the real request through."""
    set_up(world, key)
    number = len(explained(world, key, CAROL).changes)
    assert number
    for place in range(number):
        anew = World()
        other = _key_of(anew)
        set_up(anew, other)
        steps = explained(anew, other, CAROL).changes[place]
        assert not encrypts(anew, other, "carol")
        context = {"app": "web"} if steps[0].doing is Doing.MEET_CONDITIONS else {}
        for change in steps:
            do(anew, other, change, "carol")
        assert encrypts(anew, other, "carol", **context), steps


def test_what_is_proposed_against_a_permission_works(world: World, key: KMSKey) -> None:
    """Each proposal ends it for the real request."""
    change_user(world, "carol", inline_policies=inline(document(allow("kms:*"))))
    found = explained(world, key, CAROL)
    assert found.allowed
    assert [steps[0].doing for steps in found.changes] == [
        Doing.REMOVE_STATEMENT,
        Doing.DENY_IN_KEY_POLICY,
        Doing.REMOVE_STATEMENT,
    ]
    for steps in found.changes:
        anew = World()
        other = _key_of(anew)
        change_user(anew, "carol", inline_policies=inline(document(allow("kms:*"))))
        assert encrypts(anew, other, "carol")
        for change in steps:
            do(anew, other, change, "carol")
        assert not encrypts(anew, other, "carol"), steps


def test_a_grant_is_explained_and_revoked(world: World, key: KMSKey) -> None:
    """It lets Carol in; revoked, it does not."""
    made = world.call("CreateGrant", {"KeyId": key.key_id, "GranteePrincipal": CAROL, "Operations": ["Encrypt"]})
    found = explained(world, key, CAROL)
    assert (found.allowed, found.decided_by) == (True, f"grant {made['GrantId']}")
    ((revoke,), *_) = found.changes
    do(world, key, revoke, "carol")
    assert not encrypts(world, key, "carol")


def _key_of(world: World) -> KMSKey:
    new_user(world, "carol")
    found = world.database.key(ALICE_ACCOUNT, REGION, world.make_key()["KeyId"])
    assert found is not None
    return found


def do(world: World, key: KMSKey, change: Change, name: str) -> None:
    """What a proposal says, through the APIs."""
    root = f"{ALICE_ACCOUNT}-root"
    match change.doing:
        case Doing.REMOVE_STATEMENT:
            _remove(world, key, change.text, name)
        case Doing.ALLOW_IN_KEY_POLICY | Doing.DENY_IN_KEY_POLICY:
            policy = json.loads(_key_policy(world, key))
            _put_key_policy(world, key, [*_list(policy["Statement"]), change.statement])
        case Doing.ALLOW_IN_IAM_POLICY:
            policy_document = document(change.statement or {})
            parameters = {"UserName": name, "PolicyName": "added", "PolicyDocument": policy_document}
            world.iam("PutUserPolicy", parameters, by=root)
        case Doing.ALLOW_IN_BOUNDARY:
            arn = f"arn:aws:iam::{ALICE_ACCOUNT}:policy/limit"
            text = document(allow("s3:*"), change.statement or {})
            world.iam("CreatePolicyVersion", {"PolicyArn": arn, "PolicyDocument": text, "SetAsDefault": True}, by=root)
        case Doing.CREATE_GRANT:
            _make_grant(world, key)
        case Doing.REVOKE_GRANT:
            world.call("RevokeGrant", {"KeyId": key.key_id, "GrantId": change.text.rpartition(" ")[2]})
        case Doing.MEET_CONDITIONS:
            pass
        case _:
            raise AssertionError(change)


def _remove(world: World, key: KMSKey, text: str, name: str) -> None:
    number = int(text.split("statement ")[1].split(" ", maxsplit=1)[0]) - 1
    if "of the key policy" in text:
        statements = _list(json.loads(_key_policy(world, key))["Statement"])
        _put_key_policy(world, key, statements[:number] + statements[number + 1 :])
        return
    if ":policy/limit" in text:
        parameters = {
            "PolicyArn": f"arn:aws:iam::{ALICE_ACCOUNT}:policy/limit",
            "PolicyDocument": document(allow("*")),
            "SetAsDefault": True,
        }
        world.iam("CreatePolicyVersion", parameters, by=f"{ALICE_ACCOUNT}-root")
        return
    held = world.database.user(ALICE_ACCOUNT, name)
    assert held is not None
    statements = json.loads(held.inline_policies[0].document)["Statement"]
    left = statements[:number] + statements[number + 1 :]
    parameters = {"UserName": name, "PolicyName": "p0"}
    if left:
        world.iam("PutUserPolicy", {**parameters, "PolicyDocument": document(*left)})
    else:
        world.iam("DeleteUserPolicy", parameters)


def _list(statements: Any) -> list[Any]:
    return statements if isinstance(statements, list) else [statements]


def _key_policy(world: World, key: KMSKey) -> str:
    current = world.database.key(*key.primary_key())
    assert current is not None
    return current.policy


def _put_key_policy(world: World, key: KMSKey, statements: list[Any]) -> None:
    """By the API: before, the default policy is put in the place of one that may let nobody do that."""
    parameters = {"KeyId": key.key_id, "BypassPolicyLockoutSafetyCheck": True}
    set_key_policy(world, key.key_id, DELEGATING)
    text = document(*statements) if statements else NOBODY
    world.call("PutKeyPolicy", {**parameters, "Policy": text}, by=f"{ALICE_ACCOUNT}-root")


def _make_grant(world: World, key: KMSKey) -> None:
    """As somebody who may."""
    policy = _key_policy(world, key)
    set_key_policy(world, key.key_id, DELEGATING)
    world.call("CreateGrant", {"KeyId": key.key_id, "GranteePrincipal": CAROL, "Operations": ["Encrypt"]})
    set_key_policy(world, key.key_id, *_list(json.loads(policy)["Statement"]))


# -- what is gathered


def test_the_request_has_what_is_given(world: World, key: KMSKey) -> None:
    """Encryption context, facts and the alias by which the key is named count; what is not known is absent."""
    condition: dict[str, dict[str, Any]] = {
        **WEB,
        "IpAddress": {"aws:SourceIp": "192.0.2.0/24"},
        "StringLike": {"kms:RequestAlias": "alias/x*"},
        "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["app"]},
    }
    only(world, allow("kms:*", condition=condition), account_id=ALICE_ACCOUNT)
    near = explained(world, key, ADMIN).parts[1].near
    assert "StringEquals kms:encryptioncontext:app web, IpAddress aws:sourceip 192.0.2.0/24" in near[0]
    given: dict[str, Any] = {
        "encryption_context": {"app": "web"},
        "facts": {"AWS:sourceip": "192.0.2.7"},
        "request_alias": "alias/x1",
    }
    assert explained(world, key, ADMIN, **given).allowed
    assert not explained(world, key, ADMIN, **{**given, "facts": {"aws:SourceIp": "198.51.100.1"}}).allowed
    assert not explained(world, key, ADMIN, **{**given, "request_alias": "alias/y"}).allowed


def test_the_algorithm_that_counts_by_default(world: World, key: KMSKey) -> None:
    """A symmetric key has one, and a request need not name it."""
    algorithm = {"StringEquals": {"kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}}
    only(world, allow("kms:*", condition=algorithm))
    assert explained(world, key, ADMIN).allowed
    assert not explained(world, key, ADMIN, "kms:DescribeKey").allowed


def test_tags_and_aliases_of_the_key(world: World, key: KMSKey) -> None:
    """They count on the identity side, as at the gate."""
    world.call("TagResource", {"KeyId": key.key_id, "Tags": [{"TagKey": "team", "TagValue": "red"}]})
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key.key_id})
    condition = {
        "StringEquals": {"aws:ResourceTag/team": "red"},
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/a"},
    }
    only(world, allow("kms:*", condition=condition))
    assert explained(world, key, ADMIN).allowed
    assert encrypts(world, key, ALICE_ACCOUNT)


def test_a_role_and_its_session(world: World, key: KMSKey) -> None:
    """A role stands for some session of it; a session is itself."""
    set_key_policy(world, key.key_id, DELEGATING, allow("kms:Encrypt", principal=SESSION))
    assert not explained(world, key, ROLE).allowed
    assert explained(world, key, SESSION).allowed
    assert encrypts(world, key, "s1")
    assert explained(world, key, ROLE).principal == f"arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/reader/explained"


def test_another_account(world: World, key: KMSKey) -> None:
    """Key policy and IAM policies there; and operations that do not reach so far, where nothing is proposed."""
    found = explained(world, key, BOB)
    assert world.refusal("Encrypt", {"KeyId": key.arn, "Plaintext": PLAINTEXT}, by=BOB_ACCOUNT)[1] == found.text
    set_key_policy(world, key.key_id, DELEGATING, allow("kms:*", principal=root_arn(BOB_ACCOUNT)))
    assert explained(world, key, BOB).allowed
    put = explained(world, key, BOB, "kms:PutKeyPolicy")
    assert not put.allowed
    assert world.refusal("PutKeyPolicy", {"KeyId": key.arn, "Policy": "{}"}, by=BOB_ACCOUNT)[1] == put.text
    assert (put.changes, put.notes) == (
        (),
        ("kms:PutKeyPolicy is for principals of the key's own account, whatever the policies say",),
    )
    caller = Explainer(world.database).caller(BOB, now=0.0)
    assert is_closed(caller, key, permission_named("kms:PutKeyPolicy"))
    assert not is_closed(caller, key, permission_named("kms:Encrypt"))


def test_without_a_key(world: World, key: KMSKey) -> None:
    """IAM policies decide; the text is the gate's."""
    del key
    found = explained(world, None, CAROL, "kms:CreateKey")
    assert (found.allowed, found.resource) == (False, None)
    assert world.refusal("CreateKey", by="carol") == ("AccessDeniedException", found.text)
    assert explained(world, None, ROOT, "kms:CreateKey").allowed


def test_the_permission_on_an_alias(world: World, key: KMSKey) -> None:
    """It is asked for on the alias itself, by IAM policies alone."""
    arn = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:alias/a"
    change_user(world, "carol", inline_policies=inline(document(allow("kms:CreateAlias", resource=key.arn))))
    found = explained(world, None, CAROL, "kms:CreateAlias", arn=arn)
    parameters = {"AliasName": "alias/a", "TargetKeyId": key.key_id}
    assert world.refusal("CreateAlias", parameters, by="carol") == ("AccessDeniedException", found.text)
    assert found.parts[0].near == (f"statement 1 of inline policy p0 of {CAROL}: about other resources: {key.arn}",)


def test_what_else_must_be_known(world: World, key: KMSKey) -> None:
    """The key state is another matter; CreateGrant by a grant has a limit."""
    world.call("DisableKey", {"KeyId": key.key_id})
    found = explained(world, key, ADMIN)
    assert found.allowed
    assert found.notes == ("the key state is Disabled: what it lets through is looked at after all of this",)
    assert len(explained(world, key, ADMIN, "kms:CreateGrant").notes) == 2


def test_no_grant_is_proposed_that_cannot_be_made(world: World, key: KMSKey) -> None:
    """Neither of an operation that no grant has, nor of CreateGrant alone."""
    for action in ("kms:PutKeyPolicy", "kms:CreateGrant"):
        doings = [change.doing for steps in explained(world, key, CAROL, action).changes for change in steps]
        assert doings
        assert Doing.CREATE_GRANT not in doings


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "carol",
        ALICE_ACCOUNT,
        CAROL.replace("carol", "dave"),
        CAROL.replace("user/carol", "user/x/carol"),
        CAROL.replace(":iam:", ":sts:"),
        root_arn("999999999999"),
        ROLE.replace("reader", "writer"),
        ROLE.replace("role/reader", "role/x/reader"),
        f"arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/reader",
        f"arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/READER/s1",
        f"arn:aws:sts::{ALICE_ACCOUNT}:federated-user/carol",
        f"arn:aws:iam::{ALICE_ACCOUNT}:group/g",
    ],
)
def test_who_is_nobody(world: World, key: KMSKey, arn: str) -> None:
    """Said, by the ARN."""
    del key
    with pytest.raises(UnknownSubjectError, match="there is no "):
        Explainer(world.database).caller(arn, now=0.0)


def test_keys_by_their_arns(world: World, key: KMSKey) -> None:
    """A key ARN or an alias ARN; nothing else."""
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key.key_id})
    explainer = Explainer(world.database)
    found, name = explainer.key(key.arn)
    assert (found.arn, name) == (key.arn, None)
    found, name = explainer.key(f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:alias/a")
    assert (found.arn, name) == (key.arn, "alias/a")
    for wrong in (key.key_id, "alias/a", key.arn[:-1], f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:alias/b", CAROL):
        with pytest.raises(UnknownSubjectError, match="there is no KMS key"):
            explainer.key(wrong)


def test_an_unknown_permission(world: World, key: KMSKey) -> None:
    """It is not decided on."""
    with pytest.raises(UnknownPermissionError):
        explained(world, key, ADMIN, "kms:Decrpyt")

"""Who may do something: held against what happens when everybody really tries."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from harness.policies import (
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
    set_key_policy,
)
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.domain.arns import root_arn, user_arn
from selfkms.domain.iam.callers import CallerKind
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.records import Put
from selfkms.gate.explain import Explainer
from selfkms.gate.who_can import Holder, WhoCan

ROOT: Final = root_arn(ALICE_ACCOUNT)
BOB_ROOT: Final = root_arn(BOB_ACCOUNT)
ADMIN: Final = user_arn(ALICE_ACCOUNT, "/", "admin")
BOB: Final = user_arn(BOB_ACCOUNT, "/", "admin")
CAROL: Final = user_arn(ALICE_ACCOUNT, "/", "carol")
DAVE: Final = user_arn(ALICE_ACCOUNT, "/", "dave")
ROLE: Final = f"arn:aws:iam::{ALICE_ACCOUNT}:role/reader"
SESSION: Final = f"arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/reader/s1"
DELEGATING: Final = allow("kms:*", principal=ROOT)
WEB: Final = {"StringEquals": {"kms:EncryptionContext:app": "web"}}
CONTEXTS: Final[list[dict[str, str]]] = [{}, {"app": "web"}, {"app": "other"}]

# Whom each principal signs as in the world.
SIGNERS: Final = {
    ROOT: f"{ALICE_ACCOUNT}-root",
    ADMIN: ALICE_ACCOUNT,
    CAROL: "carol",
    DAVE: "dave",
    ROLE: "s2",
    SESSION: "s1",
    BOB_ROOT: f"{BOB_ACCOUNT}-root",
    BOB: BOB_ACCOUNT,
}


@pytest.fixture
def key(world: World) -> KMSKey:
    """A key, Carol who has nothing, Dave who may use KMS within a boundary, and a role with two sessions."""
    boundary = new_managed_policy(world, "limit", document(allow("kms:Encrypt", condition=WEB), allow("kms:Decrypt")))
    new_user(world, "carol")
    policies = inline(document(allow("kms:*")))
    new_user(world, "dave", inline_policies=policies, permissions_boundary=boundary.arn)
    role = new_role(world, "reader", document(allow("sts:AssumeRole", principal=ROOT)), inline_policies=policies)
    for name in ("s1", "s2"):
        new_session(world, name, role, kind=CallerKind.ROLE)
    found = world.database.key(ALICE_ACCOUNT, REGION, world.make_key()["KeyId"])
    assert found is not None
    return found


def holders(world: World, key: KMSKey, action: str = "kms:Encrypt") -> dict[str, Holder]:
    """Everybody who may, with the key as it is now."""
    current = world.database.key(*key.primary_key())
    assert current is not None
    found = list(WhoCan(Explainer(world.database)).holders(action, current, now=world.clock.now()))
    return {holder.principal: holder for holder in found}


KEY_POLICIES: Final[Mapping[str, list[dict[str, Any]]]] = {
    "default": [DELEGATING],
    "nobody": [allow("kms:GetKeyPolicy", principal=ROOT)],
    "everybody": [allow("kms:*", principal="*")],
    "everybody in a context": [DELEGATING, allow("kms:Encrypt", principal="*", condition=WEB)],
    "carol": [allow("kms:Encrypt", principal=CAROL), allow("kms:*", principal=ADMIN)],
    "carol in a context": [allow("kms:Encrypt", principal=CAROL, condition=WEB)],
    "all but carol": [allow("kms:*", principal="*"), deny("kms:Encrypt", principal=CAROL)],
    "only in a context": [
        DELEGATING,
        deny("kms:Encrypt", principal="*", condition={"StringNotEquals": {"kms:EncryptionContext:app": "web"}}),
    ],
    "the role": [allow("kms:Encrypt", principal=ROLE)],
    "a session": [allow("kms:Encrypt", principal=SESSION)],
    "the other account": [DELEGATING, allow("kms:Encrypt", principal=BOB_ROOT)],
    "somebody of the other account": [allow("kms:Encrypt", principal=BOB)],
    "by account": [allow("kms:*", principal="*", condition={"StringEquals": {"kms:CallerAccount": ALICE_ACCOUNT}})],
    "by name": [allow("kms:*", principal=ROOT, condition={"ArnLike": {"aws:PrincipalArn": f"{DAVE}*"}})],
    "by address": [
        DELEGATING,
        deny("kms:*", principal="*", condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
    ],
    "not the root": [
        {
            "Effect": "Deny",
            "NotPrincipal": {"AWS": [ROOT, ADMIN]},
            "Action": "kms:Encrypt",
            "Resource": "*",
        },
        allow("kms:*", principal="*"),
    ],
}


@pytest.mark.parametrize("name", KEY_POLICIES)
@pytest.mark.parametrize("granted", [None, CAROL, ROLE, BOB])
def test_everybody_really_tries(world: World, key: KMSKey, name: str, granted: str | None) -> None:
    """Who always may is let through with any context, who never may with none, the others depend on it."""
    if granted is not None:
        given = {"KeyId": key.key_id, "GranteePrincipal": granted, "Operations": ["Encrypt"]}
        world.call("CreateGrant", {**given, "Constraints": {"EncryptionContextSubset": {"app": "web"}}})
    set_key_policy(world, key.key_id, *KEY_POLICIES[name])
    found = holders(world, key)
    for arn, signer in SIGNERS.items():
        tries = [
            may(world, "Encrypt", {"KeyId": key.arn, "Plaintext": "AA==", "EncryptionContext": context}, by=signer)
            for context in CONTEXTS
        ]
        holder = found.get(arn) or (found.get(ROLE) if arn == SESSION else None)
        if holder is None:
            assert not any(tries), arn
        elif not holder.conditions:
            assert all(tries), arn
        else:
            # One of the contexts meets every condition here, and an address that is denied is not this one's.
            assert any(tries), (arn, holder)


def test_the_ways(world: World, key: KMSKey) -> None:
    """The statements of key policy and IAM policy; what a boundary asks of the request."""
    found = holders(world, key)
    by_account = "statement 1 (Enable IAM User Permissions) of the key policy, which names the account"
    assert found.keys() == {ROOT, ADMIN, DAVE, ROLE}
    assert found[ROOT].by == f"{by_account}; the root user needs no IAM policy"
    assert found[ADMIN].by == f"{by_account}; statement 1 of arn:aws:iam::aws:policy/AdministratorAccess"
    assert found[DAVE].conditions == (
        f"statement 1 of arn:aws:iam::{ALICE_ACCOUNT}:policy/limit: StringEquals kms:encryptioncontext:app web",
    )
    assert holders(world, key, "kms:Decrypt")[DAVE].conditions == ()
    assert DAVE not in holders(world, key, "kms:Sign")


def test_who_is_named_elsewhere(world: World, key: KMSKey) -> None:
    """Principals of other installations, services, everyone: as the key policy names them, with what else is needed."""
    elsewhere = "arn:aws:iam::999999999999:user/x"
    service = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "kms:*", "Resource": "*"}
    set_key_policy(
        world,
        key.key_id,
        allow("kms:Encrypt", principal=[elsewhere, "888888888888"], condition=WEB),
        allow("kms:*", principal="*"),
        service,
        allow("kms:Sign", principal="arn:aws:iam::999999999999:user/y"),
    )
    own = "IAM policies of its own account allow it"
    found = holders(world, key)
    assert found[elsewhere] == Holder(
        principal=elsewhere,
        by="statement 1 of the key policy",
        conditions=(own, "StringEquals kms:encryptioncontext:app web"),
    )
    assert found["888888888888"].conditions[0] == own
    assert found["* (of other accounts)"].by == "statement 2 of the key policy"
    assert found["ec2.amazonaws.com"] == Holder(principal="ec2.amazonaws.com", by="statement 3 of the key policy")
    assert "arn:aws:iam::999999999999:user/y" not in found
    put = holders(world, key, "kms:PutKeyPolicy")
    assert not {elsewhere, "888888888888", "* (of other accounts)", BOB} & put.keys()
    set_key_policy(world, key.key_id, allow("kms:*", principal=elsewhere), deny("kms:*", principal="*"))
    assert holders(world, key) == {}


def test_grantees_elsewhere(world: World, key: KMSKey) -> None:
    """A grant may name whoever does not exist here; its constraint is told."""
    elsewhere = "arn:aws:iam::999999999999:role/x"
    made = world.call(
        "CreateGrant",
        {
            "KeyId": key.key_id,
            "GranteePrincipal": elsewhere,
            "Operations": ["Encrypt"],
            "Constraints": {"EncryptionContextEquals": {"app": "web"}},
        },
    )
    assert holders(world, key)[elsewhere] == Holder(
        principal=elsewhere,
        by=f"grant {made['GrantId']}",
        conditions=('{"EncryptionContextEquals":{"app":"web"}}',),
    )
    assert elsewhere not in holders(world, key, "kms:Decrypt")


def test_who_can_make_grants_by_a_grant(world: World, key: KMSKey) -> None:
    """On the condition that the new grant is no wider, whether the grant has a constraint or not."""
    for grantee, constraints in ((BOB, {}), (CAROL, {"Constraints": {"EncryptionContextSubset": {"app": "web"}}})):
        operations = ["Encrypt", "CreateGrant"]
        parameters = {"KeyId": key.key_id, "GranteePrincipal": grantee, "Operations": operations, **constraints}
        world.call("CreateGrant", parameters)
    found = holders(world, key, "kms:CreateGrant")
    assert found[ADMIN].conditions == ()
    (bound,) = found[BOB].conditions
    assert bound.endswith(": the new grant has no other operations than Encrypt, CreateGrant")
    assert [condition.partition(": ")[2] for condition in found[CAROL].conditions] == [
        "the new grant has no other operations than Encrypt, CreateGrant",
        '{"EncryptionContextSubset":{"app":"web"}}',
    ]


def test_more_principals_than_a_page(world: World, key: KMSKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is passed over."""
    monkeypatch.setattr("selfkms.gate.who_can._PAGE", 2)
    names = [f"u{number}" for number in range(5)]
    for name in names:
        new_user(world, name, inline_policies=inline(document(allow("kms:*"))))
    found = holders(world, key)
    assert {user_arn(ALICE_ACCOUNT, "/", name) for name in names} <= found.keys()


def test_who_was_made_anew_is_not_who_was_named(world: World, key: KMSKey) -> None:
    """The unique ID counts."""
    set_key_policy(world, key.key_id, allow("kms:*", principal=CAROL))
    current = world.database.key(*key.primary_key())
    assert current is not None
    world.database.commit([Put(current.changed(principal_ids={CAROL: "AIDAOLD"}))])
    assert holders(world, key) == {}


def test_tags_of_users_and_of_roles(world: World, key: KMSKey) -> None:
    """Those of a user are settled; those of a role a session may override, so they are a condition."""
    set_key_policy(
        world, key.key_id, allow("kms:*", principal="*", condition={"StringEquals": {"aws:PrincipalTag/team": "red"}})
    )
    change_user(world, "carol", tags=())
    found = holders(world, key)
    assert CAROL not in found
    assert found[ROLE].conditions == ("statement 1 of the key policy: StringEquals aws:principaltag/team red",)

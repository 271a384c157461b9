"""Who may always, who may on conditions, and who never."""

from collections.abc import Mapping
from typing import Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.decisions import BOB, DELEGATING, OTHER, OWNER, grant, identity, key_side, question, session, user
from harness.policies import Statement, allow, deny
from selfkms.domain.arns import root_arn
from selfkms.domain.iam.callers import Caller
from selfkms.domain.kms.grants import Grant
from selfkms.domain.policy.evaluate import Identity, NewGrant, ResourceSide, decide
from selfkms.domain.policy.possible import Way, way_of

WEB: Final = {"StringEquals": {"kms:EncryptionContext:app": "web"}}
RED: Final = {"StringEquals": {"aws:PrincipalTag/team": "red"}}
ROLE: Final = f"arn:aws:iam::{OWNER}:role/reader"
TEAM: Final = {"aws:PrincipalTag/team": "red"}


def settled(name: str) -> bool:
    return name.startswith("aws:principaltag/")


def way(who: Identity, side: ResourceSide, facts: Mapping[str, str] | None = None) -> Way | None:
    return way_of(who, question(context={}, facts=facts), side, settled=settled)


ADMIN = identity(user(), allow("kms:*"))


def test_always() -> None:
    """Without conditions, or with those that hold in every request of the principal."""
    found = way(ADMIN, key_side(DELEGATING))
    assert found is not None
    assert (found.by, found.conditions) == (
        "statement 1 of the key policy, which names the account; statement 1 of p0",
        (),
    )
    tagged = way(identity(user(), allow("kms:*", condition=RED)), key_side(DELEGATING), TEAM)
    assert tagged is not None
    assert tagged.conditions == ()


def test_never() -> None:
    """Nothing that allows, a Deny without conditions, or conditions that never hold for this principal."""
    assert way(identity(user()), key_side(DELEGATING)) is None
    assert way(ADMIN, key_side()) is None
    assert way(ADMIN, key_side(DELEGATING, deny("kms:*", principal="*"))) is None
    assert way(identity(user(), allow("kms:*", condition=RED)), key_side(DELEGATING)) is None
    assert way(ADMIN, key_side(DELEGATING, deny("kms:*", principal="*", condition=RED)), TEAM) is None


def test_conditions_of_each_document_that_is_needed() -> None:
    """Key policy, IAM policy, boundary and session policies; each condition with its statement."""
    who = identity(
        session(), allow("kms:*", condition=WEB), boundary=[allow("*", condition=WEB)], session_policy=[allow("*")]
    )
    side = key_side(DELEGATING | {"Condition": WEB})
    found = way(who, side)
    assert found is not None
    asks = "StringEquals kms:encryptioncontext:app web"
    assert found.conditions == (
        f"statement 1 of the key policy: {asks}",
        f"statement 1 of p0: {asks}",
        f"statement 1 of the boundary: {asks}",
    )


def test_what_is_not_needed_is_not_named() -> None:
    """Who is named directly needs no IAM policy, and of two statements the one without conditions will do."""
    who = identity(user(), allow("kms:*", condition=RED), boundary=[allow("*", condition=WEB)])
    direct = way(who, key_side(allow("kms:*", principal=BOB, condition=WEB)))
    assert direct is not None
    assert direct.conditions == ("statement 1 of the key policy: StringEquals kms:encryptioncontext:app web",)
    two = identity(user(), allow("kms:*", condition=WEB), allow("kms:Decrypt"))
    found = way(two, key_side(DELEGATING | {"Condition": WEB}))
    assert found is not None
    assert found.conditions == ("statement 1 of the key policy: StringEquals kms:encryptioncontext:app web",)
    assert found.by.endswith("; statement 2 of p0")


def test_a_deny_that_may_apply() -> None:
    """Who may unless its conditions hold, may on conditions only."""
    outside = {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
    found = way(ADMIN, key_side(DELEGATING, deny("kms:*", principal="*", condition=outside)))
    assert found is not None
    assert found.conditions == ("unless statement 2 of the key policy applies: NotIpAddress aws:sourceip 192.0.2.0/24",)
    about_others = deny("kms:*", principal=f"arn:aws:iam::{OTHER}:root", condition=outside)
    assert way(ADMIN, key_side(DELEGATING, about_others)) == way(ADMIN, key_side(DELEGATING))
    by_iam = identity(user(), allow("kms:*"), deny("*", condition=outside))
    found = way(by_iam, key_side(DELEGATING))
    assert found is not None
    assert found.conditions == ("unless statement 2 of p0 applies: NotIpAddress aws:sourceip 192.0.2.0/24",)


def test_a_condition_that_holds_for_what_is_absent_is_open() -> None:
    """`StringNotEquals` of a request without the key holds; of another request it does not."""
    who = identity(user(), allow("kms:*", condition={"StringNotEquals": {"kms:ViaService": "x"}}))
    found = way(who, key_side(DELEGATING))
    assert found is not None
    assert found.conditions


def test_grants() -> None:
    """Without a constraint always, with one on its condition; with a source ARN never."""
    assert way(identity(user()), key_side(grants=[grant(BOB)])) == Way(by=f"grant {1:064x}")
    bound = way(identity(user()), key_side(grants=[grant(BOB, equals={"app": "web"})]))
    assert bound is not None
    assert bound.conditions == (f'grant {1:064x}: {{"EncryptionContextEquals":{{"app":"web"}}}}',)
    to_account = key_side(grants=[grant(root_arn(OWNER))])
    assert way(identity(user()), to_account) is None
    assert way(ADMIN, to_account) == Way(by=f"grant {1:064x}")


def test_grants_of_create_grant() -> None:
    """A grant makes no wider ones: that is a condition even of one without a constraint."""
    asked = msgspec.structs.replace(question("kms:CreateGrant", context={}), new_grant=NewGrant((), None))
    wider = f"grant {1:064x}: the new grant has no other operations than Decrypt, CreateGrant"
    for constraint, more in (
        (None, ()),
        ({"app": "web"}, (f'grant {1:064x}: {{"EncryptionContextSubset":{{"app":"web"}}}}',)),
    ):
        side = key_side(grants=[grant(BOB, "Decrypt", "CreateGrant", subset=constraint)])
        found = way_of(identity(user()), asked, side, settled=settled)
        assert found is not None
        assert found.conditions == (wider, *more)


def test_a_variable_makes_a_condition_open() -> None:
    """If its own condition key is: the key of the condition alone does not tell."""
    condition = {"StringEquals": {"aws:PrincipalTag/team": "${kms:ViaService}"}}
    found = way(identity(user(), allow("kms:*", condition=condition)), key_side(DELEGATING), TEAM)
    assert found is not None
    assert found.conditions
    fixed = {"StringEquals": {"aws:PrincipalTag/team": "${aws:PrincipalTag/team}"}}
    found = way(identity(user(), allow("kms:*", condition=fixed)), key_side(DELEGATING), TEAM)
    assert found is not None
    assert not found.conditions


KEY_STATEMENTS: Final[list[Statement]] = [
    make("kms:*", principal=principal, condition=condition)
    for make in (allow, deny)
    for principal in (BOB, ROLE, root_arn(OWNER), "*")
    for condition in (None, WEB, RED)
]
IAM_STATEMENTS: Final[list[Statement]] = [
    make("kms:*", condition=condition) for make in (allow, deny) for condition in (None, WEB, RED)
]


@settings(max_examples=150, deadline=None)
@given(
    key_policy=st.lists(st.sampled_from(KEY_STATEMENTS), max_size=3),
    iam_policy=st.lists(st.sampled_from(IAM_STATEMENTS), max_size=3),
    boundary=st.none() | st.lists(st.sampled_from(IAM_STATEMENTS), max_size=2),
    grants=st.lists(st.builds(grant, st.sampled_from([BOB, ROLE]), subset=st.sampled_from([None, {"app": "web"}]))),
    team=st.sampled_from([{}, TEAM]),
    context=st.sampled_from([{}, {"app": "web"}, {"app": "other"}, {"more": "x", "app": "web"}]),
)
@pytest.mark.parametrize("caller", [user(), session()])
def test_no_request_contradicts_the_answer(
    caller: Caller,
    key_policy: list[Statement],
    iam_policy: list[Statement],
    boundary: list[Statement] | None,
    grants: list[Grant],
    team: Mapping[str, str],
    context: Mapping[str, str],
) -> None:
    """Who always may is never refused; who never may is never permitted."""
    who = identity(caller, *iam_policy, boundary=boundary)
    side = key_side(*key_policy, grants=grants)
    found = way(who, side, team)
    allowed = decide(who, question(context=context, facts=team), side).allowed
    if found is None:
        assert not allowed
    elif not found.conditions:
        assert allowed

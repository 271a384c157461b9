"""The verdict over a key policy and an identity.

Source: IAM User Guide, "Policy evaluation logic"; KMS developer guide, "Determining access to AWS KMS keys",
"Allowing users in other accounts to use a KMS key".
"""

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfkms.domain.iam.principals import ADMINISTRATOR_ACCESS, Caller, User
from selfkms.domain.policy.document import Policy
from selfkms.domain.policy.evaluate import (
    Decision,
    Why,
    decide_on_key,
    decide_without_resource,
    is_administrator,
)

OWNER: Final = "111122223333"
OTHER: Final = "444455556666"
KEY_ARN: Final = f"arn:aws:kms:eu-central-1:{OWNER}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ANOTHER_KEY_ARN: Final = f"arn:aws:kms:eu-central-1:{OWNER}:key/00000000-12ab-34cd-56ef-1234567890ab"


def user(account_id: str, name: str, *, administrator: bool = False) -> Caller:
    """An IAM user with the path `/team/`, whose user ID is made of its name and account."""
    return Caller.user(
        User(
            account_id=account_id,
            user_name=name,
            user_id=f"AIDA{name.upper()}{account_id[:4]}",
            created_at=1.0,
            path="/team/",
            attached_policy_arns=(ADMINISTRATOR_ACCESS,)
            if administrator
            else ("arn:aws:iam::aws:policy/ReadOnlyAccess",),
        ),
        "AKIA1",
    )


# Three callers of the key's account, three of another one.
CALLERS: Final = {
    "root": Caller.root(OWNER, "AKIA1"),
    "admin": user(OWNER, "admin", administrator=True),
    "bob": user(OWNER, "bob"),
    "other-root": Caller.root(OTHER, "AKIA1"),
    "other-admin": user(OTHER, "admin", administrator=True),
    "other-bob": user(OTHER, "bob"),
}

ROOT: Final = f"arn:aws:iam::{OWNER}:root"
OTHER_ROOT: Final = f"arn:aws:iam::{OTHER}:root"
BOB: Final = CALLERS["bob"].arn
OTHER_BOB: Final = CALLERS["other-bob"].arn
OTHER_ADMIN: Final = CALLERS["other-admin"].arn


def statement(effect: str, principal: Any, action: Any, **elements: Any) -> dict[str, Any]:
    """A statement on all keys, but for what is given; an element given as `...` is left out."""
    whole = {"Effect": effect, "Principal": principal, "Action": action, "Resource": "*", **elements}
    return {name: value for name, value in whole.items() if value is not ...}


def allow(principal: Any, action: Any = "kms:*", **elements: Any) -> dict[str, Any]:
    """A statement that allows."""
    return statement("Allow", principal, action, **elements)


def deny(principal: Any, action: Any = "kms:*", **elements: Any) -> dict[str, Any]:
    """A statement that denies."""
    return statement("Deny", principal, action, **elements)


def aws(*names: str) -> dict[str, Any]:
    """A Principal element."""
    return {"AWS": list(names)}


DELEGATES: Final = allow(aws(ROOT))
OPEN: Final = allow("*")
CONDITION: Final = {"Bool": {"aws:SecureTransport": "true"}}

DOCUMENTS: Final[dict[str, list[dict[str, Any]]]] = {
    "default": [DELEGATES],
    "account by its number": [allow(aws(OWNER))],
    "account, one action": [allow(aws(ROOT), "kms:Encrypt")],
    "bob": [allow(aws(BOB), "kms:Decrypt")],
    "bob by his ID": [allow(aws("AIDABOB1111"), ["kms:Decrypt", "kms:Encrypt"])],
    "bob and account": [DELEGATES, allow(aws(BOB), "kms:Decrypt")],
    "everyone": [allow("*", "kms:*crypt")],
    "other account": [DELEGATES, allow(aws(OTHER_ROOT), "kms:Encrypt")],
    "other account by its number": [DELEGATES, allow(aws(OTHER), "kms:Encrypt")],
    "other's users": [DELEGATES, allow(aws(OTHER_BOB, OTHER_ADMIN), "kms:Decrypt")],
    "not bob": [DELEGATES, OPEN, deny(aws(BOB), "kms:Decrypt")],
    "not bob, deny first": [deny(aws(BOB), "kms:Decrypt"), OPEN],
    "not bob by his ID": [OPEN, deny(aws("AIDABOB1111"), "kms:*")],
    "not the account": [OPEN, deny(aws(ROOT), "kms:Decrypt")],
    "not the other account": [OPEN, deny(aws(OTHER))],
    "nobody": [OPEN, deny("*", "kms:PutKeyPolicy")],
    "a service": [allow({"Service": "ebs.amazonaws.com"})],
    "without resource": [allow("*", Resource=...), deny("*", Resource=...), DELEGATES],
    "without action": [allow("*", ...), deny("*", ...), DELEGATES],
    "this key": [allow(aws(BOB), Resource=["arn:x", KEY_ARN])],
    "another key": [allow("*", Resource=ANOTHER_KEY_ARN), DELEGATES],
    "a pattern of keys": [allow("*", Resource="arn:aws:kms:*:*:key/*"), DELEGATES],
    "not a pattern of keys": [OPEN, deny("*", "kms:Decrypt", Resource="arn:aws:kms:*:*:key/*")],
    "condition": [allow("*", Condition=CONDITION), DELEGATES],
    "no action but": [allow("*", ..., NotAction="iam:*"), DELEGATES],
    "nobody but": [allow(..., NotPrincipal=aws(OTHER_BOB)), DELEGATES],
    "no resource but": [allow("*", Resource=..., NotResource="arn:x"), DELEGATES],
    "not under a condition": [OPEN, deny(aws(OTHER_BOB), "kms:Decrypt", Condition=CONDITION)],
    "not any action but": [OPEN, deny("*", ..., NotAction="kms:*")],
    "not anybody but": [OPEN, deny(..., NotPrincipal=aws(*[caller.arn for caller in CALLERS.values()]))],
    "not any resource but": [OPEN, deny("*", Resource=..., NotResource="*")],
    "without statement that allows": [deny("*", "iam:*")],
}
"""Key policies by what they say."""

# +: allowed. R: no resource-based policy allows. I: no identity-based policy allows. X: an explicit deny in the key
# policy. F: of another account, and which of all reasons it is, is not said.
MATRIX: Final = """
                                                root  admin  bob  other-root  other-admin  other-bob
    default                        Encrypt       +     +     I     F           F            F
    default                        PutKeyPolicy  +     +     I     F           F            F
    account by its number          Decrypt       +     +     I     F           F            F
    account, one action            Encrypt       +     +     I     F           F            F
    account, one action            Decrypt       R     R     R     F           F            F
    account, one action            PutKeyPolicy  R     R     R     F           F            F
    bob                            Encrypt       R     R     R     F           F            F
    bob                            Decrypt       R     R     +     F           F            F
    bob by his ID                  Encrypt       R     R     +     F           F            F
    bob by his ID                  PutKeyPolicy  R     R     R     F           F            F
    bob and account                Encrypt       +     +     I     F           F            F
    bob and account                Decrypt       +     +     +     F           F            F
    everyone                       Encrypt       +     +     +     +           +            I
    everyone                       Decrypt       +     +     +     +           +            I
    everyone                       PutKeyPolicy  R     R     R     F           F            F
    other account                  Encrypt       +     +     I     +           +            I
    other account                  Decrypt       +     +     I     F           F            F
    other account by its number    Encrypt       +     +     I     +           +            I
    other's users                  Encrypt       +     +     I     F           F            F
    other's users                  Decrypt       +     +     I     F           +            I
    not bob                        Encrypt       +     +     +     +           +            I
    not bob                        Decrypt       +     +     X     +           +            I
    not bob, deny first            Decrypt       +     +     X     +           +            I
    not bob by his ID              Encrypt       +     +     X     +           +            I
    not the account                Encrypt       +     +     +     +           +            I
    not the account                Decrypt       X     X     X     +           +            I
    not the other account          Encrypt       +     +     +     F           F            F
    nobody                         Encrypt       +     +     +     +           +            I
    nobody                         PutKeyPolicy  X     X     X     F           F            F
    a service                      Encrypt       R     R     R     F           F            F
    without resource               Encrypt       +     +     I     F           F            F
    without action                 Encrypt       +     +     I     F           F            F
    this key                       Decrypt       R     R     +     F           F            F
    another key                    Decrypt       +     +     I     F           F            F
    a pattern of keys              Decrypt       +     +     I     F           F            F
    not a pattern of keys          Encrypt       +     +     +     +           +            I
    not a pattern of keys          Decrypt       X     X     X     F           F            F
    condition                      Encrypt       +     +     I     F           F            F
    no action but                  Encrypt       +     +     I     F           F            F
    nobody but                     Encrypt       +     +     I     F           F            F
    no resource but                Encrypt       +     +     I     F           F            F
    not under a condition          Encrypt       X     X     X     F           F            F
    not any action but             Encrypt       X     X     X     F           F            F
    not anybody but                Encrypt       X     X     X     F           F            F
    not any resource but           Encrypt       X     X     X     F           F            F
    without statement that allows  Encrypt       R     R     R     F           F            F
"""

REASONS: Final = {
    "+": None,
    "R": Why.NOT_IN_RESOURCE,
    "I": Why.NOT_IN_IDENTITY,
    "X": Why.DENIED_BY_RESOURCE,
    "F": Why.FOREIGN,
}

ROWS: Final = [row.rsplit(maxsplit=len(CALLERS) + 1) for row in MATRIX.strip().splitlines()[1:]]

PRINCIPALS: Final[list[Any]] = [
    "*",
    aws(ROOT),
    aws(OWNER),
    aws(OTHER_ROOT),
    aws(BOB),
    aws(OTHER_BOB, OTHER_ADMIN),
    aws("AIDABOB1111"),
]
ACTIONS: Final = ["kms:*", "kms:Encrypt", ["kms:Encrypt", "kms:De*"], "iam:*", "*", ...]
RESOURCES: Final = ["*", KEY_ARN, ANOTHER_KEY_ARN, ["arn:x", "*"], ...]
BEYOND: Final[list[dict[str, Any]]] = [
    {},
    {"Condition": CONDITION},
    {"NotPrincipal": aws(BOB), "Principal": ...},
    {"NotAction": "kms:Sign", "Action": ...},
    {"NotResource": "*", "Resource": ...},
]


def statements(
    make: Any, *, principals: list[Any] = PRINCIPALS, beyond: list[dict[str, Any]] = BEYOND
) -> st.SearchStrategy[dict[str, Any]]:
    """Statements that `make` makes, over all principals, actions and resources of these tests."""
    return st.builds(
        lambda principal, action, resource, more: make(principal, action, **{"Resource": resource, **more}),
        st.sampled_from(principals),
        st.sampled_from(ACTIONS),
        st.sampled_from(RESOURCES),
        st.sampled_from(beyond),
    )


ALLOWS: Final = statements(allow)
DENIES: Final = statements(deny)
POLICIES: Final = st.lists(ALLOWS | DENIES | statements(allow, beyond=[{}]), min_size=1, max_size=4)
ANYBODY: Final = st.sampled_from(list(CALLERS.values()))
ANY_ACTION: Final = st.sampled_from(["kms:Encrypt", "kms:Decrypt", "kms:PutKeyPolicy"])


def decide(caller: Caller, action: str, document: list[dict[str, Any]]) -> Decision:
    """The verdict on a key of account `OWNER` with this key policy."""
    policy = Policy.parse(json.dumps({"Statement": document}), principals=True) if document else Policy(())
    return decide_on_key(caller, action, policy=policy, key_arn=KEY_ARN, owner=OWNER)


@pytest.mark.parametrize(("document", "action", "cells"), [(row[0].strip(), row[1], row[2:]) for row in ROWS])
def test_the_matrix(document: str, action: str, cells: list[str]) -> None:
    """Document, action and caller give the verdict of the table, and its reason."""
    found = {name: decide(caller, f"kms:{action}", DOCUMENTS[document]) for name, caller in CALLERS.items()}
    assert {name: verdict.why for name, verdict in found.items()} == dict(
        zip(CALLERS, [REASONS[cell] for cell in cells], strict=True)
    )
    assert {name: verdict.allowed for name, verdict in found.items()} == dict(
        zip(CALLERS, [cell == "+" for cell in cells], strict=True)
    )


def test_the_matrix_uses_every_document() -> None:
    """No document is there for nothing."""
    assert {row[0].strip() for row in ROWS} == set(DOCUMENTS)


@pytest.mark.parametrize(
    ("caller", "document", "sid"),
    [
        ("bob", [allow(aws(ROOT), Sid="account"), allow(aws(BOB), Sid="bob"), allow("*", Sid="all")], "bob"),
        ("admin", [allow(aws(BOB), Sid="bob"), allow(aws(ROOT), Sid="account")], "account"),
        ("bob", [allow(aws(ROOT), Sid="account")], "account"),
        ("bob", [allow("*", Sid="all"), deny(aws(BOB), Sid="first"), deny("*", Sid="second")], "first"),
        ("other-admin", [allow("*", Sid="all"), deny("*", Sid="none")], "none"),
        ("other-admin", [allow("*", "iam:*", Sid="iam"), allow(aws(OTHER), Sid="partner")], "partner"),
    ],
)
def test_the_verdict_names_the_statement_that_decided(caller: str, document: list[dict[str, Any]], sid: str) -> None:
    """A Deny before everything, else what let the caller in, else what would have, had its own account agreed."""
    decisive = decide(CALLERS[caller], "kms:Encrypt", document).statement
    assert decisive is not None
    assert decisive.sid == sid


def test_where_nothing_matched_no_statement_decided() -> None:
    """There is none to name."""
    assert decide(CALLERS["bob"], "kms:Encrypt", [allow(aws(BOB), "kms:Sign")]) == Decision(Why.NOT_IN_RESOURCE)
    assert decide(CALLERS["other-bob"], "kms:Encrypt", [DELEGATES]) == Decision(Why.FOREIGN)


@pytest.mark.parametrize("name", CALLERS)
def test_a_policy_without_statements_lets_nobody_in(name: str) -> None:
    """It stands for a key that does not exist, and for a policy that cannot be read."""
    why = Why.NOT_IN_RESOURCE if CALLERS[name].account_id == OWNER else Why.FOREIGN
    assert decide(CALLERS[name], "kms:DescribeKey", []) == Decision(why)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("root", True),
        ("admin", True),
        ("bob", False),
        ("other-root", True),
        ("other-admin", True),
        ("other-bob", False),
    ],
)
def test_without_a_resource_the_identity_decides(name: str, *, allowed: bool) -> None:
    """The root user and administrators may; a user with some other policy may not yet."""
    caller = CALLERS[name]
    assert is_administrator(caller) is allowed
    assert decide_without_resource(caller) == Decision(None if allowed else Why.NOT_IN_IDENTITY)


@pytest.mark.parametrize(
    ("why", "text"),
    [
        (Why.DENIED_BY_RESOURCE, "with an explicit deny in a resource-based policy"),
        (Why.NOT_IN_RESOURCE, "because no resource-based policy allows the kms:Encrypt action"),
        (Why.NOT_IN_IDENTITY, "because no identity-based policy allows the kms:Encrypt action"),
        (
            Why.FOREIGN,
            (
                "because the resource does not exist in this Region, no resource-based policies allow access, "
                "or a resource-based policy explicitly denies access"
            ),
        ),
    ],
)
def test_the_reasons_in_the_words_of_aws(why: Why, text: str) -> None:
    """Clients and people look for these words."""
    assert why.value.format(action="kms:Encrypt") == text


@pytest.mark.parametrize("principal", [BOB.replace("/team/", "/"), f"{BOB}x", BOB.replace("bob", "BOB"), "AIDABOB1112"])
def test_a_principal_is_named_exactly(principal: str) -> None:
    """Case and path count."""
    assert decide(CALLERS["bob"], "kms:Encrypt", [allow(aws(principal))]) == Decision(Why.NOT_IN_RESOURCE)


@given(ANYBODY, ANY_ACTION, POLICIES, DENIES, st.integers(0, 4))
def test_an_added_deny_never_allows_more(
    caller: Caller, action: str, document: list[dict[str, Any]], denial: dict[str, Any], place: int
) -> None:
    """Wherever it stands."""
    if decide(caller, action, [*document[:place], denial, *document[place:]]).allowed:
        assert decide(caller, action, document).allowed


@given(ANYBODY, ANY_ACTION, POLICIES, ALLOWS)
def test_an_added_allow_never_takes_away(
    caller: Caller, action: str, document: list[dict[str, Any]], more: dict[str, Any]
) -> None:
    """What was allowed stays allowed."""
    if decide(caller, action, document).allowed:
        assert decide(caller, action, [*document, more]).allowed


@given(ANYBODY, ANY_ACTION, POLICIES, st.randoms(use_true_random=False))
def test_the_order_of_statements_decides_nothing(
    caller: Caller, action: str, document: list[dict[str, Any]], random: Any
) -> None:
    """Verdict and reason are the same in any order."""
    shuffled = random.sample(document, len(document))
    assert decide(caller, action, shuffled).why == decide(caller, action, document).why


@given(ANYBODY, ANY_ACTION, POLICIES, statements(allow, beyond=BEYOND[1:]))
def test_an_allow_that_cannot_be_weighed_gives_nothing(
    caller: Caller, action: str, document: list[dict[str, Any]], more: dict[str, Any]
) -> None:
    """Condition, NotPrincipal, NotAction, NotResource: the verdict is the one without the statement."""
    assert decide(caller, action, [*document, more]) == decide(caller, action, document)


@given(ANYBODY, ANY_ACTION, POLICIES, statements(deny, beyond=BEYOND[1:]))
def test_a_deny_that_cannot_be_weighed_denies(
    caller: Caller, action: str, document: list[dict[str, Any]], denial: dict[str, Any]
) -> None:
    """What it excepts is not known, so it excepts nobody."""
    assert not decide(caller, action, [*document, denial]).allowed


@given(
    ANYBODY,
    ANY_ACTION,
    POLICIES,
    st.sampled_from(PRINCIPALS),
    st.sampled_from([allow, deny]),
    st.sampled_from([{"action": ...}, {"Resource": ...}, {"action": []}, {"Resource": []}]),
)
def test_a_statement_without_action_or_resource_is_inert(
    caller: Caller, action: str, document: list[dict[str, Any]], principal: Any, make: Any, without: dict[str, Any]
) -> None:
    """It neither allows nor denies."""
    assert decide(caller, action, [*document, make(principal, **without)]) == decide(caller, action, document)


@given(ANY_ACTION, POLICIES)
def test_across_accounts_both_sides_must_allow(action: str, document: list[dict[str, Any]]) -> None:
    """A caller without permission of its own account gets in by no key policy; one with it by the key policy only."""
    assert not decide(CALLERS["other-bob"], action, document).allowed
    administrator = CALLERS["other-admin"]
    if decide(administrator, action, document).allowed:
        assert any(
            made["Effect"] == "Allow"
            and (made["Principal"] == "*" or {OTHER_ROOT, OTHER_ADMIN} & set(made["Principal"]["AWS"]))
            for made in document
            if "Principal" in made
        )


@given(ANY_ACTION, st.lists(statements(allow, principals=[aws(ROOT), aws(OWNER)], beyond=[{}])))
def test_naming_the_account_lets_in_nobody_by_itself(action: str, document: list[dict[str, Any]]) -> None:
    """It delegates: a user without permission of its own stays out, also in the key's account."""
    assert not decide(CALLERS["bob"], action, document).allowed


@given(ANY_ACTION, POLICIES)
def test_the_root_user_has_no_more_than_an_administrator(action: str, document: list[dict[str, Any]]) -> None:
    """Being root opens no key whose policy does not name the account or everyone."""
    if decide(CALLERS["root"], action, document).allowed:
        assert decide(CALLERS["admin"], action, document).allowed

"""What would flip a decision: the smallest changes, and none that does not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.decisions import BOB, DELEGATING, KEY_ARN, OTHER, OWNER, grant, identity, key_side, question, session, user
from harness.policies import Statement, allow, deny
from selfkms.domain.arns import root_arn
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS, AWS_MANAGED_POLICIES
from selfkms.domain.iam.callers import Caller
from selfkms.domain.policy.changes import Change, Doing, changes_of
from selfkms.domain.policy.document import Policy, PolicyKind
from selfkms.domain.policy.evaluate import Document, Identity, Question, ResourceSide, decide

ROLE = f"arn:aws:iam::{OWNER}:role/reader"
WEB = {"StringEquals": {"kms:EncryptionContext:app": "web"}}


def proposed(
    who: Identity, side: ResourceSide | None, asked: Question | None = None, *, grantable: bool = True
) -> list[list[Doing]]:
    """What is to be done, of each proposal."""
    found = changes_of(who, asked or question(), side, grantable=grantable)
    return [[change.doing for change in steps] for steps in found]


def steps(who: Identity, side: ResourceSide | None, asked: Question | None = None) -> tuple[Change, ...]:
    """The first proposal."""
    return changes_of(who, asked or question(), side, grantable=True)[0]


class TestRefused:
    """What would permit it."""

    def test_nothing_but_a_delegating_key_policy(self) -> None:
        """An IAM policy, the key policy, or a grant: each alone."""
        assert proposed(identity(user()), key_side(DELEGATING)) == [
            [Doing.ALLOW_IN_IAM_POLICY],
            [Doing.ALLOW_IN_KEY_POLICY],
            [Doing.CREATE_GRANT],
        ]

    def test_the_statements_to_add(self) -> None:
        """They are written out, for this principal, action and key alone."""
        in_iam, in_key, _ = (
            change for (change,) in changes_of(identity(user()), question(), key_side(DELEGATING), grantable=True)
        )
        assert in_iam.statement == {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY_ARN}
        assert in_key.statement == {
            "Effect": "Allow",
            "Principal": {"AWS": BOB},
            "Action": "kms:Decrypt",
            "Resource": "*",
        }

    def test_a_key_policy_that_knows_nobody(self) -> None:
        """An IAM policy alone does not help; what no grant can have is not proposed as one."""
        assert proposed(identity(user(), allow("*")), key_side()) == [[Doing.ALLOW_IN_KEY_POLICY], [Doing.CREATE_GRANT]]
        assert proposed(identity(user()), key_side(), grantable=False) == [[Doing.ALLOW_IN_KEY_POLICY]]

    def test_from_another_account(self) -> None:
        """Key policy and IAM policy together, or a grant."""
        carol = identity(user("carol", account_id=OTHER))
        assert proposed(carol, key_side(DELEGATING)) == [
            [Doing.CREATE_GRANT],
            [Doing.ALLOW_IN_IAM_POLICY, Doing.ALLOW_IN_KEY_POLICY],
        ]

    def test_a_boundary_and_session_policies(self) -> None:
        """What limits must be widened too, unless the limits do not count."""
        limited = identity(session(), allow("kms:*"), boundary=[], session_policy=[])
        assert proposed(limited, key_side(DELEGATING), grantable=False) == [
            [Doing.ALLOW_IN_BOUNDARY, Doing.ALLOW_IN_SESSION_POLICY]
        ]

    def test_every_deny_must_go(self) -> None:
        """All of them, in whatever document; then nothing else may be missing."""
        who = identity(user(), allow("kms:*"), deny("kms:Decrypt"), deny("*"), boundary=[allow("*"), deny("kms:*")])
        side = key_side(DELEGATING, deny("kms:*", principal="*"))
        assert proposed(who, side) == [[Doing.REMOVE_STATEMENT] * 4]
        assert [change.text.removesuffix(", which denies it") for change in steps(who, side)] == [
            "remove statement 2 of the key policy",
            "remove statement 2 of p0",
            "remove statement 3 of p0",
            "remove statement 2 of the boundary",
        ]

    def test_a_deny_and_nothing_that_allows(self) -> None:
        """The Deny must go, and a permission must come."""
        assert proposed(identity(user(), deny("kms:*")), key_side(), grantable=False) == [
            [Doing.REMOVE_STATEMENT, Doing.ALLOW_IN_KEY_POLICY]
        ]

    def test_a_deny_with_conditions(self) -> None:
        """It may stay, if its conditions do not hold: they are named."""
        who = identity(user(), allow("kms:*"), deny("*", condition={"StringNotEquals": {"aws:SourceIp": "192.0.2.1"}}))
        (change,) = steps(who, key_side(DELEGATING))
        assert change.text.endswith("one of its conditions does not hold: StringNotEquals aws:sourceip 192.0.2.1")

    def test_conditions_that_are_not_met(self) -> None:
        """Meeting them is the first proposal."""
        who = identity(user(), allow("kms:*", condition=WEB))
        assert proposed(who, key_side(DELEGATING))[0] == [Doing.MEET_CONDITIONS]
        assert steps(who, key_side(DELEGATING))[0].text == (
            "meet the conditions of statement 1 of p0: StringEquals kms:encryptioncontext:app web"
        )
        assert decide(who, question(context={"app": "web"}), key_side(DELEGATING)).allowed

    def test_the_constraint_of_a_grant(self) -> None:
        """Meeting it would do; but for a source ARN, which no request has."""
        side = key_side(DELEGATING, grants=[grant(BOB, subset={"app": "web"})])
        assert proposed(identity(user()), side)[0] == [Doing.MEET_CONDITIONS]

    def test_who_was_made_anew(self) -> None:
        """To write the key policy once more binds it to the principal of now."""
        side = key_side(allow("kms:*", principal=BOB), principal_ids={BOB: "AIDAOLD"})
        assert [Doing.ALLOW_IN_KEY_POLICY] in proposed(identity(user()), side)

    def test_without_a_resource(self) -> None:
        """An IAM policy decides alone."""
        asked = Question(
            action="kms:CreateKey", resource="*", facts=question().facts, resource_facts=question().resource_facts
        )
        assert proposed(identity(user()), None, asked) == [[Doing.ALLOW_IN_IAM_POLICY]]
        assert steps(identity(user()), None, asked)[0].statement == {
            "Effect": "Allow",
            "Action": "kms:CreateKey",
            "Resource": "*",
        }


class TestAllowed:
    """What would refuse it."""

    def test_whatever_alone_permits(self) -> None:
        """Less of the IAM policy, a Deny, or less of the key policy."""
        assert proposed(identity(user(), allow("kms:*")), key_side(DELEGATING)) == [
            [Doing.REMOVE_STATEMENT],
            [Doing.DENY_IN_KEY_POLICY],
            [Doing.REMOVE_STATEMENT],
        ]

    def test_two_ways_must_both_go(self) -> None:
        """To take one away does not help; a Deny ends both."""
        side = key_side(allow("kms:*", principal=BOB), grants=[grant(BOB, number=1), grant(BOB, number=2)])
        assert proposed(identity(user()), side) == [
            [Doing.DENY_IN_KEY_POLICY],
            [Doing.REVOKE_GRANT, Doing.REVOKE_GRANT, Doing.REMOVE_STATEMENT],
        ]

    def test_policies_of_aws_are_detached(self) -> None:
        """Nobody can change them."""
        policy = Policy.parse(AWS_MANAGED_POLICIES[ADMINISTRATOR_ACCESS].document, PolicyKind.IDENTITY)
        who = Identity(caller=user(), policies=(Document(ADMINISTRATOR_ACCESS, policy),))
        assert steps(who, key_side(DELEGATING)) == (
            Change(doing=Doing.DETACH_POLICY, text=f"detach {ADMINISTRATOR_ACCESS}"),
        )

    def test_the_root_user(self) -> None:
        """Its Deny spares the others of the account, whose root has the same ARN."""
        asked = question(facts={"aws:PrincipalArn": root_arn(OWNER)})
        found = changes_of(identity(Caller.root(OWNER, "")), asked, key_side(DELEGATING), grantable=True)
        ((deny_it,), (remove,)) = found
        assert remove.doing is Doing.REMOVE_STATEMENT
        assert deny_it.statement is not None
        assert deny_it.statement["Condition"] == {"ArnEquals": {"aws:PrincipalArn": root_arn(OWNER)}}
        side = key_side(DELEGATING, deny_it.statement)
        facts = {"aws:PrincipalArn": BOB}
        assert decide(identity(user(), allow("*")), question(facts=facts), side).allowed

    def test_the_root_user_without_a_resource(self) -> None:
        """Nothing refuses it."""
        assert proposed(identity(Caller.root(OWNER, "")), None) == []

    def test_an_iam_policy_alone(self) -> None:
        """Where there is no key: less of it, or a Deny."""
        assert proposed(identity(user(), allow("kms:*")), None) == [
            [Doing.REMOVE_STATEMENT],
            [Doing.DENY_IN_IAM_POLICY],
        ]


STATEMENTS: list[Statement] = [
    DELEGATING,
    allow("kms:Decrypt", principal=BOB),
    allow("kms:Decrypt", principal=BOB, condition=WEB),
    deny("kms:Decrypt", principal=BOB),
    deny("kms:*", principal="*", condition={"StringNotEquals": {"kms:EncryptionContext:app": "web"}}),
    allow("kms:*", principal=f"arn:aws:iam::{OTHER}:user/bob"),
]
WITHOUT_PRINCIPAL: list[Statement] = [allow("kms:*"), allow("kms:*", condition=WEB), deny("kms:Decrypt"), deny("s3:*")]


@settings(max_examples=60, deadline=None)
@given(
    key_policy=st.lists(st.sampled_from(STATEMENTS), max_size=3),
    iam_policy=st.lists(st.sampled_from(WITHOUT_PRINCIPAL), max_size=3),
    boundary=st.none() | st.lists(st.sampled_from(WITHOUT_PRINCIPAL), max_size=2),
    account_id=st.sampled_from([OWNER, OTHER]),
)
def test_there_is_always_a_way(
    key_policy: list[Statement], iam_policy: list[Statement], boundary: list[Statement] | None, account_id: str
) -> None:
    """Whatever the documents say, something flips it, and no proposal has another one within it."""
    who = identity(user(account_id=account_id), *iam_policy, boundary=boundary)
    found = changes_of(who, question(), key_side(*key_policy), grantable=True)
    assert found
    texts = [frozenset(change.text for change in changes) for changes in found]
    assert not any(one < other for one in texts for other in texts)


@pytest.mark.parametrize("number", [20])
def test_many_statements_take_no_time(number: int) -> None:
    """The search is bounded: proposals may be missed among so many, but one is found."""
    many = [allow("kms:*", principal=BOB) for _ in range(number)]
    assert proposed(identity(user(), *[allow("kms:*") for _ in range(number)]), key_side(*many)) == [
        [Doing.DENY_IN_KEY_POLICY]
    ]

"""A decision taken apart: each part says what it says, and what came near is named."""

import pytest

from harness.decisions import (
    BOB,
    DELEGATING,
    KEY_ARN,
    OTHER,
    OWNER,
    grant,
    identity,
    key_side,
    question,
    session,
    user,
    written,
)
from harness.policies import allow, deny
from selfkms.domain.arns import root_arn
from selfkms.domain.iam.callers import Caller
from selfkms.domain.policy.evaluate import Identity, Question, ResourceSide, decide
from selfkms.domain.policy.explain import (
    Overlaid,
    Part,
    Says,
    afresh,
    conditions_text,
    decided_by,
    grantees,
    parts_of,
)
from selfkms.domain.policy.facts import Facts

ROLE = f"arn:aws:iam::{OWNER}:role/reader"


def why(who: Identity, side: ResourceSide | None, asked: Question | None = None) -> str:
    asked = asked or question()
    return decided_by(who, asked, side, decide(who, asked, side))


def parts(who: Identity, side: ResourceSide | None, asked: Question | None = None) -> dict[str, Part]:
    return {part.part: part for part in parts_of(who, asked or question(), side)}


class TestDecidedBy:
    """What a decision comes of."""

    def test_the_account_delegates(self) -> None:
        """Both the key policy and the IAM policy are needed, and named."""
        assert why(identity(user(), allow("kms:*")), key_side(DELEGATING)) == (
            "statement 1 of the key policy, which names the account; statement 1 of p0"
        )

    def test_the_root_user(self) -> None:
        """It needs no IAM policy."""
        root = identity(Caller.root(OWNER, ""))
        assert why(root, key_side(DELEGATING)).endswith("which names the account; the root user needs no IAM policy")
        assert why(root, None) == "the root user needs no IAM policy"

    def test_named_directly_and_as_a_role(self) -> None:
        """In the key's account the key policy is enough."""
        side = key_side(DELEGATING, allow("kms:Decrypt", principal=[BOB, ROLE]))
        assert why(identity(user()), side) == "statement 2 of the key policy, which names the caller"
        assert why(identity(session()), side) == "statement 2 of the key policy, which names the role"

    def test_named_from_another_account(self) -> None:
        """There the IAM policy is needed as well."""
        carol = user("carol", account_id=OTHER)
        side = key_side(allow("kms:Decrypt", principal=carol.arn))
        assert why(identity(carol, allow("kms:*")), side).endswith("which names the caller; statement 1 of p0")
        assert why(identity(carol), side) == "the IAM policies, which do not allow it"

    def test_a_grant(self) -> None:
        """By its ID."""
        assert why(identity(user()), key_side(grants=[grant(BOB)])) == f"grant {1:064x}"

    @pytest.mark.parametrize(
        ("who", "by"),
        [
            (identity(user(), deny("kms:*")), "statement 1 of p0"),
            (identity(user(), allow("kms:*"), boundary=[deny("kms:*")]), "statement 1 of the boundary"),
            (identity(session(), allow("kms:*"), session_policy=[deny("*")]), "statement 1 of session policy"),
            (identity(user(), allow("kms:*"), boundary=[]), "the permissions boundary, which does not allow it"),
            (identity(session(), allow("*"), session_policy=[]), "the session policies, which do not allow it"),
            (identity(user()), "the IAM policies, which do not allow it"),
        ],
    )
    def test_refusals(self, who: Identity, by: str) -> None:
        """The statement that denies, or the part that lacks an Allow."""
        assert why(who, key_side(DELEGATING)) == by

    def test_the_key_policy_refuses(self) -> None:
        """By a Deny, with its Sid; or by saying nothing of the caller."""
        denying = deny("kms:Decrypt", principal="*") | {"Sid": "Nobody"}
        assert why(identity(user(), allow("*")), key_side(DELEGATING, denying)) == (
            "statement 2 (Nobody) of the key policy"
        )
        assert why(identity(user(), allow("*")), key_side()).startswith("the key policy, which does not let")
        carol = identity(user("carol", account_id=OTHER), allow("*"))
        assert why(carol, key_side(DELEGATING)).startswith("the key policy, which does not let the caller in from")


class TestParts:
    """Each part, whatever the others say."""

    def test_what_there_is_not(self) -> None:
        """No boundary, no session policies, no key: said to be none, or not named."""
        found = parts(identity(user()), key_side())
        assert [(name, part.says) for name, part in found.items()] == [
            ("key policy", Says.NOTHING),
            ("IAM policies", Says.NOTHING),
            ("permissions boundary", Says.NONE),
            ("session policies", Says.NONE),
            ("grants", Says.NOTHING),
        ]
        assert "key policy" not in parts(identity(user()), None)
        assert "grants" not in parts(identity(user()), None)

    def test_parts_that_did_not_decide(self) -> None:
        """A Deny ends it, and still the others are shown."""
        who = identity(user(), allow("kms:*"), boundary=[deny("*")])
        found = parts(who, key_side(DELEGATING, grants=[grant(BOB)]))
        assert found["key policy"] == Part(
            part="key policy", says=Says.ALLOWS, by="statement 1 of the key policy, which names the account"
        )
        assert found["IAM policies"].by == "statement 1 of p0"
        assert found["permissions boundary"].says is Says.DENIES
        assert (found["grants"].says, found["grants"].by) == (Says.ALLOWS, f"grant {1:064x}")

    def test_conditions_that_are_not_met(self) -> None:
        """The statement and its conditions are named as near; met, it allows."""
        condition = {"StringEquals": {"kms:EncryptionContext:app": "web"}}
        side = key_side(allow("kms:Decrypt", principal=BOB, condition=condition))
        who = identity(user(), allow("kms:*", condition=condition))
        found = parts(who, side)
        assert found["key policy"].near == (
            "statement 1 of the key policy: not met: StringEquals kms:encryptioncontext:app web",
        )
        assert found["IAM policies"].near == ("statement 1 of p0: not met: StringEquals kms:encryptioncontext:app web",)
        met = parts(who, side, question(context={"app": "web"}))
        assert (met["key policy"].says, met["IAM policies"].says) == (Says.ALLOWS, Says.ALLOWS)

    def test_near_statements_are_about_the_caller(self) -> None:
        """One that lets in somebody else is not near, nor one about another action, nor a Deny."""
        condition = {"Bool": {"aws:SecureTransport": "true"}}
        others = [
            allow("kms:Decrypt", principal=f"arn:aws:iam::{OTHER}:user/bob", condition=condition),
            allow("kms:Encrypt", principal=BOB, condition=condition),
            deny("kms:Decrypt", principal=BOB, condition=condition),
        ]
        assert parts(identity(user()), key_side(*others))["key policy"].near == ()

    def test_statements_on_other_resources(self) -> None:
        """An IAM policy that allows the action on another key is named with what it is about."""
        elsewhere = KEY_ARN.replace("us-east-1", "eu-west-1")
        statements = (
            allow("kms:Decrypt", resource=elsewhere),
            {"Effect": "Allow", "Action": "kms:*", "NotResource": KEY_ARN},
            allow("kms:Decrypt", resource=[elsewhere + str(number) for number in range(9)]),
        )
        near = parts(identity(user(), *statements), key_side(DELEGATING))["IAM policies"].near
        assert near[0] == f"statement 1 of p0: about other resources: {elsewhere}"
        assert near[1] == f"statement 2 of p0: about every resource but {KEY_ARN}"
        assert near[2].endswith(f"{elsewhere}2, …")

    def test_a_principal_of_an_old_name(self) -> None:
        """A user made anew under the name of a deleted one is not the one that the key policy names, and is told."""
        side = key_side(allow("kms:Decrypt", principal=BOB), principal_ids={BOB: "AIDAOLD"})
        (near,) = parts(identity(user()), side)["key policy"].near
        assert near.startswith("statement 1 of the key policy: names an earlier user or role of this ARN")

    def test_a_grant_whose_constraint_is_not_met(self) -> None:
        """With the constraint; a grant of other operations or to others is not near."""
        given = [
            grant(BOB, number=1, subset={"app": "web"}),
            grant(BOB, "Encrypt", number=2),
            grant(ROLE, number=3),
        ]
        found = parts(identity(user()), key_side(grants=given))["grants"]
        assert found.near == (
            f'grant {1:064x}: its constraint is not met: {{"EncryptionContextSubset":{{"app":"web"}}}}',
        )
        met = parts(identity(user()), key_side(grants=given), question(context={"app": "web", "more": "x"}))["grants"]
        assert met.by == f"grant {1:064x}"

    def test_a_grant_to_an_old_name(self) -> None:
        """A grant to a user who was deleted is none to the one of that name, and is told."""
        side = key_side(grants=[grant(BOB, grantee_id="AIDAOLD"), grant(BOB, "Encrypt", grantee_id="AIDAOLD")])
        assert parts(identity(user()), side)["grants"].near == (
            f"grant {1:064x}: names an earlier user or role of this ARN, deleted since",
        )
        assert parts(identity(user()), key_side(grants=[grant(BOB, grantee_id="AIDABOB")]))["grants"].by

    def test_a_grant_to_the_account(self) -> None:
        """It delegates: without an IAM permission it gives nothing."""
        side = key_side(grants=[grant(root_arn(OWNER))])
        assert parts(identity(user()), side)["grants"].says is Says.NOTHING
        assert parts(identity(user(), allow("kms:*")), side)["grants"].says is Says.ALLOWS

    def test_a_trust_policy(self) -> None:
        """It goes by its own name, and a role has no grants."""
        role = ResourceSide(policy=written("the trust policy"), owner=OWNER, principal_ids={}, is_role=True)
        assert list(parts(identity(user()), role)) == [
            "trust policy",
            "IAM policies",
            "permissions boundary",
            "session policies",
        ]


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ({"StringEquals": {"a:b": ["x", "y"]}}, "StringEquals a:b x or y"),
        ({"StringLikeIfExists": {"A:B": "x*"}}, "StringLikeIfExists a:b"),
        ({"StringLike": {"A:B": "x"}}, "StringLike a:b x"),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": "t"}}, "ForAnyValue:StringEquals aws:tagkeys t"),
        ({"Bool": {"aws:SecureTransport": False}}, "Bool aws:securetransport false"),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, "IpAddress aws:sourceip 192.0.2.0/24"),
        ({"NumericLessThan": {"a:b": "7"}}, "NumericLessThan a:b 7"),
        ({"DateLessThan": {"aws:CurrentTime": "2030-01-01"}}, "DateLessThan aws:currenttime"),
        ({"StringEquals": {"a:b": "${aws:username}"}}, "StringEquals a:b"),
    ],
)
def test_conditions_in_words(condition: dict[str, dict[str, object]], text: str) -> None:
    """As they were written, as far as the compiled form still tells."""
    (statement,) = written("p", allow("kms:*", condition=condition)).policy.statements
    assert conditions_text(statement.conditions) == text


def test_grantees_of_callers() -> None:
    """A user by its ARN, a session by its own and its role's, a root user by its account's."""
    assert grantees(user()) == [BOB]
    assert grantees(session()) == [f"arn:aws:sts::{OWNER}:assumed-role/reader/s1", ROLE]
    assert grantees(Caller.root(OWNER, "")) == [root_arn(OWNER)]


def test_what_is_given_overlays() -> None:
    """A given fact wins, whatever its case; the others shine through."""
    facts = Overlaid(Facts.of({"aws:SourceIp": "192.0.2.1", "a:b": "c"}), {"AWS:SOURCEIP": "198.51.100.1"})
    assert (facts.get("aws:sourceip"), facts.get("a:b"), facts.get("x")) == ("198.51.100.1", "c", None)


def test_each_decision_has_its_own_allowance() -> None:
    """Comparisons of one are not taken from the next."""
    asked = question()
    assert asked.facts.afford(100_000)
    assert not asked.facts.afford(1)
    assert afresh(asked).facts.afford(100_000)

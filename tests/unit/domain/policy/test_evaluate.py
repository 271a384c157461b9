"""The verdict: how key policies and trust policies name callers, and what the identity side must say besides.

What denies is in test_evaluate_denies.py, trust policies in test_evaluate_trust.py, grants and RetireGrant in
test_evaluate_grants.py, what holds for all documents in test_evaluate_properties.py.

Source: IAM User Guide, "Policy evaluation for requests within a single account", "Cross-account policy evaluation
logic", "AWS JSON policy elements: Principal"; KMS developer guide, "Key policies in AWS KMS", "Determining access".
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import pytest

from harness.verdicts import (
    APP,
    BOB,
    CALLERS,
    FEDERATED,
    KEY_ARN,
    OTHER,
    OTHER_APP,
    OTHER_BOB,
    OTHER_ROOT,
    OWNER,
    ROOT,
    SERVICE,
    SESSION,
    Statement,
    Statements,
    allow,
    aws,
    deny,
    federated_user,
    identity,
    keep_out,
    key_side,
    let,
    question,
    role_session,
    service_caller,
    why,
)
from selfkms.domain.policy.evaluate import Identity, Why, decide

# What is in no policy of these tests but those that are to fall short.
NOTHING_OF_KMS: Final = [allow("s3:*")]
KMS: Final = [allow("kms:*")]

MARKS: Final = {
    "+": None,
    "R": Why.NOT_IN_RESOURCE,
    "T": Why.NOT_IN_TRUST,
    "I": Why.NOT_IN_IDENTITY,
    "B": Why.NOT_IN_BOUNDARY,
    "S": Why.NOT_IN_SESSION,
    "F": Why.FOREIGN,
}

# The identity side: identity policies, permissions boundary, session policies. None: there is none.
SIDES: Final[Mapping[str, tuple[Statements, Statements | None, list[Statements] | None]]] = {
    "nothing": ([], None, None),
    "no-B": ([], NOTHING_OF_KMS, None),
    "no-S": ([], None, [NOTHING_OF_KMS]),
    "B+S": ([], KMS, [KMS]),
    "I": (KMS, None, None),
    "I+B": (KMS, KMS, None),
    "I,no-B": (KMS, NOTHING_OF_KMS, None),
    "I+S": (KMS, None, [KMS]),
    "I,no-S": (KMS, None, [NOTHING_OF_KMS]),
    "I,no-B,no-S": (KMS, NOTHING_OF_KMS, [NOTHING_OF_KMS]),
}

# What comes of it, by how the key policy names the caller.
VERDICTS: Final = """
                    nothing no-B no-S B+S   I I+B I,no-B I+S I,no-S I,no-B,no-S
    directly           +     +    +    +    +  +    +     +    +        +
    role               +     B    S    +    +  +    B     +    S        B
    account            I     I    I    I    +  +    B     +    S        B
    nobody             R     R    R    R    R  R    R     R    R        R
    abroad             I     I    I    I    +  +    B     +    S        B
    nobody-abroad      F     F    F    F    F  F    F     F    F        F
    no-resource        I     I    I    I    +  +    B     +    S        B
"""


def _cells() -> dict[str, dict[str, Why | None]]:
    header, *rows = VERDICTS.strip("\n").splitlines()
    parted = (row.split() for row in rows)
    return {how: dict(zip(header.split(), (MARKS[mark] for mark in marks), strict=True)) for how, *marks in parted}


CELLS: Final = _cells()
OF_USERS: Final = ("nothing", "no-B", "I", "I+B", "I,no-B")
"""Users have no session policies."""

NAMED: Final[list[tuple[str, Any, str]]] = [
    ("user", aws(BOB.arn), "directly"),
    ("user", aws(BOB.user_id), "directly"),
    ("user", aws(OTHER_BOB.arn, BOB.arn), "directly"),
    ("user", aws("*"), "directly"),
    ("user", "*", "directly"),
    ("user", aws(ROOT, BOB.arn), "directly"),
    ("user", aws(ROOT), "account"),
    ("user", aws(OWNER), "account"),
    ("user", aws(OTHER_ROOT), "nobody"),
    ("user", aws(BOB.arn.replace("/team/", "/")), "nobody"),
    ("user", aws(BOB.arn.replace("bob", "BOB")), "nobody"),
    ("user", aws(APP.arn), "nobody"),
    ("user", aws(FEDERATED), "nobody"),
    ("user", aws(f"arn:aws:iam::{OWNER}:group/team"), "nobody"),
    ("user", {"Service": SERVICE}, "nobody"),
    ("user", {"Federated": "arn:aws:iam::111122223333:oidc-provider/bob"}, "nobody"),
    ("token", aws(BOB.arn), "directly"),
    ("token", aws(BOB.user_id), "directly"),
    ("token", aws(ROOT), "account"),
    ("session", aws(SESSION), "directly"),
    ("session", "*", "directly"),
    ("session", aws(APP.arn, SESSION), "directly"),
    ("session", aws(APP.arn), "role"),
    ("session", aws(APP.role_id), "role"),
    ("session", aws(ROOT, APP.arn), "role"),
    ("session", aws(ROOT), "account"),
    ("session", aws(OWNER), "account"),
    ("session", aws(role_session(APP, "two").arn), "nobody"),
    ("session", aws(APP.arn.replace("/team/", "/")), "nobody"),
    ("session", aws(SESSION.replace("app", "team/app")), "nobody"),
    ("session", aws(BOB.arn), "nobody"),
    ("federated", aws(FEDERATED), "directly"),
    ("federated", "*", "directly"),
    ("federated", aws(BOB.arn), "role"),
    ("federated", aws(BOB.user_id), "role"),
    ("federated", aws(ROOT), "account"),
    ("federated", aws(federated_user(BOB, "visitor").arn), "nobody"),
    ("other-user", aws(OTHER_BOB.arn), "abroad"),
    ("other-user", aws(OTHER_BOB.user_id), "abroad"),
    ("other-user", aws(OTHER_ROOT), "abroad"),
    ("other-user", aws(OTHER), "abroad"),
    ("other-user", "*", "abroad"),
    ("other-user", aws(ROOT), "nobody-abroad"),
    ("other-user", aws(BOB.arn), "nobody-abroad"),
    ("other-session", aws(CALLERS["other-session"].arn), "abroad"),
    ("other-session", aws(OTHER_APP.arn), "abroad"),
    ("other-session", aws(OTHER_ROOT), "abroad"),
    ("other-session", "*", "abroad"),
    ("other-session", aws(APP.arn), "nobody-abroad"),
    ("other-federated", aws(OTHER_BOB.arn), "abroad"),
    ("other-federated", aws(ROOT), "nobody-abroad"),
]


def side(name: str, caller: str) -> Identity:
    """An identity side of the table above."""
    policies, boundary, session = SIDES[name]
    return identity(CALLERS[caller], policies, boundary=boundary, session=session)


class TestNaming:
    """How a statement of a key policy names the caller says what else is needed."""

    @pytest.mark.parametrize(("caller", "principal", "how"), NAMED)
    def test_how_the_caller_is_named(self, caller: str, principal: Any, how: str) -> None:
        """Of one account: IAM User Guide, "Policy evaluation for requests within a single account".

        Of two: "Cross-account policy evaluation logic".
        """
        sides = OF_USERS if caller in {"user", "token", "other-user"} else tuple(SIDES)
        key_policy = [allow(Principal=principal)]
        assert {name: why(side(name, caller), key_policy) for name in sides} == {
            name: CELLS[how][name] for name in sides
        }

    @pytest.mark.parametrize(
        ("caller", "principal", "mark"),
        [
            ("root", aws(ROOT), "+"),
            ("root", aws(OWNER), "+"),
            ("root", "*", "+"),
            ("root", aws(BOB.arn), "R"),
            ("root", aws(OTHER_ROOT), "R"),
            ("other-root", aws(OTHER_ROOT), "+"),
            ("other-root", aws(OTHER), "+"),
            ("other-root", "*", "+"),
            ("other-root", aws(ROOT), "F"),
        ],
    )
    def test_the_root_user_needs_no_identity_policy(self, caller: str, principal: Any, mark: str) -> None:
        """But the key policy must name its account. KMS developer guide, "Default key policy"."""
        for action in ("kms:Encrypt", "kms:PutKeyPolicy"):
            assert why(identity(CALLERS[caller]), [allow(Principal=principal)], action) is MARKS[mark]

    @pytest.mark.parametrize("caller", ["user", "session", "federated", "other-user"])
    @pytest.mark.parametrize(
        "statements",
        [
            pytest.param([let(ROOT, OTHER_ROOT), allow(Principal="*")], id="directly last"),
            pytest.param([allow(Principal="*"), let(ROOT, OTHER_ROOT)], id="directly first"),
        ],
    )
    def test_the_best_of_several_statements_counts(self, caller: str, statements: Statements) -> None:
        """Statements are OR-ed, in any order. IAM User Guide, "Policies and permissions in AWS IAM"."""
        foreign = caller.startswith("other")
        assert why(identity(CALLERS[caller]), statements) is (Why.NOT_IN_IDENTITY if foreign else None)

    def test_a_better_name_counts_only_where_its_statement_is_about_the_request(self) -> None:
        """A statement on another action, or under a condition that does not hold, names nobody."""
        nobody = identity(CALLERS["user"])
        key_policy = [let(ROOT), let(BOB.arn, action="kms:Decrypt")]
        assert why(nobody, key_policy, "kms:Decrypt") is None
        assert why(nobody, key_policy, "kms:Encrypt") is Why.NOT_IN_IDENTITY
        secure = [let(ROOT), let(BOB.arn, Condition={"Bool": {"aws:SecureTransport": "true"}})]
        assert why(nobody, secure, facts={"aws:SecureTransport": "true"}) is None
        assert why(nobody, secure, facts={"aws:SecureTransport": "false"}) is Why.NOT_IN_IDENTITY

    def test_everyone_under_a_condition_on_the_role_names_directly(self) -> None:
        """Unlike the role's ARN as principal, `*` with aws:PrincipalArn is limited by no boundary or session policy.

        IAM User Guide, "AWS JSON policy elements: Principal", "IAM role principals".
        """
        statement = allow(Principal="*", Condition={"ArnEquals": {"aws:PrincipalArn": APP.arn}})
        limited = side("I,no-B,no-S", "session")
        assert why(limited, [statement], facts={"aws:PrincipalArn": APP.arn}) is None
        assert why(limited, [statement], facts={"aws:PrincipalArn": BOB.arn}) is Why.NOT_IN_RESOURCE

    def test_not_principal_with_allow_names_nobody(self) -> None:
        """IAM User Guide, "AWS JSON policy elements: NotPrincipal": not supported with Allow."""
        key_policy = [allow(NotPrincipal=aws(OTHER_BOB.arn))]
        assert {name: why(name, key_policy) for name in CALLERS} == {
            name: Why.FOREIGN if name.startswith("other") else Why.NOT_IN_RESOURCE for name in CALLERS
        }

    @pytest.mark.parametrize("element", ["Action", "Resource"])
    def test_a_statement_without_action_or_resource_is_inert(self, element: str) -> None:
        """KMS developer guide, "Key policies in AWS KMS": it is accepted, and has no effect."""
        inert = [
            {name: value for name, value in statement.items() if name != element}
            for statement in (allow(Principal="*"), deny(Principal="*"))
        ]
        assert why("user", inert) is Why.NOT_IN_RESOURCE
        assert why("user", [let(ROOT), *inert]) is None

    def test_a_service_is_named_as_a_service(self) -> None:
        """Not by the account it works in. IAM User Guide, "AWS JSON policy elements: Principal", "AWS services"."""
        asking = identity(service_caller(SERVICE))
        assert why(asking, [allow(Principal={"Service": SERVICE})]) is None
        assert why(asking, [allow(Principal={"Service": "ec2.amazonaws.com"})]) is Why.NOT_IN_RESOURCE
        assert why(asking, [let(ROOT)]) is Why.NOT_IN_RESOURCE

    def test_for_whom_a_service_calls_is_named_as_itself(self) -> None:
        """kms:ViaService tells that a service came between. KMS developer guide, "kms:ViaService"."""
        through_a_service = msgspec.structs.replace(CALLERS["user"], service=SERVICE)
        assert why(identity(through_a_service), [let(BOB.arn)]) is None
        assert why(identity(through_a_service), [allow(Principal={"Service": SERVICE})]) is Why.NOT_IN_RESOURCE


class TestMadeAnew:
    """A user or a role that was made anew is not the one that a policy named.

    IAM User Guide, "AWS JSON policy elements: Principal": policies keep unique IDs behind the ARNs.
    """

    @pytest.mark.parametrize(
        ("caller", "named"),
        [
            ("user", BOB.arn),
            ("token", BOB.arn),
            ("session", APP.arn),
            ("federated", BOB.arn),
            ("other-user", OTHER_BOB.arn),
            ("other-session", OTHER_APP.arn),
        ],
    )
    def test_its_arn_names_it_no_more(self, caller: str, named: str) -> None:
        """Neither in an Allow nor in a Deny, nor among those that NotPrincipal spares."""
        old = {named: "AIDAOLD" if ":user/" in named else "AROAOLD"}
        refusal = Why.FOREIGN if caller.startswith("other") else Why.NOT_IN_RESOURCE
        everyone = allow(Principal="*")
        assert why(caller, [let(named)], principal_ids=old) is refusal
        assert why(caller, [everyone, keep_out(named)], principal_ids=old) is None
        sparing = deny(NotPrincipal=aws(ROOT, OTHER_ROOT, CALLERS[caller].arn, named))
        assert why(caller, [everyone, sparing]) is None
        assert why(caller, [everyone, sparing], principal_ids=old) is not None

    def test_the_right_id_is_as_good_as_none(self) -> None:
        """Principals whose IDs are known, and those that are of accounts we do not have."""
        ids = {BOB.arn: BOB.user_id, APP.arn: APP.role_id}
        for caller, named in (("user", BOB.arn), ("session", APP.arn), ("federated", BOB.arn)):
            assert why(caller, [let(named)], principal_ids=ids) is None

    def test_an_old_unique_id_names_nobody(self) -> None:
        """IDs are never used again."""
        assert why("user", [let("AIDAOLD")]) is Why.NOT_IN_RESOURCE
        assert why("session", [let("AROAOLD")]) is Why.NOT_IN_RESOURCE

    def test_account_and_everyone_go_on(self) -> None:
        """They named nobody in particular; and aws:PrincipalArn goes by the name."""
        old = {BOB.arn: "AIDAOLD"}
        by_name = allow(Principal="*", Condition={"ArnEquals": {"aws:PrincipalArn": BOB.arn}})
        assert why("user", [let(ROOT, BOB.arn)], principal_ids=old) is None
        assert why("user", [by_name], principal_ids=old, facts={"aws:PrincipalArn": BOB.arn}) is None


class TestDelegation:
    """What a key policy leaves to IAM: KMS developer guide, "Default key policy", "IAM policies with AWS KMS"."""

    @pytest.mark.parametrize("caller", ["root", "user", "session", "federated"])
    def test_identity_policies_count_for_nothing_unless_the_key_policy_delegates(self, caller: str) -> None:
        """Unlike with most services; it is so for the root user, too."""
        asking = identity(CALLERS[caller], [allow("*")], boundary=[allow("*")], session=[[allow("*")]])
        assert why(asking, [let(OTHER_ROOT)]) is Why.NOT_IN_RESOURCE

    @pytest.mark.parametrize("caller", ["root", "user", "session"])
    def test_the_action_of_the_delegating_statement_is_its_limit(self, caller: str) -> None:
        """IAM policies cannot give more than the statement."""
        key_policy = [let(ROOT, action=["kms:Describe*", "KMS:encrypt"]), let(ROOT, action="kms:List*")]
        found = {action: why(caller, key_policy, f"kms:{action}") for action in ("Encrypt", "ListGrants", "Decrypt")}
        assert found == {"Encrypt": None, "ListGrants": None, "Decrypt": Why.NOT_IN_RESOURCE}

    @pytest.mark.parametrize("caller", ["root", "user", "session"])
    def test_its_condition_is_its_limit(self, caller: str) -> None:
        """The same; a key that is absent does not fit."""
        key_policy = [let(ROOT, Condition={"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}})]
        assert why(caller, key_policy, facts={"kms:ViaService": "s3.eu-central-1.amazonaws.com"}) is None
        assert why(caller, key_policy) is Why.NOT_IN_RESOURCE

    @pytest.mark.parametrize(
        ("statement", "mark"),
        [
            (allow("kms:Encrypt"), "+"),
            (allow("KMS:eNCRYPT"), "+"),
            (allow("kms:Decrypt"), "I"),
            (allow(NotAction="kms:Decrypt", Action=...), "+"),
            (allow(Resource=KEY_ARN), "+"),
            (allow(Resource="arn:aws:kms:*:111122223333:key/*"), "+"),
            (allow(Resource="arn:aws:kms:*:444455556666:key/*"), "I"),
            (allow(Resource="arn:aws:kms:eu-central-1:111122223333:alias/mine"), "I"),
            (allow(Resource=KEY_ARN.replace("abcd", "ABCD")), "I"),
            (allow(Condition={"StringEquals": {"aws:ResourceTag/team": "blue"}}), "+"),
            (allow(Condition={"Bool": {"aws:MultiFactorAuthPresent": "false"}}), "I"),
            (allow(Condition={"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}), "+"),
        ],
    )
    def test_what_the_identity_policy_must_say(self, statement: Statement, mark: str) -> None:
        """Only key ARNs select keys; an alias does not stand for its key.

        KMS developer guide, "Specifying KMS keys in IAM policy statements".
        """
        asking = identity(CALLERS["user"], [statement])
        tagged = question(of_identity_side={"aws:ResourceTag/team": "blue", "kms:RequestAlias": "alias/mine"})
        assert decide(asking, tagged, key_side([let(ROOT)])).why is MARKS[mark]

    def test_what_cannot_be_said_to_be_excepted_is_not_allowed(self) -> None:
        """IAM User Guide, "IAM policy elements: Variables and tags": without a value the statement is invalid."""
        entry = "arn:aws:kms:*:*:key/${aws:PrincipalTag/key}"
        asking = identity(CALLERS["user"], [allow(Resource=..., NotResource=entry)])
        excepted = {"aws:PrincipalTag/key": KEY_ARN.rpartition("/")[2]}
        assert why(asking, [let(ROOT)], facts=excepted) is Why.NOT_IN_IDENTITY
        assert why(asking, [let(ROOT)]) is Why.NOT_IN_IDENTITY

    def test_what_cannot_be_said_to_be_excepted_is_denied(self) -> None:
        """Of two readings of the same page the stricter one."""
        entry = "arn:aws:kms:*:*:key/${aws:PrincipalTag/key}"
        asking = identity(CALLERS["user"], [*KMS, deny(Resource=..., NotResource=entry)])
        assert why(asking, [let(ROOT)]) is Why.DENIED_BY_IDENTITY

    @pytest.mark.parametrize("fact", ["aws:ResourceTag/team", "kms:ResourceAliases"])
    def test_tags_and_aliases_of_the_key_count_on_the_identity_side_alone(self, fact: str) -> None:
        """Key policies do not see them. KMS developer guide, "ABAC for AWS KMS", "kms:ResourceAliases"."""
        condition = {"ForAnyValue:StringEquals": {fact: "blue"}}
        asked = question(of_identity_side={fact: ("blue",)})
        only = [allow(Condition=condition)]
        asking = identity(CALLERS["session"], only, boundary=only, session=[only])
        assert decide(asking, asked, key_side([let(ROOT)])).allowed
        asking, keeps_out = identity(CALLERS["user"], KMS), deny(Principal="*", Condition=condition)
        assert decide(asking, asked, key_side([let(BOB.arn, Condition=condition)])).why is Why.NOT_IN_RESOURCE
        assert decide(asking, asked, key_side([let(BOB.arn), keeps_out])).allowed


class TestIdentitySide:
    """Identity, boundary and session policies."""

    @pytest.mark.parametrize("name", SIDES)
    @pytest.mark.parametrize("caller", ["session", "federated"])
    def test_without_a_resource_policy_they_decide(self, caller: str, name: str) -> None:
        """IAM User Guide, "Policy evaluation for requests within a single account": all of them must allow."""
        listing = question("kms:ListKeys", resource="*")
        assert decide(side(name, caller), listing, None).why is CELLS["no-resource"][name]

    def test_the_root_user_may_all_that_has_no_resource_policy(self) -> None:
        """IAM User Guide, "AWS account root user"."""
        assert decide(identity(CALLERS["root"]), question("kms:CreateKey", resource="*"), None).allowed

    def test_a_pattern_of_keys_does_not_cover_what_has_no_resource(self) -> None:
        """Service Authorization Reference, "AWS Key Management Service": CreateKey and ListKeys ask for `*`."""
        asking = identity(CALLERS["user"], [allow(Resource="arn:aws:kms:*:111122223333:key/*")])
        assert decide(asking, question("kms:ListKeys", resource="*"), None).why is Why.NOT_IN_IDENTITY

    def test_one_of_several_session_policies_is_enough(self) -> None:
        """Together they say what the session may at most. IAM User Guide, "Session policies"."""
        asking = identity(CALLERS["session"], KMS, session=[NOTHING_OF_KMS, KMS])
        assert why(asking, [let(ROOT)]) is None

    def test_session_policies_that_are_none_allow_nothing(self) -> None:
        """STS API Reference, "GetFederationToken": without a policy the federated user has no permissions."""
        asking = identity(CALLERS["federated"], KMS, session=[])
        assert why(asking, [let(ROOT)]) is Why.NOT_IN_SESSION
        assert why(asking, [let(FEDERATED)]) is None

    @pytest.mark.parametrize("document", ["boundary", "session"])
    def test_their_resources_and_conditions_limit_too(self, document: str) -> None:
        """IAM User Guide, "Permissions boundaries for IAM entities"."""
        for statement, fits in (
            (allow(Resource=KEY_ARN), True),
            (allow(Resource="arn:aws:kms:us-east-1:*:key/*"), False),
            (allow(Condition={"StringEquals": {"kms:CallerAccount": OWNER}}), True),
            (allow(Condition={"StringEquals": {"kms:CallerAccount": OTHER}}), False),
        ):
            limits: dict[str, Any] = {"boundary": {"boundary": [statement]}, "session": {"session": [[statement]]}}
            asking = identity(CALLERS["session"], KMS, **limits[document])
            assert (why(asking, [let(ROOT)], facts={"kms:CallerAccount": OWNER}) is None) is fits

    def test_a_federated_session_of_the_root_user_may_what_its_session_policies_say(self) -> None:
        """STS API Reference, "GetFederationToken": what the caller may and the session policies allow."""
        assert why(identity(federated_user(None), session=[KMS]), [let(ROOT)]) is None

    def test_a_federated_session_of_the_root_user_is_limited_by_its_session_policies(self) -> None:
        """It is not the root user."""
        for session in ([], [NOTHING_OF_KMS]):
            assert why(identity(federated_user(None), session=session), [let(ROOT)]) is not None


class TestManagedKeys:
    """KMS developer guide, "AWS managed keys": their services use them for a caller, nobody does directly."""

    USE: Final = {
        "StringEquals": {"kms:CallerAccount": OWNER, "kms:ViaService": "ebs.eu-central-1.amazonaws.com"},
    }
    KEY_POLICY: Final = (
        allow(["kms:Encrypt", "kms:Decrypt", "kms:CreateGrant", "kms:DescribeKey"], Principal="*", Condition=USE),
        let(ROOT, action=["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"]),
    )

    @pytest.mark.parametrize("caller", ["root", "user", "session"])
    def test_nobody_uses_one_directly(self, caller: str) -> None:
        """Neither an administrator nor root; what it is, IAM lets them see."""
        facts = {"kms:CallerAccount": OWNER}
        assert why(caller, self.KEY_POLICY, "kms:Encrypt", facts=facts) is Why.NOT_IN_RESOURCE
        assert why(caller, self.KEY_POLICY, "kms:PutKeyPolicy", facts=facts) is Why.NOT_IN_RESOURCE
        assert why(caller, self.KEY_POLICY, "kms:DescribeKey", facts=facts) is None

    def test_its_service_does_for_a_caller_of_the_account(self) -> None:
        """No IAM policy is needed; another account gets nothing."""
        facts = {"kms:CallerAccount": OWNER, "kms:ViaService": "ebs.eu-central-1.amazonaws.com"}
        assert why(identity(CALLERS["user"]), self.KEY_POLICY, facts=facts) is None
        abroad = {**facts, "kms:CallerAccount": OTHER}
        assert why("other-user", self.KEY_POLICY, facts=abroad) is Why.FOREIGN

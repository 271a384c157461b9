"""What statements are about: actions, resources and conditions of documents that are in order."""

import json
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.domain.policy.document import Policy, PolicyKind, Statement
from selfkms.domain.policy.facts import Facts

ROOT: Final = "arn:aws:iam::111122223333:root"
KEY_ARN: Final = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
NO_FACTS: Final = Facts.of({})


def statement_of(kind: PolicyKind, *, version: str | None = "2012-10-17", **elements: Any) -> Statement:
    """A statement about everything but for what is given; an element given as `...` is left out."""
    whole: dict[str, Any] = {"Effect": "Allow", "Action": "kms:*"}
    if kind is not PolicyKind.IDENTITY:
        whole["Principal"] = "*"
    if kind is not PolicyKind.TRUST:
        whole["Resource"] = "*"
    written = {name: value for name, value in (whole | elements).items() if value is not ...}
    document = {"Statement": written} | ({"Version": version} if version else {})
    return Policy.parse(json.dumps(document), kind).statements[0]


def key_statement(*, version: str | None = "2012-10-17", **elements: Any) -> Statement:
    """A statement of a key policy."""
    return statement_of(PolicyKind.KEY, version=version, **elements)


def identity_statement(*, version: str | None = "2012-10-17", **elements: Any) -> Statement:
    """A statement of an identity policy."""
    return statement_of(PolicyKind.IDENTITY, version=version, **elements)


@pytest.mark.parametrize(
    "elements",
    [
        {"Resource": ...},
        {"Action": ...},
        {"Resource": ..., "Action": ...},
        {"Resource": []},
        {"Action": []},
    ],
)
def test_a_statement_without_resource_or_action_is_taken(elements: dict[str, Any]) -> None:
    """AWS accepts it; it has no effect."""
    for effect in ("Allow", "Deny"):
        assert not key_statement(**{"Effect": effect, **elements}).concerns("kms:Encrypt", KEY_ARN, NO_FACTS)


def test_a_trust_policy_covers_its_role() -> None:
    """Whatever resource is asked for."""
    statement = statement_of(PolicyKind.TRUST, Action="sts:AssumeRole")
    assert statement.covers("arn:aws:iam::111122223333:role/a", NO_FACTS)
    assert statement.concerns("sts:AssumeRole", "*", NO_FACTS)
    assert not statement.concerns("sts:TagSession", "*", NO_FACTS)


@pytest.mark.parametrize(
    ("pattern", "action", "named"),
    [
        ("kms:Encrypt", "kms:Encrypt", True),
        ("KMS:encrypt", "kms:Encrypt", True),
        ("kms:ENCRYPT", "kms:Encrypt", True),
        ("kms:Encryp", "kms:Encrypt", False),
        ("kms:Encrypts", "kms:Encrypt", False),
        ("ms:Encrypt", "kms:Encrypt", False),
        ("Encrypt", "kms:Encrypt", False),
        ("kms:Encrypt\n", "kms:Encrypt", False),
        ("*", "kms:Encrypt", True),
        ("kms:*", "kms:Encrypt", True),
        ("kms:*", "iam:CreateUser", False),
        ("iam:*", "kms:Encrypt", False),
        ("kms:Generate*", "kms:GenerateDataKey", True),
        ("kms:Generate*", "kms:Encrypt", False),
        ("kms:*WithoutPlaintext", "kms:GenerateDataKeyWithoutPlaintext", True),
        ("kms:*WithoutPlaintext", "kms:GenerateDataKey", False),
        ("kms:ReEncrypt*", "kms:ReEncryptFrom", True),
        ("kms:*Data*Plain*", "kms:GenerateDataKeyWithoutPlaintext", True),
        ("kms:?ncrypt", "kms:Encrypt", True),
        ("kms:Encrypt?", "kms:Encrypt", False),
        ("kms:???????", "kms:Encrypt", True),
        # Everything but `*` and `?` stands for itself.
        ("kms.Encrypt", "kms:Encrypt", False),
        ("kms:.*", "kms:Encrypt", False),
        ("kms:[A-Z]ncrypt", "kms:Encrypt", False),
        ("kms:(Encrypt|Decrypt)", "kms:Encrypt", False),
        ("kms:Encrypt|kms:Decrypt", "kms:Encrypt", False),
        ("kms:\\*", "kms:Encrypt", False),
    ],
)
def test_action_patterns(pattern: str, action: str, named: bool) -> None:  # noqa: FBT001  a column of the table
    """`*` is any run of characters, `?` any one, case does not count, and the whole name must match."""
    assert key_statement(Action=["nothing:Else", pattern]).names_action(action) is named


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=6),
    st.text("kms:Enc", max_size=6),
)
def test_a_pattern_without_wildcards_names_itself_only(pattern: str, action: str) -> None:
    """No character is special but the two."""
    literal = pattern.replace("*", "-").replace("?", "-")
    statement = key_statement(Action=literal)
    assert statement.names_action(literal)
    assert statement.names_action(action) == (literal.lower() == action.lower())


@pytest.mark.parametrize(
    ("elements", "action", "named"),
    [
        ({"NotAction": "kms:Sign"}, "kms:Sign", False),
        ({"NotAction": "kms:Sign"}, "KMS:SIGN", False),
        ({"NotAction": "kms:Sign"}, "kms:Encrypt", True),
        ({"NotAction": "kms:*"}, "iam:CreateUser", True),
        ({"NotAction": ["kms:Re*", "iam:*"]}, "kms:ReEncryptTo", False),
        ({"NotAction": "*"}, "kms:Sign", False),
    ],
)
def test_not_action(elements: dict[str, Any], action: str, named: bool) -> None:  # noqa: FBT001  a column of the table
    """Every action that is not listed, of every service."""
    assert key_statement(Action=..., **elements).names_action(action) is named
    assert identity_statement(Action=..., **elements).names_action(action) is named


RESOURCES: Final[list[tuple[Any, str, bool]]] = [
    ("*", KEY_ARN, True),
    (KEY_ARN, KEY_ARN, True),
    (KEY_ARN.upper().replace("ARN:", "arn:"), KEY_ARN, False),
    ("arn:aws:kms:*:*:key/*", KEY_ARN, True),
    ("arn:aws:kms:*:111122223333:*", KEY_ARN, True),
    ("arn:aws:kms:*:444455556666:key/*", KEY_ARN, False),
    ("arn:aws:kms:eu-central-1:*:key/????abcd-*", KEY_ARN, True),
    ("arn:aws:kms:*", KEY_ARN, True),
    ("arn:aws:kms:*:*:alias/*", KEY_ARN, False),
    (["arn:aws:kms:*:*:alias/*", "arn:aws:kms:*:*:key/*"], KEY_ARN, True),
    # An alias ARN selects the alias, never the key behind it.
    ("arn:aws:kms:*:*:alias/a", "arn:aws:kms:eu-central-1:111122223333:alias/a", True),
    ("arn:aws:iam::*:user/team/*", "arn:aws:iam::111122223333:user/team/x/bob", True),
    # An operation without resource.
    ("*", "*", True),
    ("arn:aws:kms:*:*:key/*", "*", False),
    ("arn:aws:kms:*:*:?", "*", False),
    ("arn:aws:kms:*:*:*", "*", True),
    ("arn:aws:kms:eu-central-1:111122223333:*", "*", True),
    ("arn:aws:kms:us-east-1:111122223333:*", "*", False),
    ("arn:aws:kms:eu-central-1:444455556666:*", "*", False),
    ("arn:aws:iam::111122223333:*", "*", False),
    (KEY_ARN, "*", False),
]


@pytest.mark.parametrize(("entries", "resource", "covered"), RESOURCES)
def test_resources(entries: Any, resource: str, covered: bool) -> None:  # noqa: FBT001  a column of the table
    """Component by component, and case counts; NotResource is the opposite.

    Source: IAM User Guide, "IAM JSON policy elements: Resource", "… NotResource"; KMS developer guide, "Specifying KMS
    keys in IAM policy statements".
    """
    facts = Facts.of({"aws:RequestedRegion": "eu-central-1", "aws:PrincipalAccount": "111122223333"})
    for statement, expected in (
        (identity_statement(Resource=entries), covered),
        (identity_statement(Resource=..., NotResource=entries), not covered),
        (key_statement(Resource=entries), covered),
        (key_statement(Resource=..., NotResource=entries), not covered),
    ):
        assert statement.covers(resource, facts, service="kms") is expected
        assert statement.concerns("KMS:CreateKey", resource, facts) is expected


@pytest.mark.parametrize("entry", ["arn:x", "key/*", "?", "*key*", KEY_ARN[4:], ""])
def test_a_resource_of_a_key_policy_that_is_no_arn_covers_nothing(entry: str) -> None:
    """It is taken, as AWS takes it."""
    assert not key_statement(Resource=entry).covers(KEY_ARN, NO_FACTS)
    assert not key_statement(Resource=entry).covers("*", NO_FACTS, service="kms")


def test_variables_in_a_resource() -> None:
    """Of version 2012-10-17, after the fifth colon; without value nothing is covered, not even the text itself."""
    bob, eve = Facts.of({"aws:username": "bob"}), Facts.of({"aws:username": "*"})
    entry = "arn:aws:kms:*:*:key/${aws:username}"
    arn = "arn:aws:kms:eu-central-1:111122223333:key/"
    statement = identity_statement(Resource=entry)
    assert statement.covers(f"{arn}bob", bob)
    assert not statement.covers(f"{arn}eve", bob)
    assert not statement.covers(f"{arn}bob", eve)
    assert not statement.covers(f"{arn}bob", NO_FACTS)
    assert not statement.covers(arn + "${aws:username}", NO_FACTS)
    # What an Allow excepts cannot be told then: it excepts everything. A Deny still denies.
    assert not identity_statement(Resource=..., NotResource=entry).covers(f"{arn}bob", NO_FACTS)
    assert identity_statement(Effect="Deny", Resource=..., NotResource=entry).covers(f"{arn}bob", NO_FACTS)
    assert not identity_statement(Resource=..., NotResource=entry).covers(f"{arn}bob", bob)
    assert identity_statement(version="2008-10-17", Resource=entry).covers(arn + "${aws:username}", bob)
    assert not identity_statement(version="2008-10-17", Resource=entry).covers(f"{arn}bob", bob)


def test_without_version_there_are_no_variables() -> None:
    """No version means the older one."""
    statement = key_statement(version=None, Condition={"StringEquals": {"a": "${aws:username}"}})
    facts = Facts.of({"a": "${aws:username}", "aws:username": "bob"})
    assert statement.concerns("kms:Encrypt", KEY_ARN, facts)


def test_all_conditions_must_hold() -> None:
    """AND over operators and keys; an Allow is judged as an Allow, a Deny as a Deny."""
    element = {"StringEquals": {"a": "1", "b": "2"}, "Bool": {"c": True}}
    for known, expected in (
        ({"a": "1", "b": "2", "c": "true"}, True),
        ({"a": "1", "b": "2", "c": "false"}, False),
        ({"a": "1", "c": "true"}, False),
        ({}, False),
    ):
        statement = key_statement(Condition=element)
        assert statement.concerns("kms:Encrypt", KEY_ARN, Facts.of(known)) is expected
    both = Facts.of({"A": "1", "a": "2"})
    element = {"StringEquals": {"a": "1"}}
    assert not key_statement(Condition=element).concerns("kms:Encrypt", KEY_ARN, both)
    assert key_statement(Condition=element, Effect="Deny").concerns("kms:Encrypt", KEY_ARN, both)


def test_facts_are_asked_for_by_conditions_and_variables_only() -> None:
    """To gather them costs more than most decisions."""

    def gather() -> dict[str, str]:
        pytest.fail("nobody needs them")

    assert key_statement(Resource="arn:aws:kms:*:*:key/*").concerns("kms:Encrypt", KEY_ARN, Facts(gather))
    for elements in ({"Action": "kms:Sign"}, {"Resource": ROOT}):
        statement = key_statement(**elements, Condition={"StringEquals": {"a": "1"}})
        assert not statement.concerns("kms:Encrypt", KEY_ARN, Facts(gather))


def test_the_resource_of_a_statement_is_read_once() -> None:
    """Of a policy of 32 KB with patterns made to be slow nothing is compiled when it is asked."""
    entries = ["arn:aws:kms:*:*:key/" + "*a" * 7_000 + str(number) for number in range(2)]
    statement = identity_statement(Resource=entries, Action="kms:" + "*e" * 2_000 + "x")
    assert not statement.covers("arn:aws:kms:eu-central-1:111122223333:key/" + "a" * 2_000, NO_FACTS)
    assert not statement.names_action("kms:" + "e" * 2_000)


@given(
    st.lists(st.sampled_from(["*", "kms:*", "kms:Enc*", "KMS:encrypt", "kms:Decrypt", "s3:Get?bject"]), max_size=8),
    st.lists(st.sampled_from(["kms:Encrypt", "kms:Decrypt", "KMS:ENCRYPT", "s3:GetObject"]), max_size=8),
)
@settings(max_examples=60)
def test_a_policy_tells_which_statements_name_an_action(entries: list[str], asked: list[str]) -> None:
    """In their order, the same ones as each statement says by itself, however often it is asked."""
    statements = [
        {"Effect": "Allow", "Action" if place % 3 else "NotAction": entry, "Resource": "*"}
        for place, entry in enumerate(entries)
    ]
    if not statements:
        return
    policy = Policy.parse(json.dumps({"Statement": statements}), PolicyKind.IDENTITY)
    for action in [*asked, *asked]:
        assert list(policy.naming(action)) == [s for s in policy.statements if s.names_action(action)]


def test_a_policy_remembers_only_so_many_actions() -> None:
    """Whoever asks for many is answered rightly all the same."""
    statements = [{"Effect": "Allow", "Action": f"kms:A{number}", "Resource": "*"} for number in range(100)]
    policy = Policy.parse(json.dumps({"Statement": statements}), PolicyKind.IDENTITY)
    for _ in range(2):
        assert [policy.naming(f"kms:A{number}") for number in range(100)] == [(s,) for s in policy.statements]
    assert policy.naming("kms:B") == ()

"""Policy documents: what is read, and what is refused."""

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfkms.domain.policy.document import Policy, PolicyError, Statement, matches

NOT_JSON: Final = "The policy is not valid JSON."
SYNTAX: Final = "Syntax errors in policy."
VERSION: Final = "The policy has an unknown Version."
NO_STATEMENT: Final = "The policy has no Statement."
EFFECT: Final = "A statement has no Effect of Allow or Deny."
PRINCIPAL: Final = "Policy contains a statement with one or more invalid principals."

ROOT: Final = "arn:aws:iam::111122223333:root"
BOB: Final = "arn:aws:iam::111122223333:user/bob"

STATEMENT_ELEMENTS: Final = (
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
    "SomethingElse",
)

JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def document(**elements: Any) -> str:
    """A key policy of one statement that is in order but for what is given; an element given as `...` is left out."""
    statement = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", **elements}
    return json.dumps({"Statement": {name: value for name, value in statement.items() if value is not ...}})


def only(text: str, *, principals: bool = True) -> Statement:
    """The statement of a policy that has one."""
    (statement,) = Policy.parse(text, principals=principals).statements
    return statement


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail if the block is not done in time, also from the inside of a regular expression."""

    def out_of_time(_signal: int, _frame: FrameType | None) -> None:
        pytest.fail(f"not done within {seconds} s")

    previous = signal.signal(signal.SIGALRM, out_of_time)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_a_statement_is_read() -> None:
    """Every part stands where it belongs."""
    statement = only(
        json.dumps(
            {
                "Version": "2012-10-17",
                "Id": "any",
                "Statement": [
                    {
                        "Sid": "Some words",
                        "Effect": "Deny",
                        "Principal": {"AWS": [ROOT, BOB], "Service": "ebs.amazonaws.com"},
                        "Action": ["kms:Encrypt", "kms:Decrypt"],
                        "Resource": ["*", "arn:aws:kms:*:*:key/*"],
                    }
                ],
            }
        )
    )
    assert (statement.allows, statement.sid) == (False, "Some words")
    assert statement.principals == (ROOT, BOB)
    assert statement.resources == ("*", "arn:aws:kms:*:*:key/*")
    assert statement.beyond == frozenset()
    assert statement.names_action("kms:Decrypt")
    assert not statement.names_action("kms:Sign")


@pytest.mark.parametrize("kind", ["Service", "Federated", "CanonicalUser"])
def test_principals_of_other_kinds_are_taken(kind: str) -> None:
    """They name no caller that there is here, so nothing of them is kept."""
    assert only(document(Principal={kind: ["a", "b"]})).principals == ()


def test_statements_keep_their_order() -> None:
    """The first that decides is the one that is reported."""
    statements = [{"Sid": sid, "Effect": "Allow", "Principal": "*"} for sid in "cab"]
    policy = Policy.parse(json.dumps({"Statement": statements}), principals=True)
    assert [statement.sid for statement in policy.statements] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ({"Principal": {"AWS": ROOT}}, {"Principal": {"AWS": [ROOT]}}),
        ({"Action": "kms:Sign"}, {"Action": ["kms:Sign"]}),
        ({"Resource": "arn:x"}, {"Resource": ["arn:x"]}),
        ({"Principal": "*"}, {"Principal": {"AWS": "*"}}),
    ],
)
def test_a_scalar_stands_for_a_list_of_one(one: dict[str, Any], many: dict[str, Any]) -> None:
    """Wherever a list is legal; and `*` is everyone of AWS."""
    assert only(document(**one)) == only(document(**many))


@pytest.mark.parametrize("version", ["2012-10-17", "2008-10-17"])
def test_both_versions_are_taken(version: str) -> None:
    """There are two versions of the language, and no version at all means the older one."""
    text = json.dumps({"Version": version, "Statement": {"Effect": "Allow", "Principal": "*"}})
    assert only(text).allows


@pytest.mark.parametrize(
    "elements",
    [
        {"Resource": ...},
        {"Action": ...},
        {"Resource": ..., "Action": ...},
        {"Resource": []},
        {"Action": []},
        {"Effect": "Deny", "Action": ...},
    ],
)
def test_a_statement_without_resource_or_action_is_taken(elements: dict[str, Any]) -> None:
    """AWS accepts it; it has no effect."""
    statement = only(document(**elements))
    assert not statement.resources or not statement.names_action("kms:Encrypt")


@pytest.mark.parametrize(
    ("elements", "beyond"),
    [
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, {"Condition"}),
        ({"NotPrincipal": {"AWS": BOB}, "Principal": ...}, {"NotPrincipal"}),
        ({"NotAction": "kms:Sign", "Action": ...}, {"NotAction"}),
        ({"NotResource": "*", "Resource": ...}, {"NotResource"}),
        ({"NotResource": "*", "Resource": ..., "Condition": {}}, {"NotResource", "Condition"}),
    ],
)
def test_what_is_not_weighed_yet_is_kept_by_name(elements: dict[str, Any], beyond: set[str]) -> None:
    """Whoever decides must know that there is more to a statement than it can weigh."""
    assert only(document(**elements)).beyond == beyond


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", NOT_JSON),
        ("Allow", NOT_JSON),
        ('{"Statement": ', NOT_JSON),
        ('{"Statement": {}} {}', NOT_JSON),
        ("\ufeff{}", NOT_JSON),
        ("9" * 5_000, NOT_JSON),
        ("[" * 100_000, NOT_JSON),
        ('{"Statement": ' + "[" * 100_000 + "]" * 100_000 + "}", NOT_JSON),
        ('{"Statement": {"Condition": ' + '{"a": ' * 100_000 + "1" + "}" * 100_002, NOT_JSON),
        ("null", SYNTAX),
        ("[]", SYNTAX),
        ('"*"', SYNTAX),
        ("{}", NO_STATEMENT),
        ('{"Statement": []}', NO_STATEMENT),
        ('{"Statement": null}', NO_STATEMENT),
        ('{"Statement": "Allow"}', SYNTAX),
        ('{"Statement": [[]]}', SYNTAX),
        ('{"Statement": {}}', EFFECT),
        ('{"statement": []}', SYNTAX),
        ('{"Statements": []}', SYNTAX),
        ('{"Version": "2012-10-18", "Statement": []}', VERSION),
        ('{"Version": null, "Statement": []}', VERSION),
        ('{"Version": ["2012-10-17"], "Statement": []}', VERSION),
        ('{"Version": 20121017, "Statement": []}', VERSION),
    ],
)
def test_a_malformed_document_is_refused(text: str, message: str) -> None:
    """No JSON, nested beyond reading, an unknown element or version, or nothing in it."""
    with pytest.raises(PolicyError) as refusal:
        Policy.parse(text, principals=True)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ({"Effect": ...}, EFFECT),
        ({"Effect": "allow"}, EFFECT),
        ({"Effect": "DENY"}, EFFECT),
        ({"Effect": None}, EFFECT),
        ({"Effect": ["Allow"]}, EFFECT),
        ({"Effect": True}, EFFECT),
        ({"Principals": "*"}, SYNTAX),
        ({"action": "kms:*"}, SYNTAX),
        ({"Conditions": {}}, SYNTAX),
        ({"Sid": 1}, SYNTAX),
        ({"Sid": ["a"]}, SYNTAX),
        ({"Action": 1}, SYNTAX),
        ({"Action": {"kms": "*"}}, SYNTAX),
        ({"Action": ["kms:Sign", None]}, SYNTAX),
        ({"Action": [["kms:Sign"]]}, SYNTAX),
        ({"Resource": False}, SYNTAX),
        ({"Resource": ["*", {}]}, SYNTAX),
        ({"Principal": ...}, PRINCIPAL),
        ({"Principal": None}, PRINCIPAL),
        ({"Principal": ROOT}, PRINCIPAL),
        ({"Principal": ["*"]}, PRINCIPAL),
        ({"Principal": 1}, PRINCIPAL),
        ({"Principal": {"AWS": []}}, PRINCIPAL),
        ({"Principal": {"AWS": None}}, PRINCIPAL),
        ({"Principal": {"AWS": "*", "Service": []}}, PRINCIPAL),
        ({"Principal": {"aws": "*"}}, PRINCIPAL),
        ({"Principal": {"IAM": "*"}}, PRINCIPAL),
        ({"Principal": {"AWS": {"AWS": "*"}}}, PRINCIPAL),
        ({"Principal": {"AWS": [ROOT, 1]}}, PRINCIPAL),
    ],
)
def test_a_malformed_statement_is_refused(elements: dict[str, Any], message: str) -> None:
    """An unknown element, an element of another type, no Effect, no principal."""
    with pytest.raises(PolicyError) as refusal:
        Policy.parse(document(**elements), principals=True)
    assert str(refusal.value) == message


def test_one_bad_statement_spoils_the_policy() -> None:
    """A policy is taken whole or not at all."""
    with pytest.raises(PolicyError):
        Policy.parse('{"Statement": [{"Effect": "Allow", "Principal": "*"}, {"Effect": "Allow"}]}', principals=True)


@pytest.mark.parametrize(
    "text",
    [
        '{"Statement": [], "Statement": {"Effect": "Allow", "Principal": "*"}}',
        '{"Statement": {"Effect": "Deny", "Effect": "Allow", "Principal": "*"}}',
        '{"Statement": {"Effect": "Allow", "Principal": {"AWS": "a", "AWS": "b"}}}',
        '{"Statement": {"Effect": "Allow", "Principal": "*", "Condition": {"Bool": {"a": "true", "a": "true"}}}}',
    ],
)
def test_a_name_that_stands_twice_is_refused(text: str) -> None:
    """One reader keeps the first, another the last: it would be two policies, at whatever depth."""
    with pytest.raises(PolicyError) as refusal:
        Policy.parse(text, principals=True)
    assert str(refusal.value) == NOT_JSON


@pytest.mark.parametrize("elements", [{"Principal": "*"}, {"Principal": {"AWS": ROOT}}, {"NotPrincipal": "*"}])
def test_a_policy_of_an_identity_names_no_principal(elements: dict[str, Any]) -> None:
    """Whom it is for is whom it is attached to."""
    assert only(document(Principal=...), principals=False).principals == ()
    with pytest.raises(PolicyError) as refusal:
        Policy.parse(document(**{"Principal": ..., **elements}), principals=False)
    assert str(refusal.value) == PRINCIPAL


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
    assert only(document(Action=["nothing:Else", pattern])).names_action(action) is named


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=6),
    st.text("kms:Enc", max_size=6),
)
def test_a_pattern_without_wildcards_names_itself_only(pattern: str, action: str) -> None:
    """No character is special but the two."""
    literal = pattern.replace("*", "-").replace("?", "-")
    statement = only(document(Action=literal))
    assert statement.names_action(literal)
    assert statement.names_action(action) == (literal.lower() == action.lower())


@pytest.mark.parametrize("principals", [True, False])
@given(text=st.text(st.characters(), max_size=40) | JSON.map(json.dumps))
def test_whatever_is_no_policy_is_a_policy_error(text: str, *, principals: bool) -> None:
    """Text and JSON of any kind give a policy or PolicyError, and nothing else."""
    with pytest.raises(PolicyError):
        Policy.parse(text, principals=principals)


@pytest.mark.parametrize("principals", [True, False])
@given(
    elements=st.dictionaries(st.sampled_from(["Version", "Id", "Statement"]), JSON),
    statements=st.lists(
        st.dictionaries(
            st.sampled_from(STATEMENT_ELEMENTS),
            JSON
            | st.sampled_from(["Allow", "Deny", "*"])
            | st.dictionaries(st.sampled_from(["AWS", "Service", "X"]), JSON),
        ),
        max_size=3,
    ),
)
def test_what_resembles_a_policy_is_one_or_a_policy_error(
    elements: dict[str, Any], statements: list[dict[str, Any]], *, principals: bool
) -> None:
    """The elements of a policy with values of any type give a policy or PolicyError, and nothing else."""
    for text in (json.dumps(elements), json.dumps({**elements, "Version": "2012-10-17", "Statement": statements})):
        try:
            policy = Policy.parse(text, principals=principals)
        except PolicyError:
            continue
        assert policy.statements


def test_no_action_pattern_takes_long() -> None:
    """Whoever may set a key policy must not be able to stop the service with it."""
    statement = only(document(Action="kms:" + "*" * 24 + "x"))
    with within(0.5):
        assert not statement.names_action("kms:GenerateDataKeyWithoutPlaintext")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(document(Principal={}), id="a Principal that names nobody"),
        pytest.param(document(Principal={"AWS": "arn:aws:iam::111122223333:user/*"}), id="a wildcard in a principal"),
        pytest.param(document(Principal={"AWS": ""}), id="an empty principal"),
        pytest.param(document(Principal={"AWS": "bob"}), id="a bare name"),
        pytest.param(document(Principal={"AWS": "AIDA*"}), id="a wildcard in an ID"),
        pytest.param(document(Principal={"AWS": BOB.upper()}), id="an ARN in capitals"),
        pytest.param(document(NotPrincipal={"AWS": BOB}), id="Principal and NotPrincipal"),
        pytest.param(document(NotAction="kms:Sign"), id="Action and NotAction"),
        pytest.param(document(NotResource="arn:x"), id="Resource and NotResource"),
        pytest.param(document(NotPrincipal=5, Principal=...), id="NotPrincipal of another type"),
        pytest.param(document(NotAction={}, Action=...), id="NotAction of another type"),
        pytest.param(document(NotResource=[1], Resource=...), id="NotResource of another type"),
        pytest.param(document(Condition="yes"), id="Condition of another type"),
        pytest.param(document(Condition={"Equals": {"a": "b"}}), id="an operator that does not exist"),
        pytest.param(document(Sid=None), id="Sid null"),
        pytest.param(document(Action=None), id="Action null"),
        pytest.param(document(Resource=None), id="Resource null"),
        pytest.param('{"Id": 5, "Statement": {"Effect": "Deny", "Principal": "*"}}', id="Id of another type"),
        pytest.param(document(Condition={"NumericEquals": {"a": float("nan")}}), id="NaN, which is not JSON"),
        pytest.param(document(Action="\u212ams:*"), id="a Kelvin sign, taken for a k"),
    ],
)
def test_what_the_grammar_does_not_have_is_refused(text: str) -> None:
    """Source: IAM User Guide, "Grammar of the IAM JSON policy language", "AWS JSON policy elements: Principal"."""
    with pytest.raises(PolicyError):
        Policy.parse(text, principals=True)


@given(pattern=st.text("ab*?", max_size=12), text=st.text("ab", max_size=12))
def test_wildcards_are_those_of_a_regular_expression(pattern: str, text: str) -> None:
    """Against the standard library's own idea of `*` and `?`."""
    translated = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    assert matches(pattern, text) is bool(re.fullmatch(translated, text))

"""Policy documents: what is read, and what is refused."""

import json
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.domain.policy.document import Policy, PolicyError, PolicyKind, Principals, Statement
from selfkms.domain.policy.facts import Facts

NOT_JSON: Final = "The policy is not valid JSON."
SYNTAX: Final = "Syntax errors in policy."
VERSION: Final = "The policy has an unknown Version."
NO_STATEMENT: Final = "The policy has no Statement."
EFFECT: Final = "A statement has no Effect of Allow or Deny."
PRINCIPAL: Final = "Policy contains a statement with one or more invalid principals."

ROOT: Final = "arn:aws:iam::111122223333:root"
BOB: Final = "arn:aws:iam::111122223333:user/bob"
KEY_ARN: Final = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
NO_FACTS: Final = Facts.of({})
KINDS: Final = list(PolicyKind)

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


def document(kind: PolicyKind = PolicyKind.KEY, /, version: str = "2012-10-17", **elements: Any) -> str:
    """A policy of one statement that is in order but for what is given; an element given as `...` is left out."""
    statement = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
    if kind is PolicyKind.IDENTITY:
        del statement["Principal"]
    if kind is PolicyKind.TRUST:
        del statement["Resource"]
    whole: dict[str, Any] = {**statement, **elements}
    return json.dumps(
        {"Version": version, "Statement": {name: value for name, value in whole.items() if value is not ...}}
    )


def only(text: str, kind: PolicyKind = PolicyKind.KEY) -> Statement:
    """The statement of a policy that has one."""
    (statement,) = Policy.parse(text, kind).statements
    return statement


def key_statement(**elements: Any) -> Statement:
    """A statement of a key policy."""
    return only(document(**elements))


def identity_statement(**elements: Any) -> Statement:
    """A statement of an identity policy."""
    return only(document(PolicyKind.IDENTITY, **elements), PolicyKind.IDENTITY)


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
    assert (statement.allows, statement.sid, statement.number) == (False, "Some words", 0)
    assert statement.principals == Principals(
        negated=False,
        everyone=False,
        aws=frozenset({ROOT, BOB}),
        services=frozenset({"ebs.amazonaws.com"}),
    )
    assert statement.resources.written == ("*", "arn:aws:kms:*:*:key/*")
    assert statement.conditions == ()
    assert statement.names_action("kms:Decrypt")
    assert not statement.names_action("kms:Sign")


def test_principals_of_other_kinds_are_kept_apart() -> None:
    """A service is never named by an AWS entry; canonical users exist for Amazon S3 only."""
    principals = key_statement(Principal={"Service": "a", "Federated": ["b", "c"], "CanonicalUser": "d"}).principals
    assert principals == Principals(
        negated=False, everyone=False, services=frozenset("a"), federated=frozenset({"b", "c"})
    )


@pytest.mark.parametrize(
    ("elements", "principals"),
    [
        ({"Principal": "*"}, Principals(negated=False, everyone=True)),
        ({"Principal": {"AWS": "*"}}, Principals(negated=False, everyone=True)),
        ({"Principal": {"AWS": ["*", BOB]}}, Principals(negated=False, everyone=True, aws=frozenset({BOB}))),
        (
            {"Principal": {"AWS": ["111122223333", "AIDA1"]}},
            Principals(negated=False, everyone=False, aws=frozenset({"111122223333", "AIDA1"})),
        ),
        (
            {"Principal": ..., "NotPrincipal": {"AWS": BOB}},
            Principals(negated=True, everyone=False, aws=frozenset({BOB})),
        ),
        ({"Principal": ..., "NotPrincipal": "*"}, Principals(negated=True, everyone=True)),
    ],
)
def test_principals(elements: dict[str, Any], principals: Principals) -> None:
    """Entries stay as they are written; `*` is everyone."""
    assert key_statement(**elements).principals == principals


def test_statements_keep_their_order() -> None:
    """The first that decides is the one that is reported."""
    statements = [{"Sid": sid, "Effect": "Allow", "Principal": "*"} for sid in "cab"]
    policy = Policy.parse(json.dumps({"Statement": statements}), PolicyKind.KEY)
    assert [(statement.number, statement.sid) for statement in policy.statements] == [(0, "c"), (1, "a"), (2, "b")]


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
    ("text", "message"),
    [
        ("", NOT_JSON),
        ("Allow", NOT_JSON),
        ('{"Statement": ', NOT_JSON),
        ('{"Statement": {}} {}', NOT_JSON),
        ("\ufeff{}", NOT_JSON),
        ("9" * 5_000, SYNTAX),
        ('{"Statement": {"Effect": NaN}}', NOT_JSON),
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
        Policy.parse(text, PolicyKind.KEY)
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
        ({"Action": ..., "NotAction": []}, SYNTAX),
        ({"Resource": ..., "NotResource": []}, SYNTAX),
        ({"Condition": {"Equals": {"a": "b"}}}, SYNTAX),
        ({"Condition": {"DateLessThan": {"aws:CurrentTime": "soon"}}}, "The policy failed legacy parsing"),
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
        Policy.parse(document(**elements), PolicyKind.KEY)
    assert str(refusal.value) == message


def test_one_bad_statement_spoils_the_policy() -> None:
    """A policy is taken whole or not at all."""
    with pytest.raises(PolicyError):
        Policy.parse('{"Statement": [{"Effect": "Allow", "Principal": "*"}, {"Effect": "Allow"}]}', PolicyKind.KEY)


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
        Policy.parse(text, PolicyKind.KEY)
    assert str(refusal.value) == NOT_JSON


@pytest.mark.parametrize("elements", [{"Principal": "*"}, {"Principal": {"AWS": ROOT}}, {"NotPrincipal": "*"}])
def test_a_policy_of_an_identity_names_no_principal(elements: dict[str, Any]) -> None:
    """Whom it is for is whom it is attached to."""
    assert identity_statement().principals is None
    with pytest.raises(PolicyError) as refusal:
        identity_statement(**elements)
    assert str(refusal.value) == "Policy document should not specify a principal."


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ({"Action": ...}, "Policy statement must contain actions."),
        ({"Action": []}, "Policy statement must contain actions."),
        ({"Resource": ...}, "Policy statement must contain resources."),
        ({"Resource": []}, "Policy statement must contain resources."),
        ({"Resource": "key/a"}, 'Resource key/a must be in ARN format or "*".'),
        ({"Resource": ["*", "arn:aws"]}, 'Resource arn:aws must be in ARN format or "*".'),
        ({"Resource": ..., "NotResource": "a"}, 'Resource a must be in ARN format or "*".'),
        ({"Action": "Encrypt"}, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        ({"Action": "**"}, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        ({"Action": ["kms:Encrypt", "kms:a:b"]}, "Actions/Condition can contain only one colon."),
        ({"Action": ..., "NotAction": "k*s:Encrypt"}, "Vendor k*s is not valid"),
        ({"Action": ":Encrypt"}, "Vendor  is not valid"),
        ({"Sid": "Some words"}, SYNTAX),
        ({"Sid": "a-b"}, SYNTAX),
        ({"Sid": "\u0661"}, SYNTAX),
    ],
)
def test_what_an_identity_policy_must_have(elements: dict[str, Any], message: str) -> None:
    """Action and Resource, a Sid of letters and digits. A key policy may be without.

    Source: IAM User Guide, "IAM JSON policy elements: Sid", "… Action", "… Resource".
    """
    with pytest.raises(PolicyError) as refusal:
        identity_statement(**elements)
    assert str(refusal.value) == message
    if elements.keys().isdisjoint({"NotResource", "NotAction"}):
        assert key_statement(**elements).allows


def test_sids_of_an_identity_policy_differ() -> None:
    """Source: IAM User Guide, "IAM JSON policy elements: Sid"."""
    statement = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
    for sids, taken in ((["A", "B"], True), (["", ""], True), (["A", "A"], False)):
        text = json.dumps({"Statement": [{**statement, "Sid": sid} for sid in sids]})
        if taken:
            assert len(Policy.parse(text, PolicyKind.IDENTITY).statements) == 2
            continue
        with pytest.raises(PolicyError, match=r"Statement IDs \(SID\) in a single policy must be unique\."):
            Policy.parse(text, PolicyKind.IDENTITY)


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ({"Principal": ...}, "Missing required field Principal"),
        ({"Action": ...}, "Missing required field Action"),
        ({"Action": []}, "Missing required field Action"),
        ({"Resource": "*"}, "Has prohibited field Resource"),
        ({"NotResource": "*"}, "Has prohibited field Resource"),
        ({"Principal": {"AWS": "bob"}}, PRINCIPAL),
    ],
)
def test_what_a_trust_policy_must_have(elements: dict[str, Any], message: str) -> None:
    """A principal and Action; its resource is the role it belongs to."""
    with pytest.raises(PolicyError) as refusal:
        only(document(PolicyKind.TRUST, **elements), PolicyKind.TRUST)
    assert str(refusal.value) == message


def test_the_characters_of_a_key_policy() -> None:
    """Tab, line feed, carriage return, printable characters up to U+00FF: AWS KMS API Reference, "PutKeyPolicy"."""
    for character, taken in (("\t\r\n", True), ("ÿ", True), ("\u0100", False), ("\U0001f511", False)):
        text = document(Sid="x").replace('"x"', f'"{character}"' if character.isprintable() else f'"x" {character}')
        if taken:
            assert only(text).allows
            continue
        with pytest.raises(PolicyError, match=SYNTAX):
            only(text)


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("kms:EncryptionContext:App", "encryption context"),
        ("KMS:encryptioncontext:App", "encryption context"),
        ("aws:RequestTag/App", "tag"),
    ],
)
@pytest.mark.parametrize("if_exists", ["", "IfExists"])
def test_for_all_values_of_a_key_with_one_value_is_refused(key: str, what: str, if_exists: str) -> None:
    """It would hold for whoever leaves the key out; in key policies only.

    Source: KMS developer guide, "kms:EncryptionContext:context-key".
    """
    element = {f"ForAllValues:StringEquals{if_exists}": {key: "a"}}
    with pytest.raises(PolicyError) as refusal:
        key_statement(Condition=element)
    assert str(refusal.value) == (
        "OverlyPermissiveCondition: Using the ForAllValues set operator with a single-valued condition key matches "
        f"requests without the specified {what} or with an unspecified {what}. To fix, remove ForAllValues."
    )
    assert identity_statement(Condition=element).conditions
    assert key_statement(Condition={"ForAnyValue:StringEquals": {key: "a"}}).conditions
    assert key_statement(Condition={"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "a"}}).conditions


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(text=st.text(st.characters(), max_size=40) | JSON.map(json.dumps))
def test_whatever_is_no_policy_is_a_policy_error(text: str, kind: PolicyKind) -> None:
    """Text and JSON of any kind give a policy or PolicyError, and nothing else."""
    with pytest.raises(PolicyError):
        Policy.parse(text, kind)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(
    elements=st.dictionaries(st.sampled_from(["Version", "Id", "Statement"]), JSON),
    statements=st.lists(
        st.dictionaries(
            st.sampled_from(STATEMENT_ELEMENTS),
            JSON
            | st.sampled_from(["Allow", "Deny", "*", "kms:*", KEY_ARN, {"StringLike": {"a": ["${b}*", 1.5, True]}}])
            | st.dictionaries(st.sampled_from(["AWS", "Service", "X"]), JSON),
        ),
        max_size=3,
    ),
)
def test_what_resembles_a_policy_is_one_or_a_policy_error(
    elements: dict[str, Any], statements: list[dict[str, Any]], kind: PolicyKind
) -> None:
    """The elements of a policy with values of any type give a policy or PolicyError, and nothing else."""
    for text in (json.dumps(elements), json.dumps({**elements, "Version": "2012-10-17", "Statement": statements})):
        try:
            policy = Policy.parse(text, kind)
        except PolicyError:
            continue
        assert policy.statements


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
        Policy.parse(text, PolicyKind.KEY)

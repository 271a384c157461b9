"""Conditions: each operator, absent keys, sets, and what is refused.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators", "Set operators for multivalued context keys".
"""

import base64
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.domain.policy.conditions import (
    OPERATORS,
    Condition,
    MalformedConditionError,
    Number,
    SetOperator,
    parse_conditions,
)
from selfkms.domain.policy.facts import Fact, Facts

SYNTAX: Final = "Syntax errors in policy."
UNREADABLE: Final = "The policy failed legacy parsing"

NEGATED: Final = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}

A_VALUE: Final = {
    "String": "a",
    "Numeric": "1",
    "Date": "2026-01-01",
    "Bool": "true",
    "Binary": "AAAA",
    "Ip": "192.0.2.0/24",
    "NotIp": "192.0.2.0/24",
    "Arn": "arn:aws:iam::1:user/a",
}


def a_value(operator: str) -> str:
    """A value that an operator can read."""
    return next(value for family, value in A_VALUE.items() if operator.startswith(family))


def condition(operator: str, values: Any, *, key: str = "aws:Key", variables: bool = True) -> Condition:
    """The condition of an element that has one."""
    (only,) = parse_conditions({operator: {key: values}}, variables=variables)
    return only


def holds(operator: str, values: Any, fact: Fact | None, *, allows: bool = True) -> bool:
    """Whether a condition over a key holds, of which `fact` is known; by default in an Allow."""
    known = {} if fact is None else {"aws:Key": fact}
    return condition(operator, values).holds(Facts.of(known), allows=allows)


# One value of the policy, one of the request, and whether they fit.
TABLE: Final[list[tuple[str, Any, str, bool]]] = [
    ("StringEquals", "bob", "bob", True),
    ("StringEquals", "bob", "Bob", False),
    ("StringEquals", "b*", "bob", False),
    ("StringEquals", "b*", "b*", True),
    ("StringEquals", "", "", True),
    ("StringEquals", True, "true", True),
    ("StringEquals", True, "True", False),
    ("StringEquals", Number("1.50"), "1.50", True),
    ("StringEquals", Number("1.50"), "1.5", False),
    ("StringEqualsIgnoreCase", "Bob", "bOB", True),
    ("StringEqualsIgnoreCase", "b*", "bob", False),
    ("StringLike", "b*", "bob", True),
    ("StringLike", "b?b", "bob", True),
    ("StringLike", "B*", "bob", False),
    ("StringLike", "b", "bob", False),
    ("StringLike", "arn:*", "arn:aws:kms:r:1:key/a", True),
    ("StringLike", "${*}", "bob", False),
    ("StringLike", "${*}", "*", True),
    ("NumericEquals", "180", "180.0", True),
    ("NumericEquals", Number("180.0"), "180", True),
    ("NumericEquals", "180", "+1.8e2", True),
    ("NumericEquals", "180", "180.0000000000000000000000000000000000001", False),
    ("NumericEquals", "180", "abc", False),
    ("NumericEquals", "180", "", False),
    ("NumericEquals", "180", "NaN", False),
    ("NumericEquals", "180", "\u0661\u0668\u0660", False),
    ("NumericEquals", "180", " 180", False),
    ("NumericLessThan", "1000", "200", True),
    ("NumericLessThan", "1000", "1000", False),
    ("NumericLessThan", "1000", "-1e99", True),
    ("NumericLessThan", "1000", "-Infinity", False),
    ("NumericLessThan", "1000", "1e-999999999", False),
    ("NumericLessThanEquals", "1000", "1000", True),
    ("NumericLessThanEquals", "1000", "1000.1", False),
    ("NumericGreaterThan", Number("7"), "30", True),
    ("NumericGreaterThan", "7", "7", False),
    ("NumericGreaterThan", "7", "Infinity", False),
    ("NumericGreaterThan", "7", "1e999999999", False),
    ("NumericGreaterThanEquals", "7", "7.0", True),
    ("NumericGreaterThanEquals", "7", "6.9", False),
    ("DateEquals", "2026-01-01", "2026-01-01T00:00:00Z", True),
    ("DateEquals", "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z", True),
    ("DateEquals", "2025-12-31T19:30:00-0430", "2026-01-01T00:00:00Z", True),
    ("DateEquals", "2026-01-01T00:00Z", "1767225600", True),
    ("DateEquals", "2026-01", "1767225600", True),
    ("DateEquals", "2026-01-01T00:00:00", "1767225600", True),
    ("DateEquals", "2026-01-01t00:00:00z", "1767225600", True),
    ("DateEquals", "2026-01-01T00:00:00.250Z", "1767225600.25", True),
    ("DateEquals", "2026-01-01T00:00:00.250Z", "1767225600", False),
    ("DateEquals", "1969-12-31T23:59:59.5Z", "0", False),
    ("DateEquals", "1970-01-01", "0", True),
    ("DateEquals", Number("1767225600"), "2026-01-01T00:00:00Z", True),
    # Digits alone are seconds, not a year.
    ("DateEquals", "2026", "2026-01-01", False),
    ("DateEquals", "2026", "1970-01-01T00:33:46Z", True),
    ("DateEquals", "2026-01-01", "yesterday", False),
    ("DateEquals", "2026-01-01", "2026-01-01T24:00:00Z", False),
    ("DateEquals", "2024-02-29", "2024-02-29T00:00:00Z", True),
    ("DateLessThan", "2026-01-01", "2025-12-31T23:59:59.999Z", True),
    ("DateLessThan", "2026-01-01", "2026-01-01", False),
    ("DateLessThanEquals", "2026-01-01", "2026-01-01", True),
    ("DateLessThanEquals", "2026-01-01", "2026-01-02", False),
    ("DateGreaterThan", "2026-01-01", "2026-01-01T00:00:01Z", True),
    ("DateGreaterThan", "2026-01-01", "2026-01-01", False),
    ("DateGreaterThanEquals", "2026-01-01", "2026-01-01", True),
    ("DateGreaterThanEquals", "2026-01-01", "2025-12-31", False),
    ("Bool", "true", "true", True),
    ("Bool", True, "true", True),
    ("Bool", "TRUE", "True", True),
    ("Bool", "false", "true", False),
    ("Bool", False, "false", True),
    ("Bool", "false", "", False),
    ("Bool", "false", "no", False),
    ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", True),
    ("BinaryEquals", "QmluYXJ5", "QmluYXJ6", False),
    ("BinaryEquals", "QmluYXJ5", "Binary!", False),
    ("IpAddress", "203.0.113.0/24", "203.0.113.9", True),
    ("IpAddress", "203.0.113.0/24", "203.0.114.9", False),
    ("IpAddress", "203.0.113.9", "203.0.113.9", True),
    ("IpAddress", "203.0.113.9", "203.0.113.8", False),
    ("IpAddress", "203.0.113.9/24", "203.0.113.1", True),
    ("IpAddress", "0.0.0.0/0", "203.0.113.9", True),
    ("IpAddress", "::/0", "203.0.113.9", False),
    ("IpAddress", "::ffff:0:0/96", "203.0.113.9", False),
    ("IpAddress", "0.0.0.0/0", "2001:db8::1", False),
    ("IpAddress", "203.0.113.0/24", "::ffff:203.0.113.9", True),
    ("IpAddress", "2001:DB8:1234::/48", "2001:db8:1234:5::1", True),
    ("IpAddress", "2001:db8::1", "2001:db8::1", True),
    ("IpAddress", "2001:db8::1", "2001:db8::2", False),
    ("IpAddress", "0.0.0.0/0", "localhost", False),
    ("ArnEquals", "arn:aws:iam::1:role/a*", "arn:aws:iam::1:role/ab", True),
    ("ArnEquals", "arn:aws:iam:*:role/a", "arn:aws:iam::1:role/a", False),
    ("ArnLike", "arn:aws:iam::?:role/a", "arn:aws:iam::1:role/a", True),
    ("ArnLike", "arn:aws:iam::1:role/a", "arn:aws:iam::1:role/A", False),
    ("ArnLike", "arn:aws:iam::1:role/a", "role/a", False),
    ("ArnLike", "role/a", "role/a", False),
    ("ArnLike", "*", "arn:aws:iam::1:role/a", True),
]


@pytest.mark.parametrize(("operator", "wanted", "given_value", "expected"), TABLE)
def test_operators(operator: str, wanted: Any, given_value: str, expected: bool) -> None:  # noqa: FBT001  a column
    """One value against one value, in an Allow as in a Deny."""
    assert holds(operator, wanted, given_value) is expected
    assert holds(operator, wanted, given_value, allows=False) is expected


@pytest.mark.parametrize("negated", NEGATED)
def test_a_negated_operator_is_the_opposite_when_the_key_is_present(negated: str) -> None:
    """Also for a value of the request that cannot be read: it fits nothing."""
    rows = [row for row in TABLE if row[0] == NEGATED[negated]]
    assert rows
    for _, wanted, given_value, expected in rows:
        assert holds(negated, wanted, given_value) is not expected


def test_the_tables_have_every_operator() -> None:
    """No operator is without a test."""
    assert {row[0] for row in TABLE} | set(NEGATED) | {"Null"} == set(OPERATORS)


@settings(max_examples=50)
@given(
    operator=st.sampled_from(sorted(NEGATED)),
    wanted=st.lists(st.sampled_from(["1", "1.0", "2", "*", "a", "A", "192.0.2.1", "2026-01-01"]), max_size=3),
    value=st.sampled_from(["", "1", "2.0", "a", "*", "192.0.2.1", "2026-01-01T00:00:00Z"]),
)
def test_negation_is_the_complement(operator: str, wanted: list[str], value: str) -> None:
    """With any values, as long as the key is present and the policy is in order."""
    try:
        found = holds(NEGATED[operator], wanted, value)
    except MalformedConditionError:
        return
    assert holds(operator, wanted, value) is not found


@pytest.mark.parametrize("operator", sorted(set(OPERATORS) - {"Null"}))
def test_an_absent_key(operator: str) -> None:
    """Positive operators are false, negated ones true; `IfExists` true, `ForAllValues` true, `ForAnyValue` false."""
    wanted = a_value(operator)
    absent: tuple[Fact | None, ...] = (None, ())
    for fact in absent:
        for allows in (True, False):
            assert holds(operator, wanted, fact, allows=allows) is (operator in NEGATED)
            assert holds(f"{operator}IfExists", wanted, fact, allows=allows)
            assert holds(f"ForAllValues:{operator}", wanted, fact, allows=allows)
            assert not holds(f"ForAnyValue:{operator}", wanted, fact, allows=allows)
            assert holds(f"ForAllValues:{operator}IfExists", wanted, fact, allows=allows)
            assert holds(f"ForAnyValue:{operator}IfExists", wanted, fact, allows=allows)


@pytest.mark.parametrize(("operator", "wanted", "given_value", "expected"), TABLE)
def test_if_exists_changes_nothing_when_the_key_exists(
    operator: str,
    wanted: Any,
    given_value: str,
    expected: bool,  # noqa: FBT001  a column of the table
) -> None:
    """It is about the absent key only."""
    assert holds(f"{operator}IfExists", wanted, given_value) is expected


def test_bool_false_does_not_hold_for_an_absent_key() -> None:
    """`aws:MultiFactorAuthPresent` is absent with long-term credentials."""
    assert not holds("Bool", "false", None)
    assert holds("BoolIfExists", "false", None)


@pytest.mark.parametrize(
    ("fact", "null"),
    [(None, True), ((), True), ("", True), (("", ""), True), ("a", False), ("false", False), (("", "a"), False)],
)
def test_null(fact: Fact | None, null: bool) -> None:  # noqa: FBT001  a column of the table
    """With "true" the key is absent; with "false" it is present and not empty."""
    for wanted in (True, "true", ["true"], ["TRUE"]):
        assert holds("Null", wanted, fact) is null
    for wanted in (False, "false", ["false"]):
        assert holds("Null", wanted, fact) is not null
    assert holds("Null", ["true", "false"], fact)
    assert not holds("Null", [], fact)


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("ForAllValues:StringEquals", ("a", "b"), True),
        ("ForAllValues:StringEquals", ("a", "c"), False),
        ("ForAllValues:StringEquals", ("c",), False),
        ("ForAnyValue:StringEquals", ("a", "c"), True),
        ("ForAnyValue:StringEquals", ("c", "d"), False),
        ("ForAllValues:StringNotEquals", ("c", "d"), True),
        ("ForAllValues:StringNotEquals", ("a", "c"), False),
        ("ForAnyValue:StringNotEquals", ("a", "c"), True),
        ("ForAnyValue:StringNotEquals", ("a", "b"), False),
        ("ForAllValues:StringLike", ("A", "b"), False),
        ("ForAllValues:StringEquals", "a", True),
        ("ForAnyValue:StringEquals", "c", False),
        # A null data set.
        ("ForAllValues:StringEquals", "", True),
        ("ForAllValues:StringEquals", ("", ""), True),
        ("ForAnyValue:StringEquals", "", False),
        ("ForAnyValue:StringNotEquals", "", False),
        ("ForAllValues:StringEquals", ("", "a"), False),
    ],
)
def test_set_operators(operator: str, values: Fact, expected: bool) -> None:  # noqa: FBT001  a column of the table
    """All values of the request, or one of them, against "a" or "b"."""
    for allows in (True, False):
        assert holds(operator, ["a", "b"], values, allows=allows) is expected


@pytest.mark.parametrize(
    ("operator", "values", "in_allow", "in_deny"),
    [
        ("StringEquals", ("a", "b"), True, True),
        ("StringEquals", ("a", "c"), False, True),
        ("StringEquals", ("c", "d"), False, False),
        ("StringNotEquals", ("c", "d"), True, True),
        ("StringNotEquals", ("a", "c"), False, True),
        ("StringNotEquals", ("a", "b"), False, False),
    ],
)
def test_several_values_without_set_operator_count_against_the_caller(
    operator: str,
    values: Fact,
    in_allow: bool,  # noqa: FBT001  a column of the table
    in_deny: bool,  # noqa: FBT001  a column of the table
) -> None:
    """An Allow needs all of them, a Deny one."""
    assert holds(operator, ["a", "b"], values, allows=True) is in_allow
    assert holds(operator, ["a", "b"], values, allows=False) is in_deny


@pytest.mark.parametrize(
    "operator", ["StringLike", "StringNotLike", "ForAnyValue:StringLike", "ForAllValues:StringLike"]
)
def test_more_values_than_can_be_compared_count_against_the_caller(operator: str) -> None:
    """A condition made to be slow is not found out: an Allow does not hold, a Deny does."""
    made = condition(operator, [f"*{number}?a" for number in range(2_000)])
    facts = Facts.of({"aws:Key": tuple(str(number) for number in range(1_000))})
    assert not made.holds(facts, allows=True)
    assert made.holds(facts, allows=False)


def test_one_of_several_values_of_the_policy_is_enough() -> None:
    """OR for positive operators, NOR for negated ones."""
    assert holds("StringEquals", ["a", "b"], "b")
    assert not holds("StringNotEquals", ["a", "b"], "b")
    assert holds("StringNotEquals", ["a", "b"], "c")
    assert holds("NumericLessThan", ["1", "10"], "5")
    assert holds("IpAddress", ["192.0.2.0/24", "::/0"], "2001:db8::1")
    assert not holds("StringEquals", [], "a")


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "expected"),
    [
        ("StringEquals", "${aws:username}", "bob", True),
        ("StringEquals", "${aws:UserName}-*", "bob-*", True),
        ("StringEquals", "${aws:username}-*", "bob-1", False),
        ("StringEqualsIgnoreCase", "${aws:username}", "BOB", True),
        ("StringLike", "${aws:username}-*", "bob-1", True),
        ("StringLike", "${star}", "bob", False),
        ("StringLike", "${star}", "*", True),
        ("ArnLike", "arn:aws:iam::1:user/${aws:username}", "arn:aws:iam::1:user/bob", True),
        ("ArnEquals", "arn:aws:iam::1:user/${star}", "arn:aws:iam::1:user/bob", False),
        ("Bool", "${yes}", "true", True),
        ("Bool", "${aws:username}", "true", False),
        # Without value and default: positive false, negated true, never literal.
        ("StringEquals", "${none}", "${none}", False),
        ("StringEquals", "${none}", "", False),
        ("StringNotEquals", "${none}", "bob", True),
        ("StringNotLike", "${none}*", "bob", True),
        ("ArnNotLike", "arn:aws:iam::1:user/${none}", "arn:aws:iam::1:user/bob", True),
        ("StringEquals", "${none, 'x'}", "x", True),
        ("StringEquals", ["${none}", "y"], "y", True),
    ],
)
def test_variables_in_values(operator: str, wanted: Any, value: str, expected: bool) -> None:  # noqa: FBT001  a column
    """In String and ARN operators, and Bool."""
    facts = Facts.of({"aws:Key": value, "aws:username": "bob", "star": "*", "yes": "true"})
    assert condition(operator, wanted).holds(facts, allows=True) is expected


def test_the_older_version_has_no_variables() -> None:
    """There the text itself is compared."""
    facts = Facts.of({"aws:Key": "bob", "aws:username": "bob", "other": "${aws:username}"})
    assert not condition("StringEquals", "${aws:username}", variables=False).holds(facts, allows=True)
    assert condition("StringEquals", "${aws:username}", key="other", variables=False).holds(facts, allows=True)


@pytest.mark.parametrize("operator", ["NumericEquals", "DateEquals", "BinaryEquals", "IpAddress", "Null"])
def test_other_operators_have_no_variables(operator: str) -> None:
    """There it is a value that cannot be read."""
    with pytest.raises(MalformedConditionError, match=UNREADABLE):
        condition(operator, "${aws:username}")


def test_names_of_keys_have_no_case() -> None:
    """Also behind `kms:EncryptionContext:` and the prefixes of tags."""
    written = condition("StringEquals", "x", key="kms:encryptioncontext:APPNAME")
    assert written.key == "kms:encryptioncontext:appname"
    assert written.holds(Facts.of({"kms:EncryptionContext:AppName": "x"}), allows=True)
    assert not written.holds(Facts.of({"kms:EncryptionContext:AppName": "X"}), allows=True)


def test_two_names_equal_but_for_case_cannot_hide_each_other() -> None:
    """A client that sends both has both compared."""
    facts = Facts.of({"kms:EncryptionContext:App": "good", "kms:EncryptionContext:app": "bad"})
    assert not condition("StringEquals", "good", key="kms:EncryptionContext:App").holds(facts, allows=True)
    assert condition("StringEquals", "bad", key="kms:EncryptionContext:App").holds(facts, allows=False)


def test_conditions_are_read() -> None:
    """One for each operator and key, in the order of the text."""
    conditions = parse_conditions(
        {
            "ForAnyValue:StringLikeIfExists": {"aws:TagKeys": ["a", "b"], "X": "c"},
            "Bool": {"aws:SecureTransport": True},
        },
        variables=True,
    )
    assert [(c.operator, c.key, c.set_operator, c.if_exists) for c in conditions] == [
        ("StringLike", "aws:tagkeys", SetOperator.FOR_ANY_VALUE, True),
        ("StringLike", "x", SetOperator.FOR_ANY_VALUE, True),
        ("Bool", "aws:securetransport", None, False),
    ]
    assert parse_conditions({}, variables=True) == ()
    assert parse_conditions({"StringEquals": {}}, variables=True) == ()


@settings(max_examples=50)
@given(st.binary(max_size=40), st.binary(max_size=40))
def test_binary_values_are_compared_byte_for_byte(one: bytes, other: bytes) -> None:
    """In their base64 form."""
    wanted, given_value = base64.b64encode(one).decode(), base64.b64encode(other).decode()
    assert holds("BinaryEquals", wanted, given_value) is (one == other)


@settings(max_examples=50)
@given(st.integers(-(10**20), 10**20), st.integers(-(10**20), 10**20))
def test_numbers_are_compared_as_numbers(one: int, other: int) -> None:
    """Not as texts, and not as floats."""
    assert holds("NumericLessThan", str(other), str(one)) is (one < other)
    assert holds("NumericGreaterThanEquals", Number(f"{other}.0"), str(one)) is (one >= other)
    assert holds("NumericEquals", str(other), f"{one}.00") is (one == other)


@settings(max_examples=50)
@given(st.datetimes(timezones=st.timezones()), st.integers(0, 4_102_444_800))
def test_dates_are_compared_as_moments(date: Any, seconds: int) -> None:
    """Whatever the offset they are written with."""
    written = date.replace(microsecond=0).isoformat()
    if date.utcoffset().total_seconds() % 60:
        return
    assert holds("DateGreaterThan", str(seconds), written) is (date.replace(microsecond=0).timestamp() > seconds)

"""Conditions that are refused when a policy is written.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
"""

from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.domain.policy.conditions import (
    OPERATORS,
    Condition,
    MalformedConditionError,
    Number,
    parse_conditions,
)
from selfkms.domain.policy.facts import Fact, Facts

SYNTAX: Final = "Syntax errors in policy."
UNREADABLE: Final = "The policy failed legacy parsing"


def condition(operator: str, values: Any) -> Condition:
    """The condition of an element that has one."""
    (only,) = parse_conditions({operator: {"aws:Key": values}}, variables=True)
    return only


@pytest.mark.parametrize(
    "element",
    [
        None,
        [],
        "StringEquals",
        {"StringEquals": []},
        {"StringEquals": "a"},
        {"StringEquals": {"a": None}},
        {"StringEquals": {"a": {}}},
        {"StringEquals": {"a": [["b"]]}},
        {"StringEquals": {"a": ["b", None]}},
        {"stringEquals": {"a": "b"}},
        {"StringEqual": {"a": "b"}},
        {"Equals": {"a": "b"}},
        {"": {"a": "b"}},
        {"StringEqualsIfexists": {"a": "b"}},
        {"StringEqualsIfExistsIfExists": {"a": "b"}},
        {"IfExists": {"a": "b"}},
        {"ForEachValue:StringEquals": {"a": "b"}},
        {"ForAllValues:": {"a": "b"}},
        {"ForAllValues:ForAnyValue:StringEquals": {"a": "b"}},
        {"forAllValues:StringEquals": {"a": "b"}},
        {"NullIfExists": {"a": "true"}},
        {"ForAllValues:Null": {"a": "true"}},
        {"BinaryNotEquals": {"a": "AAAA"}},
        {"StringEquals ": {"a": "b"}},
        {"NotAnOperator": {}},
    ],
)
def test_a_malformed_condition_is_refused(element: Any) -> None:
    """Operators are words that exist, in their case; values are strings, numbers or booleans."""
    with pytest.raises(MalformedConditionError) as refusal:
        parse_conditions(element, variables=True)
    assert str(refusal.value) == SYNTAX


@pytest.mark.parametrize(
    ("operator", "value"),
    [
        ("NumericEquals", "abc"),
        ("NumericEquals", ""),
        ("NumericEquals", True),
        ("NumericEquals", "NaN"),
        ("NumericLessThan", "Infinity"),
        ("NumericLessThan", Number("1e999999")),
        ("NumericLessThan", "1" * 41),
        ("NumericLessThan", "1_000"),
        ("NumericLessThan", "1,5"),
        ("DateEquals", "yesterday"),
        ("DateEquals", "2026-13-01"),
        ("DateEquals", "2026-02-30"),
        ("DateEquals", "2025-02-29"),
        ("DateEquals", "0000-01-01"),
        ("DateEquals", "2026-01-01T25:00:00Z"),
        ("DateEquals", "2026-01-01T00:60:00Z"),
        ("DateEquals", "2026-01-01 00:00:00"),
        ("DateEquals", "2026-01-01T00:00:00.Z"),
        ("DateEquals", "2026-01-01T00:00:00+1"),
        ("DateEquals", "2026-01-*"),
        ("DateEquals", "-5"),
        ("DateEquals", "9" * 20),
        ("Bool", "yes"),
        ("Bool", Number("1")),
        ("Bool", ""),
        ("Null", "maybe"),
        ("BinaryEquals", "a"),
        ("BinaryEquals", "ä"),
        ("BinaryEquals", "QUJD\n"),
        ("IpAddress", "203.0.113.0/33"),
        ("IpAddress", "203.0.113"),
        ("IpAddress", "203.0.113.*"),
        ("IpAddress", "203.0.113.0/255.255.255.0"),
        ("IpAddress", "203.0.113.01"),
        ("IpAddress", Number("1")),
        ("IpAddress", "2001:db8::/129"),
        ("IpAddress", "example.com"),
        ("NotIpAddress", ""),
    ],
)
def test_a_value_that_its_operator_cannot_read_is_refused(operator: str, value: Any) -> None:
    """It could not mean anything, and a negated operator would hold for everybody."""
    with pytest.raises(MalformedConditionError) as refusal:
        condition(operator, value)
    assert str(refusal.value) == UNREADABLE


@settings(max_examples=80)
@given(
    operator=st.sampled_from(sorted(OPERATORS)),
    values=st.lists(st.text(max_size=12) | st.booleans() | st.integers().map(lambda n: Number(str(n))), max_size=3),
    fact=st.none() | st.text(max_size=12) | st.lists(st.text(max_size=6), max_size=3).map(tuple),
)
def test_any_value_is_compared_or_refused(operator: str, values: list[Any], fact: Fact | None) -> None:
    """Nothing that a client or a policy can send breaks an operator."""
    try:
        made = condition(operator, values)
    except MalformedConditionError:
        return
    facts = Facts.of({} if fact is None else {"aws:Key": fact})
    in_allow, in_deny = made.holds(facts, allows=True), made.holds(facts, allows=False)
    # What is unclear counts against the caller: an Allow never holds where the same Deny would not.
    assert in_deny or not in_allow

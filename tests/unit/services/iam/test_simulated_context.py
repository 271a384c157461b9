"""ContextEntries of a simulation."""

import pytest

from selfkms.domain.iam.errors import InvalidInputException
from selfkms.services.iam.simulated_context import CONTEXT_VALUE_CHARACTERS_MAX, ContextEntry, facts_given


def entry(kind: str | None, *values: str, name: str | None = "aws:a") -> ContextEntry:
    return ContextEntry(context_key_name=name, context_key_values=values, context_key_type=kind)


def test_entries_are_facts() -> None:
    """One value, or several where the type is a list; a list of one stays one."""
    entries = [entry("string", "x"), entry("stringList", "y", "z", name="b:c"), entry(None, "1", name="d:e")]
    assert facts_given(entries) == {"aws:a": "x", "b:c": ("y", "z"), "d:e": "1"}
    assert facts_given([entry("ipList", "192.0.2.1")]) == {"aws:a": ("192.0.2.1",)}


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("numeric", "-1.5e3", "one"),
        ("boolean", "TRUE", "yes"),
        ("ip", "2001:db8::1", "192.0.2.256"),
        ("binary", "AAEC", "***"),
        ("date", "2019-04-25T11:00:00Z", "tomorrow"),
    ],
)
def test_values_are_of_their_type(kind: str, good: str, bad: str) -> None:
    """Whatever its operator could not read is refused, not taken for absent."""
    assert facts_given([entry(kind, good)])
    assert facts_given([entry(f"{kind}List", good, good)])
    for entries in ([entry(kind, bad)], [entry(f"{kind}List", good, bad)]):
        with pytest.raises(InvalidInputException, match=f"Invalid value for context key aws:a of type {kind}"):
            facts_given(entries)


@pytest.mark.parametrize(
    "entries",
    [
        [entry("string", "x", name=None)],
        [entry("string", "x"), entry("string", "x", name="AWS:A")],
        [entry("string")],
        [entry("stringList")],
        [entry("string", "x", "y")],
        [entry("string", "x" * (CONTEXT_VALUE_CHARACTERS_MAX + 1))],
    ],
    ids=["no name", "twice", "no value", "empty list", "two values", "too long"],
)
def test_entries_that_cannot_be(entries: list[ContextEntry]) -> None:
    """They are refused."""
    with pytest.raises(InvalidInputException):
        facts_given(entries)

"""ContextEntries: what a simulation knows of the request that it imagines. Nothing is filled in by itself.

Source: IAM API Reference, "ContextEntry".
"""

from collections.abc import Sequence
from typing import Final

from selfkms.domain.iam.errors import InvalidInputException
from selfkms.domain.policy.conditions import OPERATORS
from selfkms.domain.policy.facts import Fact
from selfkms.services.shapes import Shape

CONTEXT_VALUE_CHARACTERS_MAX: Final = 2_048
"""Ours: AWS gives no limit. A pattern is matched against each value, for every action and resource."""

_LIST: Final = "List"
# Values of these types are read as the operators of conditions read them.
_READ_BY: Final = {
    "numeric": OPERATORS["NumericEquals"],
    "boolean": OPERATORS["Bool"],
    "ip": OPERATORS["IpAddress"],
    "binary": OPERATORS["BinaryEquals"],
    "date": OPERATORS["DateEquals"],
}


class ContextEntry(Shape, frozen=True, kw_only=True):
    context_key_name: str | None = None
    context_key_values: tuple[str, ...] = ()
    context_key_type: str | None = None


def facts_given(entries: Sequence[ContextEntry]) -> dict[str, Fact]:
    """The condition keys of a simulation.

    Raises:
        InvalidInputException: an entry has no name, a name twice, no value, more than one where its type is no list,
            one that is not of its type, or one that is too long.
    """
    facts: dict[str, Fact] = {}
    for entry in entries:
        name, values = entry.context_key_name, entry.context_key_values
        if name is None or name.lower() in {known.lower() for known in facts}:
            raise InvalidInputException("Each context entry must have a context key name of its own.")
        kind = entry.context_key_type or "string"
        if not values or (len(values) > 1 and not kind.endswith(_LIST)):
            raise InvalidInputException(f"Invalid number of values for context key {name} of type {kind}.")
        for value in values:
            _check(name, value, kind.removesuffix(_LIST))
        facts[name] = values if kind.endswith(_LIST) else values[0]
    return facts


def _check(name: str, value: str, kind: str) -> None:
    operator = _READ_BY.get(kind)
    if operator is not None and operator.kind.of_request(value) is None:
        raise InvalidInputException(f"Invalid value for context key {name} of type {kind}.")
    if len(value) > CONTEXT_VALUE_CHARACTERS_MAX:
        raise InvalidInputException(
            f"A value of context key {name} is longer than {CONTEXT_VALUE_CHARACTERS_MAX} characters."
        )

"""Conditions of statements: operators, the keys they compare, and the values they compare them with.

1. All operators and all keys of a Condition element must hold; of several values of one key one must match. A negated
   operator (`…Not…`) holds when none of them does.
2. An absent key fits no value: positive operators are false, negated ones true. With `IfExists` the condition holds.
3. `ForAllValues` asks every value of the request, and holds when there is none; `ForAnyValue` asks for one, and does
   not. A key that has empty values only is a null data set, and counts as absent here and for `Null`.
4. A key with several values under an operator without either is against AWS's advice, and what it means is not
   documented. Ours: it counts against the caller. Each value must satisfy the condition of an Allow, one is enough for
   a Deny.
5. A value of the policy that its operator cannot read (a date that is none) makes the policy malformed: seen at AWS for
   dates, and done here for numbers, addresses, base64 and booleans too, since nobody can mean it. A value of the
   request that it cannot read fits no value, as an absent key does.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators", "Set operators for multivalued context keys",
"Conditions with multiple context keys or values".
"""

import base64
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, NamedTuple

import msgspec

from selfkms.domain.policy.facts import Facts
from selfkms.domain.policy.patterns import Pattern, Piece, Wildcard
from selfkms.domain.policy.variables import ARNTemplate, Template

_MALFORMED: Final = "Syntax errors in policy."
_UNREADABLE: Final = "The policy failed legacy parsing"
"""AWS's text for a date that is none."""

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
_EPOCH_SECONDS: Final = re.compile(r"[0-9]{1,19}(\.[0-9]{1,9})?", re.ASCII)
# W3C, "Date and Time Formats", without the year alone, which AWS reads as seconds; a time without offset is UTC.
_DATE: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2})(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(\.[0-9]{1,9})?)?"
    r"(?:Z|([+-])([0-9]{2}):?([0-5][0-9]))?)?)?",
    re.ASCII | re.IGNORECASE,
)
_DECIMAL_SUFFIX: Final = re.compile(r"[^/]+(/[0-9]{1,3})?", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_BOOLEANS: Final = {"true": True, "false": False}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class MalformedConditionError(ValueError):
    """This is no Condition element. The message may be shown to whoever wrote it."""


class Number(NamedTuple):
    """A number in the JSON of a policy, as it is written there: conditions compare it as its text, not as a float."""

    text: str


class SetOperator(Enum):
    """How the values of a key with several values are asked."""

    FOR_ALL_VALUES = "ForAllValues"
    FOR_ANY_VALUE = "ForAnyValue"


def _text(parts: Sequence[Piece]) -> str:
    """A value of an operator that knows no wildcards: there `*` and `?` are characters like others."""
    return "".join(part.value if isinstance(part, Wildcard) else part for part in parts)


def _lower_text(parts: Sequence[Piece]) -> str:
    return _text(parts).lower()


def _boolean(parts: Sequence[Piece]) -> bool | None:
    return _boolean_of(_text(parts))


def _boolean_of(text: str) -> bool | None:
    return _BOOLEANS.get(text.lower())


def _number_of(text: str) -> Decimal | None:
    # Few digits and a small exponent: a comparison of 1 with 1e999999999 would write out the zeros.
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _seconds_of(text: str) -> Decimal | None:
    """Seconds since the epoch, of a date or of such seconds."""
    if _EPOCH_SECONDS.fullmatch(text):
        return Decimal(text)
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    *numbers, fraction, sign, offset_hours, offset_minutes = match.groups()
    year, month, day, hour, minute, second = (int(number) if number else None for number in numbers)
    try:
        since = datetime(year or 0, month or 0, day or 1, hour or 0, minute or 0, second or 0, tzinfo=UTC) - _EPOCH
    except ValueError:
        return None
    offset_seconds = int(f"{sign}1") * (int(offset_hours) * 60 + int(offset_minutes)) * 60 if sign else 0
    return Decimal(since.days * 86_400 + since.seconds - offset_seconds) + Decimal(fraction or 0)


def _bytes_of(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def _network_of(text: str) -> Network | None:
    """An address range in CIDR form; an address alone is a range of one. What follows the prefix length is ignored."""
    try:
        return ipaddress.ip_network(text, strict=False) if _DECIMAL_SUFFIX.fullmatch(text) else None
    except ValueError:
        return None


def _address_of(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A socket that takes both families shows an IPv4 peer in this form (RFC 4291, 2.5.5.2).
    return getattr(address, "ipv4_mapped", None) or address


def _as_it_is(text: str) -> str:
    return text


def _equal(given: Any, wanted: Sequence[Any]) -> bool:
    return given in wanted


def _matching(given: str, wanted: Sequence[Any]) -> bool:
    return any(pattern.matches(given) for pattern in wanted)


def _less(given: Decimal, wanted: Sequence[Decimal]) -> bool:
    return any(given < value for value in wanted)


def _less_or_equal(given: Decimal, wanted: Sequence[Decimal]) -> bool:
    return any(given <= value for value in wanted)


def _greater(given: Decimal, wanted: Sequence[Decimal]) -> bool:
    return any(given > value for value in wanted)


def _greater_or_equal(given: Decimal, wanted: Sequence[Decimal]) -> bool:
    return any(given >= value for value in wanted)


def _inside(given: Address, wanted: Sequence[Network]) -> bool:
    return any(given.version == network.version and given in network for network in wanted)


class _Kind(NamedTuple):
    """How the values of an operator are read."""

    of_request: Callable[[str], Any]
    """From the request; None if it cannot be read."""
    of_policy: Callable[[str], Any] | None = None
    """From the policy, where there are no variables; None if it cannot be read."""
    of_pieces: Callable[[Sequence[Piece]], Any] | None = None
    """From the policy, once its variables are replaced."""


_STRING: Final = _Kind(_as_it_is, of_pieces=_text)
_STRING_IGNORING_CASE: Final = _Kind(str.lower, of_pieces=_lower_text)
_STRING_PATTERN: Final = _Kind(_as_it_is, of_pieces=Pattern.of)
_NUMERIC: Final = _Kind(_number_of, of_policy=_number_of)
_TIME: Final = _Kind(_seconds_of, of_policy=_seconds_of)
_BOOL: Final = _Kind(_boolean_of, of_pieces=_boolean)
_BINARY: Final = _Kind(_bytes_of, of_policy=_bytes_of)
_IP: Final = _Kind(_address_of, of_policy=_network_of)
_ARN: Final = _Kind(_as_it_is)
_NULL: Final = _Kind(_boolean_of, of_policy=_boolean_of)


class _Operator(NamedTuple):
    kind: _Kind
    fits: Callable[[Any, Sequence[Any]], bool]
    """Whether a value of the request fits one of those of the policy."""
    negated: bool = False


OPERATORS: Final[Mapping[str, _Operator]] = {
    "StringEquals": _Operator(_STRING, _equal),
    "StringNotEquals": _Operator(_STRING, _equal, negated=True),
    "StringEqualsIgnoreCase": _Operator(_STRING_IGNORING_CASE, _equal),
    "StringNotEqualsIgnoreCase": _Operator(_STRING_IGNORING_CASE, _equal, negated=True),
    "StringLike": _Operator(_STRING_PATTERN, _matching),
    "StringNotLike": _Operator(_STRING_PATTERN, _matching, negated=True),
    "NumericEquals": _Operator(_NUMERIC, _equal),
    "NumericNotEquals": _Operator(_NUMERIC, _equal, negated=True),
    "NumericLessThan": _Operator(_NUMERIC, _less),
    "NumericLessThanEquals": _Operator(_NUMERIC, _less_or_equal),
    "NumericGreaterThan": _Operator(_NUMERIC, _greater),
    "NumericGreaterThanEquals": _Operator(_NUMERIC, _greater_or_equal),
    "DateEquals": _Operator(_TIME, _equal),
    "DateNotEquals": _Operator(_TIME, _equal, negated=True),
    "DateLessThan": _Operator(_TIME, _less),
    "DateLessThanEquals": _Operator(_TIME, _less_or_equal),
    "DateGreaterThan": _Operator(_TIME, _greater),
    "DateGreaterThanEquals": _Operator(_TIME, _greater_or_equal),
    "Bool": _Operator(_BOOL, _equal),
    "BinaryEquals": _Operator(_BINARY, _equal),
    "IpAddress": _Operator(_IP, _inside),
    "NotIpAddress": _Operator(_IP, _inside, negated=True),
    # AWS: the two positive ones behave alike, and so do the two negated ones.
    "ArnEquals": _Operator(_ARN, _matching),
    "ArnLike": _Operator(_ARN, _matching),
    "ArnNotEquals": _Operator(_ARN, _matching, negated=True),
    "ArnNotLike": _Operator(_ARN, _matching, negated=True),
    "Null": _Operator(_NULL, _equal),
}
"""All operators. `Null` alone asks for the key itself, and takes neither a set operator nor `IfExists`."""

_WRITTEN: Final = re.compile(r"(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?", re.ASCII)


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One operator over one key."""

    operator: str
    """Without set operator and `IfExists`."""
    key: str
    """The condition key, in small letters."""
    set_operator: SetOperator | None = None
    if_exists: bool = False
    values: tuple[Any, ...]
    """As the operator compares them; a `Template` or an `ARNTemplate` where a variable has to be replaced first."""
    variable: bool = False
    """Whether there are variables among the values."""

    def holds(self, facts: Facts, *, allows: bool) -> bool:
        """Whether the condition is met. The numbers are those of the module's text.

        Args:
            facts: what is known of the request.
            allows: whether the statement is an Allow: what is unclear counts against the caller.
        """
        fact = facts.get(self.key)
        given = (fact,) if isinstance(fact, str) else fact or ()
        if self.operator == "Null":
            return (not any(given)) in self.values
        # 3. A null data set.
        if self.set_operator is not None and not any(given):
            given = ()
        operator = OPERATORS[self.operator]
        # 2.
        if not given:
            return (
                self.if_exists
                or self.set_operator is SetOperator.FOR_ALL_VALUES
                or (self.set_operator is None and operator.negated)
            )
        wanted = self._values(operator.kind, facts) if self.variable else self.values
        if len(given) > 1 and not facts.afford(len(given) * len(wanted)):
            # Not found out, so it counts against the caller.
            return not allows
        if len(given) == 1:
            return _satisfied(operator, given[0], wanted)
        satisfied = (_satisfied(operator, value, wanted) for value in given)
        # 3 and 4.
        if self.set_operator is SetOperator.FOR_ALL_VALUES or (self.set_operator is None and allows):
            return all(satisfied)
        return any(satisfied)

    def _values(self, kind: _Kind, facts: Facts) -> list[Any]:
        """The values with variables replaced; without those in which one has no value: they match nothing."""
        values = (
            _rendered(value, kind, facts) if isinstance(value, (Template, ARNTemplate)) else value
            for value in self.values
        )
        return [value for value in values if value is not None]


def _satisfied(operator: _Operator, value: str, wanted: Sequence[Any]) -> bool:
    # 1 and 5.
    given = operator.kind.of_request(value)
    return (given is not None and operator.fits(given, wanted)) is not operator.negated


def _rendered(template: Template | ARNTemplate, kind: _Kind, facts: Facts) -> Any:
    if isinstance(template, ARNTemplate):
        return template.render(facts)
    parts = template.render(facts)
    assert kind.of_pieces is not None, "only these operators have templates"
    return None if parts is None else kind.of_pieces(parts)


def parse_conditions(element: object, *, variables: bool) -> tuple[Condition, ...]:
    """The conditions of a Condition element, as JSON has it, with `Number` for numbers.

    Args:
        element: an object of operators, each with an object of keys.
        variables: whether the version of the policy has variables.

    Raises:
        MalformedConditionError: of another form, an unknown operator, or a value that its operator cannot read.
    """
    if not isinstance(element, Mapping):
        raise MalformedConditionError(_MALFORMED)
    conditions: list[Condition] = []
    for written, keys in element.items():
        match = _WRITTEN.fullmatch(written)
        if match is None or not isinstance(keys, Mapping):
            raise MalformedConditionError(_MALFORMED)
        set_operator, name, if_exists = match.groups()
        if name not in OPERATORS or (name == "Null" and (set_operator or if_exists)):
            raise MalformedConditionError(_MALFORMED)
        for key, values in keys.items():
            compiled = tuple(_compiled(text, OPERATORS[name].kind, variables=variables) for text in _texts(values))
            conditions.append(
                Condition(
                    operator=name,
                    key=key.lower(),
                    set_operator=SetOperator(set_operator) if set_operator else None,
                    if_exists=if_exists is not None,
                    values=compiled,
                    variable=any(isinstance(value, (Template, ARNTemplate)) for value in compiled),
                )
            )
    return tuple(conditions)


def _texts(values: object) -> list[str]:
    """Strings, numbers and booleans are compared as their texts; a scalar stands for a list of one."""
    return [_text_of(value) for value in (values if isinstance(values, list) else [values])]


def _text_of(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number):
        return value.text
    if not isinstance(value, str):
        raise MalformedConditionError(_MALFORMED)
    return value


_NO_FACTS: Final = Facts.of({})


def _compiled(text: str, kind: _Kind, *, variables: bool) -> Any:
    """A value of the policy as its operator compares it, or a template."""
    if kind.of_policy is not None:
        value = kind.of_policy(text)
    elif kind.of_pieces is None:
        arn = ARNTemplate.parse(text, variables=variables)
        # What is no ARN fits none; AWS takes it, so it stays what it is.
        return (arn.render(_NO_FACTS) or arn) if arn.literal else arn
    else:
        template = Template.parse(text, variables=variables)
        value = _rendered(template, kind, _NO_FACTS) if template.literal else template
    if value is None:
        raise MalformedConditionError(_UNREADABLE)
    return value

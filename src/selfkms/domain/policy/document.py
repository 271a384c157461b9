"""Policy documents: from text to statements.

Source: IAM User Guide, "IAM JSON policy elements reference", "Grammar of the IAM JSON policy language".
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, Self

import msgspec

_VERSIONS: Final = ("2012-10-17", "2008-10-17")
_POLICY_ELEMENTS: Final = frozenset({"Version", "Id", "Statement"})
_STATEMENT_ELEMENTS: Final = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)

_BEYOND: Final = frozenset({"Condition", "NotPrincipal", "NotAction", "NotResource"})
_PRINCIPAL_KINDS: Final = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})

# IAM User Guide, "AWS JSON policy elements: Principal": everyone, an account, an ARN of IAM or STS, a unique ID.
_AWS_PRINCIPAL: Final = re.compile(
    r"\*|[0-9]{12}|arn:[a-z-]+:(iam|sts)::[0-9]{12}:[^*?\s]+|(AIDA|AROA)[A-Z0-9]+", re.ASCII
)

# IAM User Guide, "IAM JSON policy elements: Condition operators".
_OPERATOR: Final = re.compile(
    r"(ForAllValues:|ForAnyValue:)?"
    r"(String(Not)?Equals(IgnoreCase)?|String(Not)?Like|(Numeric|Date)(Not)?Equals|(Numeric|Date)(Less|Greater)Than(Equals)?"
    r"|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like))(IfExists)?"
    r"|Null",
    re.ASCII,
)

_WILDCARDS: Final = frozenset("*?")

_SYNTAX: Final = "Syntax errors in policy."
_PRINCIPALS: Final = "Policy contains a statement with one or more invalid principals."


class PolicyError(Exception):
    """The text is no policy. The message may be shown to whoever wrote it."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One statement. What it has beyond principals, actions and resources is kept by name in `beyond`."""

    allows: bool
    sid: str | None
    principals: tuple[str, ...]
    """The `AWS` entries of Principal as they were written; `*` for everyone."""
    actions: frozenset[str]
    """Entries of Action without wildcards, in small letters."""
    action_prefixes: tuple[str, ...]
    """What stands before the `*` of entries whose only wildcard it is, at their end: `kms:` of `kms:*`."""
    action_patterns: tuple[str, ...]
    """All other entries with `*` or `?`, in small letters."""
    resources: tuple[str, ...]
    beyond: frozenset[str]
    """Elements that are not weighed yet: `Condition`, `NotPrincipal`, `NotAction`, `NotResource`."""

    def names_action(self, action: str) -> bool:
        """Whether an entry of Action covers `action`, case ignored."""
        lowered = action.lower()
        return (
            lowered in self.actions
            or lowered.startswith(self.action_prefixes)
            or any(matches(pattern, lowered) for pattern in self.action_patterns)
        )


class Policy(msgspec.Struct, frozen=True):
    """A policy document, parsed."""

    statements: tuple[Statement, ...]

    @classmethod
    def parse(cls, text: str, *, principals: bool) -> Self:
        """A policy from its text.

        Args:
            text: JSON.
            principals: whether each statement must name principals (a key policy) or must not (an IAM policy).

        Raises:
            PolicyError: no JSON, an unknown element, Effect or Version, no statement, a statement without principal.
        """
        document = _json_object(text)
        if document.keys() - _POLICY_ELEMENTS:
            raise PolicyError(_SYNTAX)
        if document.get("Version", _VERSIONS[-1]) not in _VERSIONS:
            raise PolicyError("The policy has an unknown Version.")
        if not isinstance(document.get("Id", ""), str):
            raise PolicyError(_SYNTAX)
        statements = document.get("Statement")
        if isinstance(statements, dict):
            statements = [statements]
        if statements is None or statements == []:
            raise PolicyError("The policy has no Statement.")
        if not isinstance(statements, list):
            raise PolicyError(_SYNTAX)
        return cls(tuple(_statement(raw, principals=principals) for raw in statements))


def _json_object(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise PolicyError("The policy is not valid JSON.") from error
    if not isinstance(document, dict):
        raise PolicyError(_SYNTAX)
    return document


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # A reader that keeps the first of two equal names and one that keeps the last would see two different policies.
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("duplicate names")
    return mapping


def _no_constant(name: str) -> None:
    # RFC 8259, 6: NaN and Infinity are no JSON, whatever Python's reader takes.
    raise ValueError(name)


def _statement(raw: Any, *, principals: bool) -> Statement:
    if not isinstance(raw, Mapping) or raw.keys() - _STATEMENT_ELEMENTS:
        raise PolicyError(_SYNTAX)
    if raw.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError("A statement has no Effect of Allow or Deny.")
    if principals is not ("Principal" in raw or "NotPrincipal" in raw):
        raise PolicyError(_PRINCIPALS)
    if any(name in raw and f"Not{name}" in raw for name in ("Principal", "Action", "Resource")):
        raise PolicyError(_SYNTAX)
    if not isinstance(raw.get("Sid", ""), str):
        raise PolicyError(_SYNTAX)
    _check_condition(raw.get("Condition", {}))
    named = {kind: _principals(raw[kind]) for kind in ("Principal", "NotPrincipal") if kind in raw}
    actions = {name: _actions(raw[name]) for name in ("Action", "NotAction") if name in raw}
    resources = {name: _texts(raw[name]) for name in ("Resource", "NotResource") if name in raw}
    named_actions = [action.lower() for action in actions.get("Action", ())]
    wild = {action for action in named_actions if not _WILDCARDS.isdisjoint(action)}
    prefixes = {action for action in wild if action.endswith("*") and _WILDCARDS.isdisjoint(action[:-1])}
    return Statement(
        allows=raw["Effect"] == "Allow",
        sid=raw.get("Sid"),
        principals=named.get("Principal", ()),
        actions=frozenset(named_actions) - wild,
        action_prefixes=tuple(sorted(action[:-1] for action in prefixes)),
        action_patterns=tuple(sorted(wild - prefixes)),
        resources=resources.get("Resource", ()),
        beyond=frozenset(raw) & _BEYOND,
    )


def _principals(principal: Any) -> tuple[str, ...]:
    """The `AWS` entries of a Principal element, whose form is checked; other kinds of principal never send requests."""
    if principal == "*":
        return ("*",)
    if not isinstance(principal, Mapping) or not principal or principal.keys() - _PRINCIPAL_KINDS:
        raise PolicyError(_PRINCIPALS)
    named = {kind: _texts(principal[kind], otherwise=_PRINCIPALS) for kind in principal}
    if not all(all(texts) and texts for texts in named.values()):
        raise PolicyError(_PRINCIPALS)
    # A wildcard inside an ARN would name nobody, and a Deny with one would deny nobody without a word.
    if not all(_AWS_PRINCIPAL.fullmatch(text) for text in named.get("AWS", ())):
        raise PolicyError(_PRINCIPALS)
    return named.get("AWS", ())


def _actions(value: Any) -> tuple[str, ...]:
    actions = _texts(value)
    if not all(action.isascii() for action in actions):
        raise PolicyError(_SYNTAX)
    return actions


def _check_condition(condition: Any) -> None:
    """Operators that exist, each with an object of condition keys; their values are weighed elsewhere."""
    if not isinstance(condition, Mapping):
        raise PolicyError(_SYNTAX)
    for operator, keys in condition.items():
        if not _OPERATOR.fullmatch(operator) or not isinstance(keys, Mapping):
            raise PolicyError(_SYNTAX)


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern covers the whole text: `*` is any run of characters, `?` any one.

    Without a regular expression: thousands of patterns cost no compiling, and no pattern takes longer than the product
    of the two lengths. When a character does not fit, only the last `*` takes one more: an earlier one never needs to.
    """
    place, at, star, taken = 0, 0, -1, 0
    while at < len(text):
        if place < len(pattern) and pattern[place] == "*":
            star, taken = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", text[at]):
            place += 1
            at += 1
        elif star >= 0:
            taken += 1
            place, at = star + 1, taken
        else:
            return False
    return all(character == "*" for character in pattern[place:])


def _texts(value: Any, *, otherwise: str = _SYNTAX) -> tuple[str, ...]:
    """A scalar stands for a list of one wherever a list is legal."""
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise PolicyError(otherwise)
    return tuple(texts)

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


class PolicyError(Exception):
    """The text is no policy. The message may be shown to whoever wrote it."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One statement. What it has beyond principals, actions and resources is kept by name in `beyond`."""

    allows: bool
    sid: str | None
    principals: tuple[str, ...]
    """The `AWS` entries of Principal as they were written; `*` for everyone."""
    actions: tuple[re.Pattern[str], ...]
    resources: tuple[str, ...]
    beyond: frozenset[str]
    """Elements that are not weighed yet: `Condition`, `NotPrincipal`, `NotAction`, `NotResource`."""

    def names_action(self, action: str) -> bool:
        """Whether an entry of Action covers `action`, case ignored."""
        return any(pattern.fullmatch(action) for pattern in self.actions)


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
            raise PolicyError("Syntax errors in policy.")
        if document.get("Version", _VERSIONS[-1]) not in _VERSIONS:
            raise PolicyError("The policy has an unknown Version.")
        statements = _as_list(document.get("Statement"))
        if not statements:
            raise PolicyError("The policy has no Statement.")
        return cls(tuple(_statement(raw, principals=principals) for raw in statements))


def _json_object(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise PolicyError("The policy is not valid JSON.") from error
    if not isinstance(document, dict):
        raise PolicyError("Syntax errors in policy.")
    return document


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # A reader that keeps the first of two equal names and one that keeps the last would see two different policies.
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("duplicate names")
    return mapping


def _statement(raw: Any, *, principals: bool) -> Statement:
    if not isinstance(raw, Mapping) or raw.keys() - _STATEMENT_ELEMENTS:
        raise PolicyError("Syntax errors in policy.")
    if raw.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError("A statement has no Effect of Allow or Deny.")
    if principals is not ("Principal" in raw or "NotPrincipal" in raw):
        raise PolicyError("Policy contains a statement with one or more invalid principals.")
    sid = raw.get("Sid")
    if sid is not None and not isinstance(sid, str):
        raise PolicyError("Syntax errors in policy.")
    return Statement(
        allows=raw["Effect"] == "Allow",
        sid=sid,
        principals=_aws_principals(raw.get("Principal", {})),
        actions=tuple(_pattern(text) for text in _texts(raw.get("Action"))),
        resources=_texts(raw.get("Resource")),
        beyond=frozenset(raw) & {"Condition", "NotPrincipal", "NotAction", "NotResource"},
    )


def _aws_principals(principal: Any) -> tuple[str, ...]:
    if principal == "*":
        return ("*",)
    if not isinstance(principal, Mapping) or principal.keys() - {"AWS", "Service", "Federated", "CanonicalUser"}:
        raise PolicyError("Policy contains a statement with one or more invalid principals.")
    for kind in principal:
        if not _texts(principal[kind]):
            raise PolicyError("Policy contains a statement with one or more invalid principals.")
    return _texts(principal.get("AWS"))


def _pattern(text: str) -> re.Pattern[str]:
    """`*` is any run of characters, `?` any one; action names are compared without case."""
    escaped = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(escaped, re.IGNORECASE | re.DOTALL)


def _texts(value: Any) -> tuple[str, ...]:
    texts = _as_list(value)
    if not all(isinstance(text, str) for text in texts):
        raise PolicyError("Syntax errors in policy.")
    return tuple(texts)


def _as_list(value: Any) -> list[Any]:
    """A scalar stands for a list of one wherever a list is legal."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]

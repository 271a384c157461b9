"""Policy documents: from text to statements.

A document is checked when it is written, and compiled when it is read: patterns, variables and values of conditions
are taken apart once. Whom a statement names is weighed by whoever decides; the rest it answers itself.

Source: IAM User Guide, "IAM JSON policy elements reference", "Grammar of the IAM JSON policy language"; KMS developer
guide, "Key policies in AWS KMS"; AWS KMS API Reference, "PutKeyPolicy".
"""

import functools
import json
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, Self

import msgspec

from selfkms.domain.policy.conditions import (
    Condition,
    MalformedConditionError,
    Number,
    SetOperator,
    parse_conditions,
)
from selfkms.domain.policy.facts import Facts
from selfkms.domain.policy.patterns import ANY_RUN, ARNPattern, Pattern, pieces
from selfkms.domain.policy.variables import ARNTemplate

_WITH_VARIABLES: Final = "2012-10-17"
_WITHOUT_VARIABLES: Final = "2008-10-17"
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
_KEPT_ACTIONS_MAX: Final = 32
"""For how many actions a policy remembers its statements: a principal seldom sends more kinds of request."""
_PRINCIPAL_KINDS: Final = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})

# IAM User Guide, "AWS JSON policy elements: Principal": everyone, an account, an ARN of IAM or STS, a unique ID.
_AWS_PRINCIPAL: Final = re.compile(
    r"\*|[0-9]{12}|arn:[a-z-]+:(iam|sts)::[0-9]{12}:[^*?\s]+|(AIDA|AROA)[A-Z0-9]+", re.ASCII
)
# AWS KMS API Reference, "PutKeyPolicy": tab, line feed, carriage return, printable characters up to U+00FF.
_KEY_POLICY_TEXT: Final = re.compile("[\t\n\r\u0020-\u00ff]*")
# IAM User Guide, "IAM JSON policy elements: Sid".
_IDENTITY_SID: Final = re.compile(r"[A-Za-z0-9]*", re.ASCII)
_SERVICE_PREFIX: Final = re.compile(r"[A-Za-z0-9.-]+", re.ASCII)

_NOT_JSON: Final = "The policy is not valid JSON."
_SYNTAX: Final = "Syntax errors in policy."
_PRINCIPALS: Final = "Policy contains a statement with one or more invalid principals."
# KMS developer guide, "Condition keys for AWS KMS", "kms:EncryptionContext:context-key".
_OVERLY_PERMISSIVE: Final = (
    "OverlyPermissiveCondition: Using the ForAllValues set operator with a single-valued condition key matches "
    "requests without the specified {what} or with an unspecified {what}. To fix, remove ForAllValues."
)
_ONE_VALUE: Final = {"kms:encryptioncontext:": "encryption context", "aws:requesttag/": "tag"}


class PolicyError(Exception):
    """The text is no policy. The message may be shown to whoever wrote it."""


class PolicyKind(Enum):
    """What a policy is for, which says what its statements must have and must not have."""

    KEY = "key policy"
    """A principal in each statement. Without Action or without Resource a statement is accepted, and inert."""
    IDENTITY = "identity policy"
    """No principal; Action and Resource. Permissions boundaries and session policies are of this kind, too."""
    TRUST = "role trust policy"
    """A principal and Action; no Resource, which is the role."""


class Principals(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a statement is about."""

    negated: bool
    """Everybody but these: NotPrincipal."""
    everyone: bool
    """`*`."""
    aws: frozenset[str] = frozenset()
    """Accounts, ARNs and unique IDs as they were written, without `*`."""
    services: frozenset[str] = frozenset()
    federated: frozenset[str] = frozenset()


class Actions(msgspec.Struct, frozen=True, kw_only=True):
    """The entries of Action or NotAction, in small letters. Without any, no action is among them."""

    negated: bool
    exact: frozenset[str]
    """Without wildcards."""
    prefixes: tuple[str, ...]
    """What stands before the `*` of entries whose only wildcard it is, at their end: `kms:` of `kms:*`."""
    patterns: tuple[Pattern, ...]
    """All others."""

    def include(self, action: str) -> bool:
        """Whether an action is among these, case ignored."""
        lowered = action.lower()
        named = (
            lowered in self.exact
            or lowered.startswith(self.prefixes)
            or any(pattern.matches(lowered) for pattern in self.patterns)
        )
        return named is not self.negated


class Resources(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The entries of Resource or NotResource. Without any, no resource is among them."""

    negated: bool
    everything: bool
    """`*` is among them."""
    exact: frozenset[str]
    """ARNs without wildcards and variables."""
    patterns: tuple[ARNPattern | ARNTemplate, ...]
    """All others that can match an ARN."""
    written: tuple[str, ...]
    """As they were written."""

    def include(self, resource: str, facts: Facts, *, service: str, allows: bool) -> bool:
        """Whether a resource is among these; see `Statement.covers`."""
        named = (
            self.everything
            or resource in self.exact
            or resource.startswith(self._prefixes)
            or self._match(resource, facts, service, allows=allows)
        )
        return named is not self.negated

    @functools.cached_property
    def _prefixes(self) -> tuple[str, ...]:
        return tuple(prefix for pattern in self.patterns if (prefix := _prefix_of(pattern)) is not None)

    @functools.cached_property
    def _others(self) -> tuple[ARNPattern | ARNTemplate, ...]:
        """The patterns that are more than a prefix."""
        return tuple(pattern for pattern in self.patterns if _prefix_of(pattern) is None)

    def _match(self, resource: str, facts: Facts, service: str, *, allows: bool) -> bool:
        components = resource.split(":", 5)
        for pattern in self.patterns if resource == "*" else self._others:
            rendered = pattern.render(facts) if isinstance(pattern, ARNTemplate) else pattern
            if rendered is None:
                # A variable has no value: the entry matches nothing. But what an Allow excepts cannot be told then,
                # so it excepts everything.
                if self.negated and allows:
                    return True
                continue
            if _covers_all(rendered, facts, service) if resource == "*" else rendered.match(components):
                return True
        return False


def _prefix_of(pattern: ARNPattern | ARNTemplate) -> str | None:
    return pattern.prefix if isinstance(pattern, ARNPattern) else None


def _covers_all(pattern: ARNPattern, facts: Facts, service: str) -> bool:
    region, account_id = facts.get("aws:requestedregion"), facts.get("aws:principalaccount")
    return pattern.is_all_of(
        service,
        region=region if isinstance(region, str) else None,
        account_id=account_id if isinstance(account_id, str) else None,
    )


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One statement."""

    allows: bool
    sid: str | None
    number: int
    """Its place in the policy, from 0."""
    principals: Principals | None
    """None in an identity policy."""
    actions: Actions
    resources: Resources
    """Everything in a trust policy, whose resource is the role."""
    conditions: tuple[Condition, ...]

    def concerns(self, action: str, resource: str, facts: Facts) -> bool:
        """Whether the statement is about this action, this resource and this request; whom it names is not looked at.

        Args:
            action: `kms:Encrypt`, in any case.
            resource: see `covers`.
            facts: what is known of the request.
        """
        return self.names_action(action) and self.applies(action, resource, facts)

    def applies(self, action: str, resource: str, facts: Facts) -> bool:
        """The rest of `concerns`, of a statement that names the action."""
        service = action.partition(":")[0].lower() if resource == "*" else ""
        return self.covers(resource, facts, service=service) and (
            not self.conditions or all(condition.holds(facts, allows=self.allows) for condition in self.conditions)
        )

    def names_action(self, action: str) -> bool:
        """Whether Action has an entry for `action`, case ignored; or NotAction has none."""
        return self.actions.include(action)

    def covers(self, resource: str, facts: Facts, *, service: str = "") -> bool:
        """Whether Resource has an entry for `resource`; or NotResource has none. Always true of a trust policy.

        Args:
            resource: the ARN of the resource. `*` for an operation without one: only an entry `*` covers it, and one
                whose resource part is `*` alone, as in `arn:aws:kms:REGION:ACCOUNT:*`, if service, Region
                (`aws:RequestedRegion`) and account (`aws:PrincipalAccount`, both as far as they are known) fit.
            facts: for variables.
            service: prefix of the action, in small letters; asked for if `resource` is `*`.

        Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS KMS"; KMS developer
        guide, "Specifying KMS keys in IAM policy statements".
        """
        return self.resources.include(resource, facts, service=service, allows=self.allows)


class Policy(msgspec.Struct, frozen=True, dict=True):
    """A policy document, compiled."""

    statements: tuple[Statement, ...]

    def naming(self, action: str) -> tuple[Statement, ...]:
        """The statements that name an action, in their order.

        They are found once for each action and kept with the policy, whose statements never change: what is written
        anew is another policy, which remembers nothing.
        """
        named = self._by_action.get(action)
        if named is None:
            named = tuple(statement for statement in self.statements if statement.names_action(action))
            if len(self._by_action) >= _KEPT_ACTIONS_MAX:
                self._by_action.clear()
            self._by_action[action] = named
        return named

    @functools.cached_property
    def _by_action(self) -> dict[str, tuple[Statement, ...]]:
        return {}

    @classmethod
    def parse(cls, text: str, kind: PolicyKind) -> Self:
        """A policy from its text.

        Args:
            text: JSON. Its size is for the caller to limit.
            kind: what the policy is for.

        Raises:
            PolicyError: no JSON, an element, Effect, Version or operator that does not exist, no statement, or a
                statement that lacks what policies of this kind must have, or has what they must not have.
        """
        document = _json_object(text)
        if kind is PolicyKind.KEY and not _KEY_POLICY_TEXT.fullmatch(text):
            raise PolicyError(_SYNTAX)
        if document.keys() - _POLICY_ELEMENTS:
            raise PolicyError(_SYNTAX)
        version = document.get("Version", _WITHOUT_VARIABLES)
        if version not in (_WITH_VARIABLES, _WITHOUT_VARIABLES):
            raise PolicyError("The policy has an unknown Version.")
        if not isinstance(document.get("Id", ""), str):
            raise PolicyError(_SYNTAX)
        parsed = tuple(
            _statement(raw, number, kind, variables=version == _WITH_VARIABLES)
            for number, raw in enumerate(_statements(document))
        )
        sids = [statement.sid for statement in parsed if statement.sid]
        if kind is PolicyKind.IDENTITY and len(set(sids)) < len(sids):
            raise PolicyError("Statement IDs (SID) in a single policy must be unique.")
        return cls(parsed)


def _json_object(text: str) -> dict[str, Any]:
    try:
        document = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError) as error:
        raise PolicyError(_NOT_JSON) from error
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


def _statements(document: Mapping[str, Any]) -> list[Any]:
    statements = document.get("Statement")
    if statements is None or statements == []:
        raise PolicyError("The policy has no Statement.")
    if isinstance(statements, dict):
        return [statements]
    if not isinstance(statements, list):
        raise PolicyError(_SYNTAX)
    return statements


def _statement(raw: object, number: int, kind: PolicyKind, *, variables: bool) -> Statement:
    if not isinstance(raw, Mapping) or raw.keys() - _STATEMENT_ELEMENTS:
        raise PolicyError(_SYNTAX)
    if raw.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError("A statement has no Effect of Allow or Deny.")
    if any(name in raw and f"Not{name}" in raw for name in ("Principal", "Action", "Resource")):
        raise PolicyError(_SYNTAX)
    sid = raw.get("Sid", "")
    if not isinstance(sid, str) or (kind is PolicyKind.IDENTITY and not _IDENTITY_SID.fullmatch(sid)):
        raise PolicyError(_SYNTAX)
    principals = _principals(raw, kind)
    actions = _actions(raw, kind)
    resources = _resources(raw, kind, variables=variables)
    try:
        conditions = parse_conditions(raw.get("Condition", {}), variables=variables)
    except MalformedConditionError as error:
        raise PolicyError(str(error)) from error
    if kind is PolicyKind.KEY:
        _check_set_operators(conditions)
    return Statement(
        allows=raw["Effect"] == "Allow",
        sid=raw.get("Sid"),
        number=number,
        principals=principals,
        actions=actions,
        resources=resources,
        conditions=conditions,
    )


def _check_set_operators(conditions: tuple[Condition, ...]) -> None:
    """These keys have one value: `ForAllValues` would hold for whoever leaves it out."""
    for condition in conditions:
        for prefix, what in _ONE_VALUE.items():
            if condition.set_operator is SetOperator.FOR_ALL_VALUES and condition.key.startswith(prefix):
                raise PolicyError(_OVERLY_PERMISSIVE.format(what=what))


def _principals(raw: Mapping[str, Any], kind: PolicyKind) -> Principals | None:
    name = next((name for name in ("Principal", "NotPrincipal") if name in raw), None)
    if kind is PolicyKind.IDENTITY:
        if name is not None:
            raise PolicyError("Policy document should not specify a principal.")
        return None
    if name is None:
        raise PolicyError("Missing required field Principal" if kind is PolicyKind.TRUST else _PRINCIPALS)
    element, negated = raw[name], name == "NotPrincipal"
    if element == "*":
        return Principals(negated=negated, everyone=True)
    if not isinstance(element, Mapping) or not element or element.keys() - _PRINCIPAL_KINDS:
        raise PolicyError(_PRINCIPALS)
    named = {which: frozenset(_texts(element[which], otherwise=_PRINCIPALS)) for which in element}
    if not all(texts and all(texts) for texts in named.values()):
        raise PolicyError(_PRINCIPALS)
    aws = named.get("AWS", frozenset())
    # A wildcard inside an ARN would name nobody, and a Deny with one would deny nobody without a word.
    if not all(_AWS_PRINCIPAL.fullmatch(text) for text in aws):
        raise PolicyError(_PRINCIPALS)
    return Principals(
        negated=negated,
        everyone="*" in aws,
        aws=aws - {"*"},
        services=named.get("Service", frozenset()),
        federated=named.get("Federated", frozenset()),
    )


def _entries(raw: Mapping[str, Any], name: str) -> tuple[tuple[str, ...], bool]:
    """The entries of an element or of the one that negates it, and which of the two it is."""
    negated = f"Not{name}" in raw
    entries = _texts(raw[f"Not{name}"]) if negated else _texts(raw.get(name, []))
    if negated and not entries:
        # Everything but nothing: nobody can mean it.
        raise PolicyError(_SYNTAX)
    return entries, negated


def _actions(raw: Mapping[str, Any], kind: PolicyKind) -> Actions:
    entries, negated = _entries(raw, "Action")
    if not all(entry.isascii() for entry in entries):
        raise PolicyError(_SYNTAX)
    if kind is PolicyKind.IDENTITY:
        _check_identity_actions(entries)
    if kind is PolicyKind.TRUST and not entries:
        raise PolicyError("Missing required field Action")
    compiled = {entry.lower(): pieces(entry.lower()) for entry in entries}
    exact = {text for text, parts in compiled.items() if all(isinstance(part, str) for part in parts)}
    prefixes = {
        text
        for text, parts in compiled.items()
        if parts[-1:] == (ANY_RUN,) and all(isinstance(part, str) for part in parts[:-1])
    }
    return Actions(
        negated=negated,
        exact=frozenset(exact),
        prefixes=tuple(sorted(text[:-1] for text in prefixes)),
        patterns=tuple(Pattern.of(compiled[text]) for text in sorted(compiled.keys() - exact - prefixes)),
    )


def _check_identity_actions(entries: tuple[str, ...]) -> None:
    if not entries:
        raise PolicyError("Policy statement must contain actions.")
    for entry in entries:
        if entry == "*":
            continue
        service, colon, name = entry.partition(":")
        if not colon:
            raise PolicyError("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
        if ":" in name:
            raise PolicyError("Actions/Condition can contain only one colon.")
        if service != "*" and not _SERVICE_PREFIX.fullmatch(service):
            raise PolicyError(f"Vendor {service} is not valid")


def _resources(raw: Mapping[str, Any], kind: PolicyKind, *, variables: bool) -> Resources:
    if kind is PolicyKind.TRUST:
        if "Resource" in raw or "NotResource" in raw:
            raise PolicyError("Has prohibited field Resource")
        return Resources(negated=False, everything=True, exact=frozenset(), patterns=(), written=())
    entries, negated = _entries(raw, "Resource")
    if kind is PolicyKind.IDENTITY and not entries:
        raise PolicyError("Policy statement must contain resources.")
    exact: set[str] = set()
    patterns: list[ARNPattern | ARNTemplate] = []
    for entry in sorted(set(entries) - {"*"}):
        template = ARNTemplate.of_resource(entry, variables=variables)
        if template is None:
            if kind is PolicyKind.IDENTITY:
                raise PolicyError(f'Resource {entry} must be in ARN format or "*".')
            # Free-form in a key policy; it matches no ARN.
            continue
        pattern = template.render(_NO_FACTS) if template.literal else template
        assert pattern is not None, "an entry of Resource has six components"
        if isinstance(pattern, ARNPattern) and (text := pattern.literal) is not None:
            exact.add(text)
        else:
            patterns.append(pattern)
    return Resources(
        negated=negated,
        everything="*" in entries,
        exact=frozenset(exact),
        patterns=tuple(patterns),
        written=entries,
    )


_NO_FACTS: Final = Facts.of({})


def _texts(value: object, *, otherwise: str = _SYNTAX) -> tuple[str, ...]:
    """A scalar stands for a list of one wherever a list is legal."""
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise PolicyError(otherwise)
    return tuple(texts)

"""Writes `docs/reference/` from the tables: `make docs`. A test holds the pages against the tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from selfkms.domain.kms.key_state import KNOWN_OPERATIONS, REFUSALS, TRANSITIONS, KeyState
from selfkms.domain.tags import Tag
from selfkms.protocol.model import ServiceModel
from selfkms.services.kms.table import OPERATIONS
from selfkms.services.operation import (
    AliasNamed,
    GrantNamed,
    KeyNamed,
    KeyOfCiphertext,
    Operation,
    PrincipalNamed,
    ReplicaNamed,
    Target,
)
from selfkms.services.shapes import Shape, aws_name
from tools.permissions import permissions_page

FOLDER: Final = Path(__file__).parents[1] / "docs" / "reference"

NOTE: Final = "<!-- Written by `make docs` from the tables of the program; change those. -->\n\n"

_OPERATIONS_INTRODUCTION: Final = (
    "Permissions are asked for one by one, each on the resource named; all must be allowed. "
    "*Aliases*: the key may be named by an alias. *Foreign*: a key of another account may be named."
)
_AUDIT_INTRODUCTION: Final = (
    "Nothing but what stands here, beside caller, time, source, resources and outcome. "
    "Never plaintext, blobs, data keys, key material, tokens or signatures."
)


def pages() -> Mapping[str, str]:
    """The reference pages by file name."""
    return {
        "operations.md": operations_page(),
        "key-states.md": key_states_page(),
        "audit.md": audit_page(),
        "permissions.md": NOTE + permissions_page(),
    }


def operations_page() -> str:
    """Every operation of the model: what it needs, or that it is not served yet."""
    lines = [
        NOTE + "# Operations of AWS KMS",
        "",
        _OPERATIONS_INTRODUCTION,
        "",
        "| operation | permissions | targets | dry run |",
        "| --- | --- | --- | --- |",
    ]
    model = ServiceModel.load("kms")
    for name in sorted(OPERATIONS):
        operation = OPERATIONS[name]
        permissions = "<br>".join(_permissions(operation))
        targets = "<br>".join(_target(target) for target in operation.targets) or "–"
        dry_run = "yes" if "dry_run" in operation.request.__struct_fields__ else "–"
        lines.append(f"| {name} | {permissions} | {targets} | {dry_run} |")
    missing = sorted(set(model.operations) - set(OPERATIONS))
    lines += ["", "Not served yet (`UnsupportedOperationException`): " + ", ".join(missing) + "."]
    return "\n".join(lines) + "\n"


def key_states_page() -> str:
    """Which operation each state lets through, and where each event leads."""
    states = list(KeyState)
    lines = [
        NOTE + "# Key states",
        "",
        "| operation | " + " | ".join(states) + " |",
        "| --- |" + " --- |" * len(states),
    ]
    for operation in sorted(KNOWN_OPERATIONS):
        cells = []
        for state in states:
            refusal = REFUSALS.get((operation, state))
            cells.append("✓" if refusal is None else f"{refusal[0].__name__}: …{refusal[1]}")
        lines.append(f"| {operation} | " + " | ".join(cells) + " |")
    lines += ["", "| state | event | leads to |", "| --- | --- | --- |"]
    lines += [f"| {state} | {event} | {following} |" for (state, event), following in TRANSITIONS.items()]
    return "\n".join(lines) + "\n"


def audit_page() -> str:
    """What the audit may hold of each operation."""
    lines = [
        NOTE + "# What the audit holds",
        "",
        _AUDIT_INTRODUCTION,
        "",
        "| operation | requestParameters | responseElements | readOnly |",
        "| --- | --- | --- | --- |",
    ]
    for name in sorted(OPERATIONS):
        audit = OPERATIONS[name].audit
        parameters = ", ".join(_small(member) for member in audit.parameters) or "null"
        answers = ", ".join(_small(member) for member in audit.answers) or "null"
        lines.append(f"| {name} | {parameters} | {answers} | {str(audit.read_only).lower()} |")
    return "\n".join(lines) + "\n"


class _Tagging(Shape, frozen=True, kw_only=True):
    """As much of a request as further permissions depend on."""

    tags: tuple[Tag, ...]


def _permissions(operation: Operation) -> list[str]:
    asked = [_permission(operation, target) for target in operation.targets] or [f"`{operation.action}` on `*`"]
    if operation.further_actions is not None:
        always = operation.further_actions(_Tagging(tags=()))
        there = "" if operation.further_region is None else f" in {aws_name(operation.further_region)}"
        asked += [f"`{action}` on `*`{there}" for action in always]
        tagged = operation.further_actions(_Tagging(tags=(Tag("a", "b"),)))
        asked += [f"with Tags also `{action}` on `*`{there}" for action in tagged if action not in always]
    return list(dict.fromkeys(asked))


def _permission(operation: Operation, target: Target) -> str:
    if isinstance(target, GrantNamed):
        return f"`{operation.action}`, by the grant itself"
    if isinstance(target, PrincipalNamed):
        return f"`{operation.action}` on the principal"
    if isinstance(target, ReplicaNamed):
        return f"`{operation.action}` on the replica key, in its Region"
    if isinstance(target, AliasNamed):
        present = " and on its present key" if target.exists else ""
        return f"`{operation.action}` on the alias{present}"
    if isinstance(target, KeyNamed) and not target.permission:
        return f"`{operation.action}` on `*`"
    assert isinstance(target, KeyNamed | KeyOfCiphertext)
    return f"`{target.action or operation.action}` on the key"


def _target(target: Target) -> str:
    if isinstance(target, AliasNamed):
        return f"{aws_name(target.member)}: an alias" + ("" if target.exists else " to be made")
    if isinstance(target, KeyOfCiphertext):
        return f"the key of {aws_name(target.blob_member)}, or {aws_name(target.key_member)} (aliases, foreign)"
    if isinstance(target, GrantNamed):
        return "GrantToken, or GrantId and KeyId (foreign)"
    if isinstance(target, PrincipalNamed):
        return f"{aws_name(target.member)}: an ARN"
    if isinstance(target, ReplicaNamed):
        return f"{aws_name(target.member)}: the Region of a replica"
    assert isinstance(target, KeyNamed)
    marks = [word for word, given in (("aliases", target.aliases), ("foreign", target.foreign)) if given]
    return aws_name(target.member) + (f" ({', '.join(marks)})" if marks else "")


def _small(member: str) -> str:
    name = aws_name(member)
    return name[0].lower() + name[1:]


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)

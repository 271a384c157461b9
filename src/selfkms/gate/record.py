"""What of a request the audit may hold: by allow-list, never by leaving things out.

Source: KMS developer guide, "Understanding AWS KMS log entries"; `docs/reference/audit.md` lists it by operation.
"""

import functools
from typing import Any, Final

import msgspec

from selfkms.domain.cloudtrail.event import Event, element_time, key_resource
from selfkms.gate.resolve import Resolved, ResolvedAlias, ResolvedKey
from selfkms.protocol.http import HTTPRequest
from selfkms.services.context import Context
from selfkms.services.operation import Audit, Operation
from selfkms.services.shapes import aws_name

_DATES: Final = frozenset({"creationDate", "deletionDate"})


def begin(request: HTTPRequest, *, event_id: str, request_id: str, at: float) -> Event:
    """The record of a request of which nothing but its envelope is known."""
    return Event(
        event_id=event_id,
        request_id=request_id,
        at=at,
        source="kms.amazonaws.com",
        name="Unknown",
        source_ip=request.peer,
        user_agent=request.header("user-agent") or "",
        tls=_tls(request),
    )


def note_request(event: Event, operation: Operation, parameters: dict[str, Any]) -> None:
    """The parameters that the operation lets into the audit, as the caller named them."""
    event.parameters = _parameters(operation.audit, parameters)


def note_named(event: Event, resolved: Resolved) -> None:
    """The KMS keys and aliases that the caller named, by these names: what is behind them is not for all to know."""
    event.resources = [
        key_resource(_account_of(arn), arn)
        for arn in (
            r.arn if isinstance(r, ResolvedAlias) else r.named_arn
            for r in resolved.resources
            if isinstance(r, ResolvedAlias) or not r.by_ciphertext
        )
    ]


def note_permitted(event: Event, resolved: Resolved) -> None:
    """All KMS keys and aliases that the request is about, once it is permitted."""
    event.resources = [key_resource(_account_of(resource.arn), resource.arn) for resource in resolved.resources]


def note_result(event: Event, operation: Operation, resolved: Resolved, result: Any, context: Context) -> None:
    """What came of it: response elements, additional facts, and a key that came into being."""
    for key in context.touched:
        event.resources = [*(event.resources or []), key_resource(key.account_id, key.arn)]
    event.additional = {_element(name): value for name, value in context.notes.items()} or None
    if operation.audit.answers:
        event.answers = {_element(name): _answer(name, result, resolved) for name in operation.audit.answers}


def _parameters(audit: Audit, parameters: dict[str, Any]) -> dict[str, Any] | None:
    recorded: dict[str, Any] = {}
    for name in audit.parameters:
        value = parameters.get(aws_name(name), audit.defaults.get(name))
        if value is not None:
            recorded[_element(name)] = _lower(value) if name == "tags" else value
    return recorded or None


def _answer(name: str, result: Any, resolved: Resolved) -> Any:
    if name == "key_id":
        # The API answers nothing, or the ARN; the record always has the ARN, for UpdateAlias that of the new target.
        return [r.arn for r in resolved.resources if isinstance(r, ResolvedKey)][-1]
    return _lower(msgspec.to_builtins(getattr(result, name)), _element(name))


def _lower(value: Any, name: str = "") -> Any:
    """CloudTrail writes member names with a small first letter, and dates as text."""
    if isinstance(value, dict):
        return {_lower_first(key): _lower(inner, _lower_first(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_lower(inner) for inner in value]
    return element_time(value) if name in _DATES else value


@functools.cache
def _element(member: str) -> str:
    """`key_id` → `keyId`: how CloudTrail writes a member of a shape."""
    return _lower_first(aws_name(member))


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]


def _account_of(arn: str) -> str:
    return arn.split(":")[4]


def _tls(request: HTTPRequest) -> dict[str, str] | None:
    if request.tls is None:
        return None
    return {
        "tlsVersion": request.tls.tls_version,
        "cipherSuite": request.tls.cipher_suite,
        "clientProvidedHostHeader": request.header("host") or "",
    }

"""What of a request the audit may hold: by allow-list, never by leaving things out.

Source: KMS developer guide, "Understanding AWS KMS log entries"; `docs/reference/audit.md` lists it by operation.
"""

import functools
from typing import Any, Final

import msgspec

from selfkms.domain.cloudtrail.event import Event, element_time, key_resource, role_resource
from selfkms.domain.iam.identity_providers import WebIdentity
from selfkms.domain.secrets import Secret
from selfkms.gate.resolved import (
    Resolved,
    ResolvedAlias,
    ResolvedEntity,
    ResolvedGrant,
    ResolvedKey,
    ResolvedRole,
    ResolvedStorage,
    ResolvedTrail,
)
from selfkms.protocol.http import HTTPRequest
from selfkms.services.context import Context
from selfkms.services.operation import Audit, Operation
from selfkms.services.shapes import aws_name

_STRUCTURES: Final = frozenset(
    {"tags", "lookup_attributes", "context_entries", "event_selectors", "advanced_event_selectors", "tags_list"}
)
_TIMES: Final = frozenset({"valid_to", "start_time", "end_time"})
_OWNED: Final = (ResolvedKey, ResolvedGrant, ResolvedRole)
_EC2: Final = "ec2"
_EC2_SOURCE: Final = "ec2.amazonaws.com"
_RETURN: Final = "_return"
"""What EC2 answers where there is nothing to say."""
_DATES: Final = frozenset({"creationDate", "deletionDate", "createDate", "updateDate"})


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
    recorded = _parameters(operation.audit, parameters)
    shown = operation.audit.shown
    event.parameters = recorded if shown is None else shown(recorded or {})


def as_sent(request: msgspec.Struct) -> dict[str, Any]:
    """The parameters of a call that never was on a wire, by AWS's names; of bytes and secrets nothing."""
    sent = {}
    for field in msgspec.structs.fields(request):
        value = getattr(request, field.name)
        if not isinstance(value, Secret | bytes) and value not in (None, (), {}, field.default):
            sent[field.encode_name] = msgspec.to_builtins(value)
    return sent


def note_web_identity(event: Event, identity: WebIdentity) -> None:
    """What a token itself asks for: it stands among the parameters, as in CloudTrail."""
    asked: dict[str, Any] = dict(event.parameters or {})
    if identity.source_identity is not None:
        asked["sourceIdentity"] = identity.source_identity
    if identity.tags:
        asked["principalTags"] = {tag.tag_key: tag.tag_value for tag in identity.tags}
    if identity.transitive_tag_keys:
        asked["transitiveTagKeys"] = list(identity.transitive_tag_keys)
    event.parameters = asked or None


def note_named(event: Event, resolved: Resolved) -> None:
    """The KMS keys, aliases and roles that the caller named, by these names: what is behind them is not for all."""
    event.resources = _resources(event, resolved, permitted=False)


def note_permitted(event: Event, resolved: Resolved) -> None:
    """All KMS keys, aliases and roles that the request is about, once it is permitted."""
    event.resources = _resources(event, resolved, permitted=True)
    assert event.caller is not None
    owners = {r.owner for r in resolved.resources if isinstance(r, _OWNED)}
    event.owners = tuple(sorted(owners - {event.caller.account_id}))


def _resources(event: Event, resolved: Resolved, *, permitted: bool) -> list[dict[str, str]] | None:
    """CloudTrail's `resources`. Records of IAM, CloudTrail and EC2 have none."""
    if event.source == _EC2_SOURCE:
        return None
    found = []
    for resource in resolved.resources:
        match resource:
            case ResolvedKey():
                if permitted or not resource.by_ciphertext:
                    arn = resource.arn if permitted else resource.named_arn
                    found.append(key_resource(_account_of(arn), arn))
            case ResolvedAlias() | ResolvedGrant():
                found.append(key_resource(_account_of(resource.arn), resource.arn))
            case ResolvedRole():
                found.append(role_resource(resource.owner, resource.arn))
            case ResolvedStorage() if resource.data:
                found.append({"accountId": resource.owner, "type": "AWS::EC2::Snapshot", "ARN": resource.arn})
            case ResolvedEntity() | ResolvedTrail() | ResolvedStorage():
                return None
    return found


def note_result(event: Event, operation: Operation, resolved: Resolved, result: Any, context: Context) -> None:
    """What came of it: response elements, additional facts, and a key that came into being."""
    for key in context.touched:
        event.resources = [*(event.resources or []), key_resource(key.account_id, key.arn)]
    event.additional = {_element(name): value for name, value in context.notes.items()} or None
    if operation.audit.answers:
        answers = {_element(name): _answer(name, result, resolved) for name in operation.audit.answers}
        given = {name: answer for name, answer in answers.items() if answer is not None}
        shown = operation.audit.answers_shown
        event.answers = given if shown is None else shown(given)
    if operation.service == _EC2 and not operation.audit.read_only:
        said = {_RETURN: True} if result is None else event.answers or {}
        event.answers = {"requestId": event.request_id, **said}


def _parameters(audit: Audit, parameters: dict[str, Any]) -> dict[str, Any] | None:
    recorded: dict[str, Any] = {}
    for name in audit.parameters:
        value = parameters.get(aws_name(name), audit.defaults.get(name))
        if value is not None:
            recorded[_element(name)] = _parameter(name, value)
    return recorded or None


def _parameter(name: str, value: Any) -> Any:
    """Member names get a small first letter as everything in CloudTrail; names of an encryption context do not."""
    if name in _STRUCTURES:
        return _lower(value)
    if name in _TIMES:
        return element_time(value)
    if name == "constraints":
        return {_lower_first(kind): pairs for kind, pairs in value.items()}
    return value


def _answer(name: str, result: Any, resolved: Resolved) -> Any:
    if name == "key_id":
        # The API answers nothing, or the ARN; the record always has the ARN, for UpdateAlias that of the new target.
        keys = [r for r in resolved.resources if isinstance(r, ResolvedKey | ResolvedGrant)]
        acted_on = [r for r in keys if isinstance(r, ResolvedGrant) or r.admitted]
        return (acted_on or keys)[-1].arn
    return _lower(msgspec.to_builtins(getattr(result, name)), _element(name))


def _lower(value: Any, name: str = "") -> Any:
    """CloudTrail writes member names with a small first letter, and dates as text."""
    if isinstance(value, dict):
        return {_lower_first(key): _lower(inner, _lower_first(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_lower(inner) for inner in value]
    return element_time(value) if name in _DATES and value is not None else value


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

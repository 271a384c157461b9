"""From an audit record back to what was asked: the permissions of the request, as far as the record tells them.

What a record leaves out is said: CloudTrail has no parameters of a refused request, no session policies, and no KMS key
that only the ciphertext named.

Source: CloudTrail User Guide, "CloudTrail record contents", "CloudTrail userIdentity element".
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from selfkms.domain.iam.callers import Caller, CallerKind
from selfkms.domain.kms.aliases import ALIAS_PREFIX
from selfkms.domain.kms.grants import GrantConstraints
from selfkms.domain.policy.evaluate import NewGrant
from selfkms.domain.policy.facts import Fact
from selfkms.gate.explain import Explainer, Hypothesis, UnknownSubjectError
from selfkms.gate.permissions import permission_named
from selfkms.services.kms.table import OPERATIONS
from selfkms.services.operation import (
    AliasNamed,
    GrantNamed,
    KeyNamed,
    KeyOfCiphertext,
    Operation,
    PrincipalNamed,
    ReplicaNamed,
)
from selfkms.services.shapes import aws_name

_CONDITION_KEYS: Final = {
    "encryptionAlgorithm": "kms:EncryptionAlgorithm",
    "keyAgreementAlgorithm": "kms:KeyAgreementAlgorithm",
    "keyPairSpec": "kms:DataKeyPairSpec",
    "macAlgorithm": "kms:MacAlgorithm",
    "messageType": "kms:MessageType",
    "signingAlgorithm": "kms:SigningAlgorithm",
}
"""Parameters that the audit has and conditions ask for."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A request out of the audit."""

    request_id: str
    event_name: str
    time: str
    """Of the request, as the record has it."""
    answer: str
    """The code of the error and its text; empty: it succeeded."""
    asked: tuple[Hypothesis, ...]
    """Each permission that it needed, to be asked anew."""
    notes: tuple[str, ...]


class _Slot(NamedTuple):
    """A resource that an operation asks a permission for, in the order of a record's `resources`."""

    action: str
    member: str | None
    """The parameter that names the KMS key; None: the permission is asked for on an alias."""
    context_member: str | None = None
    by_ciphertext: bool = False


def recorded(
    record: Mapping[str, Any],
    explainer: Explainer,
    *,
    encryption_context: Mapping[str, str],
    facts: Mapping[str, Fact],
    key_arn: str | None = None,
) -> Recorded:
    """The request of an audit record, to be asked anew with the documents of now.

    Args:
        record: CloudTrail's JSON object.
        explainer: knows who and what there is.
        encryption_context: what the record may leave out; replaces what it has, unless it is empty.
        facts: further condition keys; they win over what the record has.
        key_arn: the KMS key that made the ciphertext, if the record does not tell it.

    Raises:
        UnknownSubjectError: the record tells too little. The message says what is missing.
    """
    code, text = record.get("errorCode"), record.get("errorMessage", "")
    answer = f"{code}: {text}".removesuffix(": ") if code else ""
    operation = OPERATIONS.get(record["eventName"])
    if record["eventSource"] != "kms.amazonaws.com" or operation is None:
        raise UnknownSubjectError(
            f"{record['eventSource']} {record['eventName']}: only permissions of AWS KMS are explained"
            f" (the answer was {answer or 'a success'})"
        )
    caller, notes = _caller(record, explainer)
    asked = []
    for slot, arn in _matched(operation, record, key_arn, notes):
        basis = Hypothesis(
            caller=caller,
            action=slot.action,
            now=datetime.fromisoformat(record["eventTime"]).timestamp(),
            region=record["awsRegion"],
            new_grant=_new_grant(record),
            facts={**_facts(record), **facts},
            encryption_context=_context(slot, record, encryption_context, notes),
        )
        if slot.member is None:
            asked.append(msgspec.structs.replace(basis, arn=arn))
            continue
        if arn is not None:
            try:
                key, alias_name = explainer.key(arn)
            except UnknownSubjectError as error:
                notes.append(str(error))
                continue
            named = alias_name or _alias_in(_parameters(record).get(_element(slot.member)))
            basis = msgspec.structs.replace(basis, key=key, request_alias=named)
        asked.append(basis)
    if not asked:
        raise UnknownSubjectError("; ".join([*notes, f"the answer was {answer or 'a success'}"]))
    return Recorded(
        request_id=record["requestID"],
        event_name=record["eventName"],
        time=record["eventTime"],
        answer=answer,
        asked=tuple(asked),
        notes=tuple(dict.fromkeys(notes)),
    )


def _caller(record: Mapping[str, Any], explainer: Explainer) -> tuple[Caller, list[str]]:
    identity = record["userIdentity"]
    if identity["type"] == CallerKind.FEDERATED:
        raise UnknownSubjectError(f"what {identity['arn']} may do hangs on its session, which is recorded nowhere")
    if "arn" not in identity:
        raise UnknownSubjectError(f"whose request it was is not known: {record.get('errorCode', '')}")
    now = datetime.fromisoformat(record["eventTime"]).timestamp()
    caller = explainer.caller(identity["arn"], now=now)
    notes = []
    if caller.principal_id != identity["principalId"]:
        notes.append(f"{caller.arn} is another principal now than {identity['principalId']}, who sent the request")
    if caller.kind is CallerKind.ROLE:
        notes.append("session policies and session tags are not recorded: it is explained as if there were none")
    return caller, notes


def _matched(
    operation: Operation, record: Mapping[str, Any], key_arn: str | None, notes: list[str]
) -> Iterator[tuple[_Slot, str | None]]:
    """Each permission with the ARN it was asked for on; None: on no resource."""
    if any(isinstance(target, GrantNamed) for target in operation.targets):
        raise UnknownSubjectError("RetireGrant is decided by the grant itself, not by permissions on the KMS key")
    for target in operation.targets:
        if isinstance(target, PrincipalNamed):
            yield from _on_principal(operation, target, record, notes)
            return
    slots = list(_slots(operation))
    if not slots:
        yield _Slot(operation.action, ""), None
        if operation.further_actions is not None and _parameters(record).get("tags"):
            yield _Slot("kms:TagResource", ""), None
        return
    arns = [resource["ARN"] for resource in record.get("resources") or ()]
    if len(arns) < len(slots) and slots[0].by_ciphertext:
        if key_arn is not None:
            arns.insert(0, key_arn)
        else:
            notes.append(
                "the KMS key was named by the ciphertext alone, and the record of a refused request does not tell it: "
                "name it with --key; `who-can --blob` finds it"
            )
            slots = slots[1:]
    if operation.further_region is not None or any(isinstance(target, ReplicaNamed) for target in operation.targets):
        notes.append("what the request needs in the other Region is not explained")
    if len(arns) < len(slots):
        notes.append("the record does not name every resource of the request")
    yield from zip(slots, arns, strict=False)


def _on_principal(
    operation: Operation, target: PrincipalNamed, record: Mapping[str, Any], notes: list[str]
) -> Iterator[tuple[_Slot, str | None]]:
    """The permission on the principal that the parameters name; on no resource, if they name another one or none."""
    if _parameters(record):
        yield _Slot(operation.action, None), _parameters(record).get(_element(target.member))
    else:
        notes.append("the parameters of this request are not recorded, and only they name the principal it is about")


def _slots(operation: Operation) -> Iterator[_Slot]:
    for target in operation.targets:
        match target:
            case KeyNamed() if target.permission:
                yield _Slot(target.action or operation.action, target.member, target.encryption_context)
            case KeyOfCiphertext():
                action = target.action or operation.action
                yield _Slot(action, target.key_member, target.encryption_context, by_ciphertext=True)
            case AliasNamed():
                yield _Slot(operation.action, None)
                if target.exists:
                    yield _Slot(operation.action, "")
            case _:
                continue


def _context(slot: _Slot, record: Mapping[str, Any], given: Mapping[str, str], notes: list[str]) -> Mapping[str, str]:
    permission = permission_named(slot.action)
    if slot.context_member is None or not permission.with_context:
        return {}
    if given:
        return given
    if not _parameters(record):
        notes.append(
            "the encryption context of this request is not recorded: it is taken as empty; give it with --context"
        )
    found: Mapping[str, str] = _parameters(record).get(_element(slot.context_member)) or {}
    return found


def _new_grant(record: Mapping[str, Any]) -> NewGrant | None:
    """What CreateGrant was to give away."""
    parameters = _parameters(record)
    if record["eventName"] != "CreateGrant" or "operations" not in parameters:
        return None
    constraints = parameters.get("constraints")
    if constraints is not None:
        constraints = GrantConstraints(
            encryption_context_equals=constraints.get("encryptionContextEquals"),
            encryption_context_subset=constraints.get("encryptionContextSubset"),
            source_arn=constraints.get("sourceArn"),
        )
    return NewGrant(tuple(parameters["operations"]), constraints)


def _facts(record: Mapping[str, Any]) -> dict[str, Fact]:
    """What the record says for conditions."""
    facts: dict[str, Fact] = {
        "aws:SourceIp": record["sourceIPAddress"],
        "aws:SecureTransport": "true" if "tlsDetails" in record else "false",
    }
    if record.get("userAgent"):
        facts["aws:UserAgent"] = record["userAgent"]
    session = record["userIdentity"].get("sessionContext")
    if session is not None:
        facts["aws:TokenIssueTime"] = session["attributes"]["creationDate"]
        facts["aws:MultiFactorAuthPresent"] = session["attributes"]["mfaAuthenticated"]
        if "sourceIdentity" in session:
            facts["aws:SourceIdentity"] = session["sourceIdentity"]
    if "invokedBy" in record["userIdentity"]:
        facts["kms:ViaService"] = record["userIdentity"]["invokedBy"]
        facts["aws:ViaAWSService"] = "true"
    parameters = _parameters(record)
    return facts | {key: parameters[name] for name, key in _CONDITION_KEYS.items() if name in parameters}


def _parameters(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the record has of them: nothing of a refused request, nor of what was too large."""
    parameters: Mapping[str, Any] = record["requestParameters"] or {}
    return {} if "omitted" in parameters else parameters


def _alias_in(named: str | None) -> str | None:
    """The alias name in what the caller named the KMS key by: an alias name or an alias ARN."""
    name = "" if named is None else named.split(":", 5)[-1]
    return name if name.startswith(ALIAS_PREFIX) else None


def _element(member: str) -> str:
    """`key_id` → `keyId`: how CloudTrail writes a member of a request."""
    name = aws_name(member)
    return name[:1].lower() + name[1:]

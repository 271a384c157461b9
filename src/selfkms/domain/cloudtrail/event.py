"""The audit record of a request, as CloudTrail would show it.

Source: CloudTrail User Guide, "CloudTrail record contents", "CloudTrail userIdentity element"; KMS developer guide,
"Understanding AWS KMS log entries".
"""

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.ebs.errors import DRY_RUN_TEXT, NOT_AUTHORIZED_TEXT
from selfkms.domain.errors import AWSError
from selfkms.domain.iam.callers import Caller, CallerKind, Session

EVENT_VERSION: Final = "1.11"
ERROR_MESSAGE_BYTES_MAX: Final = 1_024
"""CloudTrail User Guide, "errorMessage": at most 1 KB."""
USER_AGENT_BYTES_MAX: Final = 1_024
RECORD_BYTES_MAX: Final = 262_144
"""CloudTrail User Guide, "Quotas in AWS CloudTrail": an event has at most 256 KB."""
ELEMENT_BYTES_MAX: Final = 102_400
"""CloudTrail User Guide, "requestParameters", "responseElements": at most 100 KB each, so 256 KB a record suffice."""
UNKNOWN_REGION: Final = "unknown"

# Who signed is not known: what CloudTrail writes of a caller whose identity it could not establish.
ANONYMOUS: Final = {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}

_DENIED: Final = frozenset({"AccessDeniedException", "AccessDenied"})

_EC2: Final = "ec2.amazonaws.com"
# Amazon EC2 calls by other names what is refused before a request reaches it.
_ON_EC2: Final = {
    **dict.fromkeys(_DENIED, "UnauthorizedOperation"),
    **dict.fromkeys(("InvalidSignatureException", "UnrecognizedClientException"), "AuthFailure"),
    "IncompleteSignatureException": "IncompleteSignature",
    "ExpiredTokenException": "RequestExpired",
    "MissingAuthenticationTokenException": "MissingParameter",
    "UnknownOperationException": "InvalidAction",
    "UnsupportedOperationException": "InvalidAction",
    "DryRunOperationException": "DryRunOperation",
    "KMSInternalException": "InternalError",
    "InternalFailure": "InternalError",
    "DependencyTimeoutException": "Unavailable",
}
_SERVER: Final = frozenset({"InternalError", "Unavailable"})

_encode = msgspec.json.Encoder().encode


class Event(msgspec.Struct, kw_only=True):
    """What is known of a request so far. Everything here may be read by whoever reads the audit: no secrets."""

    event_id: str
    request_id: str
    at: float
    """Seconds since the epoch."""
    source: str
    """`kms.amazonaws.com`"""
    name: str
    source_ip: str
    user_agent: str
    tls: dict[str, str] | None = None
    region: str = UNKNOWN_REGION
    caller: Caller | None = None
    read_only: bool = True
    data: bool = False
    """Whether it is a data event: what was done within a resource. No event history has it, a trail only if asked."""
    parameters: dict[str, Any] | None = None
    answers: dict[str, Any] | None = None
    additional: dict[str, Any] | None = None
    resources: list[dict[str, str]] | None = None
    error: AWSError | None = None
    owners: tuple[str, ...] = ()
    """Other accounts whose KMS keys the request is about, once it is permitted."""
    companions: list["Event"] = []
    """Calls that were made to other services for this request, whatever came of it."""
    shared_event_id: str | None = None
    """In all records of a call that stands in the trails of several accounts."""
    written: tuple[AuditRecord, ...] = ()
    """What `records` gave."""

    def records(self, new_id: Callable[[], str]) -> tuple[AuditRecord, ...]:
        """The record and its copies. Asked for again they are the same: which of them was kept may not be known."""
        if not self.written:
            copies = self.copies(new_id)
            self.written = (self.finish(), *copies)
        return self.written

    def undo(self, error: AWSError, new_id: Callable[[], str]) -> None:
        """What it would have changed was not written. The record is another than one that may stand with the change."""
        self.error, self.event_id, self.shared_event_id, self.written = error, new_id(), None, ()

    def finish(self) -> AuditRecord:
        """The record. The order of its fields is CloudTrail's."""
        failed = self.error is not None
        denied = self.error is not None and self.error.code in _DENIED
        record: dict[str, Any] = {
            "eventVersion": EVENT_VERSION,
            "userIdentity": user_identity(self.caller),
            "eventTime": event_time(self.at),
            "eventSource": self.source,
            "eventName": self.name,
            "awsRegion": self.region,
            "sourceIPAddress": self.source_ip,
            "userAgent": _cut(self.user_agent, USER_AGENT_BYTES_MAX),
        }
        if self.error is not None:
            record["errorCode"] = _error_code(self.error, self.source)
            message = _error_text(self.error, self.source)
            if message:
                record["errorMessage"] = _cut(message, ERROR_MESSAGE_BYTES_MAX)
        record["requestParameters"] = None if denied and self.source != _EC2 else self.parameters
        record["responseElements"] = None if failed else self.answers
        if self.additional and not failed:
            record["additionalEventData"] = self.additional
        record["requestID"] = self.request_id
        record["eventID"] = self.event_id
        record["readOnly"] = self.read_only
        if self.resources is not None:
            record["resources"] = self.resources
        record["eventType"] = "AwsApiCall"
        record["managementEvent"] = not self.data
        if self.caller is not None:
            record["recipientAccountId"] = self.caller.account_id
        if self.shared_event_id is not None:
            record["sharedEventID"] = self.shared_event_id
        record["eventCategory"] = "Data" if self.data else "Management"
        if self.tls is not None:
            record["tlsDetails"] = self.tls
        return AuditRecord(self.event_id, _bounded(record))

    def copies(self, new_id: Callable[[], str]) -> tuple[AuditRecord, ...]:
        """The records of a call that succeeded for the owners of the keys it used, each under an event ID of its own.

        They say of the caller only which account it is of. Refused calls are the caller's alone. To be asked for before
        `finish`, whose record shares an ID with them.

        Source: CloudTrail User Guide, "sharedEventID"; KMS developer guide, "Cross-account" log entries.
        """
        if self.error is not None or not self.owners or self.caller is None:
            return ()
        self.shared_event_id = self.shared_event_id or new_id()
        identity = {
            "type": "AWSAccount",
            "principalId": self.caller.principal_id,
            "accountId": self.caller.account_id,
        }
        if self.caller.service is not None:
            identity["invokedBy"] = self.caller.invoked_by or self.caller.service
        found = []
        for owner in self.owners:
            event_id = new_id()
            record = {
                **msgspec.json.decode(self.finish().body),
                "userIdentity": identity,
                "eventID": event_id,
                "recipientAccountId": owner,
            }
            theirs = [resource for resource in self.resources or [] if resource["accountId"] == owner]
            if theirs != self.resources:
                # Of ReEncrypt: what belongs to the key of somebody else is not for this owner.
                record |= {"requestParameters": None, "resources": theirs}
                record.pop("additionalEventData", None)
            found.append(AuditRecord(event_id, _encode(record)))
        return tuple(found)


def service_event(
    *,
    event_id: str,
    at: float,
    name: str,
    account_id: str,
    region: str,
    key_arn: str,
    details: dict[str, Any] | None,
) -> AuditRecord:
    """Something that AWS KMS did by itself (DeleteKey, RotateKey …): nobody asked, so there is no request ID."""
    record: dict[str, Any] = {
        "eventVersion": EVENT_VERSION,
        "userIdentity": {"accountId": account_id, "invokedBy": "AWS Internal"},
        "eventTime": event_time(at),
        "eventSource": "kms.amazonaws.com",
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": "AWS Internal",
        "userAgent": "AWS Internal",
        "requestParameters": None,
        "responseElements": None,
        "eventID": event_id,
        "readOnly": False,
        "resources": [key_resource(account_id, key_arn)],
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": account_id,
    }
    if details is not None:
        record["serviceEventDetails"] = details
    record["eventCategory"] = "Management"
    return AuditRecord(event_id, _encode(record))


def _error_code(error: AWSError, source: str) -> str:
    """Access alone is recorded without the `Exception` of the API's code; EC2 says besides whose fault it is."""
    if source == _EC2:
        code = _ON_EC2.get(error.code, error.code)
        return f"Server.{code}" if code in _SERVER or error.http_status >= 500 else f"Client.{code}"
    return "AccessDenied" if error.code in _DENIED else error.code


def _error_text(error: AWSError, source: str) -> str | None:
    """The error's own text, before which EC2 has its own for refused access."""
    if source == _EC2 and error.code in _DENIED:
        return f"{NOT_AUTHORIZED_TEXT} {error.message or ''}".rstrip()
    if source == _EC2 and _ON_EC2.get(error.code) == "DryRunOperation":
        return DRY_RUN_TEXT
    return error.message


def _cut(text: str, bytes_max: int) -> str:
    """As much of a text as fits."""
    if len(text) * 4 <= bytes_max:
        return text
    return text.encode("utf-8", "replace")[:bytes_max].decode("utf-8", "ignore")


def _bounded(record: dict[str, Any]) -> bytes:
    """The record as JSON; what a client made too large is left out, and said to be, as CloudTrail does it."""
    encoded = _encode(record)
    if len(encoded) <= ELEMENT_BYTES_MAX:
        return encoded
    for name in ("requestParameters", "responseElements"):
        size = len(_encode(record[name]))
        if size > ELEMENT_BYTES_MAX:
            record[name] = {"omitted": True, "originalSize": size, "reason": "input is too large"}
    encoded = _encode(record)
    assert len(encoded) <= RECORD_BYTES_MAX, "two elements of 100 KB and what else there is stay below 256 KB"
    return encoded


def key_resource(account_id: str, arn: str) -> dict[str, str]:
    """A KMS key or an alias among the resources of a record; both carry the same type."""
    return {"accountId": account_id, "type": "AWS::KMS::Key", "ARN": arn}


def role_resource(account_id: str, arn: str) -> dict[str, str]:
    """A role among the resources of a record: of AssumeRole."""
    return {"accountId": account_id, "type": "AWS::IAM::Role", "ARN": arn}


def user_identity(caller: Caller | None) -> dict[str, Any]:
    """CloudTrail's userIdentity element."""
    if caller is None:
        return ANONYMOUS
    if caller.web_identity is not None:
        return {
            "type": caller.kind.value,
            "principalId": caller.principal_id,
            "userName": caller.web_identity.subject,
            "identityProvider": caller.web_identity.provider_arn,
        }
    if caller.kind is CallerKind.SERVICE:
        return {"type": caller.kind.value, "invokedBy": caller.invoked_by or caller.service}
    identity: dict[str, Any] = {
        "type": caller.kind.value,
        "principalId": caller.principal_id,
        "arn": caller.arn,
        "accountId": caller.account_id,
        "accessKeyId": caller.access_key_id,
    }
    if caller.user_name is not None:
        identity["userName"] = caller.user_name
    if caller.session is not None:
        identity["sessionContext"] = _session_context(caller, caller.session)
    if caller.service is not None:
        identity["invokedBy"] = caller.invoked_by or caller.service
    return identity


def _session_context(caller: Caller, session: Session) -> dict[str, Any]:
    """Who the temporary credentials were issued by, and when."""
    context: dict[str, Any] = {}
    if caller.role is not None:
        context["sessionIssuer"] = {
            "type": "Role",
            "principalId": caller.role.role_id,
            "arn": caller.role.arn,
            "accountId": caller.account_id,
            "userName": caller.role.role_name,
        }
    elif caller.kind is CallerKind.FEDERATED and caller.iam_user is not None:
        context["sessionIssuer"] = {
            "type": "IAMUser",
            "principalId": caller.iam_user.user_id,
            "arn": caller.iam_user.arn,
            "accountId": caller.account_id,
            "userName": caller.iam_user.user_name,
        }
    if session.web_identity_provider is not None:
        context["webIdFederationData"] = {"federatedProvider": session.web_identity_provider, "attributes": {}}
    context["attributes"] = {"creationDate": event_time(session.issued_at), "mfaAuthenticated": "false"}
    if session.source_identity is not None:
        context["sourceIdentity"] = session.source_identity
    return context


def event_time(at: float) -> str:
    """Whole seconds in UTC: `2026-11-24T10:00:00Z`."""
    return _second(int(at))


@functools.lru_cache(maxsize=4)
def _second(at: int) -> str:
    # Thousands of records bear the same second, and formatting it costs as much as a MAC.
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def element_time(at: float) -> str:
    """How dates look inside responseElements: `Aug 10, 2022, 10:38:27 PM`."""
    moment = datetime.fromtimestamp(int(at), UTC)
    return f"{moment:%b} {moment.day}, {moment.year}, {moment:%I:%M:%S %p}".replace(", 0", ", ", 1)

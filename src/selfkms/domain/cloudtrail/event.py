"""The audit record of a request, as CloudTrail would show it.

Source: CloudTrail User Guide, "CloudTrail record contents", "CloudTrail userIdentity element"; KMS developer guide,
"Understanding AWS KMS log entries".
"""

import functools
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.errors import AWSError
from selfkms.domain.iam.principals import Caller, CallerKind

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
    parameters: dict[str, Any] | None = None
    answers: dict[str, Any] | None = None
    additional: dict[str, Any] | None = None
    resources: list[dict[str, str]] | None = None
    error: AWSError | None = None

    def finish(self) -> AuditRecord:
        """The record. The order of its fields is CloudTrail's."""
        failed = self.error is not None
        denied = failed and self.error is not None and self.error.code == "AccessDeniedException"
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
            # Access alone is recorded without the `Exception` of the API's code.
            record["errorCode"] = "AccessDenied" if denied else self.error.code
            if self.error.message:
                record["errorMessage"] = _cut(self.error.message, ERROR_MESSAGE_BYTES_MAX)
        record["requestParameters"] = None if denied else self.parameters
        record["responseElements"] = None if failed or self.read_only else self.answers
        if self.additional and not failed:
            record["additionalEventData"] = self.additional
        record["requestID"] = self.request_id
        record["eventID"] = self.event_id
        record["readOnly"] = self.read_only
        if self.resources is not None:
            record["resources"] = self.resources
        record["eventType"] = "AwsApiCall"
        record["managementEvent"] = True
        if self.caller is not None:
            record["recipientAccountId"] = self.caller.account_id
        record["eventCategory"] = "Management"
        if self.tls is not None:
            record["tlsDetails"] = self.tls
        return AuditRecord(self.event_id, _bounded(record))


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


def user_identity(caller: Caller | None) -> dict[str, Any]:
    """CloudTrail's userIdentity element."""
    if caller is None:
        return ANONYMOUS
    identity: dict[str, Any] = {
        "type": caller.kind.value,
        "principalId": caller.principal_id,
        "arn": caller.arn,
        "accountId": caller.account_id,
        "accessKeyId": caller.access_key_id,
    }
    if caller.kind is CallerKind.USER:
        identity["userName"] = caller.user_name
    return identity


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

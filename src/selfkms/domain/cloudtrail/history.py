"""The event history: what of an audit record is looked up, and what it says of the use of KMS keys.

Source: CloudTrail API Reference, "LookupEvents", "Event"; KMS developer guide, "Determine past usage of a KMS key".
"""

import functools
from collections.abc import Hashable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from selfkms.domain.arns import ARN

HISTORY_DAYS: Final = 90
"""CloudTrail User Guide, "Working with CloudTrail event history": events of the last 90 days."""

TRACKED: Final = frozenset(
    {
        "Decrypt",
        "DeriveSharedSecret",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "ReEncrypt",
        "Sign",
        "Verify",
        "VerifyMac",
        "Encapsulate",
        "Decapsulate",
    }
)
"""The cryptographic operations that GetKeyLastUsage tells of: AWS KMS API Reference, "KeyLastUsageData"."""

_KMS: Final = "kms.amazonaws.com"
_INTERNAL: Final = "AWS Internal"
_SESSIONS: Final = frozenset({"AssumedRole", "FederatedUser"})


class Attribute(StrEnum):
    """What events are looked up by, in AWS's words."""

    EVENT_ID = "EventId"
    EVENT_NAME = "EventName"
    READ_ONLY = "ReadOnly"
    USERNAME = "Username"
    RESOURCE_TYPE = "ResourceType"
    RESOURCE_NAME = "ResourceName"
    EVENT_SOURCE = "EventSource"
    ACCESS_KEY_ID = "AccessKeyId"


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are wanted. An account or a Region that is None means all of them."""

    account_id: str | None
    region: str | None
    attribute: Attribute | None = None
    value: str = ""
    """Of the attribute, to be met exactly."""
    since: float | None = None
    """Seconds since the epoch; an event of that second is among them, also at the other end."""
    until: float | None = None


class Mark(NamedTuple):
    """Where an event stands among the others: by its time, and of one second by its number in the journal."""

    at: int
    """Seconds since the epoch."""
    sequence: int


class Found(NamedTuple):
    """An event that was looked up."""

    mark: Mark
    body: bytes
    """The audit record, one JSON object."""


class LastUse(NamedTuple):
    """The last successful cryptographic operation with a KMS key."""

    operation: str
    at: int
    """Seconds since the epoch."""
    event_id: str
    request_id: str


class Resource(msgspec.Struct, frozen=True):
    """Something that an event is about."""

    arn: str = msgspec.field(name="ARN")
    type: str

    @property
    def is_key(self) -> bool:
        """Whether it is a KMS key: aliases bear the same type."""
        arn = ARN.parse(self.arn)
        return arn is not None and arn.service == "kms" and arn.resource.startswith("key/")


class _Identity(msgspec.Struct, frozen=True, rename="camel"):
    type: str = ""
    arn: str = ""
    principal_id: str = ""
    user_name: str | None = None
    access_key_id: str | None = None


class _Details(msgspec.Struct, frozen=True, rename="camel"):
    key_manager: str | None = None


class RecordedEvent(msgspec.Struct, frozen=True, rename="camel"):
    """As much of an audit record as the history makes use of."""

    event_id: str = msgspec.field(name="eventID")
    event_time: str
    event_source: str
    event_name: str
    aws_region: str
    read_only: bool
    user_identity: _Identity
    source_ip_address: str = msgspec.field(name="sourceIPAddress", default="")
    request_id: str | None = msgspec.field(name="requestID", default=None)
    """None: a service did it by itself."""
    recipient_account_id: str = ""
    """Empty: nobody knows whose event it is."""
    management_event: bool = True
    error_code: str | None = None
    resources: tuple[Resource, ...] = ()
    shared_event_id: str | None = msgspec.field(name="sharedEventID", default=None)
    service_event_details: _Details = _Details()

    @property
    def at(self) -> int:
        """Seconds since the epoch."""
        return _seconds(self.event_time)

    @property
    def principal_arn(self) -> str:
        """The ARN of whoever asked; empty if nobody did."""
        return self.user_identity.arn

    @property
    def user_name(self) -> str | None:
        """The user name, the session name, or `root`; None for services and for callers of other accounts."""
        identity = self.user_identity
        if identity.type == "Root":
            return "root"
        if identity.type in _SESSIONS:
            return identity.principal_id.partition(":")[2] or None
        return identity.user_name

    @property
    def access_key_id(self) -> str | None:
        """Of the signature."""
        return self.user_identity.access_key_id

    @property
    def kind(self) -> Hashable:
        """What all of the following derives from: of events of one kind, whoever has many works it out once."""
        return (
            self.recipient_account_id,
            self.aws_region,
            self.event_name,
            self.event_source,
            self.read_only,
            self.user_identity,
            self.resources,
            self.error_code is None,
            self.request_id is None,
            self.source_ip_address == _INTERNAL,
            self.shared_event_id is None,
            self.service_event_details,
        )

    def attributes(self) -> Iterator[tuple[Attribute, str]]:
        """What it can be looked up by, beside its ID; none of them twice."""
        yield Attribute.EVENT_NAME, self.event_name
        yield Attribute.READ_ONLY, str(self.read_only).lower()
        yield Attribute.EVENT_SOURCE, self.event_source
        if self.user_name is not None:
            yield Attribute.USERNAME, self.user_name
        if self.access_key_id is not None:
            yield Attribute.ACCESS_KEY_ID, self.access_key_id
        for kind in {resource.type for resource in self.resources}:
            yield Attribute.RESOURCE_TYPE, kind
        for arn in {resource.arn for resource in self.resources}:
            yield Attribute.RESOURCE_NAME, arn

    @property
    def counted_keys(self) -> tuple[str, ...]:
        """The ARNs of the KMS keys that a successful request to AWS KMS worked on; an empty one if it was none.

        A request counts once: of a call across accounts that is recorded for both, the owner's record counts (KMS
        developer guide, "Determine past usage of a KMS key": the event ID comes from the key owner's account).
        """
        if self.event_source != _KMS or self.error_code is not None or self.request_id is None:
            return ()
        if self.source_ip_address == _INTERNAL:
            # What a request did to a related key in another Region.
            return ()
        here = (resource.arn for resource in self.resources if resource.is_key)
        keys = tuple(dict.fromkeys(arn for arn in here if arn.split(":")[3] == self.aws_region))
        if self.shared_event_id is not None:
            return tuple(key for key in keys if key.split(":")[4] == self.recipient_account_id)
        return keys or ("",)

    @property
    def used_keys(self) -> tuple[str, ...]:
        """The ARNs of the KMS keys with which it was a successful cryptographic operation."""
        if self.event_name not in TRACKED:
            return ()
        return tuple(key for key in self.counted_keys if key)

    def happened_to_key(self) -> tuple[str, str] | None:
        """What it was that gave a customer managed key its monthly fee, or took it away, and the ARN of the key."""
        if self.event_source != _KMS or self.error_code is not None or self.event_name not in KEY_LIFE:
            return None
        if self.service_event_details.key_manager == "AWS":
            return None
        return next(((self.event_name, resource.arn) for resource in self.resources if resource.is_key), None)

    def meets(self, lookup: Lookup) -> bool:
        """Whether a lookup wants it. Data events are not part of the history."""
        return (
            self.management_event
            and lookup.account_id in (None, self.recipient_account_id)
            and lookup.region in (None, self.aws_region)
            and (lookup.since is None or self.at >= lookup.since)
            and (lookup.until is None or self.at <= lookup.until)
            and (lookup.attribute is None or self._has(lookup.attribute, lookup.value))
        )

    def _has(self, attribute: Attribute, value: str) -> bool:
        if attribute is Attribute.EVENT_ID:
            return self.event_id == value
        return (attribute, value) in self.attributes()


KEY_LIFE: Final = frozenset({"CreateKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "DeleteKey"})
"""From the first on a KMS key has a monthly fee, from the second on not, from the third on again."""

_DECODER: Final = msgspec.json.Decoder(RecordedEvent)


def recorded_event(body: bytes) -> RecordedEvent:
    """What an audit record says.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return _DECODER.decode(body)


@functools.lru_cache(maxsize=4)
def _seconds(event_time: str) -> int:
    # Thousands of records bear the same second.
    return int(datetime.fromisoformat(event_time).timestamp())

"""What a handler is given beside its request and its keys, and nothing more."""

from typing import Any

from selfkms.domain.arns import key_arn
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.iam.principals import Caller
from selfkms.domain.kms.errors import KeyUnavailableException
from selfkms.domain.kms.keys import KeyMaterial, KMSKey
from selfkms.domain.records import Change, Put, Record, Remove
from selfkms.ports.database import Database
from selfkms.ports.entropy import Entropy
from selfkms.ports.installation_keys import InstallationKeys
from selfkms.ports.key_store import KeyStore


class Context:
    """One request's view of the world. Handlers read through it and say what is to change; the gate writes."""

    def __init__(
        self,
        *,
        caller: Caller,
        region: str,
        now: float,
        database: Database,
        key_store: KeyStore,
        entropy: Entropy,
        keys: InstallationKeys,
    ) -> None:
        self.caller = caller
        self.account_id = caller.account_id
        self.region = region
        self.now = now
        self.database = database
        self.key_store = key_store
        self.entropy = entropy
        self.keys = keys
        self.changes: list[Change] = []
        self.events: list[AuditRecord] = []
        self.notes: dict[str, Any] = {}
        self.touched: list[KMSKey] = []

    def put(self, record: Record) -> None:
        """Write this record together with the audit record, if nobody changed it meanwhile."""
        self.changes.append(Put(record))

    def remove(self, record: Record) -> None:
        """Remove this record together with the audit record, if nobody changed it meanwhile."""
        self.changes.append(Remove(record))

    def emit(self, event: AuditRecord) -> None:
        """An audit record beside the request's own, of something that the service does by itself."""
        self.events.append(event)

    def note(self, **additional: Any) -> None:
        """Facts for CloudTrail's additionalEventData, names in snake_case."""
        self.notes.update(additional)

    def touch(self, key: KMSKey) -> None:
        """A KMS key that the audit record must name although the request did not (the one that CreateKey makes)."""
        self.touched.append(key)

    def key_arn(self, key_id: str) -> str:
        """The ARN of a KMS key of the caller's account and Region."""
        return key_arn(self.region, self.account_id, key_id)

    def material(self, key: KMSKey, handle: str) -> KeyMaterial:
        """A key material of a KMS key."""
        found = self.database.material(key.account_id, key.region, key.key_id, handle)
        if found is None:
            raise KeyUnavailableException(f"{key.arn} has no usable key material.")
        return found

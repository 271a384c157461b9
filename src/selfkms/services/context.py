"""What a handler is given beside its request and its keys, and nothing more."""

from collections.abc import Callable, Mapping
from typing import Any

from selfkms.domain.arns import key_arn
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.iam.callers import Caller
from selfkms.domain.kms.errors import KeyUnavailableException, KMSInvalidStateException
from selfkms.domain.kms.keys import KeyMaterial, KMSKey
from selfkms.domain.policy.facts import Fact
from selfkms.domain.records import Change, Put, Record, Remove
from selfkms.ports.block_store import BlockStore
from selfkms.ports.database import ConflictError, Database
from selfkms.ports.entropy import Entropy
from selfkms.ports.event_history import EventHistory
from selfkms.ports.installation_keys import InstallationKeys
from selfkms.ports.key_service import KeyService
from selfkms.ports.key_store import KeyStore
from selfkms.ports.log_store import LogStore
from selfkms.ports.recipients import Recipients

MayOnKey = Callable[[str, KMSKey, Mapping[str, Fact]], bool]
"""(`kms:PutKeyPolicy`, key, condition keys of the request) -> whether the caller would be permitted."""


def _nobody_asks(_action: str, _key: KMSKey, _requested: Mapping[str, Fact]) -> bool:
    raise AssertionError("the service itself sets no key policies")


def _nobody_calls(_caller: Caller) -> KeyService:
    raise AssertionError("only requests call other services")


class Context:
    """One request's view of the world. Handlers read through it and say what is to change; the gate writes."""

    def __init__(  # noqa: PLR0913  each is another port, and all are named
        self,
        *,
        caller: Caller,
        region: str,
        now: float,
        database: Database,
        key_store: KeyStore,
        entropy: Entropy,
        keys: InstallationKeys,
        may_on_key: MayOnKey = _nobody_asks,
        history: EventHistory | None = None,
        log_store: LogStore | None = None,
        blocks: BlockStore | None = None,
        recipients: Recipients | None = None,
        regions: frozenset[str] = frozenset(),
    ) -> None:
        self.caller = caller
        self.account_id = caller.account_id
        self.region = region
        self.now = now
        self.database = database
        self.key_store = key_store
        self.entropy = entropy
        self.keys = keys
        self.may_on_key = may_on_key
        """Whether the caller would be permitted on a KMS key as it is given: to set a policy must not lock out."""
        self._history = history
        self._log_store = log_store
        self._blocks = blocks
        self._recipients = recipients
        self.regions = regions
        """Those that are served."""
        self.key_service_for: Callable[[Caller], KeyService] = _nobody_calls
        self.changes: list[Change] = []
        self.events: list[AuditRecord] = []
        self.notes: dict[str, Any] = {}
        self.touched: list[KMSKey] = []

    @property
    def history(self) -> EventHistory:
        """What the audit says of the past."""
        assert self._history is not None, "only requests ask for the past, and where there is one"
        return self._history

    @property
    def log_store(self) -> LogStore:
        """Where trails deliver to."""
        assert self._log_store is not None, "only requests make trails, and where they can deliver"
        return self._log_store

    @property
    def blocks(self) -> BlockStore:
        """Where the blocks of snapshots are."""
        assert self._blocks is not None, "only requests about snapshots reach for blocks, and where there is a store"
        return self._blocks

    @property
    def recipients(self) -> Recipients:
        """How attested callers are answered."""
        assert self._recipients is not None, "only requests come with attestation documents"
        return self._recipients

    def key_service(self, service: str, *, invoked_by: str) -> KeyService:
        """AWS KMS, for the caller through a service.

        Args:
            service: as `kms:ViaService` says it: `ec2.us-east-1.amazonaws.com`.
            invoked_by: as the audit says it.
        """
        return self.key_service_for(self.caller.through(service, invoked_by=invoked_by))

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
        """A key material of a KMS key.

        Raises:
            KMSInvalidStateException: imported material has expired, and nobody has come to remove it yet.
            ConflictError: it was removed meanwhile; decide again.
        """
        if not key.whole(self.now):
            raise KMSInvalidStateException(f"{key.arn} is pending import.")
        found = self.database.material(key.account_id, key.region, key.key_id, handle)
        if found is not None and not found.wrapped:
            # It was removed after the key was read: what is known of the key is older.
            raise ConflictError(f"Key material of {key.arn} is not there any more.")
        if found is None:
            raise KeyUnavailableException(f"{key.arn} has no usable key material.")
        return found

"""Where records live. A change is one short transaction, conditional on what it was decided on."""

from collections.abc import Sequence
from typing import Protocol

from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.iam.principals import AccessKey, Account, User
from selfkms.domain.installation import DomainKey
from selfkms.domain.kms.aliases import Alias
from selfkms.domain.kms.keys import KeyMaterial, KMSKey
from selfkms.domain.records import Change


class ConflictError(Exception):
    """A record is not, or no longer, the one that the change was decided on; nothing was written. Decide again."""


class CorruptRecordError(Exception):
    """A stored row is not what we wrote: its MAC, columns or seal do not fit. Never an answer, always a failure."""


class DatabaseUnavailableError(Exception):
    """The database does not answer. If this comes from `commit`, the outcome is unknown."""


class Database(Protocol):
    """The records of one installation. An instance belongs to one thread."""

    def refresh(self) -> None:
        """See everything that any process committed before this call. Cheap: once a turn of the event loop."""

    def domain_keys(self, region: str) -> list[DomainKey]:
        """The domain keys of a Region, oldest first."""

    def regions_with_domain_keys(self) -> list[str]:
        """The Regions that have a domain key, in their order."""

    def account(self, account_id: str) -> Account | None: ...

    def accounts(self) -> list[Account]: ...

    def user(self, account_id: str, user_name: str) -> User | None: ...

    def access_key(self, access_key_id: str) -> AccessKey | None: ...

    def key(self, account_id: str, region: str, key_id: str) -> KMSKey | None: ...

    def keys(self, account_id: str, region: str, *, after: str, limit: int) -> list[str]:
        """Key IDs greater than `after` in their order, at most `limit`."""

    def key_count(self, account_id: str, region: str) -> int: ...

    def keys_due(self, now: float, *, limit: int) -> list[KMSKey]:
        """KMS keys of all accounts and Regions whose `due_at` is not after `now`, the oldest first.

        A row that is damaged is passed over and logged: it must not keep the keys of others.
        """

    def material(self, account_id: str, region: str, key_id: str, handle: str) -> KeyMaterial | None: ...

    def materials(self, account_id: str, region: str, key_id: str) -> list[KeyMaterial]:
        """All key materials of a KMS key."""

    def key_of_material(self, region: str, handle: str) -> KMSKey | None:
        """The KMS key, of whatever account, that has the material with this handle in this Region."""

    def alias(self, account_id: str, region: str, alias_name: str) -> Alias | None: ...

    def aliases(self, account_id: str, region: str, *, after: str, limit: int) -> list[Alias]:
        """Aliases with names greater than `after`, in their order, at most `limit`."""

    def aliases_of_key(self, account_id: str, region: str, key_id: str) -> list[Alias]:
        """All aliases of a KMS key, in the order of their names: never more than a quota allows."""

    def commit(self, changes: Sequence[Change], audit: Sequence[AuditRecord] = ()) -> None:
        """Write all of it or nothing, durably.

        Raises:
            ConflictError: a record to insert exists, or one to replace or remove has another row version.
            DatabaseUnavailableError: it could not be written, or it is not known whether it was.
        """

    def audit_backlog(self, *, limit: int) -> list[tuple[int, AuditRecord]]:
        """Audit records committed with changes and not yet in the journal, oldest first, each with its number.

        A row that is damaged is passed over and logged, and stays where it is.
        """

    def forget_audit(self, numbers: Sequence[int]) -> None:
        """Those audit records are safe in the journal now."""

    def prune_changes(self, keep_after: float) -> None:
        """Forget what was touched before a moment, seconds since the epoch: readers have seen it, or read all anew."""

    def compaction_due(self) -> bool:
        """Whether key material was removed since the last `compact`. It stands in the database: no crash forgets it."""

    def compact(self) -> None:
        """Leave no trace of removed records in the files of the database, as far as the database can."""

    def close(self) -> None: ...

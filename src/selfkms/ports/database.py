"""Where records live. A change is one short transaction, conditional on what it was decided on."""

from collections.abc import Sequence
from typing import Protocol

from selfkms.domain.cloudtrail.digests import DigestKey
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.cloudtrail.trails import Trail
from selfkms.domain.ebs.storage import EBSDefaults, Snapshot, SnapshotShare, Sweep, Volume
from selfkms.domain.iam.identity_providers import OIDCProvider
from selfkms.domain.iam.managed_policies import ManagedPolicy
from selfkms.domain.iam.principals import AccessKey, Account, Group, Role, User
from selfkms.domain.installation import DomainKey
from selfkms.domain.kms.aliases import Alias
from selfkms.domain.kms.grants import Grant
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

    def consistent(self) -> bool:
        """Whether all that was read since `refresh` is one state of the records: nobody committed in between.

        What is decided on several records must not mix an old one with a new one. Cheap where nothing had to be read.
        """

    def domain_keys(self, region: str) -> list[DomainKey]:
        """The domain keys of a Region, oldest first."""

    def regions_with_domain_keys(self) -> list[str]:
        """The Regions that have a domain key, in their order."""

    def account(self, account_id: str) -> Account | None: ...

    def accounts(self) -> list[Account]: ...

    def user(self, account_id: str, user_name: str) -> User | None:
        """The user of that name, case aside; so for groups, roles and managed policies."""

    def users(self, account_id: str, *, after: str, limit: int) -> list[User]:
        """Users whose names in small letters are greater than `after`, in their order, at most `limit`.

        So for groups, roles and managed policies.
        """

    def group(self, account_id: str, group_name: str) -> Group | None: ...

    def groups(self, account_id: str, *, after: str, limit: int) -> list[Group]: ...

    def role(self, account_id: str, role_name: str) -> Role | None: ...

    def roles(self, account_id: str, *, after: str, limit: int) -> list[Role]: ...

    def managed_policy(self, account_id: str, policy_name: str) -> ManagedPolicy | None: ...

    def managed_policies(self, account_id: str, *, after: str, limit: int) -> list[ManagedPolicy]: ...

    def access_key(self, access_key_id: str) -> AccessKey | None: ...

    def access_keys(self, account_id: str, user_name: str | None) -> list[AccessKey]:
        """All access keys of a user (None: of the root user), by their IDs: never more than a quota allows."""

    def oidc_provider(self, account_id: str, host_and_path: str) -> OIDCProvider | None: ...

    def oidc_providers(self, account_id: str) -> list[OIDCProvider]:
        """All OpenID Connect providers of an account: never more than a quota allows."""

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

    def grant(self, account_id: str, region: str, key_id: str, grant_id: str) -> Grant | None: ...

    def grants(self, account_id: str, region: str, key_id: str, *, after: str, limit: int) -> list[Grant]:
        """Grants on a KMS key with IDs greater than `after`, in their order, at most `limit`."""

    def grants_to(self, account_id: str, region: str, key_id: str, grantee: str) -> Sequence[Grant]:
        """All grants on a KMS key for exactly this grantee, by their IDs. Kept warm: every decision asks."""

    def grants_retirable_by(
        self, account_id: str, region: str, retiring: str, *, after: str, limit: int
    ) -> list[Grant]:
        """Grants on the KMS keys of an account and Region with exactly this retiring principal.

        By their grant IDs, those greater than `after`, at most `limit`.
        """

    def grant_count(self, account_id: str, region: str, key_id: str) -> int: ...

    def trail(self, account_id: str, region: str, name: str) -> Trail | None:
        """The trail of that name with this home Region, unless it was deleted."""

    def trails(self, account_id: str) -> list[Trail]:
        """All trails of an account, also deleted ones whose last deliveries are under way."""

    def digest_keys(self, region: str) -> list[DigestKey]:
        """The keys that sign or signed the digests of a Region."""

    def snapshot(self, account_id: str, region: str, snapshot_id: str) -> Snapshot | None: ...

    def snapshot_of_anybody(self, region: str, snapshot_id: str) -> Snapshot | None:
        """The snapshot with this ID, of whatever account."""

    def snapshots(self, account_id: str, region: str, *, after: str, limit: int) -> list[Snapshot]:
        """Snapshots with IDs greater than `after`, in their order, at most `limit`. So for volumes and shares."""

    def volume(self, account_id: str, region: str, volume_id: str) -> Volume | None: ...

    def volumes(self, account_id: str, region: str, *, after: str, limit: int) -> list[Volume]: ...

    def snapshot_shares(self, account_id: str, region: str, *, after: str, limit: int) -> list[SnapshotShare]:
        """What is shared with an account, or with `all`."""

    def snapshot_of_token(self, account_id: str, region: str, client_token: str) -> Snapshot | None:
        """What was made with this client token, and so for a volume."""

    def volume_of_token(self, account_id: str, region: str, client_token: str) -> Volume | None: ...

    def snapshots_at_work(self, account_id: str, region: str) -> list[Snapshot]:
        """Those of an account and Region that something is still to be done for."""

    def storage_due(self, now: float, *, limit: int) -> list[Snapshot | Volume]:
        """Snapshots and volumes of all accounts and Regions whose `due_at` is not after `now`, the oldest first.

        A row that is damaged is passed over and logged.
        """

    def storage_of_lineage(self, lineage: str) -> list[Snapshot | Volume]:
        """Snapshots and volumes of a lineage, and those that are being copied from it."""

    def ebs_defaults(self, account_id: str, region: str) -> EBSDefaults | None: ...

    def sweeps(self, *, limit: int) -> list[Sweep]:
        """What is gone and not yet tidied up after. A row that is damaged is passed over and logged."""

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

"""What falls due by itself: the other way to a change, for the clock instead of a caller. It may run at any time."""

import logging
from typing import Final

from selfkms.domain.iam.callers import Caller
from selfkms.domain.kms.imported_material import expired
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.kms.multi_region import settled
from selfkms.domain.kms.rotation import RotationType
from selfkms.ports.audit_sink import AuditSink
from selfkms.ports.clock import Clock
from selfkms.ports.database import ConflictError, CorruptRecordError, Database
from selfkms.ports.entropy import Entropy
from selfkms.ports.installation_keys import InstallationKeys
from selfkms.ports.key_store import KeyStore
from selfkms.services.context import Context
from selfkms.services.kms.deletion import end_key
from selfkms.services.kms.imported_material import expire
from selfkms.services.kms.rotation import rotate

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 100
"""How many rows one step takes: short transactions, and a stop is never far away."""

_TIDY_SECONDS: Final = 3_600.0
"""Workers ask for changes with every turn, so what was touched an hour ago they have seen, or they read all anew."""

_DOMAIN_KEY_SECONDS: Final = 365 * 86_400.0
"""How long a domain key wraps new key material."""


class Upkeep:
    """The keeper's jobs. Belongs to one thread."""

    def __init__(
        self,
        *,
        database: Database,
        key_store: KeyStore,
        keys: InstallationKeys,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._database = database
        self._key_store = key_store
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._tidied_at = 0.0

    def attend_due_keys(self) -> int:
        """What is due: keys end, rotate, settle, or lose imported material that has expired. How many there were.

        One whose rows are damaged stays, is logged, and holds up no other.
        """
        # What cannot be taken back waits for both clocks: a wall clock that jumps ahead ends no key early.
        now = self._clock.now()
        at = min(now, self._clock.matured())
        attended = 0
        stuck: set[str] = set()
        while due := [key for key in self._database.keys_due(now, limit=_AT_ONCE + len(stuck)) if key.arn not in stuck]:
            for key in due:
                try:
                    done = self._attend(key, at=at, now=now)
                except ConflictError:
                    # Changed, or attended to by another keeper, at this very moment: the next round looks again.
                    stuck.add(key.arn)
                    continue
                except CorruptRecordError as error:
                    _log.error("%s is left as it is: %s", key.arn, error)
                    stuck.add(key.arn)
                    continue
                if not done:
                    # By one clock only.
                    stuck.add(key.arn)
                attended += done
        return attended

    def compact(self) -> None:
        """Leave no trace of ended keys in the files of the database; tried again until it succeeded.

        Raises:
            DatabaseUnavailableError: not now.
        """
        if self._database.compaction_due():
            self._database.compact()

    def tidy(self) -> None:
        """Every hour: forget which records were touched long ago, and renew domain keys that are a year old."""
        now = self._clock.now()
        if now - self._tidied_at < _TIDY_SECONDS:
            return
        self._database.prune_changes(now - _TIDY_SECONDS)
        for region in self._database.regions_with_domain_keys():
            self._key_store.renew_domain_key(region, older_than=now - _DOMAIN_KEY_SECONDS)
        self._tidied_at = now

    def move_audit(self, sink: AuditSink) -> int:
        """Take audit records that were committed with changes into the journal. How many there were.

        Raises:
            JournalUnavailableError: they stay where they are.
        """
        moved = 0
        while backlog := self._database.audit_backlog(limit=_AT_ONCE):
            sink.record([audit for _, audit in backlog])
            # In this order a crash in between writes them twice, and the journal knows the second time by its event ID.
            self._database.forget_audit([number for number, _ in backlog])
            moved += len(backlog)
        return moved

    def _attend(self, key: KMSKey, *, at: float, now: float) -> bool:
        """Do what is due by both clocks (`at`), or where nothing is lost by the service's (`now`); whether it was."""
        context = Context(
            caller=Caller.root(key.account_id, ""),
            region=key.region,
            now=self._clock.now(),
            database=self._database,
            key_store=self._key_store,
            entropy=self._entropy,
            keys=self._keys,
        )
        if key.state is KeyState.PENDING_DELETION and key.deletion_at is not None and key.deletion_at <= at:
            gone = end_key(key, context)
            what = "the pending window of %s is over: the key and its material are gone"
        elif key.settles_at is not None and key.settles_at <= now:
            gone = []
            context.put(settled(key, now=context.now))
            what = "%s has settled"
        elif expired(key, at=at):
            gone = expire(key, context, at=at)
            what = "imported key material of %s has expired and is gone"
        elif key.next_rotation_at is None or key.next_rotation_at > at:
            return False
        else:
            gone = []
            rotate(key, RotationType.AUTOMATIC, context)
            what = "%s was rotated"
        self._database.commit(context.changes, context.events)
        # Destruction comes last: when what is gone cannot come back.
        for material in gone:
            self._key_store.destroy(material)
        _log.info(what, key.arn)
        return True

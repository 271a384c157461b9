"""What falls due by itself: the other way to a change, for the clock instead of a caller. It may run at any time."""

import logging
from typing import Final

from selfkms.domain.iam.principals import Caller
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.kms.rotation import RotationType
from selfkms.ports.audit_sink import AuditSink
from selfkms.ports.clock import Clock
from selfkms.ports.database import ConflictError, CorruptRecordError, Database
from selfkms.ports.entropy import Entropy
from selfkms.ports.installation_keys import InstallationKeys
from selfkms.ports.key_store import KeyStore
from selfkms.services.context import Context
from selfkms.services.kms.deletion import end_key
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
        """End every KMS key whose pending window is over, and rotate every one whose day it is. How many there were.

        One whose rows are damaged stays, is logged, and holds up no other.
        """
        attended = 0
        stuck: set[str] = set()
        while due := [key for key in self._due(_AT_ONCE + len(stuck)) if key.arn not in stuck]:
            for key in due:
                try:
                    self._attend(key)
                except ConflictError:
                    # Changed, or attended to by another keeper, at this very moment: the next round looks again.
                    stuck.add(key.arn)
                    continue
                except CorruptRecordError as error:
                    _log.error("%s is left as it is: %s", key.arn, error)
                    stuck.add(key.arn)
                    continue
                attended += 1
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

    def _due(self, limit: int) -> list[KMSKey]:
        # What cannot be taken back waits for both clocks: a wall clock that jumps ahead ends no key early.
        return self._database.keys_due(min(self._clock.now(), self._clock.matured()), limit=limit)

    def _attend(self, key: KMSKey) -> None:
        context = Context(
            caller=Caller.root(key.account_id, ""),
            region=key.region,
            now=self._clock.now(),
            database=self._database,
            key_store=self._key_store,
            entropy=self._entropy,
            keys=self._keys,
        )
        if key.state is not KeyState.PENDING_DELETION:
            rotate(key, RotationType.AUTOMATIC, context)
            self._database.commit(context.changes, context.events)
            _log.info("%s was rotated", key.arn)
            return
        materials = end_key(key, context)
        self._database.commit(context.changes, context.events)
        # Destruction comes last: when the key cannot come back.
        for material in materials:
            self._key_store.destroy(material)
        _log.info("the pending window of %s is over: the key and its material are gone", key.arn)

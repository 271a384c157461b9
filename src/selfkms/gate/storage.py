"""What falls due by itself for snapshots and volumes: uploads that end, copies, what is gone. It may run at any time.

Copies take turns, some blocks each: a large one holds up no small one.
"""

import functools
import logging
from collections.abc import Callable, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Final

from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.ebs.storage import Snapshot, Volume
from selfkms.domain.iam.callers import Caller
from selfkms.domain.records import Put
from selfkms.gate.authorize import Authorizer
from selfkms.gate.facts import Surroundings
from selfkms.gate.on_behalf import CallsToKMS
from selfkms.gate.resolve import Resolver
from selfkms.ports.block_store import BlockStore, BlockStoreUnavailableError
from selfkms.ports.clock import Clock
from selfkms.ports.database import ConflictError, CorruptRecordError, Database, DatabaseUnavailableError
from selfkms.ports.entropy import Entropy
from selfkms.ports.installation_keys import InstallationKeys
from selfkms.ports.key_store import KeyStore
from selfkms.services.context import Context
from selfkms.services.ebs.work import Calls, StorageWork
from selfkms.services.operation import Operation

_log: Final = logging.getLogger(__name__)

_AT_ONCE: Final = 100


class StorageKeeper:
    """The keeper's jobs for snapshots and volumes. Belongs to one thread."""

    def __init__(
        self,
        *,
        database: Database,
        key_store: KeyStore,
        keys: InstallationKeys,
        clock: Clock,
        entropy: Entropy,
        blocks: BlockStore,
        operations: Mapping[str, Operation],
    ) -> None:
        """Prepare; `operations` are those of KMS."""
        self._database = database
        self._key_store = key_store
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._operations = operations
        self._resolver = Resolver(database, key_store, keys)
        self._authorizer = Authorizer(database)
        self._unavailable: BlockStoreUnavailableError | None = None
        self._work = StorageWork(
            database=database, blocks=blocks, installation_keys=keys, clock=clock, calls=self._calls
        )

    def attend(self) -> bool:
        """One round: a step for everything that is due; whether there is more to do at once.

        Raises:
            DatabaseUnavailableError: not now.
            BlockStoreUnavailableError: something was not written. All else was done: what is gone makes room.
        """
        more = False
        self._unavailable = None
        due = self._database.storage_due(self._clock.now(), limit=_AT_ONCE)
        for storage in due:
            unfinished = self._attempt(functools.partial(self._work.attend, storage), storage.arn)
            more |= bool(unfinished)
            if unfinished is not False and len(due) == _AT_ONCE:
                self._attempt(functools.partial(self._give_way, storage), storage.arn)
        for lineage, sweeps in groupby(self._database.sweeps(limit=_AT_ONCE), key=attrgetter("lineage")):
            self._attempt(functools.partial(self._work.sweep, lineage, list(sweeps)), f"lineage {lineage}")
        if self._unavailable is not None:
            raise self._unavailable
        return more

    def _give_way(self, storage: Snapshot | Volume) -> None:
        """Let those have their turn who find no place in a round: one account may have any number of copies."""
        self._database.commit([Put(storage.changed(due_at=self._clock.now()))])

    def _attempt(self, step: Callable[[], bool | None], what: str) -> bool | None:
        try:
            return step()
        except ConflictError:
            # Changed at this very moment: the next round looks again.
            return None
        except CorruptRecordError as error:
            _log.error("%s is left as it is: %s", what, error)
            return None
        except BlockStoreUnavailableError as error:
            self._unavailable = error
            return None
        except DatabaseUnavailableError:
            raise
        except Exception:  # noqa: BLE001  what nobody foresaw about one snapshot must not end the work for all others
            _log.exception("%s is left as it is", what)
            return None

    def _calls(self, caller: Caller) -> Calls:
        into = self._context(caller, "")
        records: list[AuditRecord] = []
        service = CallsToKMS(
            caller=caller,
            now=self._clock.now(),
            operations=self._operations,
            resolver=self._resolver,
            authorizer=self._authorizer,
            entropy=self._entropy,
            prepare=_nothing,
            # Each look-up of the keeper sees the newest, and what it may is given by a grant alone.
            consistent=lambda: True,
            context_for=lambda around: self._context(around.caller, around.region),
            into=into,
            note=lambda call: records.extend(call.records(self._entropy.uuid)),
        )
        return Calls(service, into.changes, records)

    def _context(self, caller: Caller, region: str) -> Context:
        return Context(
            caller=caller,
            region=region,
            now=self._clock.now(),
            database=self._database,
            key_store=self._key_store,
            entropy=self._entropy,
            keys=self._keys,
        )


def _nothing(_operation: Operation, _request: object, _around: Surroundings) -> None:
    """A service that acts for itself names KMS keys by their ARNs, and never an alias."""

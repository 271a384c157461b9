"""What the keeper does for snapshots and volumes: the end of uploads, copies, and tidying up.

Nobody waits for it, and it may be interrupted anywhere: what was copied stands in the block store, and what is to be
done in the record.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from selfkms.domain.arns import ARN
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.ebs.blocks import checksum_text
from selfkms.domain.ebs.storage import Copy, DataKey, Failing, KeyUse, Snapshot, Sweep, Upload, Volume
from selfkms.domain.errors import AWSError
from selfkms.domain.iam.callers import Caller
from selfkms.domain.records import Change, Put, Remove
from selfkms.domain.secrets import Secret
from selfkms.ports.block_store import BlockCorruptError, BlockStore
from selfkms.ports.clock import Clock
from selfkms.ports.database import CorruptRecordError, Database
from selfkms.ports.installation_keys import InstallationKeys
from selfkms.ports.key_service import KeyService
from selfkms.services.ebs import keys
from selfkms.services.ebs.uploads import upload_key

_log: Final = logging.getLogger(__name__)

BLOCKS_AT_ONCE: Final = 128
"""Of one copy, before the next one has its turn: 64 MiB."""

_KEYS_KEPT: Final = 1_024
"""Of so many copies. With fewer than there are in turn, KMS would be asked for each step of each."""

_UNREADABLE: Final = "The blocks of the snapshot cannot be read"
_TIMED_OUT: Final = "The snapshot was not completed in time"

Storage = Snapshot | Volume


class Calls(NamedTuple):
    """KMS for the service itself, with what comes of calling it: to be committed."""

    service: KeyService
    changes: list[Change]
    records: list[AuditRecord]


class StorageWork:
    """Belongs to one thread."""

    def __init__(
        self,
        *,
        database: Database,
        blocks: BlockStore,
        installation_keys: InstallationKeys,
        clock: Clock,
        calls: Callable[[Caller], Calls],
    ) -> None:
        """Prepare; `calls` gives the way to KMS for a service that acts for itself."""
        self._database = database
        self._blocks = blocks
        self._installation_keys = installation_keys
        self._clock = clock
        self._calls = calls
        # Decrypted once for each copy: while it runs, nobody is asked again for each of its steps.
        self._open: OrderedDict[str, tuple[Secret, Secret]] = OrderedDict()

    def attend(self, storage: Storage) -> bool:
        """One step for a snapshot or a volume that is due; whether there is more to do at once.

        Raises:
            ConflictError: somebody changed it at this moment; look again.
            BlockStoreUnavailableError, DatabaseUnavailableError: not now.
        """
        try:
            match storage.work:
                case Upload() as upload:
                    assert isinstance(storage, Snapshot), "nothing is uploaded to volumes"
                    self._attend_upload(storage, upload)
                case Copy() as copy:
                    return self._copy(storage, copy)
                case Failing() as failing:
                    self._fail(storage, failing.message, failing.grants)
                case None:
                    self._database.commit([Put(storage.changed(due_at=None))])
        except (BlockCorruptError, CorruptRecordError) as error:
            _log.error("%s: %s", storage.arn, error)
            grants = storage.work.grants if isinstance(storage.work, Copy | Failing) else ()
            self._fail(storage, _UNREADABLE, grants)
        return False

    def sweep(self, lineage: str, sweeps: Sequence[Sweep]) -> None:
        """Take away the blocks that nobody refers to any more, after something of their lineage is gone.

        Once for all that is gone: a lineage may have thousands of snapshots, and each time all of them are looked at.
        """
        for sweep in sweeps:
            # A copy that was deleted before it was through never comes to its end.
            self._open.pop(sweep.resource_id, None)
        changes, records = self._retired([grant for sweep in sweeps for grant in sweep.grants])
        # Looked at first: the blocks of an upload that begins from here on are not among it.
        held = self._blocks.held(lineage)
        of_lineage = self._database.storage_of_lineage(lineage)
        maps = [storage.blocks for storage in of_lineage if storage.lineage == lineage]
        maps += [storage.work.parent for storage in of_lineage if isinstance(storage.work, Upload)]
        maps += [storage.work.source for storage in of_lineage if isinstance(storage.work, Copy)]
        packs = [s.pack for s in of_lineage if s.lineage == lineage and s.work is not None and s.pack]
        needed = [block_map for block_map in maps if block_map is not None and block_map.lineage == lineage]
        self._blocks.keep_only(lineage, needed, packs, of=held)
        self._database.commit([*map(Remove, sweeps), *changes], records)

    def _attend_upload(self, snapshot: Snapshot, upload: Upload) -> None:
        if upload.completing:
            self._finish_upload(snapshot, upload)
            return
        last = self._blocks.last_written_at(snapshot.lineage, snapshot.pack)
        # What the block store says is by the wall clock, which the service's clock may have left behind.
        ahead = self._clock.now() - self._clock.wall()
        idle_since = snapshot.created_at if last is None else max(snapshot.created_at, last + ahead)
        due_at = idle_since + upload.timeout_seconds
        if due_at <= self._clock.now():
            self._fail(snapshot, _TIMED_OUT, ())
        else:
            self._database.commit([Put(snapshot.changed(due_at=due_at))])

    def _finish_upload(self, snapshot: Snapshot, upload: Upload) -> None:
        finished = self._blocks.finish(
            snapshot.lineage,
            snapshot.pack,
            snapshot.snapshot_id,
            parent=upload.parent,
            data_key=upload_key(upload, snapshot.snapshot_id, self._installation_keys),
        )
        if finished.written != upload.changed_blocks:
            self._fail(snapshot, "Changed blocks count mismatch for snapshot", ())
        elif upload.checksum is not None and upload.checksum != checksum_text(finished.checksum):
            self._fail(snapshot, "Checksum mismatch for snapshot", ())
        else:
            self._database.commit([Put(snapshot.completed(finished.map, at=self._clock.now()))])

    def _copy(self, storage: Storage, copy: Copy) -> bool:
        if copy.source is None:
            self._complete(storage, copy, storage)
            return False
        try:
            source_key, data_key = self._opened(storage, copy)
        except AWSError as error:
            _log.warning("%s: a KMS key cannot be used: %s", storage.arn, error.code)
            if error.http_status < 500:
                self._fail(storage, keys.NOT_ACCESSIBLE, copy.grants)
            # Else it is a failure and no refusal: the next round asks again.
            return False
        progress = self._blocks.copy(
            copy.source, source_key, storage.lineage, storage.pack, data_key, limit=BLOCKS_AT_ONCE
        )
        if progress.copied < progress.total:
            return True
        finished = self._blocks.finish(
            storage.lineage, storage.pack, storage.resource_id, parent=None, data_key=data_key
        )
        self._complete(storage, copy, storage.changed(blocks=finished.map))
        return False

    def _complete(self, storage: Storage, copy: Copy, copied: Storage) -> None:
        changes, records = self._retired(copy.grants)
        done = (
            copied.completed(copied.blocks, at=self._clock.now())
            if isinstance(copied, Snapshot)
            else copied.completed(copied.blocks)
        )
        self._database.commit([Put(done), *changes, *_source_let_go(storage)], records)
        self._open.pop(storage.resource_id, None)

    def _fail(self, storage: Storage, message: str, grants: tuple[KeyUse, ...]) -> None:
        """A snapshot says it by its state; a volume disappears. What was written of either is taken away."""
        sweep = Sweep(
            lineage=storage.lineage, resource_id=f"{storage.resource_id}/failed", region=storage.region, grants=grants
        )
        end: Change = Put(storage.failed(message)) if isinstance(storage, Snapshot) else Remove(storage)
        self._database.commit([end, Put(sweep), *_source_let_go(storage)])
        self._open.pop(storage.resource_id, None)

    def _opened(self, storage: Storage, copy: Copy) -> tuple[Secret, Secret]:
        """The data keys of source and target.

        Raises:
            AWSError: a KMS key does not decrypt its data key any more.
        """
        found = self._open.get(storage.resource_id)
        if found is None:
            assert storage.data_key is not None, "a copy has a data key from the beginning"
            source = self._data_key(copy.source_key, copy.source_lineage, storage.region)
            found = source, self._data_key(storage.data_key, storage.lineage, storage.region)
            self._open[storage.resource_id] = found
            if len(self._open) > _KEYS_KEPT:
                self._open.popitem(last=False)
        return found

    def _data_key(self, data_key: DataKey, lineage: str, region: str) -> Secret:
        if data_key.key_arn is None:
            return keys.open_plain(self._installation_keys, data_key, lineage)
        calls, key_region = self._calls_on(data_key.key_arn, region)
        try:
            opened = calls.service.call(
                "Decrypt",
                region=key_region,
                ciphertext_blob=data_key.wrapped,
                key_id=data_key.key_arn,
                encryption_context=data_key.encryption_context,
            )
        finally:
            self._database.commit(calls.changes, calls.records)
        plaintext: Secret = opened.plaintext
        return plaintext

    def _retired(self, grants: Iterable[KeyUse]) -> tuple[list[Change], list[AuditRecord]]:
        """What retires grants. One that is gone, or whose KMS key is, is retired already."""
        changes: list[Change] = []
        records: list[AuditRecord] = []
        for grant in grants:
            calls, region = self._calls_on(grant.key_arn, "")
            try:
                calls.service.call("RetireGrant", region=region, key_id=grant.key_arn, grant_id=grant.grant_id)
            except AWSError as error:
                _log.info("grant %s on %s: %s", grant.grant_id, grant.key_arn, error.code)
            else:
                changes += calls.changes
            records += calls.records
        return changes, records

    def _calls_on(self, key_arn: str, copying_region: str) -> tuple[Calls, str]:
        """KMS for the service, on a KMS key; and the key's Region."""
        arn = ARN.parse(key_arn)
        assert arn is not None, "we wrote it"
        invoked_by = keys.behind_copies(copying_region or arn.region)
        caller = Caller.aws_service(keys.via(arn.region), arn.account_id, invoked_by=invoked_by)
        return self._calls(caller), arn.region


def _source_let_go(storage: Storage) -> list[Change]:
    """What a copy was made from may have been deleted meanwhile, and stayed for this copy alone."""
    source = storage.reads_lineage
    if source is None or source == storage.lineage:
        return []
    return [Put(Sweep(lineage=source, resource_id=storage.resource_id, region=storage.region))]

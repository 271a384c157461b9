"""From what a request to Amazon EC2 or the EBS direct APIs names to snapshots and volumes, as of now.

Source: Amazon EC2 API Reference, "Error codes for the Amazon EC2 API"; Service Authorization Reference, "Amazon EC2",
"Amazon Elastic Block Store".
"""

from datetime import UTC, datetime
from typing import Any, Final

from selfkms.domain.ebs.errors import (
    InvalidID,
    InvalidSnapshotNotFound,
    InvalidVolumeNotFound,
    ResourceNotFoundException,
)
from selfkms.domain.ebs.storage import (
    COPIED_VOLUME_ID,
    Snapshot,
    Volume,
    check_snapshot_id,
    check_volume_id,
    is_snapshot_id,
    is_volume_id,
    snapshot_arn,
    volume_arn,
)
from selfkms.domain.errors import AWSError
from selfkms.domain.policy.facts import Fact
from selfkms.gate.resolved import ResolvedStorage, Resource
from selfkms.ports.database import Database
from selfkms.services.operation import NewStorage, Operation, SnapshotNamed, StorageTagged, VolumeNamed

_DIRECT: Final = "ebs"
"""The service of the EBS direct APIs, which has errors of its own."""

Found = tuple[list[Resource], list[Any]]


class StorageResolver:
    """Looks up what requests name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def one(
        self,
        target: SnapshotNamed | VolumeNamed | NewStorage | StorageTagged,
        operation: Operation,
        request: Any,
        *,
        account_id: str,
        region: str,
    ) -> Found:
        """What one target is about, and what it gives to the handler.

        Raises:
            EC2Error: not the ID of what it should be.
        """
        match target:
            case NewStorage():
                return [self._new(target, operation, request, account_id, region)], []
            case VolumeNamed():
                resolved, volume = self._volume(getattr(request, target.member), operation, account_id, region)
                return [resolved], [volume]
            case StorageTagged():
                return self._tagged(getattr(request, target.member), operation, account_id, region)
            case SnapshotNamed():
                named = getattr(request, target.member)
                if named is None and target.optional:
                    return [], [None]
                there = region if target.region_member is None else getattr(request, target.region_member)
                resolved, snapshot = self._snapshot(named, target, operation, account_id, there)
                return [resolved], [snapshot]

    def _new(
        self, target: NewStorage, operation: Operation, request: Any, account_id: str, region: str
    ) -> ResolvedStorage:
        arn = snapshot_arn(region, "*") if target.kind == "snapshot" else volume_arn(region, account_id, "*")
        facts = {} if target.facts is None else target.facts(request, self._database, account_id, region)
        return ResolvedStorage(arn=arn, action=operation.action, owner=account_id, facts=facts, new=True)

    def _snapshot(
        self, snapshot_id: str, target: SnapshotNamed, operation: Operation, account_id: str, region: str
    ) -> tuple[ResolvedStorage, Snapshot | None]:
        if operation.service != _DIRECT:
            check_snapshot_id(snapshot_id)
        snapshot = self._database.snapshot_of_anybody(region, snapshot_id)
        if snapshot is not None and not (
            snapshot.account_id == account_id or (target.shared and snapshot.visible_to(account_id))
        ):
            snapshot = None
        missing: AWSError | None = None
        if snapshot is None and not target.may_be_missing:
            missing = (
                ResourceNotFoundException(f"The snapshot '{snapshot_id}' does not exist.", "SNAPSHOT_NOT_FOUND")
                if operation.service == _DIRECT
                else InvalidSnapshotNotFound(f"The snapshot '{snapshot_id}' does not exist.")
            )
        owned = snapshot is not None and snapshot.account_id == account_id
        resolved = ResolvedStorage(
            arn=snapshot_arn(region, snapshot_id),
            action=operation.action,
            owner=account_id if snapshot is None else snapshot.account_id,
            facts={} if snapshot is None or operation.service == _DIRECT else _facts_of_snapshot(snapshot),
            # What the owner of a shared snapshot wrote on it is not for others.
            tags=snapshot.tags if snapshot is not None and owned else (),
            data=target.data,
            missing=missing,
        )
        return resolved, snapshot

    def _volume(
        self, volume_id: str, operation: Operation, account_id: str, region: str
    ) -> tuple[ResolvedStorage, Volume | None]:
        check_volume_id(volume_id)
        volume = self._database.volume(account_id, region, volume_id)
        missing = InvalidVolumeNotFound(f"The volume '{volume_id}' does not exist.") if volume is None else None
        resolved = ResolvedStorage(
            arn=volume_arn(region, account_id, volume_id),
            action=operation.action,
            owner=account_id,
            facts={} if volume is None else _facts_of_volume(volume),
            tags=() if volume is None else volume.tags,
            missing=missing,
        )
        return resolved, volume

    def _tagged(self, ids: tuple[str, ...], operation: Operation, account_id: str, region: str) -> Found:
        resources: list[Resource] = []
        found: list[Snapshot | Volume | None] = []
        for resource_id in dict.fromkeys(ids):
            one: tuple[ResolvedStorage, Snapshot | Volume | None]
            if is_snapshot_id(resource_id):
                one = self._snapshot(resource_id, SnapshotNamed(), operation, account_id, region)
            elif is_volume_id(resource_id):
                one = self._volume(resource_id, operation, account_id, region)
            else:
                raise InvalidID(f"The ID '{resource_id}' is not valid")
            resources.append(one[0])
            found.append(one[1])
        return resources, [tuple(found)]


def _facts_of_snapshot(snapshot: Snapshot) -> dict[str, Fact]:
    """The condition keys of a snapshot."""
    facts = {
        **_facts_of(snapshot),
        "ec2:SnapshotID": snapshot.snapshot_id,
        "ec2:SnapshotTime": datetime.fromtimestamp(snapshot.created_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if snapshot.volume_id != COPIED_VOLUME_ID:
        facts["ec2:ParentVolume"] = volume_arn(snapshot.region, snapshot.account_id, snapshot.volume_id)
    return facts


def _facts_of_volume(volume: Volume) -> dict[str, Fact]:
    """The condition keys of a volume."""
    facts = {
        **_facts_of(volume),
        "ec2:AvailabilityZone": volume.zone,
        "ec2:VolumeID": volume.volume_id,
        "ec2:VolumeType": volume.volume_type,
    }
    if volume.iops is not None:
        facts["ec2:VolumeIops"] = str(volume.iops)
    if volume.throughput is not None:
        facts["ec2:VolumeThroughput"] = str(volume.throughput)
    if volume.key_arn is not None:
        facts["ec2:KmsKeyId"] = volume.key_arn
    if volume.snapshot_id is not None:
        facts["ec2:ParentSnapshot"] = snapshot_arn(volume.region, volume.snapshot_id)
    return facts


def _facts_of(storage: Snapshot | Volume) -> dict[str, Fact]:
    return {
        "ec2:Encrypted": "true" if storage.encrypted else "false",
        "ec2:Owner": storage.account_id,
        "ec2:VolumeSize": str(storage.size_gib),
    }

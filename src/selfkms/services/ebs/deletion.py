"""DeleteSnapshot, DeleteVolume. Blocks that nobody refers to any more are removed later, by a sweep.

Source: Amazon EC2 API Reference, "DeleteSnapshot", "DeleteVolume".
"""

from typing import Any, Final

from selfkms.domain.ebs.storage import Copy, Failing, Snapshot, Sweep, Volume
from selfkms.services.context import Context
from selfkms.services.ebs.audit_forms import Parameters
from selfkms.services.ebs.sharing import shares_of
from selfkms.services.operation import Audit, Operation, SnapshotNamed, VolumeNamed
from selfkms.services.shapes import Shape


class DeleteSnapshotRequest(Shape, frozen=True, kw_only=True):
    snapshot_id: str
    dry_run: bool = False


class DeleteVolumeRequest(Shape, frozen=True, kw_only=True):
    volume_id: str
    dry_run: bool = False


def delete_snapshot(_request: DeleteSnapshotRequest, snapshot: Snapshot, context: Context) -> None:
    """The snapshot is gone, for whom it was shared with, too; also one that is still under way."""
    for share in shares_of(snapshot):
        context.remove(share)
    _delete(snapshot, context)


def delete_volume(_request: DeleteVolumeRequest, volume: Volume, context: Context) -> None:
    """The volume is gone; snapshots that were made of it stay."""
    _delete(volume, context)


def _delete(storage: Snapshot | Volume, context: Context) -> None:
    context.remove(storage)
    grants = storage.work.grants if isinstance(storage.work, Copy | Failing) else ()
    context.put(Sweep(lineage=storage.lineage, resource_id=storage.resource_id, region=storage.region, grants=grants))
    source = storage.reads_lineage
    if source is not None and source != storage.lineage:
        # What was copied from may be gone already, and stayed for this copy alone.
        context.put(Sweep(lineage=source, resource_id=storage.resource_id, region=storage.region))


def _snapshot_shown(parameters: Parameters) -> dict[str, Any]:
    # EC2 has a parameter that its clients do not know.
    return {**parameters, "force": False}


OPERATIONS: Final = (
    Operation(
        "DeleteSnapshot",
        service="ec2",
        run=delete_snapshot,
        request=DeleteSnapshotRequest,
        targets=(SnapshotNamed(),),
        writes=True,
        dry_run_asks=True,
        audit=Audit(parameters=("snapshot_id",), shown=_snapshot_shown, read_only=False),
    ),
    Operation(
        "DeleteVolume",
        service="ec2",
        run=delete_volume,
        request=DeleteVolumeRequest,
        targets=(VolumeNamed(),),
        writes=True,
        dry_run_asks=True,
        audit=Audit(parameters=("volume_id",), read_only=False),
    ),
)

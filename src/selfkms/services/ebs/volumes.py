"""CreateVolume, CreateSnapshot: from a snapshot to a volume and back.

A volume from an encrypted snapshot has the snapshot's data key, re-encrypted under the KMS key of the volume, and so
shares its blocks. Only what was plain and becomes encrypted is copied.

Source: Amazon EC2 API Reference, "CreateVolume", "CreateSnapshot"; Amazon EBS User Guide, "Amazon EBS encryption
outcomes", "How Amazon EBS encryption works"; Service Authorization Reference, "Amazon EC2", for condition keys.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from selfkms.domain.ebs.blocks import VOLUME_GIB_MAX
from selfkms.domain.ebs.errors import (
    IdempotentParameterMismatch,
    IncorrectState,
    InvalidParameterCombination,
    InvalidParameterDependency,
    InvalidParameterValue,
    InvalidZoneNotFound,
    MissingParameter,
    UnsupportedOperation,
)
from selfkms.domain.ebs.events import SharedUse
from selfkms.domain.ebs.storage import (
    ID_RANDOM_BYTES,
    Failing,
    Snapshot,
    SnapshotState,
    Volume,
    VolumeState,
    check_client_token,
    check_description,
    new_id,
    snapshot_arn,
    volume_arn,
)
from selfkms.domain.errors import AWSError
from selfkms.domain.policy.facts import Fact
from selfkms.ports.database import Database
from selfkms.services.context import Context
from selfkms.services.ebs import keys
from selfkms.services.ebs.audit_forms import asked_shown, made_shown
from selfkms.services.ebs.copies import begin_copying, note_use
from selfkms.services.ebs.shapes import (
    SnapshotRow,
    TagSpecification,
    VolumeRow,
    checked_tags,
    snapshot_row,
    tagging_of,
    tagging_too,
    volume_row,
)
from selfkms.services.operation import Audit, NewStorage, Operation, SnapshotNamed, VolumeNamed
from selfkms.services.shapes import Shape

_ZONE_LETTERS: Final = re.compile("[a-f]", re.ASCII)
_TYPES: Final = frozenset({"standard", "io1", "io2", "gp2", "gp3", "sc1", "st1"})
_PROVISIONED: Final = frozenset({"io1", "io2"})
_GP3_IOPS: Final = 3_000
_GP3_THROUGHPUT: Final = 125
_NOT_OFFERED: Final = ("availability_zone_id", "outpost_arn", "volume_initialization_rate", "operator")


class CreateVolumeRequest(Shape, frozen=True, kw_only=True):
    availability_zone: str | None = None
    availability_zone_id: str | None = None
    outpost_arn: str | None = None
    volume_initialization_rate: int | None = None
    operator: dict[str, str] | None = None
    size: int | None = None
    snapshot_id: str | None = None
    encrypted: bool | None = None
    kms_key_id: str | None = None
    volume_type: str = "gp2"
    iops: int | None = None
    throughput: int | None = None
    multi_attach_enabled: bool = False
    client_token: str | None = None
    tag_specifications: tuple[TagSpecification, ...] = ()
    dry_run: bool = False


class CreateSnapshotRequest(Shape, frozen=True, kw_only=True):
    volume_id: str
    description: str | None = None
    outpost_arn: str | None = None
    location: str | None = None
    tag_specifications: tuple[TagSpecification, ...] = ()
    dry_run: bool = False


def check_create_volume(request: CreateVolumeRequest) -> None:
    """Refuse what no volume can be made with."""
    for member in _NOT_OFFERED:
        if getattr(request, member):
            raise UnsupportedOperation("Zones by their IDs, Outposts and initialization rates are not supported.")
    if request.availability_zone is None:
        raise MissingParameter("The request must contain the parameter zone")
    if request.size is None and request.snapshot_id is None:
        raise MissingParameter("The request must contain the parameter size/snapshot")
    if request.size is not None and not 1 <= request.size <= VOLUME_GIB_MAX:
        raise InvalidParameterValue(f"Volume of {request.size}GiB is not between 1GiB and {VOLUME_GIB_MAX}GiB.")
    if request.kms_key_id is not None and not request.encrypted:
        raise InvalidParameterDependency("The parameter KmsKeyId requires the parameter Encrypted to be set.")
    if request.volume_type not in _TYPES:
        raise InvalidParameterValue(f"Value ({request.volume_type}) for parameter volumeType is invalid.")
    if request.volume_type in _PROVISIONED and request.iops is None:
        raise MissingParameter("The parameter iops must be specified for io1 and io2 volumes.")
    check_client_token(request.client_token)
    checked_tags(request.tag_specifications, "volume")


def check_create_snapshot(request: CreateSnapshotRequest) -> None:
    """Refuse what no snapshot can be made with."""
    check_description(request.description)
    checked_tags(request.tag_specifications, "snapshot")


def create_volume(request: CreateVolumeRequest, snapshot: Snapshot | None, context: Context) -> VolumeRow:
    """A volume, which is there at once unless its blocks are encrypted for the first time.

    With a KMS key that refuses, the volume is made and disappears, as on AWS.

    Raises:
        InvalidZoneNotFound: the zone is none of this Region.
        IncorrectState: the snapshot is not completed.
        InvalidParameterCombination: what is encrypted is not to become plain.
        InvalidParameterValue: smaller than the snapshot, or the KMS key is none.
    """
    fingerprint = msgspec.json.encode(request).decode()
    before = _before(request, fingerprint, context)
    if before is not None:
        return volume_row(before)
    zone = request.availability_zone or ""
    if not zone.startswith(context.region) or not _ZONE_LETTERS.fullmatch(zone[len(context.region) :]):
        raise InvalidZoneNotFound(f"The zone '{zone}' does not exist.")
    if snapshot is not None:
        _check_snapshot(request, snapshot)
    size = request.size if request.size is not None else (0 if snapshot is None else snapshot.size_gib)
    volume = Volume(
        account_id=context.account_id,
        region=context.region,
        volume_id=new_id("vol", context.entropy.random_bytes(ID_RANDOM_BYTES)),
        size_gib=size,
        created_at=context.now,
        lineage=context.entropy.uuid(),
        tags=checked_tags(request.tag_specifications, "volume"),
        client_token=request.client_token,
        fingerprint=fingerprint,
        zone=zone,
        snapshot_id=request.snapshot_id,
        volume_type=request.volume_type,
        iops=_iops(request, size),
        throughput=request.throughput or (_GP3_THROUGHPUT if request.volume_type == "gp3" else None),
        multi_attach=request.multi_attach_enabled,
    )
    key_arn = _key(request, snapshot, context)
    made = _empty(volume, key_arn, context) if snapshot is None else _filled(volume, snapshot, key_arn, context)
    context.put(made)
    return volume_row(made)


def create_snapshot(request: CreateSnapshotRequest, volume: Volume, context: Context) -> SnapshotRow:
    """A snapshot of a volume, with its data key and its blocks.

    Raises:
        IncorrectState: the volume is still being made.
    """
    if request.outpost_arn or request.location == "local":
        raise UnsupportedOperation("Snapshots on Outposts and in Local Zones are not supported.")
    if volume.state is not VolumeState.AVAILABLE:
        raise IncorrectState(f"The volume '{volume.volume_id}' is not 'available'.")
    # Raises its row version: it cannot be deleted at this very moment, and its blocks with it.
    context.put(volume)
    snapshot = Snapshot(
        account_id=context.account_id,
        region=context.region,
        snapshot_id=new_id("snap", context.entropy.random_bytes(ID_RANDOM_BYTES)),
        volume_id=volume.volume_id,
        size_gib=volume.size_gib,
        created_at=context.now,
        lineage=volume.lineage,
        data_key=volume.data_key,
        description=request.description or "",
        tags=checked_tags(request.tag_specifications, "snapshot"),
    ).completed(volume.blocks, at=context.now)
    context.put(snapshot)
    return snapshot_row(snapshot, owned=True, progress="100%")


def _before(request: CreateVolumeRequest, fingerprint: str, context: Context) -> Volume | None:
    """What the same client token made before."""
    if request.client_token is None:
        return None
    before = context.database.volume_of_token(context.account_id, context.region, request.client_token)
    if before is not None and before.fingerprint != fingerprint:
        raise IdempotentParameterMismatch(
            "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
        )
    return before


def _check_snapshot(request: CreateVolumeRequest, snapshot: Snapshot) -> None:
    if snapshot.state is not SnapshotState.COMPLETED:
        raise IncorrectState(f"Snapshot is in invalid state - {snapshot.state}")
    if snapshot.encrypted and request.encrypted is False:
        raise InvalidParameterCombination("A volume from an encrypted snapshot is encrypted.")
    if request.size is not None and request.size < snapshot.size_gib:
        raise InvalidParameterValue(
            f"The volume size is invalid for snapshot {snapshot.snapshot_id}: it has {snapshot.size_gib}GiB."
        )


def _key(request: CreateVolumeRequest, snapshot: Snapshot | None, context: Context) -> str | None:
    """The ARN of the KMS key; None: plain."""
    if request.kms_key_id is not None:
        return keys.described_key(context, request.kms_key_id).arn
    if snapshot is not None and snapshot.encrypted and snapshot.account_id == context.account_id:
        return snapshot.key_arn
    if not _encrypted(request, snapshot, by_default=keys.encrypted_by_default(context)):
        return None
    return keys.described_key(context, keys.default_key(context)).arn


def _encrypted(request: CreateVolumeRequest, snapshot: Snapshot | None, *, by_default: bool) -> bool:
    """Whether the volume will be: what conditions are told, and what is done."""
    return bool(request.encrypted) or by_default or (snapshot is not None and snapshot.encrypted)


def _empty(volume: Volume, key_arn: str | None, context: Context) -> Volume:
    if key_arn is None:
        data_key, _ = keys.plain_data_key(context, volume.lineage)
        return volume.changed(data_key=data_key).completed(None)
    try:
        data_key = keys.new_data_key(keys.front(context), context, key_arn, volume.volume_id)
    except AWSError as error:
        return _doomed(volume, error, context)
    return volume.changed(data_key=data_key).completed(None)


def _filled(volume: Volume, snapshot: Snapshot, key_arn: str | None, context: Context) -> Volume:
    """With the blocks of a snapshot."""
    assert snapshot.data_key is not None, "it is completed"
    note_use(snapshot, SharedUse.VOLUME, context)
    if not snapshot.encrypted and key_arn is not None:
        copying = begin_copying(snapshot, key_arn, volume.volume_id, volume.lineage, context)
        return volume.changed(data_key=copying.data_key, work=copying.work, due_at=context.now, pack=volume.volume_id)
    # Raises its row version: it cannot be deleted at this very moment, and its blocks with it.
    context.put(snapshot)
    sharing = volume.changed(lineage=snapshot.lineage)
    if key_arn is None:
        return sharing.changed(data_key=snapshot.data_key).completed(snapshot.blocks)
    try:
        data_key = keys.rewrapped(keys.front(context), context, snapshot.data_key, key_arn, volume.volume_id)
    except AWSError as error:
        return _doomed(volume, error, context)
    return sharing.changed(data_key=data_key).completed(snapshot.blocks)


def _doomed(volume: Volume, error: AWSError, context: Context) -> Volume:
    if error.http_status >= 500:
        raise error
    return volume.changed(work=Failing(keys.NOT_ACCESSIBLE), due_at=context.now)


def _iops(request: CreateVolumeRequest, size: int) -> int | None:
    """What a type of volume gives by itself. Source: Amazon EBS User Guide, "Amazon EBS volume types"."""
    if request.iops is not None:
        return request.iops
    if request.volume_type == "gp3":
        return _GP3_IOPS
    return min(max(100, 3 * size), 16_000) if request.volume_type == "gp2" else None


def _facts_of_new_volume(
    request: CreateVolumeRequest, database: Database, account_id: str, region: str
) -> Mapping[str, Fact]:
    """The condition keys of the volume. Encrypted is what will be, whichever of the ways it comes by."""
    snapshot = None if request.snapshot_id is None else database.snapshot_of_anybody(region, request.snapshot_id)
    if snapshot is not None and not snapshot.visible_to(account_id):
        snapshot = None
    by_default = keys.defaults_of(database, account_id, region).encrypted
    encrypted = _encrypted(request, snapshot, by_default=by_default)
    size = request.size if request.size is not None or snapshot is None else snapshot.size_gib
    known: dict[str, object] = {
        "ec2:AvailabilityZone": request.availability_zone,
        "ec2:Encrypted": "true" if encrypted else "false",
        "ec2:KmsKeyId": request.kms_key_id,
        "ec2:ParentSnapshot": None if request.snapshot_id is None else snapshot_arn(region, request.snapshot_id),
        "ec2:VolumeIops": request.iops,
        "ec2:VolumeSize": size,
        "ec2:VolumeThroughput": request.throughput,
        "ec2:VolumeType": request.volume_type,
    }
    return {name: str(value) for name, value in known.items() if value is not None}


def _facts_of_new_snapshot(
    request: CreateSnapshotRequest, _database: Database, account_id: str, region: str
) -> Mapping[str, Fact]:
    return {"ec2:ParentVolume": volume_arn(region, account_id, request.volume_id)}


OPERATIONS: Final = (
    Operation(
        "CreateVolume",
        service="ec2",
        run=create_volume,
        request=CreateVolumeRequest,
        check=check_create_volume,
        targets=(NewStorage("volume", facts=_facts_of_new_volume), SnapshotNamed(shared=True, optional=True)),
        condition_keys=tagging_of("CreateVolume"),
        further_actions=tagging_too,
        dry_run_asks=True,
        writes=True,
        audit=Audit(
            parameters=(
                "availability_zone",
                "size",
                "snapshot_id",
                "encrypted",
                "kms_key_id",
                "volume_type",
                "iops",
                "throughput",
                "client_token",
                "tag_specifications",
            ),
            answers=(
                "volume_id",
                "size",
                "snapshot_id",
                "availability_zone",
                "state",
                "volume_type",
                "encrypted",
                "kms_key_id",
                "create_time",
                "iops",
            ),
            shown=asked_shown,
            answers_shown=made_shown,
            read_only=False,
        ),
    ),
    Operation(
        "CreateSnapshot",
        service="ec2",
        run=create_snapshot,
        request=CreateSnapshotRequest,
        check=check_create_snapshot,
        targets=(NewStorage("snapshot", facts=_facts_of_new_snapshot), VolumeNamed()),
        condition_keys=tagging_of("CreateSnapshot"),
        further_actions=tagging_too,
        dry_run_asks=True,
        writes=True,
        audit=Audit(
            parameters=("volume_id", "description", "tag_specifications"),
            answers=(
                "snapshot_id",
                "volume_id",
                "state",
                "start_time",
                "progress",
                "owner_id",
                "volume_size",
                "description",
                "encrypted",
            ),
            shown=asked_shown,
            answers_shown=made_shown,
            read_only=False,
        ),
    ),
)

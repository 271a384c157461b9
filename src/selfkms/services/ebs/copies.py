"""CopySnapshot: a snapshot under another data key, in this Region and this account, from whichever it comes.

What is wrong with the destination key's name is said at once. What is wrong with the source, or with the right to use a
key, only the state of the copy says, as on AWS: the ID of a copy is given in any case.

Source: Amazon EC2 API Reference, "CopySnapshot"; Amazon EBS User Guide, "Copy an Amazon EBS snapshot".
"""

from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from selfkms.domain.ebs.errors import (
    InvalidParameterDependency,
    InvalidParameterValue,
    InvalidRegion,
    ResourceLimitExceeded,
    UnsupportedOperation,
)
from selfkms.domain.ebs.events import SharedUse, shared_use_event
from selfkms.domain.ebs.storage import (
    ID_RANDOM_BYTES,
    Copy,
    DataKey,
    Failing,
    KeyUse,
    Snapshot,
    SnapshotState,
    Work,
    check_description,
    is_snapshot_id,
    new_id,
)
from selfkms.domain.errors import AWSError
from selfkms.ports.key_service import KeyService
from selfkms.services.context import Context
from selfkms.services.ebs import keys
from selfkms.services.ebs.audit_forms import asked_shown
from selfkms.services.ebs.shapes import EC2Tag, TagSpecification, checked_tags, tag_rows, tagging_of, tagging_too
from selfkms.services.operation import Audit, NewStorage, Operation, SnapshotNamed
from selfkms.services.shapes import Shape

COPIES_AT_ONCE_MAX: Final = 20
"""Amazon EBS User Guide, "Copy an Amazon EBS snapshot", Considerations: for each destination Region."""

_NOT_OFFERED: Final = ("destination_outpost_arn", "destination_availability_zone")


class CopySnapshotRequest(Shape, frozen=True, kw_only=True):
    source_region: str
    source_snapshot_id: str
    description: str | None = None
    encrypted: bool | None = None
    kms_key_id: str | None = None
    destination_region: str | None = None
    presigned_url: str | None = None
    completion_duration_minutes: int | None = None
    tag_specifications: tuple[TagSpecification, ...] = ()
    destination_outpost_arn: str | None = None
    destination_availability_zone: str | None = None
    dry_run: bool = False


class CopySnapshotResult(Shape, frozen=True, kw_only=True):
    snapshot_id: str
    tags: tuple[EC2Tag, ...] | None = None


class Copying(NamedTuple):
    """What is known of a copy that can be made."""

    work: Work
    data_key: DataKey | None


def check_copy_snapshot(request: CopySnapshotRequest) -> None:
    """Refuse what is no request for a copy, whatever there is to copy."""
    if not is_snapshot_id(request.source_snapshot_id):
        raise InvalidParameterValue("The specified snapshotId is invalid")
    for member in _NOT_OFFERED:
        if getattr(request, member):
            raise UnsupportedOperation("Copies to Outposts and Local Zones are not supported.")
    check_description(request.description)
    if request.presigned_url:
        _check_presigned_url(request, request.presigned_url)
    checked_tags(request.tag_specifications, "snapshot")


def copy_snapshot(request: CopySnapshotRequest, source: Snapshot | None, context: Context) -> CopySnapshotResult:
    """A pending copy, made by and by.

    Raises:
        InvalidRegion, InvalidParameterValue: a Region that is none, or not this one; a KMS key that is none.
        AuthFailure: the caller may not describe the KMS key.
        ResourceLimitExceeded: as many copies as may be are under way.
    """
    if request.source_region not in context.regions:
        raise InvalidRegion(f"The region '{request.source_region}' does not exist.")
    if request.destination_region not in (None, context.region):
        raise InvalidParameterValue(
            f"DestinationRegion '{request.destination_region}' does not match the current region ({context.region})"
        )
    _check_limit(context)
    key_arn = _destination_key(request, source, context)
    snapshot_id = new_id("snap", context.entropy.random_bytes(ID_RANDOM_BYTES))
    lineage = context.entropy.uuid()
    copying = _begin(source, key_arn, snapshot_id, lineage, context)
    tags = checked_tags(request.tag_specifications, "snapshot")
    context.put(
        Snapshot(
            account_id=context.account_id,
            region=context.region,
            snapshot_id=snapshot_id,
            size_gib=0 if source is None else source.size_gib,
            created_at=context.now,
            lineage=lineage,
            pack=snapshot_id,
            data_key=copying.data_key,
            description=request.description or "",
            tags=tags,
            work=copying.work,
            due_at=context.now,
        )
    )
    return CopySnapshotResult(snapshot_id=snapshot_id, tags=tag_rows(tags))


def _check_presigned_url(request: CopySnapshotRequest, url: str) -> None:
    """What botocore adds by itself says the same as the request, or somebody mixed two up. It is never fetched."""
    try:
        said = parse_qs(urlsplit(url).query)
    except ValueError:
        raise InvalidParameterValue("The PresignedUrl is no URL") from None
    for name, asked in (("SourceSnapshotId", request.source_snapshot_id), ("SourceRegion", request.source_region)):
        found = said.get(name, [asked])[0]
        if found != asked:
            what = "source snapshot" if name == "SourceSnapshotId" else "source region"
            raise InvalidParameterValue(
                f"The {what} specified in PresignedUrl '{found[:64]}' does not match the one in the request '{asked}'"
            )


def _check_limit(context: Context) -> None:
    under_way = context.database.snapshots_at_work(context.account_id, context.region)
    if sum(isinstance(snapshot.work, Copy) for snapshot in under_way) >= COPIES_AT_ONCE_MAX:
        raise ResourceLimitExceeded(f"Too many snapshot copies in progress. The limit is {COPIES_AT_ONCE_MAX}.")


def _destination_key(request: CopySnapshotRequest, source: Snapshot | None, context: Context) -> str | None:
    """The ARN of the KMS key of the copy; None: it is to be plain. What is encrypted never becomes plain."""
    if request.kms_key_id is not None and not request.encrypted:
        raise InvalidParameterDependency("The parameter KmsKeyId requires the parameter Encrypted to be set.")
    encrypted = (source is not None and source.encrypted) or request.encrypted or keys.encrypted_by_default(context)
    if not encrypted:
        return None
    return keys.described_key(context, request.kms_key_id or keys.default_key(context)).arn


def _begin(source: Snapshot | None, key_arn: str | None, snapshot_id: str, lineage: str, context: Context) -> Copying:
    if source is None or not source.visible_to(context.account_id):
        return Copying(Failing("Source snapshot is not found"), None)
    if source.state is not SnapshotState.COMPLETED:
        return Copying(Failing("Source snapshot is not complete"), None)
    copying = begin_copying(source, key_arn, snapshot_id, lineage, context)
    if isinstance(copying.work, Copy):
        note_use(source, SharedUse.COPIED, context)
    return copying


def begin_copying(source: Snapshot, key_arn: str | None, resource_id: str, lineage: str, context: Context) -> Copying:
    """The new data key, and what the keeper needs to re-encrypt without the caller: a grant on either KMS key."""
    assert source.data_key is not None, "it is completed"
    # Raises its row version: it cannot be deleted, nor its share be withdrawn, at this very moment.
    context.put(source)
    grants: list[KeyUse] = []
    try:
        if key_arn is None:
            data_key, _ = keys.plain_data_key(context, lineage)
        else:
            front = keys.front(context)
            data_key = keys.new_data_key(front, context, key_arn, resource_id)
            grants.append(_grant(front, key_arn, resource_id, context.region))
        if source.key_arn is not None:
            behind = context.key_service(keys.via(source.region), invoked_by=keys.behind_copies(context.region))
            grants.append(_grant(behind, source.key_arn, source.data_key.context_id, source.region))
    except AWSError as error:
        if error.http_status >= 500:
            raise
        return Copying(Failing(keys.NOT_ACCESSIBLE, grants=tuple(grants)), None)
    copy = Copy(source=source.blocks, source_key=source.data_key, source_lineage=source.lineage, grants=tuple(grants))
    return Copying(copy, data_key)


def note_use(source: Snapshot, use: SharedUse, context: Context) -> None:
    """The owner of a shared snapshot learns what others make of it."""
    if source.account_id != context.account_id:
        context.emit(
            shared_use_event(
                use,
                event_id=context.entropy.uuid(),
                shared_event_id=context.entropy.uuid(),
                at=context.now,
                snapshot=source,
                region=context.region,
                by_account=context.account_id,
            )
        )


def _grant(service: KeyService, key_arn: str, context_id: str, region: str) -> KeyUse:
    made = service.call(
        "CreateGrant",
        region=region,
        key_id=key_arn,
        grantee_service_principal=keys.via(region),
        retiring_service_principal=keys.via(region),
        operations=("Decrypt",),
        constraints=keys.only_for(context_id),
    )
    return KeyUse(key_arn=key_arn, grant_id=made.grant_id)


OPERATIONS: Final = (
    Operation(
        "CopySnapshot",
        service="ec2",
        run=copy_snapshot,
        request=CopySnapshotRequest,
        check=check_copy_snapshot,
        targets=(
            NewStorage("snapshot"),
            SnapshotNamed("source_snapshot_id", shared=True, region_member="source_region", may_be_missing=True),
        ),
        condition_keys=tagging_of("CopySnapshot"),
        further_actions=tagging_too,
        dry_run_asks=True,
        writes=True,
        audit=Audit(
            parameters=(
                "source_region",
                "source_snapshot_id",
                "description",
                "encrypted",
                "kms_key_id",
                "destination_region",
                "tag_specifications",
            ),
            answers=("snapshot_id",),
            shown=asked_shown,
            read_only=False,
        ),
    ),
)

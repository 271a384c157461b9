"""StartSnapshot, PutSnapshotBlock, CompleteSnapshot: a snapshot out of blocks that the caller has.

Source: EBS direct APIs API Reference, the operations of these names; Amazon EBS User Guide, "Use EBS direct APIs to
access the contents of an EBS snapshot".
"""

import hashlib
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from selfkms.domain.ebs.blocks import BLOCK_BYTES, VOLUME_GIB_MAX
from selfkms.domain.ebs.errors import (
    ConflictException,
    InvalidSignatureException,
    ValidationException,
)
from selfkms.domain.ebs.storage import (
    CONTEXT_NAME,
    DATA_KEY_BYTES,
    ID_RANDOM_BYTES,
    DataKey,
    Snapshot,
    SnapshotState,
    Upload,
    new_id,
)
from selfkms.domain.errors import AccessDeniedException
from selfkms.domain.policy.facts import Fact
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.ports.installation_keys import InstallationKeys
from selfkms.services.context import Context
from selfkms.services.ebs import keys
from selfkms.services.ebs.shapes import EC2Tag, of_tags, tag_rows, tags_of
from selfkms.services.ebs.stored import blocks_of
from selfkms.services.operation import Audit, NewStorage, Operation, SnapshotNamed
from selfkms.services.shapes import Shape

TIMEOUT_MINUTES: Final = 60
_TAGS_MAX: Final = 50
_SEALED: Final = "data key of an upload"
_SHA256: Final = "SHA256"
_LINEAR: Final = "LINEAR"
_HIDDEN: Final = "HIDDEN_DUE_TO_SECURITY_REASONS"


class StartSnapshotRequest(Shape, frozen=True, kw_only=True):
    volume_size: int
    parent_snapshot_id: str | None = None
    tags: tuple[EC2Tag, ...] = ()
    description: str | None = None
    client_token: str | None = None
    encrypted: bool | None = None
    kms_key_arn: str | None = None
    timeout: int = TIMEOUT_MINUTES


class StartSnapshotResult(Shape, frozen=True, kw_only=True):
    snapshot_id: str
    owner_id: str
    status: str
    start_time: float
    volume_size: int
    block_size: int
    description: str | None = None
    tags: tuple[EC2Tag, ...] | None = None
    parent_snapshot_id: str | None = None
    kms_key_arn: str | None = None
    sse_type: str | None = None


class PutSnapshotBlockRequest(Shape, frozen=True, kw_only=True):
    snapshot_id: str
    block_index: int
    block_data: Secret
    data_length: int
    progress: int | None = None
    checksum: str
    checksum_algorithm: str


class PutSnapshotBlockResult(Shape, frozen=True, kw_only=True):
    checksum: str
    checksum_algorithm: str


class CompleteSnapshotRequest(Shape, frozen=True, kw_only=True):
    snapshot_id: str
    changed_blocks_count: int
    checksum: str | None = None
    checksum_algorithm: str | None = None
    checksum_aggregation_method: str | None = None


class CompleteSnapshotResult(Shape, frozen=True, kw_only=True):
    status: str


def check_start_snapshot(request: StartSnapshotRequest) -> None:
    """Refuse what no snapshot can be started with.

    1. A size that no volume has.
    2. An encryption of its own beside a parent, whose it inherits; a KMS key and no encryption.
    3. Tags.
    """
    # 1.
    if request.volume_size > VOLUME_GIB_MAX:
        raise ValidationException("The volume size is not valid.", "INVALID_VOLUME_SIZE")
    # 2.
    named = request.encrypted is not None or request.kms_key_arn is not None
    if request.parent_snapshot_id is not None and named:
        raise _invalid("ParentSnapshotId cannot be specified together with Encrypted or KmsKeyArn.")
    if request.kms_key_arn is not None and request.encrypted is False:
        raise _invalid("KmsKeyArn cannot be specified when Encrypted is false.")
    # 3.
    names = [tag.key for tag in request.tags]
    reserved = any(name.lower().startswith("aws:") or not name for name in names)
    if len(names) > _TAGS_MAX or len(set(names)) < len(names) or reserved:
        raise ValidationException("The tags are not valid.", "INVALID_TAG")


def start_snapshot(request: StartSnapshotRequest, parent: Snapshot | None, context: Context) -> StartSnapshotResult:
    """A pending snapshot that blocks can be put into.

    Raises:
        ConflictException: the client token came before, with other parameters.
        ValidationException: the parent is none that can be built on; the KMS key cannot be used.
        ResourceNotFoundException: there is no such KMS key for the caller.
    """
    fingerprint = msgspec.json.encode(request).decode()
    if request.client_token is not None:
        before = context.database.snapshot_of_token(context.account_id, context.region, request.client_token)
        if before is not None and before.fingerprint != fingerprint:
            raise ConflictException("The client token was used with other parameters.")
        if before is not None:
            return _started(before)
    snapshot_id = new_id("snap", context.entropy.random_bytes(ID_RANDOM_BYTES))
    if parent is not None:
        _check_parent(parent, request, context)
        # Raises its row version: it cannot be deleted at this very moment, and its blocks with it.
        context.put(parent)
        lineage = parent.lineage
        data_key, secret = _inherited(parent, snapshot_id, context)
    else:
        lineage = context.entropy.uuid()
        data_key, secret = _data_key(request, snapshot_id, lineage, context)
    timeout_seconds = request.timeout * 60.0
    snapshot = Snapshot(
        account_id=context.account_id,
        region=context.region,
        snapshot_id=snapshot_id,
        size_gib=request.volume_size,
        created_at=context.now,
        lineage=lineage,
        pack=snapshot_id,
        data_key=data_key,
        description=request.description or "",
        parent_id=None if parent is None else parent.snapshot_id,
        tags=tags_of(request.tags),
        client_token=request.client_token,
        fingerprint=fingerprint,
        work=Upload(
            sealed_key=context.keys.seal(secret, bound_to=(_SEALED, snapshot_id)),
            timeout_seconds=timeout_seconds,
            parent=None if parent is None else parent.blocks,
        ),
        due_at=context.now + timeout_seconds,
    )
    context.put(snapshot)
    return _started(snapshot)


def put_snapshot_block(
    request: PutSnapshotBlockRequest, snapshot: Snapshot, context: Context
) -> PutSnapshotBlockResult:
    """Write a block, durably. Of several with one index the last one counts.

    Raises:
        ValidationException: the snapshot takes no blocks any more, the block is none, or not of this volume.
        InvalidSignatureException: it is not the block that the checksum was computed of.
    """
    upload = _upload_of(snapshot)
    if upload is None or upload.completing:
        raise _no_snapshot(snapshot)
    block = request.block_data
    if request.checksum_algorithm != _SHA256:
        raise _invalid("The checksum algorithm is not supported.")
    if request.data_length != BLOCK_BYTES or len(block) != BLOCK_BYTES:
        raise ValidationException(f"A block has {BLOCK_BYTES} bytes.", "INVALID_BLOCK")
    if not 0 <= request.block_index < snapshot.block_count:
        raise ValidationException("The block index is outside of the volume.", "INVALID_BLOCK")
    checksum = hashlib.sha256(block.open(SECRET_ACCESS)).digest()
    if _decoded(request.checksum) != checksum:
        raise InvalidSignatureException("The checksum of the block is not the one that was given.")
    data_key = upload_key(upload, snapshot.snapshot_id, context.keys)
    with blocks_of(snapshot):
        context.blocks.put(
            snapshot.lineage, snapshot.pack, request.block_index, block, checksum=checksum, data_key=data_key
        )
    return PutSnapshotBlockResult(checksum=request.checksum, checksum_algorithm=_SHA256)


def complete_snapshot(request: CompleteSnapshotRequest, snapshot: Snapshot, context: Context) -> CompleteSnapshotResult:
    """No more blocks will come. Whether all of them have come the state tells a moment later.

    Raises:
        ValidationException: the snapshot takes no blocks any more, or the checksum is of a kind that is not offered.
    """
    upload = _upload_of(snapshot)
    if snapshot.state is SnapshotState.COMPLETED or (upload is not None and upload.completing):
        return CompleteSnapshotResult(status=snapshot.state)
    if upload is None:
        raise _no_snapshot(snapshot)
    kinds = (request.checksum_algorithm or _SHA256, request.checksum_aggregation_method or _LINEAR)
    if kinds != (_SHA256, _LINEAR):
        raise _invalid("The checksum algorithm or the aggregation method is not supported.")
    completing = msgspec.structs.replace(
        upload, completing=True, changed_blocks=request.changed_blocks_count, checksum=request.checksum
    )
    context.put(snapshot.changed(work=completing, due_at=context.now))
    return CompleteSnapshotResult(status=snapshot.state)


def upload_key(upload: Upload, snapshot_id: str, installation_keys: InstallationKeys) -> Secret:
    """The data key of an upload."""
    return installation_keys.open(upload.sealed_key, bound_to=(_SEALED, snapshot_id))


def _upload_of(snapshot: Snapshot) -> Upload | None:
    pending = snapshot.state is SnapshotState.PENDING
    return snapshot.work if pending and isinstance(snapshot.work, Upload) else None


def _check_parent(parent: Snapshot, request: StartSnapshotRequest, context: Context) -> None:
    if parent.state is not SnapshotState.COMPLETED:
        raise ValidationException("The parent snapshot is not completed.", "INVALID_SNAPSHOT_ID")
    if request.volume_size < parent.size_gib:
        raise ValidationException("The volume size is less than that of the parent.", "INVALID_VOLUME_SIZE")
    if not parent.encrypted and keys.encrypted_by_default(context):
        raise _invalid("The parent snapshot is not encrypted, and encryption by default is enabled.")


def _inherited(parent: Snapshot, snapshot_id: str, context: Context) -> tuple[DataKey, Secret]:
    """The data key of the parent, bound to the child."""
    assert parent.data_key is not None, "it is completed"
    if parent.data_key.key_arn is None:
        return parent.data_key, keys.open_plain(context.keys, parent.data_key, parent.lineage)
    service = keys.direct(context)
    with keys.told_directly():
        data_key = keys.rewrapped(service, context, parent.data_key, parent.data_key.key_arn, snapshot_id)
        opened = service.call(
            "Decrypt",
            region=context.region,
            ciphertext_blob=data_key.wrapped,
            key_id=data_key.key_arn,
            encryption_context=data_key.encryption_context,
        )
    return data_key, opened.plaintext


def _data_key(
    request: StartSnapshotRequest, snapshot_id: str, lineage: str, context: Context
) -> tuple[DataKey, Secret]:
    """A new one: under the KMS key that is named, that of the account, or none."""
    encrypted = request.encrypted or request.kms_key_arn is not None or keys.encrypted_by_default(context)
    if not encrypted:
        return keys.plain_data_key(context, lineage)
    service = keys.direct(context)
    with keys.told_directly():
        named = request.kms_key_arn or keys.default_key(context)
        key = service.call("DescribeKey", region=context.region, key_id=named).key_metadata
        try:
            made = service.call(
                "GenerateDataKey",
                region=context.region,
                key_id=key.arn,
                number_of_bytes=DATA_KEY_BYTES,
                encryption_context={CONTEXT_NAME: snapshot_id},
            )
        except AccessDeniedException:
            # The caller may know of the key, so this is told with another error than a key that is not there.
            raise ValidationException("The KMS key cannot be used.", "INVALID_DEPENDENCY_REQUEST") from None
    return DataKey(wrapped=made.ciphertext_blob, key_arn=key.arn, context_id=snapshot_id), made.plaintext


def _started(snapshot: Snapshot) -> StartSnapshotResult:
    return StartSnapshotResult(
        snapshot_id=snapshot.snapshot_id,
        owner_id=snapshot.account_id,
        status=snapshot.state,
        start_time=snapshot.created_at,
        volume_size=snapshot.size_gib,
        block_size=BLOCK_BYTES,
        description=snapshot.description or None,
        tags=tag_rows(snapshot.tags),
        parent_snapshot_id=snapshot.parent_id,
        kms_key_arn=snapshot.key_arn,
        sse_type="sse-kms" if snapshot.encrypted else None,
    )


def _decoded(checksum: str) -> bytes:
    try:
        return b64decode(checksum, validate=True)
    except Base64Error:
        return b""


def _invalid(text: str) -> ValidationException:
    return ValidationException(text, "INVALID_PARAMETER_VALUE")


def _no_snapshot(snapshot: Snapshot) -> ValidationException:
    return ValidationException(f"The snapshot {snapshot.snapshot_id} takes no blocks.", "INVALID_SNAPSHOT_ID")


def condition_keys(request: Any) -> Mapping[str, Fact]:
    """Service Authorization Reference, "Amazon Elastic Block Store"."""
    found: dict[str, Fact] = {"ebs:VolumeSize": str(request.volume_size)}
    if request.description is not None:
        found["ebs:Description"] = request.description
    if request.parent_snapshot_id is not None:
        found["ebs:ParentSnapshot"] = request.parent_snapshot_id
    return {**found, **of_tags(tags_of(request.tags))}


def hidden(parameters: dict[str, Any]) -> dict[str, Any]:
    """CloudTrail does not show the KMS key. Source: Amazon EBS User Guide, "Log API Calls with AWS CloudTrail"."""
    return {name: _HIDDEN if name == "kmsKeyArn" else value for name, value in parameters.items()}


OPERATIONS: Final = (
    Operation(
        "StartSnapshot",
        service="ebs",
        run=start_snapshot,
        request=StartSnapshotRequest,
        check=check_start_snapshot,
        targets=(NewStorage("snapshot"), SnapshotNamed("parent_snapshot_id", optional=True)),
        condition_keys=condition_keys,
        writes=True,
        audit=Audit(
            parameters=(
                "volume_size",
                "client_token",
                "description",
                "parent_snapshot_id",
                "encrypted",
                "kms_key_arn",
                "timeout",
                "tags",
            ),
            answers=(
                "snapshot_id",
                "owner_id",
                "status",
                "start_time",
                "volume_size",
                "block_size",
                "description",
                "parent_snapshot_id",
                "kms_key_arn",
            ),
            shown=hidden,
            answers_shown=hidden,
            read_only=False,
        ),
    ),
    Operation(
        "PutSnapshotBlock",
        service="ebs",
        run=put_snapshot_block,
        request=PutSnapshotBlockRequest,
        targets=(SnapshotNamed(data=True),),
        slow=True,
        audit=Audit(
            parameters=("snapshot_id", "block_index", "data_length", "checksum_algorithm"),
            read_only=False,
            data=True,
        ),
    ),
    Operation(
        "CompleteSnapshot",
        service="ebs",
        run=complete_snapshot,
        request=CompleteSnapshotRequest,
        targets=(SnapshotNamed(),),
        writes=True,
        audit=Audit(parameters=("snapshot_id", "changed_blocks_count"), answers=("status",), read_only=False),
    ),
)

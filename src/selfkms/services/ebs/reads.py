"""ListSnapshotBlocks, ListChangedBlocks, GetSnapshotBlock: what is in a snapshot.

Source: EBS direct APIs API Reference, the operations of these names.
"""

from typing import Final

from selfkms.domain.ebs.blocks import BLOCK_BYTES, checksum_text
from selfkms.domain.ebs.errors import ValidationException
from selfkms.domain.ebs.storage import Snapshot, SnapshotState
from selfkms.domain.secrets import Secret
from selfkms.services.context import Context
from selfkms.services.ebs import keys
from selfkms.services.ebs.stored import blocks_of
from selfkms.services.ebs.tokens import BLOCK_SECONDS, PAGE_SECONDS, TokenError, Tokens
from selfkms.services.operation import Audit, Operation, SnapshotNamed
from selfkms.services.shapes import Shape

RESULTS_MAX: Final = 10_000


class ListSnapshotBlocksRequest(Shape, frozen=True, kw_only=True):
    snapshot_id: str
    next_token: str | None = None
    max_results: int = RESULTS_MAX
    starting_block_index: int = 0


class BlockEntry(Shape, frozen=True, kw_only=True):
    block_index: int
    block_token: str


class ListSnapshotBlocksResult(Shape, frozen=True, kw_only=True):
    blocks: tuple[BlockEntry, ...]
    expiry_time: float
    volume_size: int
    block_size: int
    next_token: str | None = None


class ListChangedBlocksRequest(Shape, frozen=True, kw_only=True):
    first_snapshot_id: str | None = None
    second_snapshot_id: str
    next_token: str | None = None
    max_results: int = RESULTS_MAX
    starting_block_index: int = 0


class ChangedBlockEntry(Shape, frozen=True, kw_only=True):
    block_index: int
    first_block_token: str | None = None
    second_block_token: str | None = None


class ListChangedBlocksResult(Shape, frozen=True, kw_only=True):
    changed_blocks: tuple[ChangedBlockEntry, ...]
    expiry_time: float
    volume_size: int
    block_size: int
    next_token: str | None = None


class GetSnapshotBlockRequest(Shape, frozen=True, kw_only=True):
    snapshot_id: str
    block_index: int
    block_token: str


class GetSnapshotBlockResult(Shape, frozen=True, kw_only=True):
    data_length: int
    block_data: Secret
    checksum: str
    checksum_algorithm: str


def list_snapshot_blocks(
    request: ListSnapshotBlocksRequest, snapshot: Snapshot, context: Context
) -> ListSnapshotBlocksResult:
    """The blocks that were ever written, ascending, with a token for each.

    Raises:
        ValidationException: the snapshot cannot be read, or the page token is none.
    """
    _check_readable(snapshot)
    _describe_key(snapshot, context)
    pages = Tokens(context.keys, "page of blocks", snapshot.snapshot_id)
    start = _start(request.next_token, request.starting_block_index, pages, context)
    found = _indices(snapshot, start, request.max_results + 1, context)
    expires_at = context.now + BLOCK_SECONDS
    tokens = _block_tokens(snapshot, context)
    return ListSnapshotBlocksResult(
        blocks=tuple(
            BlockEntry(block_index=index, block_token=tokens.issue(index, expires_at=expires_at))
            for index in found[: request.max_results]
        ),
        expiry_time=expires_at,
        volume_size=snapshot.size_gib,
        block_size=BLOCK_BYTES,
        next_token=_next(found, request.max_results, pages, context),
    )


def list_changed_blocks(
    request: ListChangedBlocksRequest, second: Snapshot, first: Snapshot | None, context: Context
) -> ListChangedBlocksResult:
    """The blocks in which two snapshots of a lineage differ; without a first one all of the second.

    Raises:
        ValidationException: a snapshot cannot be read, they are not related, or the page token is none.
    """
    _check_readable(second)
    if first is not None:
        _check_readable(first)
        if first.lineage != second.lineage:
            raise ValidationException("The snapshots are not related.", "UNRELATED_SNAPSHOTS")
    _describe_key(second, context)
    if first is not None and first.key_arn != second.key_arn:
        _describe_key(first, context)
    first_id = "" if first is None else first.snapshot_id
    pages = Tokens(context.keys, "page of changed blocks", first_id, second.snapshot_id)
    start = _start(request.next_token, request.starting_block_index, pages, context)
    with blocks_of(second):
        found = (
            []
            if second.blocks is None
            else context.blocks.changed(
                None if first is None else first.blocks, second.blocks, start=start, limit=request.max_results + 1
            )
        )
    expires_at = context.now + BLOCK_SECONDS
    of_second = _block_tokens(second, context)
    of_first = of_second if first is None else _block_tokens(first, context)
    return ListChangedBlocksResult(
        changed_blocks=tuple(
            ChangedBlockEntry(
                block_index=block.block_index,
                first_block_token=of_first.issue(block.block_index, expires_at=expires_at) if block.in_first else None,
                second_block_token=of_second.issue(block.block_index, expires_at=expires_at)
                if block.in_second
                else None,
            )
            for block in found[: request.max_results]
        ),
        expiry_time=expires_at,
        volume_size=second.size_gib,
        block_size=BLOCK_BYTES,
        next_token=_next([block.block_index for block in found], request.max_results, pages, context),
    )


def get_snapshot_block(
    request: GetSnapshotBlockRequest, snapshot: Snapshot, context: Context
) -> GetSnapshotBlockResult:
    """A block. The KMS key is asked for it each time, so that what is revoked is refused at once.

    Raises:
        ValidationException: the snapshot cannot be read, or the token is not one of this block's.
    """
    _check_readable(snapshot)
    try:
        said = _block_tokens(snapshot, context).number_of(request.block_token, now=context.now)
    except TokenError:
        said = None
    if said != request.block_index:
        raise ValidationException("The block token is not valid.", "INVALID_BLOCK_TOKEN")
    data_key = _data_key(snapshot, context)
    with blocks_of(snapshot):
        block = (
            None
            if snapshot.blocks is None
            else context.blocks.get(snapshot.blocks, request.block_index, data_key=data_key)
        )
    if block is None:
        raise ValidationException("The block is not in the snapshot.", "INVALID_BLOCK")
    return GetSnapshotBlockResult(
        data_length=BLOCK_BYTES,
        block_data=block.data,
        checksum=checksum_text(block.checksum),
        checksum_algorithm="SHA256",
    )


def _check_readable(snapshot: Snapshot) -> None:
    if snapshot.state is not SnapshotState.COMPLETED or snapshot.public:
        raise ValidationException(f"The snapshot {snapshot.snapshot_id} cannot be read.", "INVALID_SNAPSHOT_ID")


def _describe_key(snapshot: Snapshot, context: Context) -> None:
    """Who may not know the KMS key may not know which blocks there are."""
    if snapshot.encrypted:
        with keys.told_directly():
            keys.direct(context).call("DescribeKey", region=context.region, key_id=snapshot.key_arn)


def _data_key(snapshot: Snapshot, context: Context) -> Secret:
    assert snapshot.data_key is not None, "it is completed"
    if not snapshot.encrypted:
        return keys.open_plain(context.keys, snapshot.data_key, snapshot.lineage)
    _describe_key(snapshot, context)
    with keys.told_directly():
        opened = keys.direct(context).call(
            "Decrypt",
            region=context.region,
            ciphertext_blob=snapshot.data_key.wrapped,
            key_id=snapshot.key_arn,
            encryption_context=snapshot.data_key.encryption_context,
        )
    plaintext: Secret = opened.plaintext
    return plaintext


def _block_tokens(snapshot: Snapshot, context: Context) -> Tokens:
    return Tokens(context.keys, "block", snapshot.snapshot_id)


def _indices(snapshot: Snapshot, start: int, limit: int, context: Context) -> list[int]:
    with blocks_of(snapshot):
        return [] if snapshot.blocks is None else context.blocks.indices(snapshot.blocks, start=start, limit=limit)


def _start(token: str | None, starting_block_index: int, pages: Tokens, context: Context) -> int:
    if token is None:
        return starting_block_index
    try:
        return pages.number_of(token, now=context.now)
    except TokenError:
        raise ValidationException("The page token is not valid.", "INVALID_PAGE_TOKEN") from None


def _next(indices: list[int], count: int, pages: Tokens, context: Context) -> str | None:
    """One entry more than the page holds tells whether there is another page, and where it begins."""
    if len(indices) <= count:
        return None
    return pages.issue(indices[count], expires_at=context.now + PAGE_SECONDS)


OPERATIONS: Final = (
    Operation(
        "ListSnapshotBlocks",
        service="ebs",
        run=list_snapshot_blocks,
        request=ListSnapshotBlocksRequest,
        targets=(SnapshotNamed(shared=True, data=True),),
        slow=True,
        audit=Audit(parameters=("snapshot_id", "max_results", "starting_block_index"), data=True),
    ),
    Operation(
        "ListChangedBlocks",
        service="ebs",
        run=list_changed_blocks,
        request=ListChangedBlocksRequest,
        targets=(
            SnapshotNamed("second_snapshot_id", shared=True, data=True),
            SnapshotNamed("first_snapshot_id", shared=True, optional=True, data=True),
        ),
        slow=True,
        audit=Audit(
            parameters=("first_snapshot_id", "second_snapshot_id", "max_results", "starting_block_index"), data=True
        ),
    ),
    Operation(
        "GetSnapshotBlock",
        service="ebs",
        run=get_snapshot_block,
        request=GetSnapshotBlockRequest,
        targets=(SnapshotNamed(shared=True, data=True),),
        slow=True,
        audit=Audit(parameters=("snapshot_id", "block_index"), data=True),
    ),
)

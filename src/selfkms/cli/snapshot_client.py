"""The EBS direct APIs as `selfkms snapshot` uses them: a client like any other, of whichever server is named."""

import hashlib
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeVar

ATTEMPTS: Final = 5
"""For each request that nobody answers, or with a 500."""

IDLE_MINUTES: Final = 4_320
"""How long an interrupted import may rest before the server gives the snapshot up: as long as it lets us."""

_RESULTS_MAX: Final = 10_000
_FIRST_PAUSE_SECONDS: Final = 0.25
_PAUSE_SECONDS_MAX: Final = 5.0
_SHA256: Final = "SHA256"
_LINEAR: Final = "LINEAR"

T = TypeVar("T")


class TransferError(Exception):
    """A request was refused or not answered, or what came is not what was sent."""


class ListedBlock(NamedTuple):
    """A block of a snapshot, and what it is asked for with."""

    block_index: int
    token: str


class Page(NamedTuple):
    """Some of the blocks of a snapshot."""

    blocks: list[ListedBlock]
    size_gib: int
    block_bytes: int


class SnapshotClient:
    """For as many threads as it was made for."""

    def __init__(self, direct: Any, ec2: Callable[[], Any]) -> None:
        """Take botocore's client of the EBS direct APIs; that of Amazon EC2 is made if somebody waits."""
        self._direct = direct
        self._ec2 = ec2

    def start(self, size_gib: int, *, description: str | None, encrypted: bool, key_arn: str | None) -> str:
        """A snapshot that blocks can be put into; its ID."""
        wanted: dict[str, Any] = {"VolumeSize": size_gib, "Timeout": IDLE_MINUTES}
        if description is not None:
            wanted["Description"] = description
        if encrypted or key_arn is not None:
            wanted["Encrypted"] = True
        if key_arn is not None:
            wanted["KmsKeyArn"] = key_arn
        snapshot_id: str = answered(lambda: self._direct.start_snapshot(**wanted))["SnapshotId"]
        return snapshot_id

    def put(self, snapshot_id: str, index: int, block: bytes, digest: bytes) -> None:
        """Write a block, whose SHA-256 is known."""
        answered(
            lambda: self._direct.put_snapshot_block(
                SnapshotId=snapshot_id,
                BlockIndex=index,
                BlockData=block,
                DataLength=len(block),
                Checksum=_text(digest),
                ChecksumAlgorithm=_SHA256,
            )
        )

    def complete(self, snapshot_id: str, blocks: int, checksum: bytes) -> str:
        """Say that no more blocks come: how many there are, and the SHA-256 over those of all. The state."""
        answer = answered(
            lambda: self._direct.complete_snapshot(
                SnapshotId=snapshot_id,
                ChangedBlocksCount=blocks,
                Checksum=_text(checksum),
                ChecksumAlgorithm=_SHA256,
                ChecksumAggregationMethod=_LINEAR,
            )
        )
        status: str = answer["Status"]
        return status

    def wait(self, snapshot_id: str, *, pause: Callable[[float], None] = time.sleep) -> None:
        """Return when the snapshot is completed.

        Raises:
            TransferError: it came to nothing.
        """
        ec2 = answered(self._ec2)
        seconds = _FIRST_PAUSE_SECONDS
        while True:
            (found,) = answered(lambda: ec2.describe_snapshots(SnapshotIds=[snapshot_id]))["Snapshots"]
            if found["State"] == "completed":
                return
            if found["State"] != "pending":
                raise TransferError(f"{snapshot_id} failed: {found.get('StateMessage', found['State'])}")
            pause(seconds)
            seconds = min(2 * seconds, _PAUSE_SECONDS_MAX)

    def pages(self, snapshot_id: str) -> Iterator[Page]:
        """All blocks that were ever written, ascending; at least one page."""
        wanted: dict[str, Any] = {"SnapshotId": snapshot_id, "MaxResults": _RESULTS_MAX}
        while True:
            answer = answered(lambda: self._direct.list_snapshot_blocks(**wanted))
            blocks = [ListedBlock(block["BlockIndex"], block["BlockToken"]) for block in answer["Blocks"]]
            yield Page(blocks, answer["VolumeSize"], answer["BlockSize"])
            if not answer.get("NextToken"):
                return
            wanted["NextToken"] = answer["NextToken"]

    def get(self, snapshot_id: str, block: ListedBlock) -> bytes:
        """The data of a block, which are those that its checksum was computed of.

        Raises:
            TransferError: they are not, as often as they are asked for.
        """
        for _ in range(ATTEMPTS):
            answer = answered(
                lambda: self._direct.get_snapshot_block(
                    SnapshotId=snapshot_id, BlockIndex=block.block_index, BlockToken=block.token
                )
            )
            data = _read(answer["BlockData"])
            if data is not None and answer["Checksum"] == _text(hashlib.sha256(data).digest()):
                return data
        raise TransferError(f"block {block.block_index} of {snapshot_id} does not arrive as its checksum says")


def connected(*, endpoint_url: str | None, region: str | None, profile: str | None, threads: int) -> SnapshotClient:
    """A client by the usual settings of AWS, as far as nothing else is said.

    Raises:
        TransferError: they are not enough to make one, or wrong.
    """
    import botocore.session
    from botocore.config import Config

    config = Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS}, max_pool_connections=threads)

    def make(service: str) -> Any:
        session = botocore.session.Session(profile=profile)
        return session.create_client(service, region_name=region, endpoint_url=endpoint_url, config=config)

    return SnapshotClient(answered(lambda: make("ebs")), lambda: make("ec2"))


def answered(request: Callable[[], T]) -> T:
    """What a request of botocore's gives.

    Raises:
        TransferError: whatever botocore says of it.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return request()
    except ClientError as error:
        reason = error.response.get("Reason")
        raise TransferError(f"{error} ({reason})" if reason and reason not in str(error) else str(error)) from error
    except BotoCoreError as error:
        raise TransferError(str(error)) from error


def _read(body: Any) -> bytes | None:
    """An answer's body; None: the connection ended within it."""
    from botocore.exceptions import BotoCoreError

    try:
        data: bytes = body.read()
    except BotoCoreError:
        return None
    return data


def _text(digest: bytes) -> str:
    return b64encode(digest).decode("ascii")

"""The EBS direct APIs and DescribeSnapshots in memory, as botocore's clients have them; checksums are looked at."""

import hashlib
import io
from base64 import b64encode
from collections.abc import Mapping
from threading import Lock
from typing import Any, Final

from botocore.exceptions import ClientError

from selfkms.cli.snapshot_client import SnapshotClient
from selfkms.domain.ebs.blocks import BLOCK_BYTES

SNAPSHOT_ID: Final = "snap-00000000000000001"


def refusal(operation: str, code: str, reason: str = "") -> ClientError:
    """An error as botocore raises it."""
    return ClientError({"Error": {"Code": code, "Message": "no"}, "Reason": reason}, operation)


def text_of(digest: bytes) -> str:
    """A checksum as the API has it."""
    return b64encode(digest).decode()


class DirectAPIs:
    """One server with one snapshot."""

    def __init__(self, blocks: Mapping[int, bytes] | None = None, *, page: int = 10_000) -> None:
        """Begin with the blocks of a snapshot that is completed, or with none."""
        self.blocks = dict(blocks or {})
        self.page = page
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.fail_at: int | None = None
        """A block for which nobody answers."""
        self.error: BaseException = refusal("PutSnapshotBlock", "InternalServerException")
        self.damaged: dict[int, int] = {}
        """How often a block arrives damaged."""
        self.states = ["completed"]
        self.message = "Checksum mismatch for snapshot"
        self._lock = Lock()

    def client(self) -> SnapshotClient:
        """A client of it."""
        return SnapshotClient(self, lambda: self)

    def count(self, operation: str) -> int:
        """How many calls of an operation there were."""
        return sum(name == operation for name, _ in self.calls)

    def _note(self, operation: str, parameters: dict[str, Any]) -> None:
        with self._lock:
            self.calls.append((operation, parameters))

    def start_snapshot(self, **parameters: Any) -> dict[str, Any]:
        self._note("StartSnapshot", parameters)
        self.size_gib = parameters["VolumeSize"]
        return {"SnapshotId": SNAPSHOT_ID}

    def put_snapshot_block(self, **parameters: Any) -> dict[str, Any]:
        self._note("PutSnapshotBlock", {**parameters, "BlockData": None})
        data, index = parameters["BlockData"], parameters["BlockIndex"]
        if index == self.fail_at:
            raise self.error
        assert parameters["SnapshotId"] == SNAPSHOT_ID
        assert len(data) == parameters["DataLength"] == BLOCK_BYTES
        assert parameters["Checksum"] == text_of(hashlib.sha256(data).digest())
        assert parameters["ChecksumAlgorithm"] == "SHA256"
        with self._lock:
            self.blocks[index] = data
        return {}

    def complete_snapshot(self, **parameters: Any) -> dict[str, Any]:
        self._note("CompleteSnapshot", parameters)
        whole = hashlib.sha256(b"".join(hashlib.sha256(data).digest() for _, data in sorted(self.blocks.items())))
        assert parameters == {
            "SnapshotId": SNAPSHOT_ID,
            "ChangedBlocksCount": len(self.blocks),
            "Checksum": text_of(whole.digest()),
            "ChecksumAlgorithm": "SHA256",
            "ChecksumAggregationMethod": "LINEAR",
        }
        return {"Status": "pending"}

    def describe_snapshots(self, **parameters: Any) -> dict[str, Any]:
        self._note("DescribeSnapshots", parameters)
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        found = {"SnapshotId": SNAPSHOT_ID, "State": state}
        return {"Snapshots": [found if state != "error" else {**found, "StateMessage": self.message}]}

    def list_snapshot_blocks(self, **parameters: Any) -> dict[str, Any]:
        self._note("ListSnapshotBlocks", parameters)
        if parameters["SnapshotId"] != SNAPSHOT_ID:
            raise refusal("ListSnapshotBlocks", "ResourceNotFoundException", "SNAPSHOT_NOT_FOUND")
        start = int(parameters.get("NextToken", "0"))
        wanted = sorted(self.blocks)[start:]
        answer: dict[str, Any] = {
            "Blocks": [{"BlockIndex": index, "BlockToken": f"token {index}"} for index in wanted[: self.page]],
            "VolumeSize": 1,
            "BlockSize": BLOCK_BYTES,
        }
        return answer if len(wanted) <= self.page else {**answer, "NextToken": str(start + self.page)}

    def get_snapshot_block(self, **parameters: Any) -> dict[str, Any]:
        self._note("GetSnapshotBlock", parameters)
        index = parameters["BlockIndex"]
        if index == self.fail_at:
            raise self.error
        assert parameters == {"SnapshotId": SNAPSHOT_ID, "BlockIndex": index, "BlockToken": f"token {index}"}
        data = self.blocks[index]
        checksum = text_of(hashlib.sha256(data).digest())
        with self._lock:
            self.damaged[index] = self.damaged.get(index, 0) - 1
        if self.damaged[index] >= 0:
            data = data[:-1] + bytes((data[-1] ^ 1,))
        return {"BlockData": io.BytesIO(data), "Checksum": checksum, "DataLength": len(data)}

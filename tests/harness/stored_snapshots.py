"""Snapshots over a socket, by boto3: uploads as clients of the EBS direct APIs make them, copies, their outcomes."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any, Final

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.block_checksums import checksum_of, linear
from harness.server import Server, credentials_of
from selfkms.domain.ebs.blocks import BLOCK_BYTES

ENDS_SECONDS_MAX: Final = 30.0
ENCRYPTED: Final = {"Encrypted": True}
REGION: Final = "us-east-1"
THREADS: Final = 16


def random_blocks(indices: Iterable[int], *, seed: int = 0) -> dict[int, bytes]:
    """Blocks that are all different."""
    random = Random(seed)
    return {index: random.randbytes(BLOCK_BYTES) for index in indices}


class Storage:
    """What one principal does with snapshots in one Region."""

    def __init__(
        self, server: Server, *, profile: str = "default", region: str = REGION, keys: Mapping[str, str] | None = None
    ) -> None:
        """Make clients that do not retry, with a profile that `dev` wrote or with access keys."""
        session = boto3.Session(**(keys or credentials_of(server.data_dir, profile)), region_name=region)
        authority = str(server.data_dir / "tls" / "ca.pem") if server.endpoint.startswith("https") else None

        def client(service: str) -> Any:
            return session.client(
                service,
                endpoint_url=server.endpoint,
                config=Config(retries={"total_max_attempts": 1}, max_pool_connections=64),
                verify=authority,
            )

        self.direct = client("ebs")
        self.ec2 = client("ec2")
        self.kms = client("kms")

    def start(self, **parameters: Any) -> str:
        """The ID of a snapshot that blocks can be put into."""
        snapshot_id: str = self.direct.start_snapshot(**{"VolumeSize": 1, **parameters})["SnapshotId"]
        return snapshot_id

    def put(self, snapshot_id: str, index: int, data: bytes, **parameters: Any) -> None:
        """Write a block."""
        wanted = {
            "SnapshotId": snapshot_id,
            "BlockIndex": index,
            "BlockData": data,
            "DataLength": len(data),
            "Checksum": checksum_of(data),
            "ChecksumAlgorithm": "SHA256",
        }
        self.direct.put_snapshot_block(**{**wanted, **parameters})

    def put_all(self, snapshot_id: str, blocks: Mapping[int, bytes], *, threads: int = THREADS) -> None:
        """Write blocks, many at once."""
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda index: self.put(snapshot_id, index, blocks[index]), blocks))

    def complete(self, snapshot_id: str, blocks: Mapping[int, bytes], **parameters: Any) -> str:
        """Say that these are all; the state at once."""
        wanted = {
            "SnapshotId": snapshot_id,
            "ChangedBlocksCount": len(blocks),
            "Checksum": linear(blocks),
            "ChecksumAlgorithm": "SHA256",
            "ChecksumAggregationMethod": "LINEAR",
        }
        status: str = self.direct.complete_snapshot(**{**wanted, **parameters})["Status"]
        return status

    def upload(self, blocks: Mapping[int, bytes], **parameters: Any) -> str:
        """A completed snapshot of these blocks."""
        snapshot_id = self.start(**parameters)
        self.put_all(snapshot_id, blocks)
        self.complete(snapshot_id, blocks)
        assert self.outcome(snapshot_id) == "completed"
        return snapshot_id

    def copy(self, source_id: str, **parameters: Any) -> str:
        """The ID of a copy of a snapshot in this Region, or in the one that is named."""
        wanted = {"SourceRegion": self.ec2.meta.region_name, "SourceSnapshotId": source_id, **parameters}
        snapshot_id: str = self.ec2.copy_snapshot(**wanted)["SnapshotId"]
        return snapshot_id

    def described(self, snapshot_id: str) -> dict[str, Any]:
        """A snapshot as DescribeSnapshots has it."""
        (found,) = self.ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
        assert isinstance(found, dict)
        return found

    def outcome(self, snapshot_id: str) -> str:
        """Wait for the end: `completed`, or what the state says of an error."""
        deadline = time.monotonic() + ENDS_SECONDS_MAX
        while (found := self.described(snapshot_id))["State"] == "pending":
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return "completed" if found["State"] == "completed" else str(found["StateMessage"])

    def tokens(self, snapshot_id: str) -> dict[int, str]:
        """The blocks of a snapshot, with what they are asked for with."""
        listed = self.direct.list_snapshot_blocks(SnapshotId=snapshot_id, MaxResults=10_000)
        assert "NextToken" not in listed
        assert listed["BlockSize"] == BLOCK_BYTES
        return {block["BlockIndex"]: block["BlockToken"] for block in listed["Blocks"]}

    def get(self, snapshot_id: str, index: int, token: str) -> bytes:
        """A block, which is what its checksum says."""
        answer = self.direct.get_snapshot_block(SnapshotId=snapshot_id, BlockIndex=index, BlockToken=token)
        data: bytes = answer["BlockData"].read()
        assert answer["Checksum"] == checksum_of(data)
        assert (answer["DataLength"], answer["ChecksumAlgorithm"]) == (BLOCK_BYTES, "SHA256")
        return data

    def read(self, snapshot_id: str) -> dict[int, bytes]:
        """All blocks."""
        tokens = self.tokens(snapshot_id)
        with ThreadPoolExecutor(THREADS) as pool:
            return dict(pool.map(lambda index: (index, self.get(snapshot_id, index, tokens[index])), tokens))


def refused(call: Any, *arguments: Any, **parameters: Any) -> tuple[int, str, str]:
    """Status, code and reason (the text, where there is no reason) of the error that answers a call."""
    with pytest.raises(ClientError) as refusal:
        call(*arguments, **parameters)
    response = refusal.value.response
    error = response["Error"]
    reason = response.get("Reason") or error["Message"]
    return response["ResponseMetadata"]["HTTPStatusCode"], error["Code"], reason

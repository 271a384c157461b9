"""Snapshots when something goes wrong: kill -9 in the middle, a bit that flips, and plaintext that must be nowhere."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Final

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from harness.block_checksums import checksum_of
from harness.canaries import Canaries, files_below, where
from harness.processes import Processes, full_for, until
from harness.server import BOB_ACCOUNT, Server, read_journal, running
from harness.stored_snapshots import ENCRYPTED, Storage, random_blocks, refused
from selfkms.adapters.block_files.layout import ENTRY_BYTES
from selfkms.domain.ebs.blocks import BLOCK_BYTES

MANY: Final = 256
UNREADABLE: Final = "The blocks of the snapshot cannot be read"


def pack_entries(server: Server, pack: str) -> int:
    """How many blocks an upload or a copy has written by now."""
    return sum(path.stat().st_size for path in server.data_dir.rglob(f"{pack}.entries")) // ENTRY_BYTES


@pytest.fixture(scope="module")
def many() -> dict[int, bytes]:
    """The blocks of 128 MiB."""
    return random_blocks(range(0, 2 * MANY, 2), seed=21)


def test_an_upload_survives_kill_nine(data_dir: Path, many: dict[int, bytes]) -> None:
    """What was acknowledged need not be put again; in the end every byte is as it was."""
    with running(data_dir, "--workers", "2") as server:
        storage = Storage(server)
        snapshot_id = storage.start(**ENCRYPTED)
        acknowledged: set[int] = set()

        def put(index: int) -> None:
            with suppress(BotoCoreError, ClientError):
                storage.put(snapshot_id, index, many[index])
                acknowledged.add(index)

        with ThreadPoolExecutor(8) as pool:
            for index in many:
                pool.submit(put, index)
            until(lambda: len(acknowledged) > MANY // 4, "a quarter is there")
            server.kill()
    assert MANY // 4 < len(acknowledged) < MANY
    with running(data_dir, "--workers", "2") as server:
        storage = Storage(server)
        storage.put_all(snapshot_id, {index: data for index, data in many.items() if index not in acknowledged})
        storage.complete(snapshot_id, many)
        assert storage.outcome(snapshot_id) == "completed"
        assert storage.read(snapshot_id) == many


def test_a_copy_survives_kill_nine(data_dir: Path, many: dict[int, bytes]) -> None:
    """Struck in the middle it goes on by itself, and every byte is as in the source; grants are retired in the end."""
    with running(data_dir) as server:
        storage = Storage(server)
        source_id = storage.upload(many, **ENCRYPTED)
        copy_id = storage.copy(source_id)
        until(lambda: pack_entries(server, copy_id) > 0, "it has begun")
        server.kill()
        written = pack_entries(server, copy_id)
    assert 0 < written < MANY
    with running(data_dir) as server:
        storage = Storage(server)
        assert storage.outcome(copy_id) == "completed"
        assert storage.read(copy_id) == many
        key_arn = storage.described(copy_id)["KmsKeyId"]
        assert storage.kms.list_grants(KeyId=key_arn)["Grants"] == []


# -- a bit that flips


@contextmanager
def flipped(path: Path, offset: int) -> Iterator[None]:
    """A file with one bit the other way round, for the length of a block."""

    def flip() -> None:
        with path.open("r+b") as file:
            file.seek(offset)
            (byte,) = file.read(1)
            file.seek(offset)
            file.write(bytes((byte ^ 1,)))

    flip()
    try:
        yield
    finally:
        flip()


def kept_in(data_dir: Path, snapshot_id: str, suffix: str) -> Path:
    """The file with the blocks of a snapshot that was uploaded, or its map."""
    (path,) = data_dir.rglob(f"{snapshot_id}.{'blocks' if suffix == 'blocks' else '*map'}")
    return path


def test_what_is_damaged_is_not_given(data_dir: Path) -> None:
    """In a block or in a map: 500, and no data; a copy comes to nothing. Put right again, it is read as before."""
    blocks = random_blocks((0, 1, 2), seed=22)
    with running(data_dir) as server:
        storage = Storage(server)
        kinds = [(suffix, parameters) for suffix in ("blocks", "map") for parameters in (ENCRYPTED, {})]
        made = {storage.upload(blocks, **parameters): suffix for suffix, parameters in kinds}
        tokens = {snapshot_id: storage.tokens(snapshot_id) for snapshot_id in made}
        assert server.stop() == 0
    with ExitStack() as damage:
        for snapshot_id, suffix in made.items():
            # Of the three blocks the one that stands in the middle of the file; of a map the first entry.
            offset = BLOCK_BYTES + 1_000 if suffix == "blocks" else 24
            damage.enter_context(flipped(kept_in(data_dir, snapshot_id, suffix), offset))
        server = damage.enter_context(running(data_dir))
        storage = Storage(server)
        copies = {snapshot_id: storage.copy(snapshot_id) for snapshot_id in made}
        for snapshot_id, suffix in made.items():
            given = {index: given_of(storage, snapshot_id, index, tokens[snapshot_id][index]) for index in blocks}
            unharmed = {index: data for index, data in given.items() if data is not None}
            assert len(unharmed) == (2 if suffix == "blocks" else 0)
            assert unharmed.items() <= blocks.items()
            assert storage.outcome(copies[snapshot_id]) == UNREADABLE
            assert storage.described(snapshot_id)["State"] == "completed"
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()
    with running(data_dir) as server:
        storage = Storage(server)
        for snapshot_id in made:
            assert storage.read(snapshot_id) == blocks
            assert storage.outcome(storage.copy(snapshot_id)) == "completed"


def given_of(storage: Storage, snapshot_id: str, index: int, token: str) -> bytes | None:
    """A block; None: the server says that it is the server's fault."""
    try:
        return storage.get(snapshot_id, index, token)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 500:
            raise
        return None


def test_without_room_a_block_is_not_acknowledged(data_dir: Path) -> None:
    """It fails with 500, once and again; with room it is taken, and the snapshot is whole."""
    blocks = random_blocks((0, 1), seed=23)
    with running(data_dir) as server:
        storage = Storage(server)
        snapshot_id = storage.start(**ENCRYPTED)
        storage.put(snapshot_id, 0, blocks[0])
        with full_for(Processes(server), "worker"):
            for _ in range(2):
                assert refused(storage.put, snapshot_id, 1, blocks[1])[:2] == (500, "InternalServerException")
        storage.put(snapshot_id, 1, blocks[1])
        storage.complete(snapshot_id, blocks)
        assert storage.outcome(snapshot_id) == "completed"
        assert storage.read(snapshot_id) == blocks
        assert "Traceback" not in server.log.read_text()


# -- plaintext


def test_no_plaintext_of_a_block_is_anywhere(data_dir: Path) -> None:
    """Encrypted or not, kept or refused, copied or not: what is in a block is in no file, no log, no audit record."""
    canaries = Canaries(Random(time.time_ns()))

    def block(name: str) -> bytes:
        return (bytes(1_000) + canaries.new(name)).ljust(BLOCK_BYTES, b"\0")

    with running(data_dir, "--workers", "2", "--set", "audit.segment_bytes=1048576") as server:
        storage = Storage(server)
        encrypted = storage.upload({0: block("encrypted")}, **ENCRYPTED)
        plain = storage.upload({5: block("plain")})
        copies = [storage.copy(encrypted), storage.copy(plain), storage.copy(plain, Encrypted=True)]
        assert [storage.outcome(copy_id) for copy_id in copies] == ["completed"] * 3
        child = storage.upload({1: block("child")}, ParentSnapshotId=encrypted)
        assert [len(storage.read(snapshot_id)) for snapshot_id in (encrypted, plain, child, *copies)] == [
            1,
            1,
            2,
            1,
            1,
            1,
        ]
        refuse_blocks(storage, Storage(server, profile=BOB_ACCOUNT), block)
        assert where(canaries, [*files_below(data_dir), server.log], {}) == {}
        assert server.stop() == 0
        audit = {"audit": b"\n".join(json.dumps(record).encode() for record in read_journal(data_dir))}
        assert where(canaries, [*files_below(data_dir), server.log], audit) == {}


def refuse_blocks(storage: Storage, stranger: Storage, block: Callable[[str], bytes]) -> None:
    """Blocks that are not taken: another checksum, another length, no such place, no such snapshot, nobody's."""
    snapshot_id = storage.start()
    refused(storage.put, snapshot_id, 0, block("checksum"), Checksum=checksum_of(b""))
    refused(storage.put, snapshot_id, 0, block("length")[:2_000])
    refused(storage.put, snapshot_id, 4_000, block("place"))
    refused(storage.put, "snap-00000000000000000", 0, block("no snapshot"))
    refused(stranger.put, snapshot_id, 0, block("stranger"))
    refused(storage.put, snapshot_id, 0, block("too long") * 3)

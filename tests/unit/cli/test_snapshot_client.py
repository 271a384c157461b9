"""What `selfkms snapshot` sends, and what it makes of answers."""

import io
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.exceptions import EndpointConnectionError, IncompleteReadError

from harness.direct_apis import SNAPSHOT_ID, DirectAPIs, refusal
from selfkms.cli.snapshot_client import ATTEMPTS, ListedBlock, TransferError, answered, connected
from selfkms.domain.ebs.blocks import BLOCK_BYTES

DATA: Final = b"data" * (BLOCK_BYTES // 4)
BLOCK: Final = ListedBlock(3, "token 3")


@pytest.mark.parametrize(
    ("encrypted", "key_arn", "description", "expected"),
    [
        (False, None, None, {}),
        (True, None, "", {"Encrypted": True, "Description": ""}),
        (False, "arn", "mine", {"Encrypted": True, "KmsKeyArn": "arn", "Description": "mine"}),
    ],
)
def test_only_what_was_said_is_asked_for(
    *, encrypted: bool, key_arn: str | None, description: str | None, expected: dict[str, Any]
) -> None:
    """What is left out is left to the server: its encryption by default above all."""
    apis = DirectAPIs()
    started = apis.client().start(2, description=description, encrypted=encrypted, key_arn=key_arn)
    assert started == SNAPSHOT_ID
    assert apis.calls == [("StartSnapshot", {"VolumeSize": 2, "Timeout": 4_320, **expected})]


def test_waiting_ends_with_the_snapshot() -> None:
    """It asks more and more seldom."""
    apis = DirectAPIs()
    apis.states = ["pending"] * 6 + ["completed"]
    pauses: list[float] = []
    apis.client().wait(SNAPSHOT_ID, pause=pauses.append)
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0]


def test_a_snapshot_that_failed_is_an_error() -> None:
    """With what the server says of it."""
    apis = DirectAPIs()
    apis.states = ["pending", "error"]
    with pytest.raises(TransferError, match=f"{SNAPSHOT_ID} failed: Checksum mismatch for snapshot"):
        apis.client().wait(SNAPSHOT_ID, pause=lambda _: None)


def test_all_pages_are_read() -> None:
    """Until there is no token for a next one."""
    apis = DirectAPIs(dict.fromkeys((1, 3, 9), DATA), page=2)
    pages = list(apis.client().pages(SNAPSHOT_ID))
    assert [[block.block_index for block in page.blocks] for page in pages] == [[1, 3], [9]]
    assert {(page.size_gib, page.block_bytes) for page in pages} == {(1, BLOCK_BYTES)}


def test_a_snapshot_without_blocks_has_a_page() -> None:
    """Which says how large it is."""
    assert [page.blocks for page in DirectAPIs().client().pages(SNAPSHOT_ID)] == [[]]


def test_a_block_that_arrives_damaged_is_asked_for_again() -> None:
    """And not as often as one likes."""
    apis = DirectAPIs({3: DATA})
    apis.damaged = {3: ATTEMPTS - 1}
    assert apis.client().get(SNAPSHOT_ID, BLOCK) == DATA
    assert apis.count("GetSnapshotBlock") == ATTEMPTS
    apis.damaged = {3: ATTEMPTS}
    with pytest.raises(TransferError, match=r"block 3 of .* does not arrive as its checksum says"):
        apis.client().get(SNAPSHOT_ID, BLOCK)


def test_a_connection_that_ends_within_a_block_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The block is asked for again."""
    apis = DirectAPIs({3: DATA})

    class Broken(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            raise IncompleteReadError(actual_bytes=1, expected_bytes=2)

    whole = apis.get_snapshot_block
    first = [Broken()]

    def once_broken(**parameters: Any) -> dict[str, Any]:
        answer = whole(**parameters)
        return {**answer, "BlockData": first.pop()} if first else answer

    monkeypatch.setattr(apis, "get_snapshot_block", once_broken)
    assert apis.client().get(SNAPSHOT_ID, BLOCK) == DATA


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (refusal("StartSnapshot", "AccessDeniedException"), "AccessDeniedException.*StartSnapshot operation: no$"),
        (refusal("StartSnapshot", "ValidationException", "INVALID_TAG"), r"no \(INVALID_TAG\)$"),
        (EndpointConnectionError(endpoint_url="http://nowhere"), "http://nowhere"),
    ],
)
def test_a_refusal_is_told_with_its_reason(error: Exception, text: str) -> None:
    """In the words of botocore."""

    def refuse() -> None:
        raise error

    with pytest.raises(TransferError, match=text):
        answered(refuse)


def test_settings_that_are_not_there_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that nobody made; a Region that nobody named."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(TransferError, match="profile"):
        connected(endpoint_url=None, region=None, profile="nobody", threads=1)
    with pytest.raises(TransferError, match="region"):
        connected(endpoint_url=None, region=None, profile=None, threads=1)
    connected(endpoint_url="http://127.0.0.1:9", region="eu-west-1", profile=None, threads=1)

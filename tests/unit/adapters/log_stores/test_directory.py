"""A directory in the place of S3."""

import errno
import json
from pathlib import Path

import pytest

from selfkms.adapters.log_stores.directory import DirectoryLogStore
from selfkms.ports.log_store import LogStoreDeniedError, LogStoreError, NoSuchBucketError, NoSuchObjectError


@pytest.fixture
def store(tmp_path: Path) -> DirectoryLogStore:
    (tmp_path / "logs").mkdir()
    return DirectoryLogStore(tmp_path)


def test_an_object_is_a_file(store: DirectoryLogStore, tmp_path: Path) -> None:
    """With its metadata beside it, and nothing unfinished; the same object may be written again."""
    store.check("logs", "AWSLogs/")
    for _ in range(2):
        store.put("logs", "a/b/c.json.gz", b"body", metadata={"signature": "ab"})
    folder = tmp_path / "logs" / "a" / "b"
    assert {path.name for path in folder.iterdir()} == {"c.json.gz", "c.json.gz.metadata.json"}
    assert (folder / "c.json.gz").read_bytes() == b"body"
    assert json.loads((folder / "c.json.gz.metadata.json").read_text()) == {"signature": "ab"}
    store.put("logs", "plain", b"", metadata={})
    assert not (tmp_path / "logs" / "plain.metadata.json").exists()


def test_objects_are_read_and_listed(store: DirectoryLogStore, tmp_path: Path) -> None:
    """Without what is beside them, what is empty, and what a crash left unfinished."""
    for key in ("a/2.json.gz", "a/b/1.json.gz", "c/3.json.gz"):
        store.put("logs", key, b"body", metadata={"signature": "ab"})
    store.put("logs", "a/empty", b"", metadata={})
    (tmp_path / "logs" / "a" / "4.json.gz.unfinished").write_bytes(b"bo")
    assert list(store.keys("logs", "a/")) == ["a/2.json.gz", "a/b/1.json.gz"]
    assert list(store.keys("logs", "none/")) == []
    assert store.get("logs", "a/b/1.json.gz") == (b"body", {"signature": "ab"})
    (tmp_path / "logs" / "a" / "2.json.gz.metadata.json").write_text("[")
    assert store.get("logs", "a/2.json.gz").metadata == {}
    with pytest.raises(NoSuchObjectError):
        store.get("logs", "a/5.json.gz")
    with pytest.raises(NoSuchBucketError):
        list(store.keys("other", ""))


def test_a_bucket_is_not_made(store: DirectoryLogStore, tmp_path: Path) -> None:
    """Who may call CreateTrail makes no folders."""
    with pytest.raises(NoSuchBucketError):
        store.check("other", "")
    with pytest.raises(NoSuchBucketError):
        store.put("other", "key", b"", metadata={})
    assert not (tmp_path / "other").exists()


def test_what_the_disk_says(store: DirectoryLogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A code that GetTrailStatus can show; what may not be written is told apart."""

    def fail(number: int) -> None:
        def replace(*_: object) -> None:
            raise OSError(number, "")

        monkeypatch.setattr(Path, "replace", replace)

    fail(errno.ENOSPC)
    with pytest.raises(LogStoreError, match=r"^ENOSPC$"):
        store.put("logs", "key", b"", metadata={})
    fail(errno.EACCES)
    with pytest.raises(LogStoreDeniedError):
        store.put("logs", "key", b"", metadata={})


def test_a_bucket_that_may_not_be_written_to(store: DirectoryLogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there, and it is refused."""
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(LogStoreDeniedError):
        store.check("logs", "")

"""Buckets of a test."""

import pytest

from selfkms.adapters.memory.log_store import MemoryLogStore
from selfkms.ports.log_store import LogStoreDeniedError, LogStoreError, NoSuchBucketError, NoSuchObjectError


def test_what_it_keeps_and_what_it_refuses() -> None:
    """Objects with their metadata; what a test says is missing, denied or failing."""
    store = MemoryLogStore("logs", "closed")
    store.denied.add("closed")
    store.check("logs", "")
    store.put("logs", "k", b"body", metadata={"a": "b"})
    assert store.get("logs", "k") == (b"body", {"a": "b"})
    assert (list(store.keys("logs", "")), list(store.keys("logs", "x/"))) == (["k"], [])
    with pytest.raises(NoSuchObjectError):
        store.get("logs", "l")
    assert (store.objects["logs", "k"], store.metadata["logs", "k"]) == (b"body", {"a": "b"})
    with pytest.raises(NoSuchBucketError):
        store.check("other", "")
    with pytest.raises(LogStoreDeniedError):
        store.put("closed", "k", b"", metadata={})
    store.failure = "SlowDown"
    with pytest.raises(LogStoreError, match="SlowDown"):
        store.check("logs", "")

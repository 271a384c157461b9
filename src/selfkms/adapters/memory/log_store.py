"""Buckets in a dictionary, for tests."""

from collections.abc import Iterable, Mapping

from selfkms.ports.log_store import (
    LogStoreDeniedError,
    LogStoreError,
    NoSuchBucketError,
    NoSuchObjectError,
    StoredObject,
)


class MemoryLogStore:
    """`ports.log_store.LogStore` without a server. A test says which buckets there are and what fails."""

    def __init__(self, *buckets: str) -> None:
        self.buckets = set(buckets)
        self.objects: dict[tuple[str, str], bytes] = {}
        self.metadata: dict[tuple[str, str], Mapping[str, str]] = {}
        self.denied: set[str] = set()
        self.failure = ""
        """The code that every request is answered with; empty: none."""
        self.writes: list[tuple[str, bytes]] = []

    def check(self, bucket: str, folder: str) -> None:
        del folder
        self._check(bucket)

    def put(self, bucket: str, key: str, body: bytes, *, metadata: Mapping[str, str]) -> None:
        self._check(bucket)
        self.writes.append((key, body))
        self.objects[bucket, key] = body
        self.metadata[bucket, key] = dict(metadata)

    def get(self, bucket: str, key: str) -> StoredObject:
        self._check(bucket)
        if (bucket, key) not in self.objects:
            raise NoSuchObjectError("NoSuchKey")
        return StoredObject(self.objects[bucket, key], self.metadata[bucket, key])

    def keys(self, bucket: str, folder: str) -> Iterable[str]:
        self._check(bucket)
        return sorted(key for place, key in self.objects if place == bucket and key.startswith(folder))

    def _check(self, bucket: str) -> None:
        if self.failure:
            raise LogStoreError(self.failure)
        if bucket not in self.buckets:
            raise NoSuchBucketError("NoSuchBucket")
        if bucket in self.denied:
            raise LogStoreDeniedError("AccessDenied")

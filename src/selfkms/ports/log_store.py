"""Where the log files and digests of trails go: S3, or a directory in its place."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol


class LogStoreError(Exception):
    """The object could not be written or read. The text is S3's code for it: it is what GetTrailStatus shows."""


class NoSuchBucketError(LogStoreError):
    """There is no bucket of that name."""


class NoSuchObjectError(LogStoreError):
    """There is no object of that key in the bucket."""


class LogStoreDeniedError(LogStoreError):
    """We may not do that in the bucket."""


class StoredObject(NamedTuple):
    """An object as it is there."""

    body: bytes
    metadata: Mapping[str, str]


class LogStore(Protocol):
    """Buckets with objects. An instance belongs to one thread.

    Each method raises:
        NoSuchBucketError, LogStoreDeniedError: see there.
        LogStoreError: any other failure; it may be tried again.
    """

    def check(self, bucket: str, folder: str) -> None:
        """Return if objects can be written to the bucket below a folder (which ends with a slash)."""

    def put(self, bucket: str, key: str, body: bytes, *, metadata: Mapping[str, str]) -> None:
        """Write an object, or the same object again. Once this returns it is safe."""

    def get(self, bucket: str, key: str) -> StoredObject:
        """Read an object.

        Raises:
            NoSuchObjectError: there is none.
        """

    def keys(self, bucket: str, folder: str) -> Iterable[str]:
        """The keys of all objects with content below a folder (which ends with a slash), sorted."""

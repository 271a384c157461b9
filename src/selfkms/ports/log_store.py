"""Where the log files and digests of trails go: S3, or a directory in its place."""

from collections.abc import Mapping
from typing import Protocol


class LogStoreError(Exception):
    """The object could not be written. The text is S3's code for it: it is what GetTrailStatus shows."""


class NoSuchBucketError(LogStoreError):
    """There is no bucket of that name."""


class LogStoreDeniedError(LogStoreError):
    """We may not write to the bucket."""


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

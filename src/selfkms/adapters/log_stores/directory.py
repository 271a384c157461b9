"""A directory in the place of S3: a folder a bucket, a file an object.

An object's metadata is in a file beside it, `NAME.metadata.json`.
"""

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from selfkms.ports.log_store import (
    LogStoreDeniedError,
    LogStoreError,
    NoSuchBucketError,
    NoSuchObjectError,
    StoredObject,
)

METADATA_SUFFIX: Final = ".metadata.json"

_UNFINISHED_SUFFIX: Final = ".unfinished"
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class DirectoryLogStore:
    """`ports.log_store.LogStore` in a directory. Buckets are made by whoever runs the machine."""

    def __init__(self, directory: Path) -> None:
        """Prepare; `directory` holds the buckets and may be missing."""
        self._directory = directory

    def check(self, bucket: str, folder: str) -> None:
        del folder  # whoever may write to a bucket may write everywhere in it
        with _answering():
            if not os.access(self._bucket(bucket), os.W_OK | os.X_OK):
                raise LogStoreDeniedError("AccessDenied")

    def put(self, bucket: str, key: str, body: bytes, *, metadata: Mapping[str, str]) -> None:
        with _answering():
            path = self._bucket(bucket) / key
            path.parent.mkdir(parents=True, exist_ok=True)
            # First, so that no object is without it.
            if metadata:
                _write(path.with_name(path.name + METADATA_SUFFIX), json.dumps(dict(metadata)).encode())
            _write(path, body)

    def get(self, bucket: str, key: str) -> StoredObject:
        with _answering():
            path = self._bucket(bucket) / key
            beside = path.with_name(path.name + METADATA_SUFFIX)
            try:
                body = path.read_bytes()
            except (FileNotFoundError, NotADirectoryError) as error:
                raise NoSuchObjectError("NoSuchKey") from error
            try:
                metadata = json.loads(beside.read_bytes())
            except (FileNotFoundError, ValueError):
                metadata = {}
        return StoredObject(body, metadata if isinstance(metadata, dict) else {})

    def keys(self, bucket: str, folder: str) -> Iterable[str]:
        with _answering():
            root = self._bucket(bucket)
            paths = [path for path in (root / folder).rglob("*") if path.is_file() and path.stat().st_size]
        names = (str(path.relative_to(root)) for path in paths)
        return sorted(name for name in names if not name.endswith((METADATA_SUFFIX, _UNFINISHED_SUFFIX)))

    def _bucket(self, bucket: str) -> Path:
        path = self._directory / bucket
        if not path.is_dir():
            raise NoSuchBucketError("NoSuchBucket")
        return path


def _write(path: Path, body: bytes) -> None:
    """All of it or nothing, also when the power fails."""
    unfinished = path.with_name(path.name + _UNFINISHED_SUFFIX)
    with unfinished.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _answering() -> Iterator[None]:
    """Turn the operating system's failures into the port's."""
    try:
        yield
    except OSError as error:
        if error.errno in _DENIED:
            raise LogStoreDeniedError("AccessDenied") from error
        raise LogStoreError(errno.errorcode.get(error.errno or 0, "InternalError")) from error

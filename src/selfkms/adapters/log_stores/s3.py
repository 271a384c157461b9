"""S3, or any server that speaks its API.

Source: Amazon S3 API Reference, "PutObject", "GetObject", "ListObjectsV2", "HeadBucket"; CloudTrail User Guide,
"Amazon S3 bucket policy for CloudTrail".
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import botocore.session
import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.ports.log_store import (
    LogStoreDeniedError,
    LogStoreError,
    NoSuchBucketError,
    NoSuchObjectError,
    StoredObject,
)

ACL: Final = "bucket-owner-full-control"
"""CloudTrail writes with this canned ACL, and bucket policies ask for it."""

_TIMEOUT_SECONDS: Final = 10
_CODES: Final[dict[str, type[LogStoreError]]] = {
    "NoSuchBucket": NoSuchBucketError,
    "NoSuchKey": NoSuchObjectError,
    "404": NoSuchBucketError,
    "AccessDenied": LogStoreDeniedError,
    "403": LogStoreDeniedError,
    "InvalidAccessKeyId": LogStoreDeniedError,
    "SignatureDoesNotMatch": LogStoreDeniedError,
}


class S3Access(msgspec.Struct, frozen=True, kw_only=True):
    """Where S3 is and who we are there."""

    endpoint: str
    region: str
    access_key_id: str
    secret_access_key: Secret


class S3LogStore:
    """`ports.log_store.LogStore` at an S3 endpoint. The client is made when it is needed: that takes a while."""

    def __init__(self, access: S3Access) -> None:
        self._access = access
        self._made: Any = None

    def check(self, bucket: str, folder: str) -> None:
        self._ask("head_bucket", Bucket=bucket)
        # CloudTrail leaves this object, too: whether we may write is known when we have written.
        self.put(bucket, f"{folder}CloudTrail/", b"", metadata={})

    def put(self, bucket: str, key: str, body: bytes, *, metadata: Mapping[str, str]) -> None:
        self._ask("put_object", Bucket=bucket, Key=key, Body=body, Metadata=dict(metadata), ACL=ACL)

    def get(self, bucket: str, key: str) -> StoredObject:
        answer = self._ask("get_object", Bucket=bucket, Key=key)
        try:
            return StoredObject(answer["Body"].read(), answer["Metadata"])
        except BotoCoreError as error:
            raise LogStoreError(type(error).__name__) from error

    def keys(self, bucket: str, folder: str) -> Iterable[str]:
        token: dict[str, str] = {}
        while True:
            page = self._ask("list_objects_v2", Bucket=bucket, Prefix=folder, **token)
            yield from (entry["Key"] for entry in page.get("Contents", ()) if entry["Size"])
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _ask(self, operation: str, **parameters: Any) -> Any:
        try:
            return getattr(self._client, operation)(**parameters)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "InternalError"))
            raise _CODES.get(code, LogStoreError)(code) from error
        except BotoCoreError as error:
            # The class names it (EndpointConnectionError, ReadTimeoutError …); its text may hold addresses.
            raise LogStoreError(type(error).__name__) from error

    @property
    def _client(self) -> Any:
        if self._made is None:
            access = self._access
            self._made = botocore.session.Session().create_client(
                "s3",
                region_name=access.region,
                endpoint_url=access.endpoint,
                aws_access_key_id=access.access_key_id,
                aws_secret_access_key=access.secret_access_key.open(SECRET_ACCESS).decode(),
                config=Config(
                    # Whoever delivers tries again by itself, and must not be held up.
                    retries={"total_max_attempts": 1},
                    connect_timeout=_TIMEOUT_SECONDS,
                    read_timeout=_TIMEOUT_SECONDS,
                    s3={"addressing_style": "path"},
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                ),
            )
        return self._made

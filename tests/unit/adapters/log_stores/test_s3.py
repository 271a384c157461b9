"""S3 as a client sees it: what is asked, and what its answers become. A stub stands in for the server."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from selfkms.adapters.log_stores.s3 import S3Access, S3LogStore
from selfkms.domain.secrets import Secret
from selfkms.ports.log_store import LogStoreDeniedError, LogStoreError, NoSuchBucketError, NoSuchObjectError

ACCESS = S3Access(
    endpoint="http://127.0.0.1:1", region="eu-central-1", access_key_id="AKIA", secret_access_key=Secret(b"secret")
)
PUT = {"Bucket": "logs", "Key": "k", "Body": b"body", "Metadata": {"a": "b"}, "ACL": "bucket-owner-full-control"}


@pytest.fixture(scope="module")
def store() -> S3LogStore:
    return S3LogStore(ACCESS)


@pytest.fixture
def server(store: S3LogStore) -> Iterator[Any]:
    with Stubber(store._client) as stub:
        yield stub


def test_an_object_with_its_metadata(store: S3LogStore, server: Any) -> None:
    """Written once, with the ACL that bucket policies ask for."""
    server.add_response("put_object", {}, PUT)
    store.put("logs", "k", b"body", metadata={"a": "b"})
    server.assert_no_pending_responses()


def test_a_bucket_is_tried(store: S3LogStore, server: Any) -> None:
    """Whether it is there, and whether it can be written to."""
    server.add_response("head_bucket", {}, {"Bucket": "logs"})
    tried = {**PUT, "Key": "AWSLogs/1/CloudTrail/", "Body": b"", "Metadata": {}}
    server.add_response("put_object", {}, tried)
    store.check("logs", "AWSLogs/1/")
    server.assert_no_pending_responses()


def test_an_object_is_read(store: S3LogStore, server: Any) -> None:
    """With its metadata; one that is not there is told apart."""
    server.add_response(
        "get_object", {"Body": BytesIO(b"body"), "Metadata": {"a": "b"}}, {"Bucket": "logs", "Key": "k"}
    )
    assert store.get("logs", "k") == (b"body", {"a": "b"})
    server.add_client_error("get_object", service_error_code="NoSuchKey")
    with pytest.raises(NoSuchObjectError):
        store.get("logs", "k")


def test_objects_are_listed(store: S3LogStore, server: Any) -> None:
    """Page after page; empty ones are no log files."""
    asked = {"Bucket": "logs", "Prefix": "AWSLogs/"}
    first = {"Contents": [{"Key": "a", "Size": 1}, {"Key": "b", "Size": 0}], "IsTruncated": True}
    server.add_response("list_objects_v2", {**first, "NextContinuationToken": "t"}, asked)
    server.add_response("list_objects_v2", {"Contents": [{"Key": "c", "Size": 1}]}, {**asked, "ContinuationToken": "t"})
    assert list(store.keys("logs", "AWSLogs/")) == ["a", "c"]


@pytest.mark.parametrize(
    ("code", "error"),
    [("404", NoSuchBucketError), ("NoSuchBucket", NoSuchBucketError), ("403", LogStoreDeniedError)],
)
def test_refusals_are_told_apart(store: S3LogStore, server: Any, code: str, error: type[LogStoreError]) -> None:
    """From each other and from what may be tried again."""
    server.add_client_error("head_bucket", service_error_code=code)
    with pytest.raises(error, match=f"^{code}$"):
        store.check("logs", "")


def test_other_errors_keep_their_code(store: S3LogStore, server: Any) -> None:
    """It is what GetTrailStatus shows."""
    server.add_client_error("put_object", service_error_code="SlowDown")
    with pytest.raises(LogStoreError, match=r"^SlowDown$"):
        store.put("logs", "k", b"", metadata={})


def test_a_server_that_does_not_answer(store: S3LogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text names no address."""

    def fail(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    monkeypatch.setattr(store._client, "put_object", fail)
    with pytest.raises(LogStoreError, match=r"^EndpointConnectionError$"):
        store.put("logs", "k", b"", metadata={})


def test_the_secret_is_not_shown() -> None:
    """Nor in the representation of what holds it."""
    assert "secret'" not in repr(ACCESS)
    assert "secret_access_key=Secret(…)" in repr(ACCESS)

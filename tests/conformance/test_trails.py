"""Trails: log files and digests in S3, which the unmodified AWS CLI validates."""

import gzip
import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from harness.commands import selfkms
from harness.processes import Processes, until
from harness.s3 import S3, running_s3
from harness.server import ALICE_ACCOUNT, CLIENTS, Server, needs_clients, running

BUCKET: Final = "audit-logs"
QUICK: Final = ("--set", "trail.delivery_interval_seconds=1", "--set", "trail.digest_interval_seconds=2")
DIGESTS: Final = f"AWSLogs/{ALICE_ACCOUNT}/CloudTrail-Digest/us-east-1/"
LOGS: Final = f"AWSLogs/{ALICE_ACCOUNT}/CloudTrail/us-east-1/"

pytestmark = pytest.mark.client


def settings(s3: S3) -> dict[str, str]:
    """With which trails deliver to this S3."""
    return {
        "trail.s3_endpoint": s3.endpoint,
        "trail.s3_access_key_id": "AKIATRAIL",
        "trail.s3_secret_access_key": "trail",
    }


def access(s3: S3) -> tuple[str, ...]:
    """The same as options."""
    return tuple(part for name, value in settings(s3).items() for part in ("--set", f"{name}={value}"))


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    needs_clients()
    with running_s3(tmp_path_factory.mktemp("s3") / "log") as server:
        yield server


@pytest.fixture
def server(s3: S3, data_dir: Path) -> Iterator[Server]:
    """A server that delivers to a bucket that is empty."""
    if BUCKET not in {bucket["Name"] for bucket in s3.client.list_buckets()["Buckets"]}:
        s3.client.create_bucket(Bucket=BUCKET)
    for key in s3.objects(BUCKET):
        s3.client.delete_object(Bucket=BUCKET, Key=key)
    with running(data_dir, "--workers", "1", *QUICK, *access(s3)) as own:
        # For commands beside the server.
        lines = (f'{name} = "{value}"' for name, value in settings(s3).items())
        (data_dir / "selfkms.toml").write_text("\n".join(lines))
        yield own


@pytest.fixture
def cloudtrail(server: Server) -> Iterator[Any]:
    with closing(server.client(service="cloudtrail")) as client:
        yield client


def start(cloudtrail: Any, **wishes: Any) -> str:
    """The ARN of a trail that logs."""
    made = cloudtrail.create_trail(
        Name="audit", S3BucketName=BUCKET, EnableLogFileValidation=True, IsMultiRegionTrail=True, **wishes
    )
    cloudtrail.start_logging(Name="audit")
    arn: str = made["TrailARN"]
    return arn


def stop(cloudtrail: Any, s3: S3) -> None:
    """Stop logging, and wait for the last digest."""
    cloudtrail.stop_logging(Name="audit")
    until(
        lambda: any(b"StopLogging" in gzip.decompress(body) for body in logs(s3).values()), "StopLogging is delivered"
    )
    until(lambda: any(delivered(s3)[-1] in digest for digest in digests(s3)), "the last digest")


def logs(s3: S3) -> dict[str, bytes]:
    return {key: body for key, body in sorted(s3.objects(BUCKET).items()) if "/CloudTrail/" in key}


def digests(s3: S3) -> list[set[str]]:
    """What each digest lists, in their order."""
    bodies = [json.loads(gzip.decompress(b)) for key, b in sorted(s3.objects(BUCKET).items()) if "-Digest/" in key]
    return [{log["s3Object"] for log in body["logFiles"]} for body in bodies]


def delivered(s3: S3) -> list[str]:
    """The keys of log files, in the order of delivery."""
    listed = {entry["Key"]: entry["LastModified"] for entry in s3.client.list_objects_v2(Bucket=BUCKET)["Contents"]}
    return sorted(logs(s3), key=lambda key: listed[key])


def event_ids(s3: S3) -> list[str]:
    """Of all records in all log files."""
    return [record["eventID"] for body in logs(s3).values() for record in json.loads(gzip.decompress(body))["Records"]]


def validate(server: Server, s3: S3, arn: str) -> subprocess.CompletedProcess[str]:
    """What the AWS CLI says of everything that the trail has delivered."""
    return subprocess.run(
        [
            CLIENTS / "aws",
            *("cloudtrail", "validate-logs", "--verbose"),
            *("--trail-arn", arn, "--start-time", "2020-01-01T00:00:00Z"),
        ],
        env={**server.environment, "AWS_ENDPOINT_URL_S3": s3.endpoint},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def verify(server: Server) -> int:
    """The exit code of `selfkms trail verify`, while the installation is served."""
    return selfkms("trail", "verify", "--data-dir", server.data_dir).returncode


def use(server: Server, count: int) -> Sequence[str]:
    """The request IDs of some requests."""
    with closing(server.client()) as kms:
        return [kms.list_keys()["ResponseMetadata"]["RequestId"] for _ in range(count)]


def test_the_aws_cli_validates_what_is_delivered(server: Server, cloudtrail: Any, s3: S3) -> None:
    """As it is it is valid; with one byte changed, or one object missing, it is not. So says `trail verify`, too."""
    arn = start(cloudtrail)
    use(server, 5)
    until(lambda: len(digests(s3)) >= 2, "two digests")
    use(server, 5)
    stop(cloudtrail, s3)
    done = validate(server, s3, arn)
    assert done.returncode == 0, done.stdout + done.stderr
    assert verify(server) == 0
    objects = s3.objects(BUCKET)
    log = next(key for key in objects if key.startswith(LOGS))
    listed = sorted(key for key in objects if key.startswith(DIGESTS))
    document = gzip.decompress(objects[log])
    for key, body in (
        (log, gzip.compress(document.replace(b"eventTime", b"eventTimf", 1))),
        (log, objects[log][:-20]),
        (listed[-1], gzip.compress(gzip.decompress(objects[listed[-1]]).replace(b"T", b"U", 1))),
        (listed[0], gzip.compress(gzip.decompress(objects[listed[0]]) + b" ")),
    ):
        s3.replace(BUCKET, key, body)
        assert validate(server, s3, arn).returncode == 1, key
        assert verify(server) == 3, key
        s3.replace(BUCKET, key, objects[key])
    for key in (log, listed[0], listed[-1]):
        metadata = s3.client.head_object(Bucket=BUCKET, Key=key)["Metadata"]
        s3.client.delete_object(Bucket=BUCKET, Key=key)
        # The AWS CLI does not know which digest is the newest.
        assert validate(server, s3, arn).returncode == (0 if key == listed[-1] else 1), key
        assert verify(server) == 3, key
        s3.client.put_object(Bucket=BUCKET, Key=key, Body=objects[key], Metadata=metadata)
    assert validate(server, s3, arn).returncode == 0
    assert verify(server) == 0


def test_each_record_is_in_one_file_whatever_is_killed(server: Server, cloudtrail: Any, s3: S3) -> None:
    """Kill -9 of the process that delivers, again and again, loses no record and delivers none twice."""
    arn = start(cloudtrail)
    requests: list[str] = []
    for _ in range(3):
        before = len(logs(s3))
        requests += use(server, 20)
        until(lambda: len(logs(s3)) > before, "a delivery")  # noqa: B023  called at once
        requests += use(server, 20)
        Processes(server).kill("keeper")
    stop(cloudtrail, s3)
    ids = event_ids(s3)
    assert len(ids) == len(set(ids))
    seen = {
        record.get("requestID") for body in logs(s3).values() for record in json.loads(gzip.decompress(body))["Records"]
    }
    assert set(requests) <= seen
    assert validate(server, s3, arn).returncode == 0
    assert verify(server) == 0


def test_an_outage_of_s3_loses_nothing(data_dir: Path, tmp_path: Path) -> None:
    """What could not be delivered is told by GetTrailStatus, and is delivered when S3 is back."""
    needs_clients()
    s3 = S3(tmp_path / "s3.log")
    s3.client.create_bucket(Bucket=BUCKET)
    with (
        running(data_dir, "--workers", "1", *QUICK, *access(s3)) as server,
        closing(server.client(service="cloudtrail")) as cloudtrail,
    ):
        start(cloudtrail)
        until(lambda: "LatestDeliveryTime" in cloudtrail.get_trail_status(Name="audit"), "a delivery")
        s3.stop()
        requests = use(server, 20)
        until(lambda: "LatestDeliveryError" in cloudtrail.get_trail_status(Name="audit"), "the error")
        again = S3(tmp_path / "s3.log", port=s3.port)
        try:
            again.client.create_bucket(Bucket=BUCKET)
            cloudtrail.stop_logging(Name="audit")
            until(lambda: set(requests) <= requests_in(again), "all is delivered", seconds=60)
            ids = event_ids(again)
            assert len(ids) == len(set(ids))
            until(lambda: "LatestDeliveryError" not in cloudtrail.get_trail_status(Name="audit"), "no error")
        finally:
            again.stop()


def requests_in(s3: S3) -> set[str]:
    records = [r for body in logs(s3).values() for r in json.loads(gzip.decompress(body))["Records"]]
    return {record.get("requestID", "") for record in records}


def test_a_trail_and_its_refusals(cloudtrail: Any) -> None:
    """What the reads tell, and what is refused."""
    start(cloudtrail, S3KeyPrefix="a/b", TagsList=[{"Key": "team", "Value": "red"}])
    (trail,) = cloudtrail.describe_trails()["trailList"]
    assert trail == cloudtrail.get_trail(Name="audit")["Trail"]
    assert (trail["HomeRegion"], trail["S3KeyPrefix"], trail["IsMultiRegionTrail"]) == ("us-east-1", "a/b", True)
    assert cloudtrail.get_trail_status(Name="audit")["IsLogging"] is True
    tags = cloudtrail.list_tags(ResourceIdList=[trail["TrailARN"]])["ResourceTagList"]
    assert tags == [{"ResourceId": trail["TrailARN"], "TagsList": [{"Key": "team", "Value": "red"}]}]
    for parameters, code in (
        ({"Name": "audit", "S3BucketName": BUCKET}, "TrailAlreadyExistsException"),
        ({"Name": "x", "S3BucketName": BUCKET}, "InvalidTrailNameException"),
        ({"Name": "other", "S3BucketName": "no-such-bucket"}, "S3BucketDoesNotExistException"),
    ):
        with pytest.raises(ClientError) as refused:
            cloudtrail.create_trail(**parameters)
        assert refused.value.response["Error"]["Code"] == code
    cloudtrail.delete_trail(Name="audit")
    assert cloudtrail.describe_trails()["trailList"] == []


def test_delivery_to_a_directory(data_dir: Path) -> None:
    """Without S3 the buckets are folders: what is in them, and the signature of a digest beside it."""
    bucket = data_dir / "trails" / BUCKET
    with (
        running(data_dir, "--workers", "1", *QUICK) as server,
        closing(server.client(service="cloudtrail")) as cloudtrail,
    ):
        with pytest.raises(ClientError, match="S3BucketDoesNotExistException"):
            start(cloudtrail)
        bucket.mkdir(parents=True)
        start(cloudtrail)
        requests = use(server, 5)
        cloudtrail.stop_logging(Name="audit")
        until(lambda: any(bucket.rglob("*_CloudTrail-Digest_*.json.gz.metadata.json")), "the last digest")
    records = [
        record
        for path in bucket.rglob("*_CloudTrail_*.json.gz")
        for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]
    ]
    assert set(requests) <= {record["requestID"] for record in records}
    assert verify(server) == 0

"""Kill -9 under load: what was answered is in the audit once, and all that is made of the audit agrees with it."""

import gzip
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from harness.commands import selfkms
from harness.ledger import Told, check_audit
from harness.processes import Processes, until
from harness.server import ALICE_ACCOUNT, Server, read_journal
from harness.storm import Storm

REQUESTS = int(os.environ.get("SELFKMS_KILL_REQUESTS", "6000"))
"""100,000 is what a release is tried with; fewer do where every change is tried."""
CLIENTS = 3
BUCKET = "audit-logs"
SECONDS_MAX = 60 + REQUESTS / 100
VICTIMS = ("worker", "recorder", "all", "keeper") * (1 if REQUESTS < 50_000 else 2)
OPTIONS = (
    *("--workers", "2"),
    *("--set", "trail.delivery_interval_seconds=1"),
    *("--set", "trail.digest_interval_seconds=3"),
)
FIELDS = ("eventID", "requestID", "eventName", "eventTime", "errorCode", "awsRegion", "recipientAccountId")


def strike(server: Server, victim: str) -> Server:
    """Kill, and wait until somebody has taken the place."""
    if victim == "all":
        server.kill()
        return Server(server.data_dir, *OPTIONS, port=server.port)
    Processes(server).kill(victim)
    return server


def start_trail(server: Server) -> None:
    """From here on all is delivered to a directory."""
    (server.data_dir / "trails" / BUCKET).mkdir(parents=True)
    with closing(server.client(service="cloudtrail")) as cloudtrail:
        cloudtrail.create_trail(
            Name="audit", S3BucketName=BUCKET, EnableLogFileValidation=True, IsMultiRegionTrail=True
        )
        cloudtrail.start_logging(Name="audit")


def stop_trail(server: Server) -> None:
    """Wait for the last delivery."""
    with closing(server.client(service="cloudtrail")) as cloudtrail:
        cloudtrail.stop_logging(Name="audit")
        stopped = cloudtrail.get_trail_status(Name="audit")["StopLoggingTime"]

        def delivered() -> bool:
            status = cloudtrail.get_trail_status(Name="audit")
            return bool(status.get("LatestDigestDeliveryTime", stopped) > stopped)

        until(delivered, "the last digest", seconds=SECONDS_MAX)


def verify(data_dir: Path) -> str:
    """What `selfkms trail verify` says, served or not, under load or not: all is in order."""
    verified = selfkms("trail", "verify", "--data-dir", data_dir)
    assert verified.returncode == 0, verified.stderr
    return verified.stdout


def looked_up(server: Server, end: float) -> list[str]:
    """The IDs of all events up to a second, by LookupEvents."""
    with closing(server.client(service="cloudtrail")) as cloudtrail:
        pages = cloudtrail.get_paginator("lookup_events").paginate(EndTime=end)
        return [event["EventId"] for page in pages for event in page["Events"]]


def log_files(data_dir: Path) -> list[dict[str, Any]]:
    """All records that were delivered."""
    paths = (data_dir / "trails" / BUCKET).rglob(f"{ALICE_ACCOUNT}_CloudTrail_*.json.gz")
    return [record for path in paths for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]]


def test_the_audit_survives_kill_nine_under_load(data_dir: Path) -> None:
    """Each answer has one record in the journal, in LookupEvents and in the log files, whoever was killed meanwhile."""
    seed = int(os.environ.get("SELFKMS_TEST_SEED", time.time_ns()))
    random = Random(seed)
    began = time.monotonic()
    server = Server(data_dir, *OPTIONS)
    try:
        start_trail(server)
        with Storm(server, random, clients=CLIENTS, requests=REQUESTS) as storm:
            for number, victim in enumerate(VICTIMS, start=1):
                wanted = REQUESTS * number // (len(VICTIMS) + 1)
                until(lambda: storm.answered >= wanted, f"{wanted} answers", seconds=SECONDS_MAX)  # noqa: B023  called at once
                server = strike(server, victim)
            verify(data_dir)
            told = storm.told()
        stormed = time.monotonic() - began
        # Whole seconds: what comes later is in another one.
        end = float(int(time.time()))
        time.sleep(3.0)
        found = looked_up(server, end)
        stop_trail(server)
        verify(data_dir)
        assert server.stop() == 0
    finally:
        if server.process.poll() is None:
            server.kill()
    verified = verify(data_dir)
    check(data_dir, told, found, end)
    took = time.monotonic() - began
    # Pytest shows it when the test fails, or with `-s`.
    sys.stdout.write(f"SELFKMS_TEST_SEED={seed}: {len(told)} answers in {stormed:.0f} s, all in {took:.0f} s\n")
    sys.stdout.write(verified)


def check(data_dir: Path, told: Sequence[Told], found: list[str], end: float) -> None:
    """The journal has every answer once; the others have what it has."""
    assert len(told) >= REQUESTS - REQUESTS % CLIENTS
    records = read_journal(data_dir, *FIELDS)
    check_audit(records, told)
    last = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
    own = {
        record["eventID"]
        for record in records
        if record.get("recipientAccountId") == ALICE_ACCOUNT
        and record["awsRegion"] == "us-east-1"
        and record["eventTime"] <= last
    }
    assert len(found) == len(set(found))
    assert set(found) == own
    delivered = log_files(data_dir)
    ids = {record["eventID"] for record in delivered}
    assert len(ids) == len(delivered)
    assert ids <= {record["eventID"] for record in records}
    # An answer of 500 and more may be without a record.
    assert {one.request_id for one in told if one.status < 500} <= {r.get("requestID") for r in delivered}

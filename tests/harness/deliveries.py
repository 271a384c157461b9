"""The deliveries of a world in memory, with a signer that costs nothing."""

import gzip
import hashlib
import json
from typing import Any

from harness.world import World
from selfkms.domain.cloudtrail.digests import DigestKey, fingerprint
from selfkms.gate.delivery import Deliverer
from selfkms.gate.digests import DigestWriter

INTERVAL = 300.0
HOUR = 3_600.0
DAY = 86_400.0
BUCKET = "logs"


class FakeSigner:
    """Signs with a hash."""

    def __init__(self) -> None:
        self.made = 0

    def new_key(self, region: str, *, created_at: float, valid_until: float) -> DigestKey:
        self.made += 1
        public_key = f"key {self.made}".encode()
        return DigestKey(
            region=region,
            fingerprint=fingerprint(public_key),
            public_key=public_key,
            sealed_private_key=b"",
            created_at=created_at,
            valid_until=valid_until,
        )

    def sign(self, key: DigestKey, data: bytes) -> bytes:
        return hashlib.sha256(key.public_key + data).digest()

    def verify(self, key: DigestKey, data: bytes, signature: bytes) -> bool:
        return self.sign(key, data) == signature


class Deliveries:
    """A world's deliverer, and what it has delivered."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.signer = FakeSigner()
        self.settled = 0
        self.deliverer = self.another()

    def another(self) -> Deliverer:
        """A deliverer that knows nothing of what was before, as after a crash."""
        world = self.world
        digests = DigestWriter(
            database=world.database,
            log_store=world.log_store,
            signer=self.signer,
            clock=world.clock,
            interval_seconds=HOUR,
            key_seconds=30 * DAY,
        )
        return Deliverer(
            database=world.database,
            records=world.history,
            log_store=world.log_store,
            digests=digests,
            clock=world.clock,
            entropy=world.entropy,
            settle=self._settle,
            interval_seconds=INTERVAL,
        )

    def _settle(self) -> None:
        self.settled += 1

    def start(self, name: str = "audit", **settings: Any) -> str:
        """The ARN of a new trail with digests that logs."""
        made = self.world.cloudtrail(
            "CreateTrail", {"Name": name, "S3BucketName": BUCKET, "EnableLogFileValidation": True, **settings}
        )
        self.world.cloudtrail("StartLogging", {"Name": name})
        arn: str = made["TrailARN"]
        return arn

    def after(self, seconds: float) -> None:
        """One round, so much later."""
        self.world.clock.seconds += seconds
        self.deliverer.attend()

    def logs(self) -> dict[str, list[dict[str, Any]]]:
        """The records of each log file, by its key, in the order of their writing."""
        written = dict(self.world.log_store.writes)
        return {
            key: json.loads(gzip.decompress(body))["Records"] for key, body in written.items() if "-Digest" not in key
        }

    def digests(self) -> dict[str, dict[str, Any]]:
        """Each digest by its key, in the order of their writing."""
        written = dict(self.world.log_store.writes)
        return {key: json.loads(gzip.decompress(body)) for key, body in written.items() if "-Digest" in key}

    def names(self) -> list[str]:
        """The names of all events that were delivered, file by file."""
        return [record["eventName"] for records in self.logs().values() for record in records]

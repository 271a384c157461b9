"""Audit records of made-up requests, and a history of them in real files."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from harness.world import ALICE_ACCOUNT, REGION, StandingClock
from selfkms.adapters.audit_files.follow import Follower
from selfkms.adapters.audit_files.journal import FileJournal
from selfkms.adapters.event_history.feed import JournalFeed
from selfkms.adapters.event_history.reads import SQLiteEventHistory
from selfkms.domain.arns import key_arn
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.secrets import Secret

NOW = 1_790_000_000
AUDIT_KEY = Secret(bytes(range(32)))
INSTALLATION_ID = "6f1c1f6e-1111-4222-8333-444455556666"


def arn(number: int, *, account_id: str = ALICE_ACCOUNT, region: str = REGION) -> str:
    """The ARN of a KMS key."""
    return key_arn(region, account_id, f"00000000-0000-4000-8000-{number:012x}")


def event_id(number: int) -> str:
    return f"11111111-0000-4000-8000-{number:012x}"


def event(
    number: int,
    name: str = "Encrypt",
    *keys: str,
    at: int | None = None,
    account_id: str = ALICE_ACCOUNT,
    region: str = REGION,
    user: str = "admin",
    **fields: Any,
) -> AuditRecord:
    """The record of a request of AWS KMS by an IAM user, a second after the one before; a field of None is left out."""
    moment = NOW + number if at is None else at
    record: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDA1",
            "arn": f"arn:aws:iam::{account_id}:user/{user}",
            "accountId": account_id,
            "accessKeyId": f"AKIA{user.upper():0<16}",
            "userName": user,
        },
        "eventTime": f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "kms.amazonaws.com",
        "eventName": name,
        "awsRegion": region,
        "requestParameters": None,
        "responseElements": None,
        "requestID": f"22222222-0000-4000-8000-{number:012x}",
        "eventID": event_id(number),
        "readOnly": name.startswith(("Encrypt", "Decrypt", "Describe", "List", "Sign", "ReEncrypt", "Generate")),
        "resources": [{"accountId": key.split(":")[4], "type": "AWS::KMS::Key", "ARN": key} for key in keys],
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account_id,
        "eventCategory": "Management",
        **fields,
    }
    left = {key: value for key, value in record.items() if value is not None}
    return AuditRecord(event_id(number), msgspec.json.encode(left))


class Files:
    """A journal and its history in a directory."""

    def __init__(self, directory: Path, *, segment_bytes: int = 4_096 + 8_192, history_days: int = 90) -> None:
        self.path, self.journal = directory / "history.sqlite", directory / "audit"
        self.clock = StandingClock(NOW + 1_000)
        self._segment_bytes = segment_bytes
        self._history_days = history_days
        self._feeds: list[JournalFeed] = []
        self.history = SQLiteEventHistory(self.path, self.journal)

    def write(self, records: Iterable[AuditRecord]) -> None:
        """Append to the journal."""
        journal = FileJournal(
            self.journal,
            audit_key=AUDIT_KEY,
            installation_id=INSTALLATION_ID,
            segment_bytes=self._segment_bytes,
        )
        journal.append(list(records))
        journal.close()

    def feed(self, *, records_at_once: int = 10_000) -> JournalFeed:
        """One more feed of the history."""
        feed = JournalFeed(
            self.path,
            Follower(self.journal, AUDIT_KEY),
            clock=self.clock,
            history_days=self._history_days,
            records_at_once=records_at_once,
        )
        self._feeds.append(feed)
        return feed

    def add(self, *records: AuditRecord) -> None:
        """Write the records, and take all of the journal in."""
        self.write(records)
        feed = self.feed()
        while feed.feed():
            pass

    def close(self) -> None:
        """Let go of everything."""
        self.history.close()
        for feed in self._feeds:
            feed.close()

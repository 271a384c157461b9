"""What the owner of a shared snapshot reads."""

import json

from selfkms.domain.ebs.events import SharedUse, shared_use_event
from selfkms.domain.ebs.storage import Snapshot


def test_the_record_for_the_owner() -> None:
    """Which account it was, and nothing more of it; no request ID, for it was not the owner's request."""
    snapshot = Snapshot(
        account_id="111122223333", region="eu-west-1", snapshot_id="snap-1", size_gib=1, created_at=1.0, lineage="a"
    )
    made = shared_use_event(
        SharedUse.VOLUME,
        event_id="e",
        shared_event_id="s",
        at=86_400.0,
        snapshot=snapshot,
        region="us-east-1",
        by_account="444455556666",
    )
    record = json.loads(made.body)
    assert made.event_id == record["eventID"] == "e"
    assert (record["eventName"], record["eventType"]) == ("SharedSnapshotVolumeCreated", "AwsServiceEvent")
    identity = {"type": "AWSAccount", "accountId": "444455556666", "invokedBy": "ec2.amazonaws.com"}
    assert record["userIdentity"] == identity
    assert (record["recipientAccountId"], record["sharedEventID"]) == ("111122223333", "s")
    assert (record["eventTime"], record["awsRegion"]) == ("1970-01-02T00:00:00Z", "us-east-1")
    assert record["serviceEventDetails"] == {"snapshotId": "snap-1"}
    assert "requestID" not in record

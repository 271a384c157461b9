"""What the owner of a shared snapshot learns of its use by others.

Source: Amazon EBS User Guide, "Share an Amazon EBS snapshot", "Determine the use of snapshots that you share".
"""

from enum import StrEnum

import msgspec

from selfkms.domain.cloudtrail.event import EVENT_VERSION, event_time
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.ebs.storage import Snapshot


class SharedUse(StrEnum):
    """What can be made of a shared snapshot."""

    COPIED = "SharedSnapshotCopyInitiated"
    VOLUME = "SharedSnapshotVolumeCreated"


def shared_use_event(
    use: SharedUse,
    *,
    event_id: str,
    shared_event_id: str,
    at: float,
    snapshot: Snapshot,
    region: str,
    by_account: str,
) -> AuditRecord:
    """The record for the owner: it says of the user only which account it is."""
    record = {
        "eventVersion": EVENT_VERSION,
        "userIdentity": {"type": "AWSAccount", "accountId": by_account, "invokedBy": "ec2.amazonaws.com"},
        "eventTime": event_time(at),
        "eventSource": "ec2.amazonaws.com",
        "eventName": str(use),
        "awsRegion": region,
        "sourceIPAddress": "ec2.amazonaws.com",
        "userAgent": "ec2.amazonaws.com",
        "requestParameters": None,
        "responseElements": None,
        "eventID": event_id,
        "readOnly": False,
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": snapshot.account_id,
        "sharedEventID": shared_event_id,
        "serviceEventDetails": {"snapshotId": snapshot.snapshot_id},
        "eventCategory": "Management",
    }
    return AuditRecord(event_id, msgspec.json.encode(record))

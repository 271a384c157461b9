"""Requests as CloudTrail shows those of Amazon EC2."""

from harness.snapshots import SnapshotWorld
from harness.world import ALICE_ACCOUNT
from selfkms.services.ebs.audit_forms import filter_set, items, results_shown, tag_set, tag_specification_set

AT_MILLISECONDS = 1_790_000_000_000


def test_lists() -> None:
    """Each value under a name; none is an empty object."""
    assert items("owner", ["self", "amazon"]) == {"items": [{"owner": "self"}, {"owner": "amazon"}]}
    assert items("owner", None) == items("owner", ()) == {}


def test_filters() -> None:
    """A name, and a set of values."""
    assert filter_set({"filters": [{"Name": "status", "Values": ["error", "pending"]}, {"Name": "tag-key"}]}) == {
        "items": [
            {"name": "status", "valueSet": {"items": [{"value": "error"}, {"value": "pending"}]}},
            {"name": "tag-key", "valueSet": {}},
        ]
    }
    assert filter_set({}) == {}


def test_tags() -> None:
    """A value that was left out stays out, an empty one does not; the names may be either way."""
    assert tag_set([{"Key": "a", "Value": ""}, {"key": "b"}]) == {"items": [{"key": "a", "value": ""}, {"key": "b"}]}
    assert tag_set(None) == {}
    specification = {"ResourceType": "snapshot", "Tags": [{"Key": "a", "Value": "1"}]}
    assert tag_specification_set({"tagSpecifications": [specification]}) == {
        "items": [{"resourceType": "snapshot", "tags": [{"key": "a", "value": "1"}]}]
    }
    assert tag_specification_set({}) == {}


def test_the_size_of_a_page() -> None:
    """Only where one was asked for."""
    assert results_shown({"maxResults": 5}) == {"maxResults": 5}
    assert results_shown({}) == {}


def test_what_is_made() -> None:
    """A volume, a snapshot of it, a copy of that: with EC2's older names, sizes as texts, times as numbers."""
    world = SnapshotWorld()
    volume = world.compute("CreateVolume", AvailabilityZone="us-east-1a", Size=10, VolumeType="gp2")
    record = world.record()
    assert record["requestParameters"] == {"size": "10", "zone": "us-east-1a", "volumeType": "gp2"}
    assert record["responseElements"] == {
        "requestId": record["requestID"],
        "volumeId": volume["VolumeId"],
        "size": "10",
        "snapshotId": "",
        "zone": "us-east-1a",
        "status": "available",
        "createTime": AT_MILLISECONDS,
        "volumeType": "gp2",
        "iops": 100,
        "encrypted": False,
    }
    tags = [{"ResourceType": "snapshot", "Tags": [{"Key": "Name", "Value": "disk"}]}]
    snapshot = world.compute("CreateSnapshot", VolumeId=volume["VolumeId"], Description="disk", TagSpecifications=tags)
    record = world.record()
    assert record["requestParameters"] == {
        "volumeId": volume["VolumeId"],
        "description": "disk",
        "tagSpecificationSet": {"items": [{"resourceType": "snapshot", "tags": [{"key": "Name", "value": "disk"}]}]},
    }
    assert record["responseElements"] == {
        "requestId": record["requestID"],
        "snapshotId": snapshot["SnapshotId"],
        "volumeId": volume["VolumeId"],
        "status": "completed",
        "startTime": AT_MILLISECONDS,
        "progress": "100%",
        "ownerId": ALICE_ACCOUNT,
        "volumeSize": "10",
        "description": "disk",
        "encrypted": False,
    }
    copy = world.compute("CopySnapshot", SourceRegion="us-east-1", SourceSnapshotId=snapshot["SnapshotId"])
    record = world.record()
    assert record["requestParameters"] == {"sourceRegion": "us-east-1", "sourceSnapshotId": snapshot["SnapshotId"]}
    assert record["responseElements"] == {"requestId": record["requestID"], "snapshotId": copy["SnapshotId"]}

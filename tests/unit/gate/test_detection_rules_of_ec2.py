"""What public detection rules look at in records of Amazon EC2.

The conditions are told in our own words; each test names the rule and its repository, as in `test_detection_rules.py`.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from harness.snapshots import SnapshotWorld
from harness.storage_records import put_snapshot
from harness.world import BOB_ACCOUNT, Refused

Record = dict[str, Any]


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """Snapshots are shared, no longer shared, and deleted; encryption by default is turned off and on."""
    world = SnapshotWorld()
    snapshot_id = put_snapshot(world)
    for people in ([{"UserId": BOB_ACCOUNT}], [{"Group": "all"}]):
        for kind in ("Add", "Remove"):
            world.compute("ModifySnapshotAttribute", SnapshotId=snapshot_id, CreateVolumePermission={kind: people})
    world.compute("ModifySnapshotAttribute", SnapshotId=snapshot_id, OperationType="add", GroupNames=["all"])
    with pytest.raises(Refused):
        world.compute(
            "ModifySnapshotAttribute",
            by=BOB_ACCOUNT,
            SnapshotId=snapshot_id,
            CreateVolumePermission={"Add": [{"UserId": BOB_ACCOUNT}]},
        )
    world.compute("DescribeSnapshots")
    world.compute("EnableEbsEncryptionByDefault")
    world.compute("DisableEbsEncryptionByDefault")
    world.compute("DeleteSnapshot", SnapshotId=snapshot_id)
    return world.all_records()


def found(records: list[Record], rule: Callable[[Record], bool]) -> list[Record]:
    return [record for record in records if record["eventSource"] == "ec2.amazonaws.com" and rule(record)]


def succeeded(record: Record) -> bool:
    return not record.get("errorCode") and not record.get("errorMessage")


def test_snapshots_that_are_shared(records: list[Record]) -> None:
    """panther-labs/panther-analysis, `aws_snapshot_made_public`: who is among the items that are added."""

    def rule(record: Record) -> bool:
        parameters = record["requestParameters"] or {}
        if not succeeded(record) or parameters.get("attributeType") != "CREATE_VOLUME_PERMISSION":
            return False
        added = parameters["createVolumePermission"].get("add", {}).get("items", [])
        return any(isinstance(one, Mapping) and (one.get("userId") or one.get("group") == "all") for one in added)

    shared = found(records, rule)
    assert {record["eventName"] for record in shared} == {"ModifySnapshotAttribute"}
    assert [record["requestParameters"]["createVolumePermission"]["add"]["items"] for record in shared] == [
        [{"userId": BOB_ACCOUNT}],
        [{"group": "all"}],
        [{"group": "all"}],
    ]


def test_snapshots_that_are_shared_by_a_text(records: list[Record]) -> None:
    """elastic/detection-rules, `exfiltration_ec2_ebs_snapshot_shared_with_another_account`: `add` in the parameters."""

    def rule(record: Record) -> bool:
        named = record["eventName"] == "ModifySnapshotAttribute" and succeeded(record)
        return named and '"add"' in json.dumps(record["requestParameters"])

    assert len(found(records, rule)) == 3


@pytest.mark.parametrize("name", ["DisableEbsEncryptionByDefault", "DeleteSnapshot", "DescribeSnapshots"])
def test_what_goes_by_its_name(records: list[Record], name: str) -> None:
    """SigmaHQ/sigma, `aws_ec2_disable_encryption`, panther-labs/panther-analysis, `aws_ec2_ebs_encryption_disabled`."""
    (record,) = found(records, lambda record: record["eventName"] == name)
    assert record["readOnly"] is name.startswith("Describe")


def test_refusals(records: list[Record]) -> None:
    """Rules that look for attempts go by the code."""
    refused = found(records, lambda record: str(record.get("errorCode")).startswith("Client."))
    assert [record["errorCode"] for record in refused] == ["Client.InvalidSnapshot.NotFound"]

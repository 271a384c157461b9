"""DescribeSnapshots, DescribeVolumes: who sees what, and which of it was asked for."""

from typing import Any

import pytest

from harness.snapshots import SnapshotWorld
from harness.storage_records import block_map, data_key, put_snapshot, put_volume
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION
from selfkms.domain.ebs.storage import Copy, DataKey, SnapshotState, Upload, VolumeState
from selfkms.domain.tags import Tag
from selfkms.ports.block_store import BlockCorruptError, BlockStoreUnavailableError

THIRD_ACCOUNT = "777788889999"
KEY_ARN = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
NEVER_THERE = "snap-fffffffffffffffff"


@pytest.fixture
def world() -> SnapshotWorld:
    return SnapshotWorld()


def share(world: SnapshotWorld, snapshot_id: str, *user_ids: str, **more: Any) -> None:
    world.compute(
        "ModifySnapshotAttribute",
        SnapshotId=snapshot_id,
        CreateVolumePermission={"Add": [{"UserId": user_id} for user_id in user_ids] or [{"Group": "all"}]},
        **more,
    )


def seen(world: SnapshotWorld, *, by: str = ALICE_ACCOUNT, **parameters: Any) -> list[str]:
    answer = world.compute("DescribeSnapshots", by=by, **parameters)
    return [one["SnapshotId"] for one in answer["Snapshots"]]


def filtered(world: SnapshotWorld, **filters: Any) -> list[str]:
    """By filters whose names have dashes."""
    given = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
    return seen(world, Filters=given)


class TestWhoSeesWhat:
    def test_the_owner_sees_all_of_it(self, world: SnapshotWorld) -> None:
        """With its key and its tags."""
        snapshot_id = put_snapshot(
            world,
            data_key=data_key(KEY_ARN),
            description="disk",
            tags=(Tag("Name", "x"),),
            completed_at=world.clock.now() + 60,
            blocks=block_map(2),
            lineage="lineage-x",
        )
        (row,) = world.compute("DescribeSnapshots")["Snapshots"]
        started, completed = row.pop("StartTime"), row.pop("CompletionTime")
        assert (started.timestamp(), completed.timestamp()) == (world.clock.now(), world.clock.now() + 60)
        assert row == {
            "SnapshotId": snapshot_id,
            "VolumeId": "vol-ffffffff",
            "State": "completed",
            "Progress": "100%",
            "OwnerId": ALICE_ACCOUNT,
            "Description": "disk",
            "VolumeSize": 1,
            "Encrypted": True,
            "KmsKeyId": KEY_ARN,
            "DataEncryptionKeyId": "lineage-x",
            "Tags": [{"Key": "Name", "Value": "x"}],
            "StorageTier": "standard",
            "FullSnapshotSizeInBytes": 2 * 524_288,
            "SseType": "sse-kms",
        }

    def test_whom_it_is_shared_with_sees_no_tags(self, world: SnapshotWorld) -> None:
        """But the KMS key, and that it exists, by its ID and in lists."""
        snapshot_id = put_snapshot(world, data_key=data_key(KEY_ARN), tags=(Tag("Name", "x"),))
        share(world, snapshot_id, BOB_ACCOUNT)
        both: tuple[dict[str, Any], ...] = ({}, {"SnapshotIds": [snapshot_id]})
        for parameters in both:
            (row,) = world.compute("DescribeSnapshots", by=BOB_ACCOUNT, **parameters)["Snapshots"]
            assert (row["SnapshotId"], row["OwnerId"]) == (snapshot_id, ALICE_ACCOUNT)
            assert (row["Encrypted"], row["KmsKeyId"]) == (True, KEY_ARN)
            assert "Tags" not in row
        # Nor can they be found out with a filter.
        for name in ("tag:Name", "tag-key"):
            assert seen(world, by=BOB_ACCOUNT, Filters=[{"Name": name, "Values": ["*"]}]) == []

    def test_nobody_else_sees_that_it_exists(self, world: SnapshotWorld) -> None:
        """One of somebody else is as one that never was."""
        snapshot_id = put_snapshot(world)
        assert seen(world, by=BOB_ACCOUNT) == []
        for named in (snapshot_id, NEVER_THERE):
            refusal = world.compute_refusal("DescribeSnapshots", by=BOB_ACCOUNT, SnapshotIds=[named])
            assert refusal == ("InvalidSnapshot.NotFound", f"The snapshot '{named}' does not exist.")

    def test_a_public_one_is_seen_by_everybody(self, world: SnapshotWorld) -> None:
        """Once, also by who owns it, and by whom it is shared with besides."""
        snapshot_id = put_snapshot(world)
        share(world, snapshot_id)
        share(world, snapshot_id, BOB_ACCOUNT)
        assert seen(world) == seen(world, by=BOB_ACCOUNT) == [snapshot_id]

    def test_regions_are_apart(self, world: SnapshotWorld) -> None:
        """Even by its ID."""
        snapshot_id = put_snapshot(world)
        assert seen(world, region="eu-west-1") == []
        code, _ = world.compute_refusal("DescribeSnapshots", region="eu-west-1", SnapshotIds=[snapshot_id])
        assert code == "InvalidSnapshot.NotFound"

    def test_pages_go_through_all_sources(self, world: SnapshotWorld) -> None:
        """Own ones first, then shared ones, then public ones; each once."""
        own = [put_snapshot(world, account_id=BOB_ACCOUNT) for _ in range(6)]
        shared = [put_snapshot(world) for _ in range(6)]
        public = [put_snapshot(world) for _ in range(6)]
        for snapshot_id in shared:
            share(world, snapshot_id, BOB_ACCOUNT)
        for snapshot_id in public:
            share(world, snapshot_id)
        share(world, shared[0])
        found: list[str] = []
        token: dict[str, str] = {}
        while True:
            answer = world.compute("DescribeSnapshots", by=BOB_ACCOUNT, MaxResults=5, **token)
            found += [one["SnapshotId"] for one in answer["Snapshots"]]
            if "NextToken" not in answer:
                break
            token = {"NextToken": answer["NextToken"]}
        assert found == [*own, *shared, *public]


class TestWhatIsAskedFor:
    def test_owners(self, world: SnapshotWorld) -> None:
        """Oneself, accounts, and Amazon, which has none here."""
        own, foreign = put_snapshot(world, account_id=BOB_ACCOUNT), put_snapshot(world)
        share(world, foreign, BOB_ACCOUNT)
        for owners, found in (
            (["self"], [own]),
            ([BOB_ACCOUNT], [own]),
            ([ALICE_ACCOUNT], [foreign]),
            (["self", ALICE_ACCOUNT], [own, foreign]),
            (["amazon"], []),
            ([THIRD_ACCOUNT], []),
        ):
            assert seen(world, by=BOB_ACCOUNT, OwnerIds=owners) == found

    def test_who_may_restore(self, world: SnapshotWorld) -> None:
        """Of other accounts only for one's own snapshots."""
        own, shared, public = put_snapshot(world), put_snapshot(world), put_snapshot(world)
        share(world, shared, BOB_ACCOUNT)
        share(world, public)
        asked = {
            ALICE_ACCOUNT: ("self", [own, shared, public]),
            BOB_ACCOUNT: ("self", [shared]),
        }
        for by, (user, found) in asked.items():
            assert seen(world, by=by, RestorableByUserIds=[user]) == found
        assert seen(world, RestorableByUserIds=[BOB_ACCOUNT]) == [shared]
        assert seen(world, by=BOB_ACCOUNT, RestorableByUserIds=[ALICE_ACCOUNT]) == []
        assert seen(world, by=BOB_ACCOUNT, RestorableByUserIds=["all"]) == [public]
        assert seen(world, RestorableByUserIds=["all", BOB_ACCOUNT]) == [shared, public]

    def test_filters(self, world: SnapshotWorld) -> None:
        """Each of those that AWS has."""
        plain = put_snapshot(world, description="a disk", volume_id="vol-00000000000000001", created_at=1_700_000_000.0)
        tagged = put_snapshot(
            world, data_key=data_key(KEY_ARN), tags=(Tag("Stage", "prod"),), size_gib=8, state=SnapshotState.PENDING
        )
        assert filtered(world, description="*disk") == [plain]
        assert filtered(world, encrypted="true") == [tagged]
        assert filtered(world, owner_alias="amazon") == []
        assert filtered(world, owner_id=ALICE_ACCOUNT) == [plain, tagged]
        assert filtered(world, progress="100%") == [plain]
        assert filtered(world, snapshot_id=plain) == [plain]
        assert filtered(world, start_time="2023-11-14T22:13:20.000Z") == [plain]
        assert filtered(world, start_time="2023-*") == [plain]
        assert filtered(world, status="pending") == [tagged]
        assert filtered(world, storage_tier="standard") == filtered(world, transfer_type="standard") == [plain, tagged]
        assert filtered(world, storage_tier="archive") == filtered(world, transfer_type="time-based") == []
        assert filtered(world, volume_id="vol-00000000000000001") == [plain]
        assert filtered(world, volume_size="8") == [tagged]
        assert filtered(world, tag_key="St*") == [tagged]
        assert filtered(world, **{"tag:Stage": "prod"}) == [tagged]
        assert filtered(world, encrypted="true", volume_size="1") == []
        assert seen(world, SnapshotIds=[plain, tagged], Filters=[{"Name": "encrypted", "Values": ["true"]}]) == [tagged]

    def test_named_ones_come_once_and_in_their_order(self, world: SnapshotWorld) -> None:
        """However often they are named."""
        first, second = put_snapshot(world), put_snapshot(world)
        assert seen(world, SnapshotIds=[second, first, second]) == [second, first]

    @pytest.mark.parametrize(
        ("parameters", "refusal"),
        [
            ({"SnapshotIds": ["snap-1"]}, ("InvalidSnapshotID.Malformed", 'Invalid id: "snap-1"')),
            (
                {"SnapshotIds": ["vol-00000000000000001"]},
                (
                    "InvalidParameterValue",
                    "Value (vol-00000000000000001) for parameter snapshotId is invalid. Expected: 'snap-...'.",
                ),
            ),
            (
                {"SnapshotIds": [""]},
                (
                    "InvalidParameterValue",
                    "Value () for parameter snapshotId is invalid. Parameter may not be null or empty",
                ),
            ),
            ({"OwnerIds": ["me"]}, ("InvalidUserID.Malformed", 'Invalid user id: "me"')),
            ({"RestorableByUserIds": ["amazon"]}, ("InvalidUserID.Malformed", 'Invalid user id: "amazon"')),
            (
                {"Filters": [{"Name": "colour", "Values": ["red"]}]},
                ("InvalidParameterValue", "The filter 'colour' is invalid"),
            ),
            (
                {"SnapshotIds": [NEVER_THERE], "MaxResults": 5},
                (
                    "InvalidParameterCombination",
                    "The parameter snapshotSet cannot be used with the parameter maxResults",
                ),
            ),
        ],
    )
    def test_what_cannot_be_asked(
        self, world: SnapshotWorld, parameters: dict[str, Any], refusal: tuple[str, str]
    ) -> None:
        """In the words of Amazon EC2."""
        assert world.compute_refusal("DescribeSnapshots", **parameters) == refusal


class TestProgress:
    def row(self, world: SnapshotWorld, **fields: Any) -> dict[str, Any]:
        snapshot_id = put_snapshot(world, **fields)
        (row,) = world.compute("DescribeSnapshots", SnapshotIds=[snapshot_id])["Snapshots"]
        return dict(row)

    def test_of_a_copy(self, world: SnapshotWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        """How many blocks it has of those that there are. No pack is read for it, for it may have millions."""
        copy = Copy(source=block_map(200), source_key=DataKey(wrapped=b""), source_lineage="source")
        monkeypatch.setattr(world.blocks, "copied", lambda _lineage, pack: {"pack": 90}[pack])
        assert self.row(world, state=SnapshotState.PENDING, pack="pack", work=copy)["Progress"] == "45%"

    def test_of_a_copy_of_nothing(self, world: SnapshotWorld) -> None:
        """There is nothing to divide by."""
        for source in (None, block_map(0)):
            copy = Copy(source=source, source_key=DataKey(wrapped=b""), source_lineage="source")
            assert self.row(world, state=SnapshotState.PENDING, work=copy)["Progress"] == "0%"

    @pytest.mark.parametrize("error", [BlockCorruptError("an entry"), BlockStoreUnavailableError("not readable")])
    def test_of_a_copy_whose_blocks_cannot_be_read(
        self, world: SnapshotWorld, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        """It is told of all the same, and so are all others."""

        def fail(_lineage: str, _pack: str) -> int:
            raise error

        monkeypatch.setattr(world.blocks, "written", fail)
        other = put_snapshot(world)
        copy = Copy(source=block_map(200), source_key=DataKey(wrapped=b""), source_lineage="source")
        row = self.row(world, state=SnapshotState.PENDING, work=copy)
        assert (row["Progress"], row["State"]) == ("0%", "pending")
        assert seen(world) == sorted([other, row["SnapshotId"]])

    def test_of_an_upload(self, world: SnapshotWorld) -> None:
        """How much will come, nobody knows."""
        row = self.row(world, state=SnapshotState.PENDING, work=Upload(sealed_key=b"", timeout_seconds=60.0))
        assert (row["Progress"], row["State"]) == ("0%", "pending")
        assert not row.keys() & {"FullSnapshotSizeInBytes", "CompletionTime", "StateMessage"}

    def test_of_one_that_failed(self, world: SnapshotWorld) -> None:
        """It says why, and has size 0."""
        row = self.row(world, state=SnapshotState.ERROR, state_message="Given key ID is not accessible")
        assert (row["Progress"], row["VolumeSize"]) == ("0%", 0)
        assert (row["State"], row["StateMessage"]) == ("error", "Given key ID is not accessible")


class TestVolumes:
    def test_a_volume(self, world: SnapshotWorld) -> None:
        """The owner's alone."""
        volume_id = put_volume(world, tags=(Tag("a", "b"),), snapshot_id="snap-00000000000000001", iops=100)
        (row,) = world.compute("DescribeVolumes")["Volumes"]
        assert row.pop("CreateTime").timestamp() == world.clock.now()
        assert row == {
            "VolumeId": volume_id,
            "Size": 1,
            "SnapshotId": "snap-00000000000000001",
            "AvailabilityZone": "us-east-1a",
            "State": "available",
            "Encrypted": False,
            "VolumeType": "gp2",
            "Iops": 100,
            "MultiAttachEnabled": False,
            "Tags": [{"Key": "a", "Value": "b"}],
            "Attachments": [],
        }
        assert world.compute("DescribeVolumes", by=BOB_ACCOUNT)["Volumes"] == []
        refusal = world.compute_refusal("DescribeVolumes", by=BOB_ACCOUNT, VolumeIds=[volume_id])
        assert refusal == ("InvalidVolume.NotFound", f"The volume '{volume_id}' does not exist.")

    def test_filters(self, world: SnapshotWorld) -> None:
        """Each of those that AWS has."""
        made = put_volume(world, snapshot_id="snap-00000000000000001", tags=(Tag("a", "b"),))
        empty = put_volume(
            world,
            zone="us-east-1b",
            size_gib=4,
            volume_type="io2",
            multi_attach=True,
            data_key=data_key(KEY_ARN),
            state=VolumeState.CREATING,
            created_at=1_700_000_000.0,
        )
        for name, value, found in (
            ("availability-zone", "us-east-1b", [empty]),
            ("create-time", "2023-11-14*", [empty]),
            ("encrypted", "true", [empty]),
            ("fast-restored", "false", [made, empty]),
            ("multi-attach-enabled", "true", [empty]),
            ("operator.managed", "false", [made, empty]),
            ("operator.principal", "*", []),
            ("attachment.instance-id", "*", []),
            ("size", "4", [empty]),
            ("snapshot-id", "snap-*", [made]),
            ("status", "available", [made]),
            ("tag-key", "a", [made]),
            ("tag:a", "b", [made]),
            ("volume-id", made, [made]),
            ("volume-type", "io?", [empty]),
        ):
            volumes = world.compute("DescribeVolumes", Filters=[{"Name": name, "Values": [value]}])["Volumes"]
            assert ([one["VolumeId"] for one in volumes], name) == (found, name)
            named = world.compute(
                "DescribeVolumes", VolumeIds=[made, empty], Filters=[{"Name": name, "Values": [value]}]
            )
            assert [one["VolumeId"] for one in named["Volumes"]] == found

    def test_what_cannot_be_asked(self, world: SnapshotWorld) -> None:
        """As for snapshots."""
        for parameters, refusal in (
            ({"VolumeIds": ["vol-1"]}, ("InvalidVolumeID.Malformed", 'Invalid id: "vol-1"')),
            (
                {"VolumeIds": ["vol-00000000000000001"], "MaxResults": 5},
                ("InvalidParameterCombination", "The parameter volumeSet cannot be used with the parameter maxResults"),
            ),
            (
                {"Filters": [{"Name": "progress", "Values": ["*"]}]},
                ("InvalidParameterValue", "The filter 'progress' is invalid"),
            ),
        ):
            assert world.compute_refusal("DescribeVolumes", **parameters) == refusal


class TestRecords:
    def test_of_snapshots(self, world: SnapshotWorld) -> None:
        """As CloudTrail has them: read-only ones have no response elements."""
        world.compute("DescribeSnapshots", MaxResults=1000, OwnerIds=[ALICE_ACCOUNT])
        record = world.record()
        assert record["requestParameters"] == {
            "maxResults": 1000,
            "snapshotSet": {},
            "ownersSet": {"items": [{"owner": ALICE_ACCOUNT}]},
            "sharedUsersSet": {},
            "filterSet": {},
        }
        assert (record["readOnly"], record["responseElements"]) == (True, None)
        assert "resources" not in record

    def test_of_volumes(self, world: SnapshotWorld) -> None:
        """With what was named and filtered by."""
        volume_id = put_volume(world)
        world.compute("DescribeVolumes", VolumeIds=[volume_id], Filters=[{"Name": "size", "Values": ["1"]}])
        assert world.record()["requestParameters"] == {
            "volumeSet": {"items": [{"volumeId": volume_id}]},
            "filterSet": {"items": [{"name": "size", "valueSet": {"items": [{"value": "1"}]}}]},
        }

    def test_of_a_refusal(self, world: SnapshotWorld) -> None:
        """It says that it was the client's fault."""
        world.compute_refusal("DescribeSnapshots", SnapshotIds=[NEVER_THERE])
        record = world.record()
        assert record["errorCode"] == "Client.InvalidSnapshot.NotFound"
        assert record["errorMessage"] == f"The snapshot '{NEVER_THERE}' does not exist."
        assert record["requestParameters"]["snapshotSet"] == {"items": [{"snapshotId": NEVER_THERE}]}

"""Snapshots and volumes: what they say of themselves, and how they change."""

import pytest

from contracts.records import BLOCK_MAP, COPYING_SNAPSHOT, DATA_KEY, FAILING_SNAPSHOT, SNAPSHOT, VOLUME, A, B
from selfkms.domain.ebs.blocks import BLOCKS_MAX, VOLUME_GIB_MAX, check_names
from selfkms.domain.ebs.storage import (
    COPIED_VOLUME_ID,
    Copy,
    DataKey,
    Snapshot,
    SnapshotState,
    Storage,
    VolumeState,
    is_snapshot_id,
    is_volume_id,
    new_id,
    snapshot_arn,
    volume_arn,
)
from selfkms.domain.tags import Tag

BARE = Snapshot(account_id=A, region="us-east-1", snapshot_id="snap-1", size_gib=1, created_at=1.0, lineage="l")
PLAIN = DataKey(wrapped=b"sealed")


class TestNames:
    """IDs and ARNs."""

    def test_a_snapshot_has_no_account_in_its_arn(self) -> None:
        """Service Authorization Reference, Amazon EC2: snapshots may be shared."""
        assert snapshot_arn("us-east-1", "snap-1") == "arn:aws:ec2:us-east-1::snapshot/snap-1" == BARE.arn

    def test_a_volume_has(self) -> None:
        """And any volume is one with a star."""
        assert VOLUME.arn == f"arn:aws:ec2:{VOLUME.region}:{A}:volume/{VOLUME.volume_id}"
        assert volume_arn("us-east-1", A, "*") == f"arn:aws:ec2:us-east-1:{A}:volume/*"

    def test_a_new_id_has_17_digits(self) -> None:
        """Of nine random bytes, and it is one of its kind."""
        assert new_id("snap", bytes(range(9))) == "snap-00102030405060708"
        assert is_snapshot_id(new_id("snap", b"\xff" * 9))
        assert is_volume_id(new_id("vol", b"\xff" * 9))

    @pytest.mark.parametrize("digits", ["0123abcd", "0123456789abcdef0"])
    def test_ids_have_8_or_17_digits(self, digits: str) -> None:
        """The old form and the new one; neither is one of the other kind."""
        assert is_snapshot_id(f"snap-{digits}")
        assert is_volume_id(f"vol-{digits}")
        assert not is_snapshot_id(f"vol-{digits}")
        assert not is_volume_id(f"snap-{digits}")

    @pytest.mark.parametrize(
        "text", ["", "snap-", "snap-0123", "snap-0123ABCD", "snap-0123abcd\n", "snap-0123abcde", "snap-٠١٢٣٤٥٦٧", "*"]
    )
    def test_anything_else_is_none(self, text: str) -> None:
        """IDs are compared and become names of files: nothing about them is guessed."""
        assert not is_snapshot_id(text)
        assert not is_volume_id(text.replace("snap", "vol"))

    @pytest.mark.parametrize("kind", ["snap", "vol"])
    def test_an_id_may_name_what_the_block_store_keeps(self, kind: str) -> None:
        """Block maps have the name of the snapshot."""
        check_names(new_id(kind, b"\xab" * 9))

    def test_a_copy_names_no_volume(self) -> None:
        """What a snapshot that was made of no volume says has the form of an ID."""
        assert BARE.volume_id == COPIED_VOLUME_ID
        assert is_volume_id(COPIED_VOLUME_ID)

    @pytest.mark.parametrize("storage", [SNAPSHOT, VOLUME], ids=["snapshot", "volume"])
    def test_account_and_region_are_in_the_primary_key(self, storage: Storage) -> None:
        """As of every record of an account."""
        assert storage.primary_key()[:2] == (storage.account_id, storage.region)
        assert storage.primary_key()[2] == getattr(storage, "resource_id", None)


class TestEncryption:
    """Everything is stored encrypted; encrypted for its owner is what a KMS key protects."""

    def test_a_kms_key_protects_it(self) -> None:
        """The key ARN stands with the data key."""
        assert (SNAPSHOT.encrypted, SNAPSHOT.key_arn) == (True, DATA_KEY.key_arn)

    @pytest.mark.parametrize("data_key", [PLAIN, None], ids=["plain", "failed"])
    def test_no_kms_key_protects_it(self, data_key: DataKey | None) -> None:
        """The installation does, or it never got a data key."""
        snapshot = BARE.changed(data_key=data_key)
        assert (snapshot.encrypted, snapshot.key_arn) == (False, None)

    def test_a_data_key_is_bound_to_one_id(self) -> None:
        """One pair, as in Amazon EBS."""
        assert DATA_KEY.encryption_context == {"aws:ebs:id": DATA_KEY.context_id}


class TestSharing:
    """Who may see a snapshot."""

    def test_its_owner(self) -> None:
        """And nobody else."""
        assert BARE.visible_to(A)
        assert not BARE.visible_to(B)

    def test_whom_it_is_shared_with(self) -> None:
        """Those accounts, and no third one."""
        shared = BARE.changed(shared_with=(B,))
        assert shared.visible_to(B)
        assert not shared.visible_to("000000000000")

    def test_everybody(self) -> None:
        """If it is public."""
        assert BARE.changed(public=True).visible_to("000000000000")


class TestChanges:
    """What becomes of them."""

    def test_an_upload_that_is_through(self) -> None:
        """It has its blocks and a date, and the keeper has nothing to do any more."""
        done = SNAPSHOT.changed(state=SnapshotState.PENDING).completed(BLOCK_MAP, at=50.0)
        assert (done.state, done.state_message, done.completed_at) == (SnapshotState.COMPLETED, "", 50.0)
        assert (done.blocks, done.work, done.due_at) == (BLOCK_MAP, None, None)

    def test_a_snapshot_that_came_to_nothing(self) -> None:
        """It says why, and has no blocks; who it belongs to and what it was made of stays."""
        failed = COPYING_SNAPSHOT.failed("why")
        assert (failed.state, failed.state_message) == (SnapshotState.ERROR, "why")
        assert (failed.blocks, failed.work, failed.due_at) == (None, None, None)
        assert (failed.account_id, failed.tags) == (A, (Tag("team", "blau, Größe"),))

    def test_a_volume_that_is_through(self) -> None:
        """It is available."""
        done = VOLUME.changed(state=VolumeState.CREATING).completed(None)
        assert (done.state, done.blocks, done.work, done.due_at) == (VolumeState.AVAILABLE, None, None, None)

    def test_nobody_is_told_of_a_row_version(self) -> None:
        """A change is decided on the version that was read."""
        assert SNAPSHOT.changed(row_version=7).failed("x").row_version == 7


class TestLineage:
    """Who shares a data key, and who needs the blocks of another lineage."""

    def test_a_copy_reads_its_source(self) -> None:
        """Until it is through."""
        assert COPYING_SNAPSHOT.reads_lineage == "lineage-1"
        assert COPYING_SNAPSHOT.completed(BLOCK_MAP, at=1.0).reads_lineage is None

    def test_also_one_without_blocks(self) -> None:
        """The data key is still needed."""
        copy = Copy(source=None, source_key=PLAIN, source_lineage="other")
        assert BARE.changed(work=copy).reads_lineage == "other"

    @pytest.mark.parametrize("snapshot", [SNAPSHOT, FAILING_SNAPSHOT, BARE], ids=["upload", "failing", "idle"])
    def test_nothing_else_does(self, snapshot: Snapshot) -> None:
        """An upload builds on its own lineage."""
        assert snapshot.reads_lineage is None

    def test_blocks_of_a_size(self) -> None:
        """512 KiB each; of the largest volume as many as there are indexes."""
        assert BARE.block_count == 2_048
        assert BARE.changed(size_gib=VOLUME_GIB_MAX).block_count == BLOCKS_MAX

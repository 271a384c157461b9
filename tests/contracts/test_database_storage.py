"""Snapshots, volumes, and what belongs to them, on every adapter."""

import pytest

from contracts.records import (
    BLOCK_MAP,
    COPYING_SNAPSHOT,
    DATA_KEY,
    EBS_DEFAULTS,
    FAILING_SNAPSHOT,
    HERE,
    SHARE,
    SNAPSHOT,
    SNAPSHOT_ID,
    SWEEP,
    THERE,
    VOLUME,
    A,
    B,
    put,
    stored,
)
from selfkms.domain.ebs.storage import EVERYBODY, Copy, Snapshot, Storage, Volume
from selfkms.domain.records import Record, Remove
from selfkms.ports.database import ConflictError, Database

BARE_SNAPSHOT = Snapshot(account_id=A, region=HERE, snapshot_id="snap-1", size_gib=1, created_at=1.0, lineage="l")
BARE_VOLUME = Volume(account_id=A, region=HERE, volume_id="vol-1", zone="z", size_gib=1, created_at=1.0, lineage="l")
COPYING_NOTHING = BARE_VOLUME.changed(work=Copy(source=None, source_key=DATA_KEY, source_lineage="m"))


def names(found: list[Snapshot] | list[Volume] | list[Snapshot | Volume]) -> list[str]:
    return [storage.resource_id for storage in found]


@pytest.mark.parametrize(
    "record",
    [COPYING_SNAPSHOT, FAILING_SNAPSHOT, BARE_SNAPSHOT, BARE_VOLUME, COPYING_NOTHING],
    ids=["copying", "failing", "snapshot", "volume", "copying nothing"],
)
def test_whatever_is_to_be_done_comes_back(database: Database, record: Record) -> None:
    """Each kind of work, and a snapshot or a volume that has nothing of what it may have."""
    put(database, record)
    assert stored(database, record) == record.changed(row_version=1)


class TestSnapshotOfAnybody:
    """A shared snapshot is named by its ID alone."""

    def test_is_found_whosoever_it_is(self, database: Database) -> None:
        """By Region and ID, as it is now."""
        put(database, SNAPSHOT.changed(account_id=B))
        assert database.snapshot_of_anybody(HERE, SNAPSHOT_ID) == SNAPSHOT.changed(account_id=B, row_version=1)
        put(database, SNAPSHOT.changed(account_id=B, description="new", row_version=1))
        found = database.snapshot_of_anybody(HERE, SNAPSHOT_ID)
        assert found == SNAPSHOT.changed(account_id=B, description="new", row_version=2)

    def test_is_of_one_region(self, database: Database) -> None:
        """One with the ID in another Region is another snapshot."""
        put(database, SNAPSHOT.changed(account_id=B, region=THERE))
        assert database.snapshot_of_anybody(HERE, SNAPSHOT_ID) is None
        put(database, SNAPSHOT)
        assert database.snapshot_of_anybody(HERE, SNAPSHOT_ID) == SNAPSHOT.changed(row_version=1)

    def test_is_gone_when_it_is_removed(self, database: Database) -> None:
        """And never was there before."""
        assert database.snapshot_of_anybody(HERE, SNAPSHOT_ID) is None
        put(database, SNAPSHOT)
        database.commit([Remove(SNAPSHOT.changed(row_version=1))])
        assert database.snapshot_of_anybody(HERE, SNAPSHOT_ID) is None

    def test_an_id_is_unique_within_a_region(self, database: Database) -> None:
        """No account takes the ID of another one's snapshot."""
        put(database, SNAPSHOT)
        with pytest.raises(ConflictError):
            put(database, SNAPSHOT.changed(account_id=B, client_token=None))
        assert database.snapshot(B, HERE, SNAPSHOT_ID) is None


class TestListings:
    """Pages are of one account and Region, in the order of IDs."""

    def test_of_snapshots(self, database: Database) -> None:
        """After an ID, and no more than asked for."""
        put(
            database,
            *[BARE_SNAPSHOT.changed(snapshot_id=f"snap-{name}") for name in ("c", "a", "b")],
            BARE_SNAPSHOT.changed(snapshot_id="snap-d", account_id=B),
            BARE_SNAPSHOT.changed(snapshot_id="snap-e", region=THERE),
        )
        assert names(database.snapshots(A, HERE, after="", limit=10)) == ["snap-a", "snap-b", "snap-c"]
        assert names(database.snapshots(A, HERE, after="snap-a", limit=1)) == ["snap-b"]
        assert database.snapshots(A, HERE, after="snap-c", limit=1) == []

    def test_of_volumes(self, database: Database) -> None:
        """After an ID, and no more than asked for."""
        put(
            database,
            *[BARE_VOLUME.changed(volume_id=f"vol-{name}") for name in ("c", "a", "b")],
            BARE_VOLUME.changed(volume_id="vol-d", account_id=B),
            BARE_VOLUME.changed(volume_id="vol-e", region=THERE),
        )
        assert names(database.volumes(A, HERE, after="", limit=10)) == ["vol-a", "vol-b", "vol-c"]
        assert names(database.volumes(A, HERE, after="vol-a", limit=1)) == ["vol-b"]
        assert database.volumes(A, HERE, after="vol-c", limit=1) == []

    def test_of_shares(self, database: Database) -> None:
        """By whom it is shared with: one account, or everybody."""
        put(
            database,
            SHARE.changed(snapshot_id="snap-b"),
            SHARE.changed(snapshot_id="snap-a"),
            SHARE.changed(snapshot_id="snap-c", account_id=EVERYBODY),
            SHARE.changed(snapshot_id="snap-d", region=THERE),
        )
        shares = database.snapshot_shares(B, HERE, after="", limit=10)
        assert [(share.snapshot_id, share.owner) for share in shares] == [("snap-a", A), ("snap-b", A)]
        assert [share.snapshot_id for share in database.snapshot_shares(B, HERE, after="snap-a", limit=1)] == ["snap-b"]
        everybody = database.snapshot_shares(EVERYBODY, HERE, after="", limit=10)
        assert [share.snapshot_id for share in everybody] == ["snap-c"]
        assert database.snapshot_shares(A, HERE, after="", limit=10) == []

    def test_of_snapshots_at_work(self, database: Database) -> None:
        """Those that the keeper will look at, of one account and Region, in the order of their IDs."""
        put(
            database,
            BARE_SNAPSHOT.changed(snapshot_id="snap-b", due_at=1.0),
            BARE_SNAPSHOT.changed(snapshot_id="snap-a", due_at=2.0),
            BARE_SNAPSHOT.changed(snapshot_id="snap-done"),
            BARE_SNAPSHOT.changed(snapshot_id="snap-c", account_id=B, due_at=1.0),
            BARE_SNAPSHOT.changed(snapshot_id="snap-d", region=THERE, due_at=1.0),
            BARE_VOLUME.changed(due_at=1.0),
        )
        assert names(database.snapshots_at_work(A, HERE)) == ["snap-a", "snap-b"]


class TestClientTokens:
    """Whoever asks twice with one token gets one thing."""

    def test_a_snapshot_is_found(self, database: Database) -> None:
        """In its account and Region alone, and a volume made with the same token is something else."""
        put(database, SNAPSHOT, VOLUME)
        assert database.snapshot_of_token(A, HERE, "token-1") == SNAPSHOT.changed(row_version=1)
        for place in ((B, HERE, "token-1"), (A, THERE, "token-1"), (A, HERE, "token-2")):
            assert database.snapshot_of_token(*place) is None

    def test_a_volume_is_found(self, database: Database) -> None:
        """In its account and Region alone, and a snapshot made with the same token is something else."""
        put(database, SNAPSHOT, VOLUME)
        assert database.volume_of_token(A, HERE, "token-1") == VOLUME.changed(row_version=1)
        for place in ((B, HERE, "token-1"), (A, THERE, "token-1"), (A, HERE, "token-2")):
            assert database.volume_of_token(*place) is None

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (SNAPSHOT, SNAPSHOT.changed(snapshot_id="snap-other")),
            (VOLUME, VOLUME.changed(volume_id="vol-other")),
        ],
        ids=["snapshot", "volume"],
    )
    def test_two_at_once_conflict(self, database: Database, one: Storage, other: Storage) -> None:
        """The later of two requests with one token is decided again, and then finds what the other made."""
        put(database, one)
        with pytest.raises(ConflictError):
            put(database, other)
        put(database, other.changed(region=THERE))

    def test_without_a_token_there_may_be_many(self, database: Database) -> None:
        """None is no token."""
        put(database, BARE_SNAPSHOT, BARE_SNAPSHOT.changed(snapshot_id="snap-2"), BARE_VOLUME)
        put(database, BARE_VOLUME.changed(volume_id="vol-2"))
        assert len(database.volumes(A, HERE, after="", limit=10)) == 2


class TestStorageDue:
    """What the keeper has to do."""

    def test_is_of_all_accounts_and_regions(self, database: Database) -> None:
        """Snapshots and volumes together, the oldest first, that of the very second included."""
        put(
            database,
            BARE_SNAPSHOT.changed(snapshot_id="never"),
            BARE_SNAPSHOT.changed(snapshot_id="later", due_at=100.5),
            BARE_SNAPSHOT.changed(snapshot_id="now", due_at=100.0),
            BARE_VOLUME.changed(volume_id="long ago", due_at=-3.0, account_id=B, region=THERE),
            BARE_SNAPSHOT.changed(snapshot_id="before", due_at=99.75, region=THERE),
            BARE_VOLUME.changed(volume_id="a while ago", due_at=99.5),
        )
        assert names(database.storage_due(100.0, limit=10)) == ["long ago", "a while ago", "before", "now"]
        assert names(database.storage_due(100.0, limit=2)) == ["long ago", "a while ago"]

    def test_is_in_one_order(self, database: Database) -> None:
        """Of the same moment: snapshots before volumes, each in the order of account, Region and ID."""
        put(
            database,
            BARE_VOLUME.changed(volume_id="vol-1", due_at=1.0),
            BARE_SNAPSHOT.changed(snapshot_id="snap-2", account_id=B, due_at=1.0),
            BARE_SNAPSHOT.changed(snapshot_id="snap-3", due_at=1.0),
            BARE_VOLUME.changed(volume_id="vol-0", account_id=B, due_at=1.0),
        )
        assert names(database.storage_due(1.0, limit=10)) == ["snap-3", "snap-2", "vol-1", "vol-0"]

    def test_what_is_done_is_not_due(self, database: Database) -> None:
        """Once it has no date any more."""
        put(database, SNAPSHOT)
        assert names(database.storage_due(100.0, limit=1)) == [SNAPSHOT_ID]
        put(database, SNAPSHOT.changed(row_version=1).completed(BLOCK_MAP, at=100.0))
        assert database.storage_due(1_000.0, limit=1) == []


class TestStorageOfLineage:
    """Nothing of a lineage is removed while somebody needs it."""

    def test_is_all_of_it(self, database: Database) -> None:
        """Snapshots, then volumes, of whatever account and Region."""
        put(
            database,
            BARE_SNAPSHOT.changed(snapshot_id="snap-2"),
            BARE_SNAPSHOT.changed(snapshot_id="snap-1", account_id=B),
            BARE_SNAPSHOT.changed(snapshot_id="snap-3", lineage="another"),
            BARE_VOLUME.changed(region=THERE),
            BARE_VOLUME.changed(volume_id="vol-2", lineage="another"),
        )
        assert names(database.storage_of_lineage("l")) == ["snap-2", "snap-1", "vol-1"]
        assert database.storage_of_lineage("nobody's") == []

    def test_a_copy_needs_what_it_reads(self, database: Database) -> None:
        """It is of a lineage of its own, and of that of its source until it is through."""
        put(database, COPYING_SNAPSHOT)
        assert names(database.storage_of_lineage("lineage-1")) == [COPYING_SNAPSHOT.snapshot_id]
        assert names(database.storage_of_lineage("lineage-2")) == [COPYING_SNAPSHOT.snapshot_id]
        put(database, COPYING_SNAPSHOT.changed(row_version=1).completed(BLOCK_MAP, at=1.0))
        assert database.storage_of_lineage("lineage-1") == []
        assert names(database.storage_of_lineage("lineage-2")) == [COPYING_SNAPSHOT.snapshot_id]

    def test_whoever_reads_its_own_counts_once(self, database: Database) -> None:
        """A volume of a snapshot of the same lineage."""
        put(database, COPYING_SNAPSHOT.changed(lineage="lineage-1"))
        assert names(database.storage_of_lineage("lineage-1")) == [COPYING_SNAPSHOT.snapshot_id]


def test_defaults_are_of_one_account_and_region(database: Database) -> None:
    """What an account wants here says nothing of another Region."""
    put(database, EBS_DEFAULTS)
    assert database.ebs_defaults(A, HERE) == EBS_DEFAULTS.changed(row_version=1)
    assert database.ebs_defaults(A, THERE) is None
    assert database.ebs_defaults(B, HERE) is None


def test_sweeps_are_listed(database: Database) -> None:
    """In the order of lineage and ID, at most as many as asked for."""
    put(
        database,
        SWEEP.changed(lineage="b", resource_id="snap-1"),
        SWEEP.changed(lineage="a", resource_id="vol-1"),
        SWEEP.changed(lineage="a", resource_id="snap-2"),
    )
    assert [(sweep.lineage, sweep.resource_id) for sweep in database.sweeps(limit=10)] == [
        ("a", "snap-2"),
        ("a", "vol-1"),
        ("b", "snap-1"),
    ]
    assert len(database.sweeps(limit=2)) == 2
    database.commit([Remove(SWEEP.changed(lineage="a", resource_id="vol-1", row_version=1))])
    assert len(database.sweeps(limit=10)) == 2

"""What falls due by itself: the end of keys, old traces, and the way of audit records into the journal."""

import logging
from collections.abc import Sequence

import pytest

from harness.troubled import TroubledDatabase, fail_with, in_turn, nothing
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.adapters.software_keys.key_store import SoftwareKeyStore
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import KeyMaterial, KMSKey
from selfkms.domain.records import Put
from selfkms.gate import upkeep as upkeep_module
from selfkms.gate.upkeep import Upkeep
from selfkms.ports.audit_sink import JournalUnavailableError
from selfkms.ports.database import CorruptRecordError, DatabaseUnavailableError

DAY = 86_400.0
HOUR = 3_600.0
OF_NOBODY = (
    "AccessDeniedException",
    (
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, "
        "or you are not allowed to access."
    ),
)


class KeptDatabase(TroubledDatabase):
    """Also has materials that cannot be believed, and remembers what it was asked to tidy."""

    def __init__(self) -> None:
        super().__init__()
        self.damaged: set[str] = set()
        self.pruned: list[float] = []
        self.before_compact = nothing
        self.compactions = 0

    def materials(self, account_id: str, region: str, key_id: str) -> list[KeyMaterial]:
        if key_id in self.damaged:
            raise CorruptRecordError("a row is not what was written")
        return super().materials(account_id, region, key_id)

    def prune_changes(self, keep_after: float) -> None:
        self.pruned.append(keep_after)

    def compact(self) -> None:
        self.before_compact()
        super().compact()
        self.compactions += 1


class Journal:
    """Takes records unless a test says something else."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.error: Exception | None = None

    def record(self, records: Sequence[AuditRecord]) -> None:
        if self.error is not None:
            raise self.error
        self.batches.append([record.event_id for record in records])


@pytest.fixture
def database() -> KeptDatabase:
    return KeptDatabase()


@pytest.fixture
def world(database: KeptDatabase) -> World:
    return World(database=database)


def scheduled(world: World, days: int = 7, by: str = ALICE_ACCOUNT, region: str = REGION) -> str:
    """The ID of a key that is pending deletion."""
    key_id: str = world.make_key(by=by, region=region)["KeyId"]
    world.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": days}, by=by, region=region)
    return key_id


def key_ids(world: World) -> set[str]:
    """All keys that there are, of every account and Region."""
    return {row.key_id for row in world.database.records.rows.values() if isinstance(row, KMSKey)}


def stored(world: World, key_id: str) -> KMSKey:
    key = world.database.key(ALICE_ACCOUNT, REGION, key_id)
    assert key is not None
    return key


class TestWindow:
    """When a key ends."""

    def test_not_before_its_time(self, world: World) -> None:
        """A key is there until its deletion date, and gone from then on."""
        key_id = scheduled(world)
        world.clock.seconds += 7 * DAY - 0.5
        assert world.upkeep.attend_due_keys() == 0
        world.clock.seconds += 0.5
        assert world.upkeep.attend_due_keys() == 1
        assert key_ids(world) == set()
        text = f"Key 'arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:key/{key_id}' does not exist"
        assert world.refusal("DescribeKey", {"KeyId": key_id}) == ("NotFoundException", text)

    def test_a_clock_that_jumped_ends_no_key_early(self, world: World) -> None:
        """However far ahead the wall clock is: what has not passed by the other clock has not passed."""
        scheduled(world)
        world.clock.mature_seconds = world.clock.seconds + 7 * DAY - 1
        world.clock.seconds += 3650 * DAY
        assert world.upkeep.attend_due_keys() == 0
        assert len(key_ids(world)) == 1
        world.clock.mature_seconds += 1
        assert world.upkeep.attend_due_keys() == 1

    def test_a_clock_that_was_set_back_ends_no_key_early(self, world: World) -> None:
        """Neither does one that is behind, while the other has gone on."""
        scheduled(world)
        world.clock.mature_seconds = world.clock.seconds + 8 * DAY
        assert world.upkeep.attend_due_keys() == 0

    def test_late_is_not_never(self, world: World) -> None:
        """A key whose day passed while nobody was there ends when somebody is, once."""
        scheduled(world)
        world.clock.seconds += 1000 * DAY
        assert world.upkeep.attend_due_keys() == 1
        assert world.upkeep.attend_due_keys() == 0

    def test_only_keys_that_are_pending_deletion_end(self, world: World) -> None:
        """Enabled, disabled, cancelled and later ones stay, whatever their account and Region."""
        enabled, disabled = world.make_key()["KeyId"], world.make_key()["KeyId"]
        world.call("DisableKey", {"KeyId": disabled})
        cancelled, later = scheduled(world), scheduled(world, days=8)
        world.call("CancelKeyDeletion", {"KeyId": cancelled})
        due = {scheduled(world), scheduled(world, by=BOB_ACCOUNT), scheduled(world, region="eu-west-1")}
        world.clock.seconds += 7 * DAY
        assert world.upkeep.attend_due_keys() == len(due)
        assert key_ids(world) == {enabled, disabled, cancelled, later}


class TestEnd:
    """What goes with a key, how, and what is left."""

    def test_all_of_it_goes_in_one_commit(self, world: World, database: KeptDatabase) -> None:
        """The key, its aliases, its material, together with the record; nothing of any other key."""
        key_id, other = world.make_key()["KeyId"], world.make_key()["KeyId"]
        for name, target in (("alias/a", key_id), ("alias/b", key_id), ("alias/other", other)):
            world.call("CreateAlias", {"AliasName": name, "TargetKeyId": target})
        blob = world.call("Encrypt", {"KeyId": other, "Plaintext": "AA=="})["CiphertextBlob"]
        world.call("ScheduleKeyDeletion", {"KeyId": key_id})
        before = database.commits_tried
        world.clock.seconds += 30 * DAY
        assert world.upkeep.attend_due_keys() == 1
        assert database.commits_tried == before + 1
        assert not [name for name in database.records.rows if key_id in name or name[-1] in ("alias/a", "alias/b")]
        assert [entry["AliasName"] for entry in world.call("ListAliases")["Aliases"]] == ["alias/other"]
        assert world.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == "AA=="

    def test_its_names_and_blobs_are_dead(self, world: World) -> None:
        """The alias is not found and may be made anew; what the key encrypted is opened by nobody any more."""
        key_id = world.make_key()["KeyId"]
        world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key_id})
        blob = world.call("Encrypt", {"KeyId": "alias/a", "Plaintext": "AA=="})["CiphertextBlob"]
        world.call("ScheduleKeyDeletion", {"KeyId": key_id})
        world.clock.seconds += 30 * DAY
        world.upkeep.attend_due_keys()
        assert world.refusal("DescribeKey", {"KeyId": "alias/a"})[0] == "NotFoundException"
        assert world.refusal("Decrypt", {"CiphertextBlob": blob}) == OF_NOBODY
        new = world.make_key()["KeyId"]
        world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": new})
        assert world.refusal("Decrypt", {"CiphertextBlob": blob, "KeyId": "alias/a"})[0] == "IncorrectKeyException"

    def test_the_record_of_the_end(self, world: World) -> None:
        """DeleteKey is a service event: nobody asked, so there is no caller and no request ID."""
        key_id = scheduled(world, by=BOB_ACCOUNT, region="eu-west-1")
        world.clock.seconds += 7 * DAY
        before = len(world.committed_records())
        world.upkeep.attend_due_keys()
        (record,) = world.committed_records()[before:]
        event_id = record.pop("eventID")
        arn = f"arn:aws:kms:eu-west-1:{BOB_ACCOUNT}:key/{key_id}"
        assert event_id
        assert record == {
            "eventVersion": "1.11",
            "userIdentity": {"accountId": BOB_ACCOUNT, "invokedBy": "AWS Internal"},
            "eventTime": "2026-09-28T14:13:20Z",
            "eventSource": "kms.amazonaws.com",
            "eventName": "DeleteKey",
            "awsRegion": "eu-west-1",
            "sourceIPAddress": "AWS Internal",
            "userAgent": "AWS Internal",
            "requestParameters": None,
            "responseElements": None,
            "readOnly": False,
            "resources": [{"accountId": BOB_ACCOUNT, "type": "AWS::KMS::Key", "ARN": arn}],
            "eventType": "AwsServiceEvent",
            "managementEvent": True,
            "recipientAccountId": BOB_ACCOUNT,
            "serviceEventDetails": {"keyId": key_id},
            "eventCategory": "Management",
        }

    def test_destruction_comes_last(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Material is destroyed when its record is gone for good, and not at all if the commit failed."""
        key_id = scheduled(world)
        (material,) = world.database.materials(ALICE_ACCOUNT, REGION, key_id)
        destroyed: list[tuple[str, bool]] = []

        def destroy(_self: SoftwareKeyStore, gone: KeyMaterial) -> None:
            destroyed.append((gone.handle, key_id in key_ids(world)))

        monkeypatch.setattr(SoftwareKeyStore, "destroy", destroy)
        world.clock.seconds += 7 * DAY
        assert isinstance(world.database, KeptDatabase)
        world.database.before_commit = in_turn(fail_with(DatabaseUnavailableError("not now")))
        with pytest.raises(DatabaseUnavailableError):
            world.upkeep.attend_due_keys()
        assert (destroyed, key_ids(world)) == ([], {key_id})
        assert world.upkeep.attend_due_keys() == 1
        assert destroyed == [(material.handle, False)]

    def test_a_key_that_is_cancelled_at_this_very_moment(self, world: World, database: KeptDatabase) -> None:
        """Stays: its record changed, so nothing of it is removed."""
        key_id = scheduled(world)
        cancelled = stored(world, key_id).changed(state=KeyState.DISABLED, deletion_at=None)
        database.before_commit = in_turn(lambda: database.write(Put(cancelled)))
        world.clock.seconds += 7 * DAY
        before = len(world.committed_records())
        assert world.upkeep.attend_due_keys() == 0
        assert len(world.committed_records()) == before
        assert stored(world, key_id).state is KeyState.DISABLED
        assert len(database.materials(ALICE_ACCOUNT, REGION, key_id)) == 1

    def test_a_key_that_another_keeper_ends(self, world: World, database: KeptDatabase) -> None:
        """Ends once, with one record."""
        scheduled(world)
        world.clock.seconds += 7 * DAY
        before = len(world.committed_records())
        database.before_commit = in_turn(
            lambda: None if world.upkeep.attend_due_keys() == 1 else pytest.fail("not ended")
        )
        assert world.upkeep.attend_due_keys() == 0
        assert len(world.committed_records()) == before + 1

    def test_more_than_one_step_takes(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """However many are due, all of them end."""
        monkeypatch.setattr(upkeep_module, "_AT_ONCE", 2)
        for _ in range(5):
            scheduled(world)
        world.clock.seconds += 7 * DAY
        assert world.upkeep.attend_due_keys() == 5
        assert key_ids(world) == set()

    def test_a_damaged_key_keeps_no_other_from_its_end(
        self, world: World, database: KeptDatabase, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It stays as it is, the operator is told, and all others end."""
        first, second, third = (scheduled(world) for _ in range(3))
        database.damaged = {second}
        world.clock.seconds += 7 * DAY
        with caplog.at_level(logging.ERROR):
            assert world.upkeep.attend_due_keys() == 2
        assert key_ids(world) == {second}
        assert second in caplog.text
        assert first not in caplog.text
        assert third not in caplog.text

    def test_many_damaged_keys_keep_no_other_from_its_end(
        self, world: World, database: KeptDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However many there are."""
        monkeypatch.setattr(upkeep_module, "_AT_ONCE", 2)
        database.damaged = {scheduled(world), scheduled(world)}
        scheduled(world, days=8)
        world.clock.seconds += 8 * DAY
        assert world.upkeep.attend_due_keys() == 1


class TestTraces:
    """What is left behind in files and lists."""

    def test_files_are_compacted_when_something_ended(self, world: World, database: KeptDatabase) -> None:
        """Once for all keys of a round, and not at all if none ended."""
        world.upkeep.compact()
        assert database.compactions == 0
        for _ in range(2):
            scheduled(world)
        world.clock.seconds += 7 * DAY
        world.upkeep.attend_due_keys()
        for _ in range(2):
            world.upkeep.compact()
        assert database.compactions == 1

    def test_compaction_is_tried_until_it_succeeds(self, world: World, database: KeptDatabase) -> None:
        """A database that could not is asked again."""
        scheduled(world)
        world.clock.seconds += 7 * DAY
        world.upkeep.attend_due_keys()
        database.before_compact = in_turn(fail_with(DatabaseUnavailableError("busy")))
        with pytest.raises(DatabaseUnavailableError):
            world.upkeep.compact()
        for _ in range(2):
            world.upkeep.compact()
        assert database.compactions == 1

    def test_changes_are_forgotten_hourly(self, world: World, database: KeptDatabase) -> None:
        """At once, then once an hour, always what is older than an hour."""
        start = world.clock.seconds
        for minutes in (0, 1, 59, 60, 61, 180):
            world.clock.seconds = start + minutes * 60
            world.upkeep.tidy()
        assert database.pruned == [start - HOUR, start, start + 2 * HOUR]

    def test_domain_keys_are_renewed_yearly(self, world: World, database: KeptDatabase) -> None:
        """In each Region that has one; what was encrypted before still opens, and new material is wrapped anew."""
        key_id = world.make_key()["KeyId"]
        world.make_key(region="eu-west-1")
        blob = world.call("Encrypt", {"KeyId": key_id, "Plaintext": "AA=="})["CiphertextBlob"]
        world.clock.seconds += 364 * DAY
        world.upkeep.tidy()
        assert [len(database.domain_keys(region)) for region in (REGION, "eu-west-1", "eu-west-2")] == [1, 1, 0]
        world.clock.seconds += 2 * DAY
        for _ in range(2):
            world.upkeep.tidy()
        assert [len(database.domain_keys(region)) for region in (REGION, "eu-west-1", "eu-west-2")] == [2, 2, 0]
        assert world.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == "AA=="
        world.make_key()

    def test_a_round_that_failed_is_made_up_for(self, world: World, database: KeptDatabase) -> None:
        """If the database does not answer, the hour is not over: the next round tries again."""
        world.make_key()
        world.clock.seconds += 400 * DAY
        database.before_commit = in_turn(fail_with(DatabaseUnavailableError("not now")))
        with pytest.raises(DatabaseUnavailableError):
            world.upkeep.tidy()
        world.upkeep.tidy()
        assert len(database.domain_keys(REGION)) == 2


class TestMoveAudit:
    """Records that were committed with changes go to the journal."""

    def committed(self, world: World, count: int) -> list[str]:
        """Event IDs of so many changes, in their order."""
        before = len(world.committed_records())
        for _ in range(count):
            world.make_key()
        return [record["eventID"] for record in world.committed_records()[before:]]

    def test_in_order_and_once(self, world: World) -> None:
        """All that there are, oldest first; then the database has none."""
        event_ids, journal = self.committed(world, 3), Journal()
        assert world.upkeep.move_audit(journal) == 3
        assert journal.batches == [event_ids]
        assert world.committed_records() == []
        assert world.upkeep.move_audit(journal) == 0
        assert len(journal.batches) == 1

    def test_in_steps(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Many go in several steps, none twice."""
        monkeypatch.setattr(upkeep_module, "_AT_ONCE", 2)
        event_ids, journal = self.committed(world, 5), Journal()
        assert world.upkeep.move_audit(journal) == 5
        assert journal.batches == [event_ids[:2], event_ids[2:4], event_ids[4:]]

    def test_a_journal_that_cannot_take_them(self, world: World) -> None:
        """They stay where they are, and go the next time."""
        event_ids, journal = self.committed(world, 2), Journal()
        journal.error = JournalUnavailableError("disk full")
        with pytest.raises(JournalUnavailableError):
            world.upkeep.move_audit(journal)
        assert [record["eventID"] for record in world.committed_records()] == event_ids
        journal.error = None
        assert world.upkeep.move_audit(journal) == 2
        assert journal.batches == [event_ids]

    def test_a_crash_in_between(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Records that are in the journal and not yet forgotten go there twice, under the same event IDs."""
        event_ids, journal = self.committed(world, 2), Journal()
        with monkeypatch.context() as patch:
            patch.setattr(world.database, "forget_audit", lambda _: fail_with(DatabaseUnavailableError("gone"))())
            with pytest.raises(DatabaseUnavailableError):
                world.upkeep.move_audit(journal)
        assert world.upkeep.move_audit(journal) == 2
        assert journal.batches == [event_ids, event_ids]

    def test_the_end_of_a_key_is_moved_like_any_other(self, world: World) -> None:
        """DeleteKey comes after what led to it."""
        scheduled(world)
        world.clock.seconds += 7 * DAY
        world.upkeep.attend_due_keys()
        names = {record["eventID"]: record["eventName"] for record in world.committed_records()}
        journal = Journal()
        world.upkeep.move_audit(journal)
        assert [names[event_id] for event_id in journal.batches[0]] == ["CreateKey", "ScheduleKeyDeletion", "DeleteKey"]


def test_keepers_do_not_know_each_other(world: World) -> None:
    """A second keeper on the same records finds nothing left to do."""
    scheduled(world)
    world.clock.seconds += 7 * DAY
    second = Upkeep(
        database=world.database,
        key_store=world.key_store,
        keys=world.keys,
        clock=world.clock,
        entropy=world.entropy,
    )
    assert (world.upkeep.attend_due_keys(), second.attend_due_keys()) == (1, 0)

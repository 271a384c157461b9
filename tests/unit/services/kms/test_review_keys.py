"""Defects of KMS keys that a review found, each as the claim that does not hold yet."""

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.events import Files, arn, event
from harness.related_keys import EAST, WEST, related, state_in
from harness.world import ALICE_ACCOUNT, World
from selfkms.adapters.memory.database import MemoryDatabase, MemoryRecords
from selfkms.adapters.sql.warm import WarmDatabase
from selfkms.domain.arns import root_arn
from selfkms.domain.cloudtrail.history import recorded_event
from selfkms.domain.kms.grants import Grant
from selfkms.domain.records import Put
from selfkms.gate.upkeep import Upkeep

HOUR = 3_600.0


@pytest.mark.parametrize("valid_to", [1e300, -1e15])
def test_a_date_beyond_the_calendar_is_refused(valid_to: float) -> None:
    """ValidTo out of range is the caller's mistake, not an internal failure."""
    world = World()
    key_id = world.make_key(Origin="EXTERNAL")["KeyId"]
    blob = b64encode(b"x").decode()
    parameters = {"KeyId": key_id, "ImportToken": blob, "EncryptedKeyMaterial": blob, "ValidTo": valid_to}
    code, _ = world.refusal("ImportKeyMaterial", parameters)
    assert code == "SerializationException"


def test_a_replica_key_settles_although_the_clock_was_put_right() -> None:
    """Nothing is lost when a transient state ends: it need not wait for both clocks."""
    world = World()
    key_id = related(world)
    world.clock.mature_seconds = world.clock.seconds - HOUR
    world.call("ReplicateKey", {"KeyId": key_id, "ReplicaRegion": WEST}, region=EAST)
    world.clock.seconds += 60
    world.clock.mature_seconds += 60
    world.upkeep.attend_due_keys()
    assert state_in(world, WEST, key_id) == "Enabled"


def test_a_key_can_be_disabled_although_the_clock_was_put_right() -> None:
    """A minute after UpdatePrimaryRegion a key can be disabled, in whatever order the clocks are."""
    world = World()
    key_id = related(world, WEST)
    world.clock.mature_seconds = world.clock.seconds - HOUR
    world.call("UpdatePrimaryRegion", {"KeyId": key_id, "PrimaryRegion": WEST}, region=EAST)
    world.clock.seconds += 60
    world.clock.mature_seconds += 60
    world.upkeep.attend_due_keys()
    world.call("DisableKey", {"KeyId": key_id}, region=EAST)
    assert state_in(world, EAST, key_id) == "Disabled"


def test_decryption_with_a_private_rsa_key_is_not_for_the_event_loop() -> None:
    """What takes longer than a millisecond runs off the event loop."""
    world = World()
    parameters = {"KeyId": "alias/rsa", "CiphertextBlob": "AAAA", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    assert world.gate.off_loop(world.request("Decrypt", parameters))


def test_a_replica_made_again_keeps_its_last_use_in_a_history_made_anew(tmp_path: Path) -> None:
    """A replica key that ended and was made again in the same Region has the same ARN; its use since then counts."""
    files = Files(tmp_path)
    files.write(
        [
            event(1, "Encrypt", arn(1)),
            event(2, "DeleteKey", arn(1), requestID=None, eventType="AwsServiceEvent"),
            event(3, "CreateKey", arn(1)),
            event(4, "Decrypt", arn(1)),
        ]
    )
    files.feed().feed()
    last_use = files.history.last_use(arn(1))
    files.close()
    assert last_use is not None
    assert last_use.operation == "Decrypt"


@pytest.mark.parametrize(
    "kind",
    [
        {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
        {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
        {"Origin": "EXTERNAL"},
    ],
)
def test_the_rotation_status_of_keys_that_do_not_rotate_is_false(kind: dict[str, str]) -> None:
    """Terraform asks it of each key of origin AWS_KMS that it reads; only to enable or disable rotation is refused."""
    world = World()
    key = world.make_key(**kind)
    status = world.call("GetKeyRotationStatus", {"KeyId": key["KeyId"]})
    assert status == {"KeyId": key["Arn"], "KeyRotationEnabled": False}


@pytest.mark.parametrize("name", ["ReplicateKey", "UpdatePrimaryRegion"])
def test_a_request_on_related_keys_counts_once(name: str) -> None:
    """What a request did in another Region is no further request, nor does its use stand with two keys."""
    world = World()
    key_id = related(world) if name == "ReplicateKey" else related(world, WEST)
    before = len(world.database.audit_backlog(limit=100))
    member = "ReplicaRegion" if name == "ReplicateKey" else "PrimaryRegion"
    world.call(name, {"KeyId": key_id, member: WEST}, region=EAST)
    records = [audit for _, audit in world.database.audit_backlog(limit=100)][before:]
    assert sum(len(recorded_event(audit.body).counted_keys) for audit in records) == 1


class CountedReads(MemoryDatabase):
    """A database that counts the grants that were read from it."""

    grants_read = 0

    def grants_to(self, account_id: str, region: str, key_id: str, grantee: str) -> Sequence[Grant]:
        found = super().grants_to(account_id, region, key_id, grantee)
        self.grants_read += len(found)
        return found


class Touched:
    """The news of a warm database: nobody else changes anything."""

    def touched(self) -> list[tuple[str, ...]] | None:
        return []

    def close(self) -> None:
        pass


def test_a_grant_to_somebody_else_does_not_make_all_grants_be_read_again() -> None:
    """With 49,000 grants of one grantee they take 0.8 seconds to read, each time on the event loop of each worker."""
    cold = CountedReads()
    warm = WarmDatabase(cold, Touched())
    grant = Grant(
        account_id=ALICE_ACCOUNT,
        region=EAST,
        key_id="k",
        grant_id="0",
        created_at=0.0,
        grantee="arn:aws:iam::111122223333:user/a",
        issuing_account=root_arn(ALICE_ACCOUNT),
        operations=("Decrypt",),
    )
    warm.commit([Put(grant.changed(grant_id=f"{number}")) for number in range(20)])
    warm.grants_to(ALICE_ACCOUNT, EAST, "k", grant.grantee)
    cold.grants_read = 0
    warm.commit([Put(grant.changed(grant_id="20", grantee="arn:aws:iam::111122223333:user/b"))])
    warm.grants_to(ALICE_ACCOUNT, EAST, "k", grant.grantee)
    assert cold.grants_read == 0


class AllIsNew(Touched):
    """The news of a warm database: anything may have changed, if anything was committed."""

    def __init__(self, records: MemoryRecords) -> None:
        self.records, self.seen = records, records.rows

    def touched(self) -> list[tuple[str, ...]] | None:
        before, self.seen = self.seen, self.records.rows
        return [] if before is self.seen else None


def test_a_rotation_while_a_replica_key_ends_is_decided_again() -> None:
    """A view that is older than a change elsewhere is a conflict, not an internal failure."""
    cold = MemoryDatabase()
    warm = WarmDatabase(cold, AllIsNew(cold.records))
    world = World(database=warm)  # type: ignore[arg-type]  # any database does
    world.upkeep = Upkeep(
        database=cold, key_store=world.key_store, keys=world.keys, clock=world.clock, entropy=world.entropy
    )
    key_id = related(world, WEST)
    world.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7}, region=WEST)
    world.clock.seconds += 8 * 24 * HOUR
    request = world.request("RotateKeyOnDemand", {"KeyId": key_id})
    world.gate.begin_turn()
    warm.key(ALICE_ACCOUNT, EAST, key_id)
    world.upkeep.attend_due_keys()
    assert world.gate.handle(request).response.status == 200

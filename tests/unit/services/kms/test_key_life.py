"""The life of keys, single and multi-Region, made here and imported: any sequence of operations and days.

After every step each key is where the table of key states lets it be, related keys agree, and every blob of a living
key that has its material opens in every Region of the key that may be used.
"""

from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from harness.importer import one_pair
from harness.related_keys import EAST, SOUTH, WEST, encrypted_in, import_in, opened_in
from harness.world import ALICE_ACCOUNT, Refused, World
from selfkms.crypto.rsa import RSAKeyPair
from selfkms.domain.kms.key_state import REFUSALS, TRANSITIONS, KeyState
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.limits import SECONDS_PER_DAY

REGIONS: Final = (EAST, WEST, SOUTH)
MATERIALS: Final = tuple(bytes([number]) * 32 for number in range(2))
KINDS: Final[tuple[dict[str, Any], ...]] = (
    {"MultiRegion": True},
    {"MultiRegion": True, "Origin": "EXTERNAL"},
    {},
    {"Origin": "EXTERNAL"},
)
OPERATIONS: Final[dict[str, dict[str, Any]]] = {
    "EnableKey": {},
    "DisableKey": {},
    "ScheduleKeyDeletion": {"PendingWindowInDays": 7},
    "CancelKeyDeletion": {},
    "EnableKeyRotation": {"RotationPeriodInDays": 90},
    "DisableKeyRotation": {},
    "RotateKeyOnDemand": {},
    "DeleteImportedKeyMaterial": {},
}
BLOBS_MAX: Final = 4
USABLE: Final = (KeyState.ENABLED, KeyState.UPDATING)

Place = tuple[str, str]
"""Region and key ID."""

regions = st.sampled_from(REGIONS)
kinds = st.sampled_from((0, 1, 1, 2, 3))
primaries = st.none() | regions
"""Where a primary key is looked for; None: where it is."""


class KeyLife(RuleBasedStateMachine):
    """One key of each kind, in a world whose clock moves."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.key_ids = [self.world.make_key(**kind)["KeyId"] for kind in KINDS]
        self.blobs: dict[str, list[str]] = {key_id: [] for key_id in self.key_ids}
        self.before: dict[Place, KMSKey] = self.keys()
        self.cancelled: Place | None = None
        for external in (1, 3):
            import_in(self.world, EAST, self.key_ids[external], MATERIALS[0])

    @initialize(kind=st.sampled_from((0, 1)))
    def replicated(self, kind: int) -> None:
        """At least one multi-Region key has two Regions."""
        self.replicate(kind, EAST, WEST)

    def keys(self) -> dict[Place, KMSKey]:
        """All that live."""
        found = {
            (region, key_id): self.world.database.key(ALICE_ACCOUNT, region, key_id)
            for region in REGIONS
            for key_id in self.key_ids
        }
        return {place: key for place, key in found.items() if key is not None}

    def primary(self, kind: int) -> str:
        """The Region of a primary key, or of what would be one."""
        found = [key.primary_region for (_, key_id), key in self.keys().items() if key_id == self.key_ids[kind]]
        return (found[0] if found else None) or EAST

    def attempt(self, operation: str, region: str, key_id: str, parameters: dict[str, Any]) -> bool:
        """Whether a request was answered. One that its state refuses is refused by that, and nothing changes."""
        key = self.keys().get((region, key_id))
        self.before = self.keys()
        refused = self.refusal(lambda: self.world.call(operation, {"KeyId": key_id, **parameters}, region=region))
        refusal = None if key is None else REFUSALS.get((operation, key.state))
        if key is not None and refusal is not None:
            assert refused is not None
            assert (refused.code, refused.message) == (refusal[0].__name__, f"{key.arn} {refusal[1]}")
        return refused is None

    def refusal(self, call: Callable[[], object]) -> Refused | None:
        """The error that answers a request, if it is one: then nothing has changed."""
        try:
            call()
        except Refused as error:
            refused = error
        else:
            return None
        assert refused.status == 400, refused
        assert self.keys() == self.before
        return refused

    @rule(kind=kinds, region=regions, operation=st.sampled_from(sorted(OPERATIONS)))
    def operate(self, kind: int, region: str, operation: str) -> None:
        """Whatever changes a state or a rotation."""
        key_id = self.key_ids[kind]
        answered = self.attempt(operation, region, key_id, OPERATIONS[operation])
        self.cancelled = (region, key_id) if answered and operation == "CancelKeyDeletion" else None

    @rule(kind=kinds, primary=primaries, region=regions)
    def replicate(self, kind: int, primary: str | None, region: str) -> None:
        """A further Region."""
        self.cancelled = None
        self.attempt("ReplicateKey", primary or self.primary(kind), self.key_ids[kind], {"ReplicaRegion": region})

    @rule(kind=kinds, primary=primaries, region=regions)
    def move_primary(self, kind: int, primary: str | None, region: str) -> None:
        """Another primary key."""
        self.cancelled = None
        self.attempt(
            "UpdatePrimaryRegion", primary or self.primary(kind), self.key_ids[kind], {"PrimaryRegion": region}
        )

    @rule(
        kind=st.sampled_from((1, 3)),
        region=regions,
        material=st.sampled_from(MATERIALS),
        new=st.booleans(),
        lasts=st.booleans(),
    )
    def bring(self, kind: int, region: str, material: bytes, *, new: bool, lasts: bool) -> None:
        """Material, new or again, for good or for less than a second."""
        self.cancelled = None
        self.before = self.keys()
        parameters: dict[str, Any] = {"ImportType": "NEW_KEY_MATERIAL" if new else "EXISTING_KEY_MATERIAL"}
        if not lasts:
            parameters["ValidTo"] = self.world.clock.now() + 0.5
        self.refusal(lambda: import_in(self.world, region, self.key_ids[kind], material, **parameters))

    @rule(seconds=st.sampled_from((0.6, 1.0, 3 * SECONDS_PER_DAY, 8 * SECONDS_PER_DAY, 91 * SECONDS_PER_DAY)))
    def wait(self, seconds: float) -> None:
        """The keeper sees what is due."""
        self.cancelled = None
        self.before = self.keys()
        self.world.clock.seconds += seconds
        while self.world.upkeep.attend_due_keys():
            pass

    @rule(kind=kinds, region=regions)
    def encrypt(self, kind: int, region: str) -> None:
        """A blob more, if the key may be used there."""
        self.cancelled = None
        self.before = self.keys()
        key = self.before.get((region, self.key_ids[kind]))
        if key is not None and key.state in USABLE:
            blobs = self.blobs[key.key_id]
            blobs.append(encrypted_in(self.world, region, key.key_id))
            del blobs[:-BLOBS_MAX]

    @invariant()
    def states_follow_the_table(self) -> None:
        """From one step to the next, and out of PendingDeletion in two ways only."""
        keys = self.keys()
        for place, old in self.before.items():
            new = keys.get(place)
            if new is None:
                assert old.state is KeyState.PENDING_DELETION
                assert old.deletion_at is not None
                assert old.deletion_at <= self.world.clock.now()
            elif new.state is not old.state:
                following = {to for (state, _), to in TRANSITIONS.items() if state is old.state}
                assert new.state in following | {KeyState.PENDING_IMPORT}, (old.state, new.state)
                if old.state is KeyState.PENDING_DELETION:
                    assert place == self.cancelled

    @invariant()
    def dates_belong_to_their_states(self) -> None:
        """Whatever a state needs is there in it, and in no other."""
        for key in self.keys().values():
            assert (key.deletion_at is not None) == (key.state is KeyState.PENDING_DELETION)
            assert (key.settles_at is not None) == (key.state in (KeyState.CREATING, KeyState.UPDATING))
            assert (key.pending_window_days is not None) == (key.state is KeyState.PENDING_REPLICA_DELETION)
            if key.state in USABLE:
                assert key.whole(self.world.clock.now())

    @invariant()
    def related_keys_agree(self) -> None:
        """On their Regions, their materials and their rotation; the record of each material is there."""
        keys = self.keys()
        for (region, key_id), key in keys.items():
            family = [other for (_, other_id), other in keys.items() if other_id == key_id]
            if key.multi_region:
                assert {other.region for other in family} == {key.primary_region, *key.replica_regions}
            for other in family:
                assert (other.primary_region, other.replica_regions) == (key.primary_region, key.replica_regions)
                assert [entry.handle for entry in other.materials] == [entry.handle for entry in key.materials]
                assert (other.rotation_period_days, other.next_rotation_at) == (
                    key.rotation_period_days,
                    key.next_rotation_at,
                )
            stored = self.world.database.materials(ALICE_ACCOUNT, region, key_id)
            assert {record.handle: bool(record.wrapped) for record in stored} == {
                entry.handle: entry.present for entry in key.materials
            }

    @invariant()
    def every_blob_opens_where_its_key_may_be_used(self) -> None:
        """Whichever Region made it, and whatever was rotated since."""
        for (region, key_id), key in self.keys().items():
            if key.state in USABLE:
                for blob in self.blobs[key_id]:
                    assert opened_in(self.world, region, blob) == b"text"


def test_any_sequence_of_operations_and_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """States, dates, related keys and ciphertext are right after each of them."""
    monkeypatch.setattr(RSAKeyPair, "generate", one_pair)
    run_state_machine_as_test(KeyLife, settings=settings(max_examples=60, stateful_step_count=30, deadline=None))

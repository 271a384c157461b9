"""Rules of rotation that do not need a gate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfkms.domain.kms.errors import KMSInvalidStateException, UnsupportedOperationException
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import KeyMaterial, KeySpec, KMSKey, MaterialEntry, Origin
from selfkms.domain.kms.rotation import (
    RotationType,
    check_automatic,
    check_on_demand,
    rotated,
    rotated_to_waiting,
    scheduled,
    unscheduled,
)
from selfkms.domain.limits import SECONDS_PER_DAY

KEY = KMSKey(
    account_id="111122223333",
    region="us-east-1",
    key_id="1234abcd-12ab-34cd-56ef-1234567890ab",
    created_at=0.0,
    state=KeyState.ENABLED,
    policy="{}",
    materials=(MaterialEntry("00" * 16, "aa" * 32),),
)
MATERIAL = KeyMaterial(
    account_id=KEY.account_id,
    region=KEY.region,
    key_id=KEY.key_id,
    handle="11" * 16,
    material_id="bb" * 32,
    key_spec=KeySpec.SYMMETRIC_DEFAULT,
    created_at=1.0,
    wrapped=b"wrapped",
)


@given(days=st.integers(90, 2560), late=st.floats(0, 1e9))
def test_a_missed_rotation_keeps_the_cadence(days: int, late: float) -> None:
    """However late it comes: one new material, and the next day is in the future and on the schedule."""
    period = days * SECONDS_PER_DAY
    key = scheduled(KEY, period_days=days, now=1_000.0)
    now = 1_000.0 + period + late
    after = rotated(key, MATERIAL, rotation_type=RotationType.AUTOMATIC, now=now)
    assert after.next_rotation_at is not None
    assert now < after.next_rotation_at <= now + period
    assert (after.next_rotation_at - 1_000.0) % period == pytest.approx(0, abs=1e-3)
    assert [entry.handle for entry in after.materials] == ["00" * 16, "11" * 16]
    assert after.current_material.rotation_type == "AUTOMATIC"


def test_on_demand_leaves_the_schedule() -> None:
    """Also a key without one."""
    for key in (KEY, scheduled(KEY, period_days=90, now=0.0)):
        after = rotated(key, MATERIAL, rotation_type=RotationType.ON_DEMAND, now=5.0)
        assert (after.rotation_period_days, after.next_rotation_at) == (key.rotation_period_days, key.next_rotation_at)
        assert after.current_material == MaterialEntry("11" * 16, "bb" * 32, 5.0, "ON_DEMAND")


def test_off_takes_period_and_date() -> None:
    """Nothing is left that could fall due."""
    assert unscheduled(scheduled(KEY, period_days=90, now=0.0)) == KEY


def test_imported_material_rotates_to_what_waits() -> None:
    """By itself never, on demand only to material that was imported for it; none is waiting."""
    key = KEY.changed(origin=Origin.EXTERNAL)
    with pytest.raises(UnsupportedOperationException) as automatic:
        check_automatic(key)
    assert automatic.value.message == f"{key.arn} origin is EXTERNAL which is not valid for this operation."
    with pytest.raises(KMSInvalidStateException) as on_demand:
        check_on_demand(key, (), now=0.0)
    assert on_demand.value.message == f"No available key material pending rotation for the key: {key.arn}."


def test_what_waits_becomes_current() -> None:
    """The old material stays for old ciphertext; expired material does not become current."""
    waiting = MaterialEntry("11" * 16, "bb" * 32, valid_to=10.0, pending_rotation=True)
    key = KEY.changed(origin=Origin.EXTERNAL, materials=(*KEY.materials, waiting))
    check_on_demand(key, (), now=9.9)
    after = rotated_to_waiting(key, now=9.9)
    current = MaterialEntry("11" * 16, "bb" * 32, valid_to=10.0, rotated_at=9.9, rotation_type="ON_DEMAND")
    assert after.materials == (*KEY.materials, current)
    with pytest.raises(KMSInvalidStateException):
        check_on_demand(key, (), now=10.0)


@pytest.mark.parametrize("origin", [Origin.AWS_CLOUDHSM, Origin.EXTERNAL_KEY_STORE])
def test_keys_of_custom_key_stores_do_not_rotate(origin: Origin) -> None:
    """Neither way."""
    key = KEY.changed(origin=origin)
    with pytest.raises(UnsupportedOperationException):
        check_automatic(key)
    with pytest.raises(UnsupportedOperationException):
        check_on_demand(key, (), now=0.0)

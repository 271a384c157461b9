"""Related keys: which Regions they know, what they share, and when their states change."""

from typing import Final

import pytest

from selfkms.domain.errors import AWSError
from selfkms.domain.kms.errors import UnsupportedOperationException
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import KMSKey, MaterialEntry, Origin
from selfkms.domain.kms.multi_region import (
    REGIONS,
    check_new_primary,
    check_new_replica,
    check_not_replica,
    check_primary,
    related_regions,
    replica,
    scheduled_for_deletion,
    settled,
    synchronized,
    with_primary,
    with_replica,
    without_replica,
)
from selfkms.domain.limits import SECONDS_PER_DAY
from selfkms.domain.tags import Tag
from selfkms.protocol.model import regions

ONE: Final = MaterialEntry("0" * 32, "a" * 64)
TWO: Final = MaterialEntry("1" * 32, "b" * 64, rotated_at=5.0, rotation_type="ON_DEMAND")

SINGLE: Final = KMSKey(
    account_id="111122223333",
    region="us-east-1",
    key_id="mrk-1234abcd12ab34cd56ef1234567890ab",
    created_at=1.0,
    state=KeyState.ENABLED,
    policy="{}",
    materials=(ONE,),
)
LONE: Final = SINGLE.changed(multi_region=True, primary_region="us-east-1")
PRIMARY: Final = LONE.changed(replica_regions=("eu-west-1", "sa-east-1"))
WEST: Final = PRIMARY.changed(region="eu-west-1")
SOUTH: Final = PRIMARY.changed(region="sa-east-1")


def test_the_regions_are_those_of_the_partition() -> None:
    """A Region that botocore learns of must be added."""
    assert regions() == REGIONS


def test_what_a_primary_key_is() -> None:
    """Neither a replica key nor a key without Regions: AWS's text has its ARN."""
    check_primary(LONE)
    check_not_replica(LONE)
    check_not_replica(SINGLE)
    assert (PRIMARY.is_replica, WEST.is_replica, SINGLE.is_replica) == (False, True, False)
    for key in (SINGLE, WEST):
        with pytest.raises(UnsupportedOperationException) as refused:
            check_primary(key)
        assert refused.value.message == f"{key.arn} is not a multi-region primary key."
    with pytest.raises(UnsupportedOperationException):
        check_not_replica(WEST)


@pytest.mark.parametrize(
    ("key", "region", "code"),
    [
        (SINGLE, "eu-west-1", "UnsupportedOperationException"),
        (WEST, "eu-west-2", "UnsupportedOperationException"),
        (PRIMARY, "us-east-1", "AlreadyExistsException"),
        (PRIMARY, "sa-east-1", "AlreadyExistsException"),
        (PRIMARY, "moon-east-1", "ValidationException"),
        (PRIMARY, "cn-north-1", "ValidationException"),
    ],
)
def test_where_no_replica_key_is_made(key: KMSKey, region: str, code: str) -> None:
    """Of a key that is no primary key, where one is already, and where nothing is."""
    with pytest.raises(AWSError) as refused:
        check_new_replica(key, region)
    assert refused.value.code == code
    check_new_replica(PRIMARY, "eu-west-2")


@pytest.mark.parametrize(
    ("key", "region", "code"),
    [
        (SINGLE, "eu-west-1", "UnsupportedOperationException"),
        (WEST, "sa-east-1", "UnsupportedOperationException"),
        (PRIMARY, "us-east-1", "UnsupportedOperationException"),
        (PRIMARY, "eu-west-2", "NotFoundException"),
    ],
)
def test_where_the_primary_key_does_not_go(key: KMSKey, region: str, code: str) -> None:
    """From a key that is none, to where it is, and to where no replica key is."""
    with pytest.raises(AWSError) as refused:
        check_new_primary(key, region)
    assert refused.value.code == code
    check_new_primary(PRIMARY, "sa-east-1")


def test_related_regions() -> None:
    """All but its own, the primary key's first."""
    assert related_regions(SINGLE) == related_regions(LONE) == ()
    assert related_regions(PRIMARY) == ("eu-west-1", "sa-east-1")
    assert related_regions(SOUTH) == ("us-east-1", "eu-west-1")


def test_a_new_replica_key() -> None:
    """What it shares is the primary key's; policy, tags, description and state are its own. It settles by itself."""
    rotating = PRIMARY.changed(materials=(ONE, TWO), rotation_period_days=90, next_rotation_at=9.0)
    new = replica(rotating, "eu-west-1", policy="[]", description="d", tags=(Tag("a", "b"),), now=100.0)
    assert new == rotating.changed(
        region="eu-west-1",
        created_at=100.0,
        state=KeyState.CREATING,
        settles_at=101.0,
        policy="[]",
        description="d",
        tags=(Tag("a", "b"),),
    )
    assert new.due_at == 101.0
    done = settled(new, now=101.0)
    assert (done.state, done.settles_at, done.due_at) == (KeyState.ENABLED, None, None)
    assert rotating.due_at == 9.0


def test_a_new_replica_key_for_imported_material() -> None:
    """It knows which material it may be given, has none, and is pending import."""
    waiting = MaterialEntry("2" * 32, "c" * 64, valid_to=50.0, description="mine", pending_rotation=True)
    primary = PRIMARY.changed(origin=Origin.EXTERNAL, materials=(ONE, TWO, waiting))
    new = replica(primary, "eu-west-1", policy="{}", description="", tags=(), now=0.0)
    assert [(entry.handle, entry.present, entry.valid_to) for entry in new.materials] == [
        (entry.handle, False, None) for entry in primary.materials
    ]
    assert new.waiting_material == MaterialEntry("2" * 32, "c" * 64, pending_rotation=True, present=False)
    assert settled(new, now=1.0).state is KeyState.PENDING_IMPORT


def test_what_a_replica_key_keeps_of_imported_material() -> None:
    """Whether it is there and when it expires is its own; whether it waits, and the order, the primary key's."""
    own = MaterialEntry("0" * 32, "a" * 64, valid_to=7.0, description="here")
    west = WEST.changed(origin=Origin.EXTERNAL, materials=(own,))
    primary = PRIMARY.changed(origin=Origin.EXTERNAL, materials=(ONE, TWO))
    after = synchronized(west, primary)
    assert after.materials[0] == own
    assert (after.materials[1].present, after.materials[1].rotated_at) == (False, 5.0)
    assert synchronized(after, primary.changed(materials=(ONE,))).materials == (own,)


def test_one_more_and_one_less() -> None:
    """The oldest first; a key that does not wait for it does not change otherwise."""
    more = with_replica(PRIMARY, "eu-west-2")
    assert more == PRIMARY.changed(replica_regions=("eu-west-1", "sa-east-1", "eu-west-2"))
    assert without_replica(more, "eu-west-2", now=0.0) == PRIMARY
    assert without_replica(WEST, "sa-east-1", now=0.0) == WEST.changed(replica_regions=("eu-west-1",))


def test_the_primary_key_waits_for_its_replica_keys() -> None:
    """Without a date until the last one is gone; then its own window begins."""
    waiting = scheduled_for_deletion(PRIMARY, window_days=8, now=10.0)
    assert (waiting.state, waiting.pending_window_days) == (KeyState.PENDING_REPLICA_DELETION, 8)
    assert (waiting.deletion_at, waiting.due_at) == (None, None)
    fewer = without_replica(waiting, "eu-west-1", now=20.0)
    assert fewer.state is KeyState.PENDING_REPLICA_DELETION
    last = without_replica(fewer, "sa-east-1", now=30.0)
    assert (last.state, last.pending_window_days) == (KeyState.PENDING_DELETION, None)
    assert last.deletion_at == last.due_at == 30.0 + 8 * SECONDS_PER_DAY


@pytest.mark.parametrize("key", [SINGLE, LONE, WEST, WEST.changed(state=KeyState.CREATING, settles_at=11.0)])
def test_other_keys_do_not_wait(key: KMSKey) -> None:
    """Their window begins at once, also that of a replica key that is being created."""
    scheduled = scheduled_for_deletion(key, window_days=7, now=10.0)
    assert scheduled.state is KeyState.PENDING_DELETION
    assert (scheduled.settles_at, scheduled.pending_window_days) == (None, None)
    assert scheduled.due_at == 10.0 + 7 * SECONDS_PER_DAY


def test_the_primary_key_moves() -> None:
    """The two change their roles and are Updating; a third only learns of it. Back again is as before."""
    east, west, south = (with_primary(key, "eu-west-1", now=1.0) for key in (PRIMARY, WEST, SOUTH))
    for key in (east, west, south):
        assert (key.primary_region, key.replica_regions) == ("eu-west-1", ("us-east-1", "sa-east-1"))
    assert (east.is_replica, west.is_replica, south.is_replica) == (True, False, True)
    assert [key.state for key in (east, west, south)] == ["Updating", "Updating", "Enabled"]
    assert (east.due_at, west.due_at, south.due_at) == (2.0, 2.0, None)
    assert with_primary(settled(east, now=2.0), "us-east-1", now=3.0).replica_regions == PRIMARY.replica_regions


def test_a_replica_key_does_not_rotate_by_itself() -> None:
    """The day of the rotation is the primary key's to attend to."""
    assert PRIMARY.changed(rotation_period_days=90, next_rotation_at=5.0).due_at == 5.0
    assert WEST.changed(rotation_period_days=90, next_rotation_at=5.0).due_at is None

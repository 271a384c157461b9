"""Multi-Region keys: related KMS keys in several Regions with one key ID and the same key material.

What related keys share is decided at the primary key and copied to the replica keys: key material, key spec, key usage,
origin and automatic rotation. Key policy, tags, aliases, grants, description and key state are each key's own. Every
related key knows the Regions of all, so that each can describe the whole.

Source: KMS developer guide, "Multi-Region keys in AWS KMS"; AWS KMS API Reference, "ReplicateKey",
"UpdatePrimaryRegion", "ScheduleKeyDeletion".
"""

from typing import Final

import msgspec

from selfkms.domain.arns import key_arn
from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.errors import AlreadyExistsException, NotFoundException, UnsupportedOperationException
from selfkms.domain.kms.key_state import KeyState, after
from selfkms.domain.kms.keys import KMSKey, MaterialEntry, Origin
from selfkms.domain.limits import SECONDS_PER_DAY
from selfkms.domain.tags import Tag

SETTLING_SECONDS: Final = 1.0
"""How long Creating and Updating last; "a few seconds" on AWS."""

REGIONS: Final = frozenset(
    {
        *("af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1"),
        *("ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5"),
        *("ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "eu-central-1", "eu-central-2"),
        *("eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1"),
        *("me-central-1", "me-south-1", "me-west-1", "mx-central-1", "sa-east-1", "sa-west-1", "us-east-1"),
        *("us-east-2", "us-west-1", "us-west-2"),
    }
)
"""The Regions of the partition `aws`: a replica key stays in the partition of its primary key."""


def check_primary(key: KMSKey) -> None:
    """Refuse what is asked of primary keys only.

    Raises:
        UnsupportedOperationException: a replica key, or a single-Region key.
    """
    if not key.multi_region or key.is_replica:
        raise UnsupportedOperationException(f"{key.arn} is not a multi-region primary key.")


def check_not_replica(key: KMSKey) -> None:
    """Refuse what a replica key shares with its primary key and does not decide.

    Raises:
        UnsupportedOperationException: a replica key.
    """
    if key.is_replica:
        check_primary(key)


def check_new_replica(key: KMSKey, region: str) -> None:
    """Refuse a replica key where none can be made.

    Raises:
        UnsupportedOperationException: `key` is no primary key.
        AlreadyExistsException: the Region has a key of this multi-Region key.
        ValidationException: there is no such Region.
    """
    check_primary(key)
    if region == key.region or region in key.replica_regions:
        raise AlreadyExistsException("You can create only one replica of each primary key in each AWS Region.")
    if region not in REGIONS:
        raise ValidationException(f"Region {region} is not supported.")


def check_new_primary(key: KMSKey, region: str) -> None:
    """Refuse a change of the primary Region to where no replica key is.

    Raises:
        UnsupportedOperationException: `key` is no primary key, or is in that Region itself.
        NotFoundException: the Region has no replica key.
    """
    check_primary(key)
    if region == key.region:
        raise UnsupportedOperationException(f"{key.arn} is already the multi-region primary key.")
    if region not in key.replica_regions:
        raise NotFoundException(f"Key '{key_arn(region, key.account_id, key.key_id)}' does not exist")


def related_regions(key: KMSKey) -> tuple[str, ...]:
    """The Regions of the other keys of the same multi-Region key; none of a single-Region key."""
    if key.primary_region is None:
        return ()
    return tuple(region for region in (key.primary_region, *key.replica_regions) if region != key.region)


def replica(
    primary: KMSKey, region: str, *, policy: str, description: str, tags: tuple[Tag, ...], now: float
) -> KMSKey:
    """A new replica key of a primary key that has it among its replica Regions already.

    It is Creating. Of origin EXTERNAL it knows its key material, and has none of it.
    """
    bare = KMSKey(
        account_id=primary.account_id,
        region=region,
        key_id=primary.key_id,
        created_at=now,
        state=KeyState.CREATING,
        settles_at=now + SETTLING_SECONDS,
        policy=policy,
        description=description,
        tags=tags,
        key_spec=primary.key_spec,
        key_usage=primary.key_usage,
        origin=primary.origin,
        multi_region=True,
        primary_region=primary.primary_region,
        replica_regions=primary.replica_regions,
    )
    return synchronized(bare, primary)


def synchronized(replica_key: KMSKey, primary: KMSKey) -> KMSKey:
    """The replica key with what it shares with its primary key, as that has it now."""
    return replica_key.changed(
        materials=tuple(_shared(entry, replica_key) for entry in primary.materials),
        rotation_period_days=primary.rotation_period_days,
        next_rotation_at=primary.next_rotation_at,
    )


def _shared(entry: MaterialEntry, replica_key: KMSKey) -> MaterialEntry:
    """A material of the primary key as its replica key has it: imported material comes and goes in each by itself."""
    own = replica_key.material(entry.handle)
    if own is None:
        if replica_key.origin is not Origin.EXTERNAL:
            return entry
        own = MaterialEntry(entry.handle, entry.material_id, present=False)
    return msgspec.structs.replace(
        own,
        rotated_at=entry.rotated_at,
        rotation_type=entry.rotation_type,
        pending_rotation=entry.pending_rotation,
    )


def with_replica(key: KMSKey, region: str) -> KMSKey:
    """A key whose multi-Region key has one more replica key."""
    return key.changed(replica_regions=(*key.replica_regions, region))


def without_replica(key: KMSKey, region: str, *, now: float) -> KMSKey:
    """A key whose multi-Region key has lost a replica key; if it waited for that, its pending window begins."""
    remaining = tuple(other for other in key.replica_regions if other != region)
    left = key.changed(replica_regions=remaining)
    if remaining or key.state is not KeyState.PENDING_REPLICA_DELETION:
        return left
    assert key.pending_window_days is not None
    return left.changed(
        state=after(key.state, "ReplicasGone"),
        deletion_at=now + key.pending_window_days * SECONDS_PER_DAY,
        pending_window_days=None,
    )


def with_primary(key: KMSKey, region: str, *, now: float) -> KMSKey:
    """A key whose multi-Region key has its primary key in another Region; the old and the new one are Updating."""
    assert key.primary_region is not None
    old = key.primary_region
    moved = key.changed(
        primary_region=region,
        replica_regions=tuple(old if other == region else other for other in key.replica_regions),
    )
    if key.region not in (old, region):
        return moved
    return moved.changed(state=after(key.state, "PrimaryMoved"), settles_at=now + SETTLING_SECONDS)


def scheduled_for_deletion(key: KMSKey, *, window_days: int, now: float) -> KMSKey:
    """A key whose pending window begins, or will begin when the last of its replica keys is gone."""
    if key.multi_region and not key.is_replica and key.replica_regions:
        return key.changed(state=after(key.state, "ScheduleKeyDeletionWithReplicas"), pending_window_days=window_days)
    return key.changed(
        state=after(key.state, "ScheduleKeyDeletion"),
        deletion_at=now + window_days * SECONDS_PER_DAY,
        settles_at=None,
    )


def settled(key: KMSKey, *, now: float) -> KMSKey:
    """The key when its transient state is over. One whose imported material is missing is pending import."""
    state = after(key.state, "Settled")
    if not key.whole(now):
        state = after(state, "MaterialLost")
    return key.changed(state=state, settles_at=None)

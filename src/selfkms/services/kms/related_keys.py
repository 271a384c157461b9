"""The related keys of a multi-Region key, read and written together: one change has all of them, or none.

Source: KMS developer guide, "Multi-Region keys in AWS KMS", "Shared properties of multi-Region keys".
"""

from collections.abc import Collection

from selfkms.domain.cloudtrail.event import service_event
from selfkms.domain.kms.keys import KeyMaterial, KMSKey, Origin
from selfkms.domain.kms.multi_region import related_regions, synchronized
from selfkms.ports.database import ConflictError
from selfkms.services.context import Context


def related_keys(key: KMSKey, context: Context) -> list[KMSKey]:
    """The other keys of the same multi-Region key, the primary key first; none of a single-Region key."""
    found = []
    for region in related_regions(key):
        related = context.database.key(key.account_id, region, key.key_id)
        if related is None:
            # Ended meanwhile: what was read of this one is older.
            raise ConflictError(f"{key.arn}: its related key in {region} is not there any more")
        found.append(related)
    return found


def synchronize(primary: KMSKey, context: Context, material: KeyMaterial | None = None) -> None:
    """Give the replica keys what they share with their primary key, and the record of its new key material if any.

    Nothing happens for a key that has no replica keys. The caller writes the primary key.
    """
    replicas = related_keys(primary, context)
    for replica in replicas:
        if material is not None:
            context.put(copied(material, primary.origin, replica.region, context))
        context.put(synchronized(replica, primary))
    if replicas:
        _say_so(primary, context)


def copied(material: KeyMaterial, origin: Origin, region: str, context: Context) -> KeyMaterial:
    """A record of a primary key's material for a Region of its replica keys.

    Imported material is imported into each Region by itself: the record says whose ciphertext it is, and holds nothing.
    """
    if origin is Origin.EXTERNAL:
        return material.changed(row_version=0, region=region, wrapped=b"")
    return context.key_store.replicate(material, region=region)


def drop_from_replicas(primary: KMSKey, handles: Collection[str], context: Context) -> list[KeyMaterial]:
    """Take imported material that is not the primary key's any more from its replica keys.

    What is given back is destroyed once that is committed.
    """
    gone = []
    for replica in related_keys(primary, context):
        for handle in handles:
            material = context.database.material(replica.account_id, replica.region, replica.key_id, handle)
            if material is None:
                raise ConflictError(f"{replica.arn}: a record of its key material is not there any more")
            context.remove(material)
            gone.append(material)
    synchronize(primary, context)
    return gone


def _say_so(primary: KMSKey, context: Context) -> None:
    """The event that replica keys were given what they share; it names the primary key alone, as AWS does."""
    context.emit(
        service_event(
            event_id=context.entropy.uuid(),
            at=context.now,
            name="SynchronizeMultiRegionKey",
            account_id=primary.account_id,
            region=primary.region,
            key_arn=primary.arn,
            details=None,
        )
    )

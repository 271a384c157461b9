"""Making an AWS managed key, when `alias/aws/SERVICE` is named for the first time in an account and Region.

Source: KMS developer guide, "AWS managed keys".
"""

from selfkms.domain.cloudtrail.event import service_event
from selfkms.domain.kms import rotation
from selfkms.domain.kms.aliases import RESERVED_PREFIX, Alias
from selfkms.domain.kms.aws_managed_keys import ROTATION_DAYS, description_of, policy_of
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import KeyManager, KeySpec, KMSKey, MaterialEntry
from selfkms.services.context import Context


def make_aws_managed_key(service: str, context: Context) -> None:
    """A KMS key that only this service can use, with its alias; it rotates every year."""
    account_id, region, key_id = context.account_id, context.region, context.entropy.uuid()
    material = context.key_store.generate(
        account_id=account_id, region=region, key_id=key_id, key_spec=KeySpec.SYMMETRIC_DEFAULT
    )
    key = KMSKey(
        account_id=account_id,
        region=region,
        key_id=key_id,
        created_at=context.now,
        state=KeyState.ENABLED,
        manager=KeyManager.AWS,
        policy=policy_of(service, account_id=account_id, region=region),
        description=description_of(service),
        materials=(MaterialEntry(material.handle, material.material_id),),
    )
    context.put(material)
    context.put(rotation.scheduled(key, period_days=ROTATION_DAYS, now=context.now))
    context.put(
        Alias(
            account_id=account_id,
            region=region,
            alias_name=RESERVED_PREFIX + service,
            target_key_id=key_id,
            created_at=context.now,
            updated_at=context.now,
        )
    )
    context.emit(
        service_event(
            event_id=context.entropy.uuid(),
            at=context.now,
            name="CreateKey",
            account_id=account_id,
            region=region,
            key_arn=key.arn,
            details={"keyId": key_id, "keyManager": "AWS", "alias": RESERVED_PREFIX + service},
        )
    )

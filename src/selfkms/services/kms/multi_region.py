"""ReplicateKey and UpdatePrimaryRegion.

Source: AWS KMS API Reference, the operations of these names; KMS developer guide, "Multi-Region keys in AWS KMS".
"""

from typing import Any, Final

from selfkms.domain.cloudtrail.event import Event, key_resource
from selfkms.domain.kms import key_state
from selfkms.domain.kms.key_policy import default_key_policy
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.kms.multi_region import check_new_primary, check_new_replica, replica, with_primary, with_replica
from selfkms.domain.tags import Tag, check_new_tags, with_tags
from selfkms.services.context import Context
from selfkms.services.kms.condition_keys import of_primary_region, of_replication, tagging_too
from selfkms.services.kms.keys import check_room
from selfkms.services.kms.policies import checked_policy
from selfkms.services.kms.related_keys import copied, related_keys
from selfkms.services.kms.shapes import KeyMetadata, key_metadata
from selfkms.services.operation import Audit, KeyNamed, Operation, ReplicaNamed
from selfkms.services.shapes import Shape

_INTERNAL: Final = "AWS Internal"
"""What CloudTrail writes for the other Region's half of a request."""


class ReplicateKeyRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    replica_region: str
    policy: str | None = None
    bypass_policy_lockout_safety_check: bool | None = None
    description: str = ""
    tags: tuple[Tag, ...] = ()


class ReplicateKeyResult(Shape, frozen=True, kw_only=True):
    replica_key_metadata: KeyMetadata
    replica_policy: str
    replica_tags: tuple[Tag, ...] | None = None


class UpdatePrimaryRegionRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    primary_region: str


def check_replicate_key(request: ReplicateKeyRequest) -> None:
    """Refuse tags that no key may have."""
    check_new_tags(request.tags)


def further_actions(request: ReplicateKeyRequest) -> tuple[str, ...]:
    """To replicate is to create a key, and to tag it."""
    return ("kms:CreateKey", *tagging_too(request))


def replicate_key(request: ReplicateKeyRequest, key: KMSKey, context: Context) -> ReplicateKeyResult:
    """Make a key in another Region with the same key ID and key material. It can be used a moment later.

    Raises:
        UnsupportedOperationException: the key is no primary key.
        AlreadyExistsException: that Region has a key of this multi-Region key.
        ValidationException: there is no such Region.
        LimitExceededException: the account has 100,000 keys there, or the policy is longer than 32,768 bytes.
        MalformedPolicyDocumentException: the policy is none, or would lock the caller out.
    """
    region = request.replica_region
    check_new_replica(key, region)
    check_room(region, context)
    primary = with_replica(key, region)
    new = replica(
        primary,
        region,
        policy=default_key_policy(key.account_id) if request.policy is None else request.policy,
        description=request.description,
        tags=with_tags((), request.tags),
        now=context.now,
    )
    if request.policy is not None:
        # As of CreateKey: the default key policy lets in whoever IAM lets in.
        new = checked_policy(new, request, context)
    for material in context.database.materials(key.account_id, key.region, key.key_id):
        context.put(copied(material, key.origin, region, context))
    context.put(new)
    context.put(primary)
    for related in related_keys(key, context):
        context.put(with_replica(related, region))
    _record_there("CreateKey", new, context)
    return ReplicateKeyResult(
        replica_key_metadata=key_metadata(new), replica_policy=new.policy, replica_tags=new.tags or None
    )


def update_primary_region(request: UpdatePrimaryRegionRequest, key: KMSKey, context: Context) -> None:
    """Make a replica key the primary key, and the primary key a replica key. Both can be used all the while.

    Raises:
        UnsupportedOperationException: the key is no primary key, or is where the primary key is to be.
        NotFoundException: that Region has no replica key.
        DisabledException: the replica key is disabled.
        KMSInvalidStateException: it is in another state that does not allow this.
    """
    region = request.primary_region
    check_new_primary(key, region)
    for related in related_keys(key, context):
        if related.region == region:
            key_state.admit("UpdatePrimaryRegion", related.state, related.arn)
            _record_there(
                "UpdatePrimaryRegion",
                related,
                context,
                parameters={"keyId": request.key_id, "primaryRegion": region},
                answers={"keyId": related.arn},
            )
        context.put(with_primary(related, region, now=context.now))
    context.put(with_primary(key, region, now=context.now))


def _record_there(
    name: str,
    key: KMSKey,
    context: Context,
    *,
    parameters: dict[str, Any] | None = None,
    answers: dict[str, Any] | None = None,
) -> None:
    """The audit record of what a request did in the Region of a replica key, beside the one of where it was sent to."""
    event = Event(
        event_id=context.entropy.uuid(),
        request_id=context.entropy.uuid(),
        at=context.now,
        source="kms.amazonaws.com",
        name=name,
        source_ip=_INTERNAL,
        user_agent=_INTERNAL,
        region=key.region,
        caller=context.caller,
        read_only=False,
        parameters=parameters,
        answers=answers,
        resources=[key_resource(key.account_id, key.arn)],
    )
    context.emit(event.finish())


_KEY: Final = (KeyNamed(),)

OPERATIONS: Final = (
    Operation(
        "ReplicateKey",
        run=replicate_key,
        request=ReplicateKeyRequest,
        condition_keys=of_replication,
        further_actions=further_actions,
        further_region="replica_region",
        check=check_replicate_key,
        targets=_KEY,
        writes=True,
        audit=Audit(
            parameters=("key_id", "replica_region", "bypass_policy_lockout_safety_check", "description"),
            defaults={"bypass_policy_lockout_safety_check": False, "description": ""},
            answers=("replica_key_metadata", "replica_policy"),
            read_only=False,
        ),
    ),
    Operation(
        "UpdatePrimaryRegion",
        run=update_primary_region,
        request=UpdatePrimaryRegionRequest,
        condition_keys=of_primary_region,
        targets=(KeyNamed(), ReplicaNamed("primary_region")),
        writes=True,
        audit=Audit(parameters=("key_id", "primary_region"), answers=("key_id",), read_only=False),
    ),
)

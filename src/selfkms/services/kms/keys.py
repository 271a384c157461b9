"""CreateKey, DescribeKey, ListKeys, EnableKey, DisableKey, UpdateKeyDescription: the life of a KMS key but for its end.

Source: AWS KMS API Reference, the operations of these names.
"""

from typing import Final

from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.errors import LimitExceededException, UnsupportedOperationException
from selfkms.domain.kms.imported_material import check_importable
from selfkms.domain.kms.key_policy import default_key_policy
from selfkms.domain.kms.key_state import KeyState, after
from selfkms.domain.kms.keys import USAGES, KeySpec, KeyUsage, KMSKey, MaterialEntry, Origin
from selfkms.domain.limits import KEYS_PER_REGION_MAX, LIST_KEYS
from selfkms.domain.tags import Tag, check_new_tags, with_tags
from selfkms.services.context import Context
from selfkms.services.kms.condition_keys import of_new_key, tagging_too
from selfkms.services.kms.paging import Page, Paged, page
from selfkms.services.kms.policies import checked_policy
from selfkms.services.kms.shapes import KeyIdRequest, KeyMetadata, key_metadata
from selfkms.services.operation import Audit, KeyNamed, Operation
from selfkms.services.shapes import Shape

MULTI_REGION_PREFIX: Final = "mrk-"
"""What the IDs of multi-Region keys begin with: KMS developer guide, "Key identifiers (KeyId)"."""


class CreateKeyRequest(Shape, frozen=True, kw_only=True):
    policy: str | None = None
    description: str = ""
    key_usage: KeyUsage | None = None
    customer_master_key_spec: KeySpec | None = None
    key_spec: KeySpec | None = None
    origin: Origin = Origin.AWS_KMS
    custom_key_store_id: str | None = None
    bypass_policy_lockout_safety_check: bool | None = None
    tags: tuple[Tag, ...] = ()
    multi_region: bool = False
    xks_key_id: str | None = None

    @property
    def spec(self) -> KeySpec:
        """The key spec, by whichever of its two names it was given."""
        return self.key_spec or self.customer_master_key_spec or KeySpec.SYMMETRIC_DEFAULT


class DescribeKeyRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    grant_tokens: tuple[str, ...] = ()


class KeyMetadataResult(Shape, frozen=True, kw_only=True):
    key_metadata: KeyMetadata


class ListKeysRequest(Paged, frozen=True, kw_only=True):
    resource_owners: tuple[str, ...] = ("SELF",)


class KeyListEntry(Shape, frozen=True, kw_only=True):
    key_id: str
    key_arn: str


class ListKeysResult(Page, frozen=True, kw_only=True):
    keys: tuple[KeyListEntry, ...]


class UpdateKeyDescriptionRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    description: str


def check_create_key(request: CreateKeyRequest) -> None:
    """Refuse what does not go together, and the kinds of key that are not made here yet."""
    if request.key_spec and request.customer_master_key_spec:
        raise ValidationException(
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
            "CustomerMasterKeySpec is deprecated."
        )
    spec, usage = request.spec, request.key_usage
    if spec is not KeySpec.SYMMETRIC_DEFAULT and usage is None:
        raise ValidationException(
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."
        )
    if usage is not None and usage not in USAGES[spec]:
        raise ValidationException(f"KeyUsage {usage} is not compatible with KeySpec {spec}")
    check_new_tags(request.tags)
    if spec is KeySpec.SM2:
        raise UnsupportedOperationException("KeySpec SM2 is not supported in this Region")
    if request.origin not in (Origin.AWS_KMS, Origin.EXTERNAL) or request.custom_key_store_id or request.xks_key_id:
        raise UnsupportedOperationException(f"Origin {request.origin} is not supported yet.")
    if request.origin is Origin.EXTERNAL:
        check_importable(spec)


def create_key(request: CreateKeyRequest, context: Context) -> KeyMetadataResult:
    """Make a KMS key in the caller's account, with new key material or, of origin EXTERNAL, with none.

    Raises:
        LimitExceededException: the account has 100,000 keys in this Region, or the policy is longer than 32,768 bytes.
        MalformedPolicyDocumentException: the policy is none, or would lock the caller out.
    """
    check_room(context.region, context)
    key_id = context.entropy.uuid()
    if request.multi_region:
        key_id = MULTI_REGION_PREFIX + key_id.replace("-", "")
    material = None
    if request.origin is Origin.AWS_KMS:
        material = context.key_store.generate(
            account_id=context.account_id, region=context.region, key_id=key_id, key_spec=request.spec
        )
        context.put(material)
    key = KMSKey(
        account_id=context.account_id,
        region=context.region,
        key_id=key_id,
        created_at=context.now,
        state=KeyState.PENDING_IMPORT if material is None else KeyState.ENABLED,
        policy=default_key_policy(context.account_id) if request.policy is None else request.policy,
        description=request.description,
        key_spec=request.spec,
        key_usage=request.key_usage or KeyUsage.ENCRYPT_DECRYPT,
        origin=request.origin,
        multi_region=request.multi_region,
        primary_region=context.region if request.multi_region else None,
        materials=() if material is None else (MaterialEntry(material.handle, material.material_id),),
        tags=with_tags((), request.tags),
    )
    if request.policy is not None:
        # The default key policy is not checked: it lets in whoever IAM lets in.
        key = checked_policy(key, request, context)
    context.put(key)
    context.touch(key)
    return KeyMetadataResult(key_metadata=key_metadata(key))


def check_room(region: str, context: Context) -> None:
    """Refuse one more KMS key in a Region that is full.

    Raises:
        LimitExceededException: the caller's account has 100,000 keys there.
    """
    if context.database.key_count(context.account_id, region) >= KEYS_PER_REGION_MAX:
        raise LimitExceededException(f"You have reached the limit of {KEYS_PER_REGION_MAX} KMS keys.")


def describe_key(_request: DescribeKeyRequest, key: KMSKey, _context: Context) -> KeyMetadataResult:
    """What kind of key this is and what state it is in."""
    return KeyMetadataResult(key_metadata=key_metadata(key))


def list_keys(request: ListKeysRequest, context: Context) -> ListKeysResult:
    """All KMS keys of the caller's account and Region, whatever their state, in the order of their IDs."""
    if "SELF" not in request.resource_owners:
        # Keys shared through AWS RAM: there is no RAM here, so there are none.
        return ListKeysResult(keys=(), truncated=False)
    key_ids, marker = page(
        context,
        "ListKeys",
        request,
        LIST_KEYS,
        read=lambda after_id, count: context.database.keys(
            context.account_id, context.region, after=after_id, limit=count
        ),
        position=lambda key_id: key_id,
    )
    return ListKeysResult(
        keys=tuple(KeyListEntry(key_id=key_id, key_arn=context.key_arn(key_id)) for key_id in key_ids),
        next_marker=marker,
        truncated=marker is not None,
    )


def enable_key(_request: KeyIdRequest, key: KMSKey, context: Context) -> None:
    """Let the key be used again."""
    context.put(key.changed(state=after(key.state, "EnableKey")))


def disable_key(_request: KeyIdRequest, key: KMSKey, context: Context) -> None:
    """Refuse every use of the key from now on."""
    context.put(key.changed(state=after(key.state, "DisableKey")))


def update_key_description(request: UpdateKeyDescriptionRequest, key: KMSKey, context: Context) -> None:
    """Replace the description, 0 to 8,192 characters."""
    context.put(key.changed(description=request.description))


_KEY: Final = (KeyNamed(),)
_CHANGE: Final = Audit(parameters=("key_id",), answers=("key_id",), read_only=False)

OPERATIONS: Final = (
    Operation(
        "CreateKey",
        run=create_key,
        request=CreateKeyRequest,
        condition_keys=of_new_key,
        further_actions=tagging_too,
        check=check_create_key,
        writes=True,
        audit=Audit(
            parameters=(
                "description",
                "key_usage",
                "key_spec",
                "customer_master_key_spec",
                "origin",
                "bypass_policy_lockout_safety_check",
                "tags",
                "multi_region",
                "policy",
                "custom_key_store_id",
                "xks_key_id",
            ),
            defaults={
                "description": "",
                "key_usage": "ENCRYPT_DECRYPT",
                "key_spec": "SYMMETRIC_DEFAULT",
                "customer_master_key_spec": "SYMMETRIC_DEFAULT",
                "origin": "AWS_KMS",
                "bypass_policy_lockout_safety_check": False,
                "multi_region": False,
            },
            answers=("key_metadata",),
            read_only=False,
        ),
    ),
    Operation(
        "DescribeKey",
        run=describe_key,
        request=DescribeKeyRequest,
        targets=(KeyNamed(aliases=True, foreign=True),),
        audit=Audit(parameters=("key_id",)),
    ),
    Operation(
        "ListKeys",
        run=list_keys,
        request=ListKeysRequest,
        slow=True,  # a page of 1,000 rows, each with its MAC
        audit=Audit(parameters=("limit", "marker")),
    ),
    Operation("EnableKey", run=enable_key, request=KeyIdRequest, targets=_KEY, writes=True, audit=_CHANGE),
    Operation("DisableKey", run=disable_key, request=KeyIdRequest, targets=_KEY, writes=True, audit=_CHANGE),
    Operation(
        "UpdateKeyDescription",
        run=update_key_description,
        request=UpdateKeyDescriptionRequest,
        targets=_KEY,
        writes=True,
        audit=Audit(parameters=("key_id", "description"), answers=("key_id",), read_only=False),
    ),
)

"""What each request says for conditions: KMS condition keys and their values.

The keys that every request on a KMS key has (`kms:KeySpec`, `kms:CallerAccount` …) come from the gate, which has the
key. A condition key is there only if the request carries the parameter or AWS documents a default for it.

Source: KMS developer guide, "AWS KMS condition keys"; Service Authorization Reference, "AWS Key Management Service".
"""

from collections.abc import Iterable, Mapping
from typing import Any

from selfkms.domain.kms.grants import GrantConstraints
from selfkms.domain.policy.facts import Fact
from selfkms.domain.tags import Tag
from selfkms.services.kms.recipients import AttestedRecipient

ENCRYPTION_CONTEXT_PREFIX = "kms:EncryptionContext:"

Keys = Mapping[str, Fact]


def _flag(value: bool) -> str:  # noqa: FBT001  it is the value, not a switch
    return "true" if value else "false"


def _context(encryption_context: Mapping[str, str]) -> dict[str, Fact]:
    keys: dict[str, Fact] = {ENCRYPTION_CONTEXT_PREFIX + name: value for name, value in encryption_context.items()}
    if encryption_context:
        keys["kms:EncryptionContextKeys"] = tuple(encryption_context)
    return keys


def of_tags(tags: Iterable[Tag]) -> dict[str, Fact]:
    """The tags of a request: each by its key, and all keys."""
    pairs = {tag.tag_key: tag.tag_value for tag in tags}
    keys: dict[str, Fact] = {f"aws:RequestTag/{name}": value for name, value in pairs.items()}
    if pairs:
        keys["aws:TagKeys"] = tuple(pairs)
    return keys


def of_tag_keys(request: Any) -> Keys:
    """UntagResource."""
    return {"aws:TagKeys": tuple(request.tag_keys)}


def of_tagging(request: Any) -> Keys:
    """TagResource."""
    return of_tags(request.tags)


def of_recipient(request: Any) -> Keys:
    """GenerateRandom, and part of what the others say: what a verified attestation document says, if there is one."""
    recipient = request.recipient
    return recipient.attestation.condition_keys() if isinstance(recipient, AttestedRecipient) else {}


def of_decryption(request: Any) -> Keys:
    """Decrypt."""
    return {**of_encryption(request), **of_recipient(request)}


def of_encryption(request: Any) -> Keys:
    """Encrypt and, but for the recipient, Decrypt: the algorithm that is used, also when it is the default."""
    return {"kms:EncryptionAlgorithm": str(request.encryption_algorithm), **_context(request.encryption_context)}


def of_re_encrypt_from(request: Any) -> Keys:
    """ReEncrypt, for the source key."""
    return {
        "kms:EncryptionAlgorithm": str(request.source_encryption_algorithm),
        **_context(request.source_encryption_context),
    }


def of_re_encrypt_to(request: Any) -> Keys:
    """ReEncrypt, for the destination key."""
    return {
        "kms:EncryptionAlgorithm": str(request.destination_encryption_algorithm),
        **_context(request.destination_encryption_context),
    }


def of_data_key(request: Any) -> Keys:
    """GenerateDataKeyWithoutPlaintext and, but for the recipient, GenerateDataKey."""
    return {"kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT", **_context(request.encryption_context)}


def of_attested_data_key(request: Any) -> Keys:
    """GenerateDataKey."""
    return {**of_data_key(request), **of_recipient(request)}


def of_data_key_pair(request: Any) -> Keys:
    """GenerateDataKeyPairWithoutPlaintext and, but for the recipient, GenerateDataKeyPair."""
    return {"kms:DataKeyPairSpec": str(request.key_pair_spec), **of_data_key(request)}


def of_attested_data_key_pair(request: Any) -> Keys:
    """GenerateDataKeyPair."""
    return {**of_data_key_pair(request), **of_recipient(request)}


def of_signing(request: Any) -> Keys:
    """Sign and Verify."""
    return {"kms:SigningAlgorithm": str(request.signing_algorithm), "kms:MessageType": str(request.message_type)}


def of_mac(request: Any) -> Keys:
    """GenerateMac and VerifyMac."""
    return {"kms:MacAlgorithm": str(request.mac_algorithm)}


def of_agreement(request: Any) -> Keys:
    """DeriveSharedSecret."""
    return {"kms:KeyAgreementAlgorithm": str(request.key_agreement_algorithm), **of_recipient(request)}


def of_new_key(request: Any) -> Keys:
    """CreateKey: the kind of key, by parameters or by their defaults; the bypass only if it was sent."""
    usage = request.key_usage or "ENCRYPT_DECRYPT"
    keys: dict[str, Fact] = {
        "kms:KeySpec": str(request.spec),
        "kms:CustomerMasterKeySpec": str(request.spec),
        "kms:KeyUsage": str(usage),
        "kms:CustomerMasterKeyUsage": str(usage),
        "kms:KeyOrigin": str(request.origin),
        "kms:MultiRegion": _flag(request.multi_region),
        **of_bypass(request),
        **of_tags(request.tags),
    }
    if request.multi_region:
        keys["kms:MultiRegionKeyType"] = "PRIMARY"
    return keys


def of_bypass(request: Any) -> Keys:
    """PutKeyPolicy: documented to be tested with Null, so it is absent unless it was sent."""
    bypass = request.bypass_policy_lockout_safety_check
    return {} if bypass is None else {"kms:BypassPolicyLockoutSafetyCheck": _flag(bypass)}


def of_pending_window(request: Any) -> Keys:
    """ScheduleKeyDeletion: the days that will count, also when they are the default."""
    return {"kms:ScheduleKeyDeletionPendingWindowInDays": str(request.pending_window_in_days)}


def of_rotation_period(request: Any) -> Keys:
    """EnableKeyRotation: only if it was sent."""
    days = request.rotation_period_in_days
    return {} if days is None else {"kms:RotationPeriodInDays": str(days)}


def of_import_parameters(request: Any) -> Keys:
    """GetParametersForImport."""
    return {
        "kms:WrappingAlgorithm": str(request.wrapping_algorithm),
        "kms:WrappingKeySpec": str(request.wrapping_key_spec),
    }


def of_import(request: Any) -> Keys:
    """ImportKeyMaterial: documented to be tested with Null, so both are absent unless they were sent."""
    keys: dict[str, Fact] = {}
    if request.expiration_model is not None:
        keys["kms:ExpirationModel"] = str(request.expiration_model)
    if request.valid_to is not None:
        keys["kms:ValidTo"] = str(request.valid_to)
    return keys


def of_replication(request: Any) -> Keys:
    """ReplicateKey."""
    return {"kms:ReplicaRegion": request.replica_region, **of_bypass(request), **of_tags(request.tags)}


def of_primary_region(request: Any) -> Keys:
    """UpdatePrimaryRegion."""
    return {"kms:PrimaryRegion": request.primary_region}


def of_new_grant(request: Any) -> Keys:
    """CreateGrant: what is to be given away, to whom, and with which constraint."""
    keys: dict[str, Fact] = {
        "kms:GrantIsForAWSResource": "false",
        "kms:GrantOperations": tuple(request.operations),
        **of_constraints(request.constraints),
    }
    named = {
        "kms:GranteePrincipal": request.grantee_principal,
        "kms:RetiringPrincipal": request.retiring_principal,
        "kms:GranteeServicePrincipal": request.grantee_service_principal,
        "kms:RetiringServicePrincipal": request.retiring_service_principal,
    }
    return {**keys, **{name: value for name, value in named.items() if value is not None}}


def of_constraints(constraints: GrantConstraints | None) -> Keys:
    """The constraint of a grant; its encryption context counts as one of the request."""
    if constraints is None:
        return {}
    keys: dict[str, Fact] = {}
    kinds = {
        "EncryptionContextEquals": constraints.encryption_context_equals,
        "EncryptionContextSubset": constraints.encryption_context_subset,
    }
    for kind, pairs in kinds.items():
        if pairs is not None:
            keys["kms:GrantConstraintType"] = kind
            keys |= _context(pairs)
    if constraints.source_arn is not None:
        keys["kms:GrantConstraintSourceArn"] = constraints.source_arn
    return keys


def of_direct_call(_request: Any) -> Keys:
    """ListGrants and RevokeGrant: nobody calls on behalf of an AWS resource but our own services."""
    return {"kms:GrantIsForAWSResource": "false"}


def tagging_too(request: Any) -> tuple[str, ...]:
    """CreateKey and ReplicateKey with tags need kms:TagResource by an IAM policy, too."""
    return ("kms:TagResource",) if request.tags else ()

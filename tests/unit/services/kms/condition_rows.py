"""The condition keys of each operation as a table: what a request says, and what it does not.

Source: KMS developer guide, "AWS KMS condition keys"; Service Authorization Reference, "AWS Key Management Service".
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT

ADMIN = f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"
ROOT = f"arn:aws:iam::{ALICE_ACCOUNT}:root"
CONTEXT = {"purpose": "audit"}
IN_CONTEXT = {"EncryptionContext": CONTEXT}
TAG = {"TagKey": "team", "TagValue": "blue"}

SIGNING = {"Message": "AA==", "SigningAlgorithm": "ECDSA_SHA_256"}
MAC = {"Message": "AA==", "MacAlgorithm": "HMAC_SHA_256"}
KEM = {"EncapsulationAlgorithm": "ML_KEM"}
WRAPPING = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_4096"}
LASTING = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
IMPORT = {"ImportToken": "AA==", "EncryptedKeyMaterial": "AA=="}
# Not to the caller: a grant would let it in whatever the conditions.
GRANTEE = f"arn:aws:iam::{BOB_ACCOUNT}:root"
GRANT = {"GranteePrincipal": GRANTEE, "Operations": ["Decrypt", "Encrypt"]}

# The kind of key that an operation is about, and what it asks for beside `KeyId`; `<blob>` is made by the key.
ON_KEY: Mapping[str, tuple[str, dict[str, Any]]] = {
    "DescribeKey": ("symmetric", {}),
    "EnableKey": ("symmetric", {}),
    "DisableKey": ("external", {}),
    "UpdateKeyDescription": ("symmetric", {"Description": ""}),
    "ScheduleKeyDeletion": ("external", {"PendingWindowInDays": 8}),
    "CancelKeyDeletion": ("symmetric", {}),
    "TagResource": ("symmetric", {"Tags": [TAG]}),
    "UntagResource": ("symmetric", {"TagKeys": ["none"]}),
    "ListResourceTags": ("symmetric", {}),
    "GetKeyLastUsage": ("symmetric", {}),
    "GetKeyPolicy": ("symmetric", {}),
    "PutKeyPolicy": ("symmetric", {"Policy": "{}"}),
    "ListKeyPolicies": ("symmetric", {}),
    "Encrypt": ("symmetric", {"Plaintext": "AA=="}),
    "Decrypt": ("symmetric", {"CiphertextBlob": "<blob>"}),
    "GenerateDataKey": ("symmetric", {"KeySpec": "AES_128"}),
    "GenerateDataKeyWithoutPlaintext": ("symmetric", {"KeySpec": "AES_128"}),
    "GenerateDataKeyPair": ("symmetric", {"KeyPairSpec": "ECC_NIST_P256"}),
    "GenerateDataKeyPairWithoutPlaintext": ("symmetric", {"KeyPairSpec": "ECC_NIST_P256"}),
    "Sign": ("signing", SIGNING),
    "Verify": ("signing", {**SIGNING, "Signature": "AA=="}),
    "GenerateMac": ("mac", MAC),
    "VerifyMac": ("mac", {**MAC, "Mac": "AA=="}),
    "DeriveSharedSecret": ("agreement", {"KeyAgreementAlgorithm": "ECDH", "PublicKey": "<public key>"}),
    "Encapsulate": ("kem", KEM),
    "Decapsulate": ("kem", {**KEM, "SharedSecretCiphertextBlob": "AA=="}),
    "GetPublicKey": ("signing", {}),
    "EnableKeyRotation": ("external", {"RotationPeriodInDays": 91}),
    "DisableKeyRotation": ("symmetric", {}),
    "GetKeyRotationStatus": ("symmetric", {}),
    "RotateKeyOnDemand": ("external", {}),
    "ListKeyRotations": ("symmetric", {}),
    "GetParametersForImport": ("external", WRAPPING),
    "ImportKeyMaterial": ("external", {**IMPORT, **LASTING}),
    "DeleteImportedKeyMaterial": ("symmetric", {}),
    "CreateGrant": ("symmetric", GRANT),
    "ListGrants": ("symmetric", {}),
    "RevokeGrant": ("symmetric", {"GrantId": "0" * 64}),
    "ReplicateKey": ("symmetric", {"ReplicaRegion": "eu-west-1", "Tags": []}),
    "UpdatePrimaryRegion": ("symmetric", {"PrimaryRegion": "eu-west-1"}),
}
BY_ALIAS = (
    "DescribeKey",
    "Encrypt",
    "Decrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "Sign",
    "Verify",
    "GenerateMac",
    "VerifyMac",
    "DeriveSharedSecret",
    "Encapsulate",
    "Decapsulate",
    "GetPublicKey",
)
IN_A_CONTEXT = (
    "Encrypt",
    "Decrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
)


class Row(NamedTuple):
    """A condition key of an operation, with a value that its request has and one that it has not."""

    operation: str
    parameters: dict[str, Any]
    operator: str
    key: str
    holds: Any
    fails: Any

    @property
    def text(self) -> str:
        return f"{self.operation} {self.operator} {self.key} {self.holds}"


def encryption_rows() -> list[Row]:
    rows = []
    for name in IN_A_CONTEXT:
        by_context, by_keys = "kms:EncryptionContext:", "kms:EncryptionContextKeys"
        rows += [
            Row(name, IN_CONTEXT, "StringEquals", "kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1"),
            Row(name, IN_CONTEXT, "StringEquals", by_context + "purpose", "audit", "Audit"),
            Row(name, IN_CONTEXT, "StringEquals", by_context + "PURPOSE", ["other", "audit"], "other"),
            Row(name, IN_CONTEXT, "ForAnyValue:StringEquals", by_keys, "purpose", "Purpose"),
            Row(name, IN_CONTEXT, "ForAllValues:StringEquals", by_keys, ["a", "purpose"], ["a"]),
            Row(name, {}, "Null", by_keys, "true", "false"),
            Row(name, {}, "Null", by_context + "purpose", "true", "false"),
        ]
    pair = ("StringEquals", "kms:DataKeyPairSpec", "ECC_NIST_P256", "RSA_2048")
    return [*rows, Row("GenerateDataKeyPair", {}, *pair), Row("GenerateDataKeyPairWithoutPlaintext", {}, *pair)]


def use_rows() -> list[Row]:
    signing = ("StringEquals", "kms:SigningAlgorithm", "ECDSA_SHA_256", "ECDSA_SHA_384")
    digest = {"MessageType": "DIGEST", "Message": "A" * 43 + "="}
    mac = ("StringEquals", "kms:MacAlgorithm", "HMAC_SHA_256", "HMAC_SHA_384")
    return [
        *(Row(name, {}, *signing) for name in ("Sign", "Verify")),
        *(Row(name, {}, "StringEquals", "kms:MessageType", "RAW", "DIGEST") for name in ("Sign", "Verify")),
        *(Row(name, digest, "StringEquals", "kms:MessageType", "DIGEST", "RAW") for name in ("Sign", "Verify")),
        *(Row(name, {}, *mac) for name in ("GenerateMac", "VerifyMac")),
        Row("DeriveSharedSecret", {}, "StringEquals", "kms:KeyAgreementAlgorithm", "ECDH", "other"),
        # Without an attestation document there are none of these; with one, see test_recipients.
        *(
            Row(name, {}, "Null", f"kms:RecipientAttestation:{which}", "true", "false")
            for name in ("Decrypt", "GenerateDataKey", "GenerateDataKeyPair", "DeriveSharedSecret")
            for which in ("ImageSha384", "PCR0")
        ),
        Row("DescribeKey", {}, "Null", "kms:EncryptionContextKeys", "true", "false"),
        Row("DescribeKey", {}, "Null", "kms:ViaService", "true", "false"),
        Row("DescribeKey", {}, "Null", "kms:MultiRegionKeyType", "true", "false"),
    ]


def management_rows() -> list[Row]:
    bypass, days = "kms:BypassPolicyLockoutSafetyCheck", "kms:RotationPeriodInDays"
    window, until = "kms:ScheduleKeyDeletionPendingWindowInDays", "kms:ValidTo"
    expiring = {"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": 1_790_000_100.0}
    by_default = {"ExpirationModel": None, "ValidTo": 1_790_000_100.0}
    return [
        Row("PutKeyPolicy", {}, "Null", bypass, "true", "false"),
        *(
            Row("PutKeyPolicy", {"BypassPolicyLockoutSafetyCheck": sent}, "Bool", bypass, sent, not sent)
            for sent in (True, False)
        ),
        Row("ScheduleKeyDeletion", {}, "NumericEquals", window, 8, 7),
        Row("ScheduleKeyDeletion", {"PendingWindowInDays": None}, "NumericEquals", window, "30", "7"),
        Row("EnableKeyRotation", {}, "NumericLessThan", days, "91.5", "91"),
        Row("EnableKeyRotation", {"RotationPeriodInDays": None}, "Null", days, "true", "false"),
        Row("GetParametersForImport", {}, "StringEquals", "kms:WrappingAlgorithm", "RSAES_OAEP_SHA_256", "other"),
        Row("GetParametersForImport", {}, "StringEquals", "kms:WrappingKeySpec", "RSA_4096", "RSA_2048"),
        Row("ImportKeyMaterial", by_default, "Null", "kms:ExpirationModel", "true", "false"),
        Row("ImportKeyMaterial", {}, "Null", until, "true", "false"),
        Row(
            "ImportKeyMaterial",
            {},
            "StringEquals",
            "kms:ExpirationModel",
            "KEY_MATERIAL_DOES_NOT_EXPIRE",
            "KEY_MATERIAL_EXPIRES",
        ),
        Row("ImportKeyMaterial", expiring, "StringEquals", "kms:ExpirationModel", "KEY_MATERIAL_EXPIRES", "other"),
        Row("ImportKeyMaterial", expiring, "NumericLessThan", until, 1_790_000_101, 1_790_000_100),
        Row("ImportKeyMaterial", expiring, "DateGreaterThan", until, "2026-09-21T14:14:59Z", "2026-09-21T14:15:00Z"),
        Row("TagResource", {}, "StringEquals", "aws:RequestTag/team", "blue", "Blue"),
        Row("TagResource", {}, "StringEquals", "aws:RequestTag/TEAM", "blue", "red"),
        Row("TagResource", {}, "ForAllValues:StringEquals", "aws:TagKeys", ["team"], ["Team"]),
        Row("UntagResource", {}, "ForAnyValue:StringEquals", "aws:TagKeys", "none", "team"),
        Row("UntagResource", {}, "Null", "aws:RequestTag/none", "true", "false"),
    ]


def multi_region_rows() -> list[Row]:
    replica, bypass = "kms:ReplicaRegion", "kms:BypassPolicyLockoutSafetyCheck"
    return [
        Row("ReplicateKey", {}, "StringEquals", replica, "eu-west-1", "eu-west-2"),
        Row("ReplicateKey", {}, "Null", bypass, "true", "false"),
        Row("ReplicateKey", {"BypassPolicyLockoutSafetyCheck": True}, "Bool", bypass, "true", "false"),
        Row("ReplicateKey", {"Tags": [TAG]}, "StringEquals", "aws:RequestTag/team", "blue", "red"),
        Row("ReplicateKey", {"Tags": [TAG]}, "ForAllValues:StringEquals", "aws:TagKeys", ["team"], ["b"]),
        Row("UpdatePrimaryRegion", {}, "StringEquals", "kms:PrimaryRegion", "eu-west-1", "eu-west-2"),
    ]


def grant_rows() -> list[Row]:
    constrained = {"Constraints": {"EncryptionContextSubset": CONTEXT}}
    exact = {"Constraints": {"EncryptionContextEquals": CONTEXT}}
    kind, direct = "kms:GrantConstraintType", "kms:GrantIsForAWSResource"
    return [
        *(Row(name, {}, "Bool", direct, "false", "true") for name in ("CreateGrant", "ListGrants", "RevokeGrant")),
        Row("CreateGrant", {}, "ForAllValues:StringEquals", "kms:GrantOperations", ["Decrypt", "Encrypt"], ["Decrypt"]),
        Row("CreateGrant", {}, "ForAnyValue:StringEquals", "kms:GrantOperations", "Encrypt", "ReEncryptTo"),
        Row("CreateGrant", {}, "StringEquals", "kms:GranteePrincipal", GRANTEE, ROOT),
        Row("CreateGrant", {}, "Null", "kms:RetiringPrincipal", "true", "false"),
        Row("CreateGrant", {"RetiringPrincipal": ROOT}, "StringLike", "kms:RetiringPrincipal", "*:root", "*:user/*"),
        Row("CreateGrant", {}, "Null", kind, "true", "false"),
        Row("CreateGrant", constrained, "StringEquals", kind, "EncryptionContextSubset", "EncryptionContextEquals"),
        Row("CreateGrant", exact, "StringEquals", kind, "EncryptionContextEquals", "EncryptionContextSubset"),
        Row("CreateGrant", exact, "StringEquals", "kms:EncryptionContext:purpose", "audit", "other"),
        Row("CreateGrant", exact, "ForAnyValue:StringEquals", "kms:EncryptionContextKeys", "purpose", "other"),
    ]


ROWS = [*encryption_rows(), *use_rows(), *management_rows(), *multi_region_rows(), *grant_rows()]

NEW_KEY: list[tuple[dict[str, Any], str, str, Any, Any]] = [
    ({}, "StringEquals", "kms:KeySpec", "SYMMETRIC_DEFAULT", "HMAC_256"),
    ({}, "StringEquals", "kms:CustomerMasterKeySpec", "SYMMETRIC_DEFAULT", "HMAC_256"),
    ({}, "StringEquals", "kms:KeyUsage", "ENCRYPT_DECRYPT", "SIGN_VERIFY"),
    ({}, "StringEquals", "kms:CustomerMasterKeyUsage", "ENCRYPT_DECRYPT", "SIGN_VERIFY"),
    ({}, "StringEquals", "kms:KeyOrigin", "AWS_KMS", "EXTERNAL"),
    ({}, "Bool", "kms:MultiRegion", "false", "true"),
    ({}, "Null", "kms:MultiRegionKeyType", "true", "false"),
    ({}, "StringEquals", "kms:CallerAccount", ALICE_ACCOUNT, BOB_ACCOUNT),
    ({}, "Null", "kms:BypassPolicyLockoutSafetyCheck", "true", "false"),
    ({}, "Null", "aws:TagKeys", "true", "false"),
    ({}, "Null", "aws:ResourceAccount", "true", "false"),
    ({}, "Null", "aws:ResourceTag/team", "true", "false"),
    ({}, "Null", "kms:ResourceAliases", "true", "false"),
    ({"BypassPolicyLockoutSafetyCheck": True}, "Bool", "kms:BypassPolicyLockoutSafetyCheck", "true", "false"),
    ({"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}, "StringLike", "kms:KeySpec", "HMAC_*", "RSA_*"),
    ({"CustomerMasterKeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}, "StringLike", "kms:KeySpec", "H*", "R*"),
    ({"Origin": "EXTERNAL"}, "StringEquals", "kms:KeyOrigin", "EXTERNAL", "AWS_KMS"),
    ({"Tags": [TAG]}, "StringEquals", "aws:RequestTag/team", "blue", "red"),
    ({"Tags": [TAG]}, "ForAllValues:StringEquals", "aws:TagKeys", ["team", "b"], ["b"]),
]

RE_ENCRYPT_ROWS: list[tuple[str, dict[str, Any], str, str, Any, Any]] = [
    ("From", {}, "StringEquals", "kms:EncryptionContext:purpose", "audit", "new"),
    ("To", {}, "StringEquals", "kms:EncryptionContext:purpose", "new", "audit"),
    ("From", {}, "ForAllValues:StringEquals", "kms:EncryptionContextKeys", ["purpose"], ["purpose2"]),
    ("To", {}, "ForAnyValue:StringEquals", "kms:EncryptionContextKeys", "more", "less"),
    ("From", {}, "StringEquals", "kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT", "other"),
    ("To", {}, "StringEquals", "kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT", "other"),
    ("From", {}, "Bool", "kms:ReEncryptOnSameKey", "false", "true"),
    ("To", {}, "Bool", "kms:ReEncryptOnSameKey", "false", "true"),
    ("From", {"DestinationKeyId": "alias/symmetric"}, "Bool", "kms:ReEncryptOnSameKey", "true", "false"),
    ("To", {"DestinationKeyId": "alias/symmetric"}, "Bool", "kms:ReEncryptOnSameKey", "true", "false"),
    ("To", {}, "StringEquals", "kms:RequestAlias", "alias/other", "alias/symmetric"),
    ("From", {}, "Null", "kms:RequestAlias", "true", "false"),
    ("From", {"SourceKeyId": "alias/symmetric"}, "StringEquals", "kms:RequestAlias", "alias/symmetric", "alias/other"),
]

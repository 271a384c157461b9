"""What each operation asks permission for, and the texts of refusals, for all tests of authorization."""

from collections.abc import Mapping
from typing import Any

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION

ROOT = f"arn:aws:iam::{ALICE_ACCOUNT}:root"
ADMIN = f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"
BOB = f"arn:aws:iam::{BOB_ACCOUNT}:user/admin"
OF_NOBODY = (
    "AccessDeniedException",
    (
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, "
        "or you are not allowed to access."
    ),
)
# What asks for permission on the KMS key in KeyId, under the operation's own name.
ON_KEY_ID: Mapping[str, dict[str, Any]] = {
    "DescribeKey": {},
    "EnableKey": {},
    "DisableKey": {},
    "UpdateKeyDescription": {"Description": ""},
    "ScheduleKeyDeletion": {},
    "CancelKeyDeletion": {},
    "TagResource": {"Tags": []},
    "UntagResource": {"TagKeys": []},
    "ListResourceTags": {},
    "GetKeyLastUsage": {},
    "GetKeyPolicy": {},
    "PutKeyPolicy": {"Policy": "{}"},
    "ListKeyPolicies": {},
    "Encrypt": {"Plaintext": "AA=="},
    "Decrypt": {"CiphertextBlob": "AA=="},
    "GenerateDataKey": {"KeySpec": "AES_128"},
    "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_128"},
    "GenerateDataKeyPair": {"KeyPairSpec": "ECC_NIST_P256"},
    "GenerateDataKeyPairWithoutPlaintext": {"KeyPairSpec": "ECC_NIST_P256"},
    "Sign": {"Message": "AA==", "SigningAlgorithm": "ECDSA_SHA_256"},
    "Verify": {"Message": "AA==", "SigningAlgorithm": "ECDSA_SHA_256", "Signature": "AA=="},
    "GenerateMac": {"Message": "AA==", "MacAlgorithm": "HMAC_SHA_256"},
    "VerifyMac": {"Message": "AA==", "MacAlgorithm": "HMAC_SHA_256", "Mac": "AA=="},
    "DeriveSharedSecret": {"KeyAgreementAlgorithm": "ECDH", "PublicKey": "AA=="},
    "Encapsulate": {"EncapsulationAlgorithm": "ML_KEM"},
    "Decapsulate": {"EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": "AA=="},
    "GetPublicKey": {},
    "EnableKeyRotation": {},
    "DisableKeyRotation": {},
    "GetKeyRotationStatus": {},
    "RotateKeyOnDemand": {},
    "ListKeyRotations": {},
    "GetParametersForImport": {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"},
    "ImportKeyMaterial": {
        "ImportToken": "AA==",
        "EncryptedKeyMaterial": "AA==",
        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
    },
    "DeleteImportedKeyMaterial": {},
    "CreateGrant": {"GranteePrincipal": ROOT, "Operations": ["Decrypt"]},
    "ListGrants": {},
    "RevokeGrant": {"GrantId": "0" * 64},
    "ReplicateKey": {"ReplicaRegion": "eu-west-1"},
    "UpdatePrimaryRegion": {"PrimaryRegion": "eu-west-1"},
}
WITHOUT_KEY: Mapping[str, dict[str, Any]] = {
    "CreateKey": {},
    "ListKeys": {},
    "ListAliases": {},
    "GenerateRandom": {"NumberOfBytes": 1},
    "ListRetirableGrants": {"RetiringPrincipal": ROOT},
}
ON_PRINCIPAL: Mapping[str, str] = {"ListRetirableGrants": ROOT}
"""Of these, what permission is asked for on."""


def refused(action: str, arn: str | None, why: str, user: str = ADMIN) -> tuple[str, str]:
    on = f" on resource: {arn}" if arn else ""
    return "AccessDeniedException", f"User: {user} is not authorized to perform: kms:{action}{on} {why}"


def no_identity(action: str) -> str:
    return f"because no identity-based policy allows the kms:{action} action"


def no_resource(action: str) -> str:
    return f"because no resource-based policy allows the kms:{action} action"


def alias_arn(name: str) -> str:
    return f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:alias/{name}"

"""A world for each test, so that none finds what another left, and a request of every operation."""

from collections.abc import Mapping
from typing import Any

import pytest

from harness.world import World

Parameters = dict[str, Any]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def good(world: World) -> Mapping[str, Parameters]:
    """Parameters with which each served operation succeeds once, whatever was done with the others before.

    Each has a KMS key of its own. Everything that the audit must not hold is there too, under names with `canary`.
    """
    context = {"purpose": "audit"}
    tokens = {"GrantTokens": ["canary-grant-token"]}
    plaintext = "Y2FuYXJ5IHBsYWludGV4dA=="

    def key(**parameters: Any) -> str:
        key_id: str = world.make_key(**parameters)["KeyId"]
        return key_id

    def alias(name: str) -> str:
        world.call("CreateAlias", {"AliasName": name, "TargetKeyId": key()})
        return name

    def blob() -> str:
        parameters = {"KeyId": key(), "Plaintext": plaintext, "EncryptionContext": context}
        made: str = world.call("Encrypt", parameters)["CiphertextBlob"]
        return made

    def made_with(operation: str, member: str, **parameters: Any) -> str:
        """A signature, a MAC, an encapsulation."""
        made: str = world.call(operation, parameters)[member]
        return made

    signing = {
        "KeyId": key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY"),
        "Message": plaintext,
        "SigningAlgorithm": "ECDSA_SHA_256",
    }
    mac = {
        "KeyId": key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC"),
        "Message": plaintext,
        "MacAlgorithm": "HMAC_SHA_256",
    }
    kem = {
        "KeyId": key(KeySpec="ML_KEM_768", KeyUsage="ENCAPSULATE_DECAPSULATE"),
        "EncapsulationAlgorithm": "ML_KEM",
    }
    agreement = key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    disabled, waiting = key(), key()
    world.call("DisableKey", {"KeyId": disabled})
    world.call("ScheduleKeyDeletion", {"KeyId": waiting})
    tag = {"TagKey": "a", "TagValue": "b"}
    policy = world.call("GetKeyPolicy", {"KeyId": disabled})["Policy"]
    return {
        "CreateKey": {"Description": "new", "Tags": [tag], "Policy": policy},
        "DescribeKey": {"KeyId": key(), **tokens},
        "ListKeys": {"Limit": 1},
        "EnableKey": {"KeyId": disabled},
        "DisableKey": {"KeyId": key()},
        "UpdateKeyDescription": {"KeyId": key(), "Description": "other"},
        "ScheduleKeyDeletion": {"KeyId": key(), "PendingWindowInDays": 7},
        "CancelKeyDeletion": {"KeyId": waiting},
        "EnableKeyRotation": {"KeyId": key(), "RotationPeriodInDays": 90},
        "DisableKeyRotation": {"KeyId": key()},
        "GetKeyRotationStatus": {"KeyId": key()},
        "RotateKeyOnDemand": {"KeyId": key()},
        "ListKeyRotations": {"KeyId": key(), "Limit": 1},
        "CreateAlias": {"AliasName": "alias/new", "TargetKeyId": key()},
        "UpdateAlias": {"AliasName": alias("alias/old"), "TargetKeyId": key()},
        "DeleteAlias": {"AliasName": alias("alias/gone")},
        "ListAliases": {"KeyId": key(), "Limit": 1},
        "TagResource": {"KeyId": key(), "Tags": [tag]},
        "UntagResource": {"KeyId": key(Tags=[tag]), "TagKeys": ["a"]},
        "ListResourceTags": {"KeyId": key(Tags=[tag]), "Limit": 1},
        "GetKeyPolicy": {"KeyId": key()},
        "PutKeyPolicy": {"KeyId": key(), "Policy": policy},
        "ListKeyPolicies": {"KeyId": key(), "Limit": 1},
        "Encrypt": {"KeyId": key(), "Plaintext": plaintext, "EncryptionContext": context, **tokens},
        "Decrypt": {"CiphertextBlob": blob(), "EncryptionContext": context, **tokens},
        "ReEncrypt": {
            "CiphertextBlob": blob(),
            "SourceEncryptionContext": context,
            "DestinationKeyId": key(),
            "DestinationEncryptionContext": context,
            **tokens,
        },
        "GenerateDataKey": {"KeyId": key(), "KeySpec": "AES_256", "EncryptionContext": context, **tokens},
        "GenerateDataKeyWithoutPlaintext": {
            "KeyId": key(),
            "NumberOfBytes": 48,
            "EncryptionContext": context,
            **tokens,
        },
        "GenerateDataKeyPair": {"KeyId": key(), "KeyPairSpec": "ECC_NIST_P256", "EncryptionContext": context, **tokens},
        "GenerateDataKeyPairWithoutPlaintext": {"KeyId": key(), "KeyPairSpec": "ECC_NIST_P384", **tokens},
        "Sign": {**signing, **tokens},
        "Verify": {**signing, "Signature": made_with("Sign", "Signature", **signing), **tokens},
        "GenerateMac": {**mac, **tokens},
        "VerifyMac": {**mac, "Mac": made_with("GenerateMac", "Mac", **mac), **tokens},
        "DeriveSharedSecret": {
            "KeyId": agreement,
            "KeyAgreementAlgorithm": "ECDH",
            "PublicKey": made_with("GetPublicKey", "PublicKey", KeyId=agreement),
            **tokens,
        },
        "Encapsulate": {**kem, **tokens},
        "Decapsulate": {
            **kem,
            "SharedSecretCiphertextBlob": made_with("Encapsulate", "SharedSecretCiphertextBlob", **kem),
            **tokens,
        },
        "GetPublicKey": {"KeyId": agreement, **tokens},
        "GenerateRandom": {"NumberOfBytes": 32},
    }

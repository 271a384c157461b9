"""A world for each test, so that none finds what another left, and a request of every operation."""

from collections.abc import Mapping
from typing import Any

import pytest

from harness.world import World

Parameters = dict[str, Any]

# What the audit must not hold stands under names with `canary`.
CONTEXT = {"purpose": "audit"}
TOKENS = {"GrantTokens": ["canary-grant-token"]}
PLAINTEXT = "Y2FuYXJ5IHBsYWludGV4dA=="
TAG = {"TagKey": "a", "TagValue": "b"}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def good(world: World) -> Mapping[str, Parameters]:
    """Parameters with which each served operation succeeds once, whatever was done with the others before.

    Each has a KMS key of its own.
    """
    return {**life(world), **names(world), **rotation(world), **symmetric(world), **asymmetric(world)}


def key(world: World, **parameters: Any) -> str:
    key_id: str = world.make_key(**parameters)["KeyId"]
    return key_id


def made(world: World, operation: str, member: str, parameters: Parameters) -> str:
    """A blob, a signature, a MAC, an encapsulation."""
    found: str = world.call(operation, parameters)[member]
    return found


def life(world: World) -> Mapping[str, Parameters]:
    """What happens to keys and what is known of them."""
    disabled, waiting = key(world), key(world)
    world.call("DisableKey", {"KeyId": disabled})
    world.call("ScheduleKeyDeletion", {"KeyId": waiting})
    policy = world.call("GetKeyPolicy", {"KeyId": disabled})["Policy"]
    return {
        "CreateKey": {"Description": "new", "Tags": [TAG], "Policy": policy},
        "DescribeKey": {"KeyId": key(world), **TOKENS},
        "ListKeys": {"Limit": 1},
        "EnableKey": {"KeyId": disabled},
        "DisableKey": {"KeyId": key(world)},
        "UpdateKeyDescription": {"KeyId": key(world), "Description": "other"},
        "ScheduleKeyDeletion": {"KeyId": key(world), "PendingWindowInDays": 7},
        "CancelKeyDeletion": {"KeyId": waiting},
        "GetKeyPolicy": {"KeyId": key(world)},
        "PutKeyPolicy": {"KeyId": key(world), "Policy": policy},
        "ListKeyPolicies": {"KeyId": key(world), "Limit": 1},
    }


def names(world: World) -> Mapping[str, Parameters]:
    """Aliases and tags."""

    def alias(name: str) -> str:
        world.call("CreateAlias", {"AliasName": name, "TargetKeyId": key(world)})
        return name

    return {
        "CreateAlias": {"AliasName": "alias/new", "TargetKeyId": key(world)},
        "UpdateAlias": {"AliasName": alias("alias/old"), "TargetKeyId": key(world)},
        "DeleteAlias": {"AliasName": alias("alias/gone")},
        "ListAliases": {"KeyId": key(world), "Limit": 1},
        "TagResource": {"KeyId": key(world), "Tags": [TAG]},
        "UntagResource": {"KeyId": key(world, Tags=[TAG]), "TagKeys": ["a"]},
        "ListResourceTags": {"KeyId": key(world, Tags=[TAG]), "Limit": 1},
    }


def rotation(world: World) -> Mapping[str, Parameters]:
    """New key material."""
    return {
        "EnableKeyRotation": {"KeyId": key(world), "RotationPeriodInDays": 90},
        "DisableKeyRotation": {"KeyId": key(world)},
        "GetKeyRotationStatus": {"KeyId": key(world)},
        "RotateKeyOnDemand": {"KeyId": key(world)},
        "ListKeyRotations": {"KeyId": key(world), "Limit": 1},
    }


def symmetric(world: World) -> Mapping[str, Parameters]:
    """Use of symmetric keys, and of none."""

    def blob() -> str:
        parameters = {"KeyId": key(world), "Plaintext": PLAINTEXT, "EncryptionContext": CONTEXT}
        return made(world, "Encrypt", "CiphertextBlob", parameters)

    bound = {"EncryptionContext": CONTEXT, **TOKENS}
    return {
        "Encrypt": {"KeyId": key(world), "Plaintext": PLAINTEXT, **bound},
        "Decrypt": {"CiphertextBlob": blob(), **bound},
        "ReEncrypt": {
            "CiphertextBlob": blob(),
            "SourceEncryptionContext": CONTEXT,
            "DestinationKeyId": key(world),
            "DestinationEncryptionContext": CONTEXT,
            **TOKENS,
        },
        "GenerateDataKey": {"KeyId": key(world), "KeySpec": "AES_256", **bound},
        "GenerateDataKeyWithoutPlaintext": {"KeyId": key(world), "NumberOfBytes": 48, **bound},
        "GenerateDataKeyPair": {"KeyId": key(world), "KeyPairSpec": "ECC_NIST_P256", **bound},
        "GenerateDataKeyPairWithoutPlaintext": {"KeyId": key(world), "KeyPairSpec": "ECC_NIST_P384", **TOKENS},
        "GenerateRandom": {"NumberOfBytes": 32},
    }


def asymmetric(world: World) -> Mapping[str, Parameters]:
    """Use of the other kinds of key."""
    signing = {
        "KeyId": key(world, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY"),
        "Message": PLAINTEXT,
        "SigningAlgorithm": "ECDSA_SHA_256",
    }
    mac = {
        "KeyId": key(world, KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC"),
        "Message": PLAINTEXT,
        "MacAlgorithm": "HMAC_SHA_256",
    }
    kem = {
        "KeyId": key(world, KeySpec="ML_KEM_768", KeyUsage="ENCAPSULATE_DECAPSULATE"),
        "EncapsulationAlgorithm": "ML_KEM",
    }
    agreement = key(world, KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    encapsulated = made(world, "Encapsulate", "SharedSecretCiphertextBlob", kem)
    return {
        "Sign": {**signing, **TOKENS},
        "Verify": {**signing, "Signature": made(world, "Sign", "Signature", signing), **TOKENS},
        "GenerateMac": {**mac, **TOKENS},
        "VerifyMac": {**mac, "Mac": made(world, "GenerateMac", "Mac", mac), **TOKENS},
        "DeriveSharedSecret": {
            "KeyId": agreement,
            "KeyAgreementAlgorithm": "ECDH",
            "PublicKey": made(world, "GetPublicKey", "PublicKey", {"KeyId": agreement}),
            **TOKENS,
        },
        "Encapsulate": {**kem, **TOKENS},
        "Decapsulate": {**kem, "SharedSecretCiphertextBlob": encapsulated, **TOKENS},
        "GetPublicKey": {"KeyId": agreement, **TOKENS},
    }

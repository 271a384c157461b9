"""A world for each test, so that none finds what another left, and a request of every operation."""

from collections.abc import Mapping
from typing import Any

import pytest

from harness.importer import LASTING, import_into, one_pair, parameters_for_import
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.crypto.rsa import RSAKeyPair
from selfkms.domain.arns import root_arn, user_arn
from selfkms.domain.kms.grants import Grant
from selfkms.services.kms.grant_tokens import grant_token

Parameters = dict[str, Any]

# What the audit must not hold stands under names with `canary`.
CONTEXT = {"purpose": "audit"}
PLAINTEXT = "Y2FuYXJ5IHBsYWludGV4dA=="
MATERIAL = b"canary of 32 bytes: key material"
TAG = {"TagKey": "a", "TagValue": "b"}
ADMIN = user_arn(ALICE_ACCOUNT, "/", "admin")


@pytest.fixture(autouse=True)
def rsa_key_pairs_are_not_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrapping keys may be the same in every world: what a test proves does not hang on them."""
    monkeypatch.setattr(RSAKeyPair, "generate", one_pair)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def good(world: World) -> Mapping[str, Parameters]:
    """Parameters with which each served operation succeeds once, whatever was done with the others before.

    Each has a KMS key of its own.
    """
    return {
        **life(world),
        **names(world),
        **rotation(world),
        **imported(world),
        **multi_region(world),
        **symmetric(world),
        **asymmetric(world),
        **grants(world),
    }


def tokens(world: World) -> Parameters:
    """A grant token of ours: whether its grant exists does not matter."""
    grant = Grant(
        account_id=ALICE_ACCOUNT,
        region=REGION,
        key_id="00000000-0000-4000-8000-000000000000",
        grant_id="0" * 64,
        created_at=0.0,
        grantee=root_arn(BOB_ACCOUNT),
        issuing_account=root_arn(ALICE_ACCOUNT),
        operations=("Decrypt",),
    )
    return {"GrantTokens": [grant_token(world.keys, world.entropy, grant)]}


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
        "DescribeKey": {"KeyId": key(world), **tokens(world)},
        "ListKeys": {"Limit": 1},
        "EnableKey": {"KeyId": disabled},
        "DisableKey": {"KeyId": key(world)},
        "UpdateKeyDescription": {"KeyId": key(world), "Description": "other"},
        "ScheduleKeyDeletion": {"KeyId": key(world), "PendingWindowInDays": 7},
        "CancelKeyDeletion": {"KeyId": waiting},
        "GetKeyLastUsage": {"KeyId": key(world)},
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


def multi_region(world: World) -> Mapping[str, Parameters]:
    """Related keys in two Regions."""
    primary = key(world, MultiRegion=True)
    world.call("ReplicateKey", {"KeyId": primary, "ReplicaRegion": "eu-west-1"})
    world.clock.seconds += 1
    assert world.upkeep.attend_due_keys() == 1
    world.clock.seconds -= 1
    return {
        "ReplicateKey": {"KeyId": key(world, MultiRegion=True), "ReplicaRegion": "eu-west-1", "Tags": [TAG]},
        "UpdatePrimaryRegion": {"KeyId": primary, "PrimaryRegion": "eu-west-1"},
    }


def imported(world: World) -> Mapping[str, Parameters]:
    """Key material from elsewhere."""
    empty, full = (key(world, Origin="EXTERNAL") for _ in range(2))
    import_into(world, full, MATERIAL)
    wrapping = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    return {
        "GetParametersForImport": {"KeyId": empty, **wrapping},
        "ImportKeyMaterial": {**parameters_for_import(world, empty, MATERIAL), **LASTING},
        "DeleteImportedKeyMaterial": {"KeyId": full},
    }


def symmetric(world: World) -> Mapping[str, Parameters]:
    """Use of symmetric keys, and of none."""

    def blob() -> str:
        parameters = {"KeyId": key(world), "Plaintext": PLAINTEXT, "EncryptionContext": CONTEXT}
        return made(world, "Encrypt", "CiphertextBlob", parameters)

    bound = {"EncryptionContext": CONTEXT, **tokens(world)}
    return {
        "Encrypt": {"KeyId": key(world), "Plaintext": PLAINTEXT, **bound},
        "Decrypt": {"CiphertextBlob": blob(), **bound},
        "ReEncrypt": {
            "CiphertextBlob": blob(),
            "SourceEncryptionContext": CONTEXT,
            "DestinationKeyId": key(world),
            "DestinationEncryptionContext": CONTEXT,
            **tokens(world),
        },
        "GenerateDataKey": {"KeyId": key(world), "KeySpec": "AES_256", **bound},
        "GenerateDataKeyWithoutPlaintext": {"KeyId": key(world), "NumberOfBytes": 48, **bound},
        "GenerateDataKeyPair": {"KeyId": key(world), "KeyPairSpec": "ECC_NIST_P256", **bound},
        "GenerateDataKeyPairWithoutPlaintext": {"KeyId": key(world), "KeyPairSpec": "ECC_NIST_P384", **tokens(world)},
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
        "Sign": {**signing, **tokens(world)},
        "Verify": {**signing, "Signature": made(world, "Sign", "Signature", signing), **tokens(world)},
        "GenerateMac": {**mac, **tokens(world)},
        "VerifyMac": {**mac, "Mac": made(world, "GenerateMac", "Mac", mac), **tokens(world)},
        "DeriveSharedSecret": {
            "KeyId": agreement,
            "KeyAgreementAlgorithm": "ECDH",
            "PublicKey": made(world, "GetPublicKey", "PublicKey", {"KeyId": agreement}),
            **tokens(world),
        },
        "Encapsulate": {**kem, **tokens(world)},
        "Decapsulate": {**kem, "SharedSecretCiphertextBlob": encapsulated, **tokens(world)},
        "GetPublicKey": {"KeyId": agreement, **tokens(world)},
    }


def grants(world: World) -> Mapping[str, Parameters]:
    """Grants are made, listed and ended."""

    def given() -> Parameters:
        return {"KeyId": key(world), "GranteePrincipal": root_arn(ALICE_ACCOUNT), "Operations": ["RetireGrant"]}

    grantee, revoked = given(), given()
    return {
        "CreateGrant": {**grantee, "Constraints": {"EncryptionContextSubset": CONTEXT}, "Name": "n", **tokens(world)},
        "ListGrants": {"KeyId": key(world), "Limit": 1},
        "ListRetirableGrants": {"RetiringPrincipal": root_arn(ALICE_ACCOUNT), "Limit": 1},
        "RetireGrant": {"GrantToken": made(world, "CreateGrant", "GrantToken", given() | {"GranteePrincipal": ADMIN})},
        "RevokeGrant": {"KeyId": revoked["KeyId"], "GrantId": made(world, "CreateGrant", "GrantId", revoked)},
    }

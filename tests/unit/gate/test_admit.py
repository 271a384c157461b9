"""States and usages: AWS's table of key states cell by cell, through the gate.

Source: KMS developer guide, "Key states of AWS KMS keys".
"""

from collections.abc import Mapping
from typing import Any

import pytest

from harness.importer import LASTING, import_into, parameters_for_import
from harness.world import ALICE_ACCOUNT, REGION, World
from selfkms.domain.arns import user_arn
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import KeySpec, KeyUsage, KMSKey
from selfkms.domain.records import Put
from selfkms.services.kms.table import OPERATIONS

Refusal = tuple[str, str] | None

DISABLED = ("DisabledException", "{} is disabled.")
DELETING = ("KMSInvalidStateException", "{} is pending deletion.")
IMPORTING = ("KMSInvalidStateException", "{} is pending import.")
CREATING = ("KMSInvalidStateException", "{} is creating.")
UPDATING = ("KMSInvalidStateException", "{} is updating.")
DELETING_REPLICAS = ("KMSInvalidStateException", "{} is pending replica deletion.")
NOT_DELETING = ("KMSInvalidStateException", "{} is not pending deletion.")

STATES = (
    KeyState.ENABLED,
    KeyState.DISABLED,
    KeyState.PENDING_IMPORT,
    KeyState.PENDING_DELETION,
    KeyState.CREATING,
    KeyState.UPDATING,
    KeyState.PENDING_REPLICA_DELETION,
)

# The refusals in these states; None: it works.
USE = (None, DISABLED, IMPORTING, DELETING, CREATING, None, DELETING_REPLICAS)
READ = (None, None, None, None, None, None, None)
CHANGE = (None, None, None, DELETING, None, None, DELETING_REPLICAS)
SCHEDULE = (None, None, None, DELETING, None, UPDATING, DELETING_REPLICAS)
IMPORT = (None, None, None, DELETING, CREATING, UPDATING, DELETING_REPLICAS)
UNIMPORT = (None, None, None, None, CREATING, UPDATING, None)
TOGGLE = (None, None, IMPORTING, DELETING, CREATING, UPDATING, DELETING_REPLICAS)
SHARED = (None, DISABLED, IMPORTING, DELETING, CREATING, UPDATING, DELETING_REPLICAS)
CANCEL = (NOT_DELETING, NOT_DELETING, NOT_DELETING, None, NOT_DELETING, NOT_DELETING, None)
# Pending import is for keys of origin EXTERNAL alone, which these operations refuse by themselves.
ROTATE = (None, DISABLED, None, DELETING, CREATING, UPDATING, DELETING_REPLICAS)

SIGNING = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}
MAC = {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}
AGREEMENT = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"}
KEM = {"KeySpec": "ML_KEM_768", "KeyUsage": "ENCAPSULATE_DECAPSULATE"}
GRANT = {"GranteePrincipal": user_arn(ALICE_ACCOUNT, "/", "admin"), "Operations": ["RetireGrant"]}

# Operations that need another kind of key than a symmetric one.
OTHER_KINDS: Mapping[str, Mapping[str, str]] = {
    "Sign": SIGNING,
    "Verify": SIGNING,
    "GenerateMac": MAC,
    "VerifyMac": MAC,
    "DeriveSharedSecret": AGREEMENT,
    "Encapsulate": KEM,
    "Decapsulate": KEM,
    "GetPublicKey": SIGNING,
}
MULTI_REGION = ("ReplicateKey", "UpdatePrimaryRegion")
# Operations that need a key whose material is imported; it has some.
IMPORTED = ("GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial")
MATERIAL = bytes(32)

TABLE: Mapping[str, tuple[Refusal, ...]] = {
    "Encrypt": USE,
    "Decrypt": USE,
    "ReEncrypt": USE,
    "GenerateDataKey": USE,
    "GenerateDataKeyWithoutPlaintext": USE,
    "DescribeKey": READ,
    "GetKeyLastUsage": READ,
    "GetKeyPolicy": READ,
    "PutKeyPolicy": READ,
    "ListKeyPolicies": READ,
    "ListAliases": READ,
    "ListResourceTags": READ,
    "DeleteAlias": READ,
    "CreateAlias": CHANGE,
    "TagResource": CHANGE,
    "UntagResource": CHANGE,
    "UpdateKeyDescription": CHANGE,
    "ScheduleKeyDeletion": SCHEDULE,
    "UpdateAlias": CHANGE,
    "EnableKey": TOGGLE,
    "DisableKey": TOGGLE,
    "CancelKeyDeletion": CANCEL,
    **dict.fromkeys(OTHER_KINDS, USE),
    "GenerateDataKeyPair": USE,
    "GenerateDataKeyPairWithoutPlaintext": USE,
    "EnableKeyRotation": ROTATE,
    "DisableKeyRotation": ROTATE,
    "RotateKeyOnDemand": SHARED,
    "ReplicateKey": SHARED,
    "UpdatePrimaryRegion": SHARED,
    "GetKeyRotationStatus": READ,
    "ListKeyRotations": READ,
    "CreateGrant": USE,
    "ListGrants": READ,
    "RetireGrant": READ,
    "RevokeGrant": READ,
    "GetParametersForImport": IMPORT,
    "ImportKeyMaterial": IMPORT,
    "DeleteImportedKeyMaterial": UNIMPORT,
}
WITHOUT_KEY = {"CreateKey", "ListKeys", "GenerateRandom", "ListRetirableGrants"}


def stored(world: World, key_id: str) -> KMSKey:
    key = world.database.key(ALICE_ACCOUNT, REGION, key_id)
    assert key is not None
    return key


def bring_into(world: World, key_id: str, state: KeyState) -> None:
    """Whatever led there."""
    deletion_at = 2_000_000_000.0 if state is KeyState.PENDING_DELETION else None
    world.database.commit([Put(stored(world, key_id).changed(state=state, deletion_at=deletion_at))])


def encrypted(world: World, key_id: str) -> str:
    blob: str = world.call("Encrypt", {"KeyId": key_id, "Plaintext": "AA=="})["CiphertextBlob"]
    return blob


def parameters_for(world: World, operation: str, key_id: str) -> dict[str, Any]:
    """A request of an operation about this key, which is still enabled."""
    if operation in ("UpdateAlias", "DeleteAlias"):
        # UpdateAlias is about the new key; what it does with the old one is a test of its own.
        present = world.make_key()["KeyId"] if operation == "UpdateAlias" else key_id
        world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": present})
    policy = world.call("GetKeyPolicy", {"KeyId": key_id})["Policy"]
    if operation in OTHER_KINDS:
        return {"KeyId": key_id, **of_other_kinds(world, operation, key_id)}
    further: dict[str, dict[str, Any]] = {
        "GenerateDataKeyPair": {"KeyPairSpec": "ECC_NIST_P256"},
        "GenerateDataKeyPairWithoutPlaintext": {"KeyPairSpec": "ECC_NIST_P256"},
        "Encrypt": {"Plaintext": "AA=="},
        "Decrypt": {"CiphertextBlob": encrypted(world, key_id)},
        "GenerateDataKey": {"KeySpec": "AES_128"},
        "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_128"},
        "TagResource": {"Tags": []},
        "UntagResource": {"TagKeys": []},
        "UpdateKeyDescription": {"Description": ""},
        "PutKeyPolicy": {"Policy": policy},
        "CreateGrant": GRANT,
    }
    if operation in ("CreateAlias", "UpdateAlias"):
        return {"AliasName": "alias/a", "TargetKeyId": key_id}
    if operation == "DeleteAlias":
        return {"AliasName": "alias/a"}
    if operation in MULTI_REGION:
        return {"KeyId": key_id, **in_two_regions(world, operation, key_id)}
    if operation == "GetParametersForImport":
        return {"KeyId": key_id, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    if operation == "ImportKeyMaterial":
        return {**parameters_for_import(world, key_id, MATERIAL), **LASTING}
    if operation == "ReEncrypt":
        return {"CiphertextBlob": encrypted(world, key_id), "DestinationKeyId": world.make_key()["KeyId"]}
    if operation in ("RetireGrant", "RevokeGrant"):
        return {"KeyId": key_id, "GrantId": world.call("CreateGrant", {"KeyId": key_id, **GRANT})["GrantId"]}
    return {"KeyId": key_id, **further.get(operation, {})}


def in_two_regions(world: World, operation: str, key_id: str) -> dict[str, Any]:
    """The further parameters of an operation on a multi-Region key."""
    if operation == "ReplicateKey":
        return {"ReplicaRegion": "eu-west-1"}
    world.call("ReplicateKey", {"KeyId": key_id, "ReplicaRegion": "eu-west-1"})
    world.clock.seconds += 1
    assert world.upkeep.attend_due_keys() == 1
    return {"PrimaryRegion": "eu-west-1"}


def of_other_kinds(world: World, operation: str, key_id: str) -> dict[str, Any]:
    """The further parameters of an operation on a key that is not symmetric."""
    signing = {"Message": "AA==", "SigningAlgorithm": "ECDSA_SHA_256"}
    mac = {"Message": "AA==", "MacAlgorithm": "HMAC_SHA_256"}
    kem = {"EncapsulationAlgorithm": "ML_KEM"}

    def made(by: str, member: str, parameters: dict[str, Any]) -> str:
        found: str = world.call(by, {"KeyId": key_id, **parameters})[member]
        return found

    match operation:
        case "Sign":
            return signing
        case "Verify":
            return {**signing, "Signature": made("Sign", "Signature", signing)}
        case "GenerateMac":
            return mac
        case "VerifyMac":
            return {**mac, "Mac": made("GenerateMac", "Mac", mac)}
        case "Encapsulate":
            return kem
        case "Decapsulate":
            blob = "SharedSecretCiphertextBlob"
            return {**kem, blob: made("Encapsulate", blob, kem)}
        case "DeriveSharedSecret":
            return {"KeyAgreementAlgorithm": "ECDH", "PublicKey": made("GetPublicKey", "PublicKey", {})}
        case _:
            return {}


def outcome(world: World, operation: str, parameters: Mapping[str, Any], arn: str) -> Refusal:
    """The error that answers a request, with the ARN of its key cut out; None for a success."""
    response = world.send(world.request(operation, parameters)).response
    if response.status == 200:
        return None
    code, text = world.refusal(operation, parameters)
    assert text is not None
    return code, text.replace(arn, "{}")


def test_every_operation_has_its_row() -> None:
    """The table speaks of every operation that is served and is about a key."""
    assert TABLE.keys() | WITHOUT_KEY == OPERATIONS.keys()


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("operation", TABLE)
def test_every_cell_of_the_table(world: World, operation: str, state: KeyState) -> None:
    """Each operation in each state works, or is refused with the error and the text of its cell."""
    kind: dict[str, Any] = {"Origin": "EXTERNAL"} if operation in IMPORTED else {}
    kind |= {"MultiRegion": True} if operation in MULTI_REGION else {}
    key = world.make_key(**OTHER_KINDS.get(operation, {}), **kind)
    if operation in IMPORTED:
        import_into(world, key["KeyId"], MATERIAL)
    parameters = parameters_for(world, operation, key["KeyId"])
    bring_into(world, key["KeyId"], state)
    before = stored(world, key["KeyId"])
    expected = TABLE[operation][STATES.index(state)]
    assert outcome(world, operation, parameters, key["Arn"]) == expected
    if expected is not None:
        assert stored(world, key["KeyId"]) == before


@pytest.mark.parametrize("state", STATES[1:])
@pytest.mark.parametrize("which", ["source", "destination"])
def test_both_keys_of_re_encrypt_must_be_usable(world: World, which: str, state: KeyState) -> None:
    """The state of either key refuses the request, and the text names that key."""
    source, destination = world.make_key(), world.make_key()
    blob = encrypted(world, source["KeyId"])
    chosen = {"source": source, "destination": destination}[which]
    bring_into(world, chosen["KeyId"], state)
    parameters = {"CiphertextBlob": blob, "DestinationKeyId": destination["KeyId"]}
    assert outcome(world, "ReEncrypt", parameters, chosen["Arn"]) == USE[STATES.index(state)]


@pytest.mark.parametrize("state", STATES)
def test_an_alias_leaves_a_key_of_any_state(world: World, state: KeyState) -> None:
    """UpdateAlias moves a name away from a key that is pending deletion, too."""
    old, new = world.make_key(), world.make_key()
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": old["KeyId"]})
    bring_into(world, old["KeyId"], state)
    world.call("UpdateAlias", {"AliasName": "alias/a", "TargetKeyId": new["KeyId"]})
    assert world.call("DescribeKey", {"KeyId": "alias/a"})["KeyMetadata"]["KeyId"] == new["KeyId"]


def make_signing_key(world: World) -> dict[str, Any]:
    """A key that signs, whatever material it has."""
    key = world.make_key()
    signing = stored(world, key["KeyId"]).changed(key_usage=KeyUsage.SIGN_VERIFY, key_spec=KeySpec.RSA_2048)
    world.database.commit([Put(signing)])
    return key


@pytest.mark.parametrize("operation", ["Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncrypt"])
def test_a_key_of_another_usage(world: World, operation: str) -> None:
    """A signing key does not encrypt; the text has usage and operation."""
    encrypting = world.make_key()["KeyId"]
    parameters = parameters_for(world, operation, encrypting)
    signing = make_signing_key(world)
    parameters |= {"DestinationKeyId": signing["KeyId"]} if operation == "ReEncrypt" else {"KeyId": signing["KeyId"]}
    text = f"{{}} key usage is SIGN_VERIFY which is not valid for {operation}."
    assert outcome(world, operation, parameters, signing["Arn"]) == ("InvalidKeyUsageException", text)


@pytest.mark.parametrize("state", [state for state in STATES if USE[STATES.index(state)] is not None])
def test_states_come_before_usages(world: World, state: KeyState) -> None:
    """A disabled key of the wrong usage is first of all disabled; of two keys, the states of both come first."""
    key, other = world.make_key(), world.make_key()
    blob = encrypted(world, key["KeyId"])
    world.database.commit([Put(stored(world, key["KeyId"]).changed(key_usage=KeyUsage.SIGN_VERIFY))])
    expected = USE[STATES.index(state)]
    bring_into(world, other["KeyId"], state)
    parameters = {"CiphertextBlob": blob, "DestinationKeyId": other["KeyId"]}
    assert outcome(world, "ReEncrypt", parameters, other["Arn"]) == expected
    bring_into(world, key["KeyId"], state)
    encrypting = {"KeyId": key["KeyId"], "Plaintext": "AA=="}
    assert outcome(world, "Encrypt", encrypting, key["Arn"]) == expected


@pytest.mark.parametrize("operation", ["Decrypt", "ReEncrypt"])
def test_the_wrong_key_is_wrong_first_of_all(world: World, operation: str) -> None:
    """A key that did not make the blob is refused as incorrect even if its usage is wrong, too."""
    key_id, signing = world.make_key()["KeyId"], make_signing_key(world)["KeyId"]
    blob = encrypted(world, key_id)
    named = {"KeyId": signing} if operation == "Decrypt" else {"SourceKeyId": signing, "DestinationKeyId": key_id}
    assert world.refusal(operation, {"CiphertextBlob": blob, **named})[0] == "IncorrectKeyException"

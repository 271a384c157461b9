"""GenerateDataKeyPair, with and without plaintext, through the gate."""

from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
)

from harness.world import BOB_ACCOUNT, World

SPECS = [
    "RSA_2048",
    "RSA_3072",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "ECC_NIST_EDWARDS25519",
    "ML_KEM_768",
    "ML_KEM_1024",
]
CONTEXT = {"purpose": "pair"}


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("spec", SPECS)
def test_every_spec(world: World, spec: str) -> None:
    """PKCS#8 and SubjectPublicKeyInfo that belong together, and a blob that opens to the former."""
    key = world.make_key()
    pair = world.call("GenerateDataKeyPair", {"KeyId": key["KeyId"], "KeyPairSpec": spec, "EncryptionContext": CONTEXT})
    assert pair.keys() == {
        "PrivateKeyCiphertextBlob",
        "PrivateKeyPlaintext",
        "PublicKey",
        "KeyId",
        "KeyPairSpec",
        "KeyMaterialId",
    }
    assert (pair["KeyId"], pair["KeyPairSpec"], pair["KeyMaterialId"]) == (
        key["Arn"],
        spec,
        key["CurrentKeyMaterialId"],
    )
    private = load_der_private_key(b64decode(pair["PrivateKeyPlaintext"]), None)
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public == b64decode(pair["PublicKey"])
    opened = world.call("Decrypt", {"CiphertextBlob": pair["PrivateKeyCiphertextBlob"], "EncryptionContext": CONTEXT})
    assert opened["Plaintext"] == pair["PrivateKeyPlaintext"]
    code, _ = world.refusal("Decrypt", {"CiphertextBlob": pair["PrivateKeyCiphertextBlob"]})
    assert code == "InvalidCiphertextException"


def test_without_plaintext(world: World) -> None:
    """The same without the private half in the clear; each pair is a new one."""
    parameters = {"KeyId": world.make_key()["KeyId"], "KeyPairSpec": "ECC_NIST_P256"}
    pairs = [world.call("GenerateDataKeyPairWithoutPlaintext", parameters) for _ in range(2)]
    assert "PrivateKeyPlaintext" not in pairs[0]
    assert pairs[0]["PublicKey"] != pairs[1]["PublicKey"]
    opened = world.call("Decrypt", {"CiphertextBlob": pairs[0]["PrivateKeyCiphertextBlob"]})
    assert load_der_private_key(b64decode(opened["Plaintext"]), None) is not None


@pytest.mark.parametrize("operation", ["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"])
def test_refusals(world: World, operation: str) -> None:
    """SM2, ML-KEM-512 where it is off, no spec of a pair, and a KMS key that is not symmetric."""
    key = world.make_key()
    rsa = world.make_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    assert world.refusal(operation, {"KeyId": key["KeyId"], "KeyPairSpec": "SM2"}) == (
        "UnsupportedOperationException",
        "KeyPairSpec SM2 is not supported in this Region",
    )
    code, text = world.refusal(operation, {"KeyId": key["KeyId"], "KeyPairSpec": "ML_KEM_512"})
    assert code == "UnsupportedOperationException"
    assert text is not None
    assert text.startswith("KeyPairSpec ML_KEM_512 is not enabled here")
    for spec in ("HMAC_256", "ML_DSA_44", "SYMMETRIC_DEFAULT"):
        wrong = {"KeyId": key["KeyId"], "KeyPairSpec": spec}
        assert world.refusal(operation, wrong)[0] == "ValidationException", spec
    assert world.refusal(operation, {"KeyId": rsa["KeyId"], "KeyPairSpec": "ECC_NIST_P256"}) == (
        "InvalidKeyUsageException",
        "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.",
    )


@pytest.mark.parametrize("operation", ["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"])
def test_dry_runs_and_states(world: World, operation: str) -> None:
    """A dry run fails with what the request would have come to; a disabled key makes none."""
    key = world.make_key()
    parameters = {"KeyId": key["Arn"], "KeyPairSpec": "ECC_NIST_P256"}
    assert world.refusal(operation, {**parameters, "DryRun": True})[0] == "DryRunOperationException"
    assert world.refusal(operation, {**parameters, "DryRun": True}, by=BOB_ACCOUNT)[0] == "AccessDeniedException"
    world.call("DisableKey", {"KeyId": key["KeyId"]})
    assert world.refusal(operation, parameters) == ("DisabledException", f"{key['Arn']} is disabled.")


def test_the_record(world: World) -> None:
    """Key, spec and encryption context, and which material sealed it; no key in any form."""
    key = world.make_key()
    world.call(
        "GenerateDataKeyPair", {"KeyId": key["KeyId"], "KeyPairSpec": "ECC_NIST_P256", "EncryptionContext": CONTEXT}
    )
    record = world.record()
    assert record["requestParameters"] == {
        "keyId": key["KeyId"],
        "keyPairSpec": "ECC_NIST_P256",
        "encryptionContext": CONTEXT,
    }
    assert record["additionalEventData"] == {"keyMaterialId": key["CurrentKeyMaterialId"]}
    assert record["responseElements"] is None

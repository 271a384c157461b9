"""GetPublicKey through the gate."""

from base64 import b64decode

import pytest

from harness.world import World

KEYS = [
    ("RSA_2048", "ENCRYPT_DECRYPT", "EncryptionAlgorithms", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]),
    ("ECC_NIST_P384", "SIGN_VERIFY", "SigningAlgorithms", ["ECDSA_SHA_384"]),
    ("ECC_NIST_P256", "KEY_AGREEMENT", "KeyAgreementAlgorithms", ["ECDH"]),
    ("ML_DSA_44", "SIGN_VERIFY", "SigningAlgorithms", ["ML_DSA_SHAKE_256"]),
    ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE", "EncapsulationAlgorithms", ["ML_KEM"]),
    ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY", "SigningAlgorithms", ["ED25519_SHA_512", "ED25519_PH_SHA_512"]),
]
SPKI_BYTES = {"ECC_NIST_EDWARDS25519": 44, "ML_DSA_44": 1334}


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(("spec", "usage", "member", "algorithms"), KEYS)
def test_the_answer(world: World, spec: str, usage: str, member: str, algorithms: list[str]) -> None:
    """SubjectPublicKeyInfo in DER, and the one list that fits the usage; the same each time."""
    key = world.make_key(KeySpec=spec, KeyUsage=usage)
    answer = world.call("GetPublicKey", {"KeyId": key["KeyId"]})
    public_key = b64decode(answer["PublicKey"])
    assert public_key[0] == 0x30
    assert len(public_key) == SPKI_BYTES.get(spec, len(public_key))
    assert answer == {
        "KeyId": key["Arn"],
        "PublicKey": answer["PublicKey"],
        "CustomerMasterKeySpec": spec,
        "KeySpec": spec,
        "KeyUsage": usage,
        member: algorithms,
    }
    assert world.call("GetPublicKey", {"KeyId": key["KeyId"]}) == answer


@pytest.mark.parametrize("parameters", [{}, {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}])
def test_keys_without_a_public_half(world: World, parameters: dict[str, str]) -> None:
    """Symmetric and HMAC keys."""
    key_id = world.make_key(**parameters)["KeyId"]
    assert world.refusal("GetPublicKey", {"KeyId": key_id})[0] == "UnsupportedOperationException"


def test_by_alias(world: World) -> None:
    """The names of keys are taken here; the record has what was named."""
    key = world.make_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    world.call("CreateAlias", {"AliasName": "alias/signer", "TargetKeyId": key["KeyId"]})
    assert world.call("GetPublicKey", {"KeyId": "alias/signer"})["KeyId"] == key["Arn"]
    assert world.record()["requestParameters"] == {"keyId": "alias/signer"}

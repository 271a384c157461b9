"""The other side of an import: whoever has key material, and wraps it for AWS KMS."""

import functools
import os
from base64 import b64decode, b64encode
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import load_der_public_key

from harness.world import World
from selfkms.crypto.rsa import RSAKeyPair
from selfkms.domain.kms.keys import KeySpec

OAEP_1: Final = "RSAES_OAEP_SHA_1"
OAEP_256: Final = "RSAES_OAEP_SHA_256"
KEY_WRAP_1: Final = "RSA_AES_KEY_WRAP_SHA_1"
KEY_WRAP_256: Final = "RSA_AES_KEY_WRAP_SHA_256"
WRAPPING_ALGORITHMS: Final = (OAEP_1, OAEP_256, KEY_WRAP_1, KEY_WRAP_256)
WRAPPING_KEY_SPECS: Final = ("RSA_2048", "RSA_3072", "RSA_4096")

TEXT: Final = b64encode(b"text").decode()
FIRST: Final = b"1" * 32
SECOND: Final = b"2" * 32

LASTING: Final = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}


# Bound before any test puts `one_pair` in its place.
_generate = RSAKeyPair.generate


@functools.cache
def one_pair(key_spec: KeySpec) -> RSAKeyPair:
    """The same key pair whenever one is asked for: to make another for each test would take minutes."""
    return _generate(key_spec)


def wrap(public_key: bytes, algorithm: str, material: bytes) -> bytes:
    """EncryptedKeyMaterial, as the KMS developer guide describes it for OpenSSL."""
    key = load_der_public_key(public_key)
    assert isinstance(key, rsa.RSAPublicKey)
    padding = _oaep(SHA1() if algorithm.endswith("SHA_1") else SHA256())
    if algorithm.startswith("RSAES"):
        return key.encrypt(material, padding)
    aes_key = os.urandom(32)
    return key.encrypt(aes_key, padding) + aes_key_wrap_with_padding(aes_key, material)


def _oaep(algorithm: HashAlgorithm) -> OAEP:
    return OAEP(mgf=MGF1(algorithm), algorithm=algorithm, label=None)


def parameters_for_import(world: World, key_id: str, material: bytes, algorithm: str = OAEP_256) -> dict[str, Any]:
    """What ImportKeyMaterial needs, but for the date of expiry."""
    answer = world.call(
        "GetParametersForImport",
        {"KeyId": key_id, "WrappingAlgorithm": algorithm, "WrappingKeySpec": "RSA_2048"},
    )
    wrapped = wrap(b64decode(answer["PublicKey"]), algorithm, material)
    return {
        "KeyId": key_id,
        "ImportToken": answer["ImportToken"],
        "EncryptedKeyMaterial": b64encode(wrapped).decode(),
    }


def import_into(
    world: World, key_id: str, material: bytes, *, algorithm: str = OAEP_256, **parameters: Any
) -> dict[str, Any]:
    """Import material that does not expire unless `ValidTo` is given."""
    expiry = {} if "ValidTo" in parameters else LASTING
    return world.call(
        "ImportKeyMaterial", {**parameters_for_import(world, key_id, material, algorithm), **expiry, **parameters}
    )


def empty_key(world: World, **parameters: Any) -> dict[str, Any]:
    """A key that waits for its first material."""
    return world.make_key(Origin="EXTERNAL", **parameters)


def full_key(world: World, **parameters: Any) -> dict[str, Any]:
    """A key whose material is FIRST."""
    key = empty_key(world, **parameters)
    import_into(world, key["KeyId"], FIRST)
    return key


def described(world: World, key_id: str) -> dict[str, Any]:
    """Its KeyMetadata."""
    metadata: dict[str, Any] = world.call("DescribeKey", {"KeyId": key_id})["KeyMetadata"]
    return metadata


def state_of(world: World, key_id: str) -> str:
    """Its key state."""
    state: str = described(world, key_id)["KeyState"]
    return state


def encrypted(world: World, key_id: str) -> str:
    """A blob that `opens` knows the plaintext of."""
    blob: str = world.call("Encrypt", {"KeyId": key_id, "Plaintext": TEXT})["CiphertextBlob"]
    return blob


def opens(world: World, blob: str) -> bool:
    """Whether it is what was encrypted."""
    return bool(world.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == TEXT)

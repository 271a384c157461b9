"""DeriveSharedSecret, Encapsulate and Decapsulate through the gate."""

from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from harness.world import World

CURVES = {"ECC_NIST_P256": ec.SECP256R1(), "ECC_NIST_P384": ec.SECP384R1(), "ECC_NIST_P521": ec.SECP521R1()}


@pytest.fixture
def world() -> World:
    return World()


def public(private: ec.EllipticCurvePrivateKey) -> str:
    return b64encode(private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def derive(key: dict[str, str], public_key: str) -> dict[str, str]:
    return {"KeyId": key["KeyId"], "KeyAgreementAlgorithm": "ECDH", "PublicKey": public_key}


@pytest.mark.parametrize("spec", CURVES)
def test_both_sides_have_the_same_secret(world: World, spec: str) -> None:
    """The raw x coordinate, as the other side computes it from the downloaded public key."""
    key = world.make_key(KeySpec=spec, KeyUsage="KEY_AGREEMENT")
    other = ec.generate_private_key(CURVES[spec])
    ours = load_der_public_key(b64decode(world.call("GetPublicKey", {"KeyId": key["KeyId"]})["PublicKey"]))
    assert isinstance(ours, ec.EllipticCurvePublicKey)
    assert world.call("DeriveSharedSecret", derive(key, public(other))) == {
        "KeyId": key["Arn"],
        "SharedSecret": b64encode(other.exchange(ec.ECDH(), ours)).decode(),
        "KeyAgreementAlgorithm": "ECDH",
        "KeyOrigin": "AWS_KMS",
    }


def test_a_public_key_that_is_none(world: World) -> None:
    """Another curve, no key, or bytes behind it: ValidationException without a text."""
    key = world.make_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    good = public(ec.generate_private_key(ec.SECP256R1()))
    longer = b64encode(b64decode(good) + b"\0").decode()
    for wrong in (public(ec.generate_private_key(ec.SECP384R1())), "AAAA", longer):
        assert world.refusal("DeriveSharedSecret", derive(key, wrong)) == ("ValidationException", None)


def test_attested_callers_are_refused(world: World) -> None:
    """The secret must not be given to the wrong side."""
    key = world.make_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    parameters = {**derive(key, "AAAA"), "Recipient": {"AttestationDocument": "AAAA"}}
    assert world.refusal("DeriveSharedSecret", parameters)[0] == "UnsupportedOperationException"


@pytest.mark.parametrize("spec", ["ML_KEM_768", "ML_KEM_1024"])
def test_what_was_encapsulated_is_decapsulated(world: World, spec: str) -> None:
    """32 bytes, the same on both sides; a changed blob gives others, one of another length is refused."""
    key = world.make_key(KeySpec=spec, KeyUsage="ENCAPSULATE_DECAPSULATE")
    common = {"KeyId": key["KeyId"], "EncapsulationAlgorithm": "ML_KEM"}
    made = world.call("Encapsulate", common)
    assert made.keys() == {"KeyId", "SharedSecret", "SharedSecretCiphertextBlob", "EncapsulationAlgorithm"}
    assert len(b64decode(made["SharedSecret"])) == 32
    blob = made["SharedSecretCiphertextBlob"]
    assert world.call("Decapsulate", {**common, "SharedSecretCiphertextBlob": blob}) == {
        "KeyId": key["Arn"],
        "SharedSecret": made["SharedSecret"],
        "EncapsulationAlgorithm": "ML_KEM",
    }
    raw = bytearray(b64decode(blob))
    raw[0] ^= 1
    changed = {**common, "SharedSecretCiphertextBlob": b64encode(raw).decode()}
    assert world.call("Decapsulate", changed)["SharedSecret"] != made["SharedSecret"]
    short = {**common, "SharedSecretCiphertextBlob": b64encode(raw[:-1]).decode()}
    assert world.refusal("Decapsulate", short) == ("InvalidCiphertextException", None)


def test_ml_kem_512_is_off(world: World) -> None:
    """Its implementation does not take constant time: refused unless the operator asked for it."""
    parameters = {"KeySpec": "ML_KEM_512", "KeyUsage": "ENCAPSULATE_DECAPSULATE"}
    assert world.refusal("CreateKey", parameters)[0] == "UnsupportedOperationException"


def test_records_hold_no_secret(world: World) -> None:
    """Key and algorithm alone."""
    key = world.make_key(KeySpec="ML_KEM_768", KeyUsage="ENCAPSULATE_DECAPSULATE")
    world.call("Encapsulate", {"KeyId": key["KeyId"], "EncapsulationAlgorithm": "ML_KEM"})
    assert world.record()["requestParameters"] == {"keyId": key["KeyId"], "encapsulationAlgorithm": "ML_KEM"}
    agreement = world.make_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    world.call("DeriveSharedSecret", derive(agreement, public(ec.generate_private_key(ec.SECP256R1()))))
    assert world.record()["requestParameters"] == {"keyId": agreement["KeyId"], "keyAgreementAlgorithm": "ECDH"}

"""DeriveSharedSecret, Encapsulate and Decapsulate through the gate."""

from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from harness.world import BOB_ACCOUNT, World

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
    """Another curve, another kind of key, none, or bytes behind it: ValidationException without a text."""
    key = world.make_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    good = public(ec.generate_private_key(ec.SECP256R1()))
    longer = b64encode(b64decode(good) + b"\0").decode()
    curves = [public(ec.generate_private_key(curve)) for curve in (ec.SECP384R1(), ec.SECP256K1())]
    signing = world.make_key(KeySpec="ECC_NIST_EDWARDS25519", KeyUsage="SIGN_VERIFY")["KeyId"]
    edwards = world.call("GetPublicKey", {"KeyId": signing})["PublicKey"]
    for wrong in (*curves, edwards, "AAAA", longer):
        assert world.refusal("DeriveSharedSecret", derive(key, wrong)) == ("ValidationException", None)


def test_a_point_that_would_give_the_key_away(world: World) -> None:
    """Off the curve, at infinity, in hybrid form, or with a curve of the stranger's own: ValidationException."""
    key = world.make_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    good = b64decode(public(ec.generate_private_key(ec.SECP256R1())))
    before, point = good[:-65], good[-65:]
    off_the_curve = before + point[:-1] + bytes([point[-1] ^ 1])
    hybrid = before + bytes([6 | point[-1] & 1]) + point[1:]
    # The lengths of SEQUENCE and BIT STRING are those of one byte of point, the encoding of infinity (SEC 1, 2.3.3).
    infinity = b"\x30\x19" + before[2:-3] + b"\x03\x02\x00\x00"
    zero = before + b"\x04" + bytes(64)
    for wrong in (off_the_curve, hybrid, infinity, zero, before + b"\x04" + b"\xff" * 64):
        parameters = derive(key, b64encode(wrong).decode())
        assert world.refusal("DeriveSharedSecret", parameters) == ("ValidationException", None)
    assert world.call("DeriveSharedSecret", derive(key, b64encode(good).decode()))


def test_a_compressed_point_is_the_same_key(world: World) -> None:
    """RFC 5480, 2.2: both forms are read, and give the same secret."""
    key = world.make_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    good = b64decode(public(ec.generate_private_key(ec.SECP256R1())))
    before, point = good[:-65], good[-65:]
    compressed = b"\x30\x39" + before[2:-3] + b"\x03\x22\x00" + bytes([2 | point[-1] & 1]) + point[1:33]
    answers = [world.call("DeriveSharedSecret", derive(key, b64encode(spki).decode())) for spki in (good, compressed)]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("operation", ["DeriveSharedSecret", "Encapsulate", "Decapsulate"])
def test_a_key_of_another_usage(world: World, operation: str) -> None:
    """Also one of the same curve: the usage is named, with the operation."""
    key = world.make_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    parameters = {
        "DeriveSharedSecret": derive(key, "AAAA"),
        "Encapsulate": {"KeyId": key["KeyId"], "EncapsulationAlgorithm": "ML_KEM"},
        "Decapsulate": {
            "KeyId": key["KeyId"],
            "EncapsulationAlgorithm": "ML_KEM",
            "SharedSecretCiphertextBlob": "AAAA",
        },
    }[operation]
    assert world.refusal(operation, parameters) == (
        "InvalidKeyUsageException",
        f"{key['Arn']} key usage is SIGN_VERIFY which is not valid for {operation}.",
    )


def test_a_dry_run(world: World) -> None:
    """Fails as the call would, or because it was one; another account is refused before."""
    agreement = world.make_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    kem = world.make_key(KeySpec="ML_KEM_768", KeyUsage="ENCAPSULATE_DECAPSULATE")
    good = public(ec.generate_private_key(ec.SECP256R1()))
    encapsulating = {"KeyId": kem["Arn"], "EncapsulationAlgorithm": "ML_KEM", "DryRun": True}
    dry = {**derive(agreement, good), "DryRun": True}
    assert world.refusal("DeriveSharedSecret", dry)[0] == "DryRunOperationException"
    assert world.refusal("DeriveSharedSecret", {**dry, "PublicKey": "AAAA"})[0] == "ValidationException"
    assert world.refusal("Encapsulate", encapsulating)[0] == "DryRunOperationException"
    assert world.refusal("Encapsulate", encapsulating, by=BOB_ACCOUNT)[0] == "AccessDeniedException"
    wrong = {**encapsulating, "SharedSecretCiphertextBlob": "AAAA"}
    assert world.refusal("Decapsulate", wrong)[0] == "InvalidCiphertextException"


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

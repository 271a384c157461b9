"""Sign and Verify through the gate."""

from base64 import b64decode, b64encode
from hashlib import sha256, sha512, shake_256

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import load_der_public_key

from harness.world import BOB_ACCOUNT, World
from selfkms.domain.kms.algorithms import SIGNING
from selfkms.domain.kms.keys import KeySpec

MESSAGE = b64encode(b"message").decode()
ML_DSA_44_PUBLIC_BYTES = 1312
CASES = [(spec, algorithm) for spec, algorithms in SIGNING.items() for algorithm in algorithms if spec != "RSA_4096"]


@pytest.fixture
def world() -> World:
    return World()


def signing_key(world: World, spec: str = "ECC_NIST_P256") -> dict[str, str]:
    key: dict[str, str] = world.make_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")
    return key


def a_message(algorithm: str) -> dict[str, str]:
    if algorithm == "ED25519_PH_SHA_512":
        return {"Message": b64encode(sha512(b"message").digest()).decode(), "MessageType": "DIGEST"}
    return {"Message": MESSAGE}


@pytest.mark.parametrize(("spec", "algorithm"), CASES)
def test_every_algorithm(world: World, spec: KeySpec, algorithm: str) -> None:
    """What Sign made Verify accepts; the answers name the key by its ARN, and SignatureValid is true."""
    key = signing_key(world, spec)
    parameters = {"KeyId": key["KeyId"], "SigningAlgorithm": algorithm, **a_message(algorithm)}
    signed = world.call("Sign", parameters)
    assert signed.keys() == {"KeyId", "Signature", "SigningAlgorithm"}
    assert (signed["KeyId"], signed["SigningAlgorithm"]) == (key["Arn"], algorithm)
    assert world.call("Verify", {**parameters, "Signature": signed["Signature"]}) == {
        "KeyId": key["Arn"],
        "SignatureValid": True,
        "SigningAlgorithm": algorithm,
    }


@pytest.mark.parametrize(("spec", "algorithm"), CASES)
def test_a_wrong_signature(world: World, spec: KeySpec, algorithm: str) -> None:
    """Of another message, another key, changed, cut, or nothing like it: one error without a message."""
    key, other = signing_key(world, spec), signing_key(world, spec)
    parameters = {"KeyId": key["KeyId"], "SigningAlgorithm": algorithm, **a_message(algorithm)}
    signature = b64decode(world.call("Sign", parameters)["Signature"])
    changed = bytearray(signature)
    changed[len(changed) // 2] ^= 1
    for wrong in (bytes(changed), signature[:-1], signature + b"\0", b"\0"):
        refusal = world.refusal("Verify", {**parameters, "Signature": b64encode(wrong).decode()})
        assert refusal == ("KMSInvalidSignatureException", None)
    good = b64encode(signature).decode()
    of_another_key = {**parameters, "KeyId": other["KeyId"], "Signature": good}
    assert world.refusal("Verify", of_another_key) == ("KMSInvalidSignatureException", None)


def test_a_digest_is_what_raw_hashes(world: World) -> None:
    """The signature of a digest is one of the message."""
    key = signing_key(world)
    common = {"KeyId": key["KeyId"], "SigningAlgorithm": "ECDSA_SHA_256"}
    digest = {"Message": b64encode(sha256(b"message").digest()).decode(), "MessageType": "DIGEST"}
    signature = world.call("Sign", {**common, **digest})["Signature"]
    assert world.call("Verify", {**common, "Message": MESSAGE, "Signature": signature})["SignatureValid"] is True


@pytest.mark.parametrize(
    ("spec", "algorithm", "message_type", "size", "refusal"),
    [
        (
            "ECC_NIST_P256",
            "ECDSA_SHA_256",
            "DIGEST",
            31,
            ("ValidationException", "Digest is invalid length for algorithm ECDSA_SHA_256."),
        ),
        (
            "ECC_NIST_P256",
            "ECDSA_SHA_384",
            "RAW",
            1,
            ("InvalidKeyUsageException", "Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256."),
        ),
        (
            "RSA_2048",
            "RSASSA_PSS_SHA_384",
            "DIGEST",
            32,
            ("ValidationException", "Digest is invalid length for algorithm RSASSA_PSS_SHA_384."),
        ),
        (
            "ECC_NIST_P256",
            "ECDSA_SHA_256",
            "EXTERNAL_MU",
            64,
            ("ValidationException", "Message type EXTERNAL_MU is incompatible with key spec ECC_NIST_P256."),
        ),
        (
            "ML_DSA_44",
            "ML_DSA_SHAKE_256",
            "EXTERNAL_MU",
            63,
            ("ValidationException", "Digest is invalid length for algorithm ML_DSA_SHAKE_256."),
        ),
        (
            "ECC_NIST_EDWARDS25519",
            "ED25519_SHA_512",
            "DIGEST",
            64,
            ("ValidationException", "Message type DIGEST is incompatible with algorithm ED25519_SHA_512."),
        ),
        (
            "ML_DSA_44",
            "ML_DSA_SHAKE_256",
            "DIGEST",
            64,
            ("ValidationException", "Message type DIGEST is incompatible with key spec ML_DSA_44."),
        ),
        (
            "ECC_NIST_EDWARDS25519",
            "ED25519_PH_SHA_512",
            "RAW",
            64,
            ("ValidationException", "Message type RAW is incompatible with algorithm ED25519_PH_SHA_512."),
        ),
    ],
)
@pytest.mark.parametrize("operation", ["Sign", "Verify"])
def test_what_does_not_go_together(
    world: World, operation: str, spec: str, algorithm: str, message_type: str, size: int, refusal: tuple[str, str]
) -> None:
    """Algorithm and key, message type and algorithm, digest and hash."""
    parameters = {
        "KeyId": signing_key(world, spec)["KeyId"],
        "SigningAlgorithm": algorithm,
        "MessageType": message_type,
        "Message": b64encode(bytes(size)).decode(),
        **({"Signature": "AA=="} if operation == "Verify" else {}),
    }
    assert world.refusal(operation, parameters) == refusal


@pytest.mark.parametrize(
    ("spec", "algorithm", "length"),
    [("ML_DSA_44", "ML_DSA_SHAKE_256", 2420), ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512", 64)],
)
def test_signatures_have_their_lengths(world: World, spec: str, algorithm: str, length: int) -> None:
    """FIPS 204, table 2; RFC 8032, 5.1.6."""
    parameters = {"KeyId": signing_key(world, spec)["KeyId"], "Message": MESSAGE, "SigningAlgorithm": algorithm}
    assert len(b64decode(world.call("Sign", parameters)["Signature"])) == length


def test_the_salt_of_pss_is_as_long_as_its_hash(world: World) -> None:
    """A verifier that asks for exactly that length accepts the signature."""
    key_id = signing_key(world, "RSA_2048")["KeyId"]
    public_key = load_der_public_key(b64decode(world.call("GetPublicKey", {"KeyId": key_id})["PublicKey"]))
    assert isinstance(public_key, RSAPublicKey)
    for algorithm in (SHA256(), SHA384(), SHA512()):
        name = f"RSASSA_PSS_SHA_{algorithm.digest_size * 8}"
        signed = world.call("Sign", {"KeyId": key_id, "Message": MESSAGE, "SigningAlgorithm": name})
        padding = PSS(mgf=MGF1(algorithm), salt_length=algorithm.digest_size)
        public_key.verify(b64decode(signed["Signature"]), b"message", padding, algorithm)


def test_an_external_mu_is_what_raw_computes(world: World) -> None:
    """FIPS 204, 6.2: mu = SHAKE256(SHAKE256(public key, 64) ‖ 0 ‖ 0 ‖ message, 64). Its signature is the message's."""
    key_id = signing_key(world, "ML_DSA_44")["KeyId"]
    public_key = b64decode(world.call("GetPublicKey", {"KeyId": key_id})["PublicKey"])[-ML_DSA_44_PUBLIC_BYTES:]
    mu = shake_256(shake_256(public_key).digest(64) + b"\0\0" + b"message").digest(64)
    common = {"KeyId": key_id, "SigningAlgorithm": "ML_DSA_SHAKE_256"}
    given = {"Message": b64encode(mu).decode(), "MessageType": "EXTERNAL_MU"}
    of_mu = world.call("Sign", {**common, **given})["Signature"]
    of_message = world.call("Sign", {**common, "Message": MESSAGE})["Signature"]
    assert world.call("Verify", {**common, "Message": MESSAGE, "Signature": of_mu})["SignatureValid"] is True
    assert world.call("Verify", {**common, **given, "Signature": of_message})["SignatureValid"] is True


def test_sizes(world: World) -> None:
    """A message of 4,096 bytes is signed, one of 4,097 is refused."""
    common = {"KeyId": signing_key(world)["KeyId"], "SigningAlgorithm": "ECDSA_SHA_256"}
    world.call("Sign", {**common, "Message": b64encode(bytes(4096)).decode()})
    code, text = world.refusal("Sign", {**common, "Message": b64encode(bytes(4097)).decode()})
    assert (code, text is not None and text.endswith("less than or equal to 4096")) == ("ValidationException", True)


def test_a_key_that_does_not_sign(world: World) -> None:
    """The usage is named, with the operation."""
    for usage, kind in (("ENCRYPT_DECRYPT", {}), ("KEY_AGREEMENT", {"KeySpec": "ECC_NIST_P256"})):
        key = world.make_key(KeyUsage=usage, **kind)
        parameters = {"KeyId": key["KeyId"], "Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"}
        for operation, more in (("Sign", {}), ("Verify", {"Signature": "AA=="})):
            assert world.refusal(operation, {**parameters, **more}) == (
                "InvalidKeyUsageException",
                f"{key['Arn']} key usage is {usage} which is not valid for {operation}.",
            )


def test_another_account_does_not_sign(world: World) -> None:
    """Without a word in the key policy."""
    key = signing_key(world)
    parameters = {"KeyId": key["Arn"], "Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"}
    assert world.refusal("Sign", parameters, by=BOB_ACCOUNT)[0] == "AccessDeniedException"


def test_the_record(world: World) -> None:
    """Key, algorithm and message type, RAW if none was given; neither message nor signature."""
    key = signing_key(world)
    world.call("Sign", {"KeyId": key["KeyId"], "Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"})
    record = world.record()
    assert record["requestParameters"] == {
        "keyId": key["KeyId"],
        "messageType": "RAW",
        "signingAlgorithm": "ECDSA_SHA_256",
    }
    assert record["responseElements"] is None


def test_a_dry_run(world: World) -> None:
    """It always fails: as the call would, or because it was one."""
    key = signing_key(world)
    parameters = {"KeyId": key["KeyId"], "Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256", "DryRun": True}
    assert world.refusal("Sign", parameters)[0] == "DryRunOperationException"
    assert world.refusal("Verify", {**parameters, "Signature": "AA=="})[0] == "KMSInvalidSignatureException"

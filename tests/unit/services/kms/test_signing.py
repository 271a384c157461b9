"""Sign and Verify through the gate."""

from base64 import b64decode, b64encode
from hashlib import sha256, sha512

import pytest

from harness.world import BOB_ACCOUNT, World
from selfkms.domain.kms.algorithms import SIGNING
from selfkms.domain.kms.keys import KeySpec

MESSAGE = b64encode(b"message").decode()
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


def test_sizes(world: World) -> None:
    """A message of 4,096 bytes is signed, one of 4,097 is refused."""
    common = {"KeyId": signing_key(world)["KeyId"], "SigningAlgorithm": "ECDSA_SHA_256"}
    world.call("Sign", {**common, "Message": b64encode(bytes(4096)).decode()})
    code, text = world.refusal("Sign", {**common, "Message": b64encode(bytes(4097)).decode()})
    assert (code, text is not None and text.endswith("less than or equal to 4096")) == ("ValidationException", True)


def test_a_key_that_does_not_sign(world: World) -> None:
    """The usage is named, with the operation."""
    key = world.make_key()
    parameters = {"KeyId": key["KeyId"], "Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"}
    assert world.refusal("Sign", parameters) == (
        "InvalidKeyUsageException",
        f"{key['Arn']} key usage is ENCRYPT_DECRYPT which is not valid for Sign.",
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

"""Imported key material over a socket: boto3 asks, `cryptography` and OpenSSL wrap."""

import os
import shutil
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from harness.calls import fields, make_key, refusal
from harness.canaries import Canaries, files_below, where
from harness.importer import KEY_WRAP_256, LASTING, OAEP_256, WRAPPING_ALGORITHMS, WRAPPING_KEY_SPECS, wrap
from harness.server import read_journal, running

SYMMETRIC: Final[dict[str, str]] = {}
HMACS: Final = {"HMAC_224": (28, 64), "HMAC_256": (32, 64), "HMAC_384": (48, 128), "HMAC_512": (64, 128)}
SIGNING: Final = {
    "RSA_2048": "RSASSA_PKCS1_V1_5_SHA_256",
    "ECC_NIST_P256": "ECDSA_SHA_256",
    "ECC_NIST_P384": "ECDSA_SHA_384",
    "ECC_NIST_P521": "ECDSA_SHA_512",
    "ECC_SECG_P256K1": "ECDSA_SHA_256",
    "ECC_NIST_EDWARDS25519": "ED25519_SHA_512",
}
CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "ECC_NIST_P256": ec.SECP256R1(),
    "ECC_NIST_P384": ec.SECP384R1(),
    "ECC_NIST_P521": ec.SECP521R1(),
    "ECC_SECG_P256K1": ec.SECP256K1(),
}
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def empty_key(kms: Any, **parameters: str) -> str:
    key_id: str = make_key(kms, Origin="EXTERNAL", **parameters)["KeyId"]
    return key_id


def wrapped(
    kms: Any, key_id: str, material: bytes, algorithm: str = OAEP_256, wrapping_key_spec: str = "RSA_2048"
) -> dict[str, Any]:
    """What ImportKeyMaterial needs, but for the date of expiry."""
    answer = kms.get_parameters_for_import(KeyId=key_id, WrappingAlgorithm=algorithm, WrappingKeySpec=wrapping_key_spec)
    encrypted = wrap(answer["PublicKey"], algorithm, material)
    return {"KeyId": key_id, "ImportToken": answer["ImportToken"], "EncryptedKeyMaterial": encrypted}


def new_private_key(key_spec: str) -> PrivateKey:
    if key_spec.startswith("RSA_"):
        return rsa.generate_private_key(65537, int(key_spec.removeprefix("RSA_")))
    if key_spec in CURVES:
        return ec.generate_private_key(CURVES[key_spec])
    return ed25519.Ed25519PrivateKey.generate()


def pkcs8(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("wrapping_key_spec", WRAPPING_KEY_SPECS)
@pytest.mark.parametrize("algorithm", WRAPPING_ALGORITHMS)
def test_symmetric_material(alice: Any, algorithm: str, wrapping_key_spec: str) -> None:
    """Every way of wrapping, under every wrapping key: the key works afterwards."""
    key_id = empty_key(alice)
    before = datetime.now(tz=UTC)
    parameters = alice.get_parameters_for_import(
        KeyId=key_id, WrappingAlgorithm=algorithm, WrappingKeySpec=wrapping_key_spec
    )
    assert fields(parameters).keys() == {"KeyId", "ImportToken", "PublicKey", "ParametersValidTo"}
    assert timedelta(hours=23) < parameters["ParametersValidTo"] - before < timedelta(days=400)
    answer = alice.import_key_material(
        KeyId=key_id,
        ImportToken=parameters["ImportToken"],
        EncryptedKeyMaterial=wrap(parameters["PublicKey"], algorithm, bytes(range(32))),
        **LASTING,
    )
    assert fields(answer).keys() == {"KeyId", "KeyMaterialId"}
    blob = alice.encrypt(KeyId=key_id, Plaintext=b"text")["CiphertextBlob"]
    opened = alice.decrypt(CiphertextBlob=blob)
    assert (opened["Plaintext"], opened["KeyMaterialId"]) == (b"text", answer["KeyMaterialId"])


@pytest.mark.parametrize("algorithm", [OAEP_256, KEY_WRAP_256])
@pytest.mark.parametrize("key_spec", HMACS)
def test_hmac_material(alice: Any, key_spec: str, algorithm: str) -> None:
    """The shortest and the longest material of each key spec; one byte less and one more are refused."""
    algorithm_of_mac = key_spec.replace("HMAC_", "HMAC_SHA_")
    shortest, longest = HMACS[key_spec]
    for length in (shortest, longest):
        key_id = empty_key(alice, KeySpec=key_spec, KeyUsage="GENERATE_VERIFY_MAC")
        answer = alice.import_key_material(**wrapped(alice, key_id, bytes(length), algorithm), **LASTING)
        assert fields(answer).keys() == {"KeyId"}
        mac = alice.generate_mac(KeyId=key_id, Message=b"message", MacAlgorithm=algorithm_of_mac)["Mac"]
        assert alice.verify_mac(KeyId=key_id, Message=b"message", MacAlgorithm=algorithm_of_mac, Mac=mac)["MacValid"]
    for length in (shortest - 1, longest + 1):
        key_id = empty_key(alice, KeySpec=key_spec, KeyUsage="GENERATE_VERIFY_MAC")
        parameters = wrapped(alice, key_id, bytes(length), algorithm) | LASTING
        assert refusal(alice.import_key_material, **parameters)[0] == "IncorrectKeyMaterialException"


@pytest.mark.parametrize("key_spec", SIGNING)
def test_private_keys(alice: Any, key_spec: str) -> None:
    """GetPublicKey gives the importer's public key, which verifies what is signed here."""
    key = new_private_key(key_spec)
    key_id = empty_key(alice, KeySpec=key_spec, KeyUsage="SIGN_VERIFY")
    alice.import_key_material(**wrapped(alice, key_id, pkcs8(key), KEY_WRAP_256), **LASTING)
    own = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert alice.get_public_key(KeyId=key_id)["PublicKey"] == own
    signed = alice.sign(KeyId=key_id, Message=b"message", SigningAlgorithm=SIGNING[key_spec])["Signature"]
    if isinstance(key, rsa.RSAPrivateKey):
        key.public_key().verify(signed, b"message", PKCS1v15(), SHA256())
    checked = alice.verify(KeyId=key_id, Message=b"message", SigningAlgorithm=SIGNING[key_spec], Signature=signed)
    assert checked["SignatureValid"]
    metadata = alice.describe_key(KeyId=key_id)["KeyMetadata"]
    assert metadata["ExpirationModel"] == "KEY_MATERIAL_DOES_NOT_EXPIRE"
    assert "CurrentKeyMaterialId" not in metadata


@pytest.mark.parametrize(
    ("key_spec", "wrapping_key_spec"),
    [("ECC_NIST_P256", "RSA_2048"), ("ECC_NIST_P384", "RSA_2048"), ("ECC_NIST_P521", "RSA_3072")],
)
def test_private_keys_wrapped_directly(alice: Any, key_spec: str, wrapping_key_spec: str) -> None:
    """As far as OAEP is long enough: a P-521 key needs a longer wrapping key."""
    key_id = empty_key(alice, KeySpec=key_spec, KeyUsage="KEY_AGREEMENT")
    ours, theirs = (ec.generate_private_key(CURVES[key_spec]) for _ in range(2))
    parameters = wrapped(alice, key_id, pkcs8(ours), OAEP_256, wrapping_key_spec)
    alice.import_key_material(**parameters, **LASTING)
    public = theirs.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    derived = alice.derive_shared_secret(KeyId=key_id, KeyAgreementAlgorithm="ECDH", PublicKey=public)
    assert derived["SharedSecret"] == theirs.exchange(ec.ECDH(), ours.public_key())
    assert derived["KeyOrigin"] == "EXTERNAL"


def test_rsa_for_encryption(alice: Any) -> None:
    """RSA_3072 under RSA_4096; what the importer's public key encrypts is decrypted here. OAEP takes no RSA key."""
    key = new_private_key("RSA_3072")
    key_id = empty_key(alice, KeySpec="RSA_3072", KeyUsage="ENCRYPT_DECRYPT")
    alice.import_key_material(**wrapped(alice, key_id, pkcs8(key), KEY_WRAP_256, "RSA_4096"), **LASTING)
    blob = alice.encrypt(KeyId=key_id, Plaintext=b"text", EncryptionAlgorithm=OAEP_256)["CiphertextBlob"]
    opened = alice.decrypt(KeyId=key_id, CiphertextBlob=blob, EncryptionAlgorithm=OAEP_256)
    assert opened["Plaintext"] == b"text"
    parameters = {"KeyId": key_id, "WrappingAlgorithm": OAEP_256, "WrappingKeySpec": "RSA_4096"}
    assert refusal(alice.get_parameters_for_import, **parameters)[0] == "UnsupportedOperationException"


def test_openssl_as_the_importer(alice: Any, tmp_path: Path) -> None:
    """The commands of the KMS developer guide, "Encrypt the key material": both ways of wrapping."""
    if shutil.which("openssl") is None:
        message = "needs the openssl command"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)

    def openssl(*arguments: str) -> None:
        done = subprocess.run(["openssl", *arguments], cwd=tmp_path, capture_output=True, check=False, timeout=30)
        assert done.returncode == 0, done.stderr

    def encrypt(source: str, to: str) -> None:
        oaep = ("rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256")
        options = [part for option in oaep for part in ("-pkeyopt", option)]
        key = ("-inkey", "public.der", "-keyform", "DER", "-pubin")
        openssl("pkeyutl", "-encrypt", "-in", source, "-out", to, *key, *options)

    for algorithm in (OAEP_256, KEY_WRAP_256):
        key_id = empty_key(alice)
        answer = alice.get_parameters_for_import(KeyId=key_id, WrappingAlgorithm=algorithm, WrappingKeySpec="RSA_3072")
        (tmp_path / "public.der").write_bytes(answer["PublicKey"])
        openssl("rand", "-out", "material", "32")
        if algorithm == OAEP_256:
            encrypt("material", "encrypted")
            encrypted = (tmp_path / "encrypted").read_bytes()
        else:
            openssl("rand", "-out", "aes-key", "32")
            key_hex = (tmp_path / "aes-key").read_bytes().hex()
            wrapping = ("-id-aes256-wrap-pad", "-K", key_hex, "-iv", "A65959A6")
            openssl("enc", *wrapping, "-in", "material", "-out", "material-wrapped")
            encrypt("aes-key", "aes-key-encrypted")
            encrypted = (tmp_path / "aes-key-encrypted").read_bytes() + (tmp_path / "material-wrapped").read_bytes()
        alice.import_key_material(
            KeyId=key_id, ImportToken=answer["ImportToken"], EncryptedKeyMaterial=encrypted, **LASTING
        )
        alice.encrypt(KeyId=key_id, Plaintext=b"text")


def test_tokens_of_another_key_and_altered_material(alice: Any) -> None:
    """Refused, each with its code; the right ones still work afterwards."""
    one, other = empty_key(alice), empty_key(alice)
    parameters = wrapped(alice, one, bytes(32)) | LASTING
    altered = parameters["EncryptedKeyMaterial"][:-1] + bytes([parameters["EncryptedKeyMaterial"][-1] ^ 1])
    assert refusal(alice.import_key_material, **parameters | {"KeyId": other})[0] == "InvalidImportTokenException"
    assert refusal(alice.import_key_material, **parameters | {"EncryptedKeyMaterial": altered})[0] == (
        "InvalidCiphertextException"
    )
    alice.import_key_material(**parameters)


def test_expiry_and_tokens_by_the_clock(data_dir: Path) -> None:
    """Material goes at its moment and comes back; a token is good for 24 hours. On disk is none of it afterwards."""
    with running(data_dir, "--workers", "2") as server, closing(server.client()) as kms:
        key_id = empty_key(kms)
        parameters = wrapped(kms, key_id, bytes(32))
        valid_to = datetime.now(tz=UTC) + timedelta(hours=2)
        kms.import_key_material(**parameters, ValidTo=valid_to)
        metadata = kms.describe_key(KeyId=key_id)["KeyMetadata"]
        assert metadata["ExpirationModel"] == "KEY_MATERIAL_EXPIRES"
        assert abs(metadata["ValidTo"] - valid_to) < timedelta(seconds=1)
        blob = kms.encrypt(KeyId=key_id, Plaintext=b"text")["CiphertextBlob"]
        server.move_clock(2 * 3_600)
        metadata = kms.describe_key(KeyId=key_id)["KeyMetadata"]
        assert (metadata["KeyState"], "ExpirationModel" in metadata) == ("PendingImport", False)
        text = f"{metadata['Arn']} is pending import."
        assert refusal(kms.decrypt, CiphertextBlob=blob) == ("KMSInvalidStateException", text)
        kms.import_key_material(**parameters, **LASTING)
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"text"
        server.move_clock(23 * 3_600)
        assert refusal(kms.import_key_material, **parameters, **LASTING)[0] == "ExpiredImportTokenException"
        assert server.stop() == 0
    names = [record["eventName"] for record in read_journal(data_dir)]
    assert names.count("DeleteExpiredKeyMaterial") == 1


def test_rotation_and_restart(data_dir: Path) -> None:
    """Several materials, one deleted, all of it there again after a SIGKILL."""
    blobs = []
    with running(data_dir) as server, closing(server.client()) as kms:
        key_id = empty_key(kms)
        for number in range(3):
            more = {"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialDescription": f"material {number}"}
            kms.import_key_material(**wrapped(kms, key_id, bytes([number]) * 32), **LASTING, **more)
            if number:
                kms.rotate_key_on_demand(KeyId=key_id)
            blobs.append(kms.encrypt(KeyId=key_id, Plaintext=b"text")["CiphertextBlob"])
        rotations = kms.list_key_rotations(KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
        assert [entry["KeyMaterialDescription"] for entry in rotations] == ["material 2", "material 1", "material 0"]
        kms.delete_imported_key_material(KeyId=key_id, KeyMaterialId=rotations[1]["KeyMaterialId"])
        server.kill()
    with running(data_dir) as server, closing(server.client()) as kms:
        for blob in blobs:
            assert refusal(kms.decrypt, CiphertextBlob=blob)[0] == "KMSInvalidStateException"
        kms.import_key_material(**wrapped(kms, key_id, b"\1" * 32), **LASTING)
        assert [kms.decrypt(CiphertextBlob=blob)["Plaintext"] for blob in blobs] == [b"text"] * 3


def test_material_is_never_on_disk(data_dir: Path) -> None:
    """In no file, in no form: neither while it is there nor when it is gone, and refused material neither."""
    canaries = Canaries(Random(time.time_ns()))
    with running(data_dir) as server, closing(server.client()) as kms:
        material = canaries.watch("material", os.urandom(32))
        refused = canaries.watch("refused", os.urandom(40))
        scalar = ec.generate_private_key(ec.SECP384R1())
        canaries.watch("private key", scalar.private_numbers().private_value.to_bytes(48, "big"))
        symmetric = empty_key(kms)
        signing = empty_key(kms, KeySpec="ECC_NIST_P384", KeyUsage="SIGN_VERIFY")
        kms.import_key_material(**wrapped(kms, symmetric, material), **LASTING)
        kms.import_key_material(**wrapped(kms, signing, pkcs8(scalar)), **LASTING)
        parameters = wrapped(kms, symmetric, refused) | LASTING
        assert refusal(kms.import_key_material, **parameters)[0] == "IncorrectKeyMaterialException"
        kms.encrypt(KeyId=symmetric, Plaintext=b"text")
        kms.sign(KeyId=signing, Message=b"message", SigningAlgorithm="ECDSA_SHA_384")
        assert where(canaries, files_below(data_dir), {}) == {}
        kms.delete_imported_key_material(KeyId=symmetric)
        assert where(canaries, files_below(data_dir), {}) == {}
        assert server.stop() == 0
    assert where(canaries, files_below(data_dir), {}) == {}
    assert read_journal(data_dir)

"""RSA signatures and encryption, with OpenSSL as the other side."""

import hashlib
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric import rsa as library
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key

from selfkms.crypto.ecc import CurveKeyPair
from selfkms.crypto.rsa import RSAKeyPair, RSAPublicKey
from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.algorithms import DIGEST_BYTES, ENCRYPTION, SIGNING, EncryptionAlgorithm, MessageType
from selfkms.domain.kms.algorithms import SigningAlgorithm as Signing
from selfkms.domain.kms.errors import InvalidCiphertextException, KMSInvalidSignatureException
from selfkms.domain.kms.keys import KeySpec
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from unit.crypto.conftest import OpenSSL

SPEC = KeySpec.RSA_2048
RAW, DIGEST = MessageType.RAW, MessageType.DIGEST
MESSAGE = b"attack at dawn"


@pytest.fixture(scope="session")
def public_key(rsa_2048: RSAKeyPair) -> RSAPublicKey:
    return RSAPublicKey.load(SPEC, rsa_2048.public_key())


def digest(algorithm: Signing) -> bytes:
    return hashlib.new(f"sha{DIGEST_BYTES[algorithm] * 8}", MESSAGE).digest()


def openssl_options(algorithm: Signing) -> list[str]:
    """How `openssl dgst` is told to use this algorithm; -1 is "as long as the hash"."""
    options = [f"-sha{DIGEST_BYTES[algorithm] * 8}"]
    if "PSS" in algorithm:
        options += ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:-1"]
    return options


@pytest.mark.parametrize("algorithm", SIGNING[SPEC])
def test_openssl_verifies_what_is_signed_here(
    openssl: OpenSSL, rsa_2048: RSAKeyPair, public_key: RSAPublicKey, algorithm: Signing
) -> None:
    """A message and its digest give signatures of one kind, for PSS with a salt as long as the hash."""
    for message, message_type in ((MESSAGE, RAW), (digest(algorithm), DIGEST)):
        signature = rsa_2048.sign(algorithm, message, message_type=message_type)
        files = {"key": rsa_2048.public_key(), "signature": signature, "message": MESSAGE}
        options = openssl_options(algorithm)
        openssl("dgst", *options, "-keyform", "DER", "-verify", "key", "-signature", "signature", "message", **files)
        public_key.verify(algorithm, MESSAGE, signature, message_type=RAW)
        public_key.verify(algorithm, digest(algorithm), signature, message_type=DIGEST)


@pytest.mark.parametrize("algorithm", SIGNING[SPEC])
def test_what_openssl_signs_verifies_here(
    openssl: OpenSSL, rsa_2048: RSAKeyPair, public_key: RSAPublicKey, algorithm: Signing
) -> None:
    """And with no other algorithm."""
    files = {"key": rsa_2048.pkcs8().open(SECRET_ACCESS), "message": MESSAGE}
    options = openssl_options(algorithm)
    signature = openssl("dgst", *options, "-keyform", "DER", "-sign", "key", "-out", "out", "message", **files)
    public_key.verify(algorithm, MESSAGE, signature, message_type=RAW)
    for other in SIGNING[SPEC]:
        if other is not algorithm:
            with pytest.raises(KMSInvalidSignatureException):
                public_key.verify(other, MESSAGE, signature, message_type=RAW)


@pytest.mark.parametrize("algorithm", [Signing.RSASSA_PSS_SHA_256, Signing.RSASSA_PKCS1_V1_5_SHA_256])
def test_no_changed_signature_verifies(rsa_2048: RSAKeyPair, public_key: RSAPublicKey, algorithm: Signing) -> None:
    """Each byte counts, and the length."""
    signature = rsa_2048.sign(algorithm, MESSAGE, message_type=RAW)
    changed = [signature[:n] + bytes([signature[n] ^ 1]) + signature[n + 1 :] for n in range(len(signature))]
    for tried in (*changed, signature[:-1], signature + b"\0", b"\0" + signature, b"", bytes(256), b"\xff" * 256):
        with pytest.raises(KMSInvalidSignatureException) as refusal:
            public_key.verify(algorithm, MESSAGE, tried, message_type=RAW)
        assert refusal.value.message is None


@pytest.mark.parametrize("salt_bytes", [0, 20, 31, 33, 222])
def test_a_pss_salt_of_another_length_does_not_verify(
    rsa_2048: RSAKeyPair, public_key: RSAPublicKey, salt_bytes: int
) -> None:
    """Only the length of the hash is a signature of AWS's algorithm."""
    key = load_der_private_key(rsa_2048.pkcs8().open(SECRET_ACCESS), None)
    assert isinstance(key, library.RSAPrivateKey)
    signature = key.sign(MESSAGE, padding.PSS(padding.MGF1(SHA256()), salt_bytes), SHA256())
    with pytest.raises(KMSInvalidSignatureException):
        public_key.verify(Signing.RSASSA_PSS_SHA_256, MESSAGE, signature, message_type=RAW)


@pytest.mark.parametrize("algorithm", ENCRYPTION[SPEC])
def test_openssl_and_we_decrypt_each_others_ciphertext(
    openssl: OpenSSL, rsa_2048: RSAKeyPair, public_key: RSAPublicKey, algorithm: EncryptionAlgorithm
) -> None:
    """OAEP with the same hash in MGF1 and an empty label, both ways."""
    name = "sha1" if algorithm is EncryptionAlgorithm.RSAES_OAEP_SHA_1 else "sha256"
    options = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", f"rsa_oaep_md:{name}"]
    options += ["-pkeyopt", f"rsa_mgf1_md:{name}", "-in", "in", "-out", "out", "-keyform", "DER", "-inkey", "key"]
    made = openssl("pkeyutl", "-encrypt", "-pubin", *options, key=rsa_2048.public_key(), **{"in": MESSAGE})
    assert rsa_2048.decrypt(algorithm, made).open(SECRET_ACCESS) == MESSAGE
    ours = public_key.encrypt(algorithm, Secret(MESSAGE))
    private = rsa_2048.pkcs8().open(SECRET_ACCESS)
    assert openssl("pkeyutl", "-decrypt", *options, key=private, **{"in": ours}) == MESSAGE


def test_no_changed_ciphertext_decrypts(rsa_2048: RSAKeyPair, public_key: RSAPublicKey) -> None:
    """One error without a message for a changed byte, another length, the other algorithm, and a number too large."""
    algorithm, other = EncryptionAlgorithm.RSAES_OAEP_SHA_256, EncryptionAlgorithm.RSAES_OAEP_SHA_1
    ciphertext = public_key.encrypt(algorithm, Secret(MESSAGE))
    changed = [ciphertext[:n] + bytes([ciphertext[n] ^ 1]) + ciphertext[n + 1 :] for n in range(0, 256, 5)]
    lengths = [b"", ciphertext[:-1], ciphertext + b"\0", b"\0" + ciphertext, bytes(256), b"\xff" * 256]
    for tried in (*changed, *lengths, public_key.encrypt(other, Secret(MESSAGE))):
        with pytest.raises(InvalidCiphertextException) as refusal:
            rsa_2048.decrypt(algorithm, tried)
        assert refusal.value.message is None
        assert refusal.value.__cause__ is None


@pytest.mark.parametrize(
    ("spec", "sha_1", "sha_256"),
    [(KeySpec.RSA_2048, 214, 190), (KeySpec.RSA_3072, 342, 318), (KeySpec.RSA_4096, 470, 446)],
)
def test_the_longest_plaintext_is_awss(spec: KeySpec, sha_1: int, sha_256: int) -> None:
    """One byte more is refused in AWS's words. Source: AWS KMS API Reference, "Encrypt"."""
    pair = RSAKeyPair.generate(spec)
    public_key = RSAPublicKey.load(spec, pair.public_key())
    for algorithm, longest in zip(ENCRYPTION[spec], (sha_1, sha_256), strict=True):
        for length in (0, 1, longest):
            ciphertext = public_key.encrypt(algorithm, Secret(b"x" * length))
            assert pair.decrypt(algorithm, ciphertext).open(SECRET_ACCESS) == b"x" * length
        text = f"Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {longest} bytes."
        with pytest.raises(ValidationException) as refusal:
            public_key.encrypt(algorithm, Secret(b"x" * (longest + 1)))
        assert refusal.value.message == text


def test_a_key_pair_is_loaded_as_it_was(rsa_2048: RSAKeyPair) -> None:
    """PKCS#8 and back."""
    loaded = RSAKeyPair.load(SPEC, rsa_2048.pkcs8())
    assert loaded.public_key() == rsa_2048.public_key()
    assert loaded.pkcs8().equals(rsa_2048.pkcs8())


def test_a_key_of_another_spec_is_not_loaded(rsa_2048: RSAKeyPair) -> None:
    """What stands in a record is what its key spec says: anything else is a fault of ours."""
    curve = CurveKeyPair(ec.generate_private_key(ec.SECP256R1()))
    for key in (rsa_2048, curve):
        with pytest.raises(AssertionError):
            RSAKeyPair.load(KeySpec.RSA_4096, key.pkcs8())
        with pytest.raises(AssertionError):
            RSAPublicKey.load(KeySpec.RSA_4096, key.public_key())


def test_a_key_pair_is_neither_shown_nor_pickled(rsa_2048: RSAKeyPair) -> None:
    """Its text form is its class and an address."""
    assert repr(rsa_2048).startswith("<selfkms.crypto.rsa.RSAKeyPair object at 0x")
    with pytest.raises(TypeError):
        pickle.dumps(rsa_2048)

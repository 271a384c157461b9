"""ML-DSA: RAW and EXTERNAL_MU are two ways to one signature."""

import hashlib
import pickle

import pytest

from selfkms.crypto.mldsa import MLDSAKeyPair, MLDSAPublicKey
from selfkms.domain.kms.algorithms import MessageType
from selfkms.domain.kms.errors import KMSInvalidSignatureException
from selfkms.domain.kms.keys import KeySpec
from selfkms.domain.secrets import SECRET_ACCESS, Secret

RAW, MU = MessageType.RAW, MessageType.EXTERNAL_MU
MESSAGE = b"attack at dawn"
SEED = Secret(bytes(range(32)))

# FIPS 204, table 2: public key and signature. A SubjectPublicKeyInfo is 22 bytes longer than the key.
SIZES = {KeySpec.ML_DSA_44: (1312, 2420), KeySpec.ML_DSA_65: (1952, 3309), KeySpec.ML_DSA_87: (2592, 4627)}
PAIRS = {key_spec: MLDSAKeyPair.from_seed(key_spec, SEED) for key_spec in SIZES}


def public(key_spec: KeySpec) -> MLDSAPublicKey:
    return MLDSAPublicKey.load(key_spec, PAIRS[key_spec].public_key())


def mu_of(key_spec: KeySpec, message: bytes) -> bytes:
    """FIPS 204, algorithm 2, line 10, and algorithm 7, line 6: pure, with an empty context."""
    key = PAIRS[key_spec].public_key()[22:]
    return hashlib.shake_256(hashlib.shake_256(key).digest(64) + b"\0\0" + message).digest(64)


@pytest.mark.parametrize("key_spec", SIZES)
def test_sizes(key_spec: KeySpec) -> None:
    """FIPS 204, table 2, and a private key that is its seed."""
    key_bytes, signature_bytes = SIZES[key_spec]
    pair = PAIRS[key_spec]
    assert len(pair.public_key()) == key_bytes + 22
    assert len(pair.sign(MESSAGE, message_type=RAW)) == signature_bytes
    assert len(pair.pkcs8()) == 54
    assert pair.pkcs8().open(SECRET_ACCESS).endswith(SEED.open(SECRET_ACCESS))


@pytest.mark.parametrize("key_spec", SIZES)
def test_a_message_and_its_mu_are_the_same(key_spec: KeySpec) -> None:
    """A mu that was computed outside, by FIPS 204's formula, verifies as the message and the other way round."""
    mu = mu_of(key_spec, MESSAGE)
    for signature in (
        PAIRS[key_spec].sign(MESSAGE, message_type=RAW),
        PAIRS[key_spec].sign(mu, message_type=MU),
    ):
        public(key_spec).verify(MESSAGE, signature, message_type=RAW)
        public(key_spec).verify(mu, signature, message_type=MU)
        with pytest.raises(KMSInvalidSignatureException):
            public(key_spec).verify(mu, signature, message_type=RAW)
        with pytest.raises(KMSInvalidSignatureException):
            public(key_spec).verify(mu_of(key_spec, b"another"), signature, message_type=MU)


def test_no_changed_signature_verifies() -> None:
    """Bytes of all parts of a signature, and the length."""
    spec = KeySpec.ML_DSA_44
    signature = PAIRS[spec].sign(MESSAGE, message_type=RAW)
    changed = [
        signature[:n] + bytes([signature[n] ^ 1]) + signature[n + 1 :] for n in (*range(0, 2420, 60), 2336, 2418, 2419)
    ]
    other = PAIRS[KeySpec.ML_DSA_65].sign(MESSAGE, message_type=RAW)
    for tried in (*changed, other, signature[:-1], signature + b"\0", b"", bytes(2420)):
        with pytest.raises(KMSInvalidSignatureException) as refusal:
            public(spec).verify(MESSAGE, tried, message_type=RAW)
        assert refusal.value.message is None
        with pytest.raises(KMSInvalidSignatureException):
            public(spec).verify(mu_of(spec, MESSAGE), tried, message_type=MU)


@pytest.mark.parametrize("key_spec", SIZES)
def test_a_key_pair_is_loaded_as_it_was(key_spec: KeySpec) -> None:
    """PKCS#8 and back, and nothing of another key spec."""
    pair = PAIRS[key_spec]
    assert MLDSAKeyPair.load(key_spec, pair.pkcs8()).public_key() == pair.public_key()
    other = next(each for each in SIZES if each is not key_spec)
    with pytest.raises(AssertionError):
        MLDSAKeyPair.load(other, pair.pkcs8())
    with pytest.raises(AssertionError):
        MLDSAPublicKey.load(other, pair.public_key())


def test_a_key_pair_is_neither_shown_nor_pickled() -> None:
    """Its text form is its class and an address."""
    pair = PAIRS[KeySpec.ML_DSA_44]
    assert repr(pair).startswith("<selfkms.crypto.mldsa.MLDSAKeyPair object at 0x")
    with pytest.raises(TypeError):
        pickle.dumps(pair)

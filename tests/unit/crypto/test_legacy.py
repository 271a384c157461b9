"""What AWS still asks for: that it is exactly that."""

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa as library
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_der_public_key

from selfkms.crypto.legacy import OAEP_SHA_1, SIGNATURE_PKCS1_V1_5
from selfkms.crypto.rsa import RSAKeyPair
from selfkms.domain.kms.algorithms import EncryptionAlgorithm
from selfkms.domain.kms.errors import InvalidCiphertextException
from selfkms.domain.secrets import SECRET_ACCESS


def test_pkcs1_v1_5_encryption_does_not_decrypt(rsa_2048: RSAKeyPair) -> None:
    """AWS KMS does not offer it, so nobody can ask us about its padding."""
    key = load_der_public_key(rsa_2048.public_key())
    assert isinstance(key, library.RSAPublicKey)
    ciphertext = key.encrypt(b"x", SIGNATURE_PKCS1_V1_5)
    for algorithm in (EncryptionAlgorithm.RSAES_OAEP_SHA_1, EncryptionAlgorithm.RSAES_OAEP_SHA_256):
        with pytest.raises(InvalidCiphertextException):
            rsa_2048.decrypt(algorithm, ciphertext)


def test_a_label_is_empty(rsa_2048: RSAKeyPair) -> None:
    """A ciphertext with a label is another algorithm."""
    key = load_der_public_key(rsa_2048.public_key())
    assert isinstance(key, library.RSAPublicKey)
    plain = key.encrypt(b"x", OAEP_SHA_1)
    assert rsa_2048.decrypt(EncryptionAlgorithm.RSAES_OAEP_SHA_1, plain).open(SECRET_ACCESS) == b"x"
    labelled = key.encrypt(b"x", padding.OAEP(mgf=padding.MGF1(SHA1()), algorithm=SHA1(), label=b"label"))
    with pytest.raises(InvalidCiphertextException):
        rsa_2048.decrypt(EncryptionAlgorithm.RSAES_OAEP_SHA_1, labelled)

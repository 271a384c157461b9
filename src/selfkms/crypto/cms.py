"""CMS EnvelopedData for one RSA key: AES-256-CBC under a key of its own, which RSAES-OAEP with SHA-256 encrypts.

It is laid out byte for byte as AWS KMS lays it out: BER with indefinite lengths outside, version 2, the recipient named
by a subjectKeyIdentifier of 32 bytes. The reader in the AWS Nitro Enclaves SDK takes hardly anything else.

CBC protects nothing against changes. The format has no place for a MAC; whoever opens it must have it from us over TLS.

Source: RFC 5652, 6 (EnvelopedData); RFC 4055, 4.1 (parameters of OAEP); RFC 3565, 4.1 (AES-CBC); X.690, 8.1.3.6
(indefinite lengths); aws/aws-nitro-enclaves-sdk-c, `source/cms.c`.
"""

import hashlib
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_der_public_key

from selfkms.domain.secrets import SECRET_ACCESS, Secret

CONTENT_KEY_BYTES: Final = 32
IV_BYTES: Final = 16

_KEY_BITS: Final = (2_048, 3_072, 4_096)
"""What the SDK makes; the first is its default."""
_NO_KEY: Final = "not an RSA key of 2048, 3072 or 4096 bits"
_EXPONENT_BITS_MAX: Final = 64
"""OpenSSL's, for a modulus of more than 3,072 bits. With a shorter one it would take more, and take its time."""
_USELESS_KEY: Final = "an RSA key that nothing can be encrypted for"
_RSA_OID_AT_THE_START: Final = bytes.fromhex("300d06092a864886f70d0101010500")
"""AlgorithmIdentifier of rsaEncryption (RFC 3279, 2.3.1), which follows one header of at most four bytes."""
_HEADER_BYTES_MAX: Final = 4

_OAEP: Final = OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None)
_BLOCK_BITS: Final = 128
_LONG_FORM: Final = 0x80

_SEQUENCE: Final = 0x30
_SET: Final = 0x31
_OCTETS: Final = 0x04
_KEY_IDENTIFIER: Final = 0x80
"""[0] of RecipientIdentifier, implicit."""
_INDEFINITE_SEQUENCE: Final = bytes.fromhex("3080")
_INDEFINITE_CONTENT: Final = bytes.fromhex("a080")
"""[0] of ContentInfo and of EncryptedContentInfo."""
_END_OF_CONTENTS: Final = bytes(2)
_VERSION_2: Final = bytes.fromhex("020102")
_ENVELOPED_DATA: Final = bytes.fromhex("06092a864886f70d010703")
_DATA: Final = bytes.fromhex("06092a864886f70d010701")
_AES_256_CBC: Final = bytes.fromhex("060960864801650304012a")
_OAEP_SHA_256: Final = bytes.fromhex(
    "303c06092a864886f70d010107"  # id-RSAES-OAEP
    "302fa00f300d06096086480165030402010500"  # hashAlgorithm: SHA-256
    "a11c301a06092a864886f70d010108300d06096086480165030402010500"  # maskGenAlgorithm: MGF1 with SHA-256
)


def check_recipient_key(spki: bytes) -> None:
    """Return if content keys can be encrypted for this public key.

    Raises:
        ValueError: it is not the SubjectPublicKeyInfo of an RSA key of 2,048, 3,072 or 4,096 bits, or of one that
            cannot be used. The message says which.
    """
    _load(spki)


def enveloped(plaintext: Secret, spki: bytes, *, content_key: Secret, iv: bytes) -> bytes:
    """The plaintext for the holder of a private key, in BER.

    Args:
        plaintext: of any length.
        spki: of the recipient, as `check_recipient_key` takes it.
        content_key: 32 random bytes that are used for this alone.
        iv: 16 random bytes.
    """
    encrypted_key = _load(spki).encrypt(content_key.open(SECRET_ACCESS), _OAEP)
    # RFC 7093, 2, method 4. The recipient has one key and needs not look.
    identifier = _der(_KEY_IDENTIFIER, hashlib.sha256(spki).digest())
    recipient = _der(_SEQUENCE, _VERSION_2, identifier, _OAEP_SHA_256, _der(_OCTETS, encrypted_key))
    content = (
        _INDEFINITE_SEQUENCE,
        _DATA,
        _der(_SEQUENCE, _AES_256_CBC, _der(_OCTETS, iv)),
        _INDEFINITE_CONTENT,
        _der(_OCTETS, _encrypt(plaintext, content_key, iv)),
        _END_OF_CONTENTS * 2,
    )
    return b"".join(
        (
            _INDEFINITE_SEQUENCE,
            _ENVELOPED_DATA,
            _INDEFINITE_CONTENT,
            _INDEFINITE_SEQUENCE,
            _VERSION_2,
            _der(_SET, recipient),
            *content,
            _END_OF_CONTENTS * 3,
        )
    )


def _load(spki: bytes) -> RSAPublicKey:
    # The library reads a dozen kinds of public key; strangers reach one of its readers.
    if _RSA_OID_AT_THE_START not in spki[: _HEADER_BYTES_MAX + len(_RSA_OID_AT_THE_START)]:
        raise ValueError(_NO_KEY)
    try:
        key = load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(_NO_KEY) from None
    if not isinstance(key, RSAPublicKey) or key.key_size not in _KEY_BITS:
        raise ValueError(_NO_KEY)
    numbers = key.public_numbers()
    # The library reads these, and fails when it is to encrypt.
    if numbers.n % 2 == 0 or numbers.e.bit_length() > _EXPONENT_BITS_MAX:
        raise ValueError(_USELESS_KEY)
    return key


def _encrypt(plaintext: Secret, key: Secret, iv: bytes) -> bytes:
    """AES-256-CBC; one to 16 bytes of padding, each of which says how many there are (RFC 5652, 6.3)."""
    padder = PKCS7(_BLOCK_BITS).padder()
    padded = padder.update(plaintext.open(SECRET_ACCESS)) + padder.finalize()
    encryptor = Cipher(AES256(key.open(SECRET_ACCESS)), CBC(iv)).encryptor()
    return encryptor.update(padded) + encryptor.finalize()


def _der(tag: int, *parts: bytes) -> bytes:
    """A value with its tag and length (X.690, 8.1.3)."""
    content = b"".join(parts)
    length = len(content)
    if length < _LONG_FORM:
        return bytes((tag, length)) + content
    digits = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG_FORM | len(digits))) + digits + content

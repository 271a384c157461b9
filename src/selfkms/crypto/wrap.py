"""Unwrapping what an importer encrypted for one of our wrapping keys.

RSAES_OAEP_SHA_1 and RSAES_OAEP_SHA_256 encrypt the material itself. RSA_AES_KEY_WRAP_SHA_1 and RSA_AES_KEY_WRAP_SHA_256
encrypt a one-time AES key so, and the material with that key: both parts stand behind each other.

Source: RFC 8017, 7.1 (OAEP); RFC 5649 (AES key wrap with padding); PKCS #11 v3.0, 2.1.21 (CKM_RSA_AES_KEY_WRAP); KMS
developer guide, "Encrypt the key material".
"""

from typing import Final

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding

from selfkms.crypto.rsa import RSAKeyPair
from selfkms.domain.kms.algorithms import EncryptionAlgorithm
from selfkms.domain.kms.errors import InvalidCiphertextException
from selfkms.domain.kms.imported_material import WrappingAlgorithm
from selfkms.domain.secrets import SECRET_ACCESS, Secret

_DIRECT: Final = {
    WrappingAlgorithm.RSAES_OAEP_SHA_1: EncryptionAlgorithm.RSAES_OAEP_SHA_1,
    WrappingAlgorithm.RSAES_OAEP_SHA_256: EncryptionAlgorithm.RSAES_OAEP_SHA_256,
}
_KEY_WRAP: Final = {
    WrappingAlgorithm.RSA_AES_KEY_WRAP_SHA_1: EncryptionAlgorithm.RSAES_OAEP_SHA_1,
    WrappingAlgorithm.RSA_AES_KEY_WRAP_SHA_256: EncryptionAlgorithm.RSAES_OAEP_SHA_256,
}
_AES_KEY_BYTES: Final = 32
"""KMS developer guide, "Encrypt the key material": a 256-bit AES key."""


def unwrap(wrapping_key: RSAKeyPair, algorithm: WrappingAlgorithm, encrypted: bytes) -> Secret:
    """The key material; of what kind it is nobody has looked at yet.

    Raises:
        InvalidCiphertextException: it does not unwrap. One error for every cause, without a message: the padding, the
            length and the integrity of the wrapped part are not told apart (RFC 8017, 7.1.2, note).
    """
    if algorithm in _DIRECT:
        return wrapping_key.decrypt(_DIRECT[algorithm], encrypted)
    aes_key = wrapping_key.decrypt(_KEY_WRAP[algorithm], encrypted[: wrapping_key.modulus_bytes])
    if len(aes_key) != _AES_KEY_BYTES:
        raise InvalidCiphertextException
    try:
        wrapped = encrypted[wrapping_key.modulus_bytes :]
        return Secret(aes_key_unwrap_with_padding(aes_key.open(SECRET_ACCESS), wrapped))
    except (InvalidUnwrap, ValueError):
        raise InvalidCiphertextException from None

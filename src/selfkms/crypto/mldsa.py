"""ML-DSA: signatures that a quantum computer does not forge.

A RAW message is signed with an empty context string. EXTERNAL_MU is the 64-byte representative that the signer would
otherwise compute of public key and message: mu = H(H(pk, 64) ‖ 0 ‖ 0 ‖ message, 64) with H = SHAKE256, for an empty
context. Signatures made in one way verify in the other.

Source: FIPS 204, 5.2 (algorithm 2), 6.2 (algorithm 7, line 6, comment); RFC 9881 (PKCS#8 and SubjectPublicKeyInfo).
"""

from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA44PrivateKey,
    MLDSA44PublicKey,
    MLDSA65PrivateKey,
    MLDSA65PublicKey,
    MLDSA87PrivateKey,
    MLDSA87PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from selfkms.domain.kms.algorithms import MessageType
from selfkms.domain.kms.errors import KMSInvalidSignatureException
from selfkms.domain.kms.keys import KeySpec
from selfkms.domain.secrets import SECRET_ACCESS, Secret

SEED_BYTES: Final = 32
"""FIPS 204, 5.1: xi."""

_PrivateKey = MLDSA44PrivateKey | MLDSA65PrivateKey | MLDSA87PrivateKey
_PublicKey = MLDSA44PublicKey | MLDSA65PublicKey | MLDSA87PublicKey

_PRIVATE: Final[dict[KeySpec, type[_PrivateKey]]] = {
    KeySpec.ML_DSA_44: MLDSA44PrivateKey,
    KeySpec.ML_DSA_65: MLDSA65PrivateKey,
    KeySpec.ML_DSA_87: MLDSA87PrivateKey,
}
_PUBLIC: Final[dict[KeySpec, type[_PublicKey]]] = {
    KeySpec.ML_DSA_44: MLDSA44PublicKey,
    KeySpec.ML_DSA_65: MLDSA65PublicKey,
    KeySpec.ML_DSA_87: MLDSA87PublicKey,
}


class MLDSAKeyPair:
    """A private ML-DSA key, ready to work."""

    __slots__ = ("_key",)

    def __init__(self, key: _PrivateKey) -> None:
        self._key = key

    @classmethod
    def from_seed(cls, key_spec: KeySpec, seed: Secret) -> Self:
        """The key pair of these 32 random bytes (FIPS 204, algorithm 6)."""
        return cls(_PRIVATE[key_spec].from_seed_bytes(seed.open(SECRET_ACCESS)))

    @classmethod
    def load(cls, key_spec: KeySpec, pkcs8: Secret) -> Self:
        """From PKCS#8 in DER that this program made and authenticated."""
        key = load_der_private_key(pkcs8.open(SECRET_ACCESS), None)
        assert isinstance(key, _PrivateKey)
        assert isinstance(key, _PRIVATE[key_spec])
        return cls(key)

    def pkcs8(self) -> Secret:
        """PrivateKeyInfo in DER, as a seed: 54 bytes (RFC 9881, 6)."""
        return Secret(self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))

    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo in DER (RFC 9881, 4)."""
        return self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes, *, message_type: MessageType) -> bytes:
        """2,420, 3,309 or 4,627 bytes, another one each time. A mu has 64 bytes: the caller has checked that."""
        if message_type is MessageType.EXTERNAL_MU:
            return self._key.sign_mu(message)
        return self._key.sign(message)


class MLDSAPublicKey:
    """A public ML-DSA key, ready to work."""

    __slots__ = ("_key",)

    def __init__(self, key: _PublicKey) -> None:
        self._key = key

    @classmethod
    def load(cls, key_spec: KeySpec, spki: bytes) -> Self:
        """From SubjectPublicKeyInfo in DER that this program made."""
        key = load_der_public_key(spki)
        assert isinstance(key, _PublicKey)
        assert isinstance(key, _PUBLIC[key_spec])
        return cls(key)

    def verify(self, message: bytes, signature: bytes, *, message_type: MessageType) -> None:
        """Return if the signature is this key's for this message.

        Raises:
            KMSInvalidSignatureException: it is not.
        """
        try:
            if message_type is MessageType.EXTERNAL_MU:
                self._key.verify_mu(signature, message)
            else:
                self._key.verify(signature, message)
        except InvalidSignature:
            raise KMSInvalidSignatureException from None

"""Ed25519, pure and with a prehash.

AWS's two signing algorithms are two signature schemes that do not verify each other:

* ED25519_SHA_512 is Ed25519 of the message (RFC 8032, 5.1, with PH(x) = x and no dom2).
* ED25519_PH_SHA_512 is Ed25519ph of the bytes given (PH(x) = SHA-512(x), dom2 with flag 1 and an empty context). AWS
  takes them as MessageType DIGEST, so they are a SHA-512 digest, and hashes that digest again: once by the caller and
  once here. Whoever verifies elsewhere gives the digest as the message of Ed25519ph, not as its prehash.

Ed25519ph comes from libsodium by way of PyNaCl: `cryptography` has the pure form only.

Source: RFC 8032, 5.1; FIPS 186-5, 7.8.1; AWS KMS API Reference, "Sign", parameter MessageType.
"""

from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from nacl.bindings import (
    crypto_sign_BYTES,
    crypto_sign_ed25519ph_final_create,
    crypto_sign_ed25519ph_final_verify,
    crypto_sign_ed25519ph_state,
    crypto_sign_ed25519ph_update,
)
from nacl.exceptions import BadSignatureError

from selfkms.domain.kms.algorithms import SigningAlgorithm
from selfkms.domain.kms.errors import KMSInvalidSignatureException
from selfkms.domain.secrets import SECRET_ACCESS, Secret

SEED_BYTES: Final = 32
"""RFC 8032, 5.1.5: the private key is 32 random bytes."""


class EdwardsKeyPair:
    """A private Ed25519 key, ready to work."""

    __slots__ = ("_key",)

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def from_seed(cls, seed: Secret) -> Self:
        """The private key that is these 32 random bytes."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed.open(SECRET_ACCESS)))

    @classmethod
    def load(cls, pkcs8: Secret) -> Self:
        """From PKCS#8 in DER that this program made and authenticated."""
        key = load_der_private_key(pkcs8.open(SECRET_ACCESS), None)
        assert isinstance(key, Ed25519PrivateKey)
        return cls(key)

    def pkcs8(self) -> Secret:
        """PrivateKeyInfo in DER (RFC 8410, 7)."""
        return Secret(self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))

    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo in DER, 44 bytes (RFC 8410, 4)."""
        return self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, algorithm: SigningAlgorithm, message: bytes) -> bytes:
        """64 bytes, always the same for the same message."""
        if algorithm is SigningAlgorithm.ED25519_SHA_512:
            return self._key.sign(message)
        # libsodium's form of a private key: the seed, then the public key.
        whole = self._key.private_bytes_raw() + self._key.public_key().public_bytes_raw()
        return crypto_sign_ed25519ph_final_create(_prehash(message), whole)


class EdwardsPublicKey:
    """A public Ed25519 key, ready to work."""

    __slots__ = ("_key",)

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    @classmethod
    def load(cls, spki: bytes) -> Self:
        """From SubjectPublicKeyInfo in DER that this program made."""
        key = load_der_public_key(spki)
        assert isinstance(key, Ed25519PublicKey)
        return cls(key)

    def verify(self, algorithm: SigningAlgorithm, message: bytes, signature: bytes) -> None:
        """Return if the signature is this key's for this message.

        Raises:
            KMSInvalidSignatureException: it is not, or it is one of the other algorithm.
        """
        if len(signature) != crypto_sign_BYTES:
            raise KMSInvalidSignatureException
        try:
            if algorithm is SigningAlgorithm.ED25519_SHA_512:
                self._key.verify(signature, message)
            else:
                crypto_sign_ed25519ph_final_verify(_prehash(message), signature, self._key.public_bytes_raw())
        except (InvalidSignature, BadSignatureError):
            raise KMSInvalidSignatureException from None


def _prehash(message: bytes) -> crypto_sign_ed25519ph_state:
    """PH(message), inside libsodium."""
    state = crypto_sign_ed25519ph_state()
    crypto_sign_ed25519ph_update(state, message)
    return state

"""RSA: signatures (PSS, PKCS#1 v1.5) and encryption (OAEP) with one kind of key.

Source: RFC 8017, 7.1 (OAEP), 8.1 (PSS), 8.2 (PKCS#1 v1.5); AWS KMS developer guide, "Key spec reference".
"""

from typing import Final, NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from selfkms.crypto.legacy import OAEP_SHA_1, SIGNATURE_PKCS1_V1_5
from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.algorithms import EncryptionAlgorithm, MessageType, SigningAlgorithm
from selfkms.domain.kms.errors import InvalidCiphertextException, KMSInvalidSignatureException
from selfkms.domain.kms.keys import KeySpec
from selfkms.domain.secrets import SECRET_ACCESS, Secret

BITS: Final = {KeySpec.RSA_2048: 2048, KeySpec.RSA_3072: 3072, KeySpec.RSA_4096: 4096}
"""The length of the modulus."""

_PUBLIC_EXPONENT: Final = 65537


class _Signing(NamedTuple):
    """How a signing algorithm pads and hashes."""

    padding: PSS | PKCS1v15
    hash: HashAlgorithm


def _pss(algorithm: HashAlgorithm) -> _Signing:
    # The salt is as long as the hash, and a verifier asks for exactly that: AWS KMS makes no other.
    return _Signing(PSS(mgf=MGF1(algorithm), salt_length=algorithm.digest_size), algorithm)


_SIGNING: Final = {
    SigningAlgorithm.RSASSA_PSS_SHA_256: _pss(SHA256()),
    SigningAlgorithm.RSASSA_PSS_SHA_384: _pss(SHA384()),
    SigningAlgorithm.RSASSA_PSS_SHA_512: _pss(SHA512()),
    SigningAlgorithm.RSASSA_PKCS1_V1_5_SHA_256: _Signing(SIGNATURE_PKCS1_V1_5, SHA256()),
    SigningAlgorithm.RSASSA_PKCS1_V1_5_SHA_384: _Signing(SIGNATURE_PKCS1_V1_5, SHA384()),
    SigningAlgorithm.RSASSA_PKCS1_V1_5_SHA_512: _Signing(SIGNATURE_PKCS1_V1_5, SHA512()),
}

_ENCRYPTION: Final = {
    EncryptionAlgorithm.RSAES_OAEP_SHA_1: OAEP_SHA_1,
    EncryptionAlgorithm.RSAES_OAEP_SHA_256: OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None),
}
_HASH_BYTES: Final = {EncryptionAlgorithm.RSAES_OAEP_SHA_1: 20, EncryptionAlgorithm.RSAES_OAEP_SHA_256: 32}


class RSAKeyPair:
    """A private RSA key, ready to work."""

    __slots__ = ("_key",)

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key

    @classmethod
    def generate(cls, key_spec: KeySpec) -> Self:
        """A new one: 50 ms for 2048 bits, 350 ms for 4096, and ten times that with bad luck."""
        return cls(rsa.generate_private_key(_PUBLIC_EXPONENT, BITS[key_spec]))

    @classmethod
    def load(cls, key_spec: KeySpec, pkcs8: Secret) -> Self:
        """From PKCS#8 in DER that this program made and authenticated."""
        # The consistency check of a private key takes 35 to 250 ms and holds up every thread. It guards against keys
        # from strangers; ours come out of an envelope that opens for nothing else than what was put in.
        key = load_der_private_key(pkcs8.open(SECRET_ACCESS), None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(key, rsa.RSAPrivateKey)
        assert key.key_size == BITS[key_spec]
        return cls(key)

    @property
    def modulus_bytes(self) -> int:
        """How long the modulus is, and with it a ciphertext: 256, 384 or 512."""
        return self._key.key_size // 8

    def pkcs8(self) -> Secret:
        """PrivateKeyInfo in DER (RFC 5958)."""
        return Secret(self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))

    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo in DER (RFC 5280, 4.1)."""
        return self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def public_key_pkcs1(self) -> bytes:
        """RSAPublicKey in DER (RFC 8017, A.1.1): the key without the name of its algorithm."""
        return self._key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)

    def sign(self, algorithm: SigningAlgorithm, message: bytes, *, message_type: MessageType) -> bytes:
        """As long as the modulus. A digest is as long as the algorithm's hash: the caller has checked that."""
        padding, hash_of_message = _SIGNING[algorithm]
        return self._key.sign(message, padding, _hash_to_apply(hash_of_message, message_type))

    def decrypt(self, algorithm: EncryptionAlgorithm, ciphertext: bytes) -> Secret:
        """The plaintext.

        Raises:
            InvalidCiphertextException: not encrypted for this key with this algorithm. One error for every cause:
                telling them apart would open the plaintext to whoever may ask often (RFC 8017, 7.1.2, note).
        """
        try:
            return Secret(self._key.decrypt(ciphertext, _ENCRYPTION[algorithm]))
        except ValueError:
            raise InvalidCiphertextException from None


class RSAPublicKey:
    """A public RSA key, ready to work."""

    __slots__ = ("_key", "_key_spec")

    def __init__(self, key_spec: KeySpec, key: rsa.RSAPublicKey) -> None:
        self._key_spec = key_spec
        self._key = key

    @classmethod
    def load(cls, key_spec: KeySpec, spki: bytes) -> Self:
        """From SubjectPublicKeyInfo or RSAPublicKey (RFC 8017, A.1.1) in DER that this program made."""
        key = load_der_public_key(spki)
        assert isinstance(key, rsa.RSAPublicKey)
        assert key.key_size == BITS[key_spec]
        return cls(key_spec, key)

    def verify(
        self, algorithm: SigningAlgorithm, message: bytes, signature: bytes, *, message_type: MessageType
    ) -> None:
        """Return if the signature is this key's for this message.

        Raises:
            KMSInvalidSignatureException: it is not; for PSS also if its salt has another length than the hash.
        """
        padding, hash_of_message = _SIGNING[algorithm]
        try:
            self._key.verify(signature, message, padding, _hash_to_apply(hash_of_message, message_type))
        except InvalidSignature:
            raise KMSInvalidSignatureException from None

    def encrypt(self, algorithm: EncryptionAlgorithm, plaintext: Secret) -> bytes:
        """The ciphertext, as long as the modulus.

        Raises:
            ValidationException: the plaintext is longer than RFC 8017, 7.1.1, step 1b allows.
        """
        longest = BITS[self._key_spec] // 8 - 2 * _HASH_BYTES[algorithm] - 2
        if len(plaintext) > longest:
            raise ValidationException(
                f"Algorithm {algorithm} and key spec {self._key_spec} cannot encrypt data larger than {longest} bytes."
            )
        return self._key.encrypt(plaintext.open(SECRET_ACCESS), _ENCRYPTION[algorithm])


def _hash_to_apply(algorithm: HashAlgorithm, message_type: MessageType) -> HashAlgorithm | Prehashed:
    """The hash of a RAW message, or the name of the one that was applied to it already."""
    return Prehashed(algorithm) if message_type is MessageType.DIGEST else algorithm

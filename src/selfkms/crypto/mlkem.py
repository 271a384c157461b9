"""ML-KEM: a shared secret by way of a public key, safe from quantum computers.

ML-KEM-768 and ML-KEM-1024 are the library's. ML-KEM-512 it does not have; that one is kyber-py's, which is written in
Python and takes a time that depends on secrets (`docs/decisions/0006-ml-kem-512.md`). Whether that may be is decided
by who uses these classes.

Source: FIPS 203; RFC 9935 (PKCS#8 as a seed, SubjectPublicKeyInfo).
"""

from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
    MLKEM1024PrivateKey,
    MLKEM1024PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from kyber_py.ml_kem import ML_KEM_512  # type: ignore[import-untyped]  # has annotations, but no py.typed

from selfkms.domain.kms.errors import InvalidCiphertextException
from selfkms.domain.kms.keys import KeySpec
from selfkms.domain.secrets import SECRET_ACCESS, Secret

SEED_BYTES: Final = 64
"""FIPS 203, 7.1: d, then z."""

ENCAPSULATION_BYTES: Final = {KeySpec.ML_KEM_512: 768, KeySpec.ML_KEM_768: 1088, KeySpec.ML_KEM_1024: 1568}
"""FIPS 203, table 3: the length of a ciphertext."""

_PRIVATE: Final[dict[KeySpec, type[MLKEM768PrivateKey | MLKEM1024PrivateKey]]] = {
    KeySpec.ML_KEM_768: MLKEM768PrivateKey,
    KeySpec.ML_KEM_1024: MLKEM1024PrivateKey,
}
_PUBLIC: Final[dict[KeySpec, type[MLKEM768PublicKey | MLKEM1024PublicKey]]] = {
    KeySpec.ML_KEM_768: MLKEM768PublicKey,
    KeySpec.ML_KEM_1024: MLKEM1024PublicKey,
}

# What the library writes in front of a seed and of a public key, with the OID 2.16.840.1.101.3.4.4.1 (RFC 9935, 3)
# and the lengths of ML-KEM-512. Everything has a fixed length, so there is nothing to parse.
_PKCS8_FRONT: Final = bytes.fromhex("3054020100300b060960864801650304040104428040")
_SPKI_FRONT: Final = bytes.fromhex("30820332300b06096086480165030404010382032100")


class MLKEMKeyPair:
    """A private ML-KEM-768 or ML-KEM-1024 key, ready to work."""

    __slots__ = ("_key", "_key_spec")

    def __init__(self, key_spec: KeySpec, key: MLKEM768PrivateKey | MLKEM1024PrivateKey) -> None:
        self._key_spec = key_spec
        self._key = key

    @classmethod
    def from_seed(cls, key_spec: KeySpec, seed: Secret) -> Self:
        """The key pair of these 64 random bytes (FIPS 203, algorithm 16)."""
        return cls(key_spec, _PRIVATE[key_spec].from_seed_bytes(seed.open(SECRET_ACCESS)))

    @classmethod
    def load(cls, key_spec: KeySpec, pkcs8: Secret) -> Self:
        """From PKCS#8 in DER that this program made and authenticated."""
        key = load_der_private_key(pkcs8.open(SECRET_ACCESS), None)
        assert isinstance(key, MLKEM768PrivateKey | MLKEM1024PrivateKey)
        assert isinstance(key, _PRIVATE[key_spec])
        return cls(key_spec, key)

    def pkcs8(self) -> Secret:
        """PrivateKeyInfo in DER, as a seed: 86 bytes (RFC 9935, 6)."""
        return Secret(self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))

    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo in DER (RFC 9935, 4)."""
        return self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def decapsulate(self, encapsulation: bytes) -> Secret:
        """The shared secret, 32 bytes. An altered encapsulation gives another one (FIPS 203, 6.3, implicit rejection).

        Raises:
            InvalidCiphertextException: of another length than this key spec has.
        """
        if len(encapsulation) != ENCAPSULATION_BYTES[self._key_spec]:
            raise InvalidCiphertextException
        return Secret(self._key.decapsulate(encapsulation))


class MLKEMPublicKey:
    """A public ML-KEM-768 or ML-KEM-1024 key, ready to work."""

    __slots__ = ("_key",)

    def __init__(self, key: MLKEM768PublicKey | MLKEM1024PublicKey) -> None:
        self._key = key

    @classmethod
    def load(cls, key_spec: KeySpec, spki: bytes) -> Self:
        """From SubjectPublicKeyInfo in DER that this program made."""
        key = load_der_public_key(spki)
        assert isinstance(key, MLKEM768PublicKey | MLKEM1024PublicKey)
        assert isinstance(key, _PUBLIC[key_spec])
        return cls(key)

    def encapsulate(self) -> tuple[Secret, bytes]:
        """A new shared secret of 32 bytes, and its encapsulation."""
        shared_secret, encapsulation = self._key.encapsulate()
        return Secret(shared_secret), encapsulation


class MLKEM512KeyPair:
    """A private ML-KEM-512 key. Everything that it does takes a time that depends on it."""

    __slots__ = ("_decapsulation_key", "_encapsulation_key", "_seed")

    def __init__(self, seed: Secret) -> None:
        self._seed = seed
        encapsulation_key, decapsulation_key = ML_KEM_512.key_derive(seed.open(SECRET_ACCESS))
        self._encapsulation_key: bytes = encapsulation_key
        self._decapsulation_key = Secret(decapsulation_key)

    @classmethod
    def load(cls, pkcs8: Secret) -> Self:
        """From PKCS#8 in DER that this program made and authenticated."""
        opened = pkcs8.open(SECRET_ACCESS)
        assert opened.startswith(_PKCS8_FRONT)
        assert len(opened) == len(_PKCS8_FRONT) + SEED_BYTES
        return cls(Secret(opened[len(_PKCS8_FRONT) :]))

    def pkcs8(self) -> Secret:
        """PrivateKeyInfo in DER, as a seed: 86 bytes (RFC 9935, 6)."""
        return Secret(_PKCS8_FRONT + self._seed.open(SECRET_ACCESS))

    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo in DER (RFC 9935, 4)."""
        return _SPKI_FRONT + self._encapsulation_key

    def decapsulate(self, encapsulation: bytes) -> Secret:
        """The shared secret, 32 bytes. An altered encapsulation gives another one (FIPS 203, 6.3, implicit rejection).

        Raises:
            InvalidCiphertextException: of another length than 768 bytes.
        """
        if len(encapsulation) != ENCAPSULATION_BYTES[KeySpec.ML_KEM_512]:
            raise InvalidCiphertextException
        return Secret(ML_KEM_512.decaps(self._decapsulation_key.open(SECRET_ACCESS), encapsulation))


class MLKEM512PublicKey:
    """A public ML-KEM-512 key. Encapsulating takes a time that depends on the shared secret."""

    __slots__ = ("_encapsulation_key",)

    def __init__(self, encapsulation_key: bytes) -> None:
        self._encapsulation_key = encapsulation_key

    @classmethod
    def load(cls, spki: bytes) -> Self:
        """From SubjectPublicKeyInfo in DER that this program made."""
        assert spki.startswith(_SPKI_FRONT)
        return cls(spki[len(_SPKI_FRONT) :])

    def encapsulate(self) -> tuple[Secret, bytes]:
        """A new shared secret of 32 bytes, and its encapsulation."""
        shared_secret, encapsulation = ML_KEM_512.encaps(self._encapsulation_key)
        return Secret(shared_secret), encapsulation

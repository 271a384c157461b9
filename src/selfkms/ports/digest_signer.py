"""Who signs the digests of trails."""

from typing import Protocol

from selfkms.domain.cloudtrail.digests import DigestKey


class DigestSigner(Protocol):
    """RSA key pairs of 2,048 bits, one a Region at a time."""

    def new_key(self, region: str, *, created_at: float, valid_until: float) -> DigestKey:
        """A new key pair, to be committed before it signs."""

    def sign(self, key: DigestKey, data: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2): of the same data the same signature.

        Raises:
            CorruptRecordError: the key is not one that was made here.
        """

    def verify(self, key: DigestKey, data: bytes, signature: bytes) -> bool:
        """Whether that is the signature; the public key suffices."""

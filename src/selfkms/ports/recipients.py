"""Attested callers: whether a document is what it says, and how to answer so that only who sent it can read."""

from typing import Protocol

from selfkms.domain.kms.attestation import Attestation
from selfkms.domain.secrets import Secret


class Recipients(Protocol):
    """Verifies attestation documents and encrypts for the key in them."""

    def attest(self, document: bytes, *, now: float) -> Attestation:
        """What a signed document says.

        Args:
            document: 1 to 262,144 bytes from a stranger.
            now: seconds since the epoch; document and certificates must count then.

        Raises:
            ValidationException: it is not a valid document, or has no public key that can be used.
        """

    def encrypt(self, attestation: Attestation, plaintext: Secret) -> bytes:
        """CMS EnvelopedData that the private key behind the document's public key opens."""

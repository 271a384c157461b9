"""Verified attestation documents, and answers that only their senders open.

AWS documents neither which error answers an invalid document, nor its text, nor how old a document may be: see
`docs/divergences.md`.
"""

from typing import Final

from selfkms.adapters.nitro.documents import MalformedError, read
from selfkms.crypto.certificate_chain import UntrustedError, document_key
from selfkms.crypto.cms import CONTENT_KEY_BYTES, IV_BYTES, check_recipient_key, enveloped
from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.attestation import Attestation
from selfkms.domain.secrets import Secret
from selfkms.ports.entropy import Entropy

_INVALID: Final = "The attestation document is not valid: "


class NitroRecipients:
    """Implements `Recipients` for AWS Nitro Enclaves and NitroTPM. Keeps nothing: threads may share one."""

    def __init__(self, *, roots: frozenset[bytes], skew_seconds: float, entropy: Entropy) -> None:
        """Prepare.

        Args:
            roots: certificates in DER that documents have to lead to.
            skew_seconds: how far the time of a document may be from ours, each way.
            entropy: for the keys that answers are encrypted with.
        """
        self._roots = roots
        self._skew_seconds = skew_seconds
        self._entropy = entropy

    def attest(self, document: bytes, *, now: float) -> Attestation:
        """See `Recipients`. What costs nothing comes first: reading, then the time, then signatures."""
        try:
            found = read(document)
        except MalformedError as error:
            raise ValidationException(f"{_INVALID}{error}.") from None
        if abs(now - found.timestamp) > self._skew_seconds:
            raise ValidationException(f"{_INVALID}it was not made just now.")
        try:
            document_key(found.chain, roots=self._roots, at=now).verify(found.signature, found.signed)
        except UntrustedError as error:
            raise ValidationException(f"{_INVALID}{error}.") from None
        try:
            check_recipient_key(found.attestation.public_key)
        except ValueError as error:
            raise ValidationException(f"{_INVALID}its public_key is {error}.") from None
        return found.attestation

    def encrypt(self, attestation: Attestation, plaintext: Secret) -> bytes:
        """See `Recipients`."""
        return enveloped(
            plaintext,
            attestation.public_key,
            content_key=Secret(self._entropy.random_bytes(CONTENT_KEY_BYTES)),
            iv=self._entropy.random_bytes(IV_BYTES),
        )

"""`Recipient`: a caller who proves by a signed document where it runs, and is answered for nobody else to read.

The document is verified before the permission is asked for: what it says are condition keys. From then on the request
has an `AttestedRecipient`, and nothing but one of those is answered.

Source: AWS KMS API Reference, "RecipientInfo"; KMS developer guide, "How to make attested calls to AWS KMS".
"""

from typing import Any, NamedTuple

import msgspec

from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.attestation import Attestation
from selfkms.domain.secrets import Secret
from selfkms.ports.recipients import Recipients
from selfkms.services.context import Context
from selfkms.services.shapes import Shape


class RecipientInfo(Shape, frozen=True, kw_only=True):
    """What the caller says of itself. The one algorithm there is, is the model's to check."""

    key_encryption_algorithm: str | None = None
    attestation_document: bytes | None = None


class AttestedRecipient(RecipientInfo, frozen=True, kw_only=True):
    """The same, verified. Never decoded from a request."""

    attestation: Attestation


class Delivered(NamedTuple):
    """How a plaintext stands in an answer: in one way or in the other."""

    plaintext: Secret | None
    ciphertext_for_recipient: bytes | None


def attested(request: Any, recipients: Recipients, *, now: float) -> Any:
    """The request, with its recipient verified if it has one; `now` in seconds since the epoch.

    Raises:
        ValidationException: a member of `Recipient` is missing, or the document is not valid.
    """
    recipient = getattr(request, "recipient", None)
    if recipient is None:
        return request
    algorithm, document = recipient.key_encryption_algorithm, recipient.attestation_document
    if algorithm is None or document is None:
        raise ValidationException("Recipient needs both KeyEncryptionAlgorithm and AttestationDocument.")
    attestation = recipients.attest(document, now=now)
    verified = AttestedRecipient(
        key_encryption_algorithm=algorithm, attestation_document=document, attestation=attestation
    )
    return msgspec.structs.replace(request, recipient=verified)


def deliver(plaintext: Secret, recipient: RecipientInfo | None, context: Context) -> Delivered:
    """The plaintext for an answer: as it is or, for an attested caller, encrypted for it alone."""
    if recipient is None:
        return Delivered(plaintext, None)
    assert isinstance(recipient, AttestedRecipient), "a document is verified before anything is done for it"
    context.note(recipient=recipient.attestation.audited())
    return Delivered(None, context.recipients.encrypt(recipient.attestation, plaintext))

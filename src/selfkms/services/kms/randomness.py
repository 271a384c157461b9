"""GenerateRandom.

Source: AWS KMS API Reference, "GenerateRandom".
"""

from typing import Final

from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.errors import CustomKeyStoreNotFoundException
from selfkms.domain.secrets import Secret
from selfkms.services.context import Context
from selfkms.services.kms.condition_keys import of_recipient
from selfkms.services.kms.recipients import RecipientInfo, deliver
from selfkms.services.operation import Audit, Operation
from selfkms.services.shapes import Shape


class GenerateRandomRequest(Shape, frozen=True, kw_only=True):
    number_of_bytes: int | None = None
    custom_key_store_id: str | None = None
    recipient: RecipientInfo | None = None


class GenerateRandomResult(Shape, frozen=True, kw_only=True):
    plaintext: Secret | None = None
    ciphertext_for_recipient: bytes | None = None


def check_generate_random(request: GenerateRandomRequest) -> None:
    """Refuse a request without a length."""
    if request.number_of_bytes is None:
        raise ValidationException("NumberOfBytes is required.")


def generate_random(request: GenerateRandomRequest, context: Context) -> GenerateRandomResult:
    """1 to 1,024 random bytes; for an attested caller, encrypted for its public key alone.

    Raises:
        CustomKeyStoreNotFoundException: a custom key store was asked for; there are none yet.
    """
    if request.custom_key_store_id is not None:
        raise CustomKeyStoreNotFoundException
    assert request.number_of_bytes is not None
    delivered = deliver(Secret(context.entropy.random_bytes(request.number_of_bytes)), request.recipient, context)
    return GenerateRandomResult(
        plaintext=delivered.plaintext, ciphertext_for_recipient=delivered.ciphertext_for_recipient
    )


OPERATIONS: Final = (
    Operation(
        "GenerateRandom",
        run=generate_random,
        request=GenerateRandomRequest,
        check=check_generate_random,
        condition_keys=of_recipient,
        audit=Audit(),
    ),
)

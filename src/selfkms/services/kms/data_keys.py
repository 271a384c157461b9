"""GenerateDataKey, GenerateDataKeyWithoutPlaintext: keys for the caller, never kept by us. Envelopes begin here.

Source: AWS KMS API Reference, the operations of these names.
"""

from typing import Final

from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.algorithms import ENCRYPTION, check_algorithm
from selfkms.domain.kms.keys import KeyUsage, KMSKey
from selfkms.domain.secrets import Secret
from selfkms.services.context import Context
from selfkms.services.kms.condition_keys import of_attested_data_key, of_data_key
from selfkms.services.kms.encryption import EncryptionContext
from selfkms.services.kms.recipients import RecipientInfo, deliver
from selfkms.services.kms.shapes import SYMMETRIC_DEFAULT
from selfkms.services.operation import Audit, KeyNamed, Operation
from selfkms.services.shapes import Shape

DATA_KEY_BYTES: Final = {"AES_128": 16, "AES_256": 32}


class GenerateDataKeyWithoutPlaintextRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    encryption_context: EncryptionContext = {}
    key_spec: str | None = None
    number_of_bytes: int | None = None
    grant_tokens: tuple[str, ...] = ()
    dry_run: bool = False

    @property
    def data_key_bytes(self) -> int:
        """The length of the data key, 1 to 1,024 bytes."""
        if self.key_spec is not None:
            return DATA_KEY_BYTES[self.key_spec]
        assert self.number_of_bytes is not None
        return self.number_of_bytes


class GenerateDataKeyRequest(GenerateDataKeyWithoutPlaintextRequest, frozen=True, kw_only=True):
    recipient: RecipientInfo | None = None


class GenerateDataKeyWithoutPlaintextResult(Shape, frozen=True, kw_only=True):
    ciphertext_blob: bytes
    key_id: str
    key_material_id: str


class GenerateDataKeyResult(GenerateDataKeyWithoutPlaintextResult, frozen=True, kw_only=True):
    plaintext: Secret | None = None
    ciphertext_for_recipient: bytes | None = None


def check_data_key_length(request: GenerateDataKeyWithoutPlaintextRequest) -> None:
    """Refuse a request that gives the length twice or not at all."""
    if (request.key_spec is None) is (request.number_of_bytes is None):
        raise ValidationException("Please specify either number of bytes or key spec.")


def generate_data_key(request: GenerateDataKeyRequest, key: KMSKey, context: Context) -> GenerateDataKeyResult:
    """A new data key, in the clear and as a ciphertext blob that Decrypt opens under the same encryption context.

    An attested caller gets it encrypted for its public key instead of in the clear.
    """
    data_key, result = _generate(request, key, context)
    delivered = deliver(data_key, request.recipient, context)
    return GenerateDataKeyResult(
        ciphertext_blob=result.ciphertext_blob,
        key_id=result.key_id,
        key_material_id=result.key_material_id,
        plaintext=delivered.plaintext,
        ciphertext_for_recipient=delivered.ciphertext_for_recipient,
    )


def generate_data_key_without_plaintext(
    request: GenerateDataKeyWithoutPlaintextRequest, key: KMSKey, context: Context
) -> GenerateDataKeyWithoutPlaintextResult:
    """The same without the data key in the clear."""
    return _generate(request, key, context)[1]


def _generate(
    request: GenerateDataKeyWithoutPlaintextRequest, key: KMSKey, context: Context
) -> tuple[Secret, GenerateDataKeyWithoutPlaintextResult]:
    check_algorithm(key.key_spec, SYMMETRIC_DEFAULT, ENCRYPTION)
    data_key = Secret(context.entropy.random_bytes(request.data_key_bytes))
    material = context.material(key, key.current_material.handle)
    blob = context.key_store.encrypt(material, data_key, request.encryption_context)
    context.note(key_material_id=material.material_id)
    return data_key, GenerateDataKeyWithoutPlaintextResult(
        ciphertext_blob=blob, key_id=key.arn, key_material_id=material.material_id
    )


_KEY: Final = (KeyNamed(aliases=True, foreign=True),)
_AUDIT: Final = Audit(parameters=("key_id", "key_spec", "number_of_bytes", "encryption_context"))

OPERATIONS: Final = (
    Operation(
        "GenerateDataKey",
        run=generate_data_key,
        request=GenerateDataKeyRequest,
        condition_keys=of_attested_data_key,
        check=check_data_key_length,
        targets=_KEY,
        usage=KeyUsage.ENCRYPT_DECRYPT,
        audit=_AUDIT,
    ),
    Operation(
        "GenerateDataKeyWithoutPlaintext",
        run=generate_data_key_without_plaintext,
        request=GenerateDataKeyWithoutPlaintextRequest,
        condition_keys=of_data_key,
        check=check_data_key_length,
        targets=_KEY,
        usage=KeyUsage.ENCRYPT_DECRYPT,
        audit=_AUDIT,
    ),
)

"""GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext: key pairs for the caller, never kept by us.

Source: AWS KMS API Reference, the operations of these names.
"""

from typing import Final

from selfkms.domain.kms.algorithms import ENCRYPTION, check_algorithm
from selfkms.domain.kms.errors import UnsupportedOperationException
from selfkms.domain.kms.keys import KeySpec, KeyUsage, KMSKey
from selfkms.domain.secrets import Secret
from selfkms.services.context import Context
from selfkms.services.kms.condition_keys import of_attested_data_key_pair, of_data_key_pair
from selfkms.services.kms.encryption import EncryptionContext
from selfkms.services.kms.recipients import RecipientInfo, deliver
from selfkms.services.kms.shapes import SYMMETRIC_DEFAULT
from selfkms.services.operation import Audit, KeyNamed, Operation
from selfkms.services.shapes import Shape


class GenerateDataKeyPairWithoutPlaintextRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    key_pair_spec: KeySpec
    encryption_context: EncryptionContext = {}
    grant_tokens: tuple[str, ...] = ()
    dry_run: bool = False


class GenerateDataKeyPairRequest(GenerateDataKeyPairWithoutPlaintextRequest, frozen=True, kw_only=True):
    recipient: RecipientInfo | None = None


class GenerateDataKeyPairWithoutPlaintextResult(Shape, frozen=True, kw_only=True):
    private_key_ciphertext_blob: bytes
    public_key: bytes
    key_id: str
    key_pair_spec: KeySpec
    key_material_id: str


class GenerateDataKeyPairResult(GenerateDataKeyPairWithoutPlaintextResult, frozen=True, kw_only=True):
    private_key_plaintext: Secret | None = None
    ciphertext_for_recipient: bytes | None = None


def check_key_pair_spec(request: GenerateDataKeyPairWithoutPlaintextRequest) -> None:
    """Refuse SM2, which AWS has in China Regions alone."""
    if request.key_pair_spec is KeySpec.SM2:
        raise UnsupportedOperationException("KeyPairSpec SM2 is not supported in this Region")


def generate_data_key_pair(
    request: GenerateDataKeyPairRequest, key: KMSKey, context: Context
) -> GenerateDataKeyPairResult:
    """A new key pair, and its private half as a blob that Decrypt opens under the same encryption context.

    An attested caller gets the private half encrypted for its public key instead of in the clear.
    """
    private_key, result = _generate(request, key, context)
    delivered = deliver(private_key, request.recipient, context)
    return GenerateDataKeyPairResult(
        private_key_ciphertext_blob=result.private_key_ciphertext_blob,
        private_key_plaintext=delivered.plaintext,
        ciphertext_for_recipient=delivered.ciphertext_for_recipient,
        public_key=result.public_key,
        key_id=result.key_id,
        key_pair_spec=result.key_pair_spec,
        key_material_id=result.key_material_id,
    )


def generate_data_key_pair_without_plaintext(
    request: GenerateDataKeyPairWithoutPlaintextRequest, key: KMSKey, context: Context
) -> GenerateDataKeyPairWithoutPlaintextResult:
    """The same without the private half in the clear."""
    return _generate(request, key, context)[1]


def _generate(
    request: GenerateDataKeyPairWithoutPlaintextRequest, key: KMSKey, context: Context
) -> tuple[Secret, GenerateDataKeyPairWithoutPlaintextResult]:
    check_algorithm(key.key_spec, SYMMETRIC_DEFAULT, ENCRYPTION)
    material = context.material(key, key.current_material.handle)
    private_key, public_key = context.key_store.generate_pair(request.key_pair_spec)
    blob = context.key_store.encrypt(material, private_key, request.encryption_context)
    context.note(key_material_id=material.material_id)
    return private_key, GenerateDataKeyPairWithoutPlaintextResult(
        private_key_ciphertext_blob=blob,
        public_key=public_key,
        key_id=key.arn,
        key_pair_spec=request.key_pair_spec,
        key_material_id=material.material_id,
    )


_KEY: Final = (KeyNamed(aliases=True, foreign=True),)
_AUDIT: Final = Audit(parameters=("key_id", "key_pair_spec", "encryption_context"))

OPERATIONS: Final = (
    Operation(
        "GenerateDataKeyPair",
        run=generate_data_key_pair,
        request=GenerateDataKeyPairRequest,
        condition_keys=of_attested_data_key_pair,
        check=check_key_pair_spec,
        targets=_KEY,
        usage=KeyUsage.ENCRYPT_DECRYPT,
        slow=True,
        audit=_AUDIT,
    ),
    Operation(
        "GenerateDataKeyPairWithoutPlaintext",
        run=generate_data_key_pair_without_plaintext,
        request=GenerateDataKeyPairWithoutPlaintextRequest,
        condition_keys=of_data_key_pair,
        check=check_key_pair_spec,
        targets=_KEY,
        usage=KeyUsage.ENCRYPT_DECRYPT,
        slow=True,
        audit=_AUDIT,
    ),
)

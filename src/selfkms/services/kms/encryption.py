"""Encrypt, Decrypt, ReEncrypt: a KMS key used directly on up to 4,096 bytes.

Source: AWS KMS API Reference, "Encrypt", "Decrypt", "ReEncrypt"; KMS developer guide, "Encryption context".
"""

from typing import Final

from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.algorithms import ENCRYPTION, check_algorithm
from selfkms.domain.kms.errors import IncorrectKeyException, UnsupportedOperationException
from selfkms.domain.kms.keys import KeyMaterial, KeyUsage, KMSKey
from selfkms.domain.secrets import Secret
from selfkms.services.context import Context
from selfkms.services.kms.shapes import SYMMETRIC_DEFAULT
from selfkms.services.operation import Audit, KeyNamed, KeyOfCiphertext, Operation
from selfkms.services.shapes import Shape

EncryptionContext = dict[str, str]

INCORRECT_KEY_TEXT: Final = "The key ID in the request does not identify a CMK that can perform this operation."


class RecipientInfo(Shape, frozen=True, kw_only=True):
    """An attested caller. Its documents are not verified here yet, so a request with one is refused."""

    key_encryption_algorithm: str | None = None
    attestation_document: bytes | None = None


class EncryptRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    plaintext: Secret
    encryption_context: EncryptionContext = {}
    grant_tokens: tuple[str, ...] = ()
    encryption_algorithm: str = SYMMETRIC_DEFAULT
    dry_run: bool = False


class EncryptResult(Shape, frozen=True, kw_only=True):
    ciphertext_blob: bytes
    key_id: str
    encryption_algorithm: str


class DecryptRequest(Shape, frozen=True, kw_only=True):
    ciphertext_blob: bytes | None = None
    encryption_context: EncryptionContext = {}
    grant_tokens: tuple[str, ...] = ()
    key_id: str | None = None
    encryption_algorithm: str = SYMMETRIC_DEFAULT
    recipient: RecipientInfo | None = None
    dry_run: bool = False
    dry_run_modifiers: tuple[str, ...] = ()


class DecryptResult(Shape, frozen=True, kw_only=True):
    key_id: str
    plaintext: Secret
    encryption_algorithm: str
    key_material_id: str


class ReEncryptRequest(Shape, frozen=True, kw_only=True):
    ciphertext_blob: bytes | None = None
    source_encryption_context: EncryptionContext = {}
    source_key_id: str | None = None
    destination_key_id: str
    destination_encryption_context: EncryptionContext = {}
    source_encryption_algorithm: str = SYMMETRIC_DEFAULT
    destination_encryption_algorithm: str = SYMMETRIC_DEFAULT
    grant_tokens: tuple[str, ...] = ()
    dry_run: bool = False
    dry_run_modifiers: tuple[str, ...] = ()


class ReEncryptResult(Shape, frozen=True, kw_only=True):
    ciphertext_blob: bytes
    source_key_id: str
    key_id: str
    source_encryption_algorithm: str
    destination_encryption_algorithm: str
    source_key_material_id: str
    destination_key_material_id: str


def check_recipient(recipient: RecipientInfo | None) -> None:
    """Refuse attested callers: answering one as if it were not attested would hand the plaintext to the wrong side."""
    if recipient is not None:
        raise UnsupportedOperationException("Recipient is not supported yet.")


def check_decrypt(request: DecryptRequest) -> None:
    """Refuse attested callers, and a request without a blob that is no dry run."""
    check_recipient(request.recipient)
    _check_blob(request, request.key_id)


def check_re_encrypt(request: ReEncryptRequest) -> None:
    """Refuse a request without a blob that is no dry run."""
    _check_blob(request, request.source_key_id)


def encrypt(request: EncryptRequest, key: KMSKey, context: Context) -> EncryptResult:
    """Encrypt 1 to 4,096 bytes under the current key material.

    Raises:
        InvalidKeyUsageException: the algorithm is not one of this key's.
    """
    check_algorithm(key.key_spec, request.encryption_algorithm, ENCRYPTION)
    material = context.material(key, key.current_material.handle)
    blob = context.key_store.encrypt(material, request.plaintext, request.encryption_context)
    context.note(key_material_id=material.material_id)
    return EncryptResult(ciphertext_blob=blob, key_id=key.arn, encryption_algorithm=request.encryption_algorithm)


def decrypt(request: DecryptRequest, key: KMSKey, context: Context) -> DecryptResult | None:
    """Recover the plaintext of a ciphertext blob.

    Args:
        request: `ciphertext_blob`, 1 to 6,144 bytes; `encryption_context`, exactly the pairs given to Encrypt.
        key: the key that `key_id` names if given, else the one that the blob names.
        context: of this request.

    Raises:
        IncorrectKeyException: `key_id` was given and another key made this blob.
        InvalidCiphertextException: wrong context, altered or cut blob; one error, so that none can be told apart.
    """
    check_algorithm(key.key_spec, request.encryption_algorithm, ENCRYPTION)
    if request.ciphertext_blob is None or request.dry_run_modifiers:
        return None
    material, plaintext = _open(request.ciphertext_blob, request.encryption_context, key, context)
    context.note(key_material_id=material.material_id)
    return DecryptResult(
        key_id=key.arn,
        plaintext=plaintext,
        encryption_algorithm=request.encryption_algorithm,
        key_material_id=material.material_id,
    )


def re_encrypt(
    request: ReEncryptRequest, source: KMSKey, destination: KMSKey, context: Context
) -> ReEncryptResult | None:
    """Decrypt under one key and encrypt under another, or another encryption context; the plaintext stays inside."""
    check_algorithm(source.key_spec, request.source_encryption_algorithm, ENCRYPTION)
    check_algorithm(destination.key_spec, request.destination_encryption_algorithm, ENCRYPTION)
    if request.ciphertext_blob is None or request.dry_run_modifiers:
        return None
    opened, plaintext = _open(request.ciphertext_blob, request.source_encryption_context, source, context)
    sealing = context.material(destination, destination.current_material.handle)
    blob = context.key_store.encrypt(sealing, plaintext, request.destination_encryption_context)
    context.note(source_key_material_id=opened.material_id, destination_key_material_id=sealing.material_id)
    return ReEncryptResult(
        ciphertext_blob=blob,
        source_key_id=source.arn,
        key_id=destination.arn,
        source_encryption_algorithm=request.source_encryption_algorithm,
        destination_encryption_algorithm=request.destination_encryption_algorithm,
        source_key_material_id=opened.material_id,
        destination_key_material_id=sealing.material_id,
    )


def _open(
    blob: bytes, encryption_context: EncryptionContext, key: KMSKey, context: Context
) -> tuple[KeyMaterial, Secret]:
    # The material is the blob's, not the key's newest: rotation must never orphan old ciphertext.
    entry = key.material(context.key_store.identify(blob))
    if entry is None:
        raise IncorrectKeyException(INCORRECT_KEY_TEXT)
    material = context.material(key, entry.handle)
    return material, context.key_store.decrypt(material, blob, encryption_context)


def _check_blob(request: DecryptRequest | ReEncryptRequest, key_id: str | None) -> None:
    """A dry run may be about the permission alone: it then names the key and needs no blob."""
    if request.dry_run_modifiers and not request.dry_run:
        raise ValidationException("DryRunModifiers can only be specified when DryRun is set.")
    ignored = "IGNORE_CIPHERTEXT" in request.dry_run_modifiers
    if ignored and key_id is None:
        raise ValidationException("A key ID is required when the ciphertext is ignored.")
    if request.ciphertext_blob is None and not ignored:
        raise ValidationException(
            "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: "
            "Member must not be null"
        )


OPERATIONS: Final = (
    Operation(
        "Encrypt",
        run=encrypt,
        request=EncryptRequest,
        targets=(KeyNamed(aliases=True, foreign=True),),
        usage=KeyUsage.ENCRYPT_DECRYPT,
        audit=Audit(
            parameters=("key_id", "encryption_algorithm", "encryption_context"),
            defaults={"encryption_algorithm": SYMMETRIC_DEFAULT},
        ),
    ),
    Operation(
        "Decrypt",
        run=decrypt,
        request=DecryptRequest,
        check=check_decrypt,
        targets=(KeyOfCiphertext(),),
        usage=KeyUsage.ENCRYPT_DECRYPT,
        audit=Audit(
            parameters=("encryption_algorithm", "encryption_context", "key_id"),
            defaults={"encryption_algorithm": SYMMETRIC_DEFAULT},
        ),
    ),
    Operation(
        "ReEncrypt",
        run=re_encrypt,
        request=ReEncryptRequest,
        check=check_re_encrypt,
        targets=(
            KeyOfCiphertext(key_member="source_key_id", action="kms:ReEncryptFrom"),
            KeyNamed("destination_key_id", aliases=True, foreign=True, action="kms:ReEncryptTo"),
        ),
        usage=KeyUsage.ENCRYPT_DECRYPT,
        audit=Audit(
            parameters=(
                "source_encryption_algorithm",
                "destination_encryption_algorithm",
                "source_encryption_context",
                "destination_encryption_context",
                "destination_key_id",
                "source_key_id",
            ),
            defaults={
                "source_encryption_algorithm": SYMMETRIC_DEFAULT,
                "destination_encryption_algorithm": SYMMETRIC_DEFAULT,
            },
        ),
    ),
)

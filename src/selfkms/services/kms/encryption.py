"""Encrypt, Decrypt, ReEncrypt: a KMS key used directly on up to 4,096 bytes.

Source: AWS KMS API Reference, "Encrypt", "Decrypt", "ReEncrypt"; KMS developer guide, "Encryption context".
"""

from typing import Final

from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.algorithms import ENCRYPTION, EncryptionAlgorithm, check_algorithm
from selfkms.domain.kms.errors import IncorrectKeyException, InvalidCiphertextException
from selfkms.domain.kms.keys import KeyMaterial, KeyUsage, KMSKey
from selfkms.domain.secrets import Secret
from selfkms.services.context import Context
from selfkms.services.kms.condition_keys import of_decryption, of_encryption, of_re_encrypt_from, of_re_encrypt_to
from selfkms.services.kms.recipients import RecipientInfo, deliver
from selfkms.services.kms.shapes import SYMMETRIC_DEFAULT
from selfkms.services.operation import Audit, KeyNamed, KeyOfCiphertext, Operation
from selfkms.services.shapes import Shape

EncryptionContext = dict[str, str]

INCORRECT_KEY_TEXT: Final = "The key ID in the request does not identify a CMK that can perform this operation."


class EncryptRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    plaintext: Secret
    encryption_context: EncryptionContext = {}
    grant_tokens: tuple[str, ...] = ()
    encryption_algorithm: EncryptionAlgorithm = EncryptionAlgorithm.SYMMETRIC_DEFAULT
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
    encryption_algorithm: EncryptionAlgorithm = EncryptionAlgorithm.SYMMETRIC_DEFAULT
    recipient: RecipientInfo | None = None
    dry_run: bool = False
    dry_run_modifiers: tuple[str, ...] = ()


class DecryptResult(Shape, frozen=True, kw_only=True):
    key_id: str
    plaintext: Secret | None = None
    encryption_algorithm: str
    ciphertext_for_recipient: bytes | None = None
    key_material_id: str | None = None


class ReEncryptRequest(Shape, frozen=True, kw_only=True):
    ciphertext_blob: bytes | None = None
    source_encryption_context: EncryptionContext = {}
    source_key_id: str | None = None
    destination_key_id: str
    destination_encryption_context: EncryptionContext = {}
    source_encryption_algorithm: EncryptionAlgorithm = EncryptionAlgorithm.SYMMETRIC_DEFAULT
    destination_encryption_algorithm: EncryptionAlgorithm = EncryptionAlgorithm.SYMMETRIC_DEFAULT
    grant_tokens: tuple[str, ...] = ()
    dry_run: bool = False
    dry_run_modifiers: tuple[str, ...] = ()


class ReEncryptResult(Shape, frozen=True, kw_only=True):
    ciphertext_blob: bytes
    source_key_id: str
    key_id: str
    source_encryption_algorithm: str
    destination_encryption_algorithm: str
    source_key_material_id: str | None = None
    destination_key_material_id: str | None = None


def check_decrypt(request: DecryptRequest) -> None:
    """Refuse a request without a blob that is no dry run."""
    _check_blob(request, request.key_id)


def check_re_encrypt(request: ReEncryptRequest) -> None:
    """Refuse a request without a blob that is no dry run."""
    _check_blob(request, request.source_key_id)


def encrypt(request: EncryptRequest, key: KMSKey, context: Context) -> EncryptResult:
    """Encrypt 1 to 4,096 bytes under the current key material; with an RSA key, as much as its modulus takes.

    Raises:
        InvalidKeyUsageException: the algorithm is not one of this key's.
        ValidationException: an RSA key was given more than it takes, or an encryption context.
    """
    blob, material = _seal(request.plaintext, request.encryption_algorithm, request.encryption_context, key, context)
    if key.kind == "symmetric":
        context.note(key_material_id=material.material_id)
    return EncryptResult(ciphertext_blob=blob, key_id=key.arn, encryption_algorithm=request.encryption_algorithm)


def decrypt(request: DecryptRequest, key: KMSKey, context: Context) -> DecryptResult | None:
    """Recover the plaintext of a ciphertext blob. An attested caller gets it encrypted for its public key alone.

    Args:
        request: `ciphertext_blob`, 1 to 6,144 bytes; `encryption_context`, exactly the pairs given to Encrypt.
        key: the key that `key_id` names if given, else the one that the blob names.
        context: of this request.

    Raises:
        IncorrectKeyException: `key_id` was given and another key made this blob.
        InvalidKeyUsageException: the key or the algorithm does not decrypt.
        InvalidCiphertextException: wrong context, altered or cut blob; one error, so that none can be told apart.
    """
    if _ignores_ciphertext(request):
        key.check_usage(KeyUsage.ENCRYPT_DECRYPT, "Decrypt")
        check_algorithm(key.key_spec, request.encryption_algorithm, ENCRYPTION)
        return None
    assert request.ciphertext_blob is not None
    plaintext, material = _open(
        "Decrypt", request.ciphertext_blob, request.encryption_algorithm, request.encryption_context, key, context
    )
    material_id = material.material_id if key.kind == "symmetric" else None
    if material_id is not None:
        context.note(key_material_id=material_id)
    delivered = deliver(plaintext, request.recipient, context)
    return DecryptResult(
        key_id=key.arn,
        plaintext=delivered.plaintext,
        encryption_algorithm=request.encryption_algorithm,
        ciphertext_for_recipient=delivered.ciphertext_for_recipient,
        key_material_id=material_id,
    )


def re_encrypt(
    request: ReEncryptRequest, source: KMSKey, destination: KMSKey, context: Context
) -> ReEncryptResult | None:
    """Decrypt under one key and encrypt under another, or another encryption context; the plaintext stays inside."""
    destination.check_usage(KeyUsage.ENCRYPT_DECRYPT, "ReEncrypt")
    check_algorithm(destination.key_spec, request.destination_encryption_algorithm, ENCRYPTION)
    if _ignores_ciphertext(request):
        source.check_usage(KeyUsage.ENCRYPT_DECRYPT, "ReEncrypt")
        check_algorithm(source.key_spec, request.source_encryption_algorithm, ENCRYPTION)
        return None
    assert request.ciphertext_blob is not None
    plaintext, opened = _open(
        "ReEncrypt",
        request.ciphertext_blob,
        request.source_encryption_algorithm,
        request.source_encryption_context,
        source,
        context,
    )
    blob, sealing = _seal(
        plaintext,
        request.destination_encryption_algorithm,
        request.destination_encryption_context,
        destination,
        context,
    )
    material_ids = {
        name: material.material_id
        for name, key, material in (
            ("source_key_material_id", source, opened),
            ("destination_key_material_id", destination, sealing),
        )
        if key.kind == "symmetric"
    }
    context.note(**material_ids)
    return ReEncryptResult(
        ciphertext_blob=blob,
        source_key_id=source.arn,
        key_id=destination.arn,
        source_encryption_algorithm=request.source_encryption_algorithm,
        destination_encryption_algorithm=request.destination_encryption_algorithm,
        **material_ids,
    )


def _seal(
    plaintext: Secret,
    algorithm: EncryptionAlgorithm,
    encryption_context: EncryptionContext,
    key: KMSKey,
    context: Context,
) -> tuple[bytes, KeyMaterial]:
    check_algorithm(key.key_spec, algorithm, ENCRYPTION)
    material = context.material(key, key.current_material.handle)
    if algorithm is EncryptionAlgorithm.SYMMETRIC_DEFAULT:
        return context.key_store.encrypt(material, plaintext, encryption_context), material
    _refuse_context(encryption_context)
    return context.key_store.encrypt_asymmetric(material, algorithm, plaintext), material


def _open(
    operation: str,
    blob: bytes,
    algorithm: EncryptionAlgorithm,
    encryption_context: EncryptionContext,
    key: KMSKey,
    context: Context,
) -> tuple[Secret, KeyMaterial]:
    if algorithm is not EncryptionAlgorithm.SYMMETRIC_DEFAULT:
        key.check_usage(KeyUsage.ENCRYPT_DECRYPT, operation)
        check_algorithm(key.key_spec, algorithm, ENCRYPTION)
        _refuse_context(encryption_context)
        material = context.material(key, key.current_material.handle)
        return context.key_store.decrypt_asymmetric(material, algorithm, blob), material
    # The material is the blob's, not the key's newest: rotation must never orphan old ciphertext. Another key's blob is
    # the first thing that is wrong with a request, whatever this key may be used for.
    try:
        entry = key.material(context.key_store.identify(blob))
    except InvalidCiphertextException:
        key.check_usage(KeyUsage.ENCRYPT_DECRYPT, operation)
        check_algorithm(key.key_spec, algorithm, ENCRYPTION)
        raise
    if entry is None:
        raise IncorrectKeyException(INCORRECT_KEY_TEXT)
    material = context.material(key, entry.handle)
    return context.key_store.decrypt(material, blob, encryption_context), material


def _refuse_context(encryption_context: EncryptionContext) -> None:
    if encryption_context:
        raise ValidationException("EncryptionContext is only supported with symmetric encryption KMS keys.")


def _ignores_ciphertext(request: DecryptRequest | ReEncryptRequest) -> bool:
    """Whether a dry run is about the permission alone (DryRunModifiers)."""
    return bool(request.dry_run_modifiers)


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
        condition_keys=of_encryption,
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
        condition_keys=of_decryption,
        check=check_decrypt,
        targets=(KeyOfCiphertext(),),
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
            KeyOfCiphertext(
                key_member="source_key_id",
                action="kms:ReEncryptFrom",
                condition_keys=of_re_encrypt_from,
                encryption_context="source_encryption_context",
            ),
            KeyNamed(
                "destination_key_id",
                aliases=True,
                foreign=True,
                action="kms:ReEncryptTo",
                condition_keys=of_re_encrypt_to,
                encryption_context="destination_encryption_context",
            ),
        ),
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

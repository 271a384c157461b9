"""DeriveSharedSecret, Encapsulate, Decapsulate: a secret that two parties share.

Source: AWS KMS API Reference, the operations of these names; NIST SP 800-56A; FIPS 203.
"""

from typing import Final

from selfkms.domain.kms.algorithms import (
    AGREEMENT,
    ENCAPSULATION,
    EncapsulationAlgorithm,
    KeyAgreementAlgorithm,
    check_algorithm,
)
from selfkms.domain.kms.keys import KeyUsage, KMSKey
from selfkms.domain.secrets import Secret
from selfkms.services.context import Context
from selfkms.services.kms.condition_keys import of_agreement
from selfkms.services.kms.recipients import RecipientInfo, deliver
from selfkms.services.operation import Audit, KeyNamed, Operation
from selfkms.services.shapes import Shape


class DeriveSharedSecretRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    key_agreement_algorithm: KeyAgreementAlgorithm
    public_key: bytes
    grant_tokens: tuple[str, ...] = ()
    dry_run: bool = False
    recipient: RecipientInfo | None = None


class DeriveSharedSecretResult(Shape, frozen=True, kw_only=True):
    key_id: str
    shared_secret: Secret | None = None
    ciphertext_for_recipient: bytes | None = None
    key_agreement_algorithm: str
    key_origin: str


class EncapsulateRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    encapsulation_algorithm: EncapsulationAlgorithm
    grant_tokens: tuple[str, ...] = ()
    dry_run: bool = False


class EncapsulateResult(Shape, frozen=True, kw_only=True):
    key_id: str
    shared_secret: Secret
    shared_secret_ciphertext_blob: bytes
    encapsulation_algorithm: str


class DecapsulateRequest(EncapsulateRequest, frozen=True, kw_only=True):
    shared_secret_ciphertext_blob: bytes


class DecapsulateResult(Shape, frozen=True, kw_only=True):
    key_id: str
    shared_secret: Secret
    encapsulation_algorithm: str


def derive_shared_secret(request: DeriveSharedSecretRequest, key: KMSKey, context: Context) -> DeriveSharedSecretResult:
    """The raw ECDH secret of this key and the other side's public key. Whoever uses it derives keys from it.

    An attested caller gets it encrypted for its public key alone.

    Raises:
        ValidationException: not a public key on this key's curve.
    """
    check_algorithm(key.key_spec, request.key_agreement_algorithm, AGREEMENT)
    material = context.material(key, key.current_material.handle)
    delivered = deliver(context.key_store.agree(material, request.public_key), request.recipient, context)
    return DeriveSharedSecretResult(
        key_id=key.arn,
        shared_secret=delivered.plaintext,
        ciphertext_for_recipient=delivered.ciphertext_for_recipient,
        key_agreement_algorithm=request.key_agreement_algorithm,
        key_origin=key.origin,
    )


def encapsulate(request: EncapsulateRequest, key: KMSKey, context: Context) -> EncapsulateResult:
    """A new shared secret, and the blob from which the holder of the private key gets the same."""
    check_algorithm(key.key_spec, request.encapsulation_algorithm, ENCAPSULATION)
    secret, blob = context.key_store.encapsulate(context.material(key, key.current_material.handle))
    return EncapsulateResult(
        key_id=key.arn,
        shared_secret=secret,
        shared_secret_ciphertext_blob=blob,
        encapsulation_algorithm=request.encapsulation_algorithm,
    )


def decapsulate(request: DecapsulateRequest, key: KMSKey, context: Context) -> DecapsulateResult:
    """The shared secret behind a blob. A changed blob gives another secret, not an error: that is how ML-KEM is safe.

    Raises:
        InvalidCiphertextException: the blob is not as long as those of this key spec.
    """
    check_algorithm(key.key_spec, request.encapsulation_algorithm, ENCAPSULATION)
    material = context.material(key, key.current_material.handle)
    return DecapsulateResult(
        key_id=key.arn,
        shared_secret=context.key_store.decapsulate(material, request.shared_secret_ciphertext_blob),
        encapsulation_algorithm=request.encapsulation_algorithm,
    )


_KEY: Final = (KeyNamed(aliases=True, foreign=True),)
_AUDIT: Final = Audit(parameters=("key_id", "encapsulation_algorithm"))

OPERATIONS: Final = (
    Operation(
        "DeriveSharedSecret",
        run=derive_shared_secret,
        request=DeriveSharedSecretRequest,
        condition_keys=of_agreement,
        targets=_KEY,
        usage=KeyUsage.KEY_AGREEMENT,
        audit=Audit(parameters=("key_id", "key_agreement_algorithm")),
    ),
    Operation(
        "Encapsulate",
        slow=True,
        run=encapsulate,
        request=EncapsulateRequest,
        targets=_KEY,
        usage=KeyUsage.ENCAPSULATE_DECAPSULATE,
        audit=_AUDIT,
    ),
    Operation(
        "Decapsulate",
        slow=True,
        run=decapsulate,
        request=DecapsulateRequest,
        targets=_KEY,
        usage=KeyUsage.ENCAPSULATE_DECAPSULATE,
        audit=_AUDIT,
    ),
)

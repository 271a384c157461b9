"""Sign, Verify: asymmetric KMS keys that sign, on up to 4,096 bytes or on a digest of anything.

Source: AWS KMS API Reference, "Sign", "Verify"; KMS developer guide, "Key spec reference".
"""

from typing import Final

from selfkms.domain.kms.algorithms import SIGNING, MessageType, SigningAlgorithm, check_algorithm
from selfkms.domain.kms.keys import KeyUsage, KMSKey
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.services.context import Context
from selfkms.services.kms.condition_keys import of_signing
from selfkms.services.operation import Audit, KeyNamed, Operation
from selfkms.services.shapes import Shape


class SignRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    message: Secret
    message_type: MessageType = MessageType.RAW
    grant_tokens: tuple[str, ...] = ()
    signing_algorithm: SigningAlgorithm
    dry_run: bool = False


class SignResult(Shape, frozen=True, kw_only=True):
    key_id: str
    signature: bytes
    signing_algorithm: str


class VerifyRequest(SignRequest, frozen=True, kw_only=True):
    signature: bytes


class VerifyResult(Shape, frozen=True, kw_only=True):
    key_id: str
    signature_valid: bool
    signing_algorithm: str


def sign(request: SignRequest, key: KMSKey, context: Context) -> SignResult:
    """Sign a message, or the digest of one.

    Raises:
        InvalidKeyUsageException: the algorithm is not one of the key spec's.
        ValidationException: the message type or the length of the digest does not fit the algorithm.
    """
    check_algorithm(key.key_spec, request.signing_algorithm, SIGNING)
    material = context.material(key, key.current_material.handle)
    signature = context.key_store.sign(
        material, request.signing_algorithm, request.message.open(SECRET_ACCESS), message_type=request.message_type
    )
    return SignResult(key_id=key.arn, signature=signature, signing_algorithm=request.signing_algorithm)


def verify(request: VerifyRequest, key: KMSKey, context: Context) -> VerifyResult:
    """Answer only if the signature is this key's for this message: SignatureValid is never false.

    Raises:
        KMSInvalidSignatureException: it is not.
        InvalidKeyUsageException, ValidationException: as for Sign.
    """
    check_algorithm(key.key_spec, request.signing_algorithm, SIGNING)
    context.key_store.verify(
        context.material(key, key.current_material.handle),
        request.signing_algorithm,
        request.message.open(SECRET_ACCESS),
        request.signature,
        message_type=request.message_type,
    )
    return VerifyResult(key_id=key.arn, signature_valid=True, signing_algorithm=request.signing_algorithm)


_KEY: Final = (KeyNamed(aliases=True, foreign=True),)
_AUDIT: Final = Audit(parameters=("key_id", "message_type", "signing_algorithm"), defaults={"message_type": "RAW"})

OPERATIONS: Final = (
    Operation(
        "Sign",
        run=sign,
        request=SignRequest,
        condition_keys=of_signing,
        targets=_KEY,
        usage=KeyUsage.SIGN_VERIFY,
        slow=True,
        audit=_AUDIT,
    ),
    Operation(
        "Verify",
        run=verify,
        request=VerifyRequest,
        condition_keys=of_signing,
        targets=_KEY,
        usage=KeyUsage.SIGN_VERIFY,
        slow=True,
        audit=_AUDIT,
    ),
)

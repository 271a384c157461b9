"""Sign and Verify with the key pair of a KMS key: which messages an algorithm takes, and who works on them.

Source: AWS KMS API Reference, "Sign", parameters Message and MessageType.
"""

from typing import Final

from selfkms.adapters.software_keys.asymmetric import CURVE, ML_DSA, RSA, KeyPair, PublicKey
from selfkms.crypto.ecc import CurveKeyPair, CurvePublicKey
from selfkms.crypto.edwards import EdwardsKeyPair, EdwardsPublicKey
from selfkms.crypto.mldsa import MLDSAKeyPair, MLDSAPublicKey
from selfkms.crypto.rsa import RSAKeyPair, RSAPublicKey
from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.algorithms import DIGEST_BYTES, MU_BYTES, SIGNING, MessageType, SigningAlgorithm
from selfkms.domain.kms.keys import KeySpec

_RAW_OR_DIGEST: Final = frozenset({MessageType.RAW, MessageType.DIGEST})
_MESSAGE_TYPES: Final = {
    **dict.fromkeys(RSA | CURVE, _RAW_OR_DIGEST),
    **dict.fromkeys(ML_DSA, frozenset({MessageType.RAW, MessageType.EXTERNAL_MU})),
}
_EDWARDS_MESSAGE_TYPE: Final = {
    SigningAlgorithm.ED25519_SHA_512: MessageType.RAW,
    SigningAlgorithm.ED25519_PH_SHA_512: MessageType.DIGEST,
}


def check_message(key_spec: KeySpec, algorithm: SigningAlgorithm, message: bytes, message_type: MessageType) -> None:
    """Refuse a message that this algorithm cannot take.

    Raises:
        ValidationException: of an incompatible type, or a digest or mu that has not the length of one.
    """
    assert algorithm in SIGNING[key_spec]
    if key_spec is KeySpec.ECC_NIST_EDWARDS25519:
        if message_type is not _EDWARDS_MESSAGE_TYPE[algorithm]:
            raise ValidationException(f"Message type {message_type} is incompatible with algorithm {algorithm}.")
    elif message_type not in _MESSAGE_TYPES[key_spec]:
        raise ValidationException(f"Message type {message_type} is incompatible with key spec {key_spec}.")
    if message_type is not MessageType.RAW:
        length = MU_BYTES if message_type is MessageType.EXTERNAL_MU else DIGEST_BYTES[algorithm]
        if len(message) != length:
            raise ValidationException(f"Digest is invalid length for algorithm {algorithm}.")


def sign(key_pair: KeyPair, algorithm: SigningAlgorithm, message: bytes, *, message_type: MessageType) -> bytes:
    """A signature of a message that was checked."""
    match key_pair:
        case RSAKeyPair() | CurveKeyPair():
            return key_pair.sign(algorithm, message, message_type=message_type)
        case EdwardsKeyPair():
            return key_pair.sign(algorithm, message)
        case _:
            assert isinstance(key_pair, MLDSAKeyPair)
            return key_pair.sign(message, message_type=message_type)


def verify(
    public_key: PublicKey,
    algorithm: SigningAlgorithm,
    message: bytes,
    signature: bytes,
    *,
    message_type: MessageType,
) -> None:
    """Return if the signature is one of a message that was checked.

    Raises:
        KMSInvalidSignatureException: it is not.
    """
    match public_key:
        case RSAPublicKey() | CurvePublicKey():
            public_key.verify(algorithm, message, signature, message_type=message_type)
        case EdwardsPublicKey():
            public_key.verify(algorithm, message, signature)
        case _:
            assert isinstance(public_key, MLDSAPublicKey)
            public_key.verify(message, signature, message_type=message_type)

"""Which algorithms each key spec has, as AWS lists them, in AWS's order.

Source: AWS KMS API Reference, "KeyMetadata"; KMS developer guide, "Key spec reference".
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from selfkms.domain.kms.errors import InvalidKeyUsageException
from selfkms.domain.kms.keys import KeySpec


class EncryptionAlgorithm(StrEnum):
    """Of Encrypt and Decrypt."""

    SYMMETRIC_DEFAULT = "SYMMETRIC_DEFAULT"
    RSAES_OAEP_SHA_1 = "RSAES_OAEP_SHA_1"
    RSAES_OAEP_SHA_256 = "RSAES_OAEP_SHA_256"
    SM2PKE = "SM2PKE"


class SigningAlgorithm(StrEnum):
    """Of Sign and Verify."""

    RSASSA_PKCS1_V1_5_SHA_256 = "RSASSA_PKCS1_V1_5_SHA_256"
    RSASSA_PKCS1_V1_5_SHA_384 = "RSASSA_PKCS1_V1_5_SHA_384"
    RSASSA_PKCS1_V1_5_SHA_512 = "RSASSA_PKCS1_V1_5_SHA_512"
    RSASSA_PSS_SHA_256 = "RSASSA_PSS_SHA_256"
    RSASSA_PSS_SHA_384 = "RSASSA_PSS_SHA_384"
    RSASSA_PSS_SHA_512 = "RSASSA_PSS_SHA_512"
    ECDSA_SHA_256 = "ECDSA_SHA_256"
    ECDSA_SHA_384 = "ECDSA_SHA_384"
    ECDSA_SHA_512 = "ECDSA_SHA_512"
    ED25519_SHA_512 = "ED25519_SHA_512"
    ED25519_PH_SHA_512 = "ED25519_PH_SHA_512"
    ML_DSA_SHAKE_256 = "ML_DSA_SHAKE_256"
    SM2DSA = "SM2DSA"


class MACAlgorithm(StrEnum):
    """Of GenerateMac and VerifyMac."""

    HMAC_SHA_224 = "HMAC_SHA_224"
    HMAC_SHA_256 = "HMAC_SHA_256"
    HMAC_SHA_384 = "HMAC_SHA_384"
    HMAC_SHA_512 = "HMAC_SHA_512"


class KeyAgreementAlgorithm(StrEnum):
    """Of DeriveSharedSecret."""

    ECDH = "ECDH"


class EncapsulationAlgorithm(StrEnum):
    """Of Encapsulate and Decapsulate."""

    ML_KEM = "ML_KEM"


class MessageType(StrEnum):
    """What the message of Sign and Verify is."""

    RAW = "RAW"
    DIGEST = "DIGEST"
    EXTERNAL_MU = "EXTERNAL_MU"


_RSA: Final = (KeySpec.RSA_2048, KeySpec.RSA_3072, KeySpec.RSA_4096)
_RSA_SIGNING: Final = tuple(a for a in SigningAlgorithm if a.startswith("RSASSA_"))
_RSA_ENCRYPTION: Final = (EncryptionAlgorithm.RSAES_OAEP_SHA_1, EncryptionAlgorithm.RSAES_OAEP_SHA_256)

ENCRYPTION: Final[dict[KeySpec, tuple[EncryptionAlgorithm, ...]]] = {
    KeySpec.SYMMETRIC_DEFAULT: (EncryptionAlgorithm.SYMMETRIC_DEFAULT,),
    **dict.fromkeys(_RSA, _RSA_ENCRYPTION),
}
SIGNING: Final[dict[KeySpec, tuple[SigningAlgorithm, ...]]] = {
    **dict.fromkeys(_RSA, _RSA_SIGNING),
    KeySpec.ECC_NIST_P256: (SigningAlgorithm.ECDSA_SHA_256,),
    KeySpec.ECC_SECG_P256K1: (SigningAlgorithm.ECDSA_SHA_256,),
    KeySpec.ECC_NIST_P384: (SigningAlgorithm.ECDSA_SHA_384,),
    KeySpec.ECC_NIST_P521: (SigningAlgorithm.ECDSA_SHA_512,),
    KeySpec.ECC_NIST_EDWARDS25519: (SigningAlgorithm.ED25519_SHA_512, SigningAlgorithm.ED25519_PH_SHA_512),
    **dict.fromkeys((KeySpec.ML_DSA_44, KeySpec.ML_DSA_65, KeySpec.ML_DSA_87), (SigningAlgorithm.ML_DSA_SHAKE_256,)),
}
MAC: Final[dict[KeySpec, tuple[MACAlgorithm, ...]]] = {
    KeySpec.HMAC_224: (MACAlgorithm.HMAC_SHA_224,),
    KeySpec.HMAC_256: (MACAlgorithm.HMAC_SHA_256,),
    KeySpec.HMAC_384: (MACAlgorithm.HMAC_SHA_384,),
    KeySpec.HMAC_512: (MACAlgorithm.HMAC_SHA_512,),
}
AGREEMENT: Final[dict[KeySpec, tuple[KeyAgreementAlgorithm, ...]]] = dict.fromkeys(
    (KeySpec.ECC_NIST_P256, KeySpec.ECC_NIST_P384, KeySpec.ECC_NIST_P521), (KeyAgreementAlgorithm.ECDH,)
)
ENCAPSULATION: Final[dict[KeySpec, tuple[EncapsulationAlgorithm, ...]]] = dict.fromkeys(
    (KeySpec.ML_KEM_512, KeySpec.ML_KEM_768, KeySpec.ML_KEM_1024), (EncapsulationAlgorithm.ML_KEM,)
)

DIGEST_BYTES: Final[dict[SigningAlgorithm, int]] = {
    **{a: int(a.rsplit("_", 1)[1]) // 8 for a in SigningAlgorithm if "_SHA_" in a},
}
"""How long a message of type DIGEST is for each algorithm that takes one."""

MU_BYTES: Final = 64
"""FIPS 204, 6.2: the length of a message of type EXTERNAL_MU."""


def check_algorithm(key_spec: KeySpec, algorithm: str, table: Mapping[KeySpec, tuple[str, ...]]) -> None:
    """Refuse an algorithm that is not one of the key spec's in this table.

    Raises:
        InvalidKeyUsageException: of another kind of key.
    """
    if algorithm not in table.get(key_spec, ()):
        raise InvalidKeyUsageException(f"Algorithm {algorithm} is incompatible with key spec {key_spec}.")

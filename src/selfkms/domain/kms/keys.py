"""The KMS key: what a client names, what a policy protects, what material belongs to.

Source: AWS KMS API Reference, "KeyMetadata"; KMS developer guide, "KMS key concepts".
"""

from enum import StrEnum
from typing import ClassVar, Final

import msgspec

from selfkms.domain.arns import key_arn
from selfkms.domain.kms.errors import InvalidKeyUsageException
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.records import Record
from selfkms.domain.tags import Tag


class KeyUsage(StrEnum):
    """What a KMS key may do."""

    ENCRYPT_DECRYPT = "ENCRYPT_DECRYPT"
    SIGN_VERIFY = "SIGN_VERIFY"
    GENERATE_VERIFY_MAC = "GENERATE_VERIFY_MAC"
    KEY_AGREEMENT = "KEY_AGREEMENT"
    ENCAPSULATE_DECAPSULATE = "ENCAPSULATE_DECAPSULATE"


class KeySpec(StrEnum):
    """What kind of key material a KMS key has."""

    SYMMETRIC_DEFAULT = "SYMMETRIC_DEFAULT"
    RSA_2048 = "RSA_2048"
    RSA_3072 = "RSA_3072"
    RSA_4096 = "RSA_4096"
    ECC_NIST_P256 = "ECC_NIST_P256"
    ECC_NIST_P384 = "ECC_NIST_P384"
    ECC_NIST_P521 = "ECC_NIST_P521"
    ECC_SECG_P256K1 = "ECC_SECG_P256K1"
    ECC_NIST_EDWARDS25519 = "ECC_NIST_EDWARDS25519"
    HMAC_224 = "HMAC_224"
    HMAC_256 = "HMAC_256"
    HMAC_384 = "HMAC_384"
    HMAC_512 = "HMAC_512"
    ML_DSA_44 = "ML_DSA_44"
    ML_DSA_65 = "ML_DSA_65"
    ML_DSA_87 = "ML_DSA_87"
    ML_KEM_512 = "ML_KEM_512"
    ML_KEM_768 = "ML_KEM_768"
    ML_KEM_1024 = "ML_KEM_1024"
    SM2 = "SM2"


class Origin(StrEnum):
    """Where key material came from."""

    AWS_KMS = "AWS_KMS"
    EXTERNAL = "EXTERNAL"
    AWS_CLOUDHSM = "AWS_CLOUDHSM"
    EXTERNAL_KEY_STORE = "EXTERNAL_KEY_STORE"


class KeyManager(StrEnum):
    """Who made and manages the key: the customer, or a service of ours on the customer's behalf."""

    CUSTOMER = "CUSTOMER"
    AWS = "AWS"


_NIST_CURVE: Final = frozenset({KeyUsage.SIGN_VERIFY, KeyUsage.KEY_AGREEMENT})
_SIGN: Final = frozenset({KeyUsage.SIGN_VERIFY})
_MAC: Final = frozenset({KeyUsage.GENERATE_VERIFY_MAC})
_KEM: Final = frozenset({KeyUsage.ENCAPSULATE_DECAPSULATE})
_RSA: Final = frozenset({KeyUsage.ENCRYPT_DECRYPT, KeyUsage.SIGN_VERIFY})

USAGES: Final[dict[KeySpec, frozenset[KeyUsage]]] = {
    KeySpec.SYMMETRIC_DEFAULT: frozenset({KeyUsage.ENCRYPT_DECRYPT}),
    **dict.fromkeys((KeySpec.RSA_2048, KeySpec.RSA_3072, KeySpec.RSA_4096), _RSA),
    **dict.fromkeys((KeySpec.ECC_NIST_P256, KeySpec.ECC_NIST_P384, KeySpec.ECC_NIST_P521), _NIST_CURVE),
    **dict.fromkeys((KeySpec.ECC_SECG_P256K1, KeySpec.ECC_NIST_EDWARDS25519), _SIGN),
    **dict.fromkeys((KeySpec.HMAC_224, KeySpec.HMAC_256, KeySpec.HMAC_384, KeySpec.HMAC_512), _MAC),
    **dict.fromkeys((KeySpec.ML_DSA_44, KeySpec.ML_DSA_65, KeySpec.ML_DSA_87), _SIGN),
    **dict.fromkeys((KeySpec.ML_KEM_512, KeySpec.ML_KEM_768, KeySpec.ML_KEM_1024), _KEM),
    KeySpec.SM2: frozenset({KeyUsage.ENCRYPT_DECRYPT, KeyUsage.SIGN_VERIFY, KeyUsage.KEY_AGREEMENT}),
}
"""Which usages a key spec permits. Source: AWS KMS API Reference, "CreateKey", parameter KeyUsage."""


class MaterialEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One key material of a KMS key, by its names; the wrapped bytes are a record of their own."""

    handle: str
    """32 hex digits, random, in the header of each blob it made; equal in all Regions of a multi-Region key."""
    material_id: str
    """64 hex digits, what AWS calls KeyMaterialId: computed from key ID and material, tells nothing of either."""
    rotated_at: float | None = None
    """When a rotation made it current, seconds since the epoch; None: the key began with it."""
    rotation_type: str | None = None
    """AUTOMATIC or ON_DEMAND; None as above."""


class KMSKey(Record, frozen=True, kw_only=True):
    """A KMS key in one account and Region, with all that a request on it must know."""

    TABLE: ClassVar = "kms_keys"

    account_id: str
    region: str
    key_id: str
    created_at: float
    """Seconds since the epoch."""
    state: KeyState
    policy: str
    """The key policy, as it was written."""
    description: str = ""
    key_spec: KeySpec = KeySpec.SYMMETRIC_DEFAULT
    key_usage: KeyUsage = KeyUsage.ENCRYPT_DECRYPT
    origin: Origin = Origin.AWS_KMS
    manager: KeyManager = KeyManager.CUSTOMER
    multi_region: bool = False
    materials: tuple[MaterialEntry, ...] = ()
    """Oldest first; the last one is current."""
    tags: tuple[Tag, ...] = ()
    deletion_at: float | None = None
    """When the pending window ends, seconds since the epoch; only in PendingDeletion."""
    rotation_period_days: int | None = None
    """How often the key rotates by itself, 90 to 2,560 days; None: it does not."""
    next_rotation_at: float | None = None
    """When it does so next, seconds since the epoch."""

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id, self.region, self.key_id)

    @property
    def arn(self) -> str:
        """The key ARN."""
        return key_arn(self.region, self.account_id, self.key_id)

    @property
    def due_at(self) -> float | None:
        """When the clock has something to do with this key: its end, or a rotation, which waits while disabled."""
        if self.state is KeyState.PENDING_DELETION:
            return self.deletion_at
        return self.next_rotation_at if self.state is KeyState.ENABLED else None

    @property
    def kind(self) -> str:
        """`symmetric`, `asymmetric` or `HMAC`: an alias stays with keys of one kind."""
        if self.key_spec is KeySpec.SYMMETRIC_DEFAULT:
            return "symmetric"
        return "HMAC" if self.key_spec.startswith("HMAC_") else "asymmetric"

    @property
    def enabled(self) -> bool:
        """Whether the key state is Enabled; AWS calls this `Enabled` in KeyMetadata."""
        return self.state is KeyState.ENABLED

    @property
    def current_material(self) -> MaterialEntry:
        """The key material that encrypts."""
        return self.materials[-1]

    def check_usage(self, usage: KeyUsage, operation: str) -> None:
        """Refuse an operation that this key's usage does not permit.

        Raises:
            InvalidKeyUsageException: another usage.
        """
        if self.key_usage is not usage:
            raise InvalidKeyUsageException(
                f"{self.arn} key usage is {self.key_usage} which is not valid for {operation}."
            )

    def material(self, handle: str) -> MaterialEntry | None:
        """The key material with that handle, if it is one of this key's."""
        return next((entry for entry in self.materials if entry.handle == handle), None)


class KeyMaterial(Record, frozen=True, kw_only=True):
    """One key material, wrapped. It is opened inside a key store only."""

    TABLE: ClassVar = "key_materials"

    account_id: str
    region: str
    key_id: str
    handle: str
    """32 hex digits. Unique within a Region."""
    material_id: str
    """64 hex digits."""
    key_spec: KeySpec
    created_at: float
    """Seconds since the epoch."""
    wrapped: bytes
    public_key: bytes = b""
    """SubjectPublicKeyInfo in DER (RFC 5280, 4.1); empty for symmetric and HMAC key specs."""

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id, self.region, self.key_id, self.handle)

"""The KMS key: what a client names, what a policy protects, what material belongs to.

Source: AWS KMS API Reference, "KeyMetadata"; KMS developer guide, "KMS key concepts".
"""

import functools
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
    present: bool = True
    """False: it was imported, and deleted or expired since. The same material may come again, under the same handle."""
    valid_to: float | None = None
    """When imported material expires, seconds since the epoch; None: it does not."""
    description: str | None = None
    """What whoever imported it wrote to it."""
    pending_rotation: bool = False
    """It was imported and waits for RotateKeyOnDemand. Until then it does not encrypt, nor is it the key's for good."""

    def usable(self, now: float) -> bool:
        """Whether it is there and has not expired, even if nobody has come to remove it yet."""
        return self.present and (self.valid_to is None or now < self.valid_to)


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
    primary_region: str | None = None
    """Of a multi-Region key, equal in all its related keys: the Region of the primary key."""
    replica_regions: tuple[str, ...] = ()
    """Of a multi-Region key, equal in all its related keys: the Regions of the replica keys, oldest first."""
    settles_at: float | None = None
    """When Creating or Updating are over, seconds since the epoch; only in these states."""
    materials: tuple[MaterialEntry, ...] = ()
    """Oldest first; the last one is current, but for one that is pending rotation, which stands behind it."""
    tags: tuple[Tag, ...] = ()
    deletion_at: float | None = None
    """When the pending window ends, seconds since the epoch; only in PendingDeletion."""
    pending_window_days: int | None = None
    """How long the pending window will be once the last replica key is gone; only in PendingReplicaDeletion."""
    rotation_period_days: int | None = None
    """How often the key rotates by itself, 90 to 2,560 days; None: it does not."""
    next_rotation_at: float | None = None
    """When it does so next, seconds since the epoch."""
    principal_ids: dict[str, str] = msgspec.field(default_factory=dict)
    """Unique IDs of the users and roles that the key policy names by ARN, as they were when it was written."""

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id, self.region, self.key_id)

    @functools.cached_property
    def arn(self) -> str:
        """The key ARN."""
        return key_arn(self.region, self.account_id, self.key_id)

    @property
    def due_at(self) -> float | None:
        """When the clock has something to do with this key.

        Its end; a rotation, which waits while disabled and which a primary key does for its replica keys; the end of a
        transient state; the expiry of imported material, which nothing holds up.
        """
        moments = [entry.valid_to for entry in self.materials if entry.present]
        if self.state is KeyState.PENDING_DELETION:
            moments.append(self.deletion_at)
        elif self.state in (KeyState.CREATING, KeyState.UPDATING):
            moments.append(self.settles_at)
        elif self.state is KeyState.ENABLED and not self.is_replica:
            moments.append(self.next_rotation_at)
        return min((moment for moment in moments if moment is not None), default=None)

    @property
    def is_replica(self) -> bool:
        """Whether this is a replica key: what it shares with its primary key is set there."""
        return self.multi_region and self.primary_region != self.region

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
        return self.lasting_materials[-1]

    @property
    def lasting_materials(self) -> tuple[MaterialEntry, ...]:
        """The key materials that were ever current, oldest first: a key of origin EXTERNAL works only with all of them.

        Source: AWS KMS API Reference, "ImportKeyMaterial".
        """
        return self.materials if self.waiting_material is None else self.materials[:-1]

    @property
    def waiting_material(self) -> MaterialEntry | None:
        """The key material that is pending rotation, if there is one."""
        return self.materials[-1] if self.materials and self.materials[-1].pending_rotation else None

    def whole(self, now: float) -> bool:
        """Whether the key has material, and none of it is missing or has expired."""
        if self.origin is not Origin.EXTERNAL:
            return True
        return bool(self.materials) and all(entry.usable(now) for entry in self.lasting_materials)

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
    """Empty: it was imported and is gone; the record stays, so that blobs still say whose they are."""
    public_key: bytes = b""
    """SubjectPublicKeyInfo in DER (RFC 5280, 4.1); empty for symmetric and HMAC key specs."""

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id, self.region, self.key_id, self.handle)

"""Every label of the key derivation, in one table: no two uses of a key share one.

Labels are for ever: what was derived with one must be derived again. A changed construction takes a new label (`v2`).
"""

from enum import StrEnum


class Purpose(StrEnum):
    """What a key derived from the root key is for."""

    ROW_MAC = "selfkms/v1/row-mac"
    """The MAC on each row of the database."""
    HEADER = "selfkms/v1/header-tag"
    """The header tag of ciphertext blobs."""
    MATERIAL_ID = "selfkms/v1/material-id"
    """What AWS calls KeyMaterialId."""
    AUDIT_CHAIN = "selfkms/v1/audit-chain"
    """The hash chain of the audit journal."""
    TAG = "selfkms/v1/tag"
    """Tags on what we gave out and take back: markers of listings."""
    SECRET_SEALING = "selfkms/v1/secret-sealing"  # noqa: S105 (a label, not a secret)
    """Small secrets in rows: secret access keys."""
    DOMAIN_KEY_WRAPPING = "selfkms/v1/domain-key-wrapping"
    """The domain keys."""


class Envelope(StrEnum):
    """What a committed envelope holds."""

    MESSAGE = "selfkms/v1/sym"
    """A caller's plaintext, under key material: the ciphertext blob."""
    KEY_MATERIAL = "selfkms/v1/key-material"
    """Key material, under a domain key."""
    DOMAIN_KEY = "selfkms/v1/domain-key"
    """A domain key, under the key for domain key wrapping."""
    SMALL_SECRET = "selfkms/v1/small-secret"  # noqa: S105 (a label, not a secret)
    """A small secret, under the key for secret sealing."""
    ROOT_KEY = "selfkms/v1/root-key"
    """The root key, under the key of a seal."""


class OfDataKey(StrEnum):
    """What a key derived from the data key of a volume is for."""

    BLOCK_DIGEST = "selfkms/v1/block-digest"
    """The digests of a pack's blocks."""

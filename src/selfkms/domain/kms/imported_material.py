"""Imported key material: what may be imported how, and what becomes of a key whose material comes and goes.

The material that a key was first given binds: an asymmetric or an HMAC key takes no other for ever. A symmetric key may
be given more; each further one waits (PENDING_ROTATION) until RotateKeyOnDemand makes it current, and then belongs to
the key for good as well. A key works only while all that ever were current are there.

Source: AWS KMS API Reference, "ImportKeyMaterial", "DeleteImportedKeyMaterial"; KMS developer guide, "Importing key
material for AWS KMS keys".
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.errors import (
    IncorrectKeyMaterialException,
    KMSInvalidStateException,
    UnsupportedOperationException,
)
from selfkms.domain.kms.key_state import after
from selfkms.domain.kms.keys import KeyMaterial, KeySpec, KMSKey, MaterialEntry, Origin
from selfkms.domain.limits import SECONDS_PER_DAY

TOKEN_SECONDS: Final = 86_400.0
"""AWS KMS API Reference, "GetParametersForImport": an import token is valid for 24 hours."""

VALID_DAYS_MAX: Final = 365
"""AWS KMS API Reference, "ImportKeyMaterial", parameter ValidTo."""


class WrappingAlgorithm(StrEnum):
    """How key material is encrypted for its way here."""

    RSAES_PKCS1_V1_5 = "RSAES_PKCS1_V1_5"
    RSAES_OAEP_SHA_1 = "RSAES_OAEP_SHA_1"
    RSAES_OAEP_SHA_256 = "RSAES_OAEP_SHA_256"
    RSA_AES_KEY_WRAP_SHA_1 = "RSA_AES_KEY_WRAP_SHA_1"
    RSA_AES_KEY_WRAP_SHA_256 = "RSA_AES_KEY_WRAP_SHA_256"
    SM2PKE = "SM2PKE"


class WrappingKeySpec(StrEnum):
    """What kind of public key it is encrypted with."""

    RSA_2048 = "RSA_2048"
    RSA_3072 = "RSA_3072"
    RSA_4096 = "RSA_4096"
    SM2 = "SM2"


class ExpirationModel(StrEnum):
    """Whether imported key material expires."""

    KEY_MATERIAL_EXPIRES = "KEY_MATERIAL_EXPIRES"
    KEY_MATERIAL_DOES_NOT_EXPIRE = "KEY_MATERIAL_DOES_NOT_EXPIRE"


class ImportType(StrEnum):
    """Whether the key has the material that is imported already."""

    NEW_KEY_MATERIAL = "NEW_KEY_MATERIAL"
    EXISTING_KEY_MATERIAL = "EXISTING_KEY_MATERIAL"


class WrappingKey(msgspec.Struct, frozen=True):
    """A wrapping key as an import token holds it."""

    key_spec: KeySpec
    """RSA_2048, RSA_3072 or RSA_4096."""
    algorithm: WrappingAlgorithm
    sealed: bytes
    """The private key; it opens inside the key store that made it."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a request to import says of the material that it brings."""

    import_type: ImportType | None
    material_id: str | None
    """The KeyMaterialId that it must have, if the caller says so."""
    valid_to: float | None
    """When it expires, seconds since the epoch; None: it does not."""
    description: str | None


MATERIAL_BYTES: Final[dict[KeySpec, range]] = {
    KeySpec.SYMMETRIC_DEFAULT: range(32, 33),
    KeySpec.HMAC_224: range(28, 65),
    KeySpec.HMAC_256: range(32, 65),
    KeySpec.HMAC_384: range(48, 129),
    KeySpec.HMAC_512: range(64, 129),
}
"""How long material is that is nothing but random bytes.

Source: KMS developer guide, "Requirements for imported key material".
"""

_RSA: Final = frozenset({KeySpec.RSA_2048, KeySpec.RSA_3072, KeySpec.RSA_4096})
_CURVES: Final = frozenset(spec for spec in KeySpec if spec.startswith("ECC_"))
IMPORTABLE: Final = frozenset({*MATERIAL_BYTES, *_RSA, *_CURVES})
"""KMS developer guide, "Download the wrapping public key and import token": no ML-DSA; of ML-KEM it says nothing."""

_KEY_WRAP: Final = frozenset({WrappingAlgorithm.RSA_AES_KEY_WRAP_SHA_1, WrappingAlgorithm.RSA_AES_KEY_WRAP_SHA_256})


def check_importable(key_spec: KeySpec) -> None:
    """Refuse to make a key without material that nobody could ever bring any for.

    Raises:
        UnsupportedOperationException: ML-DSA, ML-KEM.
    """
    if key_spec not in IMPORTABLE:
        raise UnsupportedOperationException(f"KeySpec {key_spec} is not supported for Origin {Origin.EXTERNAL}.")


def check_origin(key: KMSKey) -> None:
    """Refuse a key whose material is not imported.

    Raises:
        UnsupportedOperationException: with AWS's text.
    """
    if key.origin is not Origin.EXTERNAL:
        raise UnsupportedOperationException(f"{key.arn} origin is {key.origin} which is not valid for this operation.")


def check_wrapping(key_spec: KeySpec, algorithm: WrappingAlgorithm, wrapping_key_spec: WrappingKeySpec) -> None:
    """Refuse a way of wrapping that is not offered, or that does not take this kind of material.

    An RSA private key is longer than OAEP encrypts under any wrapping key, a P-521 private key than it does under
    RSA_2048. AWS offers RSA_AES_KEY_WRAP for RSA and ECC private keys; here it takes every kind of material.

    Raises:
        UnsupportedOperationException: PKCS#1 v1.5, SM2, or one of these two cases.

    Source: KMS developer guide, "Select a wrapping algorithm".
    """
    if algorithm is WrappingAlgorithm.RSAES_PKCS1_V1_5:
        raise UnsupportedOperationException(
            "AWS KMS stopped supporting the RSAES_PKCS1_V1_5 wrapping algorithm on October 10, 2023. "
            "Use RSA_AES_KEY_WRAP_SHA_1, RSA_AES_KEY_WRAP_SHA_256, RSAES_OAEP_SHA_1 or RSAES_OAEP_SHA_256."
        )
    if algorithm is WrappingAlgorithm.SM2PKE:
        raise UnsupportedOperationException(f"WrappingAlgorithm {algorithm} is not supported in this Region")
    if wrapping_key_spec is WrappingKeySpec.SM2:
        raise UnsupportedOperationException(f"WrappingKeySpec {wrapping_key_spec} is not supported in this Region")
    if algorithm in _KEY_WRAP:
        return
    if key_spec in _RSA:
        raise UnsupportedOperationException(
            f"WrappingAlgorithm {algorithm} is not supported for {key_spec} key. "
            "Supported values are: RSA_AES_KEY_WRAP_SHA_1 and RSA_AES_KEY_WRAP_SHA_256."
        )
    if key_spec is KeySpec.ECC_NIST_P521 and wrapping_key_spec is WrappingKeySpec.RSA_2048:
        raise UnsupportedOperationException(
            f"WrappingAlgorithm {algorithm} with WrappingKeySpec {wrapping_key_spec} is not supported for "
            f"{key_spec} key."
        )


def check_valid_to(valid_to: float | None, *, now: float) -> None:
    """Refuse a date of expiry that is not ahead, or too far.

    Raises:
        ValidationException: it is one of the two.
    """
    if valid_to is None:
        return
    if valid_to <= now:
        raise ValidationException("ValidTo must be in the future")
    if valid_to > now + VALID_DAYS_MAX * SECONDS_PER_DAY:
        raise ValidationException(f"ValidTo must be at most {VALID_DAYS_MAX} days from now")


def imported(key: KMSKey, material: KeyMaterial, terms: Terms, *, now: float) -> KMSKey:
    """The key with this material, which it has for the first time or again.

    Raises:
        IncorrectKeyMaterialException: another material than the one expected, or a known one where a new one was; a
            replica key is given what its primary key has, and nothing new.
        KMSInvalidStateException: new material, and other new material is pending rotation already.
        ValidationException: a KeyMaterialId was given for material that is to be new.
    """
    known = next((entry for entry in key.materials if entry.material_id == material.material_id), None)
    if _import_type(key, terms) is ImportType.EXISTING_KEY_MATERIAL:
        if known is None or terms.material_id not in (None, known.material_id):
            raise IncorrectKeyMaterialException
        again = msgspec.structs.replace(
            known, present=True, valid_to=terms.valid_to, description=terms.description or known.description
        )
        materials = tuple(again if entry is known else entry for entry in key.materials)
    else:
        if known is not None or key.is_replica:
            raise IncorrectKeyMaterialException
        _check_room(key, material)
        first = MaterialEntry(
            material.handle,
            material.material_id,
            valid_to=terms.valid_to,
            description=terms.description,
            pending_rotation=bool(key.materials),
        )
        materials = (*key.materials, first)
    changed = key.changed(materials=materials)
    return changed.changed(state=after(key.state, "MaterialComplete")) if changed.whole(now) else changed


def without(key: KMSKey, gone: Sequence[MaterialEntry]) -> KMSKey:
    """The key when some of its imported materials are gone, deleted or expired.

    One that was pending rotation was not the key's for good: nothing is remembered of it, and the key's state stays. A
    replica key remembers it, as long as its primary key has it.
    """
    materials = tuple(
        msgspec.structs.replace(entry, present=False, valid_to=None) if entry in gone else entry
        for entry in key.materials
        if key.is_replica or not (entry.pending_rotation and entry in gone)
    )
    changed = key.changed(materials=materials)
    if all(entry.pending_rotation for entry in gone):
        return changed
    # One that was Updating does not become Enabled in a moment.
    return changed.changed(state=after(key.state, "MaterialLost"), settles_at=None)


def expired(key: KMSKey, *, at: float) -> tuple[MaterialEntry, ...]:
    """The materials whose time is over and that are still there."""
    return tuple(entry for entry in key.materials if entry.present and not entry.usable(at))


def expiration(key: KMSKey) -> tuple[ExpirationModel, float | None] | None:
    """What KeyMetadata says: whether any material of the key expires, and when the first does; None: it says nothing.

    Source: AWS KMS API Reference, "KeyMetadata", ExpirationModel and ValidTo.
    """
    lasting = key.lasting_materials
    if key.origin is not Origin.EXTERNAL or not lasting or not all(entry.present for entry in lasting):
        return None
    valid_to = min((entry.valid_to for entry in lasting if entry.valid_to is not None), default=None)
    return model_of(valid_to), valid_to


def model_of(valid_to: float | None) -> ExpirationModel:
    """The expiration model that goes with a date, or with none."""
    if valid_to is None:
        return ExpirationModel.KEY_MATERIAL_DOES_NOT_EXPIRE
    return ExpirationModel.KEY_MATERIAL_EXPIRES


def _import_type(key: KMSKey, terms: Terms) -> ImportType:
    """What the caller says, or what follows from whether the key has had material."""
    import_type = terms.import_type
    if import_type is None:
        again = bool(key.materials) or key.is_replica
        import_type = ImportType.EXISTING_KEY_MATERIAL if again else ImportType.NEW_KEY_MATERIAL
    if import_type is ImportType.NEW_KEY_MATERIAL and terms.material_id is not None:
        raise ValidationException("You cannot specify KeyMaterialId when ImportType is NEW_KEY_MATERIAL.")
    return import_type


def _check_room(key: KMSKey, material: KeyMaterial) -> None:
    """One material at a time waits for its rotation."""
    waiting = key.waiting_material
    if waiting is not None:
        raise KMSInvalidStateException(
            f"New key material (id: {material.material_id}) cannot be imported into KMS key {key.arn}, "
            f"because another key material (id: {waiting.material_id}) is pending rotation."
        )

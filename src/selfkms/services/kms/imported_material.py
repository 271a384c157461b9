"""GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial, and the end of what expires.

Source: AWS KMS API Reference, the operations of these names; KMS developer guide, "Importing key material for AWS KMS
keys".
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from selfkms.domain.cloudtrail.event import service_event
from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.errors import ExpiredImportTokenException, InvalidImportTokenException, NotFoundException
from selfkms.domain.kms.imported_material import (
    TOKEN_SECONDS,
    ExpirationModel,
    ImportType,
    Terms,
    WrappingAlgorithm,
    WrappingKey,
    WrappingKeySpec,
    check_origin,
    check_valid_to,
    check_wrapping,
    expired,
    imported,
    without,
)
from selfkms.domain.kms.keys import KeyMaterial, KeySpec, KMSKey, MaterialEntry
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.ports.database import CorruptRecordError
from selfkms.services.context import Context
from selfkms.services.kms.condition_keys import of_import, of_import_parameters
from selfkms.services.kms.related_keys import drop_from_replicas, synchronize
from selfkms.services.operation import Audit, KeyNamed, Operation
from selfkms.services.shapes import Shape

_TOKEN_BINDING: Final = ("import token",)


class ImportToken(msgspec.Struct, frozen=True):
    """What an import token says, sealed: nothing of it is kept here."""

    key_arn: str
    wrapping_key: WrappingKey
    valid_to: float
    """Seconds since the epoch."""


_encode_token = msgspec.msgpack.Encoder().encode
_decode_token = msgspec.msgpack.Decoder(ImportToken).decode


class GetParametersForImportRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    wrapping_algorithm: WrappingAlgorithm
    wrapping_key_spec: WrappingKeySpec


class GetParametersForImportResult(Shape, frozen=True, kw_only=True):
    key_id: str
    import_token: bytes
    public_key: Secret
    """SubjectPublicKeyInfo in DER. No secret, but the service model calls it sensitive."""
    parameters_valid_to: float


class ImportKeyMaterialRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    import_token: bytes
    encrypted_key_material: bytes
    valid_to: float | None = None
    expiration_model: ExpirationModel | None = None
    import_type: ImportType | None = None
    key_material_description: str | None = None
    key_material_id: str | None = None


class ImportKeyMaterialResult(Shape, frozen=True, kw_only=True):
    key_id: str
    key_material_id: str | None = None


class DeleteImportedKeyMaterialRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    key_material_id: str | None = None


class DeleteImportedKeyMaterialResult(Shape, frozen=True, kw_only=True):
    key_id: str
    key_material_id: str | None = None


def check_import(request: ImportKeyMaterialRequest) -> None:
    """Refuse an expiration model without its date, or a date without its model."""
    if request.expiration_model is ExpirationModel.KEY_MATERIAL_DOES_NOT_EXPIRE:
        if request.valid_to is not None:
            raise ValidationException(
                "The parameter ValidTo cannot be specified for a key with an expiration model of "
                "KEY_MATERIAL_DOES_NOT_EXPIRE"
            )
    elif request.valid_to is None:
        raise ValidationException("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES")


def get_parameters_for_import(
    request: GetParametersForImportRequest, key: KMSKey, context: Context
) -> GetParametersForImportResult:
    """A public key to wrap material with, and the token that it comes back with. Nothing of either is kept.

    Raises:
        UnsupportedOperationException: the key's material is not imported, or this kind not wrapped in this way.
    """
    check_origin(key)
    check_wrapping(key.key_spec, request.wrapping_algorithm, request.wrapping_key_spec)
    public_key, wrapping_key = context.key_store.new_wrapping_key(
        account_id=key.account_id,
        region=key.region,
        key_id=key.key_id,
        key_spec=KeySpec(request.wrapping_key_spec),
        algorithm=request.wrapping_algorithm,
    )
    token = ImportToken(key.arn, wrapping_key, context.now + TOKEN_SECONDS)
    return GetParametersForImportResult(
        key_id=key.arn,
        import_token=context.keys.seal(Secret(_encode_token(token)), bound_to=_TOKEN_BINDING),
        public_key=Secret(public_key),
        parameters_valid_to=token.valid_to,
    )


def import_key_material(request: ImportKeyMaterialRequest, key: KMSKey, context: Context) -> ImportKeyMaterialResult:
    """Give the key its material, for the first time, again, or beside what it has.

    Raises:
        UnsupportedOperationException: the key's material is not imported.
        ValidationException: a date that is not ahead, or parameters for symmetric keys with another key.
        InvalidImportTokenException: not issued here for this key.
        ExpiredImportTokenException: issued more than 24 hours ago.
        InvalidCiphertextException: the material does not unwrap.
        IncorrectKeyMaterialException: of another kind than the key's, or not the one expected.
        KMSInvalidStateException: new material, and other new material is pending rotation.
    """
    check_origin(key)
    check_valid_to(request.valid_to, now=context.now)
    symmetric = key.kind == "symmetric"
    if not symmetric:
        _check_not_given(request)
    material = context.key_store.import_material(
        account_id=key.account_id,
        region=key.region,
        key_id=key.key_id,
        key_spec=key.key_spec,
        wrapping_key=_open_token(request.import_token, key, context).wrapping_key,
        encrypted=request.encrypted_key_material,
        handles={entry.material_id: entry.handle for entry in key.materials},
    )
    terms = Terms(
        import_type=request.import_type,
        material_id=request.key_material_id,
        valid_to=request.valid_to,
        description=request.key_material_description,
    )
    changed = imported(key, material, terms, now=context.now)
    _put_material(material, key, context)
    context.put(changed)
    if key.material(material.handle) is None:
        # New, so `key` is no replica key. Its replica keys may be given it from now on.
        synchronize(changed, context, material)
    return ImportKeyMaterialResult(key_id=key.arn, key_material_id=material.material_id if symmetric else None)


def delete_imported_key_material(
    request: DeleteImportedKeyMaterialRequest, key: KMSKey, context: Context
) -> DeleteImportedKeyMaterialResult:
    """Remove a key material, the current one unless another is named. That it is gone already is no error.

    Raises:
        UnsupportedOperationException: the key's material is not imported.
        NotFoundException: the key has no material of that ID.
    """
    check_origin(key)
    entry = _named_material(request.key_material_id, key)
    if entry is None:
        return DeleteImportedKeyMaterialResult(key_id=key.arn)
    if entry.present or (entry.pending_rotation and not key.is_replica):
        take_away(key, (entry,), context)
    named = key.kind == "symmetric"
    return DeleteImportedKeyMaterialResult(key_id=key.arn, key_material_id=entry.material_id if named else None)


def take_away(key: KMSKey, entries: Sequence[MaterialEntry], context: Context) -> list[KeyMaterial]:
    """Remove key materials that are there, and what follows for the key, in one change.

    A record without the material stays of each that ever was current: ciphertext that it made still leads to the key,
    which says that it is pending import, and not to nothing. What a primary key had waiting for its rotation is no
    replica key's either. What is given back is destroyed once that is committed.
    """
    gone = []
    dropped = set()
    for entry in entries:
        material = _record(key, entry, context)
        context.remove(material)
        if not entry.pending_rotation or key.is_replica:
            context.put(material.changed(row_version=0, wrapped=b""))
        else:
            dropped.add(entry.handle)
        gone.append(material)
    changed = without(key, entries)
    context.put(changed)
    return gone + (drop_from_replicas(changed, dropped, context) if dropped else [])


def expire(key: KMSKey, context: Context, *, at: float) -> list[KeyMaterial]:
    """Remove what expired until then, with the event of it. What is given back is destroyed once that is committed."""
    entries = expired(key, at=at)
    for _ in entries:
        context.emit(
            service_event(
                event_id=context.entropy.uuid(),
                at=context.now,
                name="DeleteExpiredKeyMaterial",
                account_id=key.account_id,
                region=key.region,
                key_arn=key.arn,
                details={"keyId": key.key_id},
            )
        )
    return take_away(key, entries, context)


def _put_material(material: KeyMaterial, key: KMSKey, context: Context) -> None:
    """Write the material, unless it is there and only its date of expiry changes."""
    entry = key.material(material.handle)
    if entry is None:
        context.put(material)
    elif not entry.present:
        context.put(material.changed(row_version=_record(key, entry, context).row_version))


def _record(key: KMSKey, entry: MaterialEntry, context: Context) -> KeyMaterial:
    """The record of a material, which stays when the material goes."""
    found = context.database.material(key.account_id, key.region, key.key_id, entry.handle)
    if found is None:
        raise CorruptRecordError(f"{key.arn}: a record of its key material is missing")
    return found


def _open_token(sealed: bytes, key: KMSKey, context: Context) -> ImportToken:
    """What an import token says, if it is one, for this key, and not too old."""
    try:
        token = _decode_token(context.keys.open(sealed, bound_to=_TOKEN_BINDING).open(SECRET_ACCESS))
    except CorruptRecordError:
        raise InvalidImportTokenException from None
    if token.key_arn != key.arn:
        raise InvalidImportTokenException
    if context.now >= token.valid_to:
        raise ExpiredImportTokenException
    return token


def _check_not_given(request: ImportKeyMaterialRequest) -> None:
    """Refuse what is only usable with symmetric keys."""
    for name, value in (
        ("ImportType", request.import_type),
        ("KeyMaterialDescription", request.key_material_description),
        ("KeyMaterialId", request.key_material_id),
    ):
        if value is not None:
            raise ValidationException(f"{name} is only supported with symmetric encryption KMS keys.")


def _named_material(material_id: str | None, key: KMSKey) -> MaterialEntry | None:
    """The material of that ID, or the current one; None of a key that never had any."""
    if material_id is None:
        return key.current_material if key.materials else None
    found = next((entry for entry in key.materials if entry.material_id == material_id), None)
    if found is None:
        raise NotFoundException(f"Key material '{material_id}' does not exist in {key.arn}")
    return found


_KEY: Final = (KeyNamed(),)

OPERATIONS: Final = (
    Operation(
        "GetParametersForImport",
        run=get_parameters_for_import,
        request=GetParametersForImportRequest,
        condition_keys=of_import_parameters,
        targets=_KEY,
        slow=True,  # a new RSA key pair, unless one is ready
        audit=Audit(parameters=("key_id", "wrapping_algorithm", "wrapping_key_spec")),
    ),
    Operation(
        "ImportKeyMaterial",
        run=import_key_material,
        request=ImportKeyMaterialRequest,
        condition_keys=of_import,
        check=check_import,
        targets=_KEY,
        writes=True,
        audit=Audit(
            parameters=("key_id", "valid_to", "expiration_model", "import_type"),
            answers=("key_id", "key_material_id"),
            read_only=False,
        ),
    ),
    Operation(
        "DeleteImportedKeyMaterial",
        run=delete_imported_key_material,
        request=DeleteImportedKeyMaterialRequest,
        targets=_KEY,
        writes=True,
        audit=Audit(parameters=("key_id", "key_material_id"), answers=("key_id",), read_only=False),
    ),
)

"""How each secret at rest is wrapped: which format byte, which label, and what it is bound to.

A wrapped secret is a header, whose first byte says what it is, and a committed envelope. It opens only in the row
that it was wrapped for: moved to another row, key, account or Region it is refused.
"""

import hashlib
import struct
from typing import Final

from selfkms.crypto.aead import RANDOM_BYTES, Binding, EnvelopeNotOpenedError, open_committed, seal_committed
from selfkms.crypto.framing import frame
from selfkms.crypto.labels import Envelope
from selfkms.domain.installation import DomainKey
from selfkms.domain.kms.keys import KeyMaterial
from selfkms.domain.secrets import Secret
from selfkms.ports.database import CorruptRecordError
from selfkms.ports.entropy import Entropy

_DOMAIN_KEY_HEADER: Final = b"\xd1"
_KEY_MATERIAL_FORMAT: Final = 0xD2
_KEY_MATERIAL_HEADER: Final = struct.Struct(">BI")
"""The format byte and the version of the domain key."""
_SMALL_SECRET_HEADER: Final = b"\xd3"


def wrap(key: Secret, secret: Secret, binding: Binding, entropy: Entropy) -> bytes:
    """Header and envelope."""
    return binding.header + seal_committed(key, secret, binding, random=entropy.random_bytes(RANDOM_BYTES))


def unwrap(key: Secret, wrapped: bytes, binding: Binding, *, what: str) -> Secret:
    """The secret.

    Args:
        key: what it was wrapped with.
        wrapped: header and envelope.
        binding: what it must be bound to.
        what: table and primary key, for the error.

    Raises:
        CorruptRecordError: altered, or wrapped for something else.
    """
    header_bytes = len(binding.header)
    if wrapped[:header_bytes] != binding.header:
        raise CorruptRecordError(f"{what}: not a wrapped secret of the kind expected")
    try:
        return open_committed(key, wrapped[header_bytes:], binding)
    except EnvelopeNotOpenedError:
        raise CorruptRecordError(f"{what}: the wrapped secret does not open") from None


def domain_key_binding(record: DomainKey, *, row_version: int) -> Binding:
    """A domain key row is inserted and never changed, so its row version is part of the binding."""
    words = frame(record.TABLE, *record.primary_key(), str(row_version))
    return Binding(Envelope.DOMAIN_KEY, _DOMAIN_KEY_HEADER, _DOMAIN_KEY_HEADER, words)


def key_material_binding(record: KeyMaterial, *, domain_key_version: int) -> Binding:
    """Account, Region, key ID and handle are the primary key. Where there is a public key, it is bound as well."""
    header = _KEY_MATERIAL_HEADER.pack(_KEY_MATERIAL_FORMAT, domain_key_version)
    words = [record.TABLE, *record.primary_key(), record.key_spec]
    if record.public_key:
        words.append(hashlib.sha256(record.public_key).hexdigest())
    return Binding(Envelope.KEY_MATERIAL, header, header, frame(*words))


def domain_key_version(wrapped_material: bytes, *, what: str) -> int:
    """Which domain key wraps this key material. The answer is checked when the material is unwrapped.

    Raises:
        CorruptRecordError: not wrapped key material.
    """
    if len(wrapped_material) < _KEY_MATERIAL_HEADER.size or wrapped_material[0] != _KEY_MATERIAL_FORMAT:
        raise CorruptRecordError(f"{what}: not wrapped key material")
    version: int = _KEY_MATERIAL_HEADER.unpack_from(wrapped_material)[1]
    return version


def small_secret_binding(words: tuple[str, ...]) -> Binding:
    """A small secret is bound to the words that its owner names: table and primary key of the row it stands in."""
    return Binding(Envelope.SMALL_SECRET, _SMALL_SECRET_HEADER, _SMALL_SECRET_HEADER, frame(*words))


def name_of(record: DomainKey | KeyMaterial) -> str:
    """Table and primary key, as errors name a row."""
    return f"{record.TABLE} {'/'.join(record.primary_key())}"

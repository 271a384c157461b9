"""The ciphertext blob, format 1: where each field stands. What the fields mean is in `docs/ciphertext-format.md`.

    offset  bytes   field
    0       1       format, 0xA1
    1       1       suite
    2       16      handle of the key material
    18      16      header tag, over bytes 0 to 17
    34      16      N
    50      32      key commitment
    82      12      GCM IV
    94      n + 16  AES-256-GCM ciphertext and tag

The format is for ever: a blob that was made once must open as long as its key material exists. Bytes 0 to 33, the
header, have this shape in every format to come; what follows may change with the first byte.
"""

import struct
from enum import IntEnum
from typing import Final, NamedTuple, Self

from selfkms.domain.kms.errors import InvalidCiphertextException

FORMAT_1: Final = 0xA1


class Suite(IntEnum):
    """What kind of key store holds the key material."""

    SOFTWARE = 1
    PKCS11 = 2
    EXTERNAL = 3


HANDLE_BYTES: Final = 16
HEADER_FIELDS_BYTES: Final = 18
"""Format, suite and handle: what the header tag is computed over."""
HEADER_TAG_BYTES: Final = 16
HEADER_BYTES: Final = HEADER_FIELDS_BYTES + HEADER_TAG_BYTES
NONCE_BYTES: Final = 16
COMMITMENT_BYTES: Final = 32
IV_BYTES: Final = 12
GCM_TAG_BYTES: Final = 16
OVERHEAD_BYTES: Final = HEADER_BYTES + NONCE_BYTES + COMMITMENT_BYTES + IV_BYTES + GCM_TAG_BYTES
"""How much longer a blob is than its plaintext: 110."""

_HEADER_FIELDS: Final = struct.Struct(f">BB{HANDLE_BYTES}s")
_FIELDS: Final = struct.Struct(
    f">BB{HANDLE_BYTES}s{HEADER_TAG_BYTES}s{NONCE_BYTES}s{COMMITMENT_BYTES}s{IV_BYTES}s",
)


def pack_header_fields(suite: Suite, handle: str) -> bytes:
    """Bytes 0 to 17 of a blob; `handle` is 32 hex digits."""
    return _HEADER_FIELDS.pack(FORMAT_1, suite, bytes.fromhex(handle))


class CiphertextBlob(NamedTuple):
    """The fields of a blob as they stand there: nothing of it has been checked but the length."""

    format: int
    suite: int
    handle: str
    """32 hex digits."""
    header_tag: bytes
    nonce: bytes
    """N, 16 bytes: with it, each message has keys of its own."""
    commitment: bytes
    iv: bytes
    body: bytes
    """The GCM ciphertext and, in the last 16 bytes, the GCM tag."""

    @classmethod
    def parse(cls, blob: bytes) -> Self:
        """The fields. Format and suite mean something only after the header tag was checked.

        Raises:
            InvalidCiphertextException: the blob is shorter than one of an empty plaintext.
        """
        if len(blob) < OVERHEAD_BYTES:
            raise InvalidCiphertextException
        form, suite, handle, header_tag, nonce, commitment, iv = _FIELDS.unpack_from(blob)
        return cls(form, suite, handle.hex(), header_tag, nonce, commitment, iv, blob[_FIELDS.size :])

    def pack(self) -> bytes:
        """The blob."""
        fields = (self.format, self.suite, bytes.fromhex(self.handle))
        return _FIELDS.pack(*fields, self.header_tag, self.nonce, self.commitment, self.iv) + self.body

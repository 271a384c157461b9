"""The encryption context as bytes, so that it can be authenticated with a ciphertext blob.

The encoding is injective: two different contexts never give the same bytes. Each part has its length in front, so
`{"a": "bc"}` and `{"ab": "c"}` differ, and the pairs are sorted, because a context has no order.

Source: KMS developer guide, "Encryption context": an exact, case-sensitive match, in any order.
"""

import struct
from collections.abc import Mapping
from typing import Final

from selfkms.domain.errors import ValidationException

TAG: Final = b"selfkms/v1/encryption-context"
"""In front of every encoded context: nothing else that is authenticated beside a header begins like this."""

_LENGTH: Final = struct.Struct(">I")
NO_PAIRS: Final = TAG + _LENGTH.pack(0)


def bind(context: Mapping[str, str]) -> bytes:
    """The tag, the number of pairs, then each pair's name and value with their lengths in front.

    Numbers are 4 bytes, big endian; lengths are in bytes; text is UTF-8; pairs are sorted by the bytes of the name.

    Raises:
        ValidationException: a name or a value holds half of a surrogate pair, which has no UTF-8 form.
    """
    if not context:
        return NO_PAIRS
    try:
        pairs = sorted([(name.encode(), value.encode()) for name, value in context.items()])
    except UnicodeEncodeError:
        # Not chained: the text of the encoding error quotes the value.
        raise ValidationException("The encryption context holds a character that has no UTF-8 form.") from None
    length = _LENGTH.pack
    encoded = [b"%b%b%b%b" % (length(len(name)), name, length(len(value)), value) for name, value in pairs]
    return b"%b%b%b" % (TAG, length(len(pairs)), b"".join(encoded))

"""Several words as one string of bytes that no other words give."""

import struct
from typing import Final

_NUMBER: Final = struct.Struct(">I")


def frame(*words: str) -> bytes:
    """The number of words, then each word's length in bytes and its UTF-8 form. Numbers are 4 bytes, big endian."""
    encoded = [_NUMBER.pack(len(words))]
    for word in words:
        content = word.encode()
        encoded.append(_NUMBER.pack(len(content)))
        encoded.append(content)
    return b"".join(encoded)

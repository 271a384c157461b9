"""Keys from keys."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode

from selfkms.crypto.kdf import DerivationKey, derive

KEY = bytes(range(32))


def test_one_block_to_the_byte() -> None:
    """Counter, label, zero, context and length in bits, in this order: SP 800-108r1, 4.1."""
    fixed = b"\0\0\0\1" + b"label" + b"\0" + b"context" + b"\0\0\1\0"
    assert derive(KEY, label=b"label", context=b"context", length=32) == hmac.digest(KEY, fixed, hashlib.sha256)


def test_the_second_block_counts_two() -> None:
    """64 bytes are two blocks, with the same length in both."""
    blocks = [b"\0\0\0" + bytes([i]) + b"label\0" + b"\0\0\2\0" for i in (1, 2)]
    expected = b"".join(hmac.digest(KEY, block, hashlib.sha256) for block in blocks)
    assert derive(KEY, label=b"label", context=b"", length=64) == expected


def test_a_key_of_a_whole_block() -> None:
    """The 64 bytes of a volume's data key go into HMAC as they are."""
    key = bytes(range(64))
    fixed = b"\0\0\0\1label\0context\0\0\1\0"
    assert derive(key, label=b"label", context=b"context", length=32) == hmac.digest(key, fixed, hashlib.sha256)


def test_a_shorter_output_is_no_beginning_of_a_longer_one() -> None:
    """The length is part of what is derived."""
    assert derive(KEY, label=b"x", context=b"", length=64)[:32] != derive(KEY, label=b"x", context=b"", length=32)


@pytest.mark.parametrize(("key", "label"), [(KEY, b""), (KEY, b"a\0b"), (KEY[:31], b"x"), (bytes(63), b"x")])
def test_what_we_promise_is_held(key: bytes, label: bytes) -> None:
    """A label without end, or a short key, is a mistake of ours and stops the program there."""
    with pytest.raises(AssertionError):
        derive(key, label=label, context=b"", length=32)


@pytest.mark.parametrize("length", [1, 31, 32, 33, 64, 100])
def test_it_is_the_kbkdf_of_the_library(length: int) -> None:
    """Byte for byte what `cryptography` makes of the same, at every length, also of a key that is used again."""
    theirs = KBKDFHMAC(
        algorithm=SHA256(),
        mode=Mode.CounterMode,
        length=length,
        rlen=4,
        llen=4,
        location=CounterLocation.BeforeFixed,
        label=b"label",
        context=b"con\0text",
        fixed=None,
    ).derive(KEY)
    key = DerivationKey(KEY)
    for _ in range(2):
        assert key.derive(label=b"label", context=b"con\0text", length=length) == theirs

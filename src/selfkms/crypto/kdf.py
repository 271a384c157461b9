"""Keys from keys: SP 800-108 in counter mode with HMAC-SHA-256.

    K(i) = HMAC-SHA-256(key, [i] ‖ label ‖ 0x00 ‖ context ‖ [L])        i = 1, 2, …

[i] is 4 bytes, big endian, in front of the fixed input; [L] is the length asked for in bits, 4 bytes, big endian.
The output is K(1) ‖ K(2) ‖ … cut to that length. L is part of each block, so outputs of different lengths have
nothing in common.

Source: NIST SP 800-108r1, 4.1.
"""

from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

KEY_BYTES: Final = 32
XTS_KEY_BYTES: Final = 64
"""The keys of AES-256-XTS. As long as a block of SHA-256, so that HMAC takes them as they are (RFC 2104, 2)."""


class DerivationKey:
    """A key to derive from, prepared once: HMAC's two hashes of the key itself are then behind it."""

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes) -> None:
        """`key`: 32 or 64 random bytes."""
        assert len(key) in {KEY_BYTES, XTS_KEY_BYTES}
        self._keyed = HMAC(key, SHA256())

    def derive(self, *, label: bytes, context: bytes, length: int) -> bytes:
        """`length` bytes that nobody can compute without the key.

        Args:
            label: what the bytes are for. Without zero bytes, so that the separator says where it ends.
            context: to whom or to what they belong. May be empty.
            length: in bytes.
        """
        # Otherwise two pairs of label and context could give the same input (SP 800-108r1, 4, on the zero separator).
        assert label
        assert 0 not in label
        fixed = b"%b\0%b%b" % (label, context, (length * 8).to_bytes(4, "big"))
        output = b""
        counter = 0
        while len(output) < length:
            counter += 1
            block = self._keyed.copy()
            block.update(counter.to_bytes(4, "big") + fixed)
            output += block.finalize()
        return output[:length]


def derive(key: bytes, *, label: bytes, context: bytes, length: int) -> bytes:
    """The same, from a key that is used once."""
    return DerivationKey(key).derive(label=label, context=context, length=length)

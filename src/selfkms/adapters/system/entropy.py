"""Randomness from the kernel."""

import os
from typing import Final

_VARIANT_DIGITS: Final = "89ab"


class SystemEntropy:
    """The port `Entropy`. Nothing is kept in advance, so that a forked process never gives what its parent gave."""

    def random_bytes(self, count: int) -> bytes:
        """`count` bytes from getrandom(2)."""
        return os.urandom(count)

    def uuid(self) -> str:
        """A UUID of version 4 (RFC 9562, 5.4): all digits random but version and variant. Each request needs two.

        Put together here because `uuid.uuid4` takes three times as long.
        """
        digits = os.urandom(16).hex()
        variant = _VARIANT_DIGITS[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

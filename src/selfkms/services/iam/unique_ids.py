"""Unique IDs: never used again, so that a user made anew under an old name is another one.

Source: IAM User Guide, "IAM identifiers", "Unique identifiers".
"""

from base64 import b32encode
from enum import StrEnum
from typing import Final

from selfkms.ports.entropy import Entropy

# 17 characters of base 32 hold 85 bits: three less than eleven bytes have.
_RANDOM_BYTES: Final = 11
_CHARACTERS: Final = 17
_UNUSED_BITS: Final = 3


class IDPrefix(StrEnum):
    """How the unique ID of each kind of entity begins."""

    USER = "AIDA"
    GROUP = "AGPA"
    ROLE = "AROA"
    MANAGED_POLICY = "ANPA"


def unique_id(prefix: IDPrefix, entropy: Entropy) -> str:
    """A new unique ID: the prefix and 17 letters and digits, all of them random."""
    # The first bits are left out, not the last ones, which differ also where randomness is counted up in tests.
    number = int.from_bytes(entropy.random_bytes(_RANDOM_BYTES)) << _UNUSED_BITS
    return prefix + b32encode(number.to_bytes(_RANDOM_BYTES + 1)[1:]).decode()[:_CHARACTERS]

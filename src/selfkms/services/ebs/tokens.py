"""Block tokens and page tokens of the EBS direct APIs. A token opens nothing: who brings it must be permitted himself.

The text is base64 of an expiry and, in a page token, a position, with a tag over these and over what the token is for.

Source: EBS direct APIs API Reference, "Block", BlockToken: at most 256 characters of base64; Amazon EBS User Guide,
"Read snapshots with EBS direct APIs".
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from hmac import compare_digest
from typing import Final

from selfkms.ports.installation_keys import InstallationKeys

BLOCK_SECONDS: Final = 7 * 86_400
PAGE_SECONDS: Final = 60 * 60

_NUMBER_BYTES: Final = 8


class TokenError(Exception):
    """None of this installation's, of something else, or too old."""


class Tokens:
    """Makes and reads tokens of one kind about one thing."""

    def __init__(self, keys: InstallationKeys, *about: str) -> None:
        """`about` begins with the kind; the rest is what the tokens are for."""
        self._keys = keys
        self._about = b"".join(len(part).to_bytes(4, "big") + part for part in (text.encode() for text in about))

    def issue(self, number: int, *, expires_at: float) -> str:
        """A token that says a number: the index of a block, or where a listing goes on."""
        return b64encode(self._sealed(number, int(expires_at))).decode("ascii")

    def number_of(self, token: str, *, now: float) -> int:
        """What a token says.

        Raises:
            TokenError: see there.
        """
        try:
            given = b64decode(token.encode("ascii"), validate=True)
        except (Base64Error, ValueError):
            raise TokenError from None
        number = int.from_bytes(given[:_NUMBER_BYTES], "big")
        expires_at = int.from_bytes(given[_NUMBER_BYTES : 2 * _NUMBER_BYTES], "big")
        if not compare_digest(given, self._sealed(number, expires_at)) or expires_at < now:
            raise TokenError
        return number

    def _sealed(self, number: int, expires_at: int) -> bytes:
        said = number.to_bytes(_NUMBER_BYTES, "big") + expires_at.to_bytes(_NUMBER_BYTES, "big")
        return said + self._keys.tag("token of EBS", self._about + said)

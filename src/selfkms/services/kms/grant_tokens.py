"""Grant tokens: they name a grant, so that it can be used or retired before it is known everywhere.

A token gives no permission by itself: whoever brings it must still be the grantee. It is opaque to the client, and
only this installation can make one. Its text is base64 of

    tag (16 bytes) ‖ nonce (16 bytes) ‖ account, Region, key ID and grant ID, each on a line

where the tag is computed over what follows it. The nonce makes each token of a grant another one, as on AWS.

Source: KMS developer guide, "Grant token", "Using a grant token"; AWS KMS API Reference, "CreateGrant", Name.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from hmac import compare_digest
from typing import Final, NamedTuple

from selfkms.domain.kms.errors import InvalidGrantTokenException
from selfkms.domain.kms.grants import Grant
from selfkms.ports.entropy import Entropy
from selfkms.ports.installation_keys import InstallationKeys

_PURPOSE: Final = "grant token"
_TAG_BYTES: Final = 16
_NONCE_BYTES: Final = 16


class GrantName(NamedTuple):
    """The primary key of a grant."""

    account_id: str
    region: str
    key_id: str
    grant_id: str


def grant_token(keys: InstallationKeys, entropy: Entropy, grant: Grant) -> str:
    """A new token of a grant. All tokens of a grant are worth the same."""
    body = entropy.random_bytes(_NONCE_BYTES) + "\n".join(grant.primary_key()).encode()
    return _text(keys, body).decode()


def read_grant_token(keys: InstallationKeys, token: str) -> GrantName:
    """The grant that a token names. Whether there still is one is not looked up.

    Raises:
        InvalidGrantTokenException: not made by this installation, or altered.
    """
    try:
        given = token.encode("ascii")
        body = b64decode(given, validate=True)[_TAG_BYTES:]
    except (Base64Error, ValueError):
        # Not chained: the text of the error may quote the token.
        raise InvalidGrantTokenException from None
    # Compared as text: so one token has one text, whatever base64 lets through.
    if not compare_digest(given, _text(keys, body)):
        raise InvalidGrantTokenException
    return GrantName(*body[_NONCE_BYTES:].decode().split("\n"))


def _text(keys: InstallationKeys, body: bytes) -> bytes:
    return b64encode(keys.tag(_PURPOSE, body) + body)

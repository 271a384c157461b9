"""Session tokens: a session and its secret access key, sealed by the installation. Nothing of a session is stored.

What is sealed: one byte for the format, the 40 characters of the secret access key, the session as JSON packed by zlib,
and zeros where a client asked for a longer token. The secret is not packed, so that no length depends on it.

Source: STS API Reference, "Credentials", parameter "MinimumSessionTokenSize" of AssumeRole.
"""

import zlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import Final

import msgspec

from selfkms.domain.iam.callers import Session
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.domain.sts.limits import SESSION_TOKEN_BYTES_MAX
from selfkms.ports.database import CorruptRecordError
from selfkms.ports.installation_keys import InstallationKeys

SECRET_CHARACTERS: Final = 40

_BINDING: Final = ("session",)
_FORMAT: Final = b"\x01"
_PACKING_LEVEL: Final = 9
# 50 tags with keys of 128 and values of 256 characters of four bytes, keys named again as transitive, ten ARNs of 2,048
# characters and a policy take less than 140 kB.
_UNPACKED_BYTES_MAX: Final = 262_144

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Session)


class SessionTokenError(Exception):
    """Not a session token of this installation."""


def seal_session(session: Session, secret: Secret, keys: InstallationKeys, *, bytes_min: int = 0) -> str:
    """The session token, in base64.

    Args:
        session: all of what the temporary credentials stand for.
        secret: the secret access key, 40 characters.
        keys: seal it.
        bytes_min: how long the token must be at least.
    """
    assert len(secret) == SECRET_CHARACTERS
    unpacked = _encoder.encode(session)
    assert len(unpacked) <= _UNPACKED_BYTES_MAX, "limits of STS keep a session below"
    content = _FORMAT + secret.open(SECRET_ACCESS) + zlib.compress(unpacked, _PACKING_LEVEL)
    sealed = keys.seal(Secret(content), bound_to=_BINDING)
    # Base64 writes three bytes, or what is left of them, as four: so many bytes give at least `bytes_min` of them.
    lacking = 3 * -(-bytes_min // 4) - 2 - len(sealed)
    if lacking > 0:
        sealed = keys.seal(Secret(content + bytes(lacking)), bound_to=_BINDING)
    return b64encode(sealed).decode("ascii")


def open_session(token: str, keys: InstallationKeys) -> tuple[Session, Secret]:
    """The session and its secret access key. Whether it has expired, or its role or user is gone, is not looked at.

    Raises:
        SessionTokenError: this installation did not make it.
    """
    if len(token) > SESSION_TOKEN_BYTES_MAX:
        raise SessionTokenError("too long")
    try:
        content = keys.open(b64decode(token, validate=True), bound_to=_BINDING).open(SECRET_ACCESS)
    except (Base64Error, ValueError, CorruptRecordError) as error:
        raise SessionTokenError("not sealed here") from error
    secret, packed = content[1 : 1 + SECRET_CHARACTERS], content[1 + SECRET_CHARACTERS :]
    if content[:1] != _FORMAT:
        raise SessionTokenError("another format")
    try:
        session = _decoder.decode(zlib.decompressobj().decompress(packed, _UNPACKED_BYTES_MAX))
    except (zlib.error, msgspec.DecodeError) as error:
        raise SessionTokenError("not a session") from error
    return session, Secret(secret)

"""Encoded authorization messages: why a request was refused, for those of its account who may decode it.

Source: STS API Reference, "DecodeAuthorizationMessage".
"""

import zlib
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Final

from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.domain.sts.errors import InvalidAuthorizationMessageException
from selfkms.ports.database import CorruptRecordError
from selfkms.ports.installation_keys import InstallationKeys
from selfkms.services.context import Context
from selfkms.services.operation import Audit, Operation
from selfkms.services.shapes import Shape
from selfkms.services.sts.credentials import refuse_session_of_user

_PACKING_LEVEL: Final = 9
_MESSAGE_BYTES_MAX: Final = 65_536


class DecodeAuthorizationMessageRequest(Shape, frozen=True, kw_only=True):
    encoded_message: str


class DecodeAuthorizationMessageResult(Shape, frozen=True, kw_only=True):
    decoded_message: str


def seal_message(message: str, account_id: str, keys: InstallationKeys) -> str:
    """The encoded form of a message (JSON, at most 64 KiB) that callers of one account may decode."""
    content = message.encode()
    assert len(content) <= _MESSAGE_BYTES_MAX
    sealed = keys.seal(Secret(zlib.compress(content, _PACKING_LEVEL)), bound_to=_binding(account_id))
    return urlsafe_b64encode(sealed).decode("ascii")


def open_message(encoded: str, account_id: str, keys: InstallationKeys) -> str:
    """The message.

    Raises:
        InvalidAuthorizationMessageException: this installation did not make it for this account.
    """
    try:
        sealed = b64decode(encoded.encode("ascii"), altchars=b"-_", validate=True)
        packed = keys.open(sealed, bound_to=_binding(account_id)).open(SECRET_ACCESS)
        return zlib.decompressobj().decompress(packed, _MESSAGE_BYTES_MAX).decode()
    except (Base64Error, ValueError, CorruptRecordError, zlib.error) as error:
        raise InvalidAuthorizationMessageException("The encoded authorization message is not valid.") from error


def decode_authorization_message(
    request: DecodeAuthorizationMessageRequest, context: Context
) -> DecodeAuthorizationMessageResult:
    """What an encoded message of the caller's account says.

    Raises:
        AccessDenied: the caller is a session that may not call this.
        InvalidAuthorizationMessageException: not one of ours, or of another account.
    """
    refuse_session_of_user(context.caller, "DecodeAuthorizationMessage")
    decoded = open_message(request.encoded_message, context.account_id, context.keys)
    return DecodeAuthorizationMessageResult(decoded_message=decoded)


def _binding(account_id: str) -> tuple[str, ...]:
    return ("authorization message", account_id)


OPERATIONS: Final = (
    Operation(
        "DecodeAuthorizationMessage",
        run=decode_authorization_message,
        request=DecodeAuthorizationMessageRequest,
        service="sts",
        audit=Audit(),
    ),
)

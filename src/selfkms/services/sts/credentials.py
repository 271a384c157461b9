"""Temporary credentials: made, never stored; and who may not ask for them.

The ID of a temporary access key is `ASIA` and 16 characters of base 32: the account ID as a number of 5 bytes, and 5
random bytes. So GetAccessKeyInfo knows the account of credentials that are stored nowhere. It is a name and no secret.

Source: STS API Reference, "GetAccessKeyInfo"; IAM User Guide, "IAM identifiers", "Compare AWS STS credentials".
"""

from base64 import b32decode, b32encode, b64encode
from binascii import Error as Base32Error
from typing import Any, Final, NamedTuple

from selfkms.domain.arns import is_account_id
from selfkms.domain.errors import AccessDenied
from selfkms.domain.iam.callers import TEMPORARY_PREFIX, Caller, CallerKind, Session
from selfkms.domain.secrets import Secret
from selfkms.domain.sts.errors import PackedPolicyTooLargeException
from selfkms.domain.sts.limits import SESSION_TOKEN_BYTES_MAX
from selfkms.ports.entropy import Entropy
from selfkms.services.context import Context
from selfkms.services.sts.shapes import Credentials
from selfkms.services.sts.tokens import seal_session

_ACCOUNT_BYTES: Final = 5
_RANDOM_BYTES: Final = 5
_ID_CHARACTERS: Final = 16
# 40 characters of base 64.
_SECRET_BYTES: Final = 30


class Issued(NamedTuple):
    """New credentials, and how much room their session token takes."""

    credentials: Credentials
    token_bytes: int

    @property
    def utilization(self) -> int:
        """Percent of the largest session token, rounded up."""
        return _percent(self.token_bytes)

    def members(self) -> dict[str, Any]:
        """The members of a `SessionResult`."""
        return {
            "issued": self.credentials,
            "session_token_size": self.token_bytes,
            "session_token_utilization": self.utilization,
        }


def new_access_key_id(account_id: str, entropy: Entropy) -> str:
    """The ID of a temporary access key."""
    number = int(account_id).to_bytes(_ACCOUNT_BYTES, "big")
    return TEMPORARY_PREFIX + b32encode(number + entropy.random_bytes(_RANDOM_BYTES)).decode("ascii")


def account_of(access_key_id: str) -> str | None:
    """The account that the ID of a temporary access key names; None if it is no such ID."""
    encoded = access_key_id.removeprefix(TEMPORARY_PREFIX)
    if encoded == access_key_id or len(encoded) != _ID_CHARACTERS:
        return None
    try:
        number = int.from_bytes(b32decode(encoded)[:_ACCOUNT_BYTES], "big")
    except (Base32Error, ValueError):
        return None
    account_id = f"{number:012}"
    return account_id if is_account_id(account_id) else None


def issue(session: Session, context: Context, *, token_bytes_min: int | None) -> Issued:
    """Credentials for a session.

    Raises:
        PackedPolicyTooLargeException: session policies and tags do not fit into a session token.
    """
    secret = Secret(b64encode(context.entropy.random_bytes(_SECRET_BYTES)))
    token = seal_session(session, secret, context.keys, bytes_min=token_bytes_min or 0)
    if len(token) > SESSION_TOKEN_BYTES_MAX:
        # Premium support article, "PackedPolicyTooLarge error when I assume an IAM role": both texts.
        percent = _percent(len(token))
        raise PackedPolicyTooLargeException(
            f"Packed policy consumes {percent}% of allotted space, please use smaller policy."
            if session.policies or session.policy_arns
            else f"Packed size of session tags consumes {percent}% of allotted space."
        )
    credentials = Credentials(
        access_key_id=session.access_key_id,
        secret_access_key=secret,
        session_token=Secret(token.encode("ascii")),
        expiration=session.expires_at,
    )
    return Issued(credentials, len(token))


def refuse_any_session(caller: Caller, operation: str) -> None:
    """GetSessionToken and GetFederationToken take long-term credentials only.

    Raises:
        AccessDenied: the caller has temporary ones.
    """
    if caller.session is not None:
        raise AccessDenied(f"Cannot call {operation} with session credentials")


def refuse_session_of_user(caller: Caller, operation: str) -> None:
    """What is for role sessions and long-term credentials.

    Sessions of GetFederationToken may call GetCallerIdentity alone, those of GetSessionToken AssumeRole besides.

    Raises:
        AccessDenied: the caller has a session of one of these two.
    """
    if caller.session is not None and caller.kind is not CallerKind.ROLE:
        raise AccessDenied(f"Cannot call {operation} with session credentials")


def refuse_one_time_code(serial_number: str | None, token_code: str | None) -> None:
    """There are no MFA devices, so no code can be right.

    Raises:
        AccessDenied: a device or a code was named.
    """
    if serial_number is None and token_code is None:
        return
    if serial_number is None or token_code is None:
        raise AccessDenied(
            "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
        )
    raise AccessDenied(
        "MultiFactorAuthentication failed, unable to validate MFA code.  "
        "Please verify your MFA serial number is valid and associated with this user."
    )


def _percent(token_bytes: int) -> int:
    return -(-token_bytes * 100 // SESSION_TOKEN_BYTES_MAX)

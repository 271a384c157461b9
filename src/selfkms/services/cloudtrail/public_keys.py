"""ListPublicKeys: what the signatures of digests are verified with.

Source: CloudTrail API Reference, "ListPublicKeys", "PublicKey".
"""

from typing import Final

from selfkms.domain.cloudtrail.errors import InvalidTimeRangeException, InvalidTokenException
from selfkms.services.context import Context
from selfkms.services.operation import Audit, Operation
from selfkms.services.shapes import Shape


class ListPublicKeysRequest(Shape, frozen=True, kw_only=True):
    start_time: float | None = None
    end_time: float | None = None
    next_token: str | None = None


class PublicKeyEntry(Shape, frozen=True, kw_only=True):
    value: bytes
    """RSAPublicKey in DER: PKCS #1."""
    validity_start_time: float
    validity_end_time: float
    fingerprint: str


class ListPublicKeysResult(Shape, frozen=True, kw_only=True):
    public_key_list: tuple[PublicKeyEntry, ...]


def check_list_public_keys(request: ListPublicKeysRequest) -> None:
    """All keys of a Region fit on a page, so there is no token to come with."""
    if request.next_token is not None:
        raise InvalidTokenException("The token is not valid.")
    if request.start_time is not None and request.end_time is not None and request.start_time > request.end_time:
        raise InvalidTimeRangeException("The start time is after the end time.")


def list_public_keys(request: ListPublicKeysRequest, context: Context) -> ListPublicKeysResult:
    """The public keys of this Region that signed at some moment of a time: without one, of now."""
    end = context.now if request.end_time is None else request.end_time
    start = min(context.now, end) if request.start_time is None else request.start_time
    keys = sorted(context.database.digest_keys(context.region), key=lambda key: key.created_at)
    return ListPublicKeysResult(
        public_key_list=tuple(
            PublicKeyEntry(
                value=key.public_key,
                validity_start_time=key.created_at,
                validity_end_time=key.valid_until,
                fingerprint=key.fingerprint,
            )
            for key in keys
            if key.created_at <= end and key.valid_until >= start
        )
    )


OPERATIONS: Final = (
    Operation(
        "ListPublicKeys",
        service="cloudtrail",
        run=list_public_keys,
        request=ListPublicKeysRequest,
        check=check_list_public_keys,
        audit=Audit(parameters=("start_time", "end_time")),
    ),
)

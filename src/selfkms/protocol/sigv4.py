"""Signature Version 4 as the server sees it: read, compare with time, Region and service, compute again, compare.

There are three steps, each pure, and each raises:

1. `parse`: the parts of the signature, from the Authorization header or from a presigned query.
2. `check_scope`: is it for now, for this service and a Region that exists, and does it cover what it must?
3. `verify`: is it the signature of this request under this secret access key?

Nothing is trusted but the request itself: the Host header as received, the header list of SignedHeaders, the hash of
the body that was read, which only operations with an unsigned payload let clients leave out. Services other than S3
normalise the path and encode it a second time.

Where we are stricter than AWS was seen to be: every x-amz-* header must be signed, as the guide asks (X-Amz-Target
names the operation and could else be exchanged on the way), and a header that decides something may stand only once.

Source: IAM User Guide, "Create a signed AWS API request", "Elements of an AWS API request signature", "Troubleshoot
Signature Version 4 signing for AWS API requests". The other texts are as recorded from DynamoDB, Kinesis, IAM and API
Gateway, which share the front end; for X-Amz-Expires from S3.
"""

import functools
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, unquote_to_bytes

import msgspec

from selfkms.domain.errors import (
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
)
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.protocol.authorization_header import ALGORITHM, read_fields, shown_hashed
from selfkms.protocol.http import HTTPRequest

TERMINATOR: Final = "aws4_request"

# "Elements of an AWS API request signature": a presigned request is valid for seven days at most.
EXPIRES_SECONDS_MAX: Final = 604_800

_MISMATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
_QUERY_PARAMETERS: Final = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "X-Amz-Date",
)
UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"

# EBS user guide, "Use EBS direct APIs checksums to validate snapshot data": block data is not signed, its checksum is.
_SIGNED_FOR_THE_PAYLOAD: Final = frozenset({"x-amz-checksum", "x-amz-checksum-algorithm", "x-amz-data-length"})

_ONCE: Final = frozenset({"authorization", "host", "date"})
_STAMP: Final = "%Y%m%dT%H%M%SZ"


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The signature of a request, read but not yet believed."""

    access_key_id: str
    day: str
    """The date of the credential scope, YYYYMMDD if it is one."""
    region: str
    service: str
    terminator: str
    timestamp: str
    """When it was signed, YYYYMMDDTHHMMSSZ."""
    signed_at: float
    """The same, seconds since the epoch."""
    expires_seconds: int | None
    """How long a presigned request is valid; None: as long as any other."""
    signed_headers: tuple[str, ...]
    """As listed by the client."""
    unsigned_headers: tuple[str, ...]
    """Headers that must be signed and are not."""
    signature: str
    session_token: str | None
    presigned: bool

    def __repr__(self) -> str:
        return f"SignedRequest({self.access_key_id!r}, {self.timestamp!r}, …)"

    @property
    def scope(self) -> str:
        """The credential scope."""
        return f"{self.day}/{self.region}/{self.service}/{self.terminator}"


class _Parts(NamedTuple):
    """What header and query have in common."""

    credential: str
    signed_headers: str
    signature: str
    timestamp: str
    signed_at: float
    expires_seconds: int | None
    session_token: str | None


# -- 1. parse


def parse(request: HTTPRequest) -> SignedRequest:
    """Read the signature of a request.

    Raises:
        MissingAuthenticationTokenException: there is none.
        IncompleteSignatureException: a part is missing or cannot be read, or it is of another algorithm.
        InvalidSignatureException: there are two, one in the header and one in the query.
    """
    headers = request.by_name
    if len(headers) != len(request.headers):
        _refuse_repeated(name for name, _ in request.headers)
    authorization = headers.get("authorization")
    query = _query(request.target) if "X-Amz-Algorithm" in request.target else {}
    presigned = "X-Amz-Algorithm" in query
    if presigned and authorization is not None:
        raise InvalidSignatureException(
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
        )
    if presigned:
        parts = _parts_of_query(query)
    elif authorization is not None:
        parts = _parts_of_header(authorization, headers)
    else:
        raise MissingAuthenticationTokenException("Missing Authentication Token")
    scope = parts.credential.split("/")
    if len(scope) != 5:
        raise IncompleteSignatureException(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{parts.credential}'"
        )
    signed_headers = tuple(parts.signed_headers.split(";"))
    return SignedRequest(
        access_key_id=scope[0],
        day=scope[1],
        region=scope[2],
        service=scope[3],
        terminator=scope[4],
        timestamp=parts.timestamp,
        signed_at=parts.signed_at,
        expires_seconds=parts.expires_seconds,
        signed_headers=signed_headers,
        unsigned_headers=_unsigned(headers, signed_headers, presigned=presigned),
        signature=parts.signature,
        session_token=parts.session_token,
        presigned=presigned,
    )


def _parts_of_header(authorization: str, headers: Mapping[str, str]) -> _Parts:
    found = read_fields(authorization)
    credential, listed, signature = found.get("Credential"), found.get("SignedHeaders"), found.get("Signature")
    stamp = headers.get("x-amz-date", headers.get("date"))
    # An empty list of signed headers is a list: it fails later, for what it does not cover.
    if not credential or not signature or listed is None or not stamp:
        needed = (("Credential", credential), ("Signature", signature), ("SignedHeaders", listed is not None))
        reasons = [f"Authorization header requires '{name}' parameter. " for name, there in needed if not there]
        if not stamp:
            reasons.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
        hint = f"(Hashed with SHA-256 and encoded with Base64) Authorization={shown_hashed(authorization)}"
        raise IncompleteSignatureException("".join(reasons) + hint)
    timestamp, signed_at = _moment(stamp if "x-amz-date" in headers else _stamp_of_date_header(stamp))
    return _Parts(
        credential=credential,
        signed_headers=listed,
        signature=signature,
        timestamp=timestamp,
        signed_at=signed_at,
        expires_seconds=None,
        session_token=headers.get("x-amz-security-token"),
    )


def _parts_of_query(query: Mapping[str, str]) -> _Parts:
    missing = "".join(
        f"AWS query-string parameters must include '{name}'. " for name in _QUERY_PARAMETERS if not query.get(name)
    )
    if missing:
        raise IncompleteSignatureException(f"{missing}Re-examine the query-string parameters.")
    if query["X-Amz-Algorithm"] != ALGORITHM:
        raise IncompleteSignatureException(
            f"Unsupported AWS 'algorithm': '{query['X-Amz-Algorithm']}' (only {ALGORITHM} for now). "
        )
    timestamp, signed_at = _moment(query["X-Amz-Date"])
    return _Parts(
        credential=query["X-Amz-Credential"],
        signed_headers=query["X-Amz-SignedHeaders"],
        signature=query["X-Amz-Signature"],
        timestamp=timestamp,
        signed_at=signed_at,
        expires_seconds=_expires_seconds(query.get("X-Amz-Expires")),
        session_token=query.get("X-Amz-Security-Token"),
    )


def _expires_seconds(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise IncompleteSignatureException("X-Amz-Expires should be a number")
    seconds = int(text) if len(text) <= 6 else EXPIRES_SECONDS_MAX + 1
    if seconds > EXPIRES_SECONDS_MAX:
        raise IncompleteSignatureException(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
            f"{EXPIRES_SECONDS_MAX} seconds"
        )
    if seconds == 0:
        raise IncompleteSignatureException("X-Amz-Expires must be greater than zero")
    return seconds


@functools.lru_cache(maxsize=64)
def _moment(stamp: str) -> tuple[str, float]:
    """A timestamp in ISO 8601's basic format, and the same in seconds since the epoch."""
    if len(stamp) == 16 and stamp[8] == "T" and stamp[15] == "Z" and stamp.isascii():
        digits = stamp[:8] + stamp[9:15]
        if digits.isdigit():
            try:
                return stamp, datetime.fromisoformat(stamp).timestamp()
            except ValueError:
                pass  # Such a day or hour does not exist: refused like everything else below.
    raise IncompleteSignatureException(
        f"Date must be in ISO-8601 'basic format'. Got '{stamp}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )


def _stamp_of_date_header(value: str) -> str:
    """A Date header counts when there is no X-Amz-Date, and is then an HTTP date (RFC 9110, 5.6.7) or ISO 8601."""
    try:
        date = parsedate_to_datetime(value)
        # "-0000", which some clients write for UTC, is read as no time zone.
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC).strftime(_STAMP)
    except (ValueError, OverflowError):
        return value


def _unsigned(headers: Mapping[str, str], signed_headers: tuple[str, ...], *, presigned: bool) -> tuple[str, ...]:
    unsigned = [name for name in headers if name.startswith("x-amz-") and name not in signed_headers]
    if "host" not in signed_headers:
        unsigned.insert(0, "host")
    if not presigned and "x-amz-date" not in headers and "date" not in signed_headers:
        unsigned.append("date")
    return tuple(unsigned)


def _refuse_repeated(names: Iterable[str]) -> None:
    seen = set()
    for name in names:
        if name in seen and (name in _ONCE or name.startswith("x-amz-")):
            raise IncompleteSignatureException(f"The request has more than one '{name.title()}' header.")
        seen.add(name)


def _query(target: str) -> dict[str, str]:
    """The decoded query; a repeated X-Amz-* parameter is refused, of others the last one stays (nothing reads them)."""
    query: dict[str, str] = {}
    for pair in target.partition("?")[2].split("&"):
        name, _, value = pair.partition("=")
        name = unquote(name)
        if name in query and name.startswith("X-Amz-"):
            raise IncompleteSignatureException(
                f"AWS query-string parameters must include '{name}' only once. Re-examine the query-string parameters."
            )
        query[name] = unquote(value)
    return query


# -- 2. check_scope


def check_scope(
    signed: SignedRequest, *, service: str, regions: frozenset[str], wall: float, skew_seconds: int
) -> None:
    """Refuse a signature that is not for now, not for here, or leaves out what it must cover.

    Args:
        signed: what `parse` read.
        service: the service of this request, as credential scopes name it.
        regions: the Regions that exist.
        wall: the time, seconds since the epoch.
        skew_seconds: how far the client's clock may be from ours, each way.

    Raises:
        InvalidSignatureException: with all that is wrong with the scope, or the first of the other reasons.
    """
    _check_window(signed, wall, skew_seconds)
    if signed.unsigned_headers:
        name = signed.unsigned_headers[0]
        shown = "'Host' or ':authority'" if name == "host" else f"'{name.title()}'"
        raise InvalidSignatureException(f"{shown} must be a 'SignedHeader' in the AWS Authorization.")
    wrong = ""
    if signed.region not in regions:
        wrong += "Credential should be scoped to a valid region. "
    if signed.service != service:
        wrong += f"Credential should be scoped to correct service: '{service}'. "
    if signed.terminator != TERMINATOR:
        wrong += f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{signed.terminator}'. "
    day = signed.timestamp[:8]
    if signed.day != day:
        wrong += (
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{signed.day}' != '{day}', from '{signed.timestamp}'."
        )
    if wrong:
        raise InvalidSignatureException(wrong)


def _check_window(signed: SignedRequest, wall: float, skew_seconds: int) -> None:
    valid_seconds = skew_seconds if signed.expires_seconds is None else signed.expires_seconds
    if signed.signed_at < wall - valid_seconds:
        raise InvalidSignatureException(
            f"Signature expired: {signed.timestamp} is now earlier than {_stamp(wall - valid_seconds)} "
            f"({_stamp(wall)} - {valid_seconds / 60:g} min.)"
        )
    if signed.signed_at > wall + skew_seconds:
        raise InvalidSignatureException(
            f"Signature not yet current: {signed.timestamp} is still later than {_stamp(wall + skew_seconds)} "
            f"({_stamp(wall)} + {skew_seconds / 60:g} min.)"
        )


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(_STAMP)


# -- 3. verify


class SigningKeys:
    """Derived signing keys, the most recently used ones. They change with day, Region, service and secret access key.

    An entry counts only for the very secret that it was derived from: a replaced one cannot hit.
    """

    __slots__ = ("_entries", "_entries_max")

    def __init__(self, entries_max: int = 4_096) -> None:
        """Prepare; an entry takes about a kilobyte."""
        self._entries_max = entries_max
        self._entries: OrderedDict[tuple[str, str, str, str], tuple[Secret, hmac.HMAC]] = OrderedDict()

    def sign(self, text: bytes, signed: SignedRequest, secret: Secret) -> str:
        """The signature of a string to sign, in hex."""
        name = (signed.access_key_id, signed.day, signed.region, signed.service)
        entry = self._entries.get(name)
        if entry is None or not (entry[0] is secret or entry[0].equals(secret)):
            entry = (secret, hmac.new(_signing_key(signed, secret), digestmod=hashlib.sha256))
            self._entries[name] = entry
            if len(self._entries) > self._entries_max:
                self._entries.popitem(last=False)
        self._entries.move_to_end(name)
        keyed = entry[1].copy()
        keyed.update(text)
        return keyed.hexdigest()

    def __len__(self) -> int:
        return len(self._entries)


def verify(
    request: HTTPRequest,
    signed: SignedRequest,
    secret: Secret,
    signing_keys: SigningKeys,
    *,
    unsigned_payload: bool = False,
) -> None:
    """Compare the signature with the one that this request has under this secret access key.

    With `unsigned_payload` the operation lets clients leave the body out. Its checksum must then be signed, and it is
    the service that compares the two.

    Raises:
        InvalidSignatureException: another request was signed, or with another secret.
    """
    headers = request.by_name
    if len(headers) != len(request.headers):
        headers = _joined(request.headers)
    payload_hash = _payload_hash(request.body, headers, signed, unsigned_payload=unsigned_payload)
    canonical = _canonical_request(request, headers, signed, payload_hash)
    text = f"{ALGORITHM}\n{signed.timestamp}\n{signed.scope}\n{hashlib.sha256(canonical).hexdigest()}"
    expected = signing_keys.sign(text.encode(), signed, secret)
    if not hmac.compare_digest(expected.encode(), signed.signature.encode()):
        raise InvalidSignatureException(_MISMATCH)


def _payload_hash(body: bytes, headers: Mapping[str, str], signed: SignedRequest, *, unsigned_payload: bool) -> str:
    """What stands for the body in the canonical request: its hash, or where that is allowed a word instead.

    Clients say in X-Amz-Content-Sha256 that they leave the body out. The streaming forms are S3's.
    """
    said = headers.get("x-amz-content-sha256")
    # What the list of signed headers names must also be there: `_canonical_request` sees to that.
    if said == UNSIGNED_PAYLOAD and unsigned_payload and _SIGNED_FOR_THE_PAYLOAD.issubset(signed.signed_headers):
        return said
    payload_hash = hashlib.sha256(body).hexdigest()
    if said not in {None, payload_hash}:
        raise InvalidSignatureException(_MISMATCH)
    return payload_hash


def _signing_key(signed: SignedRequest, secret: Secret) -> bytes:
    key = b"AWS4" + secret.open(SECRET_ACCESS)
    for word in (signed.day, signed.region, signed.service, TERMINATOR):
        key = hmac.digest(key, word.encode(), "sha256")
    return key


def _canonical_request(
    request: HTTPRequest, headers: Mapping[str, str], signed: SignedRequest, payload_hash: str
) -> bytes:
    """Step 1 of "Create a signed AWS API request". Header values are the bytes that were received."""
    path, _, query = request.target.partition("?")
    lines = []
    for name in signed.signed_headers:
        value = headers.get(name)
        if value is None:
            # What is not there cannot have been signed.
            raise InvalidSignatureException(_MISMATCH)
        while "  " in value:
            value = value.replace("  ", " ")
        lines.append(f"{name}:{value}\n")
    return (
        f"{request.method}\n{_canonical_path(path)}\n{_canonical_query(query, presigned=signed.presigned)}\n"
        f"{''.join(lines)}\n{';'.join(signed.signed_headers)}\n{payload_hash}"
    ).encode("latin-1")


def _joined(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Values of a repeated header, in their order, with commas between."""
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _canonical_path(path: str) -> str:
    """Without relative and empty segments (RFC 3986, 5.2.4), encoded once more than it was received."""
    if path in {"/", ""}:
        return "/"
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in {"", "."}:
            segments.append(segment)
    slash = "/" if path.endswith("/") and segments else ""
    return quote(f"/{'/'.join(segments)}{slash}", safe="/-_.~")


def _canonical_query(query: str, *, presigned: bool) -> str:
    """Names and values encoded in one way and sorted; the signature of a presigned request is not part of itself."""
    if not query:
        return ""
    pairs = []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        pairs.append((_encoded(name), _encoded(value)))
    if presigned:
        pairs = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="-_.~")

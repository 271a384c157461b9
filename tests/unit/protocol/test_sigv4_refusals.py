"""Signatures that do not hold, each with its exact code and text."""

import base64
import hashlib
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.domain.errors import (
    AWSError,
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
)
from selfkms.domain.secrets import Secret
from selfkms.protocol import sigv4
from selfkms.protocol.http import HTTPRequest
from selfkms.protocol.sigv4 import SigningKeys

Sign = Callable[..., HTTPRequest]

SECRET = Secret(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
REGIONS = frozenset({"us-east-1"})
KMS_HEADERS = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.Encrypt"}
URL = "http://kms.example/a%20b?x=1&y=2"

REGION = "Credential should be scoped to a valid region. "
SERVICE = "Credential should be scoped to correct service: 'kms'. "
TERMINATOR = "Credential should be scoped with a valid terminator: 'aws4_request', not '{}'. "
EXPIRED = "Signature expired: 20150830T123600Z is now earlier than 20150830T124600Z (20150830T125100Z - 5 min.)"
EARLY = "Signature not yet current: 20150830T123600Z is still later than 20150830T122230Z (20150830T122100Z + 1.5 min.)"
UNREADABLE = (
    "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with "
    "Base64): '{}'."
)
NO_CREDENTIAL = "Authorization header requires 'Credential' parameter. "
NO_SIGNATURE = "Authorization header requires 'Signature' parameter. "
NO_HEADERS = "Authorization header requires 'SignedHeaders' parameter. "
NO_DATE = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
HASHED = "(Hashed with SHA-256 and encoded with Base64) Authorization={}"
TOO_LONG = (
    "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 "
    "seconds"
)
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


def changed(request: HTTPRequest, **fields: object) -> HTTPRequest:
    """The same request but for some fields."""
    return msgspec.structs.replace(request, **fields)


def with_header(request: HTTPRequest, name: str, value: str | None) -> HTTPRequest:
    """The same request with another value of a header, or without it."""
    others = tuple(header for header in request.headers if header[0] != name)
    return changed(request, headers=others if value is None else (*others, (name, value)))


def with_authorization(request: HTTPRequest, old: str, new: str) -> HTTPRequest:
    """The same request with another text in its Authorization header."""
    value = request.header("authorization")
    assert value is not None
    assert old in value
    return with_header(request, "authorization", value.replace(old, new))


def take(request: HTTPRequest, *, later: float, skew_seconds: int) -> None:
    """All three steps, `later` seconds after signing."""
    signed = sigv4.parse(request)
    wall = signed.signed_at + later
    sigv4.check_scope(signed, service="kms", regions=REGIONS, wall=wall, skew_seconds=skew_seconds)
    sigv4.verify(request, signed, SECRET, SigningKeys())


def refusal(request: HTTPRequest, *, later: float = 0, skew_seconds: int = 300) -> AWSError:
    """The error that one of the three steps raises."""
    with pytest.raises(AWSError) as raised:
        take(request, later=later, skew_seconds=skew_seconds)
    return raised.value


def assert_refused(error: AWSError, code: type[AWSError], text: str) -> None:
    assert type(error) is code
    assert error.message == text


# -- another request than the signed one


@pytest.mark.parametrize("presigned_seconds", [None, 60])
@pytest.mark.parametrize(
    "change",
    [
        lambda request: changed(request, body=b"{} "),
        lambda request: changed(request, body=b""),
        lambda request: changed(request, method="PUT"),
        lambda request: changed(request, target=request.target.replace("a%20b", "a%20c")),
        lambda request: changed(request, target=request.target.replace("a%20b", "a%2520b")),
        lambda request: changed(request, target=request.target.replace("x=1", "x=2")),
        lambda request: changed(request, target=request.target.replace("x=1&", "")),
        lambda request: changed(request, target=request.target.replace("x=1", "x=1&x=1")),
        lambda request: with_header(request, "x-amz-target", "TrentService.Decrypt"),
        lambda request: with_header(request, "content-type", "application/json"),
        lambda request: with_header(request, "host", "kms.example:80"),
        lambda request: with_header(request, "host", None),
        lambda request: with_header(request, "content-type", None),
    ],
)
def test_a_changed_request(
    sign: Sign, change: Callable[[HTTPRequest], HTTPRequest], presigned_seconds: int | None
) -> None:
    """Whatever is changed in a signed request, it no longer verifies."""
    request = sign(url=URL, headers=KMS_HEADERS, presigned_seconds=presigned_seconds)
    assert_refused(refusal(change(request)), InvalidSignatureException, MISMATCH)


def test_another_time_than_the_signed_one(sign: Sign) -> None:
    """A request does not get younger by another X-Amz-Date."""
    request = sign()
    day = sigv4.parse(request).day
    error = refusal(with_header(request, "x-amz-date", f"{day}T235959Z"))
    assert_refused(error, InvalidSignatureException, MISMATCH)


def test_another_secret(sign: Sign) -> None:
    """A signature with another secret access key is refused."""
    request = sign()
    with pytest.raises(InvalidSignatureException, match="does not match"):
        sigv4.verify(request, sigv4.parse(request), Secret(b"other"), SigningKeys())


@settings(max_examples=50, deadline=None)
@given(position=st.integers(0, 63), digit=st.sampled_from("0123456789abcdefABCDEF é"))
def test_an_altered_signature(sign: Sign, position: int, digit: str) -> None:
    """Every other signature than the right one is refused, also one that is no hex."""
    request = sign()
    signed = sigv4.parse(request)
    altered = signed.signature[:position] + digit + signed.signature[position + 1 :]
    if altered != signed.signature:
        with pytest.raises(InvalidSignatureException):
            sigv4.verify(request, msgspec.structs.replace(signed, signature=altered), SECRET, SigningKeys())


@pytest.mark.parametrize("declared", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "0" * 64, ""])
def test_a_declared_hash_that_is_not_the_bodys(sign: Sign, declared: str) -> None:
    """The signed X-Amz-Content-SHA256 is the hash of the body or the request is refused."""
    error = refusal(sign(headers={"X-Amz-Content-SHA256": declared}))
    assert_refused(error, InvalidSignatureException, MISMATCH)


# -- another scope


@pytest.mark.parametrize(
    ("part", "replacement", "text"),
    [
        ("/us-east-1/", "/eu-central-1/", REGION),
        ("/us-east-1/", "//", REGION),
        ("/kms/", "/iam/", SERVICE),
        ("/aws4_request", "/aws5_request", TERMINATOR.format("aws5_request")),
        ("/us-east-1/kms/aws4_request", "/a/b/c", REGION + SERVICE + TERMINATOR.format("c")),
    ],
)
def test_another_scope(sign: Sign, part: str, replacement: str, text: str) -> None:
    """A signature for another Region, service or purpose is refused, and all of it is said."""
    assert_refused(refusal(with_authorization(sign(), part, replacement)), InvalidSignatureException, text)


def test_another_day(sign: Sign) -> None:
    """The date of the scope must be the one of the request."""
    request = sign()
    signed = sigv4.parse(request)
    assert_refused(
        refusal(with_authorization(request, f"/{signed.day}/", "/20150830/")),
        InvalidSignatureException,
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        f"'20150830' != '{signed.day}', from '{signed.timestamp}'.",
    )


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("host", "'Host' or ':authority'"),
        ("x-amz-date", "'X-Amz-Date'"),
        ("x-amz-target", "'X-Amz-Target'"),
        ("x-amz-security-token", "'X-Amz-Security-Token'"),
    ],
)
def test_a_header_that_must_be_signed(sign: Sign, header: str, shown: str) -> None:
    """Host, the date and every X-Amz-* header must be among the signed ones."""
    request = sign(headers=KMS_HEADERS, session_token="token")
    names = ";".join(sigv4.parse(request).signed_headers)
    without = ";".join(name for name in names.split(";") if name != header)
    assert_refused(
        refusal(with_authorization(request, names, without)),
        InvalidSignatureException,
        f"{shown} must be a 'SignedHeader' in the AWS Authorization.",
    )


@pytest.mark.parametrize("presigned_seconds", [None, 60])
def test_an_added_amz_header(sign: Sign, presigned_seconds: int | None) -> None:
    """Nobody on the way adds an X-Amz-* header to a signed request."""
    request = with_header(sign(presigned_seconds=presigned_seconds), "x-amz-target", "TrentService.Decrypt")
    assert_refused(
        refusal(request),
        InvalidSignatureException,
        "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.",
    )


def test_a_date_header_must_be_signed(sign: Sign) -> None:
    """The Date header counts as the date only if it is signed; an empty list of headers fails for Host first."""
    request = sign(headers={"Date": "now"})
    error = refusal(with_authorization(request, "SignedHeaders=date;host", "SignedHeaders=host"))
    assert_refused(error, InvalidSignatureException, "'Date' must be a 'SignedHeader' in the AWS Authorization.")
    error = refusal(with_authorization(request, "SignedHeaders=date;host", "SignedHeaders="))
    text = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
    assert_refused(error, InvalidSignatureException, text)


# -- another time


@pytest.mark.parametrize(
    ("presigned_seconds", "later", "skew_seconds", "ok"),
    [
        (None, 300, 300, True),
        (None, 301, 300, False),
        (None, -300, 300, True),
        (None, -301, 300, False),
        (None, 900, 900, True),
        (1, 1, 300, True),
        (1, 2, 300, False),
        (604_800, 604_800, 300, True),
        (604_800, 604_801, 300, False),
        (604_800, -301, 300, False),
    ],
)
def test_the_window(sign: Sign, presigned_seconds: int | None, later: float, skew_seconds: int, *, ok: bool) -> None:
    """A signature holds from `skew` before its time until `skew` after, a presigned one until it expires."""
    request = sign(presigned_seconds=presigned_seconds)
    if ok:
        take(request, later=later, skew_seconds=skew_seconds)
    else:
        assert type(refusal(request, later=later, skew_seconds=skew_seconds)) is InvalidSignatureException


@pytest.mark.parametrize(
    ("wall", "skew_seconds", "text"), [(1_440_939_060.7, 300, EXPIRED), (1_440_937_260, 90, EARLY)]
)
def test_texts_of_the_window(sign: Sign, wall: float, skew_seconds: int, text: str) -> None:
    """AWS's words, from which clients find out how far their clock is off."""
    signed = msgspec.structs.replace(
        sigv4.parse(sign()), timestamp="20150830T123600Z", signed_at=1_440_938_160.0, day="20150830"
    )
    with pytest.raises(InvalidSignatureException) as raised:
        sigv4.check_scope(signed, service="kms", regions=REGIONS, wall=wall, skew_seconds=skew_seconds)
    assert raised.value.message == text


# -- none, or one that cannot be read

BARE = HTTPRequest(method="POST", target="/", headers=(("host", "kms.example"),), body=b"{}", peer="192.0.2.1")


def test_no_signature() -> None:
    """A request without a signature is answered so, whatever its query."""
    for target in ("/", "/?a=b", "/X-Amz-Algorithm?a=X-Amz-Algorithm"):
        error = refusal(changed(BARE, target=target))
        assert_refused(error, MissingAuthenticationTokenException, "Missing Authentication Token")


def test_two_signatures(sign: Sign) -> None:
    """Header and query are not both taken."""
    request = with_header(sign(presigned_seconds=60), "authorization", "AWS4-HMAC-SHA256 a=b")
    assert_refused(
        refusal(request),
        InvalidSignatureException,
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    )


@pytest.mark.parametrize("name", ["Authorization", "Host", "X-Amz-Date", "X-Amz-Target"])
def test_a_repeated_header(sign: Sign, name: str) -> None:
    """A header that decides something stands once, though both be the same."""
    request = sign(headers=KMS_HEADERS)
    value = request.header(name.lower())
    assert value is not None
    error = refusal(changed(request, headers=(*request.headers, (name.lower(), value))))
    assert_refused(error, IncompleteSignatureException, f"The request has more than one '{name}' header.")


@pytest.mark.parametrize(
    ("authorization", "text", "hashed"),
    [
        ("Bearer eyJhbGciOi", UNREADABLE, "Bearer eyJhbGciOi"),
        ("", UNREADABLE, ""),
        ("AWS4-HMAC-SHA256 Credential, SignedHeaders=host", UNREADABLE, "Credential"),
        ("AWS4-HMAC-SHA256", NO_CREDENTIAL + NO_SIGNATURE + NO_HEADERS + NO_DATE + HASHED, "AWS4-HMAC-SHA256"),
        (
            "AWS4-HMAC-SHA256 Credential=a/b/c/d/e,SignedHeaders=,Signature=",
            NO_SIGNATURE + NO_DATE + HASHED,
            "AWS4-HMAC-SHA256 Credential=a/b/c/d/e,SignedHeaders=,Signature=",
        ),
    ],
)
def test_an_unreadable_header(authorization: str, text: str, hashed: str) -> None:
    """What is no whole signature is refused with what is missing; nothing of it is repeated but a hash."""
    hashed = base64.b64encode(hashlib.sha256(hashed.encode()).digest()).decode()
    error = refusal(with_header(BARE, "authorization", authorization))
    assert_refused(error, IncompleteSignatureException, text.format(hashed))


@pytest.mark.parametrize("algorithm", ["AWS4-HMAC-SHA512", "AWS4-ECDSA-P256-SHA256", "AWS4-"])
def test_another_algorithm(algorithm: str) -> None:
    """There is one algorithm."""
    error = refusal(with_header(BARE, "authorization", f"{algorithm} Credential=a/b/c/d/e"))
    text = f"Unsupported AWS 'algorithm': '{algorithm}' (only AWS4-HMAC-SHA256 for now). "
    assert_refused(error, IncompleteSignatureException, text)


def test_a_repeated_parameter() -> None:
    """Of two credentials neither is taken."""
    authorization = "AWS4-HMAC-SHA256 Credential=a, Credential=b, SignedHeaders=host, Signature=0"
    error = refusal(with_header(BARE, "authorization", authorization))
    text = "Authorization header has a parameter more than once."
    assert_refused(error, IncompleteSignatureException, text)


@pytest.mark.parametrize("credential", ["a/b/c/d", "a/20150830/us-east-1/kms/aws4_request/", "a"])
def test_a_credential_of_another_form(credential: str) -> None:
    """A credential has five parts."""
    authorization = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"
    dated = with_header(BARE, "x-amz-date", "20150830T123600Z")
    assert_refused(
        refusal(with_header(dated, "authorization", authorization)),
        IncompleteSignatureException,
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
        f"got '{credential}'",
    )


@pytest.mark.parametrize("name", ["x-amz-date", "date"])
@pytest.mark.parametrize(
    "stamp",
    [
        "2015-08-30T12:36:00Z",
        "20150830T123600",
        "20150830t123600Z",
        "20151330T123600Z",
        "20150830T126000Z",
        "2015083XT123600Z",
        "٢0150830T123600Z",
        "00000000T000000Z",
        "1440938160",
        "Fri, 31 Dec 9999 23:59:00 -2359",
    ],
)
def test_a_date_that_is_none(name: str, stamp: str) -> None:
    """A date must be one, in the one form."""
    dated = with_header(BARE, name, stamp)
    authorization = "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=0"
    assert_refused(
        refusal(with_header(dated, "authorization", authorization)),
        IncompleteSignatureException,
        f"Date must be in ISO-8601 'basic format'. Got '{stamp}'. See http://en.wikipedia.org/wiki/ISO_8601",
    )


@pytest.mark.parametrize("name", ["Credential", "Signature", "SignedHeaders", "Date"])
def test_a_presigned_query_without_a_part(sign: Sign, name: str) -> None:
    """Each part of a presigned query is asked for by its name."""
    request = sign(presigned_seconds=60)
    target = "&".join(pair for pair in request.target.split("&") if not pair.startswith(f"X-Amz-{name}="))
    assert_refused(
        refusal(changed(request, target=target)),
        IncompleteSignatureException,
        f"AWS query-string parameters must include 'X-Amz-{name}'. Re-examine the query-string parameters.",
    )


@pytest.mark.parametrize(
    ("expires", "text"),
    [
        ("0", "X-Amz-Expires must be greater than zero"),
        ("-1", "X-Amz-Expires should be a number"),
        ("1.5", "X-Amz-Expires should be a number"),
        ("", "X-Amz-Expires should be a number"),
        ("604801", TOO_LONG),
        ("9" * 5_000, TOO_LONG),
    ],
)
def test_a_presigned_query_that_never_or_always_holds(sign: Sign, expires: str, text: str) -> None:
    """X-Amz-Expires is a whole number of seconds from one to a week's."""
    request = sign(presigned_seconds=60)
    target = request.target.replace("X-Amz-Expires=60", f"X-Amz-Expires={expires}")
    assert_refused(refusal(changed(request, target=target)), IncompleteSignatureException, text)


def test_a_presigned_query_with_a_longer_life(sign: Sign) -> None:
    """How long a presigned request holds is signed as well; without it, it would hold as long as any other."""
    request = sign(presigned_seconds=60)
    longer = request.target.replace("X-Amz-Expires=60", "X-Amz-Expires=600")
    assert_refused(refusal(changed(request, target=longer), later=500), InvalidSignatureException, MISMATCH)
    without = changed(request, target=request.target.replace("&X-Amz-Expires=60", ""))
    assert sigv4.parse(without).expires_seconds is None
    assert_refused(refusal(without), InvalidSignatureException, MISMATCH)


def test_other_presigned_queries(sign: Sign) -> None:
    """Another algorithm, and a part that stands twice."""
    request = sign(presigned_seconds=60)
    other = request.target.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1")
    text = "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1' (only AWS4-HMAC-SHA256 for now). "
    assert_refused(refusal(changed(request, target=other)), IncompleteSignatureException, text)
    text = "AWS query-string parameters must include 'X-Amz-Expires' only once. Re-examine the query-string parameters."
    twice = changed(request, target=f"{request.target}&X-Amz-Expires=600")
    assert_refused(refusal(twice), IncompleteSignatureException, text)


@settings(max_examples=100, deadline=None)
@given(
    authorization=st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=80)
    | st.text(st.characters(codec="latin-1"), max_size=40).map(lambda rest: f"AWS4-HMAC-SHA256 {rest}"),
    date=st.text(st.characters(codec="latin-1"), max_size=30),
    query=st.text(st.characters(codec="ascii"), max_size=60),
)
def test_nothing_but_awss_errors_comes_out(authorization: str, date: str, query: str) -> None:
    """Whatever stands in header, date and query, the answer is one of AWS's errors."""
    dated = with_header(with_header(BARE, "authorization", authorization), "date", date)
    assert isinstance(refusal(dated), AWSError)
    assert isinstance(refusal(changed(BARE, target=f"/?X-Amz-Algorithm={query}")), AWSError)

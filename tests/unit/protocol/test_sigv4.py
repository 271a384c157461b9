"""Signatures that hold: botocore's, those of the clients that were recorded, and AWS's own example."""

from collections.abc import Callable
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.domain.errors import InvalidSignatureException
from selfkms.domain.secrets import Secret
from selfkms.protocol import sigv4
from selfkms.protocol.http import HTTPRequest
from selfkms.protocol.sigv4 import SigningKeys

Sign = Callable[..., HTTPRequest]

SECRET = Secret(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
REGIONS = frozenset({"us-east-1", "eu-central-1"})
KMS_HEADERS = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.Encrypt"}

# What clients write into path, query and headers. botocore also makes one blank of white space other than blanks.
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), max_size=12)
VALUE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Z")) | st.just(" "), max_size=20)
NAME = st.sampled_from(("content-type", "accept", "x-amz-target", "x-amz-meta-a", "x-app", "amz-sdk-request"))
SEGMENT = TEXT.map(lambda text: quote(text, safe="")) | st.sampled_from((".", "..", "", "a"))
PAIR = st.tuples(TEXT, TEXT).map(lambda pair: "=".join(quote(part, safe="-_.~") for part in pair))


def verified(request: HTTPRequest, secret: Secret = SECRET) -> sigv4.SignedRequest:
    """All three steps, at the moment of signing."""
    signed = sigv4.parse(request)
    sigv4.check_scope(signed, service="kms", regions=REGIONS, wall=signed.signed_at, skew_seconds=300)
    sigv4.verify(request, signed, secret, SigningKeys())
    return signed


@settings(max_examples=150, deadline=None)
@given(
    method=st.sampled_from(("GET", "POST", "PUT", "DELETE")),
    segments=st.lists(SEGMENT, max_size=4),
    pairs=st.lists(PAIR, max_size=4),
    headers=st.dictionaries(NAME, VALUE, max_size=4),
    body=st.binary(max_size=60),
    region=st.sampled_from(sorted(REGIONS)),
)
def test_what_botocore_signs_verifies(
    sign: Sign,
    method: str,
    segments: list[str],
    pairs: list[str],
    headers: dict[str, str],
    body: bytes,
    region: str,
) -> None:
    """Whatever request botocore signs with the header, we compute the same signature."""
    url = f"http://kms.example:4599/{'/'.join(segments)}?{'&'.join(pairs)}"
    signed = verified(sign(method=method, url=url, headers=headers, body=body, region=region))
    assert signed.access_key_id == "AKIDEXAMPLE"
    assert signed.region == region
    assert not signed.presigned


@settings(max_examples=100, deadline=None)
@given(
    method=st.sampled_from(("GET", "POST")),
    segments=st.lists(SEGMENT, max_size=3),
    pairs=st.dictionaries(TEXT, TEXT, max_size=3),
    headers=st.dictionaries(NAME, VALUE, max_size=3),
    body=st.binary(max_size=60),
    expires_seconds=st.integers(1, sigv4.EXPIRES_SECONDS_MAX),
    session_token=st.none() | st.just("IQoJ+/=token"),
)
def test_what_botocore_presigns_verifies(
    sign: Sign,
    method: str,
    segments: list[str],
    pairs: dict[str, str],
    headers: dict[str, str],
    body: bytes,
    expires_seconds: int,
    session_token: str | None,
) -> None:
    """Whatever request botocore presigns, body included, we compute the same signature."""
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs.items())
    request = sign(
        method=method,
        url=f"http://kms.example/{'/'.join(segments)}?{query}",
        headers=headers,
        body=body,
        presigned_seconds=expires_seconds,
        session_token=session_token,
    )
    signed = verified(request)
    assert signed.presigned
    assert signed.expires_seconds == expires_seconds
    assert signed.session_token == session_token


# IAM User Guide, "Create a signed AWS API request", the example request.
AWS_EXAMPLE_AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date, "
    "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
)
AWS_EXAMPLE = HTTPRequest(
    method="GET",
    target="/?Action=ListUsers&Version=2010-05-08",
    headers=(
        ("host", "iam.amazonaws.com"),
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("x-amz-date", "20150830T123600Z"),
        ("authorization", AWS_EXAMPLE_AUTHORIZATION),
    ),
    body=b"",
    peer="192.0.2.1",
)


def test_the_example_of_the_guide() -> None:
    """The signature that AWS documents for its example request is the one that we compute."""
    signed = sigv4.parse(AWS_EXAMPLE)
    sigv4.check_scope(signed, service="iam", regions=REGIONS, wall=1_440_938_160, skew_seconds=300)
    sigv4.verify(AWS_EXAMPLE, signed, SECRET, SigningKeys())
    assert signed.signed_at == 1_440_938_160
    assert signed.scope == "20150830/us-east-1/iam/aws4_request"


GO = {
    **KMS_HEADERS,
    "amz-sdk-invocation-id": "8f0c2d8e-31b5-4a0e-9a39-6e1a6c1f9a5b",
    "amz-sdk-request": "attempt=1; max=3",
    "content-length": "2",
}
EMPTY_OBJECT_SHA256 = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
CLIENTS = {
    "boto3": KMS_HEADERS,
    "libmongocrypt": {**KMS_HEADERS, "content-length": "2"},
    "Go v2": GO,
    "Ruby 3": {**KMS_HEADERS, "x-amz-content-sha256": EMPTY_OBJECT_SHA256},
    "JS v3": {**GO, "x-amz-content-sha256": EMPTY_OBJECT_SHA256, "x-amz-user-agent": "aws-sdk-js/3.1164.0  ua"},
}


@pytest.mark.parametrize("headers", CLIENTS.values(), ids=CLIENTS)
def test_the_headers_that_clients_sign(sign: Sign, headers: dict[str, str]) -> None:
    """Each set of signed headers that was seen from a client of KMS verifies."""
    signed = verified(sign(headers=headers))
    assert set(signed.signed_headers) == {name.lower() for name in headers} | {"host", "x-amz-date"}


@pytest.mark.parametrize("url", ["http://kms.example/", "http://kms.example:4599/"])
def test_the_host_header_counts_as_received(sign: Sign, url: str) -> None:
    """Host is compared with or without its port, exactly as the client sent and signed it."""
    verified(sign(url=url))
    other = "kms.example:4599" if url == "http://kms.example/" else "kms.example"
    with pytest.raises(InvalidSignatureException):
        verified(sign(url=url, received_host=other))


def test_a_date_header_stands_in_for_x_amz_date(sign: Sign) -> None:
    """Without X-Amz-Date the Date header says when the request was signed."""
    # botocore writes the time of signing into it, with the time zone "-0000".
    request = sign(headers={"Date": "now"})
    assert request.header("x-amz-date") is None
    signed = verified(request)
    assert "date" in signed.signed_headers


@pytest.mark.parametrize(
    "date",
    ["Sun, 30 Aug 2015 12:36:00 GMT", "Sun, 30 Aug 2015 12:36:00 -0000", "20150830T123600Z"],
)
def test_forms_of_a_date_header(date: str) -> None:
    """HTTP dates and ISO 8601 name the same moment."""
    headers = tuple(("date", date) if name == "x-amz-date" else (name, value) for name, value in AWS_EXAMPLE.headers)
    signed = sigv4.parse(msgspec.structs.replace(AWS_EXAMPLE, headers=headers))
    assert signed.timestamp == "20150830T123600Z"
    assert signed.unsigned_headers == ("date",)


def test_parameters_of_the_header_may_be_separated_by_commas_alone() -> None:
    """Some clients put no blank after the comma."""
    headers = tuple((name, value.replace(", ", ",")) for name, value in AWS_EXAMPLE.headers)
    assert sigv4.parse(msgspec.structs.replace(AWS_EXAMPLE, headers=headers)) == sigv4.parse(AWS_EXAMPLE)


def test_a_repeated_header_is_joined(sign: Sign) -> None:
    """A header that stands twice counts as one, with its values in order and a comma between."""
    request = sign(headers={"x-app": "a,b"})
    split = tuple(h for h in request.headers if h[0] != "x-app")
    verified(msgspec.structs.replace(request, headers=(("x-app", "a"), *split, ("x-app", "b"))))
    with pytest.raises(InvalidSignatureException):
        verified(msgspec.structs.replace(request, headers=(("x-app", "b"), *split, ("x-app", "a"))))


@pytest.mark.parametrize("name", ["user-agent", "x-amzn-trace-id", "via", "x-forwarded-for"])
def test_headers_of_the_way_need_no_signature(sign: Sign, name: str) -> None:
    """Clients do not sign what proxies add or change, and it may be there all the same."""
    request = sign(headers=KMS_HEADERS)
    verified(msgspec.structs.replace(request, headers=(*request.headers, (name, "1"))))


def test_a_signing_key_is_derived_once(sign: Sign) -> None:
    """The second request with the same access key, day, Region and service finds the signing key."""
    keys, request = SigningKeys(), sign()
    signed = sigv4.parse(request)
    for _ in range(2):
        sigv4.verify(request, signed, SECRET, keys)
        assert len(keys) == 1


def test_a_replaced_secret_does_not_hit(sign: Sign) -> None:
    """A signing key of an older secret never verifies anything again, and the new one works at once."""
    keys, request = SigningKeys(), sign()
    signed = sigv4.parse(request)
    sigv4.verify(request, signed, SECRET, keys)
    with pytest.raises(InvalidSignatureException):
        sigv4.verify(request, signed, Secret(b"another"), keys)
    sigv4.verify(request, signed, SECRET, keys)
    assert len(keys) == 1


def test_signing_keys_are_bounded(sign: Sign) -> None:
    """The entry that was not used for the longest time goes first."""
    keys, signed = SigningKeys(entries_max=2), sigv4.parse(sign())
    first, second, third = (msgspec.structs.replace(signed, access_key_id=name) for name in "abc")
    for one in (first, second, first, third):
        keys.sign(b"", one, SECRET)
    assert len(keys) == 2
    assert [name[0] for name in keys._entries] == ["a", "c"]


def test_nothing_of_a_signature_shows(sign: Sign) -> None:
    """The text form of a parsed signature holds neither the signature nor a session token."""
    signed = sigv4.parse(sign(session_token="IQoJtoken"))
    assert signed.session_token == "IQoJtoken"
    assert signed.signature not in repr(signed)
    assert "IQoJtoken" not in repr(signed)

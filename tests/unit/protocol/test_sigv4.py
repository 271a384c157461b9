"""Signatures that hold: botocore's, those of the clients that were recorded, and AWS's own example."""

from collections.abc import Callable
from urllib.parse import quote

import msgspec
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.domain.errors import InvalidSignatureException
from selfkms.domain.secrets import SECRET_ACCESS, Secret
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


BLOCK_HEADERS = {
    "x-amz-Data-Length": "6",
    "x-amz-Progress": "10",
    "x-amz-Checksum": "y3mZ4vLb0g8Jd3Yz9fVQ0w0QGgY2eM2nW2n3p1oVb8E=",
    "x-amz-Checksum-Algorithm": "SHA256",
}
BLOCK_PATH = "/snapshots/snap-0123/blocks/5"


def block_request(headers: dict[str, str], *, left_out: bool, scheme: str = "https") -> HTTPRequest:
    """PutSnapshotBlock as botocore signs it, with the body in the signature or without it."""
    request = AWSRequest(
        method="PUT", url=f"{scheme}://ebs.us-east-1.amazonaws.com{BLOCK_PATH}", headers=headers, data=b"block."
    )
    # The client does so for an operation whose model has `unsignedPayload`.
    request.context["payload_signing_enabled"] = not left_out
    SigV4Auth(Credentials("AKIDEXAMPLE", SECRET.open(SECRET_ACCESS).decode()), "ebs", "us-east-1").add_auth(request)
    received = [("host", "ebs.us-east-1.amazonaws.com"), *((n.lower(), v) for n, v in request.headers.items())]
    return HTTPRequest(method="PUT", target=BLOCK_PATH, headers=tuple(received), body=b"block.", peer="192.0.2.1")


def verify_block(request: HTTPRequest, *, unsigned_payload: bool) -> None:
    signed = sigv4.parse(request)
    sigv4.check_scope(signed, service="ebs", regions=REGIONS, wall=signed.signed_at, skew_seconds=300)
    sigv4.verify(request, signed, SECRET, SigningKeys(), unsigned_payload=unsigned_payload)


def test_an_unsigned_payload() -> None:
    """Where the operation allows it the body may be left out, over TLS and without."""
    for scheme in ("http", "https"):
        request = block_request(BLOCK_HEADERS, left_out=True, scheme=scheme)
        assert request.header("x-amz-content-sha256") == "UNSIGNED-PAYLOAD"
        verify_block(request, unsigned_payload=True)
        verify_block(msgspec.structs.replace(request, body=b"other."), unsigned_payload=True)


def test_a_payload_that_may_be_unsigned_but_is_not() -> None:
    """A client that puts the body into the signature is held to it."""
    request = block_request(BLOCK_HEADERS, left_out=False)
    verify_block(request, unsigned_payload=True)
    with pytest.raises(InvalidSignatureException):
        verify_block(msgspec.structs.replace(request, body=b"other."), unsigned_payload=True)


def test_an_unsigned_payload_elsewhere() -> None:
    """An operation that does not allow it takes only a signature that covers the body."""
    verify_block(block_request(BLOCK_HEADERS, left_out=False), unsigned_payload=False)
    with pytest.raises(InvalidSignatureException):
        verify_block(block_request(BLOCK_HEADERS, left_out=True), unsigned_payload=False)


@pytest.mark.parametrize("name", ["x-amz-Data-Length", "x-amz-Checksum", "x-amz-Checksum-Algorithm"])
def test_an_unsigned_payload_without_its_checksum(name: str) -> None:
    """Of a body that is left out at least length and checksum are signed."""
    headers = {other: value for other, value in BLOCK_HEADERS.items() if other != name}
    with pytest.raises(InvalidSignatureException):
        verify_block(block_request(headers, left_out=True), unsigned_payload=True)
    # With the body in the signature nothing else has to be.
    verify_block(block_request(headers, left_out=False), unsigned_payload=True)


def test_an_unsigned_payload_with_another_checksum() -> None:
    """What stands for the body cannot be exchanged on the way."""
    request = block_request(BLOCK_HEADERS, left_out=True)
    headers = tuple((name, "AAAA" if name == "x-amz-checksum" else value) for name, value in request.headers)
    with pytest.raises(InvalidSignatureException):
        verify_block(msgspec.structs.replace(request, headers=headers), unsigned_payload=True)


@pytest.mark.parametrize("word", ["STREAMING-UNSIGNED-PAYLOAD-TRAILER", "unsigned-payload", "", "0" * 64])
def test_other_words_for_the_body(word: str) -> None:
    """The header says what was signed; whatever it says beside the two does not verify, though it is signed."""
    request = block_request(BLOCK_HEADERS | {"x-amz-content-sha256": word}, left_out=False)
    with pytest.raises(InvalidSignatureException):
        verify_block(request, unsigned_payload=True)


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/snapshots/snap-0123/blocks/5?blockToken=abc%2B%3D%3D", b""),
        ("GET", "/snapshots/snap-0123/blocks?pageToken=a%2Fb%3D&maxResults=100&startingBlockIndex=7", b""),
        ("GET", "/snapshots/snap-0123/changedblocks?firstSnapshotId=snap-0122", b""),
        ("POST", "/snapshots/completion/snap-0123", b""),
        ("POST", "/snapshots", b'{"VolumeSize":1}'),
        ("PUT", "/snapshots/snap-0123/blocks/5", b"\x00\xff"),
        ("GET", "/snapshots/snap%2F0123/blocks/5?blockToken=a%20b", b""),
    ],
)
def test_requests_of_a_rest_protocol(sign: Sign, method: str, target: str, body: bytes) -> None:
    """Paths and queries verify as botocore signs them, escapes included."""
    request = sign(method=method, url=f"http://ebs.us-east-1.amazonaws.com{target}", body=body, service="ebs")
    assert request.target == target
    verify_block(request, unsigned_payload=False)
    with pytest.raises(InvalidSignatureException):
        verify_block(msgspec.structs.replace(request, target=f"{target}0"), unsigned_payload=False)

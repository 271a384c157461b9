"""Bytes into requests: whole, in pieces, hostile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfkms.domain.errors import RequestEntityTooLargeException
from selfkms.domain.limits import HEADER_BYTES_MAX, HEADERS_MAX
from selfkms.protocol.http import HTTPRequest, TLSDetails
from selfkms.server.errors import MalformedHttpRequestException
from selfkms.server.request_reader import Received, RequestReader

BODY_BYTES_MAX = 1_000
TLS = TLSDetails("TLSv1.3", "TLS_AES_256_GCM_SHA384")

HEAD = b"POST / HTTP/1.1\r\nHost: kms.local\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"


def reader() -> RequestReader:
    return RequestReader(body_bytes_max=BODY_BYTES_MAX, peer="192.0.2.7", tls=TLS)


def read_all(data: bytes) -> list[HTTPRequest]:
    """The requests in these bytes, none of which is refused."""
    fresh = reader()
    received = fresh.feed(data)
    assert fresh.refusal is None
    return [one.request for one in received]


def test_a_request_is_read_with_everything_it_brings() -> None:
    """Names are lowered, values trimmed and otherwise untouched, repeated headers kept, in the order received."""
    (request,) = read_all(
        b"POST /a/b?c=%20d HTTP/1.1\r\nHOST: kms.local\r\nX-A: \t one  two \t\r\nX-Empty:\r\n"
        b"x-a: caf\xe9\r\nContent-Length: 5\r\n\r\nhello"
    )
    assert request == HTTPRequest(
        method="POST",
        target="/a/b?c=%20d",
        headers=(
            ("host", "kms.local"),
            ("x-a", "one  two"),
            ("x-empty", ""),
            ("x-a", "café"),
            ("content-length", "5"),
        ),
        body=b"hello",
        peer="192.0.2.7",
        tls=TLS,
    )


PIPELINED = (
    HEAD
    + b"Content-Length: 5\r\n\r\nfirst"
    + CHUNKED
    + b"3\r\nsec\r\n3;x=y\r\nond\r\n0\r\nX-Trailer: 1\r\n\r\n"
    + HEAD
    + UPGRADE
    + b"Content-Length: 5\r\n\r\nthird"
    + b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
)


@given(st.lists(st.integers(0, len(PIPELINED)), max_size=12))
def test_the_cut_between_reads_does_not_matter(cuts: list[int]) -> None:
    """Requests are the same however the network cuts them into pieces."""
    fresh = reader()
    received: list[Received] = []
    ends = sorted(cuts)
    for start, end in zip([0, *ends], [*ends, len(PIPELINED)], strict=True):
        received += fresh.feed(PIPELINED[start:end])
    assert fresh.refusal is None
    assert not fresh.mid_message
    assert [one.request for one in received] == read_all(PIPELINED)
    assert [one.request.body for one in received] == [b"first", b"second", b"third", b""]


def test_trailers_do_not_become_headers() -> None:
    """What comes after a chunked body says nothing about the request."""
    (request,) = read_all(CHUNKED + b"1\r\na\r\n0\r\nAuthorization: forged\r\nHost: other\r\n\r\n")
    assert request.headers == (("host", "kms.local"), ("transfer-encoding", "chunked"))


MALFORMED = {
    "bare LF after the request line": b"POST / HTTP/1.1\nHost: a\n\n",
    "bare LF after a header": HEAD + b"X-A: b\nX-C: d\r\n\r\n",
    "bare LF at the end of the head": HEAD + b"\n",
    "bare CR in a header": HEAD + b"X-A: b\rX-C: d\r\n\r\n",
    "folded line": HEAD + b"X-A: b\r\n c\r\n\r\n",
    "line folded by a tab": HEAD + b"X-A: b\r\n\tc\r\n\r\n",
    "white space before the first header": b"POST / HTTP/1.1\r\n Host: a\r\n\r\n",
    "NUL in a header": HEAD + b"X-A: b\0c\r\n\r\n",
    "control character in a header": HEAD + b"X-A: b\x01c\r\n\r\n",
    "DEL in a header": HEAD + b"X-A: b\x7fc\r\n\r\n",
    "white space before the colon": HEAD + b"X-A : b\r\n\r\n",
    "header without a name": HEAD + b": b\r\n\r\n",
    "header name that is no token": HEAD + b"X\xff: b\r\n\r\n",
    "no Host": b"POST / HTTP/1.1\r\n\r\n",
    "two Hosts": HEAD + b"Host: other\r\n\r\n",
    "two Hosts in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
    "Content-Length and Transfer-Encoding": HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding and Content-Length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    "differing Content-Length": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "repeated Content-Length": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    "list of Content-Length": HEAD + b"Content-Length: 2, 2\r\n\r\nab",
    "signed Content-Length": HEAD + b"Content-Length: +2\r\n\r\nab",
    "negative Content-Length": HEAD + b"Content-Length: -2\r\n\r\nab",
    "empty Content-Length": HEAD + b"Content-Length:\r\n\r\n",
    "Content-Length beyond 64 bits": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "coding beside chunked": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked not last": HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "unknown coding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity": HEAD + b"Transfer-Encoding: identity\r\n\r\n",
    "chunked twice": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk size with a prefix": CHUNKED + b"0x1\r\na\r\n0\r\n\r\n",
    "chunk size with white space": CHUNKED + b"1 \r\na\r\n0\r\n\r\n",
    "negative chunk size": CHUNKED + b"-1\r\na\r\n0\r\n\r\n",
    "chunk size beyond 64 bits": CHUNKED + b"fffffffffffffffff\r\na\r\n",
    "bare LF in chunks": CHUNKED + b"1\na\n0\n\n",
    "chunk longer than its size": CHUNKED + b"1\r\nab\r\n0\r\n\r\n",
    "CONNECT": b"CONNECT kms.local:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "absolute target": b"POST http://other/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "relative target": b"POST a HTTP/1.1\r\nHost: a\r\n\r\n",
    "white space in the target": b"POST /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "control character in the target": b"POST /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
    "target that is not ASCII": b"POST /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "HTTP/2 with prior knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "unknown method": b"FOO / HTTP/1.1\r\nHost: a\r\n\r\n",
    "method in lower case": b"post / HTTP/1.1\r\nHost: a\r\n\r\n",
    "TLS without TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "upgrade with a body and two lengths": HEAD + UPGRADE + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_could_be_read_in_two_ways_is_refused(data: bytes) -> None:
    """Ambiguous or broken HTTP is no request, neither at once nor byte by byte."""
    for step in (len(data), 1):
        fresh = reader()
        received: list[Received] = []
        for start in range(0, len(data), step):
            received += fresh.feed(data[start : start + step])
            if fresh.refusal is not None:
                break
        assert not received
        assert isinstance(fresh.refusal, MalformedHttpRequestException)
        assert fresh.refusal.http_status == 400


def refusal_of(data: bytes, *, step: int = 100_000) -> type[Exception]:
    """The class of the refusal; nothing came of it."""
    fresh = reader()
    for start in range(0, len(data), step):
        assert not fresh.feed(data[start : start + step])
        if fresh.refusal is not None:
            return type(fresh.refusal)
    raise AssertionError("not refused")


def test_a_body_that_is_too_large_is_refused_before_it_comes() -> None:
    """The Content-Length is enough to refuse; exactly the limit is let through."""
    head = HEAD + f"Content-Length: {BODY_BYTES_MAX + 1}\r\n\r\n".encode()
    assert refusal_of(head) is RequestEntityTooLargeException
    assert RequestEntityTooLargeException.http_status == 413
    (request,) = read_all(HEAD + f"Content-Length: {BODY_BYTES_MAX}\r\n\r\n".encode() + bytes(BODY_BYTES_MAX))
    assert len(request.body) == BODY_BYTES_MAX


def test_chunked_bodies_are_counted() -> None:
    """A body of many chunks ends at the limit too."""
    chunk = b"64\r\n" + bytes(100) + b"\r\n"
    assert refusal_of(CHUNKED + chunk * 11) is RequestEntityTooLargeException
    (request,) = read_all(CHUNKED + chunk * 10 + b"0\r\n\r\n")
    assert len(request.body) == BODY_BYTES_MAX


def test_a_content_length_of_many_zeros_is_read_as_its_value() -> None:
    """Digits that say nothing neither break the server nor get past the limit."""
    (request,) = read_all(HEAD + b"Content-Length: " + b"0" * 9_000 + b"2\r\n\r\nab")
    assert request.body == b"ab"


def test_headers_are_counted() -> None:
    """64 headers, not one more."""
    more = b"".join(b"X-%d: a\r\n" % number for number in range(HEADERS_MAX - 1))
    (request,) = read_all(HEAD + more + b"\r\n")
    assert len(request.headers) == HEADERS_MAX
    assert refusal_of(HEAD + more + b"X-More: a\r\n\r\n") is RequestEntityTooLargeException


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"X-A: " + b"a" * HEADER_BYTES_MAX + b"\r\n\r\n",
        HEAD + (b"X-A: " + b"a" * 1_000 + b"\r\n") * 17 + b"\r\n",
        b"POST /" + b"a" * HEADER_BYTES_MAX + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        HEAD + b"X" * HEADER_BYTES_MAX + b": a\r\n\r\n",
    ],
    ids=["one value", "many values", "target", "name"],
)
def test_the_bytes_of_a_head_are_counted(data: bytes) -> None:
    """16 kB of request line and headers, in one piece or in many."""
    assert refusal_of(data) is RequestEntityTooLargeException
    assert refusal_of(data, step=1_000) is RequestEntityTooLargeException


@pytest.mark.parametrize(
    "start",
    [b"POST /", HEAD + b"X-A: ", HEAD + b"X", CHUNKED + b"1\r\na\r\n0\r\nX-A: ", CHUNKED + b"1;"],
    ids=["target", "value", "name", "trailer", "chunk extension"],
)
def test_a_line_without_end_is_refused(start: bytes) -> None:
    """A line need not be complete to be too long."""
    assert refusal_of(start + b"a" * 60_000, step=1_000) is RequestEntityTooLargeException


def test_what_came_before_a_refusal_is_a_request() -> None:
    """A refusal does not take the complete requests before it with it."""
    fresh = reader()
    received = fresh.feed(HEAD + b"\r\n" + b"nonsense\r\n\r\n" + HEAD + b"\r\n")
    assert [one.request.method for one in received] == ["POST"]
    assert isinstance(fresh.refusal, MalformedHttpRequestException)


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"Connection: close\r\n\r\n",
        HEAD + b"Connection: x, Close\r\n\r\n",
        HEAD + b"Connection: close, Upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    ],
)
def test_the_last_request_is_known_and_nothing_after_it_is_read(data: bytes) -> None:
    """`Connection: close` and HTTP/1.0 end the connection; what follows is neither read nor a reason to refuse."""
    fresh = reader()
    received = fresh.feed(data + HEAD + b"\r\n")
    assert [one.last for one in received] == [True]
    assert fresh.ended
    assert fresh.refusal is None


@pytest.mark.parametrize("upgrade", [UPGRADE, b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"])
def test_an_upgrade_is_ignored(upgrade: bytes) -> None:
    """The request is read as if no upgrade had been asked for: body, headers and what follows."""
    requests = read_all((HEAD + upgrade + b"Content-Length: 2\r\n\r\nab") * 2 + HEAD + upgrade + b"\r\n" + PIPELINED)
    assert [request.body for request in requests] == [b"ab", b"ab", b"", b"first", b"second", b"third", b""]
    assert requests[0].method == "POST"
    assert "upgrade" in {name for name, _ in requests[0].headers}


def test_a_body_is_not_read_as_requests_after_an_upgrade() -> None:
    """The body of a request that asks for an upgrade stays a body."""
    inner = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    head = HEAD + UPGRADE + b"Content-Length: %d\r\n\r\n" % len(inner)
    (request,) = read_all(head + inner)
    assert request.body == inner


def test_limits_hold_for_a_request_that_asks_for_an_upgrade() -> None:
    """An upgrade is no way around the size of a body."""
    chunk = b"64\r\n" + bytes(100) + b"\r\n"
    head = HEAD + UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n"
    assert refusal_of(head + chunk * 11) is RequestEntityTooLargeException


def test_the_client_that_waits_for_continue_is_known() -> None:
    """`Expect: 100-continue` counts until a part of the body is there, and only where a body follows."""

    def waits(data: bytes) -> bool:
        fresh = reader()
        fresh.feed(data)
        return fresh.wants_continue

    assert waits(HEAD + b"Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
    assert waits(HEAD + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert not waits(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\na")
    assert not waits(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab")
    assert not waits(HEAD + b"Expect: 100-continue\r\n\r\n")
    assert not waits(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")


@given(st.binary(max_size=400))
def test_any_bytes_are_requests_or_a_refusal(data: bytes) -> None:
    """No input makes the reader raise."""
    for prefix in (b"", HEAD, CHUNKED, HEAD + UPGRADE):
        reader().feed(prefix + data)


def test_a_fault_of_ours_is_not_taken_for_the_client_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in our own code passes through the parser as what it is: not a refusal."""

    def broken(_self: RequestReader, _body: bytes) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(RequestReader, "on_body", broken)
    fresh = reader()
    with pytest.raises(Exception, match="callback error"):
        fresh.feed(HEAD + b"Content-Length: 2\r\n\r\nab")
    assert fresh.refusal is None
    fresh.close()

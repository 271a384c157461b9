"""Whatever bytes a stranger or a client sends: a clear answer where one is possible, and the service goes on.

Signed requests are in `test_hostile_json.py`; here nothing gets as far as a signature, but for those that show that
the others still work.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.processes import children, restarts
from harness.server import Server, read_journal, running
from harness.wire import Answer, ClosedError, Connection, call, framed, once, signed_headers

BODY_BYTES_MAX = 1_048_576
IDLE_CONNECTIONS = 500
PIPELINED = 50

START = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = START + b"Transfer-Encoding: chunked\r\n\r\n"


def with_length(value: bytes) -> bytes:
    """A request whose Content-Length is this, and whose body is 5 bytes."""
    return START + b"Content-Length: " + value + b"\r\n\r\nabcde"


def with_headers(count: int) -> bytes:
    """A request with so many headers, Host among them."""
    return START + b"".join(b"x-%d: y\r\n" % number for number in range(count - 1)) + b"\r\n"


TOO_LARGE = {
    "declared body": START + b"Content-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1),
    "streamed body": CHUNKED + (b"10000\r\n" + b"x" * 65_536 + b"\r\n") * 17,
    "body in tiny chunks": CHUNKED + b"1\r\nx\r\n" * 400_000,
    "chunk extensions": CHUNKED + b"1;" + b"x" * 2_200_000,
    "endless trailers": CHUNKED + b"0\r\n" + b"a: b\r\n" * 400_000,
    "65 headers": with_headers(65),
    "a header of 17 kB": START + b"x: " + b"y" * 17_000 + b"\r\n\r\n",
    "a header without end": START + b"x: " + b"y" * 40_000,
    "a header name without end": START + b"y" * 40_000,
    "a request line without end": b"POST /" + b"a" * 40_000,
}

MALFORMED = {
    "Content-Length and Transfer-Encoding": START + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding and Content-Length": START + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two equal Content-Lengths": START + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
    "two Content-Lengths": START + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "Content-Length list": with_length(b"5, 5"),
    "Content-Length with sign": with_length(b"+5"),
    "negative Content-Length": with_length(b"-5"),
    "hexadecimal Content-Length": with_length(b"0x5"),
    "Content-Length beyond 64 bits": with_length(b"9" * 30),
    "empty Content-Length": with_length(b""),
    "chunk size that is none": CHUNKED + b"xyz\r\n",
    "negative chunk size": CHUNKED + b"-1\r\n",
    "chunk size beyond 64 bits": CHUNKED + b"f" * 17 + b"\r\n",
    "chunk longer than its size": CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n",
    "bare line feed after a chunk": CHUNKED + b"1\r\na\n0\r\n\r\n",
    "two transfer codings": START + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": START + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown transfer coding": START + b"Transfer-Encoding: identity\r\n\r\n",
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "NUL in the request line": b"POST /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL in a header name": START + b"x\0: y\r\n\r\n",
    "NUL in a header": START + b"x: y\0z\r\n\r\n",
    "nothing but NULs": bytes(100),
    "control character in a header": START + b"x: \x07\r\n\r\n",
    "bare line feeds": b"POST / HTTP/1.1\nHost: a\n\n",
    "bare line feed after a header": START + b"x: y\n\r\n",
    "bare carriage returns": b"POST / HTTP/1.1\rHost: a\r\r",
    "folded header": START + b"x: y\r\n z\r\n\r\n",
    "white space before the colon": START + b"x : y\r\n\r\n",
    "header without colon": START + b"xyz\r\n\r\n",
    "HTTP/0.9": b"GET / HTTP/0.9\r\nHost: a\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "unknown method": b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
    "method in small letters": b"post / HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT": b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target that is no path": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target with a host": b"POST http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "no Host": b"POST / HTTP/1.1\r\n\r\n",
    "two Hosts": START + b"Host: b\r\n\r\n",
    "a TLS handshake": bytes.fromhex("16030100c8010000c40303") + bytes(range(200)),
    "all bytes there are": bytes(range(256)),
}

HALF = {
    "nothing but the method": b"POST",
    "HTTP/0.9 without version": b"GET /\r\n",
    "half of the headers": START + b"x: ",
    "no body": START + b"Content-Length: 5\r\n\r\n",
    "half of the body": START + b"Content-Length: 5\r\n\r\nab",
    "half of a chunk": CHUNKED + b"5\r\nab",
    "no last chunk": CHUNKED + b"2\r\nab\r\n",
}

STRANGE = {
    "PUT": b"PUT / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "64 headers": with_headers(64),
    "empty lines first": b"\r\n\r\n" + START + b"\r\n",
    "a path upwards": b"POST /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes beyond ASCII in a header": START + "x: ü€\r\n\r\n".encode(),
    "an operation that does not exist": START + b"X-Amz-Target: TrentService.Brew\r\n\r\n",
    "a service that does not exist": START + b"X-Amz-Target: \xff.Encrypt\r\n\r\n",
    "an upgrade to HTTP/2": START + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with little patience."""
    data_dir: Path = tmp_path_factory.mktemp("hostile") / "data"
    settings = ("--set", "server.request_timeout_seconds=1", "--set", "audit.segment_bytes=1048576")
    with running(data_dir, "--workers", "2", *settings) as server:
        yield server


@pytest.fixture(autouse=True)
def unharmed(target: Server) -> Iterator[None]:
    """After each test every worker answers, none of the processes is another one, and nothing unforeseen was logged."""
    before = children(target)
    yield
    data = call(target, "GenerateRandom", {"NumberOfBytes": 1})
    assert {once(target, data).status for _ in range(4)} == {200}
    assert children(target) == before
    assert restarts(target) == []


def refusal(answer: Answer, code: str, status: int) -> None:
    """The answer is this error, in JSON, and says that the connection ends."""
    assert (answer.status, answer.code) == (status, code), answer
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert answer.closes


@pytest.mark.parametrize("data", TOO_LARGE.values(), ids=TOO_LARGE.keys())
def test_what_is_too_large_is_refused(target: Server, data: bytes) -> None:
    """More than the server reads is answered with 413 and the connection ends, declared or not."""
    with Connection(target) as connection:
        refusal(connection.ask(data), "RequestEntityTooLargeException", 413)
        assert connection.answers() == []


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_http_is_refused(target: Server, data: bytes) -> None:
    """What is no HTTP, or could be read in two ways, is answered with 400 and the connection ends."""
    with Connection(target) as connection:
        # A request behind it must not be read: whoever reads the first one otherwise would call it smuggled.
        refusal(connection.ask(data + START + b"\r\n"), "MalformedHttpRequestException", 400)
        assert connection.answers() == []


@pytest.mark.parametrize("data", STRANGE.values(), ids=STRANGE.keys())
def test_what_is_strange_but_http_is_a_request_like_any_other(target: Server, data: bytes) -> None:
    """Unusual HTTP is read, refused as no operation of ours, and the connection goes on; that is in the audit."""
    with Connection(target) as connection:
        answers = [connection.ask(data) for _ in range(2)]
    assert {answer.code for answer in answers} == {"UnknownOperationException"}
    recorded = Counter(record["requestID"] for record in read_journal(target.data_dir))
    assert [recorded[answer.request_id] for answer in answers] == [1, 1]


def test_half_a_request_is_given_up(target: Server) -> None:
    """A request that does not become complete within its time is answered with 408; one that drips in, too."""
    with ExitStack() as opened:
        waiting = [opened.enter_context(Connection(target)) for _ in HALF]
        for connection, data in zip(waiting, HALF.values(), strict=True):
            connection.send(data)
        dripping = opened.enter_context(Connection(target))
        dripping.drip(START + b"x: " + b"y" * 1_000, pause_seconds=0.05)
        for connection in (*waiting, dripping):
            refusal(connection.answer(), "RequestTimeoutException", 408)
            assert connection.answers() == []


@pytest.mark.parametrize("politely", [True, False])
def test_who_leaves_within_a_request_gets_no_answer(target: Server, politely: bool) -> None:  # noqa: FBT001
    """A connection that its client ends within a head or a body is closed without an answer."""
    for data in HALF.values():
        with Connection(target) as connection:
            connection.send(data)
            if politely:
                connection.finish()
                with pytest.raises(ClosedError):
                    connection.answer()


def test_who_has_said_all_still_gets_the_answer(target: Server) -> None:
    """A client that closes its side after a whole request is answered."""
    with Connection(target) as connection:
        connection.send(call(target, "GenerateRandom", {"NumberOfBytes": 1}))
        connection.finish()
        assert [answer.status for answer in connection.answers()] == [200]


def test_idle_connections_hold_up_nobody(target: Server) -> None:
    """With 500 connections that say nothing, or half a word, the next one is answered, and then each of those."""
    data = call(target, "GenerateRandom", {"NumberOfBytes": 1})
    with ExitStack() as opened:
        idle = [opened.enter_context(Connection(target)) for _ in range(IDLE_CONNECTIONS)]
        assert once(target, data).status == 200
        assert all(connection.is_open() for connection in idle)
        assert {connection.ask(data).status for connection in idle} == {200}


def test_pipelined_requests_are_answered_in_order(target: Server) -> None:
    """Many requests sent at once over one connection get their answers in their order, also where some are slower."""
    key_id = once(target, call(target, "CreateKey", {})).content["KeyMetadata"]["KeyId"]
    slow = call(target, "UpdateKeyDescription", {"KeyId": key_id, "Description": "slower"})
    lengths = range(1, PIPELINED + 1)
    with Connection(target) as connection:
        connection.send(
            b"".join(call(target, "GenerateRandom", {"NumberOfBytes": length}) + slow for length in lengths)
        )
        for length in lengths:
            answer = connection.answer()
            assert len(answer.content["Plaintext"]) == (length + 2) // 3 * 4
            assert connection.answer().content == {}


def test_what_came_before_a_refusal_is_answered_first(target: Server) -> None:
    """Good requests in front of garbage are answered, then the garbage is refused, and nothing behind it is read."""
    good = call(target, "GenerateRandom", {"NumberOfBytes": 1})
    with Connection(target) as connection:
        connection.send(good * 20 + b"\0garbage\r\n\r\n" + good)
        assert [connection.answer().status for _ in range(20)] == [200] * 20
        refusal(connection.answer(), "MalformedHttpRequestException", 400)
        assert connection.answers() == []


def test_expect_100_continue(target: Server) -> None:
    """A client that asks before it sends its body is told to go on, or is refused without having sent it."""
    body = json.dumps({"NumberOfBytes": 3}).encode()
    head = framed({**signed_headers(target, "GenerateRandom", body), "Expect": "100-continue"}, body)[: -len(body)]
    with Connection(target) as connection:
        assert connection.ask(head).status == 100
        assert connection.ask(body).status == 200
        # One that does not wait is answered once; the interim answer is left out when the body is there already.
        assert connection.ask(head + body).status == 200
    with Connection(target) as connection:
        too_large = START + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1)
        refusal(connection.ask(too_large), "RequestEntityTooLargeException", 413)


@pytest.mark.parametrize("more", [{}, {"Connection": "keep-alive"}], ids=["plain", "keep-alive"])
def test_http_1_0_is_answered_and_closed(target: Server, more: dict[str, str]) -> None:
    """A request in HTTP/1.0 is served, and the connection ends with its answer."""
    data = call(target, "GenerateRandom", {"NumberOfBytes": 1}, more=more, first_line="POST / HTTP/1.0")
    with Connection(target) as connection:
        connection.send(data * 2)
        (answer,) = connection.answers()
    assert answer.status == 200
    assert answer.closes


def test_a_chunked_body_is_the_body_that_was_signed(target: Server) -> None:
    """How a body is cut into chunks, with extensions and trailers or not, is nothing to its signature."""
    body = json.dumps({"NumberOfBytes": 3}).encode()
    headers = {**signed_headers(target, "GenerateRandom", body), "Transfer-Encoding": "chunked"}
    head = framed(headers, b"").replace(b"Content-Length: 0\r\n", b"")
    chunks = b"".join(b"1;x=y\r\n%c\r\n" % byte for byte in body)
    with Connection(target) as connection:
        assert connection.ask(head + chunks + b"0\r\nTrailer: ignored\r\n\r\n").status == 200
        assert connection.ask(head + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n").status == 200
        # The chunks of another body under the same signature.
        answer = connection.ask(head + chunks.replace(b"3", b"4") + b"0\r\n\r\n")
        assert answer.code == "InvalidSignatureException"


def test_an_upgrade_is_not_taken_up(target: Server) -> None:
    """A signed request that asks for another protocol is answered in this one, body and all."""
    more = {"Connection": "Upgrade", "Upgrade": "websocket"}
    data = call(target, "GenerateRandom", {"NumberOfBytes": 1}, more=more)
    with Connection(target) as connection:
        connection.send(data * 2)
        assert [connection.answer().status for _ in range(2)] == [200, 200]

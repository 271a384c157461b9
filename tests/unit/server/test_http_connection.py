"""One connection, driven without a socket: order, limits, refusals."""

import pytest

from selfkms.protocol.http import TLSDetails
from selfkms.server.http_connection import QUEUED_MAX
from selfkms.server.response_writer import CONTINUE
from unit.server.connection_world import IDLE_TIMEOUT, World, post

LINGER = 2.0


def test_a_request_is_answered_and_the_connection_kept() -> None:
    """One write holds the whole answer; the next request of the connection is served like the first."""
    client = World().connect()
    client.send(post("/a"))
    client.send(post("/b"))
    assert client.answers == [(200, "/a"), (200, "/b")]
    assert not client.closed()
    assert b"connection: close" not in client.received


def test_the_gate_learns_who_asks_and_how() -> None:
    """The peer is an address without port and zone; TLS is told in CloudTrail's words."""
    world = World()
    world.connect().send(post("/a"))
    world.connect(tls=True).send(post("/b", b"body"))
    plain, encrypted = world.gate.requests
    assert (plain.peer, plain.tls) == ("2001:db8::7", None)
    assert (encrypted.body, encrypted.tls) == (b"body", TLSDetails("TLSv1.3", "TLS_AES_256_GCM_SHA384"))


def test_requests_of_all_connections_in_one_turn_are_recorded_together() -> None:
    """No answer leaves before the records are safe; then each goes to its own connection."""
    world = World()
    clients = [world.connect() for _ in range(3)]
    for number, client in enumerate(clients):
        client.send(post(f"/recorded/{number}"), run=False)
    world.run()
    assert len(world.link.done) == 1
    assert all(not client.answers for client in clients)
    world.safe()
    assert [client.answers for client in clients] == [[(200, f"/recorded/{number}")] for number in range(3)]


def test_an_answer_that_may_not_leave_is_replaced() -> None:
    """Without a safe record the result stays here, and the connection goes on."""
    world = World()
    client = world.connect()
    client.send(post("/recorded"))
    world.safe(False)
    assert client.answers == [(500, "otherwise")]
    assert not client.closed()


def test_pipelined_requests_are_answered_in_their_order() -> None:
    """One is under way at a time; a fast one does not pass a slow one."""
    world = World()
    client = world.connect()
    client.send(post("/recorded/1") + post("/2") + post("/3"))
    assert len(world.gate.requests) == 1
    assert not client.answers
    world.safe()
    assert client.answers == [(200, "/recorded/1"), (200, "/2"), (200, "/3")]


def test_a_client_that_asks_too_much_at_once_is_not_read_from() -> None:
    """Reading stops when 16 wait beside the one under way, and goes on when they are answered."""
    world = World()
    client = world.connect()
    client.send(post("/recorded"))
    for number in range(QUEUED_MAX):
        client.send(post(f"/{number}"))
        assert client.paused() == (number == QUEUED_MAX - 1)
    world.safe()
    assert not client.paused()
    assert len(client.answers) == 1 + QUEUED_MAX


def test_thousands_of_requests_in_one_read_wait_as_bytes() -> None:
    """What one read brought is parsed as room is made, and all of it is answered in order."""
    world = World()
    client = world.connect()
    count = 3_000
    client.send(post("/recorded") + b"".join(post(f"/{number}") for number in range(count)))
    assert client.paused()
    assert len(client.connection._queue) < 200
    world.safe()
    assert [body for _, body in client.answers] == ["/recorded", *(f"/{number}" for number in range(count))]
    assert not client.paused()


def test_a_client_that_does_not_take_its_answers_gets_no_more() -> None:
    """Nothing is handled or read for it until it does; if it never does, it is cut off."""
    world = World()
    client = world.connect()
    client.connection.pause_writing()
    client.send(post("/a") + post("/b"))
    assert not world.gate.requests
    assert client.paused()
    client.connection.resume_writing()
    world.run()
    assert client.answers == [(200, "/a"), (200, "/b")]
    assert not client.paused()
    client.connection.pause_writing()
    world.pass_time(IDLE_TIMEOUT)
    assert client.aborted()


def test_the_answer_to_head_has_no_body() -> None:
    """HEAD goes to the gate like any other method."""
    client = World().connect()
    client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + post("/b"))
    assert client.answers == [(200, ""), (200, "/b")]


def test_health_is_answered_on_the_same_port() -> None:
    """Also between requests of a pipeline."""
    client = World().connect()
    client.send(post("/a") + b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
    assert client.answers == [(200, "/a"), (200, "alive")]


@pytest.mark.parametrize(
    "request_bytes", [post("/a", more=b"Connection: close\r\n"), b"POST /a HTTP/1.0\r\nContent-Length: 0\r\n\r\n"]
)
def test_the_last_request_ends_the_connection(request_bytes: bytes) -> None:
    """The answer says so; what came after the request is not looked at."""
    world = World()
    client = world.connect()
    client.send(request_bytes + post("/b"))
    assert client.answers == [(200, "/a")]
    assert b"connection: close\r\n" in client.received
    assert client.closed()
    assert not client.aborted()


REFUSED = {
    "nonsense": (b"nonsense\r\n\r\n", 400, "MalformedHttpRequestException"),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400, "MalformedHttpRequestException"),
    "CONNECT": (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "MalformedHttpRequestException"),
    "Content-Length": (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n",
        413,
        "RequestEntityTooLargeException",
    ),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 65 + b"\r\n", 413, "RequestEntityTooLargeException"),
    "endless line": (b"GET /" + b"a" * 20_000, 413, "RequestEntityTooLargeException"),
}


@pytest.mark.parametrize(("data", "status", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_request_is_refused_and_the_connection_ends(data: bytes, status: int, code: str) -> None:
    """The refusal is in the service's protocol, comes after the answers due, and never reaches the gate."""
    world = World()
    client = world.connect()
    client.send(post("/recorded") + data)
    assert not client.answers
    world.safe()
    assert client.answers == [(200, "/recorded"), (status, code)]
    assert client.received.count(b"connection: close\r\n") == 1
    assert [request.target for request in world.gate.requests] == ["/recorded"]
    assert client.transport.eof_written


def test_after_a_refusal_the_rest_is_dropped_until_the_client_closes() -> None:
    """A reset would take the answer away from the client; so what it still sends is read and forgotten."""
    world = World()
    client = world.connect()
    client.send(b"nonsense\r\n\r\n")
    client.send(post("/b") * 100)
    assert client.answers == [(400, "MalformedHttpRequestException")]
    assert not client.closed()
    assert not client.connection.eof_received()


def test_a_client_that_does_not_close_after_a_refusal_is_cut_off() -> None:
    """It has two seconds."""
    world = World()
    client = world.connect()
    client.send(b"nonsense\r\n\r\n")
    world.pass_time(LINGER - 0.1)
    assert not client.closed()
    world.pass_time(0.1)
    assert client.aborted()


def test_continue_is_said_before_the_body() -> None:
    """A client that waits for it gets it once, then sends."""
    client = World().connect()
    whole = post("/a", b"body", more=b"Expect: 100-continue\r\n")
    client.send(whole[:-4])
    client.send(whole[-4:-2])
    assert client.transport.writes == [CONTINUE]
    client.send(whole[-2:])
    assert client.answers == [(100, ""), (200, "/a")]


def test_continue_does_not_pass_an_answer() -> None:
    """Said in the middle of a pipeline, it would be taken for the answer to something else."""
    world = World()
    client = world.connect()
    whole = post("/b", b"body", more=b"Expect: 100-continue\r\n")
    client.send(post("/recorded") + whole[:-4])
    assert not client.answers
    world.safe()
    assert client.answers == [(200, "/recorded"), (100, "")]


def test_a_body_too_large_is_refused_instead_of_continued() -> None:
    """Nobody is asked to send what will be refused."""
    client = World(body_bytes_max=3).connect()
    client.send(post("/a", b"body", more=b"Expect: 100-continue\r\n")[:-4])
    assert client.answers == [(413, "RequestEntityTooLargeException")]


def test_an_upgrade_is_answered_over_http_1() -> None:
    """Nothing is switched."""
    client = World().connect()
    client.send(post("/a", b"body", more=b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"))
    assert client.answers == [(200, "/a")]
    assert not client.closed()


def test_a_client_that_only_stops_sending_gets_its_answers() -> None:
    """The connection stays open until everything is answered."""
    world = World()
    client = world.connect()
    client.send(post("/recorded") + post("/b"))
    assert client.connection.eof_received()
    world.safe()
    assert client.answers == [(200, "/recorded"), (200, "/b")]
    assert client.closed()


@pytest.mark.parametrize("data", [b"", post("/a"), b"POST /half"])
def test_a_client_that_leaves_with_nothing_due_is_let_go(data: bytes) -> None:
    """The transport closes by itself."""
    client = World().connect()
    client.send(data)
    assert not client.connection.eof_received()


def test_half_closed_connections_do_not_exist_over_tls() -> None:
    """The transport would not keep it open, so it is not asked to."""
    client = World().connect(tls=True)
    client.send(post("/recorded"))
    assert not client.connection.eof_received()


def test_an_answer_for_a_client_that_is_gone_is_dropped() -> None:
    """The request finishes, its record stands, nothing is written, and the other connections go on."""
    world = World()
    gone, other = world.connect(), world.connect()
    gone.send(post("/recorded") + post("/b"), run=False)
    other.send(post("/recorded"), run=False)
    world.run()
    gone.lose()
    world.safe()
    assert not gone.answers
    assert other.answers == [(200, "/recorded")]
    assert len(world.gate.requests) == 2
    assert len(world.connections) == 1

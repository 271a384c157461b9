"""One connection, driven without a socket: what takes too long, and the end of everything."""

import asyncio

from selfkms.server.http_connection import QUEUED_MAX
from unit.server.connection_world import IDLE_TIMEOUT, REQUEST_TIMEOUT, World, post


def test_a_request_must_arrive_in_time() -> None:
    """From the first byte to the last; one byte every now and then does not help."""
    world = World()
    client = world.connect()
    world.pass_time(IDLE_TIMEOUT - 1)
    for byte in post("/a")[:9]:
        client.send(bytes((byte,)))
        world.pass_time(2)
    assert not client.answers
    client.send(post("/a")[9:10])
    world.pass_time(2)
    assert client.answers == [(408, "RequestTimeoutException")]
    assert client.transport.eof_written


def test_a_body_must_arrive_in_time() -> None:
    """The head being complete does not matter."""
    world = World()
    client = world.connect()
    client.send(post("/a", b"body")[:-1])
    world.pass_time(REQUEST_TIMEOUT)
    assert client.answers == [(408, "RequestTimeoutException")]


def test_each_request_has_its_own_time() -> None:
    """A request that begins with the end of another is not charged for it."""
    world = World()
    client = world.connect()
    whole = post("/a", b"body")
    client.send(whole[:-1])
    world.pass_time(REQUEST_TIMEOUT - 1)
    client.send(whole[-1:] + whole[:-1])
    world.pass_time(REQUEST_TIMEOUT - 1)
    client.send(whole[-1:])
    assert client.answers == [(200, "/a"), (200, "/a")]


def test_a_request_that_is_late_behind_another_is_refused_after_its_answer() -> None:
    """Answers keep their order, refusals too."""
    world = World()
    client = world.connect()
    client.send(post("/recorded") + b"POST /b")
    world.pass_time(REQUEST_TIMEOUT)
    assert not client.answers
    world.safe()
    assert client.answers == [(200, "/recorded"), (408, "RequestTimeoutException")]


def test_a_request_under_way_has_no_deadline_here() -> None:
    """How long the service takes is not the client's fault."""
    world = World()
    client = world.connect()
    client.send(post("/recorded"))
    world.pass_time(10 * IDLE_TIMEOUT)
    world.safe()
    assert client.answers == [(200, "/recorded")]


def test_a_client_that_may_not_send_is_not_late() -> None:
    """While reading is paused, the request that was cut in half has no deadline."""
    world = World()
    client = world.connect()
    client.send(post("/recorded") + post("/b") * QUEUED_MAX + b"POST /c")
    assert client.paused()
    world.pass_time(REQUEST_TIMEOUT)
    world.safe()
    client.send(b" HTTP/1.1\r\nHost: a\r\n\r\n")
    assert client.answers[-1] == (200, "/c")


def test_an_idle_connection_is_closed() -> None:
    """Without a word: there is no request to answer. The time begins anew with each answer."""
    world = World()
    client = world.connect()
    world.pass_time(IDLE_TIMEOUT - 1)
    client.send(post("/a"))
    world.pass_time(IDLE_TIMEOUT - 1)
    client.send(b"\r\n")
    assert not client.closed()
    world.pass_time(1)
    assert client.closed()
    assert client.answers == [(200, "/a")]


def test_a_close_that_the_client_does_not_let_happen_is_enforced() -> None:
    """A client that never reads does not keep its connection."""
    world = World()
    client = world.connect()
    client.send(post("/a", more=b"Connection: close\r\n"))
    assert not client.aborted()
    world.pass_time(IDLE_TIMEOUT)
    assert client.aborted()


def test_connections_beyond_the_limit_are_closed() -> None:
    """At once and without an answer; those that are there are not harmed, and one that leaves makes room."""
    world = World(connections_max=2)
    first, _second, third = world.connect(), world.connect(), world.connect()
    assert third.aborted()
    third.send(post("/a"))
    third.lose()
    assert not third.answers
    first.lose()
    assert not world.connect().closed()


def test_draining_closes_what_is_idle_and_answers_what_is_under_way() -> None:
    """The last answer says that it is the last; nothing more of the connection is handled."""
    world = World()
    idle, busy, refused = world.connect(), world.connect(), world.connect()
    busy.send(post("/recorded") + post("/b"))
    refused.send(b"nonsense\r\n\r\n")
    world.connections.draining = True
    for client in (idle, busy, refused):
        client.connection.drain()
    assert idle.closed()
    assert refused.closed()
    assert not busy.closed()
    world.safe()
    assert busy.answers == [(200, "/recorded")]
    assert b"connection: close\r\n" in busy.received
    assert busy.closed()


def test_draining_lets_a_request_that_has_begun_arrive() -> None:
    """It is answered, and then the connection ends."""
    world = World()
    client = world.connect()
    client.send(b"POST /a HTTP/1.1\r\n")
    world.connections.draining = True
    client.connection.drain()
    assert not client.closed()
    client.send(b"Host: a\r\n\r\n")
    assert client.answers == [(200, "/a")]
    assert client.closed()


def test_draining_cuts_off_what_does_not_end() -> None:
    """After the time that it was given."""
    world = World()
    client = world.connect()
    client.send(post("/recorded"))
    asyncio.run(world.connections.drain(0))
    assert client.aborted()

"""Ports: whose they are, and that they stay so. Loopback sockets only."""

import errno
import socket

import pytest

from selfkms.server.listener import bind_reserved, worker_socket

HOST = "127.0.0.1"


def port_of(bound: socket.socket) -> int:
    port: int = bound.getsockname()[1]
    return port


def refuses(port: int) -> bool:
    """Whether the port is refused, in words that name it."""
    try:
        bind_reserved(HOST, port).close()
    except OSError as error:
        return error.errno == errno.EADDRINUSE and str(port) in str(error)
    return False


def test_workers_share_the_port_that_the_parent_holds() -> None:
    """Each has a listening socket of its own on it, and a client reaches one of them."""
    with bind_reserved(HOST, 0) as held:
        port = port_of(held)
        with worker_socket(HOST, port), worker_socket(HOST, port), socket.create_connection((HOST, port), timeout=5):
            pass


def test_a_port_that_is_held_and_not_listening_is_in_use() -> None:
    """The other installation may have no worker at this moment."""
    with bind_reserved(HOST, 0) as held:
        assert refuses(port_of(held))


def test_a_port_that_another_installation_s_workers_listen_on_is_in_use() -> None:
    """Although they would let the port be shared."""
    with bind_reserved(HOST, 0) as held:
        port = port_of(held)
        with worker_socket(HOST, port):
            held.close()
            assert refuses(port)


def test_a_port_that_any_other_program_has_is_in_use() -> None:
    """Listening or not."""
    with socket.socket() as other:
        other.bind((HOST, 0))
        assert refuses(port_of(other))
        other.listen()
        assert refuses(port_of(other))


def test_connections_of_the_last_run_are_no_reason_to_refuse() -> None:
    """The kernel remembers connections that we closed for a minute: a restart need not wait for it to forget."""
    with bind_reserved(HOST, 0) as held:
        port = port_of(held)
        with worker_socket(HOST, port) as listening, socket.create_connection((HOST, port), timeout=5) as client:
            listening.setblocking(True)
            accepted, _ = listening.accept()
            accepted.close()  # we close first: ours is the side that is remembered (TIME-WAIT)
            assert client.recv(1) == b""
    assert not refuses(port)


def test_nobody_connects_while_the_port_is_only_held() -> None:
    """A client is refused at once instead of waiting for a worker that is not there."""
    with bind_reserved(HOST, 0) as held, pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port_of(held)), timeout=5)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_ipv6_addresses_are_taken() -> None:
    """An IPv6 address is IPv6 only: the same port of IPv4 is another one."""
    try:
        held = bind_reserved("::1", 0)
    except OSError as error:
        pytest.skip(f"no IPv6 loopback address: {error}")
    with held, worker_socket("::1", port_of(held)) as listening:
        assert listening.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        assert not refuses(port_of(held))


def test_an_address_that_is_not_ours_is_an_error() -> None:
    """Not one about the port."""
    with pytest.raises(OSError, match="assign") as caught:
        bind_reserved("192.0.2.1", 0)
    assert caught.value.errno == errno.EADDRNOTAVAIL

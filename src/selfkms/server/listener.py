"""Listening sockets. Each worker has one of its own on the same port, and the kernel spreads connections over them.

SO_REUSEPORT lets any process of the same user share a port, another installation by mistake too. So the parent asks
first whether the port is free, and then holds it, not listening, for as long as it lives: while a worker is started
again, and even if none of them listens, the number stays ours.
"""

import errno
import socket
from typing import Final

BACKLOG: Final = 1_024
"""Connections that wait to be accepted. The kernel may lower it (net.core.somaxconn)."""


def bind_reserved(host: str, port: int) -> socket.socket:
    """Hold a port for `worker_socket`, without listening.

    Args:
        host: an IPv4 or IPv6 address, or a name, of which the first address counts.
        port: 0 takes any free one; `getsockname` then says which.

    Raises:
        OSError: with EADDRINUSE, somebody has the port; or there is no such address here, or no permission.
    """
    # SO_REUSEADDR here is for the connections that the last run closed and the kernel still remembers: they are no
    # reason to refuse. A socket that is listening, or held as below, is one.
    with _bound(host, port, socket.SO_REUSEADDR):
        pass
    return _bound(host, port, socket.SO_REUSEPORT)


def worker_socket(host: str, port: int) -> socket.socket:
    """A worker's own listening socket on a port that the parent holds.

    Raises:
        OSError: another user's process has the port, or there is no such address here.
    """
    listening = _bound(host, port, socket.SO_REUSEADDR, socket.SO_REUSEPORT)
    listening.setblocking(False)
    listening.listen(BACKLOG)
    return listening


def _bound(host: str, port: int, *options: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        for option in options:
            bound.setsockopt(socket.SOL_SOCKET, option, 1)
        if family == socket.AF_INET6:
            # The address of a client then has one form only, which policies on aws:SourceIp rely upon.
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise OSError(errno.EADDRINUSE, f"port {port} of {host} is in use by another process") from error
        raise
    return bound

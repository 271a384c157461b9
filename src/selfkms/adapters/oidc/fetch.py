"""One document by HTTPS from a host that is not trusted: no redirects, little time, few bytes, public addresses.

The name is looked up once, the address judged, and the connection made to that very address: a second look-up could
have another answer. For TLS and for the server the host keeps its name. Proxies of the environment are not used: they
would look names up anew.
"""

import http.client
import queue
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from selfkms.adapters.oidc.addresses import is_public

DOCUMENT_BYTES_MAX: Final = 262_144

_HTTPS_PORT: Final = 443
_ADDRESSES_MAX: Final = 4
_CONNECT_SECONDS_MAX: Final = 2.0
"""To one address: one that does not answer must not take the time of the next."""

# A name (RFC 1035, 2.3.1 and 2.3.4), or an IPv6 address.
_HOST: Final = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}|[0-9a-f]*:[0-9a-f:.]{1,44}", re.ASCII)
_TARGET: Final = re.compile(r"[!-~]*")
_SERVER_ERRORS: Final = 500
_TOO_MANY_REQUESTS: Final = 429

Resolve = Callable[[str, int], Sequence[str]]
"""(host name, port) -> its addresses; `OSError` if it has none. May take long."""


class UnreachableError(Exception):
    """The host does not answer, or not in time; or it may not be connected to. The message is for the operator."""


class UnusableDocumentError(Exception):
    """The host answers, and not with what was asked for. The message is for the operator."""


def look_up(host: str, port: int) -> Sequence[str]:
    """The addresses that the system knows for a name."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class _Place(NamedTuple):
    host: str
    port: int
    authority: str
    """Host and port as the URL has them."""
    target: str


class Fetcher:
    """Fetches documents. May be shared by threads."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext,
        allow_private_addresses: bool,
        monotonic: Callable[[], float],
        resolve: Resolve = look_up,
    ) -> None:
        """Prepare.

        Args:
            tls: says which authorities are trusted; verifies names.
            allow_private_addresses: whether hosts of one's own network, and of this machine, may be connected to.
            monotonic: a clock in seconds that nobody sets.
            resolve: looks names up.
        """
        assert tls.check_hostname
        assert tls.verify_mode is ssl.CERT_REQUIRED
        self._tls = tls
        self._allow_private_addresses = allow_private_addresses
        self._monotonic = monotonic
        self._resolve = resolve

    def get(self, url: str, *, deadline: float) -> bytes:
        """The document behind a URL.

        Args:
            url: `https://` only.
            deadline: by the monotonic clock. What has not come until then does not count.

        Raises:
            UnreachableError: no connection, no TLS, not in time, a server error; or an address that is not public.
            UnusableDocumentError: no such URL, a redirect or another refusal, or a document that is too long.
        """
        place = _place(url)
        addresses = self._permitted(place, deadline)
        try:
            connected = self._connect(addresses, place.port, deadline)
            with connected, self._guarded(connected, place.host, deadline) as guarded:
                document = _document(guarded, place)
        except (OSError, ValueError, http.client.HTTPException) as error:
            # ValueError: a name that cannot stand in TLS after all.
            raise UnreachableError(f"{place.authority}: {type(error).__name__}: {error}") from error
        # A connection that was cut at the deadline may look as if the document had ended.
        self._remaining(deadline, place.authority)
        return document

    def _permitted(self, place: _Place, deadline: float) -> Sequence[str]:
        """The addresses of a host that may be connected to."""
        try:
            addresses: Sequence[str] = [str(ip_address(place.host))]
        except ValueError:
            addresses = self._looked_up(place, deadline)
        permitted = [address for address in addresses if self._allow_private_addresses or is_public(address)]
        if not permitted:
            raise UnreachableError(
                f"{place.authority} has no public address; web_identity.allow_private_addresses is not set"
            )
        return permitted[:_ADDRESSES_MAX]

    def _looked_up(self, place: _Place, deadline: float) -> Sequence[str]:
        """The addresses of a name. The system's own look-up knows no deadline: it is left to itself then."""
        found: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()

        def look() -> None:
            try:
                found.put(self._resolve(place.host, place.port))
            except (OSError, UnicodeError) as error:
                # UnicodeError: a label is empty or too long.
                found.put(OSError(str(error)))

        threading.Thread(target=look, name="name look-up", daemon=True).start()
        try:
            answer = found.get(timeout=self._remaining(deadline, place.authority))
        except queue.Empty:
            raise UnreachableError(f"{place.host}: the name is not looked up in time") from None
        if isinstance(answer, OSError):
            raise UnreachableError(f"{place.host}: {answer}") from answer
        return answer

    def _connect(self, addresses: Sequence[str], port: int, deadline: float) -> socket.socket:
        """A connection to the first address that takes one."""
        failure: OSError | None = None
        for address in addresses:
            try:
                seconds = min(self._remaining(deadline, address), _CONNECT_SECONDS_MAX)
                return socket.create_connection((address, port), timeout=seconds)
            except OSError as error:
                failure = error
        assert failure is not None, "there is an address"
        raise failure

    @contextmanager
    def _guarded(self, connected: socket.socket, host: str, deadline: float) -> Iterator[ssl.SSLSocket]:
        """TLS on a connection that is cut at the deadline, however slowly bytes come."""
        remaining = self._remaining(deadline, host)
        connected.settimeout(remaining)
        with self._tls.wrap_socket(connected, server_hostname=host, do_handshake_on_connect=False) as guarded:
            # The timeout of a socket begins anew with every byte.
            watchdog = threading.Timer(remaining, _cut, (guarded,))
            watchdog.daemon = True
            watchdog.start()
            try:
                guarded.do_handshake()
                yield guarded
            finally:
                watchdog.cancel()

    def _remaining(self, deadline: float, what: str) -> float:
        remaining = deadline - self._monotonic()
        if remaining <= 0:
            raise UnreachableError(f"{what} does not answer in time")
        return remaining


def _cut(guarded: ssl.SSLSocket) -> None:
    # Not SSLSocket's own method, which takes TLS away under the thread that reads.
    with suppress(OSError):
        socket.socket.shutdown(guarded, socket.SHUT_RDWR)


def _place(url: str) -> _Place:
    try:
        parts = urlsplit(url)
        port = parts.port or _HTTPS_PORT
    except ValueError as error:
        raise UnusableDocumentError(f"{url!r} is no URL") from error
    host = parts.hostname or ""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    well_formed = _HOST.fullmatch(host) and _TARGET.fullmatch(target) and "@" not in parts.netloc
    if parts.scheme != "https" or not well_formed or parts.fragment:
        raise UnusableDocumentError(f"{url!r} is no https URL that is fetched")
    return _Place(host, port, parts.netloc, target)


def _document(guarded: ssl.SSLSocket, place: _Place) -> bytes:
    # It has its connection and makes none itself.
    exchange = http.client.HTTPConnection(place.host, place.port)
    exchange.sock = guarded
    headers = {"Host": place.authority, "Accept": "application/json", "User-Agent": "selfkms", "Connection": "close"}
    exchange.request("GET", place.target, headers=headers)
    with exchange.getresponse() as response:
        if response.status >= _SERVER_ERRORS or response.status == _TOO_MANY_REQUESTS:
            raise UnreachableError(f"{place.authority}{place.target} answers {response.status}")
        if response.status != http.client.OK:
            # A redirect (RFC 9110, 15.4), too: it may lead anywhere.
            raise UnusableDocumentError(f"{place.authority}{place.target} answers {response.status}")
        document = response.read(DOCUMENT_BYTES_MAX + 1)
    if len(document) > DOCUMENT_BYTES_MAX:
        raise UnusableDocumentError(f"{place.authority}{place.target} has more than {DOCUMENT_BYTES_MAX} bytes")
    return document

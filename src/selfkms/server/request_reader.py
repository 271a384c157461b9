"""Bytes of one connection into HTTP requests, with every limit kept while they arrive. Does no I/O.

llhttp, strict as it comes, refuses most of what could be read in two ways: bare line feeds, folded lines, white space
before the colon, control characters, several Content-Length, Content-Length beside Transfer-Encoding. Added here is
what it lets through: other versions than 1.0 and 1.1, a transfer coding beside `chunked`, any transfer coding in
HTTP/1.0, a missing or repeated Host, a target that is not a path, and sizes.

Source: RFC 9112, sections 3.2, 5, 6.1, 6.3, 7.1; RFC 9110, sections 6.5.1, 7.8, 10.1.1.
"""

from functools import lru_cache
from typing import Final, NamedTuple, NoReturn

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

from selfkms.domain.errors import AWSError, RequestEntityTooLargeException
from selfkms.domain.limits import HEADER_BYTES_MAX, HEADERS_MAX
from selfkms.protocol.http import HTTPRequest, TLSDetails
from selfkms.server.errors import MalformedHttpRequestException

_TOO_LARGE: Final = "The request entity is too large."
_FRAMING: Final = frozenset({"content-length", "expect", "host", "transfer-encoding"})


class Received(NamedTuple):
    """A complete request. After the last one nothing of the connection is read any more."""

    request: HTTPRequest
    last: bool


@lru_cache(maxsize=256)
def _lower(name: bytes) -> str:
    """The name of a header. Clients send the same dozen again and again."""
    return name.decode("latin-1").lower()


class RequestReader:
    """Reads the requests of one connection. The `on_…` methods are called by the parser."""

    def __init__(self, *, body_bytes_max: int, peer: str, tls: TLSDetails | None) -> None:
        """Begin; `body_bytes_max` bounds each request's body."""
        self._body_bytes_max = body_bytes_max
        # Beyond the body, 16 kB and as many bytes again for the framing of small chunks, their extensions and trailers.
        self._message_bytes_max = HEADER_BYTES_MAX + 2 * body_bytes_max
        self._peer = peer
        self._tls = tls
        self._parser: HttpRequestParser | None = HttpRequestParser(self)
        self._complete: list[Received] = []
        self._head_again = False
        self._begin()
        self.refusal: AWSError | None = None
        """Why reading ended: what arrived after the last complete request is none."""
        self.ended = False
        """Whether the last request of the connection was read."""
        self.mid_message = False
        """Whether a part of a request has arrived."""
        self.wants_continue = False
        """Whether the client waits for `100 Continue` before it sends the body."""

    def _begin(self) -> None:
        self._method = ""
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._head_bytes = 0
        self._head_done = False
        self._last = False
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._fed_bytes = 0

    def feed(self, data: bytes) -> list[Received]:
        """The requests that these bytes complete. Look at `refusal` and `ended` afterwards; then feed no more."""
        assert self._parser is not None
        if self.mid_message:
            self._fed_bytes += len(data)
        try:
            while data:
                try:
                    self._parser.feed_data(data)
                    break
                except HttpParserUpgrade as upgrade:
                    data = data[upgrade.args[0] :]
                    self._ignore_upgrade()
        except HttpParserError as error:
            self._note(error)
        # The parser keeps a header line until it is complete: an endless one is seen here only.
        bytes_max = self._message_bytes_max if self._head_done else HEADER_BYTES_MAX
        if self.mid_message and self._fed_bytes > bytes_max and self.refusal is None:
            self.refusal = RequestEntityTooLargeException(_TOO_LARGE)
        complete, self._complete = self._complete, []
        return complete

    def close(self) -> None:
        """Let go of the parser, which holds this reader."""
        self._parser = None

    def _note(self, error: HttpParserError) -> None:
        if self.ended or self.refusal is not None:
            return  # bytes after the last request, or a refusal that passed through the parser
        if isinstance(error, HttpParserCallbackError):
            raise error  # a fault of ours
        self.refusal = MalformedHttpRequestException(f"The request is not valid HTTP/1.1: {error}.")

    def _refuse(self, error: AWSError) -> NoReturn:
        self.refusal = error
        raise error

    def _ignore_upgrade(self) -> None:
        """Read on as if no upgrade had been asked for. RFC 9110, 7.8: a server may ignore the Upgrade header.

        The parser skips the body of such a request: a new one is shown the request's framing, and then reads the body.
        """
        framing = [f"{name}: {value}\r\n" for name, value in self._headers if name in _FRAMING]
        self._parser = HttpRequestParser(self)
        self._head_again = True
        self._parser.feed_data("".join(("POST / HTTP/1.1\r\n", *framing, "\r\n")).encode("latin-1"))
        self._head_again = False

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        if self.ended:
            raise HttpParserError("after the last request")  # how the parser is stopped; no refusal, see `_note`
        if not self._head_again:
            self._begin()
            self.mid_message = True

    def on_url(self, url: bytes) -> None:
        """A part of the request target."""
        if self._head_done:
            return
        self._url += url
        self._head_bytes += len(url)
        if self._head_bytes > HEADER_BYTES_MAX:
            self._refuse(RequestEntityTooLargeException(_TOO_LARGE))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which is counted in `feed` and not used. RFC 9110, 6.5.1: it may be ignored."""
        if self._head_done:
            return
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > HEADER_BYTES_MAX or len(self._headers) == HEADERS_MAX:
            self._refuse(RequestEntityTooLargeException(_TOO_LARGE))
        self._headers.append((_lower(name), value.strip(b" \t").decode("latin-1")))

    def on_headers_complete(self) -> None:
        """The end of the head: whatever can be refused without the body is refused here."""
        if self._head_done:
            return
        parser = self._parser
        assert parser is not None
        self._head_done = True
        self._method = parser.get_method().decode("ascii")
        version = parser.get_http_version()
        if version not in ("1.0", "1.1"):
            self._refuse(MalformedHttpRequestException("The HTTP version is not supported."))
        if not self._url.startswith(b"/") or self._method == "CONNECT":
            self._refuse(MalformedHttpRequestException("The request target is not a path."))
        self._last = version == "1.0" or not parser.should_keep_alive()
        self._check_framing(version)

    def _check_framing(self, version: str) -> None:
        hosts, body_follows, expects = 0, False, False
        for name, value in self._headers:
            if name not in _FRAMING:
                continue
            if name == "host":
                hosts += 1
            elif name == "content-length":
                # The parser has seen to it that these are digits, once, and no more than 64 bits without leading zeros.
                body_bytes = int(value.lstrip("0") or "0")
                if body_bytes > self._body_bytes_max:
                    self._refuse(RequestEntityTooLargeException(_TOO_LARGE))
                body_follows = body_bytes > 0
            elif name == "expect":
                expects = version == "1.1" and value.lower() == "100-continue"
            elif version == "1.0" or value.lower() != "chunked":
                self._refuse(MalformedHttpRequestException("The Transfer-Encoding is not supported."))
            else:
                body_follows = True
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            self._refuse(MalformedHttpRequestException("A request has exactly one Host header."))
        self.wants_continue = expects and body_follows

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self.wants_continue = False
        self._body_bytes += len(body)
        if self._body_bytes > self._body_bytes_max:
            self._refuse(RequestEntityTooLargeException(_TOO_LARGE))
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The end of a request."""
        parser = self._parser
        assert parser is not None
        if parser.should_upgrade():
            return  # its body is still to come, see `_ignore_upgrade`
        self.mid_message = False
        self.wants_continue = False
        self.ended = self._last
        request = HTTPRequest(
            method=self._method,
            target=self._url.decode("ascii"),
            headers=tuple(self._headers),
            body=self._body[0] if len(self._body) == 1 else b"".join(self._body),
            peer=self._peer,
            tls=self._tls,
        )
        self._complete.append(Received(request, self._last))

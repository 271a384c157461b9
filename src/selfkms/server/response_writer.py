"""An HTTP answer as bytes. Source: RFC 9110, sections 6.6.1 (Date), 8.6 (Content-Length), 9.3.2 (HEAD)."""

from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from selfkms.protocol.http import HTTPResponse

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}

_CLOSE: Final = "connection: close\r\n"


class ResponseWriter:
    """Writes answers. The text of the date is made once a second."""

    def __init__(self, wall: Callable[[], float]) -> None:
        """Begin; `wall` gives the wall clock, seconds since the epoch."""
        self._wall = wall
        self._second = -1
        self._date = ""

    def render(self, response: HTTPResponse, *, close: bool, without_body: bool = False) -> bytes:
        """The answer, with what is the server's to add.

        Args:
            response: status, headers in any case, body.
            close: whether the client is told that the connection ends here.
            without_body: the answer to HEAD has the length of the body, not the body.
        """
        second = int(self._wall())
        if second != self._second:
            self._second, self._date = second, formatdate(second, usegmt=True)
        fields = "".join([f"{name}: {value}\r\n" for name, value in response.headers])
        # The last line of defence: no header, whatever it was made of, begins another header or an answer.
        assert fields.count("\n") == fields.count("\r") == len(response.headers), "a line break in a header"
        head = (
            f"{_STATUS_LINES[response.status]}{fields}content-length: {len(response.body)}\r\ndate: {self._date}\r\n"
            f"{_CLOSE if close else ''}\r\n"
        ).encode("latin-1")
        return head if without_body else head + response.body

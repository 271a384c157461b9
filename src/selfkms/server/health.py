"""`GET /livez` and `GET /readyz`: whether this process runs, and whether it can serve. Neither takes a signature."""

from collections.abc import Callable, Mapping
from typing import Final

from selfkms.protocol.http import HTTPResponse

_HEADERS: Final = (("content-type", "application/json"), ("cache-control", "no-store"))
_OK: Final = HTTPResponse(status=200, headers=_HEADERS, body=b'{"status":"ok"}')
_UNAVAILABLE: Final = HTTPResponse(status=503, headers=_HEADERS, body=b'{"status":"unavailable"}')


def health_answers(ready: Callable[[], bool]) -> Mapping[tuple[str, str], Callable[[], HTTPResponse]]:
    """What is answered at once, by method and target. `ready` says whether requests can be served now."""
    return {
        ("GET", "/livez"): lambda: _OK,
        ("GET", "/readyz"): lambda: _OK if ready() else _UNAVAILABLE,
    }

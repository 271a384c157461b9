"""An HTTP request and its answer as plain data, after the bytes were parsed and before they mean anything."""

import functools
from collections.abc import Mapping
from typing import NamedTuple

import msgspec


class TLSDetails(NamedTuple):
    """How the connection is encrypted, in CloudTrail's words."""

    tls_version: str
    cipher_suite: str


class HTTPRequest(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One request as it was received."""

    method: str
    target: str
    """Path and query as on the request line."""
    headers: tuple[tuple[str, str], ...]
    """As received, repeated ones too: names in lower case, values as ISO 8859-1 without white space at their ends."""
    body: bytes
    peer: str
    """Address of the other side, without port."""
    tls: TLSDetails | None = None

    @functools.cached_property
    def by_name(self) -> Mapping[str, str]:
        """The headers by their names, in the order in which they were received; of repeated ones the first."""
        by_name = dict(self.headers)
        if len(by_name) != len(self.headers):
            by_name.update(reversed(self.headers))
        return by_name

    def header(self, name: str) -> str | None:
        """The value of the first header of that name (lower case)."""
        return self.by_name.get(name)


class HTTPResponse(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. Content-Length, Date and Connection are the server's to add."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

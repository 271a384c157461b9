"""Markers, pages, and reading all there is: where a listing goes on. A marker is worth nothing but where it was issued.

To the client it is opaque. What it is called, how many entries a page has, and which error answers a wrong one differ
between services.
"""

from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator, Sequence
from hmac import compare_digest
from itertools import islice
from typing import Final, TypeVar

from selfkms.ports.installation_keys import InstallationKeys

T = TypeVar("T")
Read = Callable[[str, int], Sequence[T]]
"""Reads entries whose positions are greater than a given one, in their order, at most so many."""

_TAG_BYTES: Final = 16

# How many records are read at once when all of them are looked through.
_ROWS: Final = 500


class MarkerError(Exception):
    """Not issued by this installation for this listing."""


class Listing:
    """What markers are bound to: the purpose of a kind of marker, and all that tells one listing from another."""

    def __init__(self, keys: InstallationKeys, purpose: str, *scope: str) -> None:
        self._keys = keys
        self._purpose = purpose
        self._scope = scope

    def issue(self, position: str) -> str:
        """A marker with which the listing goes on behind a position."""
        return urlsafe_b64encode(self._tag(position) + position.encode()).decode()

    def position_of(self, marker: str | None) -> str:
        """Where a marker says to go on; the beginning without one.

        Raises:
            MarkerError: not one of this listing's.
        """
        if marker is None:
            return ""
        try:
            position = b64decode(marker.encode("ascii"), altchars=b"-_", validate=True)[_TAG_BYTES:].decode()
        except (Base64Error, ValueError) as error:
            raise MarkerError from error
        # Compared as text: so one marker has one text, whatever base64 lets through.
        if not compare_digest(marker.encode(), self.issue(position).encode()):
            raise MarkerError
        return position

    def _tag(self, position: str) -> bytes:
        # Each part with its length in front: two different listings never give the same bytes.
        parts = [part.encode() for part in (*self._scope, position)]
        return self._keys.tag(self._purpose, b"".join(len(part).to_bytes(4, "big") + part for part in parts))


def cut(
    listing: Listing, marker: str | None, count: int, *, read: Read[T], position: Callable[[T], str]
) -> tuple[Sequence[T], str | None]:
    """One page of `count` entries, and the marker of the next if there is one.

    Raises:
        MarkerError: not one of this listing's.
    """
    # One entry more than the page holds tells whether there is another page.
    entries = read(listing.position_of(marker), count + 1)
    if len(entries) <= count:
        return entries, None
    entries = entries[:count]
    return entries, listing.issue(position(entries[-1]))


def following(entries: Sequence[T], *, position: Callable[[T], str]) -> Read[T]:
    """The reading of entries that are all there, in their order.

    An entry that was removed since the last page has no place any more: begin anew rather than skip any.
    """

    def read(after: str, count: int) -> Sequence[T]:
        positions = [position(entry) for entry in entries]
        start = positions.index(after) + 1 if after in positions else 0
        return entries[start : start + count]

    return read


def each(read: Read[T], *, position: Callable[[T], str], after: str = "") -> Iterator[T]:
    """All entries after a position, read some hundreds at once."""
    while True:
        rows = read(after, _ROWS)
        yield from rows
        if len(rows) < _ROWS:
            return
        after = position(rows[-1])


def only(read: Read[T], wanted: Callable[[T], bool], *, position: Callable[[T], str]) -> Read[T]:
    """The reading of those entries that are wanted."""

    def read_wanted(after: str, count: int) -> Sequence[T]:
        entries = each(read, position=position, after=after)
        return list(islice((entry for entry in entries if wanted(entry)), count))

    return read_wanted

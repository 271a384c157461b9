"""Listings by pages, and markers: opaque to the client, and worth nothing but where they were issued.

Source: IAM API Reference, "ListUsers": Marker, MaxItems, IsTruncated; "Common Error Types": ValidationError.
"""

from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator, Sequence
from hmac import compare_digest
from itertools import islice
from typing import Final, TypeVar

from selfkms.domain.errors import ValidationError
from selfkms.domain.iam.limits import LISTING
from selfkms.services.context import Context
from selfkms.services.shapes import Shape

T = TypeVar("T")
Read = Callable[[str, int], Sequence[T]]
"""Reads entries whose positions are greater than a given one, in their order, at most so many."""

_TAG_BYTES: Final = 16
# How many records are read at once when all of them are looked through.
_ROWS: Final = 500


class Paged(Shape, frozen=True, kw_only=True):
    """What every listing takes."""

    marker: str | None = None
    max_items: int | None = None


class Page(Shape, frozen=True, kw_only=True):
    """What every listing gives beside its entries."""

    is_truncated: bool
    marker: str | None = None


def page(
    context: Context, listing: str, request: Paged, *, read: Read[T], position: Callable[[T], str]
) -> tuple[Sequence[T], str | None]:
    """One page of entries, and the marker of the next if there is one.

    Args:
        listing: the operation, and what it is about.
        request: `max_items`, by default 100; the service model lets up to 1,000 through.
        read: entries after a position, at most so many.
        position: the position of an entry; at most 200 bytes, since a marker has at most 320 characters.

    Raises:
        ValidationError: the marker was not issued by this installation for this listing of this account.
    """
    count = request.max_items or LISTING.default
    # One entry more than the page holds tells whether there is another page.
    entries = read(_position_of(context, listing, request.marker), count + 1)
    if len(entries) <= count:
        return entries, None
    entries = entries[:count]
    return entries, _issue(context, listing, position(entries[-1]))


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


def following(entries: Sequence[T], *, position: Callable[[T], str]) -> Read[T]:
    """The reading of entries that are all there, in their order.

    An entry that was removed since the last page has no place any more: begin anew rather than skip any.
    """

    def read(after: str, count: int) -> Sequence[T]:
        positions = [position(entry) for entry in entries]
        start = positions.index(after) + 1 if after in positions else 0
        return entries[start : start + count]

    return read


def _issue(context: Context, listing: str, position: str) -> str:
    tag = context.keys.tag("IAM marker", _tagged(context, listing, position))
    return urlsafe_b64encode(tag + position.encode()).decode()


def _position_of(context: Context, listing: str, marker: str | None) -> str:
    """Where a marker says to go on; the beginning without one."""
    if marker is None:
        return ""
    try:
        raw = b64decode(marker.encode("ascii"), altchars=b"-_", validate=True)
        position = raw[_TAG_BYTES:].decode()
    except (Base64Error, ValueError) as error:
        raise ValidationError("Invalid Marker.") from error
    if not compare_digest(raw[:_TAG_BYTES], context.keys.tag("IAM marker", _tagged(context, listing, position))):
        raise ValidationError("Invalid Marker.")
    return position


def _tagged(context: Context, listing: str, position: str) -> bytes:
    # IAM has no Regions: a marker is good in all of them.
    return f"{context.account_id}\n{listing}\n{position}".encode()

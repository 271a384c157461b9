"""Markers: where a listing goes on. Opaque to the client, and worth nothing but where they were issued.

Source: AWS KMS API Reference, "ListKeys": Marker, NextMarker, Truncated, InvalidMarkerException.
"""

from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from hmac import compare_digest
from typing import Final, TypeVar

from selfkms.domain.kms.errors import InvalidMarkerException
from selfkms.domain.limits import PageLimit
from selfkms.services.context import Context
from selfkms.services.shapes import Shape

T = TypeVar("T")

_TAG_BYTES: Final = 16


class Paged(Shape, frozen=True, kw_only=True):
    """What every listing takes."""

    limit: int | None = None
    marker: str | None = None


class Page(Shape, frozen=True, kw_only=True):
    """What every listing gives beside its entries."""

    next_marker: str | None = None
    truncated: bool


def issue(context: Context, listing: str, position: str) -> str:
    """A marker that lets `listing` (its operation, and the key it is about) go on after `position`."""
    tag = context.keys.tag("marker", _tagged(context, listing, position))
    return urlsafe_b64encode(tag + position.encode()).decode()


def position_of(context: Context, listing: str, marker: str | None) -> str:
    """Where a marker says to go on; the beginning without one.

    Raises:
        InvalidMarkerException: not issued by this installation for this listing of this account and Region.
    """
    if marker is None:
        return ""
    try:
        raw = b64decode(marker.encode("ascii"), altchars=b"-_", validate=True)
        position = raw[_TAG_BYTES:].decode()
    except (Base64Error, ValueError) as error:
        raise InvalidMarkerException from error
    if not compare_digest(raw[:_TAG_BYTES], context.keys.tag("marker", _tagged(context, listing, position))):
        raise InvalidMarkerException
    return position


def page(
    context: Context,
    listing: str,
    request: Paged,
    limits: PageLimit,
    *,
    read: Callable[[str, int], Sequence[T]],
    position: Callable[[T], str],
) -> tuple[Sequence[T], str | None]:
    """One page of entries and the marker of the next, if there is one.

    Args:
        listing: the operation, and the key it is about.
        request: `limit`, which is lowered to the highest one that the operation gives, and `marker`.
        limits: entries a page by default and at most.
        read: entries after a position, at most so many.
        position: the position of an entry.
    """
    count = min(request.limit or limits.default, limits.highest)
    # One entry more than the page holds tells whether there is another page.
    entries = read(position_of(context, listing, request.marker), count + 1)
    if len(entries) <= count:
        return entries, None
    entries = entries[:count]
    return entries, issue(context, listing, position(entries[-1]))


def following(entries: Sequence[T], after: str, count: int, *, position: Callable[[T], str]) -> Sequence[T]:
    """Of entries that are all there: `count` of them after a position, in their order.

    An entry that was removed since the last page has no place any more: begin anew rather than skip any.
    """
    positions = [position(entry) for entry in entries]
    start = positions.index(after) + 1 if after in positions else 0
    return entries[start : start + count]


def _tagged(context: Context, listing: str, position: str) -> bytes:
    return f"{context.account_id}\n{context.region}\n{listing}\n{position}".encode()

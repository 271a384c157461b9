"""The listings of KMS: what they take and give, and how a wrong marker is refused.

Source: AWS KMS API Reference, "ListKeys": Marker, NextMarker, Truncated, InvalidMarkerException.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from selfkms.domain.kms.errors import InvalidMarkerException
from selfkms.domain.limits import PageLimit
from selfkms.services.context import Context
from selfkms.services.markers import Listing, MarkerError, Read, cut
from selfkms.services.shapes import Shape

T = TypeVar("T")


class Paged(Shape, frozen=True, kw_only=True):
    """What every listing takes."""

    limit: int | None = None
    marker: str | None = None


class Page(Shape, frozen=True, kw_only=True):
    """What every listing gives beside its entries."""

    next_marker: str | None = None
    truncated: bool


def page(
    context: Context,
    listing: str,
    request: Paged,
    limits: PageLimit,
    *,
    read: Read[T],
    position: Callable[[T], str],
) -> tuple[Sequence[T], str | None]:
    """One page of entries and the marker of the next, if there is one.

    Args:
        context: account and Region, which markers are bound to.
        listing: the operation, and the key it is about.
        request: `limit`, which is lowered to the highest one that the operation gives, and `marker`.
        limits: entries a page by default and at most.
        read: entries after a position, at most so many.
        position: the position of an entry.

    Raises:
        InvalidMarkerException: not issued by this installation for this listing of this account and Region.
    """
    count = min(request.limit or limits.default, limits.highest)
    of = Listing(context.keys, "marker", context.account_id, context.region, listing)
    try:
        return cut(of, request.marker, count, read=read, position=position)
    except MarkerError as error:
        raise InvalidMarkerException from error

"""The listings of IAM: what they take and give, and how a wrong marker is refused.

Source: IAM API Reference, "ListUsers": Marker, MaxItems, IsTruncated; "Common Error Types": ValidationError.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from selfkms.domain.errors import ValidationError
from selfkms.domain.iam.limits import LISTING
from selfkms.services.context import Context
from selfkms.services.markers import Listing, MarkerError, Read, cut
from selfkms.services.shapes import Shape

T = TypeVar("T")


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
    # IAM has no Regions: a marker is good in all of them.
    of = Listing(context.keys, "IAM marker", context.account_id, listing)
    try:
        return cut(of, request.marker, request.max_items or LISTING.default, read=read, position=position)
    except MarkerError as error:
        raise ValidationError("Invalid Marker.") from error

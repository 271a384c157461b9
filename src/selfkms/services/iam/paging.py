"""The listings of IAM: what they take and give, how a wrong marker is refused, and reading all there is.

Source: IAM API Reference, "ListUsers": Marker, MaxItems, IsTruncated; "Common Error Types": ValidationError.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

from selfkms.domain.errors import ValidationError
from selfkms.domain.iam.limits import LISTING
from selfkms.services.context import Context
from selfkms.services.markers import Listing, MarkerError, Read, cut
from selfkms.services.shapes import Shape

T = TypeVar("T")

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
    # IAM has no Regions: a marker is good in all of them.
    of = Listing(context.keys, "IAM marker", context.account_id, listing)
    try:
        return cut(of, request.marker, request.max_items or LISTING.default, read=read, position=position)
    except MarkerError as error:
        raise ValidationError("Invalid Marker.") from error


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

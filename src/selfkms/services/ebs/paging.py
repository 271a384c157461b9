"""The listings of Amazon EC2: MaxResults and NextToken.

Source: Amazon EC2 API Reference, "Pagination"; "DescribeSnapshots", MaxResults.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from selfkms.domain.ebs.errors import InvalidParameterCombination, InvalidParameterValue
from selfkms.services.context import Context
from selfkms.services.markers import Listing, MarkerError, Read, cut
from selfkms.services.shapes import Shape

T = TypeVar("T")

_RESULTS_MIN: Final = 5
_RESULTS_MAX: Final = 1_000


class Paged(Shape, frozen=True, kw_only=True):
    """What every listing takes."""

    max_results: int | None = None
    next_token: str | None = None


def check_paged(request: Paged, ids: Sequence[str], parameter: str) -> None:
    """Refuse pages of what the request names one by one, and pages that are too small.

    Args:
        request: of the listing.
        ids: what it names.
        parameter: how EC2 calls these: `snapshotSet`.

    Raises:
        InvalidParameterCombination, InvalidParameterValue: as said.
    """
    if request.max_results is None:
        return
    if ids:
        raise InvalidParameterCombination(f"The parameter {parameter} cannot be used with the parameter maxResults")
    if request.max_results < _RESULTS_MIN:
        raise InvalidParameterValue(
            f"Value ( {request.max_results} ) for parameter maxResults is invalid. "
            f"Expecting a value greater than {_RESULTS_MIN}."
        )


def page(
    context: Context, operation: str, request: Paged, *, read: Read[T], position: Callable[[T], str]
) -> tuple[Sequence[T], str | None]:
    """One page of entries, and the token of the next if there is one.

    Who does not ask for pages gets everything.

    Raises:
        InvalidParameterValue: the token was not issued by this installation for this listing of this account.
    """
    listing = Listing(context.keys, "EC2 token", context.account_id, context.region, operation)
    count = min(request.max_results or _RESULTS_MAX, _RESULTS_MAX)
    try:
        entries, token = cut(listing, request.next_token, count, read=read, position=position)
    except MarkerError as error:
        raise InvalidParameterValue(f"Value ({request.next_token}) for parameter nextToken is invalid.") from error
    if request.max_results is not None or token is None:
        return entries, token
    found = list(entries)
    while rows := read(position(found[-1]), _RESULTS_MAX):
        found += rows
    return found, None

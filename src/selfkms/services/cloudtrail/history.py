"""LookupEvents: the event history of an account in a Region.

Source: CloudTrail API Reference, "LookupEvents"; CloudTrail User Guide, "Viewing recent management events with the AWS
CLI". AWS publishes no texts of its errors: that of InvalidMaxResultsException is known, the others are ours.
"""

from typing import Final

from selfkms.domain.cloudtrail.errors import (
    InvalidEventCategoryException,
    InvalidLookupAttributesException,
    InvalidMaxResultsException,
    InvalidNextTokenException,
    InvalidTimeRangeException,
    UnsupportedOperationException,
)
from selfkms.domain.cloudtrail.history import Attribute, Found, Lookup, Mark, recorded_event
from selfkms.domain.errors import InternalFailure
from selfkms.ports.event_history import HistoryUnavailableError
from selfkms.services.context import Context
from selfkms.services.markers import Listing, MarkerError
from selfkms.services.operation import Audit, Operation
from selfkms.services.shapes import Shape

EVENTS_MAX: Final = 50
"""LookupEvents, MaxResults: that many unless the request says less, and never more."""
VALUE_CHARACTERS_MAX: Final = 2_000
"""LookupAttribute, AttributeValue."""

_INSIGHT: Final = "insight"


class LookupAttribute(Shape, frozen=True, kw_only=True):
    attribute_key: str
    attribute_value: str


class LookupEventsRequest(Shape, frozen=True, kw_only=True):
    lookup_attributes: tuple[LookupAttribute, ...] = ()
    start_time: float | None = None
    end_time: float | None = None
    event_category: str | None = None
    max_results: int | None = None
    next_token: str | None = None


class ResourceEntry(Shape, frozen=True, kw_only=True):
    resource_type: str
    resource_name: str


class EventEntry(Shape, frozen=True, kw_only=True):
    event_id: str
    event_name: str
    read_only: str
    """`true` or `false`: AWS makes it a string."""
    access_key_id: str | None = None
    event_time: float
    event_source: str
    username: str | None = None
    resources: tuple[ResourceEntry, ...]
    cloud_trail_event: str
    """The whole record, JSON in a string."""


class LookupEventsResult(Shape, frozen=True, kw_only=True):
    events: tuple[EventEntry, ...]
    next_token: str | None = None


def check_lookup_events(request: LookupEventsRequest) -> None:
    """Refuse what cannot be looked up."""
    if request.event_category == _INSIGHT:
        raise UnsupportedOperationException("CloudTrail Insights events are not supported.")
    if request.event_category is not None:
        raise InvalidEventCategoryException(f"Event category {request.event_category} is not valid.")
    if len(request.lookup_attributes) > 1:
        raise InvalidLookupAttributesException("Only one lookup attribute can be specified.")
    for attribute in request.lookup_attributes:
        _check_attribute(attribute)
    if request.max_results is not None and not 1 <= request.max_results <= EVENTS_MAX:
        raise InvalidMaxResultsException(
            f"A max results value of {request.max_results} is invalid. Specify max results between 1 and {EVENTS_MAX}."
        )
    since, until = request.start_time, request.end_time
    if since is not None and until is not None and since > until:
        raise InvalidTimeRangeException("The start time is after the end time.")


def _check_attribute(attribute: LookupAttribute) -> None:
    if attribute.attribute_key not in set(Attribute):
        raise InvalidLookupAttributesException("Lookup attribute key is not valid.")
    if not 1 <= len(attribute.attribute_value) <= VALUE_CHARACTERS_MAX:
        raise InvalidLookupAttributesException("Lookup attribute value is not valid.")


def lookup_events(request: LookupEventsRequest, context: Context) -> LookupEventsResult:
    """A page of the management events of the caller's account and Region, the newest first.

    Raises:
        InvalidNextTokenException: the token was not issued for this query.
        InternalFailure: the history cannot be read now.
    """
    count = request.max_results or EVENTS_MAX
    listing = _listing(context, request)
    before = _opened(listing, request.next_token)
    try:
        # One event more than the page holds tells whether there is another page.
        found = context.history.lookup(_lookup(request, context), before=before, limit=count + 1)
    except HistoryUnavailableError as error:
        raise InternalFailure("The event history does not answer. The request can be retried.") from error
    return LookupEventsResult(
        events=tuple(_entry(event) for event in found[:count]),
        next_token=listing.issue("{}.{}".format(*found[count - 1].mark)) if len(found) > count else None,
    )


def _lookup(request: LookupEventsRequest, context: Context) -> Lookup:
    attribute = request.lookup_attributes[0] if request.lookup_attributes else None
    return Lookup(
        account_id=context.account_id,
        region=context.region,
        attribute=Attribute(attribute.attribute_key) if attribute else None,
        value=attribute.attribute_value if attribute else "",
        since=request.start_time,
        until=request.end_time,
    )


def _entry(found: Found) -> EventEntry:
    event = recorded_event(found.body)
    return EventEntry(
        event_id=event.event_id,
        event_name=event.event_name,
        read_only=str(event.read_only).lower(),
        access_key_id=event.access_key_id,
        event_time=event.at,
        event_source=event.event_source,
        username=event.user_name,
        resources=tuple(
            ResourceEntry(resource_type=resource.type, resource_name=resource.arn) for resource in event.resources
        ),
        cloud_trail_event=found.body.decode(),
    )


def _listing(context: Context, request: LookupEventsRequest) -> Listing:
    """What a token is bound to: all of the query but how much of the answer is wanted at once."""
    attribute = request.lookup_attributes[0] if request.lookup_attributes else None
    key, value = (attribute.attribute_key, attribute.attribute_value) if attribute else ("", "")
    times = (str(request.start_time), str(request.end_time))
    return Listing(context.keys, "LookupEvents token", context.account_id, context.region, *times, key, value)


def _opened(listing: Listing, token: str | None) -> Mark | None:
    """Where a token says to go on; None without one."""
    if token is None:
        return None
    try:
        at, _, sequence = listing.position_of(token).partition(".")
    except MarkerError as error:
        raise InvalidNextTokenException("The next token is not valid.") from error
    return Mark(int(at), int(sequence))


OPERATIONS: Final = (
    Operation(
        "LookupEvents",
        service="cloudtrail",
        run=lookup_events,
        request=LookupEventsRequest,
        check=check_lookup_events,
        slow=True,  # a page of 50 records out of the journal
        audit=Audit(parameters=("lookup_attributes", "start_time", "end_time", "event_category", "max_results")),
    ),
)

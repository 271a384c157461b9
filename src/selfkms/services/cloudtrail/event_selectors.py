"""PutEventSelectors and GetEventSelectors: which management events a trail takes.

Source: CloudTrail API Reference, "PutEventSelectors", "GetEventSelectors", "EventSelector".
"""

from typing import Any, Final

from selfkms.domain.cloudtrail.errors import InvalidEventSelectorsException
from selfkms.domain.cloudtrail.selection import EventSelector
from selfkms.domain.cloudtrail.trails import EVENT_SELECTORS_MAX, Trail
from selfkms.services.context import Context
from selfkms.services.operation import Audit, Operation, TrailNamed
from selfkms.services.shapes import Shape

_EXCLUDABLE: Final = frozenset({"kms.amazonaws.com", "rdsdata.amazonaws.com"})


class DataResourceEntry(Shape, frozen=True, kw_only=True):
    type: str | None = None
    values: tuple[str, ...] = ()


class EventSelectorEntry(Shape, frozen=True, kw_only=True):
    read_write_type: str | None = None
    include_management_events: bool | None = None
    data_resources: tuple[DataResourceEntry, ...] | None = None
    exclude_management_event_sources: tuple[str, ...] | None = None


class PutEventSelectorsRequest(Shape, frozen=True, kw_only=True):
    trail_name: str
    event_selectors: tuple[EventSelectorEntry, ...] | None = None
    advanced_event_selectors: tuple[dict[str, Any], ...] | None = None


class GetEventSelectorsRequest(Shape, frozen=True, kw_only=True):
    trail_name: str


class EventSelectorsResult(Shape, frozen=True, kw_only=True):
    trail_arn: str
    event_selectors: tuple[EventSelectorEntry, ...]


def check_put_event_selectors(request: PutEventSelectorsRequest) -> None:
    """Refuse selectors that are none, or of events that there are none of."""
    if request.advanced_event_selectors:
        raise InvalidEventSelectorsException("Advanced event selectors are not supported.")
    selectors = request.event_selectors
    if not selectors or len(selectors) > EVENT_SELECTORS_MAX:
        raise InvalidEventSelectorsException(f"Specify between 1 and {EVENT_SELECTORS_MAX} event selectors.")
    for selector in selectors:
        if selector.data_resources:
            raise InvalidEventSelectorsException("Data events are not supported.")
        unknown = set(selector.exclude_management_event_sources or ()) - _EXCLUDABLE
        if unknown:
            raise InvalidEventSelectorsException(f"The event source {min(unknown)} cannot be excluded.")


def put_event_selectors(request: PutEventSelectorsRequest, trail: Trail, context: Context) -> EventSelectorsResult:
    """Replace the event selectors of a trail."""
    assert request.event_selectors, "checked"
    selectors = tuple(
        EventSelector(
            read_write_type=entry.read_write_type or "All",
            include_management_events=entry.include_management_events is not False,
            excluded_sources=entry.exclude_management_event_sources or (),
        )
        for entry in request.event_selectors
    )
    changed = trail.changed(selectors=selectors, has_custom_selectors=selectors != (EventSelector(),))
    context.put(changed)
    return _result(changed)


def get_event_selectors(_request: GetEventSelectorsRequest, trail: Trail, _context: Context) -> EventSelectorsResult:
    """The event selectors of a trail."""
    return _result(trail)


def _result(trail: Trail) -> EventSelectorsResult:
    return EventSelectorsResult(
        trail_arn=trail.arn,
        event_selectors=tuple(
            EventSelectorEntry(
                read_write_type=selector.read_write_type,
                include_management_events=selector.include_management_events,
                data_resources=(),
                exclude_management_event_sources=selector.excluded_sources,
            )
            for selector in trail.selectors
        ),
    )


OPERATIONS: Final = (
    Operation(
        "PutEventSelectors",
        service="cloudtrail",
        run=put_event_selectors,
        request=PutEventSelectorsRequest,
        check=check_put_event_selectors,
        targets=(TrailNamed("trail_name", at_home=True),),
        writes=True,
        audit=Audit(
            parameters=("trail_name", "event_selectors"), answers=("trail_arn", "event_selectors"), read_only=False
        ),
    ),
    Operation(
        "GetEventSelectors",
        service="cloudtrail",
        run=get_event_selectors,
        request=GetEventSelectorsRequest,
        targets=(TrailNamed("trail_name"),),
        audit=Audit(parameters=("trail_name",)),
    ),
)

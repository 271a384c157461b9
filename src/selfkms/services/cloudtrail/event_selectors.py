"""PutEventSelectors and GetEventSelectors: which events a trail takes.

Source: CloudTrail API Reference, "PutEventSelectors", "GetEventSelectors", "EventSelector", "AdvancedEventSelector". Of
the refusals that AWS publishes no texts of, the texts are ours.
"""

from typing import Final

import msgspec

from selfkms.domain.cloudtrail.advanced_selection import (
    EXCLUDABLE_SOURCES,
    AdvancedEventSelector,
    FieldSelector,
    check_advanced,
)
from selfkms.domain.cloudtrail.errors import InvalidEventSelectorsException
from selfkms.domain.cloudtrail.selection import EventSelector
from selfkms.domain.cloudtrail.trails import EVENT_SELECTORS_MAX, Trail
from selfkms.services.context import Context
from selfkms.services.operation import Audit, Operation, TrailNamed
from selfkms.services.shapes import Shape

_BASIC_DATA_RESOURCES: Final = frozenset({"AWS::DynamoDB::Table", "AWS::Lambda::Function", "AWS::S3::Object"})
"""All that basic selectors can name; there are no events of them here."""


class DataResourceEntry(Shape, frozen=True, kw_only=True):
    type: str | None = None
    values: tuple[str, ...] = ()


class EventSelectorEntry(Shape, frozen=True, kw_only=True):
    read_write_type: str | None = None
    include_management_events: bool | None = None
    data_resources: tuple[DataResourceEntry, ...] | None = None
    exclude_management_event_sources: tuple[str, ...] | None = None


class FieldSelectorEntry(Shape, frozen=True, kw_only=True):
    field: str
    equals: tuple[str, ...] = ()
    starts_with: tuple[str, ...] = ()
    ends_with: tuple[str, ...] = ()
    not_equals: tuple[str, ...] = ()
    not_starts_with: tuple[str, ...] = ()
    not_ends_with: tuple[str, ...] = ()


class AdvancedEventSelectorEntry(Shape, frozen=True, kw_only=True):
    name: str = ""
    field_selectors: tuple[FieldSelectorEntry, ...]


class PutEventSelectorsRequest(Shape, frozen=True, kw_only=True):
    trail_name: str
    event_selectors: tuple[EventSelectorEntry, ...] | None = None
    advanced_event_selectors: tuple[AdvancedEventSelectorEntry, ...] | None = None


class GetEventSelectorsRequest(Shape, frozen=True, kw_only=True):
    trail_name: str


class EventSelectorsResult(Shape, frozen=True, kw_only=True):
    trail_arn: str
    event_selectors: tuple[EventSelectorEntry, ...] | None = None
    advanced_event_selectors: tuple[AdvancedEventSelectorEntry, ...] | None = None


def check_put_event_selectors(request: PutEventSelectorsRequest) -> None:
    """Refuse selectors that are none, or of events that there are none of."""
    if request.advanced_event_selectors:
        if request.event_selectors:
            raise InvalidEventSelectorsException(
                "Specify either event selectors or advanced event selectors, not both."
            )
        check_advanced(map(_advanced, request.advanced_event_selectors))
        return
    selectors = request.event_selectors
    if not selectors or len(selectors) > EVENT_SELECTORS_MAX:
        raise InvalidEventSelectorsException(f"Specify between 1 and {EVENT_SELECTORS_MAX} event selectors.")
    for selector in selectors:
        for resource in selector.data_resources or ():
            if resource.type not in _BASIC_DATA_RESOURCES:
                raise InvalidEventSelectorsException(f"Value {resource.type} for DataResources.Type is invalid.")
            raise InvalidEventSelectorsException(f"Data events of {resource.type} are not supported.")
        unknown = set(selector.exclude_management_event_sources or ()) - EXCLUDABLE_SOURCES
        if unknown:
            raise InvalidEventSelectorsException(f"The event source {min(unknown)} cannot be excluded.")


def put_event_selectors(request: PutEventSelectorsRequest, trail: Trail, context: Context) -> EventSelectorsResult:
    """Replace the event selectors of a trail: a trail has basic or advanced ones."""
    if request.advanced_event_selectors:
        advanced = tuple(map(_advanced, request.advanced_event_selectors))
        changed = trail.changed(selectors=(), advanced_selectors=advanced, has_custom_selectors=True)
        context.put(changed)
        return _result(changed)
    assert request.event_selectors, "checked"
    selectors = tuple(
        EventSelector(
            read_write_type=entry.read_write_type or "All",
            include_management_events=entry.include_management_events is not False,
            excluded_sources=entry.exclude_management_event_sources or (),
        )
        for entry in request.event_selectors
    )
    changed = trail.changed(
        selectors=selectors, advanced_selectors=(), has_custom_selectors=selectors != (EventSelector(),)
    )
    context.put(changed)
    return _result(changed)


def get_event_selectors(_request: GetEventSelectorsRequest, trail: Trail, _context: Context) -> EventSelectorsResult:
    """The event selectors of a trail."""
    return _result(trail)


def _advanced(entry: AdvancedEventSelectorEntry) -> AdvancedEventSelector:
    conditions = (FieldSelector(**msgspec.structs.asdict(condition)) for condition in entry.field_selectors)
    return AdvancedEventSelector(name=entry.name, fields=tuple(conditions))


def _advanced_entry(selector: AdvancedEventSelector) -> AdvancedEventSelectorEntry:
    conditions = (FieldSelectorEntry(**msgspec.structs.asdict(condition)) for condition in selector.fields)
    return AdvancedEventSelectorEntry(name=selector.name, field_selectors=tuple(conditions))


def _result(trail: Trail) -> EventSelectorsResult:
    if trail.advanced_selectors:
        advanced = tuple(map(_advanced_entry, trail.advanced_selectors))
        return EventSelectorsResult(trail_arn=trail.arn, advanced_event_selectors=advanced)
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
            parameters=("trail_name", "event_selectors", "advanced_event_selectors"),
            answers=("trail_arn", "event_selectors", "advanced_event_selectors"),
            read_only=False,
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

"""Advanced event selectors: conditions on the fields of an event, all of which it must meet.

Source: CloudTrail API Reference, "AdvancedEventSelector", "AdvancedFieldSelector"; CloudTrail User Guide, "Logging data
events", "Filtering data events by using advanced event selectors".
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from selfkms.domain.cloudtrail.errors import InvalidEventSelectorsException
from selfkms.domain.cloudtrail.history import RecordedEvent

ADVANCED_VALUES_MAX: Final = 500
"""CloudTrail API Reference, "PutEventSelectors": of all conditions of all selectors of a trail."""
MANAGEMENT: Final = "Management"
DATA: Final = "Data"
DATA_RESOURCE_TYPES: Final = frozenset({"AWS::EC2::Snapshot"})
"""What there are data events of."""
EXCLUDABLE_SOURCES: Final = frozenset({"kms.amazonaws.com", "rdsdata.amazonaws.com"})
"""Whose management events a trail can leave out."""

_CATEGORY: Final = "eventCategory"
_TYPE: Final = "resources.type"
_ARN: Final = "resources.ARN"
_READ_ONLY: Final = "readOnly"
_SOURCE: Final = "eventSource"
_FIELDS: Final = {
    MANAGEMENT: frozenset({_CATEGORY, _READ_ONLY, _SOURCE}),
    DATA: frozenset({_CATEGORY, _TYPE, _ARN, _READ_ONLY, _SOURCE, "eventName", "userIdentity.arn"}),
}
_EXACT: Final = frozenset({_CATEGORY, _TYPE, _READ_ONLY})
"""The fields that take `Equals` alone, with one value."""


class FieldSelector(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Conditions on one field: one of the first three must hold if there is any, and all of the others."""

    field: str
    equals: tuple[str, ...] = ()
    starts_with: tuple[str, ...] = ()
    ends_with: tuple[str, ...] = ()
    not_equals: tuple[str, ...] = ()
    not_starts_with: tuple[str, ...] = ()
    not_ends_with: tuple[str, ...] = ()

    @property
    def operators(self) -> dict[str, tuple[str, ...]]:
        """The operators that have values, by AWS's names."""
        found = {
            "Equals": self.equals,
            "StartsWith": self.starts_with,
            "EndsWith": self.ends_with,
            "NotEquals": self.not_equals,
            "NotStartsWith": self.not_starts_with,
            "NotEndsWith": self.not_ends_with,
        }
        return {name: values for name, values in found.items() if values}

    def meets(self, found: Iterable[str]) -> bool:
        """Whether the values that a field has in an event meet it."""
        values = tuple(found)
        if any(_matches(value, self.not_equals, self.not_starts_with, self.not_ends_with) for value in values):
            return False
        selects = self.equals or self.starts_with or self.ends_with
        return not selects or any(_matches(value, self.equals, self.starts_with, self.ends_with) for value in values)


class AdvancedEventSelector(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Selects the events that meet all conditions."""

    name: str = ""
    fields: tuple[FieldSelector, ...]

    def selects(self, event: RecordedEvent) -> bool:
        """Whether it takes an event of the trail's account and Regions."""
        return all(condition.meets(_values(event, condition.field)) for condition in self.fields)

    def check(self) -> None:
        """Refuse what selects nothing that there is, or what CloudTrail does not take.

        Raises:
            InvalidEventSelectorsException: for the first thing that is wrong.
        """
        category = self._only(_CATEGORY)
        if category not in _FIELDS:
            raise InvalidEventSelectorsException(
                f"The field {_CATEGORY} is required and must be set to Equals {MANAGEMENT} or {DATA}."
            )
        for condition in self.fields:
            _check_condition(condition, category)
        if category == DATA and self._only(_TYPE) not in DATA_RESOURCE_TYPES:
            raise InvalidEventSelectorsException(
                f"The field {_TYPE} is required for data events and must be set to Equals with one of: "
                f"{', '.join(sorted(DATA_RESOURCE_TYPES))}."
            )

    def _only(self, field: str) -> str | None:
        """The one value that a field must equal."""
        values = [value for condition in self.fields if condition.field == field for value in condition.equals]
        return values[0] if len(values) == 1 else None


def check_advanced(selectors: Iterable[AdvancedEventSelector]) -> None:
    """Refuse selectors of which one is none, or that have too many values together.

    Raises:
        InvalidEventSelectorsException: see `AdvancedEventSelector.check`.
    """
    count = 0
    for selector in selectors:
        selector.check()
        count += sum(len(values) for condition in selector.fields for values in condition.operators.values())
    if count > ADVANCED_VALUES_MAX:
        raise InvalidEventSelectorsException(
            f"All conditions of a trail's advanced event selectors have at most {ADVANCED_VALUES_MAX} values together."
        )


def _check_condition(condition: FieldSelector, category: str) -> None:
    field, operators = condition.field, condition.operators
    if field not in _FIELDS[category]:
        raise InvalidEventSelectorsException(f"The field {field} cannot be used to select {category} events.")
    if not operators:
        raise InvalidEventSelectorsException(f"The field {field} has no operator.")
    if field in _EXACT and (operators.keys() != {"Equals"} or len(condition.equals) != 1):
        raise InvalidEventSelectorsException(f"The field {field} takes the operator Equals with one value.")
    if field == _READ_ONLY and condition.equals[0] not in {"true", "false"}:
        raise InvalidEventSelectorsException(f"The field {field} equals true or false.")
    if field == _SOURCE and category == MANAGEMENT:
        unknown = set(condition.not_equals) - EXCLUDABLE_SOURCES
        if operators.keys() != {"NotEquals"} or unknown:
            raise InvalidEventSelectorsException(
                f"For {MANAGEMENT} events the field {field} takes the operator NotEquals with: "
                f"{', '.join(sorted(EXCLUDABLE_SOURCES))}."
            )


def _values(event: RecordedEvent, field: str) -> tuple[str, ...]:
    if field == _CATEGORY:
        return (MANAGEMENT if event.management_event else DATA,)
    if field == _READ_ONLY:
        return (str(event.read_only).lower(),)
    if field == _TYPE:
        return tuple(resource.type for resource in event.resources)
    if field == _ARN:
        return tuple(resource.arn for resource in event.resources)
    if field == "eventName":
        return (event.event_name,)
    if field == _SOURCE:
        return (event.event_source,)
    return (event.principal_arn,)


def _matches(value: str, equal: tuple[str, ...], starts: tuple[str, ...], ends: tuple[str, ...]) -> bool:
    # An empty tuple starts and ends nothing.
    return value in equal or value.startswith(starts) or value.endswith(ends)

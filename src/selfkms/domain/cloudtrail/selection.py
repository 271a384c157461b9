"""Which events a trail takes.

Source: CloudTrail API Reference, "EventSelector", "PutEventSelectors"; CloudTrail User Guide, "Global service events".
"""

from typing import Final

import msgspec

from selfkms.domain.cloudtrail.advanced_selection import AdvancedEventSelector
from selfkms.domain.cloudtrail.history import RecordedEvent

GLOBAL_REGION: Final = "us-east-1"
"""Where the events of services without Regions are recorded."""

_GLOBAL_SOURCES: Final = frozenset({"iam.amazonaws.com", "sts.amazonaws.com"})


class EventSelector(msgspec.Struct, frozen=True, kw_only=True):
    """Which management events a trail takes. Of the data events that there are it can take none."""

    read_write_type: str = "All"
    include_management_events: bool = True
    excluded_sources: tuple[str, ...] = ()

    def selects(self, event: RecordedEvent) -> bool:
        """Whether it takes an event of the trail's account and Regions."""
        if not (event.management_event and self.include_management_events):
            return False
        if event.event_source in self.excluded_sources:
            return False
        return self.read_write_type == "All" or (self.read_write_type == "ReadOnly") == event.read_only


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which events of its account a trail takes: all that the settings of a trail say of it."""

    account_id: str
    home_region: str
    multi_region: bool = False
    include_global: bool = True
    selectors: tuple[EventSelector, ...] = (EventSelector(),)
    advanced_selectors: tuple[AdvancedEventSelector, ...] = ()
    """If there are any, they alone count."""

    def region_of(self, event: RecordedEvent) -> str | None:
        """The Region in whose log files an event belongs; None: it is not for this trail."""
        if event.recipient_account_id != self.account_id:
            return None
        if not any(selector.selects(event) for selector in self.advanced_selectors or self.selectors):
            return None
        everywhere = event.event_source in _GLOBAL_SOURCES and event.aws_region == GLOBAL_REGION
        if everywhere:
            if not self.include_global:
                return None
            return event.aws_region if self.multi_region else self.home_region
        return event.aws_region if self.multi_region or event.aws_region == self.home_region else None

"""All operations of AWS CloudTrail that are served, by name."""

from collections.abc import Mapping
from typing import Final

from selfkms.services.cloudtrail import event_selectors, history, public_keys, trail_logging, trail_tags, trails
from selfkms.services.operation import Operation

FAMILIES: Final = (history, trails, trail_logging, event_selectors, trail_tags, public_keys)

OPERATIONS: Final[Mapping[str, Operation]] = {
    operation.name: operation for family in FAMILIES for operation in family.OPERATIONS
}

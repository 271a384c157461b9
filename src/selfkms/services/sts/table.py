"""All operations of AWS STS that are served, by name."""

from collections.abc import Mapping
from typing import Final

from selfkms.services.operation import Operation
from selfkms.services.sts import identity, messages, sessions, user_sessions, web_identity

FAMILIES: Final = (sessions, web_identity, user_sessions, identity, messages)

OPERATIONS: Final[Mapping[str, Operation]] = {
    operation.name: operation for family in FAMILIES for operation in family.OPERATIONS
}

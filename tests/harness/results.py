"""Results of operations for tests of protocols: as a service gives them, and as a client of botocore's reads them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec


def as_read(shape: Any, value: Any) -> Any:
    """What a client makes of a value that we send."""
    match shape.type_name:
        case "structure":
            return {name: as_read(member, value[name]) for name, member in shape.members.items()}
        case "list":
            return [as_read(shape.member, entry) for entry in value]
        case "map":
            return {key: as_read(shape.value, entry) for key, entry in value.items()}
        case "timestamp":
            return datetime.fromtimestamp(value, UTC)
        case _:
            return value


def result_of(members: Mapping[str, Any]) -> msgspec.Struct:
    """A result as a service gives it, with these members."""
    return msgspec.defstruct("Result", [(name, Any) for name in members], frozen=True)(**members)

"""Parameters against the published service model, with AWS's wording for what does not fit.

Each input shape is compiled once into small closures. A closure takes a JSON value, its path (`tags.1.member.tagKey`)
and the failures so far, and returns the value as the service uses it: without members that are null or unknown, blobs
decoded to bytes, whole numbers as int. There are two ways to fail:

* Another JSON type than the model's: `SerializationException` at once. Wording: recorded from services of the same
  framework (Athena in 2026, Kinesis); no recording of KMS is known.
* A broken constraint: all of them are gathered into one `ValidationException`. Wording: recorded from KMS; for lists
  and maps with scalar entries from ACM, IAM and DynamoDB.

Source: botocore's `service-2.json`; AWS KMS API Reference, "Common Error Types".
"""

import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from selfkms.domain.errors import SerializationException, ValidationException
from selfkms.domain.limits import PENDING_WINDOW_DAYS_MAX, PENDING_WINDOW_DAYS_MIN
from selfkms.protocol.java_patterns import java_pattern


class ShapeReference(msgspec.Struct, frozen=True, rename="camel"):
    """The name of another shape."""

    shape: str
    location_name: str | None = None
    """What a member, or each element of a list, is called in a form and in XML; None: by the rule of the protocol."""
    query_name: str | None = None
    """EC2: what a member is called in a form, if that is not its `location_name`."""
    location: str | None = None
    """REST: where a member stands, `uri`, `querystring` or `header`; None: in the body."""


class Shape(msgspec.Struct, frozen=True):
    """What `service-2.json` says of one shape, as far as it is checked."""

    type: str
    members: dict[str, ShapeReference] = {}
    required: tuple[str, ...] = ()
    member: ShapeReference | None = None
    """Of a list: its elements."""
    key: ShapeReference | None = None
    value: ShapeReference | None = None
    min: int | None = None
    """Characters of a string, bytes of a blob, entries of a list or map, or a number itself."""
    max: int | None = None
    pattern: str | None = None
    """To be met by the whole string."""
    enum: tuple[str, ...] = ()
    sensitive: bool = False
    payload: str | None = None
    """REST: the member that is the whole body."""


Shapes = Mapping[str, Shape]
Validator = Callable[[dict[str, Any]], dict[str, Any]]

STRICTER: Final[Mapping[tuple[str, str], tuple[int, int]]] = {
    # AWS KMS API Reference, "ScheduleKeyDeletion", PendingWindowInDays: from 7 to 30; the model says 1 to 365.
    ("ScheduleKeyDeletionRequest", "PendingWindowInDays"): (PENDING_WINDOW_DAYS_MIN, PENDING_WINDOW_DAYS_MAX),
}
"""(shape, member) -> (lowest, highest), where the service is stricter than its model."""

LEFT_TO_THE_SERVICE: Final = frozenset(
    {
        # CloudTrail API Reference, "LookupEvents", Errors: each of these has an error of its own.
        ("LookupEventsRequest", "MaxResults"),
        ("LookupEventsRequest", "EventCategory"),
        ("LookupAttribute", "AttributeKey"),
        ("LookupAttribute", "AttributeValue"),
    }
)
"""(shape, member) whose constraints are not checked here, because the service answers with another error."""

# Services of the same framework report ten failures at most. It also bounds how far an answer outgrows its request.
_FAILURES_MAX: Final = 10

_NOT_NULL: Final = "Member must not be null"
_HIDDEN: Final = object()
"""Stands for a value that must not be shown."""
# Not called sensitive by the model, but whoever holds one may use the grant that it belongs to.
_NEVER_SHOWN: Final = frozenset({"GrantTokenType"})
_SCALARS: Final = frozenset({"string", "blob", "integer", "long", "boolean", "timestamp"})


class _Failures:
    """The broken constraints of one request, as AWS words them."""

    __slots__ = ("texts",)

    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, path: str, constraint: str, value: Any) -> None:
        """The value at `path` breaks a constraint; None is shown as null, `_HIDDEN` not at all."""
        if len(self.texts) < _FAILURES_MAX:
            shown = "" if value is _HIDDEN else "null " if value is None else f"'{_text(value)}' "
            self.texts.append(f"Value {shown}at '{path}' failed to satisfy constraint: {constraint}")

    def raise_if_any(self) -> None:
        """Raise all of them as one error.

        Raises:
            ValidationException: there are some.
        """
        if self.texts:
            errors = "error" if len(self.texts) == 1 else "errors"
            raise ValidationException(f"{len(self.texts)} validation {errors} detected: {'; '.join(self.texts)}")


_Check = Callable[[Any, str, _Failures], Any]
_Constraint = tuple[Callable[[Any], bool], str]


def compile_input(shapes: Shapes, name: str) -> Validator:
    """The validator of an input shape. It leaves its argument as it is.

    The validator raises:
        SerializationException: a value has another JSON type than the model says.
        ValidationException: a constraint of the model, or one of `STRICTER`, is broken.
    """
    check = _structure(name, shapes[name], shapes)

    def validate(parameters: dict[str, Any]) -> dict[str, Any]:
        failures = _Failures()
        clean: dict[str, Any] = check(parameters, "", failures)
        failures.raise_if_any()
        return clean

    return validate


def holds_sensitive(shapes: Shapes, name: str) -> bool:
    """Whether a shape or one below it is sensitive or a blob: nothing of its value may be shown."""
    shape = shapes[name]
    if shape.sensitive or shape.type == "blob" or name in _NEVER_SHOWN:
        return True
    below = [shape.member, shape.key, shape.value, *shape.members.values()]
    return any(holds_sensitive(shapes, reference.shape) for reference in below if reference is not None)


def _compile(name: str, shape: Shape, shapes: Shapes) -> _Check:
    match shape.type:
        case "structure":
            return _structure(name, shape, shapes)
        case "list":
            return _list(name, shape, shapes)
        case "map":
            return _map(name, shape, shapes)
        case _:
            return _scalar(shape)


def _structure(name: str, shape: Shape, shapes: Shapes) -> _Check:
    members = []
    for wire_name, reference in shape.members.items():
        member = shapes[reference.shape]
        if (name, wire_name) in STRICTER:
            lowest, highest = STRICTER[name, wire_name]
            member = msgspec.structs.replace(member, min=lowest, max=highest)
        if (name, wire_name) in LEFT_TO_THE_SERVICE:
            member = msgspec.structs.replace(member, min=None, max=None, enum=())
        shown_name = wire_name[0].lower() + wire_name[1:]
        check_member = _compile(reference.shape, member, shapes)
        members.append((wire_name, shown_name, wire_name in shape.required, check_member))

    def check(value: Any, path: str, failures: _Failures) -> Any:
        if not isinstance(value, dict):
            raise _mistyped(value, "Expected null")
        clean = {}
        for wire_name, shown_name, required, check_member in members:
            member = value.get(wire_name)
            if member is not None:
                clean[wire_name] = check_member(member, f"{path}.{shown_name}" if path else shown_name, failures)
            elif required:
                failures.add(f"{path}.{shown_name}" if path else shown_name, _NOT_NULL, None)
        return clean

    return check


def _list(name: str, shape: Shape, shapes: Shapes) -> _Check:
    assert shape.member is not None
    constraints = _constraints(shape)
    element = shapes[shape.member.shape]
    check_element = _compile(shape.member.shape, element, shapes)
    together = _together("Member", element)
    hidden = holds_sensitive(shapes, name)

    def check(value: Any, path: str, failures: _Failures) -> Any:
        if not isinstance(value, list):
            raise _mistyped(value, "Expected list or null")
        shown = _HIDDEN if hidden else value
        _hold(value, constraints, path, shown, failures)
        of_elements = _Failures() if together else failures
        clean = []
        for number, entry in enumerate(value, start=1):
            if entry is None:
                failures.add(f"{path}.{number}.member", _NOT_NULL, None)
            else:
                clean.append(check_element(entry, f"{path}.{number}.member", of_elements))
        if together and of_elements.texts:
            failures.add(path, together, shown)
        return clean

    return check


def _map(name: str, shape: Shape, shapes: Shapes) -> _Check:
    assert shape.key is not None
    assert shape.value is not None
    constraints = _constraints(shape)
    key, entry_shape = shapes[shape.key.shape], shapes[shape.value.shape]
    check_key = _compile(shape.key.shape, key, shapes)
    check_value = _compile(shape.value.shape, entry_shape, shapes)
    keys_together, values_together = _together("Map keys", key), _together("Map value", entry_shape)
    hidden = holds_sensitive(shapes, name)

    def check(value: Any, path: str, failures: _Failures) -> Any:
        if not isinstance(value, dict):
            raise _mistyped(value, "Expected map or null")
        shown = _HIDDEN if hidden else value
        _hold(value, constraints, path, shown, failures)
        of_keys, of_values = _Failures(), _Failures() if values_together else failures
        clean = {}
        for entry_key, entry in value.items():
            check_key(entry_key, path, of_keys)
            if entry is None:
                failures.add(f"{path}.{entry_key}.member", _NOT_NULL, None)
            else:
                clean[entry_key] = check_value(entry, f"{path}.{entry_key}.member", of_values)
        if of_keys.texts:
            failures.add(path, keys_together, shown)
        if values_together and of_values.texts:
            failures.add(path, values_together, shown)
        return clean

    return check


def _scalar(shape: Shape) -> _Check:
    read = _READERS[shape.type]
    constraints = _constraints(shape)
    hidden = shape.sensitive or shape.type == "blob"

    def check(value: Any, path: str, failures: _Failures) -> Any:
        clean = read(value)
        for holds, text in constraints:
            if not holds(clean):
                failures.add(path, text, _HIDDEN if hidden else clean)
        return clean

    return check


def _hold(clean: Any, constraints: list[_Constraint], path: str, shown: Any, failures: _Failures) -> None:
    for holds, text in constraints:
        if not holds(clean):
            failures.add(path, text, shown)


def _constraints(shape: Shape) -> list[_Constraint]:
    """What a value of this shape must meet, each with AWS's words for it."""
    lowest, highest = shape.min, shape.max
    number = shape.type in {"integer", "long"}
    noun = "value" if number else "length"
    constraints: list[_Constraint] = []
    if highest is not None:
        text = f"Member must have {noun} less than or equal to {highest}"
        constraints.append(
            ((lambda value: value <= highest) if number else (lambda value: len(value) <= highest), text)
        )
    if lowest is not None:
        text = f"Member must have {noun} greater than or equal to {lowest}"
        constraints.append(((lambda value: value >= lowest) if number else (lambda value: len(value) >= lowest), text))
    if shape.pattern is not None:
        matches = java_pattern(shape.pattern).fullmatch
        text = f"Member must satisfy regular expression pattern: {shape.pattern}"
        constraints.append((lambda value: matches(value) is not None, text))
    if shape.enum:
        values = frozenset(shape.enum)
        text = f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
        constraints.append((lambda value: value in values, text))
    return constraints


def _together(subject: str, shape: Shape) -> str:
    """How AWS reports scalar entries: as a whole, with all that they must meet. Empty for entries of other kinds."""
    if shape.type not in _SCALARS:
        return ""
    return f"{subject} must satisfy constraint: [{', '.join(text for _, text in _constraints(shape))}]"


def _text(value: Any) -> str:
    """A value as Java writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}={_text(entry)}' for key, entry in value.items())}}}"
    return "null" if value is None else str(value)


def _mistyped(value: Any, otherwise: str) -> SerializationException:
    """The error for a value of the wrong JSON type; `otherwise` words it for scalars."""
    if isinstance(value, list):
        return SerializationException("Start of list found where not expected")
    if isinstance(value, dict):
        return SerializationException("Start of structure or map found where not expected.")
    return SerializationException(otherwise)


def _not_convertible(value: Any, target: str) -> SerializationException:
    if isinstance(value, bool):
        token = "TRUE_VALUE" if value else "FALSE_VALUE"
    else:
        token = "STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE"
    return _mistyped(value, f"{token} can not be converted to {target}")


def _read_string(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise _not_convertible(value, "a String")


def _read_integer(value: Any) -> int:
    # JSON does not tell 1.0 from 1. AWS cuts a fraction off without a word; we refuse it.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _not_convertible(value, "an Integer")


def _read_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _not_convertible(value, "a Boolean")


# The years 1 to 9999: no calendar has others.
_EARLIEST: Final = -62_135_596_800
_LATEST: Final = 253_402_300_799


def _read_timestamp(value: Any) -> float:
    """Seconds since the epoch."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and _EARLIEST <= value <= _LATEST:
        return float(value)
    raise _not_convertible(value, "a Timestamp")


# RFC 4648, 3.5: the bits of the last character that carry no data must be zero, so that one blob has one text.
_LAST_BEFORE_ONE_PAD: Final = frozenset("AEIMQUYcgkosw048")
_LAST_BEFORE_TWO_PADS: Final = frozenset("AQgw")


def _read_blob(value: Any) -> bytes:
    """RFC 4648, 4, padded, nothing else in between. The text is not repeated in the error: it may be a plaintext.

    No JSON value is bytes: those are the whole body of a request of a REST protocol, as they came.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            decoded = binascii.a2b_base64(value, strict_mode=True)
        except ValueError:
            raise _not_convertible(value, "a Blob") from None
        if value.endswith("="):
            last = _LAST_BEFORE_TWO_PADS if value.endswith("==") else _LAST_BEFORE_ONE_PAD
            if value.rstrip("=")[-1] not in last:
                raise _not_convertible(value, "a Blob")
        return decoded
    raise _not_convertible(value, "a Blob")


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "string": _read_string,
    "blob": _read_blob,
    "integer": _read_integer,
    "long": _read_integer,
    "boolean": _read_boolean,
    "timestamp": _read_timestamp,
}

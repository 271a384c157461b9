"""Results written as XML, as their shapes in the service model say.

Elements bear the names of members; the entries of a list are `member` elements, those of a map `entry` elements with
`key` and `value`, unless the model gives them other names. Whatever the text is, the document stays well-formed: a
character that XML 1.0 does not allow becomes U+FFFD, the replacement character, for it cannot be written in any form.

Source: Smithy, "AWS Query protocol", response serialization; XML 1.0 (fifth edition), 2.2 "Characters" and 2.11
"End-of-Line Handling".
"""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.protocol.validate import Shape, Shapes

_ALLOWED_CONTROLS: Final = b"\t\n\r"
_NOT_ALLOWED: Final = (
    *(control for control in range(0x20) if control not in _ALLOWED_CONTROLS),
    *range(0xD800, 0xE000),
    0xFFFE,
    0xFFFF,
)
# A carriage return that stands there as it is would be read as a line feed.
_ESCAPES: Final[Mapping[int, str]] = {
    **dict.fromkeys(_NOT_ALLOWED, "\ufffd"),
    **str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"}),
}


def escaped(text: str) -> str:
    """Any text as the content of an element."""
    return text.translate(_ESCAPES)


def element(name: str, content: str) -> str:
    """An element around content that is XML already."""
    return f"<{name}>{content}</{name}>" if content else f"<{name}/>"


def seconds(moment: float) -> str:
    """A timestamp as IAM and STS show it: in whole seconds."""
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def milliseconds(moment: float) -> str:
    """A timestamp as EC2 shows it."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def members(shapes: Shapes, name: str, value: Mapping[str, Any], timestamp: Callable[[float], str] = seconds) -> str:
    """The members of a structure, without an element around them; those that are None are left out.

    A member that the model does not know is a mistake of ours: `KeyError` then comes through.
    """
    return _Writer(shapes, timestamp).members(name, value)


class _Writer(NamedTuple):
    """Writes along the shapes of one service."""

    shapes: Shapes
    timestamp: Callable[[float], str]

    def members(self, name: str, value: Mapping[str, Any]) -> str:
        known = self.shapes[name].members
        written = []
        for member, content in value.items():
            reference = known[member]
            if content is not None:
                written.append(element(reference.location_name or member, self._content(reference.shape, content)))
        return "".join(written)

    def _content(self, name: str, value: Any) -> str:
        shape = self.shapes[name]
        match shape.type:
            case "structure":
                return self.members(name, value)
            case "list":
                return self._list(shape, value)
            case "map":
                return self._map(shape, value)
            case "boolean":
                return "true" if value else "false"
            case "timestamp":
                return self.timestamp(value)
            case "blob":
                secret = value.open(SECRET_ACCESS) if isinstance(value, Secret) else value
                return base64.b64encode(secret).decode("ascii")
            case _:
                return escaped(value.open(SECRET_ACCESS).decode() if isinstance(value, Secret) else str(value))

    def _list(self, shape: Shape, value: list[Any]) -> str:
        assert shape.member is not None
        reference = shape.member
        tag = reference.location_name or "member"
        return "".join(element(tag, self._content(reference.shape, entry)) for entry in value)

    def _map(self, shape: Shape, value: Mapping[str, Any]) -> str:
        assert shape.key is not None
        assert shape.value is not None
        key, entry = shape.key, shape.value
        return "".join(
            element(
                "entry",
                element(key.location_name or "key", self._content(key.shape, name))
                + element(entry.location_name or "value", self._content(entry.shape, content)),
            )
            for name, content in value.items()
        )

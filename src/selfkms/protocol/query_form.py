"""Forms of the Query protocols: flat names, read along an input shape into the parameters that a validator takes.

`Tags.member.2.Key` is in a structure in a list, `Map.entry.1.key` and `Map.entry.1.value` are a pair of a map. The
shape leads and not the names, so it bounds how deep a name is looked into. Names that it does not know are ignored, as
AWS does it.

Where we are stricter than AWS was seen to be, because what is dropped in silence may have been what limits a session:

* a parameter that is given twice is refused, be it once in the body and once in the query of the target;
* so is whatever stands below a list, a map or a scalar and cannot be an entry of it;
* a plus sign in the query of the target is a plus sign, for that is how signatures see it; in a body it is a space.

Source: Smithy, "AWS Query protocol", "AWS EC2 query protocol"; texts of errors as recorded from SES, CloudWatch,
CloudSearch and Elastic Load Balancing, which share the framework.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from selfkms.domain.errors import MalformedInput, MalformedQueryString
from selfkms.protocol.http import HTTPRequest
from selfkms.protocol.validate import Shape, ShapeReference, Shapes

# Ours: a request with all that AWS allows in one (50 tags, a simulation of some hundred actions) stays below.
FIELDS_MAX: Final = 2_000

_FORM: Final = "application/x-www-form-urlencoded"
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_INDEX_DIGITS_MAX: Final = 9

_INTEGER: Final = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_INTEGERS: Final = range(-(2**31), 2**31)
_LONG: Final = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_LONGS: Final = range(-(2**63), 2**63)
_EPOCH_SECONDS: Final = re.compile(r"-?[0-9]{1,11}(\.[0-9]{1,9})?", re.ASCII)
# XML Schema 1.1, 3.3.2 "boolean": what the framework names in its error.
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}

# Recorded: for what is no list at its place, for entries of a list without `member`, and for what is no structure.
_NO_LIST: Final = "Unexpected list element termination"
_LIST_WITHOUT_MEMBER: Final = "Top level element may not be treated as a list"
_NO_STRUCTURE: Final = "Unexpected complex element termination"


class _Node(NamedTuple):
    """A name of the form: its own value, and the values of the names below it by the rest of their names."""

    text: str | None
    below: dict[str, str]


def forms_of(request: HTTPRequest) -> tuple[bytes, str]:
    """The form in the body of a POST, if it is one, and the form in the query of the target. Both may be empty."""
    kind = (request.header("content-type") or "").partition(";")[0].strip().lower()
    body = request.body if request.method == "POST" and kind == _FORM else b""
    return body, request.target.partition("?")[2]


def fields_of(request: HTTPRequest) -> dict[str, str]:
    """All parameters of a request by their full names, with `Action` and `Version`.

    Raises:
        MalformedQueryString: the form is not in UTF-8, has a broken escape, more than `FIELDS_MAX` parameters, or one
            of them twice.
    """
    body, query = forms_of(request)
    try:
        form = "&".join(filter(None, (body.decode(), query.replace("+", "%2B"))))
    except UnicodeDecodeError:
        raise MalformedQueryString from None
    return _fields(form)


def query_fields_of(target: str) -> dict[str, str]:
    """The parameters in the query of a target, where a plus sign is a plus sign.

    Raises:
        MalformedQueryString: as `fields_of` does.
    """
    return _fields(target.partition("?")[2].replace("+", "%2B"))


def _fields(form: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(form, keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
    except ValueError:
        # The cause is cut off: it may hold parts of the body.
        raise MalformedQueryString from None
    fields = dict(pairs)
    if len(fields) != len(pairs) or _BROKEN_ESCAPE.search(form):
        raise MalformedQueryString
    return fields


class Naming(NamedTuple):
    """What distinguishes the protocols that send forms."""

    member: Callable[[str, ShapeReference], str]
    """What a member is called in the form."""
    flattened: bool
    """Whether entries of lists are numbered without a word between: `Owner.1` instead of `Owners.member.1`."""


QUERY: Final = Naming(member=lambda name, reference: reference.location_name or name, flattened=False)


def parameters_of(shapes: Shapes, name: str, fields: dict[str, str], naming: Naming = QUERY) -> dict[str, Any]:
    """The parameters of an input shape, typed as far as they can be; what the validator will refuse is left as it is.

    Raises:
        MalformedInput: a parameter is not of the type or of the structure that the model says.
    """
    return _Reader(shapes, naming).structure(shapes[name], fields)


class _Reader(NamedTuple):
    """Reads along the shapes of one service."""

    shapes: Shapes
    naming: Naming

    def structure(self, shape: Shape, below: dict[str, str]) -> dict[str, Any]:
        nodes = _grouped(below)
        value = {}
        for name, reference in shape.members.items():
            node = nodes.get(self.naming.member(name, reference))
            if node is not None:
                value[name] = self._read(self.shapes[reference.shape], node)
        return value

    def _read(self, shape: Shape, node: _Node) -> Any:
        match shape.type:
            case "structure":
                if node.text:
                    raise MalformedInput(_NO_STRUCTURE)
                return self.structure(shape, node.below) if node.below else None
            case "list":
                return self._list(shape, node)
            case "map":
                return self._map(shape, node)
            case scalar:
                # Names below a scalar make it a structure, which the validator refuses.
                return node.below or _SCALARS.get(scalar, str)(node.text or "")

    def _list(self, shape: Shape, node: _Node) -> list[Any]:
        assert shape.member is not None
        element = self.shapes[shape.member.shape]
        tag = shape.member.location_name or "member"
        entries = _numbered(node) if self.naming.flattened else _entries(node, tag)
        return [None if entry is None else self._read(element, entry) for entry in entries]

    def _map(self, shape: Shape, node: _Node) -> dict[str, Any]:
        assert shape.key is not None
        assert shape.value is not None
        value = {}
        for entry in _entries(node, "entry"):
            pair = _grouped(entry.below) if entry else {}
            key, content = pair.get(shape.key.location_name or "key"), pair.get(shape.value.location_name or "value")
            if key is None or key.text is None:
                raise MalformedInput
            value[key.text] = None if content is None else self._read(self.shapes[shape.value.shape], content)
        return value


def _grouped(below: dict[str, str]) -> dict[str, _Node]:
    """Names by their first part."""
    texts: dict[str, str] = {}
    rests: dict[str, dict[str, str]] = {}
    for name, value in below.items():
        first, dot, rest = name.partition(".")
        if dot:
            rests.setdefault(first, {})[rest] = value
        else:
            texts[first] = value
    return {first: _Node(texts.get(first), rests.get(first, {})) for first in texts | rests}


def _entries(node: _Node, tag: str) -> list[_Node | None]:
    """The numbered entries of a list or a map below its tag; none of them: an empty one, which has an empty text."""
    below = _grouped(node.below)
    tagged = below.pop(tag, _Node(None, {}))
    if any(_is_number(name) for name in below):
        raise MalformedInput(_LIST_WITHOUT_MEMBER)
    if node.text or tagged.text or below:
        raise MalformedInput(_NO_LIST)
    return _numbered(tagged)


def _numbered(node: _Node) -> list[_Node | None]:
    """The entries of a list in the order of their numbers.

    The first one missing is None, with which the validator refuses the list. Those behind it are left out, so that
    a large number makes nothing grow. Zeros before a number are read over, as AWS does it.
    """
    if node.text:
        raise MalformedInput(_NO_LIST)
    numbered: dict[int, _Node] = {}
    for index, entry in _grouped(node.below).items():
        if not _is_number(index):
            raise MalformedInput(_NO_LIST)
        number = int(index) if len(index) <= _INDEX_DIGITS_MAX else 0
        if number == 0 or number in numbered:
            raise MalformedInput(f"{index} is not a valid index")
        numbered[number] = entry
    entries: list[_Node | None] = []
    for number in sorted(numbered):
        if number != len(entries) + 1:
            return [*entries, None]
        entries.append(numbered[number])
    return entries


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def integer(text: str) -> int | str:
    """32 bits, as a Java framework has them; anything else is left to the validator."""
    return int(text) if _INTEGER.fullmatch(text) and int(text) in _INTEGERS else text


def long(text: str) -> int | str:
    """The same with 64 bits."""
    return int(text) if _LONG.fullmatch(text) and int(text) in _LONGS else text


def _boolean(text: str) -> bool:
    if not text:
        raise MalformedInput("missing value for boolean type")
    if text not in _BOOLEANS:
        raise MalformedInput("boolean must follow xsd1.1 definition")
    return _BOOLEANS[text]


def _timestamp(text: str) -> float | str:
    """ISO 8601, in UTC unless it says otherwise, or seconds since the epoch; anything else is left to the validator."""
    if _EPOCH_SECONDS.fullmatch(text):
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


_SCALARS: Final = {"boolean": _boolean, "integer": integer, "long": long, "timestamp": _timestamp}

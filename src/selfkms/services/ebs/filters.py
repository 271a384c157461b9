"""Filters of Amazon EC2's listings. All filters must hold; of the values of one filter one must match.

In a value `*` is any run of characters, `?` any one, and a backslash before either, or before a backslash, takes its
meaning away. Case counts.

Source: Amazon EC2 API Reference, "Filter"; Amazon EC2 User Guide, "List and filter using the CLI and API".
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Generic, NamedTuple, TypeVar

from selfkms.domain.ebs.errors import FilterLimitExceeded, InvalidParameterValue, MissingParameter
from selfkms.domain.policy.patterns import Pattern, Piece, Wildcard
from selfkms.domain.tags import Tag
from selfkms.services.shapes import Shape

T = TypeVar("T")

Texts = Callable[[T], Iterable[str]]
"""What an entry has for a filter to match."""

_PARTS: Final = re.compile(r"\\([*?\\])|([*?])")
_TAG: Final = "tag:"
_VALUES_MAX: Final = 200
"""Of all filters of a request. Amazon EC2 User Guide, "List and filter using the CLI and API"."""


class Filter(Shape, frozen=True, kw_only=True):
    """One filter of a request."""

    name: str = ""
    values: tuple[str, ...] = ()


class _Compiled(NamedTuple, Generic[T]):
    texts: Texts[T]
    patterns: tuple[Pattern, ...]


def wanted(
    filters: Iterable[Filter], known: Mapping[str, Texts[T]], *, tags: Callable[[T], Sequence[Tag]]
) -> Callable[[T], bool]:
    """Whether an entry matches all filters.

    Args:
        filters: of the request.
        known: by their names, but for `tag:KEY`, which everything has.
        tags: those of an entry.

    Raises:
        InvalidParameterValue: a filter that is not known.
        MissingParameter: one without values.
        FilterLimitExceeded: more than 200 values.
    """
    given = tuple(filters)
    if sum(len(one.values) for one in given) > _VALUES_MAX:
        raise FilterLimitExceeded(f"The maximum number of filter values specified on a single call is {_VALUES_MAX}")
    compiled = [_compiled(one, known, tags) for one in given]

    def matches(entry: T) -> bool:
        return all(
            any(pattern.matches(text) for text in one.texts(entry) for pattern in one.patterns) for one in compiled
        )

    return matches


def _compiled(one: Filter, known: Mapping[str, Texts[T]], tags: Callable[[T], Sequence[Tag]]) -> _Compiled[T]:
    if not one.values:
        raise MissingParameter(f"The filter '{one.name}' must have at least one value")
    return _Compiled(_texts(one.name, known, tags), tuple(map(_pattern, one.values)))


def _texts(name: str, known: Mapping[str, Texts[T]], tags: Callable[[T], Sequence[Tag]]) -> Texts[T]:
    if name in known:
        return known[name]
    if name.startswith(_TAG):
        key = name.removeprefix(_TAG)
        return lambda entry: [tag.tag_value for tag in tags(entry) if tag.tag_key == key]
    raise InvalidParameterValue(f"The filter '{name}' is invalid")


def _pattern(text: str) -> Pattern:
    pieces: list[Piece] = []
    end = 0
    for part in _PARTS.finditer(text):
        pieces += (text[end : part.start()], part[1] if part[1] is not None else Wildcard(part[2]))
        end = part.end()
    return Pattern.of([piece for piece in (*pieces, text[end:]) if piece])


def flag(value: bool) -> str:  # noqa: FBT001  it is the value, not a switch
    """A boolean as filters have it."""
    return "true" if value else "false"


def moment(at: float) -> str:
    """A time as filters have it: `2026-11-24T10:00:00.000Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

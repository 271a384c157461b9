"""Filters: which entries a listing shows."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from selfkms.domain.ebs.errors import FilterLimitExceeded, InvalidParameterValue, MissingParameter
from selfkms.domain.tags import Tag
from selfkms.services.ebs.filters import Filter, flag, moment, wanted

Entry = Mapping[str, str]
KNOWN: Mapping[str, Callable[[Entry], Sequence[str]]] = {
    "colour": lambda entry: (entry["colour"],),
    "shapes": lambda entry: entry["shapes"].split(),
}


def matches(entry: Entry, *filters: tuple[str, tuple[str, ...]], tags: tuple[Tag, ...] = ()) -> bool:
    given = [Filter(name=name, values=values) for name, values in filters]
    return wanted(given, KNOWN, tags=lambda _entry: tags)(entry)


@pytest.mark.parametrize(
    ("value", "text", "fits"),
    [
        ("red", "red", True),
        ("Red", "red", False),
        ("re", "red", False),
        ("r*", "red", True),
        ("*", "", True),
        ("r?d", "red", True),
        ("r?d", "rd", False),
        (r"r\*d", "red", False),
        (r"r\*d", "r*d", True),
        (r"r\?d", "r?d", True),
        (r"a\\b", "a\\b", True),
        (r"a\b", "a\\b", True),
        (r"\\*", "\\anything", True),
        ("", "", True),
        ("", "red", False),
    ],
)
def test_values_and_wildcards(value: str, text: str, *, fits: bool) -> None:
    """Case counts, and a backslash takes a wildcard's meaning away."""
    assert matches({"colour": text}, ("colour", (value,))) is fits


def test_one_value_of_each_filter_must_fit() -> None:
    """And one of the entry's texts, if it has several."""
    entry = {"colour": "red", "shapes": "round flat"}
    assert matches(entry)
    assert matches(entry, ("colour", ("green", "red")), ("shapes", ("flat",)))
    assert not matches(entry, ("colour", ("red",)), ("shapes", ("tall",)))
    assert not matches({"colour": "red", "shapes": ""}, ("shapes", ("*",)))


def test_tags() -> None:
    """By key and value; a key may have a colon."""
    tags = (Tag("a:b", "1"), Tag("c", ""))
    entry = {"colour": "red"}
    assert matches(entry, ("tag:a:b", ("1",)), tags=tags)
    assert matches(entry, ("tag:c", ("",)), tags=tags)
    assert not matches(entry, ("tag:c", ("1",)), tags=tags)
    assert not matches(entry, ("tag:d", ("*",)), tags=tags)


def test_what_is_no_filter() -> None:
    """Is refused, rather than matching everything or nothing."""
    with pytest.raises(InvalidParameterValue) as refused:
        matches({"colour": "red"}, ("size", ("1",)))
    assert refused.value.message == "The filter 'size' is invalid"
    with pytest.raises(MissingParameter) as empty:
        matches({"colour": "red"}, ("colour", ()))
    assert empty.value.message == "The filter 'colour' must have at least one value"


def test_more_values_than_a_request_may_have() -> None:
    """Each of them is looked for in each entry: 200 in all filters together."""
    many = tuple(map(str, range(100)))
    assert not matches({"colour": "red", "shapes": ""}, ("colour", many), ("shapes", many))
    with pytest.raises(FilterLimitExceeded):
        matches({"colour": "red", "shapes": ""}, ("colour", many), ("shapes", (*many, "1")))


def test_values_that_are_no_text() -> None:
    """As they are written in a filter."""
    assert (flag(True), flag(False)) == ("true", "false")
    assert moment(1_790_000_000.25) == "2026-09-21T14:13:20.250Z"

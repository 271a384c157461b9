"""Forms read along shapes."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.domain.errors import MalformedInput, MalformedQueryString
from selfkms.protocol.http import HTTPRequest
from selfkms.protocol.query_form import FIELDS_MAX, Naming, fields_of, long, parameters_of, query_fields_of
from selfkms.protocol.validate import Shape, ShapeReference

SHAPES = {
    "Request": Shape(
        "structure",
        members={
            "Text": ShapeReference("String"),
            "Renamed": ShapeReference("String", location_name="renamed"),
            "Number": ShapeReference("Integer"),
            "Flag": ShapeReference("Boolean"),
            "Date": ShapeReference("Timestamp"),
            "List": ShapeReference("List"),
            "Items": ShapeReference("Items"),
            "Map": ShapeReference("Map"),
            "Inner": ShapeReference("Inner"),
        },
    ),
    "Inner": Shape("structure", members={"Text": ShapeReference("String"), "List": ShapeReference("List")}),
    "String": Shape("string"),
    "Integer": Shape("integer"),
    "Boolean": Shape("boolean"),
    "Timestamp": Shape("timestamp"),
    "List": Shape("list", member=ShapeReference("String")),
    "Items": Shape("list", member=ShapeReference("Inner", location_name="item")),
    "Map": Shape("map", key=ShapeReference("String"), value=ShapeReference("Inner")),
}
FORM = (("content-type", "application/x-www-form-urlencoded; charset=utf-8"),)


def post(body: bytes, target: str = "/", headers: tuple[tuple[str, str], ...] = FORM) -> HTTPRequest:
    return HTTPRequest(method="POST", target=target, headers=headers, body=body, peer="192.0.2.1")


def read(fields: dict[str, str]) -> dict[str, Any]:
    return parameters_of(SHAPES, "Request", fields_of(post(urlencode(fields).encode())))


# -- the form


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", {}),
        (b"A=1&B=2", {"A": "1", "B": "2"}),
        (b"&A=1&&B=2&", {"A": "1", "B": "2"}),
        (b"A=&B", {"A": "", "B": ""}),
        (b"A=x=y", {"A": "x=y"}),
        (b"A+b=1+2%2B3", {"A b": "1 2+3"}),
        (b"A=%c3%A9", {"A": "é"}),
        ("A=é".encode(), {"A": "é"}),
        (b"A=1;B=2", {"A": "1;B=2"}),
    ],
)
def test_forms(body: bytes, fields: dict[str, str]) -> None:
    """Pairs are separated by ampersands alone, encoded as forms are, in UTF-8."""
    assert fields_of(post(body)) == fields


def test_where_a_form_may_be() -> None:
    """In the body of a POST, if it says that it is one, and in the query of the target; both together are one form."""
    both = post(b"A=1", "/?B=2")
    assert fields_of(both) == {"A": "1", "B": "2"}
    assert fields_of(post(b"A=1", "/?B=2", (("content-type", "application/x-amz-json-1.1"),))) == {"B": "2"}
    assert fields_of(post(b"A=1", "/?B=2", ())) == {"B": "2"}
    assert fields_of(HTTPRequest(method="GET", target="/?B=2", headers=FORM, body=b"A=1", peer="")) == {"B": "2"}


def test_a_plus_sign_in_the_target_is_one() -> None:
    """Signatures cannot tell it from %2B there, so nobody may turn the one into a space on the way."""
    assert fields_of(post(b"", "/?A=1+2&B=1%2B2&C=1%202")) == {"A": "1+2", "B": "1+2", "C": "1 2"}


@pytest.mark.parametrize(
    ("body", "target"),
    [
        (b"A=1&A=1", "/"),
        (b"A=1&%41=2", "/"),
        (b"A=1", "/?A=1"),
        (b"Action=A&Action=B", "/"),
        (b"A=\xff", "/"),
        (b"A=%ff", "/"),
        (b"A=%ED%A0%80", "/"),
        (b"A=%", "/"),
        (b"A=%4", "/"),
        (b"A=%zz", "/"),
        (b"", "/?A=%zz"),
        (b"&".join(b"A%d=" % number for number in range(FIELDS_MAX + 1)), "/"),
        (b"&" * FIELDS_MAX, "/"),
    ],
)
def test_what_is_no_form(body: bytes, target: str) -> None:
    """A parameter given twice, broken encodings and too many parameters are refused, and nothing of them is shown."""
    with pytest.raises(MalformedQueryString) as raised:
        fields_of(post(body, target))
    assert raised.value.message is None
    assert raised.value.__cause__ is None


def test_as_many_parameters_as_may_be() -> None:
    """The bound itself is allowed, over both places."""
    body = b"&".join(b"A%d=" % number for number in range(FIELDS_MAX - 1))
    assert len(fields_of(post(body, "/?B=1"))) == FIELDS_MAX


# -- the parameters


@pytest.mark.parametrize(
    ("fields", "parameters"),
    [
        ({"Text": "a"}, {"Text": "a"}),
        ({"Text": ""}, {"Text": ""}),
        ({"renamed": "a", "Renamed": "b"}, {"Renamed": "a"}),
        ({"text": "a", "Other": "b", "Other.member.1": "c", "X-Amz-Date": "d", "": "e", ".": "f"}, {}),
        ({"List": ""}, {"List": []}),
        ({"List.member.2": "b", "List.member.1": ""}, {"List": ["", "b"]}),
        ({f"List.member.{number}": str(number) for number in range(11, 0, -1)}, {"List": [*map(str, range(1, 12))]}),
        ({"List.member.01": "a"}, {"List": ["a"]}),
        ({"Items.item.1.Text": "a", "Items.item.1.List.member.1": "b"}, {"Items": [{"Text": "a", "List": ["b"]}]}),
        ({"Items.item.1.Other": "a"}, {"Items": [{}]}),
        ({"Items.item.1": ""}, {"Items": [None]}),
        ({"Map": ""}, {"Map": {}}),
        ({"Map.entry.1.key": "a.b", "Map.entry.1.value.Text": "c"}, {"Map": {"a.b": {"Text": "c"}}}),
        ({"Map.entry.1.key": ""}, {"Map": {"": None}}),
        ({"Inner.Text": "a"}, {"Inner": {"Text": "a"}}),
        ({"Inner": ""}, {"Inner": None}),
        ({"Inner.Other": "a"}, {"Inner": {}}),
        ({"Text.1": "a"}, {"Text": {"1": "a"}}),
        ({"Text": "a", "Text.": "b"}, {"Text": {"": "b"}}),
    ],
)
def test_structures(fields: dict[str, str], parameters: dict[str, Any]) -> None:
    """Names are followed along the shape; what it does not know is left out, what does not fit is left to refuse."""
    assert read(fields) == parameters


@pytest.mark.parametrize("index", ["2", "3", "1999", "99999999"])
def test_a_gap_is_a_missing_entry(index: str) -> None:
    """A list whose numbers leave one out has a null there, and does not grow with the number."""
    assert read({f"List.member.{index}": "a"}) == {"List": [None]}
    assert read({"List.member.1": "a", "List.member.2": "b", f"List.member.{int(index) + 2}": "c"}) == {
        "List": ["a", "b", None]
    }


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"List.member.0": "a"}, "0 is not a valid index"),
        ({"List.member.1": "a", "List.member.01": "b"}, "01 is not a valid index"),
        ({"List.member.9999999999": "a"}, "9999999999 is not a valid index"),
        ({"List.1": "a"}, "Top level element may not be treated as a list"),
        ({"List.member.1": "a", "List.2": "b"}, "Top level element may not be treated as a list"),
        ({"List": "a"}, "Unexpected list element termination"),
        ({"List.member": "a"}, "Unexpected list element termination"),
        ({"List.member.-1": "a"}, "Unexpected list element termination"),
        ({"List.member.+1": "a"}, "Unexpected list element termination"),
        ({"List.member.\uff11": "a"}, "Unexpected list element termination"),
        ({"List.member.1_0": "a"}, "Unexpected list element termination"),
        ({"List.member.": "a"}, "Unexpected list element termination"),
        ({"List.members.1": "a"}, "Unexpected list element termination"),
        ({"List.Member.1": "a"}, "Unexpected list element termination"),
        ({"Items.member.1.Text": "a"}, "Unexpected list element termination"),
        ({"Inner": "a"}, "Unexpected complex element termination"),
        ({"Items.item.1": "a"}, "Unexpected complex element termination"),
        ({"Map.1.key": "a"}, "Top level element may not be treated as a list"),
        ({"Map.entry.1.value.Text": "a"}, None),
        ({"Map.entry.2.key": "a"}, None),
    ],
)
def test_what_does_not_fit_its_shape(fields: dict[str, str], text: str | None) -> None:
    """Nothing that was meant for a list, a map or a structure is dropped in silence."""
    with pytest.raises(MalformedInput) as raised:
        read(fields)
    assert raised.value.message == text


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("Number", "0", 0),
        ("Number", "-12", -12),
        ("Number", "007", 7),
        ("Number", "2147483647", 2_147_483_647),
        ("Number", "-2147483648", -2_147_483_648),
        ("Number", "2147483648", "2147483648"),
        ("Number", "9" * 5_000, "9" * 5_000),
        ("Number", "", ""),
        ("Number", "1.0", "1.0"),
        ("Number", "1e3", "1e3"),
        ("Number", "0x1", "0x1"),
        ("Number", "1\n", "1\n"),
        ("Number", "\u0661", "\u0661"),
        ("Number", "1_0", "1_0"),
        ("Flag", "true", True),
        ("Flag", "1", True),
        ("Flag", "false", False),
        ("Flag", "0", False),
        ("Date", "2012-05-08T23:54:01Z", 1_336_521_241.0),
        ("Date", "2012-05-09T01:54:01.5+02:00", 1_336_521_241.5),
        ("Date", "2012-05-08T23:54:01", 1_336_521_241.0),
        ("Date", "1336521241", 1_336_521_241.0),
        ("Date", "1336521241.5", 1_336_521_241.5),
        ("Date", "-1", -1.0),
        ("Date", "nan", "nan"),
        ("Date", "1e9", "1e9"),
        ("Date", "yesterday", "yesterday"),
        ("Date", "", ""),
    ],
)
def test_scalars(name: str, text: str, value: object) -> None:
    """Numbers, booleans and timestamps get their types; what is none stays a text, which the validator refuses."""
    [read_value] = read({name: text}).values()
    assert read_value == value
    assert type(read_value) is type(value)


@pytest.mark.parametrize("text", ["TRUE", "True", "yes", "2", " true", "01"])
def test_other_booleans(text: str) -> None:
    """Only the four texts of XML Schema are booleans."""
    with pytest.raises(MalformedInput, match=r"^boolean must follow xsd1.1 definition$"):
        read({"Flag": text})


def test_an_empty_boolean() -> None:
    """It is not false."""
    with pytest.raises(MalformedInput, match=r"^missing value for boolean type$"):
        read({"Flag": ""})


def test_long_and_deep_names() -> None:
    """A name is not looked into deeper than the shape goes."""
    assert read({"Other" + ".a" * 200_000: "1"}) == {}
    assert read({"Inner" + ".a" * 200_000: "1"}) == {"Inner": {}}


PARTS = st.sampled_from(
    ["Text", "List", "Items", "Map", "Inner", "member", "item", "entry", "key", "value", "1", "2", ""]
)


@settings(max_examples=300, deadline=None)
@given(fields=st.dictionaries(st.lists(PARTS, max_size=5).map(".".join), st.text(max_size=2), max_size=6))
def test_nothing_but_parameters_or_a_refusal(fields: dict[str, str]) -> None:
    """Whatever names come together, they are parameters of the shape or one of AWS's errors."""
    try:
        parameters = parameters_of(SHAPES, "Request", fields)
    except MalformedInput:
        return
    assert set(parameters) <= set(SHAPES["Request"].members)


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=30) | st.text("&=%+;A1é", max_size=30).map(str.encode))
def test_any_bytes_are_a_form_or_refused(body: bytes) -> None:
    """No body makes anything but fields or the one error."""
    try:
        fields = fields_of(post(body))
    except MalformedQueryString:
        return
    assert all(isinstance(name, str) for name in fields)


# -- where lists are numbered without a word between

FLAT = Naming(member=lambda name, _: name.upper(), flattened=True)


def read_flat(**fields: str) -> dict[str, Any]:
    return parameters_of(SHAPES, "Request", {name.replace("__", "."): text for name, text in fields.items()}, FLAT)


def test_flattened_lists() -> None:
    """Entries follow the name of the list, in order of their numbers; names are what the protocol makes of them."""
    assert read_flat(LIST__2="b", LIST__1="a", LIST__10="no") == {"List": ["a", "b", None]}
    assert read_flat(ITEMS__1__TEXT="a", ITEMS__1__LIST__1="b") == {"Items": [{"Text": "a", "List": ["b"]}]}
    assert read_flat(LIST="") == {"List": []}
    assert read_flat(Text="ignored", TEXT="a") == {"Text": "a"}


@pytest.mark.parametrize("name", ["LIST__member__1", "LIST__a", "LIST__0", "LIST__-1", "LIST", "LIST__1234567890"])
def test_no_entries_of_a_flattened_list(name: str) -> None:
    """What is below a list and no entry of it is refused."""
    with pytest.raises(MalformedInput):
        read_flat(**{name: "a"})


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775808", "9223372036854775808"),
        ("1.0", "1.0"),
        ("\u0661", "\u0661"),
        ("", ""),
    ],
)
def test_long(text: str, number: int | str) -> None:
    """64 bits; what is no such number is left to the validator."""
    assert long(text) == number


def test_the_query_of_a_target() -> None:
    """Read as a form but for plus signs, and as strictly."""
    assert query_fields_of("/a?b=%2B+&c") == {"b": "++", "c": ""}
    assert query_fields_of("/a") == {}
    for query in ("a=1&a=2", "a=%f", "a=%ff"):
        with pytest.raises(MalformedQueryString):
            query_fields_of(f"/?{query}")

"""Shapes written as XML."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from selfkms.domain.secrets import Secret
from selfkms.protocol import xml
from selfkms.protocol.validate import Shape, ShapeReference

SHAPES = {
    "Result": Shape(
        "structure",
        members={
            "Text": ShapeReference("String"),
            "Renamed": ShapeReference("String", location_name="renamed"),
            "Number": ShapeReference("Integer"),
            "Flag": ShapeReference("Boolean"),
            "Date": ShapeReference("Timestamp"),
            "Data": ShapeReference("Blob"),
            "List": ShapeReference("List"),
            "Items": ShapeReference("Items"),
            "Map": ShapeReference("Map"),
            "Inner": ShapeReference("Result"),
        },
    ),
    "String": Shape("string"),
    "Integer": Shape("integer"),
    "Boolean": Shape("boolean"),
    "Timestamp": Shape("timestamp"),
    "Blob": Shape("blob"),
    "List": Shape("list", member=ShapeReference("Result")),
    "Items": Shape("list", member=ShapeReference("String", location_name="item")),
    "Map": Shape("map", key=ShapeReference("String"), value=ShapeReference("Integer")),
}


@pytest.mark.parametrize(
    ("value", "document"),
    [
        ({"Text": "a"}, "<Text>a</Text>"),
        ({"Text": ""}, "<Text/>"),
        ({"Text": None, "Number": 7}, "<Number>7</Number>"),
        ({"Renamed": "a"}, "<renamed>a</renamed>"),
        ({"Number": 0}, "<Number>0</Number>"),
        ({"Flag": True}, "<Flag>true</Flag>"),
        ({"Flag": False}, "<Flag>false</Flag>"),
        ({"Date": 1_336_521_241.999}, "<Date>2012-05-08T23:54:01Z</Date>"),
        ({"Data": b"\x00\xff"}, "<Data>AP8=</Data>"),
        ({"Data": Secret(b"\x00\xff")}, "<Data>AP8=</Data>"),
        ({"Text": Secret(b"wJal/<&>")}, "<Text>wJal/&lt;&amp;&gt;</Text>"),
        ({"List": []}, "<List/>"),
        ({"List": [{"Text": "a"}, {}]}, "<List><member><Text>a</Text></member><member/></List>"),
        ({"Items": ["a", "b"]}, "<Items><item>a</item><item>b</item></Items>"),
        ({"Map": {}}, "<Map/>"),
        ({"Map": {"a": 1}}, "<Map><entry><key>a</key><value>1</value></entry></Map>"),
        ({"Inner": {"Text": "a"}}, "<Inner><Text>a</Text></Inner>"),
        ({}, ""),
    ],
)
def test_values(value: dict[str, Any], document: str) -> None:
    """Each type has its form; what is None is not there, what is empty is an empty element."""
    assert xml.members(SHAPES, "Result", value) == document


def test_what_the_model_does_not_know() -> None:
    """A member that no client would understand is a mistake of ours and is not left out in silence."""
    with pytest.raises(KeyError):
        xml.members(SHAPES, "Result", {"Other": 1})


ALLOWED = st.characters(exclude_categories=["Cs"]).filter(lambda character: xml.escaped(character) != "\ufffd")


@settings(max_examples=200, deadline=None)
@given(text=st.text(ALLOWED))
@example(text="\r\n\t <&>\"' ]]> &amp; \x7f\x85\u2028 é 部 \U0001f511 \ufffd")
def test_text_comes_back(text: str) -> None:
    """Whatever XML can say a parser reads as it was, line ends too."""
    assert (ET.fromstring(f"<a>{xml.escaped(text)}</a>").text or "") == text


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.characters(codec=None) | st.sampled_from("\0\x01\x1f\ufffe\uffff<&>")))
@example(text="\ud800\udfff")
def test_nothing_breaks_the_document(text: str) -> None:
    """Whatever XML cannot say becomes a replacement character, one for each, and the document stays well-formed."""
    read = ET.fromstring(f"<a>{xml.escaped(text)}</a>".encode()).text or ""
    assert len(read) == len(text)
    assert all(one in {other, "\ufffd"} for one, other in zip(read, text, strict=True))


def test_no_markup_gets_through() -> None:
    """A text cannot end its element, begin another or name an entity."""
    assert xml.escaped("</a><b>&c;]]>") == "&lt;/a&gt;&lt;b&gt;&amp;c;]]&gt;"


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (1_795_514_400, "2026-11-24T10:00:00.000Z"),
        (1_795_514_400.25, "2026-11-24T10:00:00.250Z"),
        (-0.5, "1969-12-31T23:59:59.500Z"),
    ],
)
def test_milliseconds(moment: float, text: str) -> None:
    """The other form of a timestamp, wherever it stands."""
    assert xml.milliseconds(moment) == text
    written = xml.members(SHAPES, "Result", {"List": [{"Date": moment}]}, xml.milliseconds)
    assert written == f"<List><member><Date>{text}</Date></member></List>"

"""CBOR: what is read, what is refused, and that nothing takes long.

Source: RFC 8949, appendix A (examples), appendix F (not well-formed).
"""

import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.attestation import cbor, indefinite_map
from selfkms.protocol.cbor import DEPTH_MAX, ENTRIES_MAX, CBORError, decode


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        ("00", 0),
        ("17", 23),
        ("1818", 24),
        ("1903e8", 1_000),
        ("1a000f4240", 1_000_000),
        ("1bffffffffffffffff", 2**64 - 1),
        ("40", b""),
        ("4401020304", b"\x01\x02\x03\x04"),
        ("60", ""),
        ("62c3bc", "\u00fc"),
        ("80", []),
        ("83010203", [1, 2, 3]),
        ("8301820203820405", [1, [2, 3], [4, 5]]),
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("a0", {}),
        ("a201020304", {1: 2, 3: 4}),
        ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
        ("f6", None),
    ],
)
def test_the_examples_of_the_rfc(encoded: str, value: Any) -> None:
    """Of the kinds that are read here."""
    assert decode(bytes.fromhex(encoded)) == value


@pytest.mark.parametrize(
    "encoded",
    [
        "",  # nothing
        "0000",  # two items
        "20",  # a negative number
        "c074323031332d30332d32315432303a30343a30305a",  # a tag
        "d28440a04040",  # COSE_Sign1 with its tag: whoever wants it takes the tag off
        "f4",  # false
        "f7",  # undefined
        "f93c00",  # a float
        "f818",  # a simple value
        "ff",  # a break by itself
        "81ff",
        "1c",  # reserved lengths
        "5e",
        "1f",  # an indefinite number
        "5f4101ff",  # strings in pieces
        "7f6161ff",
        "18",  # cut off
        "41",
        "61",
        "5bffffffffffffffff00",  # longer than anything
        "7affffffff61",
        "9bffffffffffffffff",  # more entries than anything
        "bbffffffffffffffff",
        "81",
        "a101",
        "9f01",  # without an end
        "bf01",
        "bf01ff",  # a name without a value
        "61ff",  # not UTF-8
        "a201020103",  # a name twice
        "bf616101616102ff",
        "a1410102",  # names of other kinds
        "a1f602",
        "a1800102",
        "a1a00102",
        "8181818100",  # too deep
        "a101a101a101a10101",
    ],
)
def test_what_is_refused(encoded: str) -> None:
    """Not well-formed, or nothing that a document has."""
    with pytest.raises(CBORError):
        decode(bytes.fromhex(encoded))


def test_the_limits() -> None:
    """As deep and as many as allowed, and no more."""
    assert decode(b"\x81" * (DEPTH_MAX - 1) + b"\x00")
    with pytest.raises(CBORError, match="deep"):
        decode(b"\x81" * DEPTH_MAX + b"\x00")
    for opened, closed in ((b"\x98\x40", b""), (b"\x9f", b"\xff")):
        assert decode(opened + bytes(ENTRIES_MAX) + closed) == [0] * ENTRIES_MAX
    for opened, closed in ((b"\x98\x41", b""), (b"\x9f", b"\xff")):
        with pytest.raises(CBORError, match="too many"):
            decode(opened + bytes(ENTRIES_MAX + 1) + closed)


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x81" * 262_144,
        b"\x9f" * 262_144,
        b"\xbf\x00" * 131_072,
        b"\x98\x40" + (b"\x98\x40" + (b"\x98\x40" + bytes(64)) * 64) * 64,
        b"\x5a\x00\x03\xff\xfb" + bytes(262_139) + b"\x00",
        b"\xa1" * 262_144,
    ],
    ids=["deep", "deep and indefinite", "maps", "wide", "trailing", "names"],
)
def test_hostile_bytes_take_no_time(hostile: bytes) -> None:
    """The largest body there is, made to be slow."""
    began = time.perf_counter()
    with pytest.raises(CBORError):
        decode(hostile + b"\xff")
    assert time.perf_counter() - began < 0.5


VALUES = st.recursive(
    st.none() | st.integers(0, 2**64 - 1) | st.binary(max_size=300) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 99) | st.text(max_size=9), inner),
    max_leaves=6,
)


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth, inner), default=0)


@given(VALUES)
def test_what_another_program_writes_is_read(value: Any) -> None:
    """Whatever it is, up to the limits; and with the outermost map of indefinite length."""
    if depth(value) <= DEPTH_MAX:
        assert decode(cbor(value)) == value
        if isinstance(value, dict):
            assert decode(indefinite_map(value)) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing else is ever raised."""
    with suppress(CBORError):
        decode(data)

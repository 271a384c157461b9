"""Words as bytes."""

from hypothesis import given
from hypothesis import strategies as st

from selfkms.crypto.framing import frame

WORDS = st.lists(st.text("ab\0", max_size=3), max_size=4)


@given(WORDS, WORDS)
def test_other_words_give_other_bytes(first: list[str], second: list[str]) -> None:
    """Words that nearly run together are told apart."""
    assert (frame(*first) == frame(*second)) == (first == second)


def test_the_encoding_to_the_byte() -> None:
    """The number of words, then each with its length in bytes."""
    assert frame("é", "") == bytes.fromhex("0000000200000002c3a900000000")

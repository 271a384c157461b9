"""Tokens say what they were made to say, for what they were made for, until they expire."""

import re
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.world import World
from selfkms.services.ebs.tokens import TokenError, Tokens

KEYS = World().keys
NUMBERS = st.integers(0, 2**27)


@given(NUMBERS)
def test_a_token_comes_back(number: int) -> None:
    """As text that AWS's model takes."""
    token = Tokens(KEYS, "block", "snap-1").issue(number, expires_at=10.9)
    assert re.fullmatch("[A-Za-z0-9+/=]{1,256}", token)
    assert Tokens(KEYS, "block", "snap-1").number_of(token, now=10.0) == number


@given(NUMBERS, st.integers(0, 31), st.integers(1, 255))
def test_an_altered_token_is_none(number: int, place: int, change: int) -> None:
    """Whichever byte it is."""
    tokens = Tokens(KEYS, "block", "snap-1")
    raw = bytearray(b64decode(tokens.issue(number, expires_at=10.0)))
    raw[place] ^= change
    with pytest.raises(TokenError):
        tokens.number_of(b64encode(raw).decode(), now=0.0)


@pytest.mark.parametrize("about", [("block", "snap-2"), ("page", "snap-1"), ("blocks", "nap-1"), ("block",)])
def test_a_token_of_something_else_is_none(about: tuple[str, ...]) -> None:
    """Parts cannot be shifted into each other."""
    token = Tokens(KEYS, "block", "snap-1").issue(5, expires_at=10.0)
    with pytest.raises(TokenError):
        Tokens(KEYS, *about).number_of(token, now=0.0)


@pytest.mark.parametrize("token", ["", "A", "ä", "AAAA", "====", "A" * 1_000])
def test_what_was_never_a_token(token: str) -> None:
    """Is refused like one of somebody else."""
    with pytest.raises(TokenError):
        Tokens(KEYS, "block", "snap-1").number_of(token, now=0.0)


def test_an_expired_token_is_none() -> None:
    """A second after its time."""
    tokens = Tokens(KEYS, "block", "snap-1")
    token = tokens.issue(5, expires_at=10.0)
    assert tokens.number_of(token, now=10.0) == 5
    with pytest.raises(TokenError):
        tokens.number_of(token, now=10.1)

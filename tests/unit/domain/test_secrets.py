"""Secret bytes stay inside their type."""

import copy
import json
import pickle
import traceback
from collections.abc import Callable
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfkms.domain.secrets import SECRET_ACCESS, Secret

PLAIN: Final = b"correct horse"
SECRET: Final = Secret(PLAIN)


class Holder(msgspec.Struct):
    """Something that holds a secret among other things."""

    secret: Secret


@given(st.binary())
def test_the_token_opens_a_secret(value: bytes) -> None:
    """What was put in comes out, for whoever says that it knows what it asks for."""
    secret = Secret(value)
    assert secret.open(SECRET_ACCESS) == value
    assert len(secret) == len(value)


def test_nothing_opens_a_secret_without_the_token() -> None:
    """A search for the token finds every place that sees secret bytes."""
    with pytest.raises(TypeError):
        SECRET.open()  # type: ignore[call-arg]  # that the token cannot be left out is the claim


@pytest.mark.parametrize(
    "shown",
    [
        repr(SECRET),
        str(SECRET),
        f"{SECRET}",
        f"{SECRET!r}",
        "%s" % SECRET,  # noqa: UP031  logging formats this way
        "{!s:>20}".format(SECRET),  # noqa: UP032  a template may come from elsewhere
        repr([SECRET]),
        repr({"key": SECRET}),
        repr(Holder(SECRET)),
        str(ValueError(SECRET)),
    ],
)
def test_no_text_shows_a_secret(shown: str) -> None:
    """A secret that slips into a log line, a message or a struct shows that it is one and no more."""
    assert "Secret(…)" in shown
    assert "horse" not in shown


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param(lambda: pickle.dumps(SECRET, 0), id="pickle, oldest"),
        pytest.param(lambda: pickle.dumps(SECRET), id="pickle"),
        pytest.param(lambda: pickle.dumps({"key": [SECRET]}, pickle.HIGHEST_PROTOCOL), id="pickle, nested"),
        pytest.param(lambda: copy.copy(SECRET), id="copy"),
        pytest.param(lambda: copy.deepcopy(Holder(SECRET)), id="deepcopy"),
        pytest.param(lambda: json.dumps({"key": SECRET}), id="json"),
        pytest.param(lambda: msgspec.json.encode(Holder(SECRET)), id="msgspec"),
        pytest.param(lambda: SECRET == SECRET, id="equal to itself"),  # noqa: PLR0124  that it raises is the claim
        pytest.param(lambda: Secret(PLAIN) == SECRET, id="=="),
        pytest.param(lambda: Secret(PLAIN) != SECRET, id="!="),
        pytest.param(lambda: SECRET == PLAIN, id="equal to bytes"),
        pytest.param(lambda: PLAIN == SECRET, id="bytes equal to it"),
        pytest.param(lambda: Holder(Secret(PLAIN)) == Holder(SECRET), id="== of what holds it"),
        pytest.param(lambda: [SECRET].index(Secret(PLAIN)), id="looked up in a list"),
        pytest.param(lambda: hash(SECRET), id="hash"),
        pytest.param(lambda: {SECRET}, id="set"),
        pytest.param(lambda: bytes(SECRET), id="bytes"),  # type: ignore[call-overload]  # must not work
        pytest.param(lambda: list(SECRET), id="iteration"),  # type: ignore[call-overload]  # must not work
        pytest.param(lambda: f"{SECRET:>20}", id="format with a width"),
        pytest.param(lambda: SECRET + b"", id="concatenation"),  # type: ignore[operator]  # must not work
        pytest.param(lambda: Secret(PLAIN) > SECRET, id="order"),  # type: ignore[operator]  # must not work
    ],
)
def test_what_would_carry_a_secret_away_is_refused(attempt: Callable[[], object]) -> None:
    """No pickle, no copy, no JSON, no `==`, no hash; and what is raised instead does not show it."""
    with pytest.raises(TypeError) as refusal:
        attempt()
    assert "horse" not in "".join(traceback.format_exception(refusal.value))


def test_a_secret_has_no_dictionary() -> None:
    """Tools that print all attributes of an object find none."""
    assert not hasattr(SECRET, "__dict__")


@given(st.binary(), st.binary())
def test_secrets_are_compared_by_their_bytes(first: bytes, second: bytes) -> None:
    """Equal exactly if the bytes are equal, also for another length."""
    assert Secret(first).equals(Secret(second)) == (first == second)
    assert Secret(first).equals(Secret(first))

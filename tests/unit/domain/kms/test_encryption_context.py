"""The encryption context as bytes."""

from random import Random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.encryption_context import NO_PAIRS, TAG, bind

TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
CONTEXTS: Final = st.dictionaries(TEXT, TEXT, max_size=5)
# Few letters, so that names and values run together often.
CLOSE_CONTEXTS: Final = st.dictionaries(st.text("ab\0", max_size=3), st.text("ab\0", max_size=3), max_size=3)


@given(CONTEXTS, CONTEXTS)
def test_equal_bytes_mean_equal_contexts(first: dict[str, str], second: dict[str, str]) -> None:
    """Two contexts give the same bytes exactly if they are equal."""
    assert (bind(first) == bind(second)) == (first == second)


@given(CLOSE_CONTEXTS, CLOSE_CONTEXTS)
def test_contexts_that_nearly_run_together_differ(first: dict[str, str], second: dict[str, str]) -> None:
    """Contexts of the same few letters in other places give other bytes."""
    assert (bind(first) == bind(second)) == (first == second)


@given(CONTEXTS, st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_count(context: dict[str, str], random: Random) -> None:
    """A context has no order."""
    names = list(context)
    random.shuffle(names)
    assert bind({name: context[name] for name in names}) == bind(context)


def test_names_and_values_are_not_run_together() -> None:
    """What is equal when run together is told apart."""
    assert bind({"a": "bc"}) != bind({"ab": "c"})


def test_no_context_is_an_empty_one() -> None:
    """No pairs: the tag and a zero."""
    assert bind({}) == NO_PAIRS == TAG + b"\0\0\0\0"


def test_the_encoding_to_the_byte() -> None:
    """The tag, the number of pairs, then the pairs in the order of their UTF-8 bytes, each part with its length."""
    expected = TAG + bytes.fromhex("0000000200000003efbd810000000000000004f09d849e0000000178")
    # In UTF-16 the second would come first.
    assert bind({"\U0001d11e": "x", "\uff41": ""}) == expected


@pytest.mark.parametrize("context", [{"\ud800": "x"}, {"x": "secret \udfff"}])
def test_half_a_surrogate_pair_is_refused(context: dict[str, str]) -> None:
    """Text without a UTF-8 form is refused, and the error does not quote it."""
    with pytest.raises(ValidationException) as refusal:
        bind(context)
    assert "secret" not in str(refusal.value)
    assert refusal.value.__cause__ is None

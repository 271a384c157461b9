"""Patterns of the models as Java means them."""

import re
import sys
import unicodedata

import pytest

from selfkms.protocol.java_patterns import java_pattern


def test_the_class_of_tags_is_javas() -> None:
    r"""`\p{L}\p{Z}\p{N}_` holds exactly the letters, separators, numbers and the underscore of all of Unicode."""
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    expected = [
        character for character in everything if unicodedata.category(character)[0] in "LZN" or character == "_"
    ]
    assert java_pattern(r"[\p{L}\p{Z}\p{N}_]").findall(everything) == expected


def test_tags() -> None:
    """Tag keys take letters of any script and the few signs that the pattern names, and nothing else."""
    pattern = java_pattern(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+")
    for key in ("cost centre", "Größe", "部門", "a.b:c/d=e+f-g@h_1", "²", "\u2028"):
        assert pattern.fullmatch(key), key
    for key in ("", "a\tb", "a\nb", "a\\b", "a,b", "a*b", "é\u0301", "\U0001f511"):
        assert not pattern.fullmatch(key), key


def test_words_and_digits_are_ascii() -> None:
    r"""Everywhere else \w, \d and \s mean what Java means."""
    assert java_pattern(r"[\w+=,.@-]+").fullmatch("alice+1@example.com")
    assert not java_pattern(r"[\w+=,.@-]+").fullmatch("alicé")
    assert not java_pattern(r"\d{3}").fullmatch("\u0661\u0662\u0663")
    assert not java_pattern(r"\s").fullmatch("\u00a0")


def test_what_is_not_known_is_not_guessed() -> None:
    """A pattern that Python would read in another way, or not at all, is an error and not a surprise."""
    with pytest.raises(re.error):
        java_pattern(r"[\p{Lu}]+")

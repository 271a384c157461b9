"""Wildcards.

Source: IAM User Guide, "IAM JSON policy elements: Resource", "IAM JSON policy elements: Condition operators".
"""

import re
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.domain.policy.patterns import ANY_ARN, ANY_ONE, ANY_RUN, ARNPattern, Pattern, Piece, matches, pieces

KEY_ARN: Final = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def arn_pattern(text: str) -> ARNPattern:
    """The pattern of a text that has six components."""
    pattern = ARNPattern.parse(text)
    assert pattern is not None
    return pattern


def expression(parts: tuple[Piece, ...]) -> str:
    """The same as a regular expression."""
    return "".join(re.escape(part) if isinstance(part, str) else {ANY_RUN: ".*", ANY_ONE: "."}[part] for part in parts)


@given(pattern=st.text("ab*?", max_size=12), text=st.text("ab", max_size=12))
def test_wildcards_are_those_of_a_regular_expression(pattern: str, text: str) -> None:
    """Against the standard library's own idea of `*` and `?`."""
    translated = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    assert matches(pattern, text) is bool(re.fullmatch(translated, text))


@given(
    parts=st.lists(st.text("ab*?", max_size=3) | st.sampled_from([ANY_RUN, ANY_ONE]), max_size=8).map(tuple),
    text=st.text("ab*?", max_size=12),
)
def test_literal_pieces_are_never_wildcards(parts: tuple[Piece, ...], text: str) -> None:
    """What stands in a literal piece stands for itself, also if it looks like a wildcard."""
    assert Pattern.of(parts).matches(text) is bool(re.fullmatch(expression(parts), text))


@settings(max_examples=60)
@given(st.text(max_size=20), st.text(max_size=20))
def test_a_literal_matches_itself_only(pattern: str, text: str) -> None:
    """No character is special but the two."""
    literal = pattern.replace("*", "-").replace("?", "-")
    assert matches(literal, literal)
    assert matches(literal, text) is (literal == text)
    assert matches(f"{literal}*", literal + text)
    assert matches(f"*{literal}", text + literal)


@pytest.mark.parametrize(
    ("pattern", "text", "matching"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("**", "a\nb", True),
        ("?", "", False),
        ("?", "\n", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*aa*aa*", "aaa", False),
        ("*a?c*", "xxabbcabc", True),
        ("*?b*?b", "abab", True),
        ("*a?a*", "aab", False),
        ("?*?", "a", False),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
    ],
)
def test_patterns(pattern: str, text: str, matching: bool) -> None:  # noqa: FBT001  a column of the table
    """The whole text must match, line breaks included; two parts of a pattern never share a character."""
    assert matches(pattern, text) is matching


def test_the_pieces_of_a_text() -> None:
    """Wildcards and what is between them."""
    assert pieces("a*b??c") == ("a", ANY_RUN, "b", ANY_ONE, ANY_ONE, "c")
    assert pieces("") == ()


class Counted(str):
    """A text that counts how often it is looked at."""

    __slots__ = ("looks",)

    looks: int

    def find(self, *arguments: Any) -> int:
        self.looks += 1
        return super().find(*arguments)

    def startswith(self, *arguments: Any) -> bool:
        self.looks += 1
        return super().startswith(*arguments)

    def __getitem__(self, place: Any) -> str:
        self.looks += 1
        return super().__getitem__(place)


@pytest.mark.parametrize(
    "unit", ["*a", "*?a", "*aab", "*a?b", "?a", "a?", "*" + "a" * 64 + "b", "*" + "a?" * 100 + "b", "*" + "?" * 100]
)
@pytest.mark.parametrize("end", ["", "b", "*b", "*"])
def test_a_pattern_made_to_be_slow_is_not(unit: str, end: str) -> None:
    """32 KB of pattern against 8 KB of text: the text is looked at as often as both are long together, at most."""
    text = Counted("a" * 8_192)
    text.looks = 0
    pattern = (unit * 32_768)[: 32_768 - len(end)] + end
    Pattern.parse(pattern).matches(text)
    assert text.looks <= len(pattern) + len(text)


@pytest.mark.parametrize(
    ("pattern", "matching"),
    [
        (KEY_ARN, True),
        ("arn:aws:kms:*:*:key/*", True),
        ("arn:aws:kms:*:*:*", True),
        ("arn:aws:kms:eu-*-?:1111????3333:key/1234abcd*", True),
        ("*:*:*:*:*:*", True),
        ("arn:aws:kms:eu-central-1:111122223333:key/*ab", True),
        ("arn:aws:kms:eu-central-1:111122223333:alias/*", False),
        ("arn:aws:kms:eu-central-1:444455556666:key/*", False),
        ("arn:aws:kms:EU-CENTRAL-1:*:key/*", False),
        ("ARN:aws:kms:*:*:key/*", False),
        # A run that would have to reach across a colon.
        ("arn:aws:kms:*:key/*:*", False),
        ("arn:aws:*:111122223333:*:*", False),
        ("arn:aws:kms:eu*:111122223333:*3333:key/*", False),
    ],
)
def test_an_arn_is_matched_component_by_component(pattern: str, matching: bool) -> None:  # noqa: FBT001  a column
    """No wildcard reaches across the first five colons; case counts."""
    assert arn_pattern(pattern).matches(KEY_ARN) is matching


def test_the_resource_part_takes_the_other_colons() -> None:
    """What follows the fifth colon is one text."""
    assert arn_pattern("arn:aws:logs:*:*:log-group:*:b").matches("arn:aws:logs:r:1:log-group:x:y:b")


@pytest.mark.parametrize("text", ["", "*", "arn", "arn:aws:kms:eu-central-1:111122223333", "a/b/c"])
def test_what_has_fewer_components_is_no_arn(text: str) -> None:
    """Neither as a pattern, nor as what is matched."""
    assert ARNPattern.parse(text) is None
    assert not ANY_ARN.matches(text)


def test_an_arn_pattern_without_wildcards_is_a_literal() -> None:
    """It can be looked up instead of matched."""
    assert arn_pattern(KEY_ARN).literal == KEY_ARN
    assert arn_pattern("arn:aws:kms:*:1:key/a").literal is None


@pytest.mark.parametrize(
    ("pattern", "everything"),
    [
        ("arn:aws:kms:*:*:*", True),
        ("arn:aws:kms:eu-central-1:111122223333:*", True),
        ("arn:aws:*:*:*:*", True),
        ("arn:aws:kms:us-east-1:*:*", False),
        ("arn:aws:kms:*:444455556666:*", False),
        ("arn:aws:iam:*:*:*", False),
        ("arn:aws:kms:*:*:key/*", False),
        ("arn:aws:kms:*:*:?", False),
    ],
)
def test_all_resources_of_a_service(pattern: str, everything: bool) -> None:  # noqa: FBT001  a column of the table
    """The resource part is `*` alone, and the rest fits."""
    found = arn_pattern(pattern).is_all_of("kms", region="eu-central-1", account_id="111122223333")
    assert found is everything


def test_where_region_and_account_are_not_known_the_service_decides() -> None:
    """They are not asked for."""
    assert arn_pattern("arn:aws:kms:eu-central-1:1:*").is_all_of("kms", region=None, account_id=None)
    assert not arn_pattern("arn:aws:iam:eu-central-1:1:*").is_all_of("kms", region=None, account_id=None)


_COMPONENT = st.sampled_from(["", "a", "b", "ab", "*", "a*", "?", "*b", "a*b", "a?*"])
_ARN_PATTERNS = st.lists(_COMPONENT, min_size=6, max_size=6)
_ARNS = st.lists(st.sampled_from(["", "a", "b", "ab", "abb"]), min_size=6, max_size=7).map(":".join)


@settings(max_examples=500)
@given(components=_ARN_PATTERNS, text=_ARNS)
def test_an_arn_matches_as_its_components_do(components: list[str], text: str) -> None:
    """Whatever is asked first, and however."""
    expected = all(map(matches, components, text.split(":", 5)))
    assert arn_pattern(":".join(components)).matches(text) is expected


@settings(max_examples=500)
@given(front=st.lists(st.sampled_from(["", "a", "ab"]), min_size=5, max_size=5), last=_COMPONENT, text=_ARNS)
def test_a_prefix_says_all_that_its_pattern_does(front: list[str], last: str, text: str) -> None:
    """And only a pattern with one `*`, at its end, has one."""
    pattern = arn_pattern(":".join([*front, last]))
    prefix = pattern.prefix
    assert (prefix is not None) is (last in ("*", "a*"))
    if prefix is not None:
        assert text.startswith(prefix) is pattern.matches(text)

"""Policy variables.

Source: IAM User Guide, "IAM policy elements: Variables and tags".
"""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfkms.domain.policy.facts import Facts
from selfkms.domain.policy.patterns import ANY_ONE, ANY_RUN, Pattern, Piece
from selfkms.domain.policy.variables import ARNTemplate, Template

FACTS: Final = Facts.of(
    {
        "aws:username": "bob",
        "aws:PrincipalTag/Team Name": "red",
        "aws:PrincipalTag/empty": "",
        "aws:PrincipalTag/star": "*",
        "aws:PrincipalTag/nested": "${aws:username}",
        "aws:PrincipalTag/colons": "1:user/x:y",
        "aws:PrincipalTag/arn": "arn:aws:iam::111122223333:user/bob",
        "aws:PrincipalAccount": "111122223333",
        "aws:TagKeys": ("a",),
    }
)


def rendered(text: str) -> tuple[Piece, ...] | None:
    """The pieces of a text in a policy of version 2012-10-17."""
    return Template.parse(text, variables=True).render(FACTS)


def pattern_matches(text: str, value: str) -> bool:
    """Whether a text of such a policy matches a value."""
    parts = rendered(text)
    return parts is not None and Pattern.of(parts).matches(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${aws:username}", "bob"),
        ("${AWS:UserName}", "bob"),
        ("home/${aws:username}/x", "home/bob/x"),
        ("${aws:username}${aws:username}", "bobbob"),
        ("${aws:PrincipalTag/Team Name}", "red"),
        ("${aws:principaltag/team name}", "red"),
        ("${aws:PrincipalTag/none, 'all'}", "all"),
        ("${aws:PrincipalTag/none,'all'}", "all"),
        ("${aws:PrincipalTag/none, ''}x", "x"),
        ("${aws:username, 'all'}", "bob"),
        ("${aws:PrincipalTag/empty, 'all'}", "all"),
        ("${aws:TagKeys, 'all'}", "all"),
        ("${aws:PrincipalTag/none, 'a, b'}", "a, b"),
        ("${*}", "*"),
        ("${?}", "?"),
        ("${$}", "$"),
        ("$${aws:username}", "$bob"),
        ("$aws:username", "$aws:username"),
        ("{aws:username}", "{aws:username}"),
        # What was put in is not searched again.
        ("${$}{aws:username}", "${aws:username}"),
        ("${aws:PrincipalTag/nested}", "${aws:username}"),
        ("${aws:PrincipalTag/none, '*'}", "*"),
        # Not documented: what is no variable is text.
        ("${}", "${}"),
        ("${aws:username", "${aws:username"),
        ("${${aws:username}}", "${bob}"),
        ("}${", "}${"),
    ],
)
def test_variables(text: str, value: str) -> None:
    """Each is replaced by what it stands for."""
    assert pattern_matches(text, value)


@pytest.mark.parametrize(
    "text",
    [
        "${aws:userid}",
        "a${aws:userid}*",
        "${aws:username}${aws:userid}",
        "${aws:TagKeys}",
        "${aws:PrincipalTag/empty}",
        "*${aws:PrincipalTag/empty}*",
        "${ aws:username }",
        "${aws:username, all}",
    ],
)
def test_a_variable_without_value_makes_nothing_match(text: str) -> None:
    """It is never taken literally. Several values and an empty one count as none."""
    assert rendered(text) is None


@pytest.mark.parametrize("text", ["${aws:username}", "${$}", "${*}", "${aws:userid, 'x'}", "a${"])
def test_the_older_version_has_no_variables(text: str) -> None:
    """Everything is text, but for wildcards."""
    parts = Template.parse(text, variables=False).render(FACTS)
    assert parts is not None
    assert Pattern.of(parts).matches(text)


def test_wildcards_of_the_policy_stay_wildcards() -> None:
    """Around a variable, and not inside of what `${*}` and `${?}` are."""
    assert rendered("*${aws:username}?${*}${?}") == (ANY_RUN, "bob", ANY_ONE, "*", "?")


def test_a_template_without_variables_is_literal() -> None:
    """It can be rendered once for all requests; the three characters are no variables."""
    assert Template.parse("a*${*}${$}", variables=True).literal
    assert not Template.parse("a${b, 'c'}", variables=True).literal
    assert Template.parse("a${b}", variables=False).literal


@given(st.text("ab*?${}:", max_size=8), st.text("ab*?${}:", max_size=8))
def test_data_of_a_request_is_never_a_wildcard(value: str, other: str) -> None:
    """Whatever a client sends, it matches itself only, and no variable in it is replaced."""
    facts = Facts.of({"kms:EncryptionContext:k": value, "a": "secret"})
    parts = Template.parse("x${kms:EncryptionContext:k}y", variables=True).render(facts)
    if not value:
        assert parts is None
        return
    assert parts is not None
    assert Pattern.of(parts).matches(f"x{value}y")
    assert Pattern.of(parts).matches(f"x{other}y") is (value == other)


@given(st.text("${}, 'a*:", max_size=24))
def test_any_text_is_a_template(text: str) -> None:
    """Nothing is too broken to be read."""
    parts = Template.parse(text, variables=True).render(Facts.of({"a": "b"}))
    assert parts is None or all(part for part in parts if part != "")


@pytest.mark.parametrize("unit", ["${", "${a", "${a,", "${a, '", "${ ", "$", "${a, 'b'", "${{", "${a,'"])
def test_a_text_made_to_be_slow_to_read_is_text(unit: str) -> None:
    """Each `${` is looked at up to the next brace only."""
    text = (unit * 32_768)[:32_768]
    assert rendered(text) is not None


def test_a_text_that_grows_without_end_matches_nothing() -> None:
    """No value of a condition key is longer than 65,536 characters."""
    facts = Facts.of({"a": "x" * 8_192})
    assert Template.parse("${a}" * 8, variables=True).render(facts) is not None
    assert Template.parse("${a}" * 8 + "b", variables=True).render(facts) is None


def arn_matches(text: str, arn: str) -> bool:
    """Whether a value of an ARN operator matches an ARN."""
    pattern = ARNTemplate.parse(text, variables=True).render(FACTS)
    return pattern is not None and pattern.matches(arn)


@pytest.mark.parametrize(
    ("text", "arn", "matching"),
    [
        ("arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}", "arn:aws:iam::111122223333:user/bob", True),
        ("arn:aws:iam::${aws:PrincipalAccount}:user/*", "arn:aws:iam::111122223333:user/bob", True),
        ("arn:aws:iam::${aws:PrincipalAccount}:user/*", "arn:aws:iam::444455556666:user/bob", False),
        ("arn:aws:iam::${aws:userid}:user/*", "arn:aws:iam::444455556666:user/bob", False),
        ("arn:aws:iam::${aws:PrincipalTag/star}:user/*", "arn:aws:iam::444455556666:user/bob", False),
        # A variable for the whole of it.
        ("${aws:PrincipalTag/arn}", "arn:aws:iam::111122223333:user/bob", True),
        ("${aws:PrincipalTag/arn}*", "arn:aws:iam::111122223333:user/bobby", True),
        ("${aws:PrincipalTag/arn}", "arn:aws:iam::111122223333:user/eve", False),
        # Colons of data stay in the component of the variable.
        ("arn:aws:iam::${aws:PrincipalTag/colons}:z", "arn:aws:iam::1:user/x:y:z", False),
        ("arn:aws:iam::1:${aws:PrincipalTag/colons}", "arn:aws:iam::1:1:user/x:y", True),
        ("*", "arn:aws:iam::1:user/x", True),
        ("*", "bob", False),
        ("arn:aws:iam:*", "arn:aws:iam::1:user/x", False),
        ("bob", "bob", False),
    ],
)
def test_arns_with_variables(text: str, arn: str, matching: bool) -> None:  # noqa: FBT001  a column of the table
    """Component by component, wherever variables stand."""
    assert arn_matches(text, arn) is matching


@pytest.mark.parametrize(
    ("text", "arn", "matching"),
    [
        ("arn:aws:kms:*:*:key/${aws:username}", "arn:aws:kms:r:1:key/bob", True),
        ("arn:aws:kms:*:*:key/${aws:username}-*", "arn:aws:kms:r:1:key/bob-1", True),
        ("arn:aws:kms:*:*:key/${aws:userid}", "arn:aws:kms:r:1:key/bob", False),
        # Variables only after the fifth colon.
        ("arn:aws:kms:*:${aws:PrincipalAccount}:key/*", "arn:aws:kms:r:111122223333:key/bob", False),
        # Missing components are `*`.
        ("arn:aws:kms", "arn:aws:kms:r:1:key/bob", True),
        ("arn:aws:kms:eu", "arn:aws:kms:eu:1:key/bob", True),
        ("arn:aws:kms:us", "arn:aws:kms:eu:1:key/bob", False),
        ("arn:aws:kms:*:2", "arn:aws:kms:eu:1:key/bob", False),
    ],
)
def test_resources_with_variables(text: str, arn: str, matching: bool) -> None:  # noqa: FBT001  a column
    """Source: IAM User Guide, "IAM policy elements: Variables and tags", "IAM ARNs"."""
    template = ARNTemplate.of_resource(text, variables=True)
    assert template is not None
    pattern = template.render(FACTS)
    assert (pattern is not None and pattern.matches(arn)) is matching


@pytest.mark.parametrize("text", ["", "*", "arn", "arn:aws", "key/1", "ARN:aws:kms:::", "${aws:username}"])
def test_what_is_no_resource(text: str) -> None:
    """It begins with `arn`, a partition and a service."""
    assert ARNTemplate.of_resource(text, variables=True) is None


def test_an_arn_without_variables_is_literal() -> None:
    """It can be rendered once for all requests."""
    assert ARNTemplate.parse("arn:aws:kms:*:*:key/*", variables=True).literal
    assert not ARNTemplate.parse("arn:aws:kms:*:${a}:key/*", variables=True).literal

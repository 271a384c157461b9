"""Aliases and their names."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.aliases import Alias, check_alias_name
from selfkms.domain.kms.errors import NotAuthorizedException

PREFIX_TEXT: Final = (
    'Alias must start with the prefix "alias/". '
    "Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
)


def test_the_arn_of_an_alias() -> None:
    """The name stands in it with its prefix, and only once."""
    alias = Alias(
        account_id="111122223333",
        region="eu-central-1",
        alias_name="alias/app",
        target_key_id="1234abcd-12ab-34cd-56ef-1234567890ab",
        created_at=1.0,
        updated_at=2.0,
    )
    assert alias.arn == "arn:aws:kms:eu-central-1:111122223333:alias/app"


@pytest.mark.parametrize(
    "alias_name",
    [
        "alias/a",
        "alias/app",
        "alias/App_1-2/x",
        "alias//",
        "alias/aws",
        "alias/awsome",
        "alias/AWS/ebs",
        "alias/my/aws/ebs",
        f"alias/{'a' * 250}",
    ],
)
def test_names_that_may_be_made(alias_name: str) -> None:
    """Letters, digits, slash, dash and underscore, 256 characters in all."""
    check_alias_name(alias_name)


@pytest.mark.parametrize("alias_name", ["", "a", "app", "alias", "Alias/app", "/alias/app", " alias/app", "aws/ebs"])
def test_a_name_without_prefix_is_refused(alias_name: str) -> None:
    """With AWS's text."""
    with pytest.raises(ValidationException) as refusal:
        check_alias_name(alias_name)
    assert refusal.value.message == PREFIX_TEXT


@pytest.mark.parametrize("alias_name", ["alias/aws/", "alias/aws/ebs", "alias/aws/a:b"])
def test_names_of_aws_managed_keys_are_refused(alias_name: str) -> None:
    """They are reserved, and the refusal has no message."""
    with pytest.raises(NotAuthorizedException) as refusal:
        check_alias_name(alias_name)
    assert refusal.value.message is None


@pytest.mark.parametrize(
    "alias_name",
    [
        "alias/",
        # The pattern of the service model lets a colon through, AWS KMS does not.
        "alias/a:b",
        "alias/a b",
        "alias/a.b",
        "alias/a\n",
        "alias/é",
        "alias/\u0661",
        "alias/*",
        f"alias/{'a' * 251}",
    ],
)
def test_characters_that_no_alias_has_are_refused(alias_name: str) -> None:
    """With AWS's text, which names the alias."""
    with pytest.raises(ValidationException) as refusal:
        check_alias_name(alias_name)
    assert refusal.value.message == f"{alias_name} contains invalid characters for an alias"


@given(st.text("abcXYZ019/_-:. é\n", max_size=8))
def test_a_name_is_taken_exactly_if_its_characters_are_aws_s(name: str) -> None:
    """No mixture of characters slips through."""
    permitted = name != "" and set(name) <= set("abcXYZ019/_-")
    try:
        check_alias_name(f"alias/{name}")
    except ValidationException:
        assert not permitted
    else:
        assert permitted

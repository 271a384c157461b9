"""ARNs and the identifiers inside them."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfkms.domain.arns import ARN, alias_arn, is_account_id, is_key_id, key_arn, root_arn, user_arn

REGION: Final = "eu-central-1"
ACCOUNT_ID: Final = "111122223333"
KEY_ID: Final = "1234abcd-12ab-34cd-56ef-1234567890ab"
MULTI_REGION_KEY_ID: Final = "mrk-1234abcd12ab34cd56ef1234567890ab"

PARTS: Final = st.text(st.characters(exclude_characters=":"))


@given(PARTS, PARTS, PARTS, PARTS, st.text())
def test_what_is_written_is_read_back(
    partition: str, service: str, region: str, account_id: str, resource: str
) -> None:
    """Text and parts say the same, whatever is in them; only the resource may hold colons."""
    arn = ARN(partition, service, region, account_id, resource)
    assert ARN.parse(str(arn)) == arn


@given(st.text())
def test_whatever_is_read_is_written_back(text: str) -> None:
    """A text that is an ARN is the text of its parts."""
    arn = ARN.parse(f"arn:{text}")
    assert arn is None or str(arn) == f"arn:{text}"


def test_the_parts_of_a_key_arn() -> None:
    """Each part stands where AWS puts it."""
    assert ARN.parse(f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/{KEY_ID}") == ARN(
        partition="aws", service="kms", region=REGION, account_id=ACCOUNT_ID, resource=f"key/{KEY_ID}"
    )


def test_further_colons_belong_to_the_resource() -> None:
    """After the fifth colon everything is resource."""
    arn = ARN.parse("arn:aws:logs:eu-central-1:111122223333:log-group:a:b:*")
    assert arn is not None
    assert arn.resource == "log-group:a:b:*"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "arn",
        "arn:",
        KEY_ID,
        "alias/app",
        "arn:aws:kms:eu-central-1:111122223333",
        "ARN:aws:kms:r:a:key/x",
        " arn:a:b:c:d:e",
    ],
)
def test_what_is_no_arn_has_no_parts(text: str) -> None:
    """Fewer than six parts, or another beginning than `arn`, is no ARN."""
    assert ARN.parse(text) is None


def test_the_arns_that_are_made() -> None:
    """Keys, aliases, root users and users bear AWS's forms; a user's path stands in its ARN."""
    assert key_arn(REGION, ACCOUNT_ID, KEY_ID) == f"arn:aws:kms:eu-central-1:111122223333:key/{KEY_ID}"
    assert alias_arn(REGION, ACCOUNT_ID, "alias/a/b") == "arn:aws:kms:eu-central-1:111122223333:alias/a/b"
    assert root_arn(ACCOUNT_ID) == "arn:aws:iam::111122223333:root"
    assert user_arn(ACCOUNT_ID, "/", "bob") == "arn:aws:iam::111122223333:user/bob"
    assert user_arn(ACCOUNT_ID, "/team/x/", "bob") == "arn:aws:iam::111122223333:user/team/x/bob"


@pytest.mark.parametrize("text", [KEY_ID, MULTI_REGION_KEY_ID])
def test_key_ids(text: str) -> None:
    """A UUID with dashes, or `mrk-` and 32 hex digits."""
    assert is_key_id(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        KEY_ID.replace("-", ""),
        KEY_ID.upper(),
        f"{{{KEY_ID}}}",
        f"{KEY_ID}\n",
        f" {KEY_ID}",
        KEY_ID[:-1],
        f"{KEY_ID}0",
        KEY_ID.replace("1", "g"),
        # Arabic-Indic digits are digits to Unicode and none of AWS's.
        KEY_ID.replace("1", "\u0661"),
        f"mrk-{KEY_ID}",
        MULTI_REGION_KEY_ID[:-1],
        f"{MULTI_REGION_KEY_ID}0",
        MULTI_REGION_KEY_ID.upper(),
        MULTI_REGION_KEY_ID.removeprefix("mrk-"),
        "mrk-something",
        "alias/app",
        f"key/{KEY_ID}",
    ],
)
def test_what_is_no_key_id(text: str) -> None:
    """Anything else is none: it must never reach a query as if it were."""
    assert not is_key_id(text)


def test_account_ids() -> None:
    """12 digits."""
    assert is_account_id(ACCOUNT_ID)


@pytest.mark.parametrize(
    "text", ["", "11112222333", "1111222233334", "11112222333a", "111122223333\n", "1111-2222-3333", "\u0661" * 12]
)
def test_what_is_no_account_id(text: str) -> None:
    """Anything but 12 ASCII digits is none."""
    assert not is_account_id(text)

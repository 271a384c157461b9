"""Grant tokens: made here, read here, and nobody else's."""

from base64 import b64decode, b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.world import CountedEntropy
from selfkms.adapters.software_keys.installation_keys import RootInstallationKeys
from selfkms.crypto.root_key import RootKey
from selfkms.domain.kms.errors import InvalidGrantTokenException
from selfkms.domain.kms.grants import Grant
from selfkms.domain.secrets import Secret
from selfkms.services.kms.grant_tokens import GrantName, grant_token, read_grant_token

GRANT = Grant(
    account_id="111122223333",
    region="us-east-1",
    key_id="1234abcd-12ab-34cd-56ef-1234567890ab",
    grant_id="0123456789abcdef" * 4,
    created_at=1.0,
    grantee="arn:aws:iam::111122223333:user/a",
    issuing_account="arn:aws:iam::111122223333:root",
    operations=("Decrypt",),
)
TOKEN_CHARACTERS_MAX = 8_192


def installation(number: int) -> RootInstallationKeys:
    return RootInstallationKeys(RootKey(Secret(bytes([number]) * 32)), CountedEntropy())


KEYS = installation(1)
TOKEN = grant_token(KEYS, CountedEntropy(), GRANT)


def refused(token: str, keys: RootInstallationKeys = KEYS) -> None:
    with pytest.raises(InvalidGrantTokenException) as error:
        read_grant_token(keys, token)
    assert error.value.message is None
    assert error.value.__cause__ is None


def test_a_token_names_its_grant() -> None:
    """Account, Region, key ID and grant ID come back, and the model's limit is far away."""
    assert read_grant_token(KEYS, TOKEN) == GrantName(*GRANT.primary_key())
    assert len(TOKEN) < TOKEN_CHARACTERS_MAX


def test_each_token_of_a_grant_is_another() -> None:
    """They are worth the same, but no two are equal, as on AWS."""
    entropy = CountedEntropy()
    tokens = {grant_token(KEYS, entropy, GRANT) for _ in range(10)}
    assert len(tokens) == 10
    assert {read_grant_token(KEYS, token) for token in tokens} == {GrantName(*GRANT.primary_key())}


def test_another_installation_knows_nothing_of_it() -> None:
    """The tag is of this installation's key."""
    refused(TOKEN, installation(2))


def test_a_tag_of_another_purpose_is_none() -> None:
    """What the installation tags elsewhere, such as a marker, is no token."""
    body = b64decode(TOKEN)[16:]
    refused(b64encode(KEYS.tag("marker", body) + body).decode())


@settings(max_examples=100)
@given(position=st.integers(0, len(TOKEN) - 1), character=st.characters())
def test_no_character_can_be_changed(position: int, character: str) -> None:
    """Whatever stands there instead."""
    if TOKEN[position] != character:
        refused(TOKEN[:position] + character + TOKEN[position + 1 :])


@settings(max_examples=100)
@given(st.one_of(st.text(max_size=300), st.binary(max_size=200).map(lambda raw: b64encode(raw).decode())))
def test_nothing_else_is_a_token(text: str) -> None:
    """Text and base64 of anything are refused, and nothing of them is told."""
    refused(text)


@pytest.mark.parametrize("cut", [1, 4, 16, 24, len(TOKEN)])
def test_a_part_of_a_token_is_none(cut: int) -> None:
    """Cut at either end, or with something behind it."""
    refused(TOKEN[:-cut])
    refused(TOKEN[cut:])
    refused(TOKEN + "A" * cut)


def test_a_token_has_one_text() -> None:
    """Blanks, line breaks and padding that base64 might let through make it another text, so none."""
    for other in (f" {TOKEN}", f"{TOKEN}\n", f"{TOKEN}====", TOKEN.replace("+", "-").replace("/", "_") + "="):
        refused(other)

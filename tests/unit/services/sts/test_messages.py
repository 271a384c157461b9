"""DecodeAuthorizationMessage, and the messages that it opens."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.sts.errors import InvalidAuthorizationMessageException
from selfkms.services.sts.messages import open_message, seal_message

KEYS = World().keys
MESSAGE = '{"allowed": false, "explicitDeny": true}'


@settings(max_examples=30)
@given(st.text(max_size=200))
def test_a_message_comes_back(message: str) -> None:
    """Whatever it says."""
    assert open_message(seal_message(message, ALICE_ACCOUNT, KEYS), ALICE_ACCOUNT, KEYS) == message


def test_a_message_is_not_readable_and_fits_the_model() -> None:
    """Nothing of it shows, and a long one stays below 10,240 characters."""
    encoded = seal_message('{"context": "' + "arn:aws:kms:us-east-1 " * 500 + '"}', ALICE_ACCOUNT, KEYS)
    assert "arn" not in encoded
    assert len(encoded) <= 10_240


@pytest.mark.parametrize("encoded", ["x", "é", "AAAA", "not a message", "A" * 400])
def test_anything_else_is_refused(encoded: str) -> None:
    """One error for all of it."""
    with pytest.raises(InvalidAuthorizationMessageException):
        open_message(encoded, ALICE_ACCOUNT, KEYS)


def test_line_breaks_are_refused() -> None:
    """As the API Reference says."""
    encoded = seal_message(MESSAGE, ALICE_ACCOUNT, KEYS)
    with pytest.raises(InvalidAuthorizationMessageException):
        open_message(f"{encoded[:20]}\n{encoded[20:]}", ALICE_ACCOUNT, KEYS)


def test_who_may_decode_does(world: World) -> None:
    """The answer is the message."""
    encoded = seal_message(MESSAGE, ALICE_ACCOUNT, world.keys)
    assert world.sts("DecodeAuthorizationMessage", {"EncodedMessage": encoded}) == {"DecodedMessage": MESSAGE}


def test_a_message_of_another_account_is_refused(world: World) -> None:
    """What it says may be privileged."""
    encoded = seal_message(MESSAGE, ALICE_ACCOUNT, world.keys)
    status, code, _ = world.sts_refusal("DecodeAuthorizationMessage", {"EncodedMessage": encoded}, by=BOB_ACCOUNT)
    assert (status, code) == (400, "InvalidAuthorizationMessageException")


def test_decoding_needs_permission(world: World) -> None:
    """Nobody may whom no policy allows it."""
    world.strip_of_policies(ALICE_ACCOUNT)
    status, code, text = world.sts_refusal("DecodeAuthorizationMessage", {"EncodedMessage": "x"})
    assert (status, code) == (403, "AccessDenied")
    assert text is not None
    assert "sts:DecodeAuthorizationMessage" in text


def test_the_audit_holds_nothing_of_the_message(world: World) -> None:
    """Neither encoded nor decoded."""
    encoded = seal_message(MESSAGE, ALICE_ACCOUNT, world.keys)
    world.sts("DecodeAuthorizationMessage", {"EncodedMessage": encoded})
    record = world.record()
    assert record["requestParameters"] is None
    assert record["responseElements"] is None

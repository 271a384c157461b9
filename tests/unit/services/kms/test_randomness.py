"""GenerateRandom."""

from base64 import b64decode

import pytest

from harness.world import ALICE_ACCOUNT, World

BEGIN = "1 validation error detected: Value "


@pytest.mark.parametrize("count", [1, 2, 32, 1023, 1024])
def test_so_many_bytes_as_were_asked_for(world: World, count: int) -> None:
    """1 to 1,024 bytes, and nothing else is in the answer."""
    answer = world.call("GenerateRandom", {"NumberOfBytes": count})
    assert answer.keys() == {"Plaintext"}
    assert len(b64decode(answer["Plaintext"])) == count


def test_each_answer_is_new(world: World) -> None:
    """Two requests get different bytes."""
    first, second = (world.call("GenerateRandom", {"NumberOfBytes": 32})["Plaintext"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({}, "NumberOfBytes is required."),
        (
            {"NumberOfBytes": 1025},
            BEGIN + "'1025' at 'numberOfBytes' failed to satisfy constraint: "
            "Member must have value less than or equal to 1024",
        ),
        (
            {"NumberOfBytes": 0},
            BEGIN + "'0' at 'numberOfBytes' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
        ),
    ],
)
def test_other_numbers_are_refused(world: World, parameters: dict[str, int], text: str) -> None:
    """No number, none at all, and one too many are refused with AWS's texts."""
    assert world.refusal("GenerateRandom", parameters) == ("ValidationException", text)


def test_what_is_not_here_is_refused(world: World) -> None:
    """A custom key store is not found."""
    parameters = {"NumberOfBytes": 1, "CustomKeyStoreId": "cks-1234567890abcdef0"}
    assert world.refusal("GenerateRandom", parameters) == ("CustomKeyStoreNotFoundException", None)


def test_randomness_is_for_whom_iam_allows(world: World) -> None:
    """GenerateRandom is about no key: IAM alone decides."""
    world.strip_of_policies(ALICE_ACCOUNT)
    text = (
        f"User: arn:aws:iam::{ALICE_ACCOUNT}:user/admin is not authorized to perform: kms:GenerateRandom "
        "because no identity-based policy allows the kms:GenerateRandom action"
    )
    assert world.refusal("GenerateRandom", {"NumberOfBytes": 1}) == ("AccessDeniedException", text)

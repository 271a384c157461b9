"""GenerateDataKey, GenerateDataKeyWithoutPlaintext."""

from base64 import b64decode
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World

BOTH = ("GenerateDataKey", "GenerateDataKeyWithoutPlaintext")
LENGTH_TEXT = "Please specify either number of bytes or key spec."
DRY_RUN = ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")


def test_the_answers_have_exactly_their_members(world: World) -> None:
    """With plaintext and without, the answers are alike but for that; KeyId is the ARN."""
    key = world.make_key()
    answer = world.call("GenerateDataKey", {"KeyId": key["KeyId"], "KeySpec": "AES_256"})
    assert answer.keys() == {"CiphertextBlob", "Plaintext", "KeyId", "KeyMaterialId"}
    without = world.call("GenerateDataKeyWithoutPlaintext", {"KeyId": key["KeyId"], "KeySpec": "AES_256"})
    assert without.keys() == {"CiphertextBlob", "KeyId", "KeyMaterialId"}
    for found in (answer, without):
        assert (found["KeyId"], found["KeyMaterialId"]) == (key["Arn"], key["CurrentKeyMaterialId"])


@pytest.mark.parametrize("operation", BOTH)
@pytest.mark.parametrize(
    ("parameters", "length"),
    [
        ({"KeySpec": "AES_128"}, 16),
        ({"KeySpec": "AES_256"}, 32),
        ({"NumberOfBytes": 1}, 1),
        ({"NumberOfBytes": 64}, 64),
        ({"NumberOfBytes": 1024}, 1024),
    ],
)
def test_the_blob_opens_to_the_data_key(world: World, operation: str, parameters: dict[str, Any], length: int) -> None:
    """The data key has the length asked for, and Decrypt opens its blob under the same context alone."""
    key_id = world.make_key()["KeyId"]
    context = {"EncryptionContext": {"a": "b"}}
    answer = world.call(operation, {"KeyId": key_id, **parameters, **context})
    opened = world.call("Decrypt", {"CiphertextBlob": answer["CiphertextBlob"], **context})
    assert len(b64decode(opened["Plaintext"])) == length
    if "Plaintext" in answer:
        assert answer["Plaintext"] == opened["Plaintext"]
    refusal = world.refusal("Decrypt", {"CiphertextBlob": answer["CiphertextBlob"]})
    assert refusal == ("InvalidCiphertextException", None)


def test_each_data_key_is_new(world: World) -> None:
    """Two requests get different data keys."""
    parameters = {"KeyId": world.make_key()["KeyId"], "KeySpec": "AES_256"}
    first, second = (world.call("GenerateDataKey", parameters)["Plaintext"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("operation", BOTH)
@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({}, LENGTH_TEXT),
        ({"KeySpec": "AES_256", "NumberOfBytes": 32}, LENGTH_TEXT),
        (
            {"NumberOfBytes": 1025},
            (
                "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: "
                "Member must have value less than or equal to 1024"
            ),
        ),
        (
            {"NumberOfBytes": 0},
            (
                "1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint: "
                "Member must have value greater than or equal to 1"
            ),
        ),
    ],
)
def test_lengths_that_are_refused(world: World, operation: str, parameters: dict[str, Any], text: str) -> None:
    """The length is given exactly once, and is 1 to 1,024 bytes."""
    refusal = world.refusal(operation, {"KeyId": world.make_key()["KeyId"], **parameters})
    assert refusal == ("ValidationException", text)


@pytest.mark.parametrize("operation", BOTH)
def test_an_unknown_key_spec(world: World, operation: str) -> None:
    """A key spec outside the model's set is refused."""
    code, text = world.refusal(operation, {"KeyId": world.make_key()["KeyId"], "KeySpec": "AES_512"})
    assert code == "ValidationException"
    assert text is not None
    assert "Value 'AES_512' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [" in text


@pytest.mark.parametrize("operation", BOTH)
def test_keys_are_named_in_four_ways(world: World, operation: str) -> None:
    """Key ID, key ARN, alias name and alias ARN name the same key."""
    key = world.make_key()
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key["KeyId"]})
    for name in (key["KeyId"], key["Arn"], "alias/a", f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:alias/a"):
        assert world.call(operation, {"KeyId": name, "NumberOfBytes": 1})["KeyId"] == key["Arn"]


@pytest.mark.parametrize("operation", BOTH)
def test_dry_runs(world: World, operation: str) -> None:
    """A dry run fails with what the request would have come to, and makes nothing."""
    key = world.make_key()
    parameters = {"KeyId": key["Arn"], "KeySpec": "AES_128", "DryRun": True}
    assert world.refusal(operation, parameters) == DRY_RUN
    assert world.refusal(operation, parameters, by=BOB_ACCOUNT)[0] == "AccessDeniedException"
    assert world.refusal(operation, parameters | {"NumberOfBytes": 1}) == ("ValidationException", LENGTH_TEXT)
    world.call("DisableKey", {"KeyId": key["KeyId"]})
    assert world.refusal(operation, parameters) == ("DisabledException", f"{key['Arn']} is disabled.")

"""boto3: a KMS key used directly, Encrypt, Decrypt and ReEncrypt, and what never opens."""

from typing import Any, Final

import pytest

from harness.calls import error_of, fields, make_key, refusal, unchecked
from harness.server import ALICE_ACCOUNT, BOB_ACCOUNT, Server

OVERHEAD_BYTES: Final = 110
INVALID: Final = ("InvalidCiphertextException", "")
"""Whatever is wrong with a blob or its encryption context: one error without a text."""
INCORRECT_KEY: Final = (
    "IncorrectKeyException",
    "The key ID in the request does not identify a CMK that can perform this operation.",
)
CIPHERTEXT_TEXT: Final = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this region, "
    "or you are not allowed to access."
)


@pytest.fixture(scope="module")
def key(alice: Any) -> dict[str, Any]:
    """A KMS key that stays Enabled; it has the alias `alias/encryption`."""
    metadata = make_key(alice)
    alice.create_alias(AliasName="alias/encryption", TargetKeyId=metadata["KeyId"])
    return metadata


@pytest.fixture(scope="module")
def other(alice: Any) -> dict[str, Any]:
    """Another KMS key of the same account."""
    return make_key(alice)


def encrypted(kms: Any, key: dict[str, Any], plaintext: bytes = b"attack at dawn", **parameters: Any) -> bytes:
    """A ciphertext blob."""
    blob: bytes = kms.encrypt(KeyId=key["KeyId"], Plaintext=plaintext, **parameters)["CiphertextBlob"]
    return blob


@pytest.mark.parametrize("plaintext", [b"\0", b"attack at dawn", bytes(range(256)) * 16], ids=["1", "14", "4096"])
def test_what_is_encrypted_is_decrypted(alice: Any, key: dict[str, Any], plaintext: bytes) -> None:
    """1 to 4,096 bytes, and the answers have AWS's fields, no more and no fewer."""
    encrypted = fields(alice.encrypt(KeyId=key["KeyId"], Plaintext=plaintext))
    blob = encrypted["CiphertextBlob"]
    assert encrypted == {"CiphertextBlob": blob, "KeyId": key["Arn"], "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    assert len(blob) == len(plaintext) + OVERHEAD_BYTES
    assert fields(alice.decrypt(CiphertextBlob=blob)) == {
        "KeyId": key["Arn"],
        "Plaintext": plaintext,
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "KeyMaterialId": key["CurrentKeyMaterialId"],
    }


def test_the_limits_of_a_plaintext_and_of_a_blob(alice: Any, key: dict[str, Any]) -> None:
    """Neither empty nor longer than 4,096 and 6,144 bytes; the value is not shown."""
    text = "1 validation error detected: Value at '{}' failed to satisfy constraint: Member must have length {}"
    assert refusal(alice.encrypt, KeyId=key["KeyId"], Plaintext=b"") == (
        "ValidationException",
        text.format("plaintext", "greater than or equal to 1"),
    )
    assert refusal(alice.encrypt, KeyId=key["KeyId"], Plaintext=b"p" * 4_097) == (
        "ValidationException",
        text.format("plaintext", "less than or equal to 4096"),
    )
    assert refusal(alice.decrypt, CiphertextBlob=b"") == (
        "ValidationException",
        text.format("ciphertextBlob", "greater than or equal to 1"),
    )
    assert refusal(alice.decrypt, CiphertextBlob=b"c" * 6_145) == (
        "ValidationException",
        text.format("ciphertextBlob", "less than or equal to 6144"),
    )


def test_two_blobs_of_one_plaintext_differ(alice: Any, key: dict[str, Any]) -> None:
    """From the first random byte on; what names the key material is the same."""
    first, second = encrypted(alice, key), encrypted(alice, key)
    assert first[:34] == second[:34]
    assert all(first[start : start + 8] != second[start : start + 8] for start in range(34, len(first) - 8))


def test_a_key_encrypts_and_decrypts_by_all_of_its_names(alice: Any, key: dict[str, Any]) -> None:
    """The answer names it by its ARN."""
    alias_arn = f"arn:aws:kms:us-east-1:{ALICE_ACCOUNT}:alias/encryption"
    for name in (key["KeyId"], key["Arn"], "alias/encryption", alias_arn):
        answer = alice.encrypt(KeyId=name, Plaintext=b"x", EncryptionAlgorithm="SYMMETRIC_DEFAULT")
        assert answer["KeyId"] == key["Arn"]
        opened = alice.decrypt(
            KeyId=name, CiphertextBlob=answer["CiphertextBlob"], EncryptionAlgorithm="SYMMETRIC_DEFAULT"
        )
        assert (opened["KeyId"], opened["Plaintext"]) == (key["Arn"], b"x")


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"purpose": "test"},
        {"aws:x-amz-cek-alg": "AES/GCM/NoPadding"},
        {"*aws-kms-table*": "orders", "*keys*": "1,2"},
        {"é": "\u2603 \U0001f511", "empty": "", "": "no name", "new\nline": "\t"},
        {f"name {number}": "v" * 200 for number in range(40)},
    ],
    ids=["none", "one", "S3", "DynamoDB", "characters", "long"],
)
def test_an_encryption_context_comes_back_as_it_was_given(
    alice: Any, key: dict[str, Any], context: dict[str, str]
) -> None:
    """Whatever clients put into it; the order of its pairs does not count. Empty grant tokens are none."""
    blob = encrypted(alice, key, EncryptionContext=context, GrantTokens=[])
    turned = dict(reversed(context.items()))
    opened = alice.decrypt(CiphertextBlob=blob, EncryptionContext=turned, GrantTokens=[])
    assert opened["Plaintext"] == b"attack at dawn"
    assert refusal(alice.decrypt, CiphertextBlob=blob, EncryptionContext={**context, "further": ""}) == INVALID


def test_no_encryption_context_is_an_empty_one(alice: Any, key: dict[str, Any]) -> None:
    """Some clients send `{}`, others nothing."""
    assert alice.decrypt(CiphertextBlob=encrypted(alice, key), EncryptionContext={})["Plaintext"] == b"attack at dawn"
    blob = encrypted(alice, key, EncryptionContext={})
    assert alice.decrypt(CiphertextBlob=blob)["Plaintext"] == b"attack at dawn"


@pytest.mark.parametrize(
    ("given", "other_context"),
    [
        ({"a": "bc"}, {"ab": "c"}),
        ({"a": "b"}, {"a": "B"}),
        ({"a": "b"}, {"A": "b"}),
        ({"a": "b"}, {"b": "a"}),
        ({"a": "b", "c": "d"}, {"a": "b"}),
        ({"a": "b", "c": "d"}, {"a": "d", "c": "b"}),
        ({"a": "b"}, {}),
        ({}, {"a": "b"}),
        ({"a": ""}, {"": "a"}),
        ({"a": "b "}, {"a": "b"}),
        ({"e": "\u00e9"}, {"e": "e\u0301"}),
    ],
)
def test_another_encryption_context_does_not_open(
    alice: Any, key: dict[str, Any], given: dict[str, str], other_context: dict[str, str]
) -> None:
    """Not even one that runs together to the same letters; and not the other way round either."""
    for one, two in ((given, other_context), (other_context, given)):
        blob = encrypted(alice, key, EncryptionContext=one)
        assert refusal(alice.decrypt, CiphertextBlob=blob, EncryptionContext=two) == INVALID
        assert refusal(alice.decrypt, KeyId=key["KeyId"], CiphertextBlob=blob, EncryptionContext=two) == INVALID


@pytest.mark.parametrize("difference", [0x01, 0x80, 0xFF])
def test_a_blob_with_one_byte_changed_does_not_open(alice: Any, key: dict[str, Any], difference: int) -> None:
    """Whichever byte of it: one error without a text, header and body alike."""
    blob = encrypted(alice, key, b"x")
    for position in range(len(blob)):
        changed = bytearray(blob)
        changed[position] ^= difference
        assert refusal(alice.decrypt, CiphertextBlob=bytes(changed)) == INVALID, position


def test_a_blob_that_is_cut_or_longer_does_not_open(alice: Any, key: dict[str, Any], other: dict[str, Any]) -> None:
    """Nor one put together of two, nor anything else that never was one."""
    blob, second = encrypted(alice, key), encrypted(alice, key)
    foreign = encrypted(alice, other)
    for wrong in (
        *(blob[:length] for length in (1, 33, 34, 109, 110, len(blob) - 1)),
        blob[1:],
        blob + b"\0",
        blob + second,
        blob[:34] + second[34:50] + blob[50:],
        blob[:34] + foreign[34:],
        b"attack at dawn",
        bytes(6_144),
    ):
        assert refusal(alice.decrypt, CiphertextBlob=wrong) == INVALID
        assert refusal(alice.re_encrypt, CiphertextBlob=wrong, DestinationKeyId=key["KeyId"]) == INVALID


def test_a_key_that_did_not_make_the_blob(alice: Any, key: dict[str, Any], other: dict[str, Any]) -> None:
    """Is called the wrong one, by any of its names, also for another encryption context."""
    blob = encrypted(alice, other, EncryptionContext={"a": "b"})
    for name in (key["KeyId"], key["Arn"], "alias/encryption"):
        for context in ({"a": "b"}, {}):
            assert refusal(alice.decrypt, KeyId=name, CiphertextBlob=blob, EncryptionContext=context) == INCORRECT_KEY
        assert (
            refusal(
                alice.re_encrypt,
                SourceKeyId=name,
                CiphertextBlob=blob,
                DestinationKeyId=key["KeyId"],
                SourceEncryptionContext={"a": "b"},
            )
            == INCORRECT_KEY
        )


def test_another_algorithm_is_not_this_keys(alice: Any, key: dict[str, Any]) -> None:
    """A symmetric key has one encryption algorithm."""
    expected = (
        "InvalidKeyUsageException",
        "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.",
    )
    blob = encrypted(alice, key)
    algorithm = "RSAES_OAEP_SHA_256"
    assert refusal(alice.encrypt, KeyId=key["KeyId"], Plaintext=b"x", EncryptionAlgorithm=algorithm) == expected
    assert refusal(alice.decrypt, KeyId=key["KeyId"], CiphertextBlob=blob, EncryptionAlgorithm=algorithm) == expected


def test_another_account_cannot_decrypt(server: Server, bob: Any, alice: Any, key: dict[str, Any]) -> None:
    """Without KeyId it does not learn whose the key is, nor that there is one."""
    blob = encrypted(alice, key)
    assert refusal(bob.decrypt, CiphertextBlob=blob) == ("AccessDeniedException", CIPHERTEXT_TEXT)
    assert refusal(bob.re_encrypt, CiphertextBlob=blob, DestinationKeyId=make_key(bob)["KeyId"]) == (
        "AccessDeniedException",
        CIPHERTEXT_TEXT,
    )
    code, text = refusal(bob.decrypt, KeyId=key["Arn"], CiphertextBlob=blob)
    assert code == "AccessDeniedException"
    assert text.startswith(f"User: arn:aws:iam::{BOB_ACCOUNT}:user/admin is not authorized to perform: kms:Decrypt on")
    root = unchecked(server, "Decrypt", {"CiphertextBlob": "AAAA"}, profile=f"{BOB_ACCOUNT}-root")
    assert error_of(root) == {"__type": "InvalidCiphertextException"}


def test_re_encrypt_moves_a_blob_to_another_key(alice: Any, key: dict[str, Any], other: dict[str, Any]) -> None:
    """The plaintext stays inside; the answer has AWS's fields, no more and no fewer."""
    blob = encrypted(alice, key, EncryptionContext={"from": "here"})
    for parameters in ({}, {"SourceKeyId": "alias/encryption", "SourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT"}):
        moved = fields(
            alice.re_encrypt(
                CiphertextBlob=blob,
                SourceEncryptionContext={"from": "here"},
                DestinationKeyId=other["KeyId"],
                DestinationEncryptionContext={"to": "there"},
                GrantTokens=[],
                **parameters,
            )
        )
        assert moved == {
            "CiphertextBlob": moved["CiphertextBlob"],
            "SourceKeyId": key["Arn"],
            "KeyId": other["Arn"],
            "SourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "DestinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "SourceKeyMaterialId": key["CurrentKeyMaterialId"],
            "DestinationKeyMaterialId": other["CurrentKeyMaterialId"],
        }
        opened = alice.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"to": "there"})
        assert (opened["Plaintext"], opened["KeyId"]) == (b"attack at dawn", other["Arn"])
        assert refusal(alice.decrypt, CiphertextBlob=moved["CiphertextBlob"]) == INVALID


def test_re_encrypt_may_change_the_encryption_context_alone(alice: Any, key: dict[str, Any]) -> None:
    """Source and destination may be the same key."""
    blob = encrypted(alice, key)
    moved = alice.re_encrypt(
        CiphertextBlob=blob, DestinationKeyId="alias/encryption", DestinationEncryptionContext={"a": "b"}
    )["CiphertextBlob"]
    assert alice.decrypt(CiphertextBlob=moved, EncryptionContext={"a": "b"})["Plaintext"] == b"attack at dawn"
    assert alice.decrypt(CiphertextBlob=blob)["Plaintext"] == b"attack at dawn"


def test_re_encrypt_needs_the_right_encryption_context_and_both_keys(alice: Any, bob: Any, key: dict[str, Any]) -> None:
    """A destination of another account needs permission there; a wrong context of the source is invalid."""
    blob = encrypted(alice, key, EncryptionContext={"a": "b"})
    assert refusal(alice.re_encrypt, CiphertextBlob=blob, DestinationKeyId=key["KeyId"]) == INVALID
    foreign = make_key(bob)["Arn"]
    code, text = refusal(
        alice.re_encrypt, CiphertextBlob=blob, SourceEncryptionContext={"a": "b"}, DestinationKeyId=foreign
    )
    assert code == "AccessDeniedException"
    assert f"is not authorized to perform: kms:ReEncryptTo on resource: {foreign} because" in text


def test_manual_rotation_keeps_old_blobs_open(alice: Any) -> None:
    """An alias is pointed to a new key; what the old one encrypted decrypts, without KeyId or with the old one."""
    old, new = make_key(alice), make_key(alice)
    alice.create_alias(AliasName="alias/rotated-by-hand", TargetKeyId=old["KeyId"])
    blob = alice.encrypt(KeyId="alias/rotated-by-hand", Plaintext=b"x")["CiphertextBlob"]
    alice.update_alias(AliasName="alias/rotated-by-hand", TargetKeyId=new["KeyId"])
    assert alice.encrypt(KeyId="alias/rotated-by-hand", Plaintext=b"x")["KeyId"] == new["Arn"]
    assert alice.decrypt(CiphertextBlob=blob)["KeyId"] == old["Arn"]
    assert alice.decrypt(CiphertextBlob=blob, KeyId=old["Arn"])["Plaintext"] == b"x"
    assert refusal(alice.decrypt, CiphertextBlob=blob, KeyId="alias/rotated-by-hand") == INCORRECT_KEY

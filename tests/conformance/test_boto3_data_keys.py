"""boto3: data keys, random bytes, and dry runs of all cryptographic operations."""

from typing import Any, Final

import pytest

from harness.calls import fields, make_key, refusal

OVERHEAD_BYTES: Final = 110
DRY_RUN: Final = ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
INVALID: Final = ("InvalidCiphertextException", "")

LENGTHS: Final[list[tuple[dict[str, Any], int]]] = [
    ({"KeySpec": "AES_128"}, 16),
    ({"KeySpec": "AES_256"}, 32),
    ({"NumberOfBytes": 1}, 1),
    ({"NumberOfBytes": 64}, 64),
    ({"NumberOfBytes": 1_024}, 1_024),
]


@pytest.fixture(scope="module")
def key(alice: Any) -> dict[str, Any]:
    """A KMS key that stays Enabled; it has the alias `alias/data-keys`."""
    metadata = make_key(alice)
    alice.create_alias(AliasName="alias/data-keys", TargetKeyId=metadata["KeyId"])
    return metadata


@pytest.mark.parametrize(("parameters", "length"), LENGTHS)
def test_a_data_key_opens_again(alice: Any, key: dict[str, Any], parameters: dict[str, Any], length: int) -> None:
    """In the clear and encrypted, with exactly AWS's fields; another encryption context does not open it."""
    answer = fields(
        alice.generate_data_key(KeyId="alias/data-keys", EncryptionContext={"a": "bc"}, GrantTokens=[], **parameters)
    )
    blob, plaintext = answer["CiphertextBlob"], answer["Plaintext"]
    assert answer == {
        "CiphertextBlob": blob,
        "Plaintext": plaintext,
        "KeyId": key["Arn"],
        "KeyMaterialId": key["CurrentKeyMaterialId"],
    }
    assert (len(plaintext), len(blob)) == (length, length + OVERHEAD_BYTES)
    assert alice.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "bc"})["Plaintext"] == plaintext
    assert refusal(alice.decrypt, CiphertextBlob=blob, EncryptionContext={"ab": "c"}) == INVALID


@pytest.mark.parametrize(("parameters", "length"), LENGTHS)
def test_a_data_key_without_its_plaintext(
    alice: Any, key: dict[str, Any], parameters: dict[str, Any], length: int
) -> None:
    """The same answer less the data key, which Decrypt gives when it is needed."""
    answer = fields(alice.generate_data_key_without_plaintext(KeyId=key["Arn"], **parameters))
    blob = answer["CiphertextBlob"]
    assert answer == {"CiphertextBlob": blob, "KeyId": key["Arn"], "KeyMaterialId": key["CurrentKeyMaterialId"]}
    assert len(alice.decrypt(CiphertextBlob=blob, KeyId=key["KeyId"])["Plaintext"]) == length


@pytest.mark.parametrize("name", ["generate_data_key", "generate_data_key_without_plaintext"])
def test_the_length_of_a_data_key_is_given_once(alice: Any, key: dict[str, Any], name: str) -> None:
    """By key spec or in bytes, 1 to 1,024 of them."""
    call = getattr(alice, name)
    once = ("ValidationException", "Please specify either number of bytes or key spec.")
    assert refusal(call, KeyId=key["KeyId"]) == once
    assert refusal(call, KeyId=key["KeyId"], KeySpec="AES_256", NumberOfBytes=32) == once
    assert refusal(call, KeyId=key["KeyId"], NumberOfBytes=1_025) == (
        "ValidationException",
        (
            "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: "
            "Member must have value less than or equal to 1024"
        ),
    )
    assert refusal(call, KeyId=key["KeyId"], KeySpec="AES_192") == (
        "ValidationException",
        (
            "1 validation error detected: Value 'AES_192' at 'keySpec' failed to satisfy constraint: "
            "Member must satisfy enum value set: [AES_256, AES_128]"
        ),
    )


def test_data_keys_never_repeat(alice: Any, key: dict[str, Any]) -> None:
    """Nor do random bytes."""
    plaintexts = [alice.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_128")["Plaintext"] for _ in range(50)]
    randoms = [alice.generate_random(NumberOfBytes=16)["Plaintext"] for _ in range(50)]
    assert len({*plaintexts, *randoms}) == 100


@pytest.mark.parametrize("number", [1, 32, 1_024])
def test_random_bytes(alice: Any, number: int) -> None:
    """As many as were asked for, and nothing beside them."""
    answer = fields(alice.generate_random(NumberOfBytes=number))
    assert answer.keys() == {"Plaintext"}
    assert len(answer["Plaintext"]) == number


def test_how_many_random_bytes_there_are(alice: Any) -> None:
    """1 to 1,024; the number must be given; a custom key store must exist."""
    assert refusal(alice.generate_random) == ("ValidationException", "NumberOfBytes is required.")
    assert refusal(alice.generate_random, NumberOfBytes=1_025) == (
        "ValidationException",
        (
            "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: "
            "Member must have value less than or equal to 1024"
        ),
    )
    assert refusal(alice.generate_random, NumberOfBytes=1, CustomKeyStoreId="cks-1234567890abcdef0") == (
        "CustomKeyStoreNotFoundException",
        "",
    )


def dry_runs(alice: Any, key_id: str, blob: bytes) -> list[tuple[Any, dict[str, Any]]]:
    """Each operation that knows DryRun, with parameters of its own."""
    return [
        (alice.encrypt, {"KeyId": key_id, "Plaintext": b"x"}),
        (alice.decrypt, {"CiphertextBlob": blob}),
        (alice.decrypt, {"CiphertextBlob": blob, "KeyId": key_id}),
        (alice.re_encrypt, {"CiphertextBlob": blob, "DestinationKeyId": key_id}),
        (alice.generate_data_key, {"KeyId": key_id, "KeySpec": "AES_256"}),
        (alice.generate_data_key_without_plaintext, {"KeyId": key_id, "KeySpec": "AES_256"}),
    ]


def test_a_dry_run_says_that_it_would_have_succeeded(alice: Any, key: dict[str, Any]) -> None:
    """With an error, so that nobody takes it for the answer; without DryRun the same request succeeds."""
    blob = alice.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    for call, parameters in dry_runs(alice, key["KeyId"], blob):
        assert refusal(call, **parameters, DryRun=True) == DRY_RUN
        assert fields(call(**parameters, DryRun=False))


def test_a_dry_run_comes_after_all_other_checks(alice: Any, key: dict[str, Any]) -> None:
    """What would have failed fails as it would have."""
    disabled = make_key(alice)
    blob = alice.encrypt(KeyId=disabled["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    alice.disable_key(KeyId=disabled["KeyId"])
    for call, parameters in dry_runs(alice, disabled["KeyId"], blob):
        assert refusal(call, **parameters, DryRun=True) == ("DisabledException", f"{disabled['Arn']} is disabled.")
    good = alice.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    assert refusal(alice.decrypt, CiphertextBlob=good, EncryptionContext={"a": "b"}, DryRun=True) == INVALID
    assert refusal(alice.decrypt, CiphertextBlob=good[:-1], DryRun=True) == INVALID


def test_a_dry_run_may_be_about_the_permission_alone(alice: Any, key: dict[str, Any]) -> None:
    """With IGNORE_CIPHERTEXT the key is named and no blob is needed; any other request needs its blob."""
    ignoring = {"DryRun": True, "DryRunModifiers": ["IGNORE_CIPHERTEXT"]}
    key_id = key["KeyId"]
    assert refusal(alice.decrypt, KeyId=key_id, **ignoring) == DRY_RUN
    assert refusal(alice.decrypt, KeyId=key_id, CiphertextBlob=b"whatever", **ignoring) == DRY_RUN
    assert refusal(alice.re_encrypt, SourceKeyId=key_id, DestinationKeyId=key_id, **ignoring) == DRY_RUN
    assert refusal(alice.decrypt, **ignoring)[0] == "ValidationException"
    missing = (
        "ValidationException",
        (
            "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: "
            "Member must not be null"
        ),
    )
    assert refusal(alice.decrypt, KeyId=key_id) == missing
    assert refusal(alice.decrypt, KeyId=key_id, DryRun=True) == missing
    assert refusal(alice.re_encrypt, DestinationKeyId=key_id) == missing

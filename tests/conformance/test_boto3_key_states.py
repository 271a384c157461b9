"""boto3: what each key state lets through, held against AWS's table.

Source: KMS developer guide, "Key states of AWS KMS keys".
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import pytest

from harness.calls import fields, make_key, refusal

DISABLED: Final = ("DisabledException", "{arn} is disabled.")
DELETING: Final = ("KMSInvalidStateException", "{arn} is pending deletion.")
NOT_DELETING: Final = ("KMSInvalidStateException", "{arn} is not pending deletion.")

Refusal = tuple[str, str]


class Subject(NamedTuple):
    """A KMS key, with a blob that it made and two aliases: one of its own, one of another key."""

    key_id: str
    arn: str
    blob: bytes
    alias: str
    other_alias: str
    other_key_id: str


class Row(NamedTuple):
    """An operation, and how a key that is Disabled or PendingDeletion answers it; None: as one that is Enabled does."""

    name: str
    parameters: Callable[[Subject], dict[str, Any]]
    disabled: Refusal | None
    deleting: Refusal | None
    enabled: Refusal | None = None


def key_alone(subject: Subject) -> dict[str, Any]:
    """The parameters of an operation on a key and nothing else."""
    return {"KeyId": subject.key_id}


USE: Final = [
    Row("encrypt", lambda s: {"KeyId": s.key_id, "Plaintext": b"x"}, DISABLED, DELETING),
    Row("decrypt", lambda s: {"CiphertextBlob": s.blob}, DISABLED, DELETING),
    Row("re_encrypt", lambda s: {"CiphertextBlob": s.blob, "DestinationKeyId": s.other_key_id}, DISABLED, DELETING),
    Row("generate_data_key", lambda s: {"KeyId": s.key_id, "KeySpec": "AES_256"}, DISABLED, DELETING),
    Row(
        "generate_data_key_without_plaintext",
        lambda s: {"KeyId": s.key_id, "KeySpec": "AES_256"},
        DISABLED,
        DELETING,
    ),
]
CHANGE: Final = [
    Row("create_alias", lambda s: {"AliasName": f"{s.alias}-new", "TargetKeyId": s.key_id}, None, DELETING),
    Row("update_alias", lambda s: {"AliasName": s.other_alias, "TargetKeyId": s.key_id}, None, DELETING),
    Row("tag_resource", lambda s: {"KeyId": s.key_id, "Tags": [{"TagKey": "a", "TagValue": "b"}]}, None, DELETING),
    Row("untag_resource", lambda s: {"KeyId": s.key_id, "TagKeys": ["a"]}, None, DELETING),
    Row("update_key_description", lambda s: {"KeyId": s.key_id, "Description": "new"}, None, DELETING),
    Row("schedule_key_deletion", key_alone, None, DELETING),
    Row("enable_key", key_alone, None, DELETING),
    Row("disable_key", key_alone, None, DELETING),
    Row("cancel_key_deletion", key_alone, NOT_DELETING, None, enabled=NOT_DELETING),
]
READ: Final = [
    Row("describe_key", key_alone, None, None),
    Row("get_key_policy", key_alone, None, None),
    Row(
        "put_key_policy",
        lambda s: {
            "KeyId": s.key_id,
            "Policy": '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}}',
        },
        None,
        None,
    ),
    Row("list_key_policies", key_alone, None, None),
    Row("list_aliases", key_alone, None, None),
    Row("list_resource_tags", key_alone, None, None),
    Row("delete_alias", lambda s: {"AliasName": s.alias}, None, None),
    # The old target may be in any state, the new one is Enabled here.
    Row("update_alias", lambda s: {"AliasName": s.alias, "TargetKeyId": s.other_key_id}, None, None),
]


@pytest.fixture
def subject(alice: Any) -> Subject:
    """One for this test, Enabled."""
    key, other = make_key(alice), make_key(alice)
    alias, other_alias = f"alias/states/{key['KeyId']}", f"alias/states/{other['KeyId']}"
    alice.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    alice.create_alias(AliasName=other_alias, TargetKeyId=other["KeyId"])
    blob = alice.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    return Subject(key["KeyId"], key["Arn"], blob, alias, other_alias, other["KeyId"])


def check(kms: Any, row: Row, subject: Subject, expected: Refusal | None) -> None:
    """The operation is refused with this code and text, or succeeds."""
    call, parameters = getattr(kms, row.name), row.parameters(subject)
    if expected is None:
        fields(call(**parameters))
    else:
        code, text = expected
        assert refusal(call, **parameters) == (code, text.format(arn=subject.arn))


@pytest.mark.parametrize("row", [*USE, *CHANGE, *READ], ids=lambda row: row.name)
def test_an_enabled_key(alice: Any, subject: Subject, row: Row) -> None:
    """Takes everything but CancelKeyDeletion."""
    check(alice, row, subject, row.enabled)


@pytest.mark.parametrize("row", [*USE, *CHANGE, *READ], ids=lambda row: row.name)
def test_a_disabled_key(alice: Any, subject: Subject, row: Row) -> None:
    """Is managed but not used."""
    alice.disable_key(KeyId=subject.key_id)
    check(alice, row, subject, row.disabled)


@pytest.mark.parametrize("row", [*USE, *CHANGE, *READ], ids=lambda row: row.name)
def test_a_key_that_is_pending_deletion(alice: Any, subject: Subject, row: Row) -> None:
    """Is neither used nor changed, but for what lets go of it."""
    alice.schedule_key_deletion(KeyId=subject.key_id)
    check(alice, row, subject, row.deleting)


@pytest.mark.parametrize(("state", "expected"), [("disable_key", DISABLED), ("schedule_key_deletion", DELETING)])
def test_both_keys_of_re_encrypt_count(alice: Any, subject: Subject, state: str, expected: Refusal) -> None:
    """The destination's state too."""
    blob = alice.encrypt(KeyId=subject.other_key_id, Plaintext=b"x")["CiphertextBlob"]
    getattr(alice, state)(KeyId=subject.key_id)
    code, text = expected
    assert refusal(alice.re_encrypt, CiphertextBlob=blob, DestinationKeyId=subject.key_id) == (
        code,
        text.format(arn=subject.arn),
    )


def test_what_a_key_encrypted_decrypts_when_it_is_enabled_again(alice: Any, subject: Subject) -> None:
    """Neither Disabled nor PendingDeletion loses anything."""
    alice.disable_key(KeyId=subject.key_id)
    alice.schedule_key_deletion(KeyId=subject.key_id)
    alice.cancel_key_deletion(KeyId=subject.key_id)
    assert refusal(alice.decrypt, CiphertextBlob=subject.blob) == (DISABLED[0], DISABLED[1].format(arn=subject.arn))
    alice.enable_key(KeyId=subject.key_id)
    assert alice.decrypt(CiphertextBlob=subject.blob)["Plaintext"] == b"x"


def test_the_ciphertext_is_looked_at_after_the_state(alice: Any, subject: Subject) -> None:
    """A disabled key says so, also for a blob that it could not open or that another key made."""
    alice.disable_key(KeyId=subject.key_id)
    expected = (DISABLED[0], DISABLED[1].format(arn=subject.arn))
    for blob in (subject.blob[:-1], b"no blob at all"):
        assert refusal(alice.decrypt, KeyId=subject.key_id, CiphertextBlob=blob) == expected
    assert refusal(alice.decrypt, CiphertextBlob=subject.blob, EncryptionContext={"a": "b"}) == expected

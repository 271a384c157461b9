"""boto3: the life of a KMS key, how it is named, and which names are refused."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from harness.calls import error_of, fields, make_key, refusal, unchecked
from harness.server import ALICE_ACCOUNT, BOB_ACCOUNT, Server

UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MATERIAL_ID: Final = re.compile(r"[0-9a-f]{64}")
NOWHERE: Final = "00000000-0000-4000-8000-000000000000"

# Nothing else in this folder makes keys in this Region, so that they can be counted.
COUNTED_REGION: Final = "ap-northeast-1"

FOREIGN: Final = (
    f"User: arn:aws:iam::{BOB_ACCOUNT}:user/admin is not authorized to perform: kms:{{operation}} on resource: {{arn}} "
    "because the resource does not exist in this Region, no resource-based policies allow access, "
    "or a resource-based policy explicitly denies access"
)

POLICY: Final = '{"Version": "2012-10-17", "Statement": []}'
OWN_POLICY: Final = (
    f'{{"Statement": [{{"Effect": "Allow", "Principal": {{"AWS": "{ALICE_ACCOUNT}"}},'
    ' "Action": "kms:*", "Resource": "*"}]}'
)


@pytest.fixture(scope="module")
def counted(server: Server) -> Iterator[Any]:
    """A client in the Region where only this file makes keys."""
    with closing(server.client(region=COUNTED_REGION)) as client:
        yield client


def described(kms: Any, key_id: str) -> dict[str, Any]:
    """The KeyMetadata of a KMS key."""
    answer = fields(kms.describe_key(KeyId=key_id))
    assert answer.keys() == {"KeyMetadata"}
    metadata: dict[str, Any] = answer["KeyMetadata"]
    return metadata


def is_now(moment: datetime) -> bool:
    """Whether this was within the last minute."""
    return timedelta() <= datetime.now(tz=UTC) - moment < timedelta(minutes=1)


def test_a_new_key_has_exactly_the_metadata_of_a_symmetric_key(alice: Any) -> None:
    """CreateKey without parameters: AWS's defaults, and no field more; DescribeKey says the same."""
    answer = fields(alice.create_key())
    assert answer.keys() == {"KeyMetadata"}
    metadata = answer["KeyMetadata"]
    key_id = metadata["KeyId"]
    assert UUID.fullmatch(key_id)
    assert MATERIAL_ID.fullmatch(metadata["CurrentKeyMaterialId"])
    assert is_now(metadata["CreationDate"])
    assert metadata == {
        "AWSAccountId": ALICE_ACCOUNT,
        "KeyId": key_id,
        "Arn": f"arn:aws:kms:us-east-1:{ALICE_ACCOUNT}:key/{key_id}",
        "CreationDate": metadata["CreationDate"],
        "Enabled": True,
        "Description": "",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
        "CurrentKeyMaterialId": metadata["CurrentKeyMaterialId"],
    }
    assert described(alice, key_id) == metadata


def test_a_new_key_takes_description_tags_and_policy(alice: Any) -> None:
    """All that CreateKey takes for a symmetric key, each default spelled out."""
    policy = OWN_POLICY
    metadata = make_key(
        alice,
        Description="é" * 8_192,
        KeyUsage="ENCRYPT_DECRYPT",
        CustomerMasterKeySpec="SYMMETRIC_DEFAULT",
        Origin="AWS_KMS",
        MultiRegion=False,
        BypassPolicyLockoutSafetyCheck=False,
        Policy=policy,
        Tags=[{"TagKey": "team", "TagValue": "red"}, {"TagKey": "empty", "TagValue": ""}],
    )
    assert metadata["Description"] == "é" * 8_192
    assert alice.get_key_policy(KeyId=metadata["KeyId"])["Policy"] == policy
    assert alice.list_resource_tags(KeyId=metadata["KeyId"])["Tags"] == [
        {"TagKey": "team", "TagValue": "red"},
        {"TagKey": "empty", "TagValue": ""},
    ]


@pytest.mark.parametrize(
    ("parameters", "code", "text"),
    [
        (
            {"KeySpec": "RSA_2048"},
            "ValidationException",
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
        ),
        (
            {"KeySpec": "RSA_2048", "KeyUsage": "GENERATE_VERIFY_MAC"},
            "ValidationException",
            "KeyUsage GENERATE_VERIFY_MAC is not compatible with KeySpec RSA_2048",
        ),
        (
            {"KeyUsage": "SIGN_VERIFY"},
            "ValidationException",
            "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT",
        ),
        (
            {"KeySpec": "SYMMETRIC_DEFAULT", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT"},
            "ValidationException",
            (
                "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
                "CustomerMasterKeySpec is deprecated."
            ),
        ),
        (
            {"KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "SM2"},
            "UnsupportedOperationException",
            "KeySpec SM2 is not supported in this Region",
        ),
        ({"Origin": "AWS_CLOUDHSM"}, "UnsupportedOperationException", "Origin AWS_CLOUDHSM is not supported yet."),
        (
            {"Description": "d" * 8_193},
            "ValidationException",
            (
                f"1 validation error detected: Value '{'d' * 8_193}' at 'description' failed to satisfy constraint: "
                "Member must have length less than or equal to 8192"
            ),
        ),
        (
            {"Origin": "MOON", "CustomKeyStoreId": ""},
            "ValidationException",
            (
                "2 validation errors detected: Value 'MOON' at 'origin' failed to satisfy constraint: "
                "Member must satisfy enum value set: [AWS_KMS, EXTERNAL, AWS_CLOUDHSM, EXTERNAL_KEY_STORE]; "
                "Value '' at 'customKeyStoreId' failed to satisfy constraint: "
                "Member must have length greater than or equal to 1"
            ),
        ),
        ({"Policy": POLICY}, "MalformedPolicyDocumentException", "The policy has no Statement."),
        ({"Tags": [{"TagKey": "AWS:x", "TagValue": ""}]}, "TagException", "Tags beginning with aws: are reserved"),
        ({"Tags": [{"TagKey": "a", "TagValue": "b"}] * 2}, "TagException", "Duplicate tag keys"),
    ],
)
def test_what_create_key_refuses(server: Server, parameters: dict[str, Any], code: str, text: str) -> None:
    """With AWS's code and words."""
    answer = unchecked(server, "CreateKey", parameters)
    assert error_of(answer) == {"__type": code, "message": text}


def test_a_key_that_is_refused_is_not_made(server: Server, counted: Any) -> None:
    """A request that fails leaves nothing behind."""
    before = counted.list_keys()["Keys"]
    assert refusal(counted.create_key, Policy="no policy")[0] == "MalformedPolicyDocumentException"
    assert refusal(counted.create_key, Tags=[{"TagKey": f"{n}", "TagValue": ""} for n in range(51)]) == (
        "TagException",
        "Too many tags",
    )
    assert unchecked(server, "CreateKey", {"KeySpec": "AES"}, region=COUNTED_REGION).status == 400
    assert counted.list_keys()["Keys"] == before


def test_a_listing_of_keys_goes_page_by_page(counted: Any) -> None:
    """Each key once, by its ID and its ARN, whatever its state; a marker is there as long as there is more."""
    made = sorted(make_key(counted)["KeyId"] for _ in range(5))
    counted.disable_key(KeyId=made[0])
    counted.schedule_key_deletion(KeyId=made[1])
    keys = [
        {"KeyId": key_id, "KeyArn": f"arn:aws:kms:{COUNTED_REGION}:{ALICE_ACCOUNT}:key/{key_id}"} for key_id in made
    ]
    pages = [fields(page) for page in counted.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2})]
    assert [page["Keys"] for page in pages] == [keys[:2], keys[2:4], keys[4:]]
    assert [page["Truncated"] for page in pages] == [True, True, False]
    assert [page.keys() for page in pages] == [{"Keys", "NextMarker", "Truncated"}] * 2 + [{"Keys", "Truncated"}]
    assert fields(counted.list_keys()) == {"Keys": keys, "Truncated": False}
    assert fields(counted.list_keys(Limit=5)) == {"Keys": keys, "Truncated": False}


def test_a_marker_counts_where_it_was_issued_only(server: Server, counted: Any, alice: Any, bob: Any) -> None:
    """Not in another listing, Region or account, and not if it was made up."""
    make_key(counted)
    make_key(counted)
    marker = counted.list_keys(Limit=1)["NextMarker"]
    assert counted.list_keys(Limit=1, Marker=marker)["Keys"]
    for call in (counted.list_aliases, alice.list_keys, bob.list_keys):
        assert refusal(call, Marker=marker) == ("InvalidMarkerException", "")
    for made_up in ("x", "AAAA", marker[:-4], f"A{marker[1:]}" if marker[0] != "A" else f"B{marker[1:]}", "ü"):
        answer = unchecked(server, "ListKeys", {"Marker": made_up}, region=COUNTED_REGION)
        assert error_of(answer) == {"__type": "InvalidMarkerException"}


@pytest.mark.parametrize(
    ("limit", "relation"), [(0, "greater than or equal to 1"), (1_001, "less than or equal to 1000")]
)
def test_the_limits_of_limit(server: Server, limit: int, relation: str) -> None:
    """1 to 1,000."""
    answer = unchecked(server, "ListKeys", {"Limit": limit})
    assert error_of(answer) == {
        "__type": "ValidationException",
        "message": f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
        f"Member must have value {relation}",
    }


def test_a_key_is_disabled_and_enabled(alice: Any) -> None:
    """Neither answers anything; both may be repeated."""
    metadata = make_key(alice)
    key_id, arn = metadata["KeyId"], metadata["Arn"]
    for identifier in (key_id, arn):
        assert fields(alice.disable_key(KeyId=identifier)) == {}
        assert described(alice, key_id) == {**metadata, "Enabled": False, "KeyState": "Disabled"}
    for identifier in (key_id, arn):
        assert fields(alice.enable_key(KeyId=identifier)) == {}
        assert described(alice, key_id) == metadata


def test_a_description_is_replaced(alice: Any) -> None:
    """By any text, also an empty one."""
    key_id = make_key(alice, Description="first")["KeyId"]
    for description in ("second\n“third”", ""):
        assert fields(alice.update_key_description(KeyId=key_id, Description=description)) == {}
        assert described(alice, key_id)["Description"] == description


def test_the_pending_window(alice: Any) -> None:
    """7 to 30 days, 30 without a word; the date stands in the metadata; a key that is taken back is Disabled."""
    metadata = make_key(alice)
    key_id, arn = metadata["KeyId"], metadata["Arn"]
    for days, parameters in ((30, {}), (7, {"PendingWindowInDays": 7}), (30, {"PendingWindowInDays": 30})):
        scheduled = fields(alice.schedule_key_deletion(KeyId=arn, **parameters))
        assert scheduled == {
            "KeyId": arn,
            "DeletionDate": scheduled["DeletionDate"],
            "KeyState": "PendingDeletion",
            "PendingWindowInDays": days,
        }
        assert is_now(scheduled["DeletionDate"] - timedelta(days=days))
        assert described(alice, key_id) == {
            **metadata,
            "Enabled": False,
            "KeyState": "PendingDeletion",
            "DeletionDate": scheduled["DeletionDate"],
        }
        assert fields(alice.cancel_key_deletion(KeyId=key_id)) == {"KeyId": arn}
        assert described(alice, key_id) == {**metadata, "Enabled": False, "KeyState": "Disabled"}


@pytest.mark.parametrize(
    ("days", "relation"),
    [(0, "greater than or equal to 7"), (6, "greater than or equal to 7"), (31, "less than or equal to 30")],
)
def test_a_window_that_is_too_short_or_too_long(server: Server, alice: Any, days: int, relation: str) -> None:
    """Is refused, and the key stays as it is."""
    key_id = make_key(alice)["KeyId"]
    answer = unchecked(server, "ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": days})
    assert error_of(answer) == {
        "__type": "ValidationException",
        "message": f"1 validation error detected: Value '{days}' at 'pendingWindowInDays' failed to satisfy "
        f"constraint: Member must have value {relation}",
    }
    assert described(alice, key_id)["KeyState"] == "Enabled"


def test_a_key_has_four_names(alice: Any) -> None:
    """Key ID, key ARN, alias name and alias ARN, where aliases are taken; the first two everywhere."""
    metadata = make_key(alice)
    alice.create_alias(AliasName="alias/four-names", TargetKeyId=metadata["KeyId"])
    alias_arn = f"arn:aws:kms:us-east-1:{ALICE_ACCOUNT}:alias/four-names"
    for name in (metadata["KeyId"], metadata["Arn"], "alias/four-names", alias_arn):
        assert fields(alice.describe_key(KeyId=name, GrantTokens=[])) == {"KeyMetadata": metadata}
    for name in ("alias/four-names", alias_arn):
        for call in (alice.disable_key, alice.get_key_policy, alice.list_resource_tags, alice.schedule_key_deletion):
            assert refusal(call, KeyId=name) == ("NotFoundException", f"Invalid keyId '{name}'")


@pytest.mark.parametrize(
    "name",
    [
        "no-key",
        "0000000000004000800000000000000",
        "mrk-00000000-0000-4000-8000-000000000000",
        NOWHERE.replace("0", "A"),
        "arn:aws:kms:us-east-1:111122223333",
        f"arn:aws:s3:us-east-1:{ALICE_ACCOUNT}:key/{NOWHERE}",
        f"arn:aws-cn:kms:us-east-1:{ALICE_ACCOUNT}:key/{NOWHERE}",
        f"arn:aws:kms:us-east-1:nobody:key/{NOWHERE}",
        "../../etc/passwd",
        "é",
    ],
)
def test_what_is_no_key_identifier(alice: Any, name: str) -> None:
    """Is not looked for."""
    assert refusal(alice.describe_key, KeyId=name) == ("NotFoundException", f"Invalid keyId '{name}'")


def test_a_key_that_does_not_exist(alice: Any) -> None:
    """Is named by its full ARN, whichever name was given; an alias by its ARN; another Region by its name."""
    arn = f"arn:aws:kms:us-east-1:{ALICE_ACCOUNT}:key/{NOWHERE}"
    for name in (NOWHERE, arn):
        assert refusal(alice.describe_key, KeyId=name) == ("NotFoundException", f"Key '{arn}' does not exist")
        assert refusal(alice.encrypt, KeyId=name, Plaintext=b"x")[1] == f"Key '{arn}' does not exist"
    alias_arn = f"arn:aws:kms:us-east-1:{ALICE_ACCOUNT}:alias/nowhere"
    for name in ("alias/nowhere", alias_arn):
        assert refusal(alice.describe_key, KeyId=name) == ("NotFoundException", f"Alias {alias_arn} is not found.")
    elsewhere = f"arn:aws:kms:eu-west-1:{ALICE_ACCOUNT}:key/{NOWHERE}"
    assert refusal(alice.describe_key, KeyId=elsewhere) == ("NotFoundException", "Invalid arn eu-west-1")


CROSS_ACCOUNT: Final = [
    ("DescribeKey", {}),
    ("EnableKey", {}),
    ("DisableKey", {}),
    ("UpdateKeyDescription", {"Description": ""}),
    ("ScheduleKeyDeletion", {}),
    ("CancelKeyDeletion", {}),
    ("GetKeyPolicy", {}),
    ("PutKeyPolicy", {"Policy": OWN_POLICY}),
    ("ListKeyPolicies", {}),
    ("ListResourceTags", {}),
    ("TagResource", {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
    ("UntagResource", {"TagKeys": ["a"]}),
    ("Encrypt", {"Plaintext": "eA=="}),
    ("GenerateDataKey", {"KeySpec": "AES_256"}),
    ("GenerateDataKeyWithoutPlaintext", {"KeySpec": "AES_256"}),
]


@pytest.mark.parametrize(("operation", "parameters"), CROSS_ACCOUNT)
def test_another_accounts_key_is_not_for_us(
    server: Server, alice: Any, operation: str, parameters: dict[str, Any]
) -> None:
    """Whether it exists or not: the same words."""
    existing = make_key(alice)["Arn"]
    for arn in (existing, existing[:-36] + NOWHERE):
        answer = unchecked(server, operation, {"KeyId": arn, **parameters}, profile=BOB_ACCOUNT)
        # Where access is refused, and only there, the member is `Message`.
        assert error_of(answer) == {
            "__type": "AccessDeniedException",
            "Message": FOREIGN.format(operation=operation, arn=arn),
        }

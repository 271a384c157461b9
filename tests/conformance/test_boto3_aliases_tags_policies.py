"""boto3: what is attached to a KMS key, its aliases, tags and key policy."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

import pytest

from harness.calls import error_of, fields, make_key, refusal, unchecked
from harness.server import ALICE_ACCOUNT, BOB_ACCOUNT, Server

# Nothing else in this folder makes aliases in this Region, so that they can be counted.
COUNTED_REGION: Final = "ap-northeast-2"

NOWHERE: Final = "00000000-0000-4000-8000-000000000000"
PREFIX_TEXT: Final = (
    'Alias must start with the prefix "alias/". '
    "Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
)
LOCKOUT_TEXT: Final = "The new key policy will not allow you to update the key policy in the future."
ALICE: Final = f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"
BOB: Final = f"arn:aws:iam::{BOB_ACCOUNT}:user/admin"


@pytest.fixture(scope="module")
def counted(server: Server) -> Iterator[Any]:
    """A client in the Region where only this file makes aliases."""
    with closing(server.client(region=COUNTED_REGION)) as client:
        yield client


@pytest.fixture
def key(alice: Any) -> dict[str, Any]:
    """A new KMS key."""
    return make_key(alice)


def alias_arn(name: str, region: str = "us-east-1") -> str:
    """The ARN of an alias of the first account."""
    return f"arn:aws:kms:{region}:{ALICE_ACCOUNT}:{name}"


def statement(principal: str, *actions: str, effect: str = "Allow") -> dict[str, Any]:
    """A statement of a key policy."""
    return {"Effect": effect, "Principal": {"AWS": principal}, "Action": list(actions), "Resource": "*"}


def policy(*statements: dict[str, Any]) -> str:
    """A key policy that leaves the account in charge, with further statements."""
    own = statement(f"arn:aws:iam::{ALICE_ACCOUNT}:root", "kms:*")
    return json.dumps({"Version": "2012-10-17", "Statement": [own, *statements]})


# -- aliases


def test_an_alias_is_made_listed_moved_and_removed(alice: Any, key: dict[str, Any]) -> None:
    """None of the changes answers anything; the listing has AWS's fields, no more and no fewer."""
    name, second = "alias/a/life_of-1", make_key(alice)
    assert fields(alice.create_alias(AliasName=name, TargetKeyId=key["Arn"])) == {}
    listed = fields(alice.list_aliases(KeyId=key["KeyId"]))
    entry = listed["Aliases"][0]
    assert listed == {
        "Aliases": [
            {
                "AliasName": name,
                "AliasArn": alias_arn(name),
                "TargetKeyId": key["KeyId"],
                "CreationDate": entry["CreationDate"],
                "LastUpdatedDate": entry["CreationDate"],
            }
        ],
        "Truncated": False,
    }
    assert fields(alice.update_alias(AliasName=name, TargetKeyId=second["KeyId"])) == {}
    assert alice.list_aliases(KeyId=key["KeyId"])["Aliases"] == []
    moved = alice.list_aliases(KeyId=second["Arn"])["Aliases"]
    assert moved == [{**entry, "TargetKeyId": second["KeyId"], "LastUpdatedDate": moved[0]["LastUpdatedDate"]}]
    assert moved[0]["LastUpdatedDate"] > entry["LastUpdatedDate"]
    assert fields(alice.update_alias(AliasName=name, TargetKeyId=second["KeyId"])) == {}
    assert fields(alice.delete_alias(AliasName=name)) == {}
    assert alice.list_aliases(KeyId=second["KeyId"])["Aliases"] == []
    assert refusal(alice.describe_key, KeyId=name) == ("NotFoundException", f"Alias {alias_arn(name)} is not found.")


def test_a_listing_of_aliases_goes_page_by_page(counted: Any) -> None:
    """In the order of their names, those of one key or of all; each once."""
    one, two = make_key(counted)["KeyId"], make_key(counted)["KeyId"]
    names = [f"alias/page-{letter}" for letter in "edcba"]
    for number, name in enumerate(names):
        counted.create_alias(AliasName=name, TargetKeyId=two if number == 2 else one)
    paginate = counted.get_paginator("list_aliases").paginate
    pages = [fields(page) for page in paginate(PaginationConfig={"PageSize": 2})]
    found = [[alias["AliasName"] for alias in page["Aliases"]] for page in pages]
    names.sort()
    assert found == [names[:2], names[2:4], names[4:]]
    assert [page.keys() for page in pages] == [{"Aliases", "NextMarker", "Truncated"}] * 2 + [{"Aliases", "Truncated"}]
    pages = list(paginate(KeyId=one, PaginationConfig={"PageSize": 3}))
    assert [[alias["AliasName"] for alias in page["Aliases"]] for page in pages] == [
        ["alias/page-a", "alias/page-b", "alias/page-d"],
        ["alias/page-e"],
    ]
    # A marker of one key's listing is none of another's.
    marker = counted.list_aliases(KeyId=one, Limit=1)["NextMarker"]
    assert refusal(counted.list_aliases, KeyId=two, Limit=1, Marker=marker) == ("InvalidMarkerException", "")
    assert refusal(counted.list_aliases, Limit=1, Marker=marker) == ("InvalidMarkerException", "")


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("no-prefix", "ValidationException", PREFIX_TEXT),
        ("Alias/capital", "ValidationException", PREFIX_TEXT),
        ("alias/aws/s3", "NotAuthorizedException", ""),
        ("alias/a:b", "ValidationException", "alias/a:b contains invalid characters for an alias"),
        ("alias/", "ValidationException", "alias/ contains invalid characters for an alias"),
        (
            "alias/a b",
            "ValidationException",
            (
                "1 validation error detected: Value 'alias/a b' at 'aliasName' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"
            ),
        ),
        (
            f"alias/{'a' * 251}",
            "ValidationException",
            (
                f"1 validation error detected: Value 'alias/{'a' * 251}' at 'aliasName' failed to satisfy constraint: "
                "Member must have length less than or equal to 256"
            ),
        ),
    ],
    ids=["no prefix", "capital", "reserved", "colon", "empty", "blank", "long"],
)
def test_names_that_no_alias_may_have(alice: Any, key: dict[str, Any], name: str, code: str, text: str) -> None:
    """CreateAlias, UpdateAlias and DeleteAlias alike."""
    assert refusal(alice.create_alias, AliasName=name, TargetKeyId=key["KeyId"]) == (code, text)
    assert refusal(alice.update_alias, AliasName=name, TargetKeyId=key["KeyId"]) == (code, text)
    assert refusal(alice.delete_alias, AliasName=name) == (code, text)
    assert alice.list_aliases(KeyId=key["KeyId"])["Aliases"] == []


def test_what_an_alias_cannot_point_to(alice: Any, bob: Any, key: dict[str, Any]) -> None:
    """An alias, a key that does not exist, one of another Region, or one of another account."""
    alice.create_alias(AliasName="alias/pointing", TargetKeyId=key["KeyId"])
    foreign = make_key(bob)["Arn"]
    missing = f"arn:aws:kms:us-east-1:{ALICE_ACCOUNT}:key/{NOWHERE}"
    elsewhere = f"arn:aws:kms:eu-west-1:{ALICE_ACCOUNT}:key/{NOWHERE}"
    for call, name in ((alice.create_alias, "alias/pointing-new"), (alice.update_alias, "alias/pointing")):
        for target in ("alias/pointing", alias_arn("alias/pointing")):
            assert refusal(call, AliasName=name, TargetKeyId=target) == (
                "ValidationException",
                "Aliases must refer to keys. Not aliases",
            )
        assert refusal(call, AliasName=name, TargetKeyId=NOWHERE) == (
            "NotFoundException",
            f"Key '{missing}' does not exist",
        )
        assert refusal(call, AliasName=name, TargetKeyId=elsewhere) == ("NotFoundException", "Invalid arn eu-west-1")
        assert refusal(call, AliasName=name, TargetKeyId=foreign)[0] == "AccessDeniedException"
    assert [alias["AliasName"] for alias in alice.list_aliases(KeyId=key["KeyId"])["Aliases"]] == ["alias/pointing"]


def test_a_name_is_taken_once(alice: Any, bob: Any, key: dict[str, Any]) -> None:
    """In an account and Region; another account has its own."""
    alice.create_alias(AliasName="alias/taken", TargetKeyId=key["KeyId"])
    assert refusal(alice.create_alias, AliasName="alias/taken", TargetKeyId=key["KeyId"]) == (
        "AlreadyExistsException",
        f"An alias with the name {alias_arn('alias/taken')} already exists",
    )
    assert fields(bob.create_alias(AliasName="alias/taken", TargetKeyId=make_key(bob)["KeyId"])) == {}
    assert bob.describe_key(KeyId="alias/taken")["KeyMetadata"]["AWSAccountId"] == BOB_ACCOUNT
    missing = ("NotFoundException", f"Alias {alias_arn('alias/missing')} is not found.")
    assert refusal(alice.update_alias, AliasName="alias/missing", TargetKeyId=key["KeyId"]) == missing
    assert refusal(alice.delete_alias, AliasName="alias/missing") == missing


def test_a_key_has_50_aliases_at_most(alice: Any, key: dict[str, Any]) -> None:
    """The 51st is refused, however it would come; the listing gives all 50 on one page."""
    for number in range(50):
        alice.create_alias(AliasName=f"alias/many-{number}", TargetKeyId=key["KeyId"])
    other = make_key(alice)["KeyId"]
    alice.create_alias(AliasName="alias/one-more", TargetKeyId=other)
    for call, name in ((alice.create_alias, "alias/many-50"), (alice.update_alias, "alias/one-more")):
        assert refusal(call, AliasName=name, TargetKeyId=key["KeyId"])[0] == "LimitExceededException"
    listed = alice.list_aliases(KeyId=key["KeyId"])
    assert (len(listed["Aliases"]), listed["Truncated"]) == (50, False)


def test_aliases_of_another_accounts_key_are_not_listed(bob: Any, key: dict[str, Any]) -> None:
    """Nor all others instead of them."""
    bob.create_alias(AliasName="alias/of-bob", TargetKeyId=make_key(bob)["KeyId"])
    refusal(bob.list_aliases, KeyId=key["Arn"])


# -- tags


def test_tags_keep_their_order(alice: Any, key: dict[str, Any]) -> None:
    """A new value stays in its key's place, and what is not there is removed without a word."""
    key_id = key["KeyId"]
    assert fields(alice.list_resource_tags(KeyId=key_id)) == {"Tags": [], "Truncated": False}
    first = [{"TagKey": name, "TagValue": "1"} for name in ("b", "a", "ö/=+-@:._ 1")]
    assert fields(alice.tag_resource(KeyId=key_id, Tags=first)) == {}
    second = [{"TagKey": "a", "TagValue": ""}, {"TagKey": "c", "TagValue": "v" * 256}]
    assert fields(alice.tag_resource(KeyId=key["Arn"], Tags=second)) == {}
    tags = [first[0], second[0], first[2], second[1]]
    assert fields(alice.list_resource_tags(KeyId=key["Arn"])) == {"Tags": tags, "Truncated": False}
    assert fields(alice.untag_resource(KeyId=key_id, TagKeys=["b", "never-there", "B"])) == {}
    assert alice.list_resource_tags(KeyId=key_id)["Tags"] == tags[1:]


def test_a_listing_of_tags_goes_page_by_page(alice: Any, key: dict[str, Any]) -> None:
    """50 tags are as many as a key has."""
    tags = [{"TagKey": f"key {number}", "TagValue": f"{number}"} for number in range(50)]
    alice.tag_resource(KeyId=key["KeyId"], Tags=tags)
    paginator = alice.get_paginator("list_resource_tags")
    pages = [fields(page) for page in paginator.paginate(KeyId=key["KeyId"], PaginationConfig={"PageSize": 20})]
    assert [page["Tags"] for page in pages] == [tags[:20], tags[20:40], tags[40:]]
    assert [page["Truncated"] for page in pages] == [True, True, False]
    assert alice.list_resource_tags(KeyId=key["KeyId"])["Truncated"] is False
    extra = [{"TagKey": "one more", "TagValue": ""}]
    assert refusal(alice.tag_resource, KeyId=key["KeyId"], Tags=extra) == ("TagException", "Too many tags")
    assert refusal(alice.list_resource_tags, KeyId=key["KeyId"], Marker="made up") == ("InvalidMarkerException", "")


@pytest.mark.parametrize(
    ("tags", "code", "text"),
    [
        ([{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}], "TagException", "Duplicate tag keys"),
        ([{"TagKey": "aws:a", "TagValue": "1"}], "TagException", "Tags beginning with aws: are reserved"),
        ([{"TagKey": "aWs:a", "TagValue": "1"}], "TagException", "Tags beginning with aws: are reserved"),
        (
            [{"TagKey": "a", "TagValue": "1"}, {"TagKey": "k" * 129, "TagValue": "1"}],
            "ValidationException",
            (
                f"1 validation error detected: Value '{'k' * 129}' at 'tags.2.member.tagKey' failed to satisfy "
                "constraint: Member must have length less than or equal to 128"
            ),
        ),
        (
            [{"TagKey": "k", "TagValue": "v" * 257}],
            "ValidationException",
            (
                f"1 validation error detected: Value '{'v' * 257}' at 'tags.1.member.tagValue' failed to satisfy "
                "constraint: Member must have length less than or equal to 256"
            ),
        ),
    ],
    ids=["twice", "reserved", "reserved in any case", "long key", "long value"],
)
def test_tags_that_are_refused(
    alice: Any, key: dict[str, Any], tags: list[dict[str, str]], code: str, text: str
) -> None:
    """All of the request or nothing."""
    assert refusal(alice.tag_resource, KeyId=key["KeyId"], Tags=tags) == (code, text)
    assert alice.list_resource_tags(KeyId=key["KeyId"])["Tags"] == []


# -- key policies


def test_the_default_key_policy(alice: Any, key: dict[str, Any]) -> None:
    """Is AWS's, and the only one; its name need not be said."""
    named = fields(alice.get_key_policy(KeyId=key["KeyId"], PolicyName="default"))
    assert named == fields(alice.get_key_policy(KeyId=key["Arn"]))
    assert named.keys() == {"Policy", "PolicyName"}
    assert named["PolicyName"] == "default"
    assert json.loads(named["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [
            {
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ALICE_ACCOUNT}:root"},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }
    assert "\n" in named["Policy"]
    assert fields(alice.list_key_policies(KeyId=key["KeyId"])) == {"PolicyNames": ["default"], "Truncated": False}
    for call, parameters in ((alice.get_key_policy, {}), (alice.put_key_policy, {"Policy": policy()})):
        assert refusal(call, KeyId=key["KeyId"], PolicyName="other", **parameters) == (
            "NotFoundException",
            "No such policy exists",
        )


def test_a_key_policy_comes_back_as_it_was_written(alice: Any, key: dict[str, Any]) -> None:
    """Text for text: clients poll until it equals what they sent."""
    written = policy(statement(BOB, "kms:DescribeKey")).replace("}, {", "},\r\n\t{ ")
    assert fields(alice.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=written)) == {}
    assert alice.get_key_policy(KeyId=key["KeyId"])["Policy"] == written


@pytest.mark.parametrize(
    "text",
    [
        "no policy",
        "[]",
        "{}",
        '{"Statement": []}',
        '{"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}',
        '{"Statement": {"Effect": "Maybe", "Principal": "*", "Action": "kms:*", "Resource": "*"}}',
        '{"Version": "1999-01-01", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*"}}',
        '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", "Further": 1}}',
        '{"Statement": {"Effect": "Deny", "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}}',
    ],
)
def test_what_is_no_key_policy(alice: Any, key: dict[str, Any], text: str) -> None:
    """Is refused, also without the lockout check, and the old one stays."""
    before = alice.get_key_policy(KeyId=key["KeyId"])["Policy"]
    for bypass in (False, True):
        code, message = refusal(
            alice.put_key_policy, KeyId=key["KeyId"], Policy=text, BypassPolicyLockoutSafetyCheck=bypass
        )
        assert code == "MalformedPolicyDocumentException"
        assert message
    assert alice.get_key_policy(KeyId=key["KeyId"])["Policy"] == before


def test_a_key_policy_has_32_kib_at_most(alice: Any, key: dict[str, Any]) -> None:
    """In bytes; one more is refused."""
    longest = policy()
    longest += " " * (32_768 - len(longest))
    assert fields(alice.put_key_policy(KeyId=key["KeyId"], Policy=longest)) == {}
    assert refusal(alice.put_key_policy, KeyId=key["KeyId"], Policy=f"{longest} ")[0] == "LimitExceededException"


def test_nobody_is_locked_out_unless_they_insist(server: Server, alice: Any, key: dict[str, Any]) -> None:
    """After that, neither the administrator nor the account's root can do anything with the key."""
    locked = json.dumps({"Statement": statement(BOB, "kms:*")})
    parameters = {"KeyId": key["KeyId"], "Policy": locked}
    assert refusal(alice.put_key_policy, **parameters) == ("MalformedPolicyDocumentException", LOCKOUT_TEXT)
    assert refusal(alice.create_key, Policy=locked) == ("MalformedPolicyDocumentException", LOCKOUT_TEXT)
    assert fields(alice.put_key_policy(**parameters, BypassPolicyLockoutSafetyCheck=True)) == {}
    for caller, name in ((ALICE, "default"), (f"arn:aws:iam::{ALICE_ACCOUNT}:root", f"{ALICE_ACCOUNT}-root")):
        answer = unchecked(server, "PutKeyPolicy", {"KeyId": key["KeyId"], "Policy": policy()}, profile=name)
        assert error_of(answer) == {
            "__type": "AccessDeniedException",
            "Message": f"User: {caller} is not authorized to perform: kms:PutKeyPolicy on resource: {key['Arn']} "
            "because no resource-based policy allows the kms:PutKeyPolicy action",
        }


def test_a_deny_wins(alice: Any, key: dict[str, Any]) -> None:
    """Also over AdministratorAccess; taking it back counts at once."""
    denying = policy(statement(ALICE, "kms:Encrypt", effect="Deny"))
    alice.put_key_policy(KeyId=key["KeyId"], Policy=denying)
    assert refusal(alice.encrypt, KeyId=key["KeyId"], Plaintext=b"x") == (
        "AccessDeniedException",
        (
            f"User: {ALICE} is not authorized to perform: kms:Encrypt on resource: {key['Arn']} "
            "with an explicit deny in a resource-based policy"
        ),
    )
    assert fields(alice.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256"))
    alice.put_key_policy(KeyId=key["KeyId"], Policy=policy())
    assert fields(alice.encrypt(KeyId=key["KeyId"], Plaintext=b"x"))


def test_another_account_is_let_in_by_the_key_policy(alice: Any, bob: Any, key: dict[str, Any]) -> None:
    """For what it says and for nothing else, by ARN and by alias ARN; management never crosses accounts."""
    actions = ("kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:GetKeyPolicy", "kms:CreateAlias")
    alice.put_key_policy(KeyId=key["KeyId"], Policy=policy(statement(BOB, *actions)))
    alice.create_alias(AliasName="alias/shared", TargetKeyId=key["KeyId"])
    assert bob.describe_key(KeyId=key["Arn"])["KeyMetadata"] == key
    blob = bob.encrypt(KeyId=alias_arn("alias/shared"), Plaintext=b"from bob")["CiphertextBlob"]
    assert alice.decrypt(CiphertextBlob=blob)["Plaintext"] == b"from bob"
    assert bob.decrypt(CiphertextBlob=blob)["KeyId"] == key["Arn"]
    assert refusal(bob.generate_data_key, KeyId=key["Arn"], KeySpec="AES_256")[0] == "AccessDeniedException"
    assert refusal(bob.get_key_policy, KeyId=key["Arn"])[0] == "AccessDeniedException"
    assert refusal(bob.create_alias, AliasName="alias/x", TargetKeyId=key["Arn"])[0] == "AccessDeniedException"
    # By its ID alone the key is looked for in one's own account.
    assert refusal(bob.describe_key, KeyId=key["KeyId"])[0] == "NotFoundException"
    assert refusal(bob.describe_key, KeyId="alias/shared")[0] == "NotFoundException"

"""CreateAlias, UpdateAlias, DeleteAlias, ListAliases."""

from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.domain.arns import key_arn
from selfkms.domain.kms.aliases import Alias
from selfkms.domain.kms.keys import KeySpec, KeyUsage, KMSKey
from selfkms.domain.records import Put

HERE = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:"
PREFIX_TEXT = (
    'Alias must start with the prefix "alias/". '
    "Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
)


def stored_key(world: World, key_id: str) -> KMSKey:
    key = world.database.key(ALICE_ACCOUNT, REGION, key_id)
    assert key is not None
    return key


def of_another_kind(world: World, **fields: object) -> str:
    """The ID of a key of a kind that CreateKey does not make yet."""
    key_id: str = world.make_key()["KeyId"]
    world.database.commit([Put(stored_key(world, key_id).changed(**fields))])
    return key_id


def give_aliases(world: World, key_id: str, count: int) -> None:
    """Aliases as if they had been made one by one."""
    aliases = [
        Alias(
            account_id=ALICE_ACCOUNT,
            region=REGION,
            alias_name=f"alias/given-{number:02}",
            target_key_id=key_id,
            created_at=0.0,
            updated_at=0.0,
        )
        for number in range(count)
    ]
    world.database.commit([Put(alias) for alias in aliases])


def listed(world: World, **parameters: object) -> dict[str, str]:
    """Alias names and the key IDs they point to."""
    aliases = world.call("ListAliases", parameters)["Aliases"]
    return {entry["AliasName"]: entry["TargetKeyId"] for entry in aliases}


@pytest.mark.parametrize("named_by", ["KeyId", "Arn"])
def test_an_alias_points_to_a_key(world: World, named_by: str) -> None:
    """CreateAlias takes key ID or key ARN and answers nothing; the listing has the bare ID, the ARN and both dates."""
    key = world.make_key()
    world.clock.seconds += 1.5
    assert world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key[named_by]}) == {}
    entry = {
        "AliasName": "alias/a",
        "AliasArn": HERE + "alias/a",
        "TargetKeyId": key["KeyId"],
        "CreationDate": world.clock.now(),
        "LastUpdatedDate": world.clock.now(),
    }
    assert world.call("ListAliases") == {"Aliases": [entry], "Truncated": False}


@pytest.mark.parametrize("name", ["alias/a", "alias/Aa/0_-", "alias/" + "a" * 250, "alias/awsome", "alias/alias/"])
def test_names_that_are_taken(world: World, name: str) -> None:
    """Letters, digits, `/`, `_` and `-`, up to 256 characters with the prefix."""
    key_id = world.make_key()["KeyId"]
    world.call("CreateAlias", {"AliasName": name, "TargetKeyId": key_id})
    assert world.call("DescribeKey", {"KeyId": name})["KeyMetadata"]["KeyId"] == key_id
    world.call("UpdateAlias", {"AliasName": name, "TargetKeyId": key_id})
    world.call("DeleteAlias", {"AliasName": name})
    assert listed(world) == {}


@pytest.mark.parametrize("operation", ["CreateAlias", "UpdateAlias", "DeleteAlias"])
@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("a", "ValidationException", PREFIX_TEXT),
        ("Alias/a", "ValidationException", PREFIX_TEXT),
        ("aliasa", "ValidationException", PREFIX_TEXT),
        ("alias/aws/s3", "NotAuthorizedException", None),
        ("alias/aws/", "NotAuthorizedException", None),
        ("alias/a:b", "ValidationException", "alias/a:b contains invalid characters for an alias"),
        ("alias/", "ValidationException", "alias/ contains invalid characters for an alias"),
        (
            "alias/ä",
            "ValidationException",
            (
                "1 validation error detected: Value 'alias/ä' at 'aliasName' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"
            ),
        ),
        (
            "alias/" + "a" * 251,
            "ValidationException",
            (
                f"1 validation error detected: Value 'alias/{'a' * 251}' at 'aliasName' failed to satisfy constraint: "
                "Member must have length less than or equal to 256"
            ),
        ),
    ],
)
def test_names_that_are_refused(world: World, operation: str, name: str, code: str, text: str | None) -> None:
    """No prefix, a reserved one, other characters, too long: each with AWS's text, whatever is to be done with it."""
    parameters = {"AliasName": name}
    if operation != "DeleteAlias":
        parameters["TargetKeyId"] = world.make_key()["KeyId"]
    assert world.refusal(operation, parameters) == (code, text)
    assert listed(world) == {}


@pytest.mark.parametrize("operation", ["CreateAlias", "UpdateAlias"])
@pytest.mark.parametrize("target", ["alias/a", HERE + "alias/a", HERE + "alias/b"])
def test_an_alias_does_not_point_to_an_alias(world: World, operation: str, target: str) -> None:
    """A target that is an alias name or an alias ARN is refused, whether that alias exists or not."""
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": world.make_key()["KeyId"]})
    refusal = world.refusal(operation, {"AliasName": "alias/a", "TargetKeyId": target})
    assert refusal == ("ValidationException", "Aliases must refer to keys. Not aliases")


def test_a_name_is_unique_in_an_account_and_region(world: World) -> None:
    """A name that is taken is refused, also for the same key; another account and another Region have their own."""
    key_id, other = world.make_key()["KeyId"], world.make_key()["KeyId"]
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key_id})
    text = f"An alias with the name {HERE}alias/a already exists"
    for target in (key_id, other):
        refusal = world.refusal("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": target})
        assert refusal == ("AlreadyExistsException", text)
    bobs = world.make_key(by=BOB_ACCOUNT)["KeyId"]
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": bobs}, by=BOB_ACCOUNT)
    there = world.make_key(region="eu-west-1")["KeyId"]
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": there}, region="eu-west-1")
    found = [
        world.call("DescribeKey", {"KeyId": "alias/a"})["KeyMetadata"]["KeyId"],
        world.call("DescribeKey", {"KeyId": "alias/a"}, by=BOB_ACCOUNT)["KeyMetadata"]["KeyId"],
        world.call("DescribeKey", {"KeyId": "alias/a"}, region="eu-west-1")["KeyMetadata"]["KeyId"],
    ]
    assert found == [key_id, bobs, there]


@pytest.mark.parametrize("operation", ["UpdateAlias", "DeleteAlias"])
def test_a_name_must_exist_to_be_changed(world: World, operation: str) -> None:
    """An unknown alias is not found, with its ARN in the text."""
    parameters = {"AliasName": "alias/none"}
    if operation == "UpdateAlias":
        parameters["TargetKeyId"] = world.make_key()["KeyId"]
    text = f"Alias {HERE}alias/none is not found."
    assert world.refusal(operation, parameters) == ("NotFoundException", text)


@pytest.mark.parametrize("operation", ["CreateAlias", "UpdateAlias"])
def test_a_target_must_exist(world: World, operation: str) -> None:
    """An unknown key is not found, and the alias stays where it pointed."""
    key_id = world.make_key()["KeyId"]
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key_id})
    unknown = "00000000-0000-0000-0000-000000000000"
    text = f"Key '{key_arn(REGION, ALICE_ACCOUNT, unknown)}' does not exist"
    name = "alias/a" if operation == "UpdateAlias" else "alias/b"
    assert world.refusal(operation, {"AliasName": name, "TargetKeyId": unknown}) == ("NotFoundException", text)
    assert listed(world) == {"alias/a": key_id}


@pytest.mark.parametrize("named_by", ["KeyId", "Arn"])
def test_keys_are_rotated_by_hand(world: World, named_by: str) -> None:
    """UpdateAlias moves the name to the new key at once; what the old one encrypted still decrypts."""
    old, new = world.make_key(), world.make_key()
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": old["KeyId"]})
    blob = world.call("Encrypt", {"KeyId": "alias/a", "Plaintext": "b2xk"})["CiphertextBlob"]
    made_at = world.clock.now()
    world.clock.seconds += 60
    assert world.call("UpdateAlias", {"AliasName": "alias/a", "TargetKeyId": new[named_by]}) == {}
    assert world.call("Encrypt", {"KeyId": "alias/a", "Plaintext": "bmV3"})["KeyId"] == new["Arn"]
    opened = world.call("Decrypt", {"CiphertextBlob": blob})
    assert (opened["Plaintext"], opened["KeyId"]) == ("b2xk", old["Arn"])
    (entry,) = world.call("ListAliases")["Aliases"]
    assert (entry["CreationDate"], entry["LastUpdatedDate"]) == (made_at, world.clock.now())
    assert entry["TargetKeyId"] == new["KeyId"]


def test_an_alias_may_be_pointed_where_it_points(world: World) -> None:
    """UpdateAlias to the present key is no error, not even if the key has as many aliases as it may have."""
    key_id = world.make_key()["KeyId"]
    give_aliases(world, key_id, 50)
    world.call("UpdateAlias", {"AliasName": "alias/given-00", "TargetKeyId": key_id})
    assert len(listed(world)) == 50


def test_an_alias_keeps_to_one_key_usage(world: World) -> None:
    """A key of another usage is refused, with both usages in the text."""
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": world.make_key()["KeyId"]})
    signing = of_another_kind(world, key_spec=KeySpec.RSA_2048, key_usage=KeyUsage.SIGN_VERIFY)
    text = (
        "Alias alias/a cannot be changed from a CMK with key usage ENCRYPT_DECRYPT to a CMK with key usage SIGN_VERIFY."
        " The key usage of the current CMK and the new CMK must be the same."
    )
    refusal = world.refusal("UpdateAlias", {"AliasName": "alias/a", "TargetKeyId": signing})
    assert refusal == ("ValidationException", text)


def test_an_alias_keeps_to_one_type_of_key(world: World) -> None:
    """A symmetric key is not replaced by an asymmetric one, although both encrypt."""
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": world.make_key()["KeyId"]})
    asymmetric = of_another_kind(world, key_spec=KeySpec.RSA_2048)
    assert world.refusal("UpdateAlias", {"AliasName": "alias/a", "TargetKeyId": asymmetric})[0] == "ValidationException"


def test_a_key_has_fifty_aliases_at_most(world: World) -> None:
    """The 50th alias is made, the 51st is refused, by CreateAlias and by UpdateAlias."""
    full, other = world.make_key(), world.make_key()
    give_aliases(world, full["KeyId"], 49)
    world.call("CreateAlias", {"AliasName": "alias/last", "TargetKeyId": full["KeyId"]})
    world.call("CreateAlias", {"AliasName": "alias/other", "TargetKeyId": other["KeyId"]})
    refusal = ("LimitExceededException", f"{full['Arn']} has reached the limit of 50 aliases.")
    for operation, name in (("CreateAlias", "alias/more"), ("UpdateAlias", "alias/other")):
        assert world.refusal(operation, {"AliasName": name, "TargetKeyId": full["KeyId"]}) == refusal
    assert listed(world, KeyId=other["KeyId"]) == {"alias/other": other["KeyId"]}


def test_a_deleted_alias_is_gone_and_its_key_is_not(world: World) -> None:
    """DeleteAlias answers nothing and removes the name alone, which may then be used again."""
    key = world.make_key()
    for name in ("alias/a", "alias/b"):
        world.call("CreateAlias", {"AliasName": name, "TargetKeyId": key["KeyId"]})
    assert world.call("DeleteAlias", {"AliasName": "alias/a"}) == {}
    text = f"Alias {HERE}alias/a is not found."
    assert world.refusal("DescribeKey", {"KeyId": "alias/a"}) == ("NotFoundException", text)
    assert world.call("DescribeKey", {"KeyId": "alias/b"}) == {"KeyMetadata": key}
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key["KeyId"]})


def test_aliases_raise_the_row_version_of_their_key(world: World) -> None:
    """What gives a key an alias counts as a change of the key: its end, decided meanwhile, must not leave an alias."""
    key_id, other = world.make_key()["KeyId"], world.make_key()["KeyId"]
    version = stored_key(world, key_id).row_version
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key_id})
    assert stored_key(world, key_id).row_version == version + 1
    version = stored_key(world, other).row_version
    world.call("UpdateAlias", {"AliasName": "alias/a", "TargetKeyId": other})
    assert stored_key(world, other).row_version == version + 1


@pytest.mark.parametrize("named_by", ["KeyId", "Arn"])
def test_the_aliases_of_one_key_are_listed(world: World, named_by: str) -> None:
    """With KeyId, which is a key ID or a key ARN, ListAliases has the aliases of that key alone, in order."""
    key, other = world.make_key(), world.make_key()
    targets = {"alias/c": key, "alias/b": other, "alias/a": key}
    for name, target in targets.items():
        world.call("CreateAlias", {"AliasName": name, "TargetKeyId": target["KeyId"]})
    assert list(listed(world)) == ["alias/a", "alias/b", "alias/c"]
    assert list(listed(world, KeyId=key[named_by])) == ["alias/a", "alias/c"]


def test_aliases_of_a_key_that_is_not_there(world: World) -> None:
    """An unknown key, an alias and no identifier at all are not found."""
    unknown = "00000000-0000-0000-0000-000000000000"
    texts: dict[str, Any] = {
        unknown: f"Key '{key_arn(REGION, ALICE_ACCOUNT, unknown)}' does not exist",
        "alias/a": "Invalid keyId 'alias/a'",
        "nothing": "Invalid keyId 'nothing'",
    }
    for name, text in texts.items():
        assert world.refusal("ListAliases", {"KeyId": name}) == ("NotFoundException", text)


def test_listing_aliases_is_allowed_by_iam_alone(world: World) -> None:
    """ListAliases asks for no permission on a key: its text names no resource, also with KeyId."""
    key_id = world.make_key()["KeyId"]
    world.strip_of_policies(ALICE_ACCOUNT)
    text = (
        f"User: arn:aws:iam::{ALICE_ACCOUNT}:user/admin is not authorized to perform: kms:ListAliases "
        "because no identity-based policy allows the kms:ListAliases action"
    )
    for parameters in ({}, {"KeyId": key_id}):
        assert world.refusal("ListAliases", parameters) == ("AccessDeniedException", text)


@pytest.mark.parametrize("exists", [True, False])
def test_the_aliases_of_a_foreign_key_are_not_listed(world: World, *, exists: bool) -> None:
    """A key of another account is refused, whether it exists or not, and never taken for no filter at all."""
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": world.make_key()["KeyId"]})
    arn = world.make_key(by=BOB_ACCOUNT)["Arn"]
    if not exists:
        arn = arn[:-4] + "ffff"
    assert world.refusal("ListAliases", {"KeyId": arn})[0] in ("AccessDeniedException", "NotFoundException")

"""The life of a KMS key: CreateKey, DescribeKey, ListKeys, EnableKey, DisableKey, UpdateKeyDescription."""

import json
import re
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.domain.kms.keys import USAGES
from selfkms.domain.limits import KEYS_PER_REGION_MAX
from selfkms.services.kms.keys import CreateKeyRequest

HERE = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:key/"
NOT_YET = "UnsupportedOperationException"

OAEP = ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]
RSASSA = [f"RSASSA_{scheme}_SHA_{bits}" for scheme in ("PKCS1_V1_5", "PSS") for bits in (256, 384, 512)]
ECDSA = {"ECC_NIST_P256": 256, "ECC_SECG_P256K1": 256, "ECC_NIST_P384": 384, "ECC_NIST_P521": 512}
# AWS KMS API Reference, "KeyMetadata": key spec, key usage, the one list that such a key has, and what is in it.
OTHER_KINDS = [
    *((f"RSA_{bits}", "ENCRYPT_DECRYPT", "EncryptionAlgorithms", OAEP) for bits in (2048, 3072, 4096)),
    *((f"RSA_{bits}", "SIGN_VERIFY", "SigningAlgorithms", RSASSA) for bits in (2048, 3072, 4096)),
    *((spec, "SIGN_VERIFY", "SigningAlgorithms", [f"ECDSA_SHA_{bits}"]) for spec, bits in ECDSA.items()),
    *((f"ECC_NIST_P{bits}", "KEY_AGREEMENT", "KeyAgreementAlgorithms", ["ECDH"]) for bits in (256, 384, 521)),
    ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY", "SigningAlgorithms", ["ED25519_SHA_512", "ED25519_PH_SHA_512"]),
    *((f"ML_DSA_{size}", "SIGN_VERIFY", "SigningAlgorithms", ["ML_DSA_SHAKE_256"]) for size in (44, 65, 87)),
    *((f"HMAC_{bits}", "GENERATE_VERIFY_MAC", "MacAlgorithms", [f"HMAC_SHA_{bits}"]) for bits in (224, 256, 384, 512)),
    *((f"ML_KEM_{size}", "ENCAPSULATE_DECAPSULATE", "EncapsulationAlgorithms", ["ML_KEM"]) for size in (768, 1024)),
]


class FullDatabase(MemoryDatabase):
    """Says that a Region holds one key less than the quota, or all of them."""

    count = KEYS_PER_REGION_MAX

    def key_count(self, account_id: str, region: str) -> int:
        assert (account_id, region) == (ALICE_ACCOUNT, REGION)
        return self.count


def without_resource(action: str) -> tuple[str, str]:
    text = f"User: arn:aws:iam::{ALICE_ACCOUNT}:user/admin is not authorized to perform: {action} because no "
    return "AccessDeniedException", f"{text}identity-based policy allows the {action} action"


def test_a_new_key_has_exactly_the_metadata_of_a_symmetric_key(world: World) -> None:
    """Every member of the table for a symmetric key of origin AWS_KMS is there, and no other."""
    key = world.make_key()
    key_id, material_id = key["KeyId"], key["CurrentKeyMaterialId"]
    assert key == {
        "AWSAccountId": ALICE_ACCOUNT,
        "KeyId": key_id,
        "Arn": HERE + key_id,
        "CreationDate": world.clock.now(),
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
        "CurrentKeyMaterialId": material_id,
    }
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key_id)
    assert re.fullmatch(r"[0-9a-f]{64}", material_id)


@pytest.mark.parametrize(("spec", "usage", "member", "algorithms"), OTHER_KINDS)
def test_a_key_of_another_kind_has_the_list_of_its_usage(
    world: World, spec: str, usage: str, member: str, algorithms: list[str]
) -> None:
    """The members that every key has, the one list that fits the usage, and never CurrentKeyMaterialId."""
    key = world.make_key(KeySpec=spec, KeyUsage=usage)
    assert key == {
        "AWSAccountId": ALICE_ACCOUNT,
        "KeyId": key["KeyId"],
        "Arn": HERE + key["KeyId"],
        "CreationDate": world.clock.now(),
        "Enabled": True,
        "Description": "",
        "KeyUsage": usage,
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": spec,
        "KeySpec": spec,
        member: algorithms,
        "MultiRegion": False,
    }
    assert world.call("DescribeKey", {"KeyId": key["KeyId"]}) == {"KeyMetadata": key}
    deleting = world.call("ScheduleKeyDeletion", {"KeyId": key["KeyId"]})
    changed = {"Enabled": False, "KeyState": "PendingDeletion", "DeletionDate": deleting["DeletionDate"]}
    assert world.call("DescribeKey", {"KeyId": key["KeyId"]}) == {"KeyMetadata": key | changed}


def test_every_kind_of_key_is_described() -> None:
    """Each key spec with each of its usages is in the table above, but for those that are made nowhere or not here."""
    described = {(spec, usage) for spec, usage, _, _ in OTHER_KINDS}
    permitted = {(spec, usage) for spec, usages in USAGES.items() for usage in usages}
    absent = {spec for spec, _ in permitted - described}
    assert described <= permitted
    assert absent == {"SYMMETRIC_DEFAULT", "SM2", "ML_KEM_512"}


def test_describe_key_says_what_create_key_said(world: World) -> None:
    """The answer after making a key is the one that DescribeKey gives of it, by ID, ARN and alias."""
    key = world.make_key(Description="for tests", Tags=[{"TagKey": "a", "TagValue": "b"}])
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key["KeyId"]})
    names = (key["KeyId"], key["Arn"], "alias/a", f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:alias/a")
    for name in names:
        assert world.call("DescribeKey", {"KeyId": name}) == {"KeyMetadata": key}


def test_parameters_of_create_key_are_kept(world: World) -> None:
    """Description, tags and policy are those of the request."""
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }
    text = json.dumps(policy, indent=3)
    tags = [{"TagKey": "b", "TagValue": "2"}, {"TagKey": "a", "TagValue": ""}]
    key = world.make_key(
        Description="d" * 8192,
        KeyUsage="ENCRYPT_DECRYPT",
        CustomerMasterKeySpec="SYMMETRIC_DEFAULT",
        Origin="AWS_KMS",
        MultiRegion=False,
        BypassPolicyLockoutSafetyCheck=False,
        Policy=text,
        Tags=tags,
    )
    assert key["Description"] == "d" * 8192
    assert world.call("ListResourceTags", {"KeyId": key["KeyId"]})["Tags"] == tags
    assert world.call("GetKeyPolicy", {"KeyId": key["KeyId"]})["Policy"] == text


def test_two_keys_share_nothing(world: World) -> None:
    """Two keys of the same parameters have IDs and materials of their own."""
    first, second = world.make_key(), world.make_key()
    assert first["KeyId"] != second["KeyId"]
    assert first["CurrentKeyMaterialId"] != second["CurrentKeyMaterialId"]


@pytest.mark.parametrize(
    ("parameters", "code", "text"),
    [
        (
            {"KeySpec": "SYMMETRIC_DEFAULT", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT"},
            "ValidationException",
            (
                "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
                "CustomerMasterKeySpec is deprecated."
            ),
        ),
        (
            {"KeySpec": "RSA_2048"},
            "ValidationException",
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
        ),
        (
            {"CustomerMasterKeySpec": "HMAC_256"},
            "ValidationException",
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
        ),
        (
            {"KeyUsage": "SIGN_VERIFY"},
            "ValidationException",
            "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT",
        ),
        (
            {"KeySpec": "HMAC_256", "KeyUsage": "ENCRYPT_DECRYPT"},
            "ValidationException",
            "KeyUsage ENCRYPT_DECRYPT is not compatible with KeySpec HMAC_256",
        ),
        (
            {"KeySpec": "ECC_SECG_P256K1", "KeyUsage": "KEY_AGREEMENT"},
            "ValidationException",
            "KeyUsage KEY_AGREEMENT is not compatible with KeySpec ECC_SECG_P256K1",
        ),
        ({"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"}, NOT_YET, "KeySpec SM2 is not supported in this Region"),
        (
            {"Origin": "EXTERNAL", "KeySpec": "ML_DSA_44", "KeyUsage": "SIGN_VERIFY"},
            NOT_YET,
            "KeySpec ML_DSA_44 is not supported for Origin EXTERNAL.",
        ),
        (
            {"Tags": [{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}]},
            "TagException",
            "Duplicate tag keys",
        ),
        (
            {"Tags": [{"TagKey": "aWs:a", "TagValue": "1"}]},
            "TagException",
            "Tags beginning with aws: are reserved",
        ),
        ({"Tags": [{"TagKey": str(n), "TagValue": ""} for n in range(51)]}, "TagException", "Too many tags"),
        (
            {"Policy": "no policy"},
            "MalformedPolicyDocumentException",
            "The policy is not valid JSON.",
        ),
        (
            {"Tags": [{"TagKey": "", "TagValue": "1"}]},
            "ValidationException",
            (
                "1 validation error detected: Value '' at 'tags.1.member.tagKey' failed to satisfy constraint: "
                "Member must have length greater than or equal to 1"
            ),
        ),
    ],
)
def test_refusals_of_create_key(world: World, parameters: dict[str, Any], code: str, text: str) -> None:
    """What does not go together, or is not made here, is refused with AWS's text, and no key comes of it."""
    assert world.refusal("CreateKey", parameters) == (code, text)
    assert world.call("ListKeys") == {"Keys": [], "Truncated": False}


@pytest.mark.parametrize("member", ["KeySpec", "KeyUsage", "Origin"])
def test_values_outside_an_enum_are_refused(world: World, member: str) -> None:
    """An enum outside its set is a ValidationException that lists the set."""
    code, text = world.refusal("CreateKey", {member: "NOTHING"})
    shown = member[0].lower() + member[1:]
    assert code == "ValidationException"
    assert text is not None
    assert text.startswith(
        f"1 validation error detected: Value 'NOTHING' at '{shown}' failed to satisfy constraint: "
        "Member must satisfy enum value set: ["
    )


def test_the_quota_of_keys_holds() -> None:
    """The last key of an account and Region is made, the next one refused."""
    database = FullDatabase()
    world = World(database=database)
    text = "You have reached the limit of 100000 KMS keys."
    assert world.refusal("CreateKey") == ("LimitExceededException", text)
    database.count -= 1
    assert world.make_key()["Enabled"] is True


def test_keys_are_made_only_by_whom_iam_allows(world: World) -> None:
    """CreateKey and ListKeys are about no key: IAM alone decides, and the text names no resource."""
    world.strip_of_policies(ALICE_ACCOUNT)
    for operation in ("CreateKey", "ListKeys"):
        assert world.refusal(operation) == without_resource(f"kms:{operation}")
    assert world.call("ListKeys", by=f"{ALICE_ACCOUNT}-root")["Keys"] == []


def test_list_keys_has_every_key_of_the_account_and_region_alone(world: World) -> None:
    """Keys of any state are listed by ID and ARN, in order; those of other accounts and Regions are not."""
    keys = [world.make_key() for _ in range(3)]
    world.call("DisableKey", {"KeyId": keys[0]["KeyId"]})
    world.call("ScheduleKeyDeletion", {"KeyId": keys[1]["KeyId"]})
    world.make_key(by=BOB_ACCOUNT)
    world.make_key(region="eu-west-1")
    listed = world.call("ListKeys")
    assert listed == {"Keys": [{"KeyId": k["KeyId"], "KeyArn": k["Arn"]} for k in keys], "Truncated": False}
    assert listed["Keys"] == sorted(listed["Keys"], key=lambda entry: str(entry["KeyId"]))
    assert len(world.call("ListKeys", region="eu-west-1")["Keys"]) == 1


@pytest.mark.parametrize(
    ("owners", "count"),
    [(["SELF"], 1), (["OTHER_ACCOUNTS_VIA_RAM"], 0), (["SELF", "OTHER_ACCOUNTS_VIA_RAM"], 1)],
)
def test_no_keys_come_from_other_accounts(world: World, owners: list[str], count: int) -> None:
    """There is no AWS RAM here: `OTHER_ACCOUNTS_VIA_RAM` adds nothing."""
    world.make_key()
    assert len(world.call("ListKeys", {"ResourceOwners": owners})["Keys"]) == count


def test_disabling_and_enabling_change_state_and_enabled_alone(world: World) -> None:
    """DisableKey and EnableKey toggle KeyState and Enabled, answer nothing, and may be repeated."""
    key = world.make_key(Description="as it was")
    for operation, state in (("DisableKey", "Disabled"), ("EnableKey", "Enabled")):
        for _ in range(2):
            assert world.call(operation, {"KeyId": key["Arn"]}) == {}
            described = world.call("DescribeKey", {"KeyId": key["KeyId"]})["KeyMetadata"]
            assert described == key | {"KeyState": state, "Enabled": state == "Enabled"}


@pytest.mark.parametrize("description", ["", "new", "ü" * 8192])
def test_the_description_is_replaced(world: World, description: str) -> None:
    """UpdateKeyDescription takes 0 to 8,192 characters, answers nothing and changes nothing else."""
    key = world.make_key(Description="old")
    assert world.call("UpdateKeyDescription", {"KeyId": key["KeyId"], "Description": description}) == {}
    described = world.call("DescribeKey", {"KeyId": key["KeyId"]})["KeyMetadata"]
    assert described == key | {"Description": description}


def test_refusals_of_a_description(world: World) -> None:
    """8,193 characters and none at all are refused."""
    key_id = world.make_key(Description="old")["KeyId"]
    begin = "1 validation error detected: Value "
    assert world.refusal("UpdateKeyDescription", {"KeyId": key_id}) == (
        "ValidationException",
        f"{begin}null at 'description' failed to satisfy constraint: Member must not be null",
    )
    for operation in ("UpdateKeyDescription", "CreateKey"):
        long = "d" * 8193
        assert world.refusal(operation, {"KeyId": key_id, "Description": long}) == (
            "ValidationException",
            (
                f"{begin}'{long}' at 'description' failed to satisfy constraint: "
                "Member must have length less than or equal to 8192"
            ),
        )
    assert world.call("DescribeKey", {"KeyId": key_id})["KeyMetadata"]["Description"] == "old"


def test_a_key_spec_has_two_names() -> None:
    """KeySpec and the older CustomerMasterKeySpec mean the same; without either it is SYMMETRIC_DEFAULT."""
    assert CreateKeyRequest().spec == "SYMMETRIC_DEFAULT"
    assert World().make_key(KeySpec="SYMMETRIC_DEFAULT")["CustomerMasterKeySpec"] == "SYMMETRIC_DEFAULT"
    assert World().make_key(CustomerMasterKeySpec="SYMMETRIC_DEFAULT")["KeySpec"] == "SYMMETRIC_DEFAULT"


def test_fractions_of_a_second_are_kept(world: World) -> None:
    """Dates are seconds since the epoch, fractions included, as the service's clock has them."""
    world.clock.seconds = 1_800_000_000.25
    assert world.make_key()["CreationDate"] == 1_800_000_000.25

"""Every condition key of every operation, asked through the gate: in an IAM policy, and in a key policy.

Source: KMS developer guide, "AWS KMS condition keys"; Service Authorization Reference, "AWS Key Management Service".
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pytest

from harness.policies import Statement, allow, deny, document, may, only, set_key_policy
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.domain.kms.aliases import Alias
from selfkms.domain.kms.grants import GrantConstraints
from selfkms.domain.records import Put
from selfkms.services.kms.condition_keys import (
    of_new_grant,
    of_new_key,
)
from selfkms.services.kms.grants import CreateGrantRequest
from selfkms.services.kms.keys import CreateKeyRequest
from selfkms.services.kms.table import OPERATIONS
from unit.services.kms.condition_rows import (
    ADMIN,
    BY_ALIAS,
    CONTEXT,
    IN_CONTEXT,
    NEW_KEY,
    ON_KEY,
    RE_ENCRYPT_ROWS,
    ROOT,
    ROWS,
    TAG,
    Row,
)

BY_ROOT = f"{ALICE_ACCOUNT}-root"
KEYS = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:key/*"
ALIASES = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:alias/*"


class Stage(NamedTuple):
    """A world with keys of each kind, each tagged and with an alias, and one user."""

    world: World
    keys: Mapping[str, str]
    blobs: Mapping[str, str]
    """Ciphertext in and outside the encryption context, and the public key of the key for agreement."""

    def request(self, row: Row, *, named: str = "") -> dict[str, Any]:
        kind, parameters = ON_KEY[row.operation]
        merged = {"KeyId": named or self.keys[kind], **parameters, **row.parameters}
        if merged.get("CiphertextBlob") == "<blob>":
            merged["CiphertextBlob"] = self.blobs["in" if "EncryptionContext" in merged else "out"]
        if merged.get("PublicKey") == "<public key>":
            merged["PublicKey"] = self.blobs["public key"]
        return {name: value for name, value in merged.items() if value is not None}

    def by_iam(self, *statements: Statement) -> None:
        """The keys delegate to the account, and the user has these statements."""
        for key_id in self.keys.values():
            set_key_policy(self.world, key_id, allow("kms:*", principal=ROOT))
        only(self.world, *statements)

    def by_key_policy(self, *statements: Statement, iam: Sequence[Statement] = ()) -> None:
        """The keys have these statements, and the user nothing, or what concerns other resources."""
        for key_id in self.keys.values():
            set_key_policy(self.world, key_id, *statements)
        only(self.world, *iam)


@pytest.fixture(scope="module")
def stage() -> Stage:
    """For all tests of this module: each sets the policies it needs, and none changes a key."""
    world = World()
    kinds: dict[str, dict[str, Any]] = {
        "symmetric": {},
        "signing": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
        "mac": {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
        "agreement": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"},
        "kem": {"KeySpec": "ML_KEM_768", "KeyUsage": "ENCAPSULATE_DECAPSULATE"},
        "external": {"Origin": "EXTERNAL"},
        "other": {},
    }
    keys = {name: world.make_key(Tags=[TAG], **parameters)["KeyId"] for name, parameters in kinds.items()}
    for name, key_id in keys.items():
        world.call("CreateAlias", {"AliasName": f"alias/{name}", "TargetKeyId": key_id})
    encrypting = {"KeyId": keys["symmetric"], "Plaintext": "AA=="}
    blobs = {
        "in": world.call("Encrypt", {**encrypting, **IN_CONTEXT})["CiphertextBlob"],
        "out": world.call("Encrypt", encrypting)["CiphertextBlob"],
        "public key": world.call("GetPublicKey", {"KeyId": keys["agreement"]})["PublicKey"],
    }
    # What is permitted on it is then refused by its state: no RSA key is made, and nothing ends twice.
    world.call("ScheduleKeyDeletion", {"KeyId": keys["external"]})
    return Stage(world, keys, blobs)


def needed_besides(operation: str) -> list[Statement]:
    """To replicate a key is to create one, and to tag it."""
    return [allow("kms:CreateKey"), allow("kms:TagResource")] if operation == "ReplicateKey" else []


def test_every_operation_on_a_key_is_here() -> None:
    """A new operation on a KMS key is added to the table of this file."""
    others = {"CreateKey", "ListKeys", "ListAliases", "GenerateRandom", "ListRetirableGrants"}
    two = {"ReEncrypt", "CreateAlias", "UpdateAlias", "DeleteAlias", "RetireGrant", "ReplicateKey"}
    assert ON_KEY.keys() | others | two == OPERATIONS.keys()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.text)
def test_a_condition_lets_exactly_the_one_through(stage: Stage, row: Row) -> None:
    """An Allow with the value of the request lets it through and with another does not: IAM policy and key policy."""
    action = f"kms:{row.operation}"
    for value, allowed in ((row.holds, True), (row.fails, False)):
        condition = {row.operator: {row.key: value}}
        besides = needed_besides(row.operation)
        stage.by_iam(allow(action, condition=condition), *besides)
        assert may(stage.world, row.operation, stage.request(row)) is allowed, "by an IAM policy"
        stage.by_key_policy(allow(action, principal=ADMIN, condition=condition), iam=besides)
        assert may(stage.world, row.operation, stage.request(row)) is allowed, "by the key policy"


def key_keys(kind: str) -> dict[str, str]:
    """What every request on a key of the stage has, and what only IAM policies see."""
    specs = {
        "symmetric": ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
        "external": ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
        "signing": ("ECC_NIST_P256", "SIGN_VERIFY"),
        "mac": ("HMAC_256", "GENERATE_VERIFY_MAC"),
        "agreement": ("ECC_NIST_P256", "KEY_AGREEMENT"),
        "kem": ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE"),
    }
    spec, usage = specs[kind]
    return {
        "kms:CallerAccount": ALICE_ACCOUNT,
        "kms:KeySpec": spec,
        "kms:KeyUsage": usage,
        "kms:CustomerMasterKeySpec": spec,
        "kms:CustomerMasterKeyUsage": usage,
        "kms:KeyOrigin": "EXTERNAL" if kind == "external" else "AWS_KMS",
        "kms:MultiRegion": "false",
        "aws:ResourceAccount": ALICE_ACCOUNT,
    }


IAM_ALONE = {"aws:ResourceTag/team": "blue", "aws:ResourceTag/TEAM": "blue"}


@pytest.mark.parametrize("operation", ON_KEY)
def test_what_every_key_says_for_conditions(stage: Stage, operation: str) -> None:
    """Spec, usage, origin and owner count in both kinds of policy; tags and aliases of the key in IAM alone."""
    kind = ON_KEY[operation][0]
    request = stage.request(Row(operation, {}, "", "", "", ""))
    shared = key_keys(kind)
    aliases = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{kind}"}}
    besides = needed_besides(operation)
    stage.by_iam(allow(f"kms:{operation}", condition={"StringEquals": shared | IAM_ALONE, **aliases}), *besides)
    assert may(stage.world, operation, request)
    stage.by_key_policy(allow(f"kms:{operation}", principal=ADMIN, condition={"StringEquals": shared}), iam=besides)
    assert may(stage.world, operation, request)
    for key in shared | IAM_ALONE:
        stage.by_iam(allow(f"kms:{operation}", condition={"StringEquals": {key: "other"}}))
        assert not may(stage.world, operation, request), key
    for condition in (*({"StringEquals": {key: value}} for key, value in IAM_ALONE.items()), aliases):
        stage.by_key_policy(allow(f"kms:{operation}", principal=ADMIN, condition=condition))
        assert not may(stage.world, operation, request), condition


@pytest.mark.parametrize("operation", BY_ALIAS)
def test_the_alias_of_a_request_counts_only_if_it_named_the_key(stage: Stage, operation: str) -> None:
    """By alias name and alias ARN it is the name; by key ID and key ARN it is absent, whatever aliases the key has."""
    kind = ON_KEY[operation][0]
    row = Row(operation, {}, "", "", "", "")
    key_id, name = stage.keys[kind], f"alias/{kind}"
    key_arn = KEYS.replace("*", key_id)
    by_alias = [name, ALIASES.replace("alias/*", name)]
    for value in (name, "alias/other"):
        condition = {"StringEquals": {"kms:RequestAlias": value}}
        for in_iam in (True, False):
            if in_iam:
                stage.by_iam(allow(f"kms:{operation}", condition=condition))
            else:
                stage.by_key_policy(allow(f"kms:{operation}", principal=ADMIN, condition=condition))
            for named in (*by_alias, key_id, key_arn):
                allowed = may(stage.world, operation, stage.request(row, named=named))
                assert allowed is (named in by_alias and value == name), (in_iam, named)


@pytest.mark.parametrize(("parameters", "operator", "key", "holds", "fails"), NEW_KEY)
def test_conditions_of_create_key(
    stage: Stage, parameters: dict[str, Any], operator: str, key: str, holds: Any, fails: Any
) -> None:
    """CreateKey says what is to be made, by parameters or by their defaults; what was not sent is absent."""
    for value, allowed in ((holds, True), (fails, False)):
        only(stage.world, allow("kms:CreateKey", condition={operator: {key: value}}), allow("kms:TagResource"))
        assert may(stage.world, "CreateKey", parameters) is allowed


class TestTagsOfANewKey:
    """CreateKey with tags needs kms:TagResource by IAM, on nothing in particular."""

    def test_it_is_needed_with_tags_only(self, stage: Stage) -> None:
        """Permission to create is enough without tags, and not with them; its text names kms:TagResource."""
        only(stage.world, allow("kms:CreateKey"))
        assert may(stage.world, "CreateKey", {})
        assert may(stage.world, "CreateKey", {"Tags": []})
        code, text = stage.world.refusal("CreateKey", {"Tags": [TAG]})
        why = "because no identity-based policy allows the kms:TagResource action"
        assert (code, text) == (
            "AccessDeniedException",
            f"User: {ADMIN} is not authorized to perform: kms:TagResource {why}",
        )

    def test_the_policy_of_the_new_key_does_not_count(self, stage: Stage) -> None:
        """However much it allows."""
        only(stage.world, allow("kms:CreateKey"))
        policy = document(allow("kms:*", principal="*"))
        assert not may(stage.world, "CreateKey", {"Tags": [TAG], "Policy": policy})

    def test_conditions_on_its_tags(self, stage: Stage) -> None:
        """The tags of the request are asked of kms:TagResource as well."""
        for value, allowed in (("blue", True), ("red", False)):
            condition = {"StringEquals": {"aws:RequestTag/team": value}}
            only(stage.world, allow("kms:CreateKey"), allow("kms:TagResource", condition=condition))
            assert may(stage.world, "CreateKey", {"Tags": [TAG]}) is allowed


@pytest.mark.parametrize(("half", "parameters", "operator", "key", "holds", "fails"), RE_ENCRYPT_ROWS)
def test_the_two_halves_of_re_encrypt(
    stage: Stage, half: str, parameters: dict[str, Any], operator: str, key: str, holds: Any, fails: Any
) -> None:
    """Each half is asked with its own encryption context and alias; both know whether it is one key."""
    request = {
        "CiphertextBlob": stage.blobs["in"],
        "SourceEncryptionContext": CONTEXT,
        "DestinationKeyId": "alias/other",
        "DestinationEncryptionContext": {"purpose": "new", "more": "x"},
        **parameters,
    }
    other = "kms:ReEncryptTo" if half == "From" else "kms:ReEncryptFrom"
    for value, allowed in ((holds, True), (fails, False)):
        condition = {operator: {key: value}}
        stage.by_iam(allow(f"kms:ReEncrypt{half}", condition=condition), allow(other))
        assert may(stage.world, "ReEncrypt", request) is allowed
        named = allow(f"kms:ReEncrypt{half}", principal=ADMIN, condition=condition)
        stage.by_key_policy(named, allow(other, principal=ADMIN))
        assert may(stage.world, "ReEncrypt", request) is allowed


@pytest.mark.parametrize("operation", ["CreateAlias", "UpdateAlias", "DeleteAlias"])
@pytest.mark.parametrize("spec", ["SYMMETRIC_DEFAULT", "HMAC_256"])
def test_conditions_on_the_keys_of_an_alias(stage: Stage, operation: str, spec: str) -> None:
    """The keys behind an alias have the conditions of every key; the alias has none of them."""
    action, condition = f"kms:{operation}", {"StringEquals": {"kms:KeySpec": spec}}
    on_alias = allow(action, resource=ALIASES)
    holds = spec == "SYMMETRIC_DEFAULT"

    def attempt() -> bool:
        target = {} if operation == "DeleteAlias" else {"TargetKeyId": stage.keys["other"]}
        return may(stage.world, operation, {"AliasName": names.pop(), **target})

    names = [fresh_alias(stage, exists=operation != "CreateAlias") for _ in range(3)]
    stage.by_iam(on_alias, allow(action, resource=KEYS, condition=condition))
    assert attempt() is holds
    stage.by_key_policy(allow(action, principal=ADMIN, condition=condition), iam=[on_alias])
    assert attempt() is holds
    stage.by_iam(allow(action, resource=ALIASES, condition=condition), allow(action, resource=KEYS))
    assert not attempt()


def fresh_alias(stage: Stage, *, exists: bool) -> str:
    """A name that no other test has, of the symmetric key if it is to exist."""
    name = f"alias/fresh-{stage.world.entropy.uuid()}"
    if exists:
        alias = Alias(
            account_id=ALICE_ACCOUNT,
            region=REGION,
            alias_name=name,
            target_key_id=stage.keys["symmetric"],
            created_at=0.0,
            updated_at=0.0,
        )
        stage.world.database.commit([Put(alias)])
    return name


@pytest.mark.parametrize("operation", ["ListKeys", "ListAliases", "GenerateRandom", "CreateKey", "ListRetirableGrants"])
def test_an_operation_without_a_key_has_no_key_to_say_anything_of(stage: Stage, operation: str) -> None:
    """A condition on what keys have never holds for it, and its absence does; CreateKey has what it is to make."""
    parameters: dict[str, dict[str, Any]] = {
        "ListRetirableGrants": {"RetiringPrincipal": ADMIN},
        "GenerateRandom": {"NumberOfBytes": 1},
    }
    request = parameters.get(operation, {})
    for key in ("aws:ResourceTag/team", "kms:ResourceAliases", "kms:RequestAlias"):
        only(stage.world, allow(f"kms:{operation}", condition={"StringLike": {key: "*"}}))
        assert not may(stage.world, operation, request), key
        only(stage.world, allow(f"kms:{operation}", condition={"Null": {key: "true"}}))
        assert may(stage.world, operation, request), key


class TestRetiring:
    """RetireGrant by IAM, in the account that made the grant."""

    def retire(self, stage: Stage, *statements: Statement) -> bool:
        stage.by_iam(*statements)
        constrained = {"Constraints": {"EncryptionContextSubset": CONTEXT}}
        grant = {"KeyId": stage.keys["symmetric"], "GranteePrincipal": f"arn:aws:iam::{BOB_ACCOUNT}:root"}
        made = stage.world.call("CreateGrant", {**grant, "Operations": ["Decrypt"], **constrained}, by=BY_ROOT)
        return may(stage.world, "RetireGrant", {"KeyId": stage.keys["symmetric"], "GrantId": made["GrantId"]})

    def test_the_conditions_of_its_key(self, stage: Stage) -> None:
        """Spec and tags of the KMS key count."""
        for key, holds in (("kms:KeySpec", "SYMMETRIC_DEFAULT"), ("aws:ResourceTag/team", "blue")):
            for value in (holds, "other"):
                conditional = allow("kms:RetireGrant", condition={"StringEquals": {key: value}})
                assert self.retire(stage, conditional) is (value == holds)

    def test_the_constraint_of_the_grant(self, stage: Stage) -> None:
        """kms:GrantConstraintType is documented for RetireGrant, too."""
        condition = {"StringEquals": {"kms:GrantConstraintType": "EncryptionContextSubset"}}
        assert self.retire(stage, allow("kms:RetireGrant", condition=condition))


def test_what_create_key_says_of_a_multi_region_key() -> None:
    """It will be a primary key."""
    keys = of_new_key(CreateKeyRequest(multi_region=True))
    assert (keys["kms:MultiRegion"], keys["kms:MultiRegionKeyType"]) == ("true", "PRIMARY")


def test_a_grant_for_a_service_says_so() -> None:
    """CreateGrant names services by keys of their own, and the resource that they act for."""
    request = CreateGrantRequest(
        key_id="k",
        operations=("Decrypt",),
        grantee_service_principal="ec2.amazonaws.com",
        retiring_service_principal="rds.amazonaws.com",
        constraints=GrantConstraints(source_arn="arn:aws:ec2:::i"),
    )
    assert of_new_grant(request) == {
        "kms:GrantIsForAWSResource": "false",
        "kms:GrantOperations": ("Decrypt",),
        "kms:GranteeServicePrincipal": "ec2.amazonaws.com",
        "kms:RetiringServicePrincipal": "rds.amazonaws.com",
        "kms:GrantConstraintSourceArn": "arn:aws:ec2:::i",
    }


class TestTwoNamesThatDifferInCase:
    """A client cannot hide a pair of its encryption context, or a tag, behind another of the same name."""

    def test_an_allow_needs_both(self, stage: Stage) -> None:
        """With an allowed and a forbidden value under names that differ in case alone, the condition does not hold."""
        condition = {"StringEquals": {"kms:EncryptionContext:purpose": "audit"}}
        stage.by_iam(allow("kms:Encrypt", condition=condition))
        request: dict[str, Any] = {"KeyId": stage.keys["symmetric"], "Plaintext": "AA=="}
        assert may(stage.world, "Encrypt", {**request, "EncryptionContext": {"Purpose": "audit"}})
        for context in ({"purpose": "audit", "Purpose": "x"}, {"Purpose": "x", "purpose": "audit"}):
            assert not may(stage.world, "Encrypt", {**request, "EncryptionContext": context})

    def test_a_deny_needs_one(self, stage: Stage) -> None:
        """A Deny of a value finds it under any of the names."""
        condition = {"StringEquals": {"kms:EncryptionContext:purpose": "x"}}
        stage.by_iam(allow("kms:Encrypt"), deny("kms:Encrypt", condition=condition))
        request: dict[str, Any] = {"KeyId": stage.keys["symmetric"], "Plaintext": "AA=="}
        for context in ({"purpose": "audit", "Purpose": "x"}, {"Purpose": "x", "purpose": "audit"}):
            assert not may(stage.world, "Encrypt", {**request, "EncryptionContext": context})
        assert may(stage.world, "Encrypt", {**request, "EncryptionContext": {"Purpose": "audit"}})

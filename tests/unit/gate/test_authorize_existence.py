"""A stranger cannot find out what another account has: what is closed to them and what does not exist look alike.

A stranger writes their own IAM policies. So the tests try policies that would answer for what the caller may not know:
each denies, or allows, by something that only an existing resource has.
"""

from typing import Any

import pytest

from harness.policies import (
    Statement,
    allow,
    change_user,
    deny,
    document,
    new_managed_policy,
    new_role,
    only,
    set_key_policy,
)
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.domain.tags import Tag
from unit.gate.asked_permissions import ROOT

UNKNOWN = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:key/00000000-0000-0000-0000-000000000000"
OF_BOB = f"arn:aws:iam::{BOB_ACCOUNT}:user/admin"

# A condition that holds for a key that exists and for none that does not, or the other way round.
TELLING: dict[str, dict[str, Any]] = {
    "its spec": {"StringLike": {"kms:KeySpec": "*"}},
    "its absence": {"Null": {"kms:KeyUsage": "true"}},
    "its origin": {"StringEquals": {"kms:KeyOrigin": "AWS_KMS"}},
    "a tag": {"StringEquals": {"aws:ResourceTag/team": "blue"}},
    "an alias": {"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/secret*"}},
}


@pytest.fixture
def key(world: World) -> dict[str, Any]:
    """Alice's, closed to Bob, with an alias and a tag."""
    key = world.make_key(Tags=[{"TagKey": "team", "TagValue": "blue"}])
    world.call("CreateAlias", {"AliasName": "alias/secret", "TargetKeyId": key["KeyId"]})
    return key


def told(world: World, operation: str, arn: str, **parameters: Any) -> str:
    """The refusal that Bob gets, without the name that he gave himself."""
    code, text = world.refusal(operation, {"KeyId": arn, **parameters}, by=BOB_ACCOUNT)
    assert code == "AccessDeniedException"
    assert text is not None
    return text.replace(arn, "ARN")


class TestKeys:
    """A key of another account."""

    @pytest.mark.parametrize("what", TELLING)
    def test_an_allow_by_what_only_a_key_has(self, world: World, key: dict[str, Any], what: str) -> None:
        """Whether the caller's own Allow held is not told."""
        only(world, allow("kms:*", condition=TELLING[what]), account_id=BOB_ACCOUNT)
        assert told(world, "DescribeKey", key["Arn"]) == told(world, "DescribeKey", UNKNOWN)

    @pytest.mark.parametrize("what", TELLING)
    def test_a_deny_by_what_only_a_key_has(self, world: World, key: dict[str, Any], what: str) -> None:
        """Nor whether the caller's own Deny did: it would read tags and aliases of others."""
        only(world, allow("kms:*"), deny("kms:*", condition=TELLING[what]), account_id=BOB_ACCOUNT)
        assert told(world, "DescribeKey", key["Arn"]) == told(world, "DescribeKey", UNKNOWN)

    @pytest.mark.parametrize("what", TELLING)
    def test_a_boundary_by_what_only_a_key_has(self, world: World, key: dict[str, Any], what: str) -> None:
        """A permissions boundary is a policy that the caller's account writes, too."""
        text = document(allow("kms:*"), deny("kms:*", condition=TELLING[what]))
        boundary = new_managed_policy(world, "b", text, account_id=BOB_ACCOUNT)
        change_user(world, account_id=BOB_ACCOUNT, permissions_boundary=boundary.arn)
        assert told(world, "DescribeKey", key["Arn"]) == told(world, "DescribeKey", UNKNOWN)

    def test_a_key_policy_that_denies(self, world: World, key: dict[str, Any]) -> None:
        """Of a caller who is denied by IAM as well the key policy's Deny is not told apart from no key."""
        set_key_policy(world, key["KeyId"], allow("kms:*", principal=ROOT), deny("kms:*", principal=OF_BOB))
        only(world, deny("kms:*"), account_id=BOB_ACCOUNT)
        assert told(world, "DescribeKey", key["Arn"]) == told(world, "DescribeKey", UNKNOWN)

    @pytest.mark.parametrize("policy", ["closed", "denying", "unreadable"])
    @pytest.mark.parametrize("statements", [[], [allow("kms:*")], [allow("s3:*")]])
    def test_however_it_is_closed(
        self, world: World, key: dict[str, Any], policy: str, statements: list[Statement]
    ) -> None:
        """By no Allow, by a Deny, by a policy that cannot be read; whatever the caller's own account allows."""
        if policy == "denying":
            set_key_policy(world, key["KeyId"], allow("kms:*", principal="*"), deny("kms:*", principal=OF_BOB))
        elif policy == "unreadable":
            set_key_policy(world, key["KeyId"])
        only(world, *statements, account_id=BOB_ACCOUNT)
        assert told(world, "DescribeKey", key["Arn"]) == told(world, "DescribeKey", UNKNOWN)

    def test_blobs(self, world: World, key: dict[str, Any]) -> None:
        """Of a blob nothing is told, whatever denies."""
        blob = world.call("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "AA=="})["CiphertextBlob"]
        texts = {world.refusal("Decrypt", {"CiphertextBlob": blob}, by=BOB_ACCOUNT)}
        for condition in TELLING.values():
            only(world, allow("kms:*"), deny("kms:*", condition=condition), account_id=BOB_ACCOUNT)
            texts.add(world.refusal("Decrypt", {"CiphertextBlob": blob}, by=BOB_ACCOUNT))
        assert len(texts) == 1


class TestAliases:
    """An alias of another account."""

    HERE = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:alias/secret"
    NONE = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:alias/none"

    def test_an_allow_for_the_key_behind_it(self, world: World, key: dict[str, Any]) -> None:
        """An IAM policy that names the key's ARN does not say which key the alias has."""
        only(world, allow("kms:*", resource=key["Arn"]), account_id=BOB_ACCOUNT)
        assert told(world, "DescribeKey", self.HERE) == told(world, "DescribeKey", self.NONE)

    @pytest.mark.parametrize("resource", ["key/*", "key/0*"])
    def test_a_deny_for_the_key_behind_it(self, world: World, key: dict[str, Any], resource: str) -> None:
        """A Deny by a pattern of key IDs would give the ID away, character by character."""
        denied = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:{resource}"
        only(world, allow("kms:*"), deny("kms:*", resource=denied), account_id=BOB_ACCOUNT)
        assert key["KeyId"].startswith("0")
        assert told(world, "DescribeKey", self.HERE) == told(world, "DescribeKey", self.NONE)


class TestGrants:
    """A grant on another account's key."""

    def retiring(self, world: World, arn: str, grant_id: str) -> str:
        return told(world, "RetireGrant", arn, GrantId=grant_id).replace(grant_id, "ID")

    @pytest.fixture
    def grant_id(self, world: World, key: dict[str, Any]) -> str:
        grant = {"KeyId": key["KeyId"], "GranteePrincipal": ROOT, "Operations": ["Decrypt"]}
        made: str = world.call("CreateGrant", grant)["GrantId"]
        return made

    @pytest.mark.parametrize("statements", [[], [allow("kms:*")]])
    def test_to_retire_it(self, world: World, key: dict[str, Any], grant_id: str, statements: list[Statement]) -> None:
        """A grant of others, a grant ID that is none, and a key that is none are refused alike."""
        only(world, *statements, account_id=BOB_ACCOUNT)
        texts = {
            self.retiring(world, key["Arn"], grant_id),
            self.retiring(world, key["Arn"], "0" * 64),
            self.retiring(world, UNKNOWN, grant_id),
        }
        assert len(texts) == 1

    def test_to_retire_it_with_a_deny(self, world: World, key: dict[str, Any], grant_id: str) -> None:
        """Also where the caller's own Deny depends on the key."""
        only(world, allow("kms:*"), deny("kms:*", condition=TELLING["a tag"]), account_id=BOB_ACCOUNT)
        assert self.retiring(world, key["Arn"], grant_id) == self.retiring(world, UNKNOWN, grant_id)


class TestRoles:
    """A role of another account."""

    def told(self, world: World, name: str) -> str:
        arn = f"arn:aws:iam::{ALICE_ACCOUNT}:role/{name}"
        status, code, text = world.sts_refusal("AssumeRole", {"RoleArn": arn, "RoleSessionName": "s1"}, by=BOB_ACCOUNT)
        assert (status, code) == (403, "AccessDenied")
        assert text is not None
        return text.replace(arn, "ARN")

    @pytest.fixture
    def world(self) -> World:
        world = World()
        trust = '{"Version": "2012-10-17", "Statement": %s}'
        statement = '{"Effect": "%s", "Principal": {"AWS": "%s"}, "Action": "sts:AssumeRole"}'
        tags = (Tag("team", "blue"),)
        new_role(world, "closed", trust % (statement % ("Allow", ROOT)), tags=tags)
        denying = [statement % ("Allow", "*"), statement % ("Deny", OF_BOB)]
        new_role(world, "denying", trust % f"[{', '.join(denying)}]", tags=tags)
        return world

    @pytest.mark.parametrize("statements", [[], [allow("sts:*")]])
    def test_to_assume_it(self, world: World, statements: list[Statement]) -> None:
        """A role that trusts others, one that denies, and none: one text."""
        only(world, *statements, account_id=BOB_ACCOUNT)
        assert len({self.told(world, name) for name in ("closed", "denying", "none")}) == 1

    def test_to_assume_it_with_a_deny(self, world: World) -> None:
        """Also where the caller's own Deny depends on tags of the role."""
        condition = {"StringEquals": {"aws:ResourceTag/team": "blue"}}
        only(world, allow("sts:*"), deny("sts:*", condition=condition), account_id=BOB_ACCOUNT)
        assert len({self.told(world, name) for name in ("closed", "none")}) == 1

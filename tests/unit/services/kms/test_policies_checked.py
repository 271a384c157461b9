"""What a new key policy is checked for: principals that exist, and a caller who can set the next one.

Source: AWS KMS API Reference, "PutKeyPolicy", parameter BypassPolicyLockoutSafetyCheck; KMS developer guide, "Default
key policy".
"""

from typing import Any

import pytest

from harness.policies import (
    Statement,
    allow,
    change_user,
    deny,
    document,
    inline,
    may,
    new_managed_policy,
    new_role,
    new_session,
    new_user,
    only,
    user_of,
)
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.domain.iam.callers import CallerKind
from selfkms.domain.records import Put, Remove
from selfkms.domain.tags import Tag

ADMIN = f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"
ROOT = f"arn:aws:iam::{ALICE_ACCOUNT}:root"
BY_ROOT = f"{ALICE_ACCOUNT}-root"
NO_ACCOUNT = "999900009999"
MALFORMED = "MalformedPolicyDocumentException"
PRINCIPALS = (MALFORMED, "Policy contains a statement with one or more invalid principals.")
LOCKOUT = (MALFORMED, "The new key policy will not allow you to update the key policy in the future.")


def put(world: World, key_id: str, *statements: Statement, by: str = ALICE_ACCOUNT, **parameters: Any) -> None:
    """PutKeyPolicy."""
    world.call("PutKeyPolicy", {"KeyId": key_id, "Policy": document(*statements), **parameters}, by=by)


def refusal(
    world: World, key_id: str, *statements: Statement, by: str = ALICE_ACCOUNT, **parameters: Any
) -> tuple[str, str | None]:
    """How PutKeyPolicy is refused; CreateKey is refused alike."""
    text = document(*statements)
    refused = world.refusal("PutKeyPolicy", {"KeyId": key_id, "Policy": text, **parameters}, by=by)
    assert world.refusal("CreateKey", {"Policy": text, **parameters}, by=by) == refused
    return refused


class TestPrincipals:
    """Users and roles of accounts of this installation must exist, by their whole ARN."""

    @pytest.fixture
    def key_id(self, world: World) -> str:
        new_user(world, "carol", path="/team/")
        new_role(world, "reader", "", path="/team/")
        made: str = world.make_key()["KeyId"]
        return made

    @pytest.mark.parametrize(
        "principal",
        [
            f"arn:aws:iam::{ALICE_ACCOUNT}:user/none",
            f"arn:aws:iam::{ALICE_ACCOUNT}:user/carol",
            f"arn:aws:iam::{ALICE_ACCOUNT}:user/team/Carol",
            f"arn:aws:iam::{ALICE_ACCOUNT}:role/none",
            f"arn:aws:iam::{ALICE_ACCOUNT}:role/reader",
            f"arn:aws:iam::{ALICE_ACCOUNT}:role/team/carol",
            f"arn:aws:iam::{BOB_ACCOUNT}:user/none",
            f"arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/none/s1",
            f"arn:aws:iam::{ALICE_ACCOUNT}:group/admins",
            f"arn:aws:iam::{ALICE_ACCOUNT}:user/*",
            "user/admin",
        ],
    )
    @pytest.mark.parametrize("effect", [allow, deny])
    @pytest.mark.parametrize("bypass", [{}, {"BypassPolicyLockoutSafetyCheck": True}])
    def test_one_that_does_not_exist(
        self, world: World, key_id: str, principal: str, effect: Any, bypass: dict[str, Any]
    ) -> None:
        """Refused in an Allow and in a Deny, among others, and also when the lockout check is skipped."""
        statements = [allow("kms:*", principal=[ROOT, ADMIN]), effect("kms:Encrypt", principal=[ADMIN, principal])]
        assert refusal(world, key_id, *statements, **bypass) == PRINCIPALS

    @pytest.mark.parametrize(
        "principal",
        [
            ADMIN,
            ROOT,
            ALICE_ACCOUNT,
            f"arn:aws:iam::{ALICE_ACCOUNT}:user/team/carol",
            f"arn:aws:iam::{ALICE_ACCOUNT}:role/team/reader",
            f"arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/reader/any",
            f"arn:aws:sts::{ALICE_ACCOUNT}:federated-user/any",
            f"arn:aws:iam::{BOB_ACCOUNT}:user/admin",
            f"arn:aws:iam::{NO_ACCOUNT}:root",
            f"arn:aws:iam::{NO_ACCOUNT}:user/any",
            NO_ACCOUNT,
            "*",
        ],
    )
    def test_those_that_are_taken(self, world: World, key_id: str, principal: str) -> None:
        """Of accounts elsewhere nothing is known, so they are taken as they are."""
        put(world, key_id, allow("kms:*", principal=[ROOT, ADMIN]), allow("kms:Encrypt", principal=principal))

    def test_a_not_principal_is_checked_too(self, world: World, key_id: str) -> None:
        """It names somebody as well."""
        statement = deny("kms:Encrypt")
        statement["NotPrincipal"] = {"AWS": f"arn:aws:iam::{ALICE_ACCOUNT}:user/none"}
        assert refusal(world, key_id, allow("kms:*", principal="*"), statement) == PRINCIPALS


class TestMadeAnew:
    """A user or a role that was deleted and made again under its name is not the one that the policy named."""

    @pytest.mark.parametrize("effect", ["Allow", "Deny"])
    def test_a_user(self, world: World, effect: str) -> None:
        """Neither what it was allowed nor what it was denied concerns the new one; put again, the policy does."""
        carol = new_user(world, "carol", inline_policies=inline(document(allow("kms:*"))))
        key_id = world.make_key()["KeyId"]
        named = allow("kms:Encrypt", principal=carol.arn) | {"Effect": effect}
        others = allow("kms:*", principal=ADMIN if effect == "Allow" else [ADMIN, ROOT])
        request = {"KeyId": key_id, "Plaintext": "AA=="}
        put(world, key_id, others, named)
        assert may(world, "Encrypt", request, by="carol") is (effect == "Allow")
        world.database.commit([Remove(user_of(world, "carol"))])
        world.database.commit([Put(carol.changed(user_id="AIDACAROL2", row_version=0))])
        assert may(world, "Encrypt", request, by="carol") is (effect == "Deny")
        put(world, key_id, others, named)
        assert may(world, "Encrypt", request, by="carol") is (effect == "Allow")

    def test_a_role(self, world: World) -> None:
        """Neither the role nor a session that was named."""
        role = new_role(world, "reader", "")
        key_id = world.make_key()["KeyId"]
        request = {"KeyId": key_id, "Plaintext": "AA=="}
        session = f"arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/reader/s1"
        for principal in (role.arn, session):
            present = world.database.role(ALICE_ACCOUNT, "reader")
            assert present is not None
            put(world, key_id, allow("kms:*", principal=ADMIN), allow("kms:Encrypt", principal=principal))
            new_session(world, "s1", present, kind=CallerKind.ROLE)
            assert may(world, "Encrypt", request, by="s1")
            world.database.commit([Remove(present)])
            anew = role.changed(role_id=present.role_id + "X", row_version=0)
            world.database.commit([Put(anew)])
            new_session(world, "s1", anew, kind=CallerKind.ROLE)
            assert not may(world, "Encrypt", request, by="s1")


class TestLockout:
    """The check is the very decision that the next PutKeyPolicy would meet."""

    @pytest.fixture
    def key_id(self, world: World) -> str:
        made: str = world.make_key()["KeyId"]
        return made

    DELEGATING = allow("kms:*", principal=ROOT)

    @pytest.mark.parametrize(
        ("iam", "stays"),
        [
            ([allow("kms:*")], True),
            ([allow("kms:PutKeyPolicy"), allow("kms:CreateKey")], True),
            ([allow("kms:CreateKey"), allow("kms:Describe*")], False),
            ([allow("kms:*"), deny("kms:PutKeyPolicy")], False),
            ([allow("kms:*", condition={"StringEquals": {"aws:RequestedRegion": REGION}})], True),
            ([allow("kms:CreateKey"), allow("kms:*", condition={"StringEquals": {"kms:KeySpec": "HMAC_256"}})], False),
            ([allow("kms:CreateKey"), allow("kms:*", condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})], False),
            ([allow("kms:CreateKey"), allow("kms:PutKeyPolicy", resource="arn:aws:kms:*:*:key/*")], True),
        ],
    )
    def test_delegation_counts_with_what_iam_allows(self, world: World, iam: list[Statement], *, stays: bool) -> None:
        """A key policy that lets the account in keeps whoever IAM lets set key policies."""
        only(world, *iam)
        parameters = {"Policy": document(self.DELEGATING)}
        if stays:
            world.call("CreateKey", parameters)
        else:
            assert world.refusal("CreateKey", parameters) == LOCKOUT

    def test_a_boundary_counts(self, world: World) -> None:
        """What the caller's boundary does not allow, the caller could not do."""
        boundary = new_managed_policy(world, "b", document(allow("kms:*"), deny("kms:PutKeyPolicy")))
        only(world, allow("kms:*"))
        change_user(world, permissions_boundary=boundary.arn)
        assert world.refusal("CreateKey", {"Policy": document(self.DELEGATING)}) == LOCKOUT

    @pytest.mark.parametrize(
        ("condition", "stays"),
        [
            ({"StringEquals": {"aws:PrincipalTag/team": "keys"}}, True),
            ({"StringEquals": {"aws:PrincipalTag/team": "other"}}, False),
            ({"ArnEquals": {"aws:PrincipalArn": ADMIN}}, True),
            ({"StringEquals": {"kms:CallerAccount": BOB_ACCOUNT}}, False),
            ({"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}, False),
            ({"Bool": {"aws:SecureTransport": "true"}}, False),
            ({"Null": {"kms:BypassPolicyLockoutSafetyCheck": "true"}}, True),
            ({"StringEquals": {"aws:ResourceTag/team": "keys"}}, False),
        ],
    )
    def test_conditions_of_the_new_policy(
        self, world: World, key_id: str, condition: dict[str, Any], *, stays: bool
    ) -> None:
        """Asked with what this request says; tags of the key count in no key policy."""
        change_user(world, tags=(Tag("team", "keys"),))
        statement = allow("kms:*", principal="*", condition=condition)
        if stays:
            put(world, key_id, statement)
        else:
            assert refusal(world, key_id, statement) == LOCKOUT

    def test_a_deny_of_the_new_policy(self, world: World, key_id: str) -> None:
        """Wins over whatever it allows; one for others does not matter."""
        everyone = allow("kms:*", principal="*")
        assert refusal(world, key_id, everyone, deny("kms:*", principal=ADMIN)) == LOCKOUT
        condition = {"StringNotEquals": {"aws:PrincipalTag/team": "keys"}}
        assert refusal(world, key_id, everyone, deny("kms:*", principal="*", condition=condition)) == LOCKOUT
        put(world, key_id, everyone, deny("kms:*", principal=f"arn:aws:iam::{BOB_ACCOUNT}:root"))

    def test_tags_of_the_key_count_for_iam(self, world: World) -> None:
        """Of a new key those that the request brings."""
        tagged = {"StringEquals": {"aws:ResourceTag/team": "keys"}}
        only(world, allow("kms:CreateKey"), allow("kms:TagResource"), allow("kms:PutKeyPolicy", condition=tagged))
        parameters: dict[str, Any] = {"Policy": document(self.DELEGATING)}
        assert world.refusal("CreateKey", parameters) == LOCKOUT
        world.call("CreateKey", {**parameters, "Tags": [{"TagKey": "team", "TagValue": "keys"}]})

    def test_aliases_of_the_key_count_for_iam(self, world: World, key_id: str) -> None:
        """Whoever may set the policy of the keys of an alias is not locked out of one of them."""
        world.call("CreateAlias", {"AliasName": "alias/mine", "TargetKeyId": key_id})
        only(world, allow("kms:*", condition={"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/mine"}}))
        put(world, key_id, self.DELEGATING)

    def test_grants_do_not_count(self, world: World, key_id: str) -> None:
        """No grant lets anybody set key policies."""
        grant = {"KeyId": key_id, "GranteePrincipal": ADMIN, "Operations": ["Encrypt", "CreateGrant"]}
        world.call("CreateGrant", grant)
        assert refusal(world, key_id, allow("kms:*", principal=BOB_ACCOUNT)) == LOCKOUT

    def test_it_can_be_skipped_by_whoever_may(self, world: World, key_id: str) -> None:
        """The bypass is for the check alone; an IAM policy can forbid it, whether it is true or merely sent."""
        closing = allow("kms:*", principal=BOB_ACCOUNT)
        forbidding = deny("kms:*", condition={"Bool": {"kms:BypassPolicyLockoutSafetyCheck": "true"}})
        only(world, allow("kms:*"), forbidding)
        skipping = {"KeyId": key_id, "Policy": document(closing), "BypassPolicyLockoutSafetyCheck": True}
        assert world.refusal("PutKeyPolicy", skipping)[0] == "AccessDeniedException"
        assert refusal(world, key_id, closing, BypassPolicyLockoutSafetyCheck=False) == LOCKOUT
        sent = deny("kms:*", condition={"Null": {"kms:BypassPolicyLockoutSafetyCheck": "false"}})
        only(world, allow("kms:*"), sent)
        put(world, key_id, self.DELEGATING)
        assert world.refusal("PutKeyPolicy", {**skipping, "BypassPolicyLockoutSafetyCheck": False})[0] == (
            "AccessDeniedException"
        )
        only(world, allow("kms:*"))
        world.call("PutKeyPolicy", skipping)

    def test_the_default_policy_is_not_checked(self, world: World) -> None:
        """Who may only create keys makes one, with the default policy if none is given; the same text is refused."""
        only(world, allow("kms:CreateKey"))
        key_id = world.make_key()["KeyId"]
        text = world.call("GetKeyPolicy", {"KeyId": key_id}, by=BY_ROOT)["Policy"]
        assert world.refusal("CreateKey", {"Policy": text}) == LOCKOUT

    def test_root(self, world: World, key_id: str) -> None:
        """The root user needs its account in the policy, and no IAM."""
        put(world, key_id, self.DELEGATING, by=BY_ROOT)
        assert refusal(world, key_id, allow("kms:*", principal=ADMIN), by=BY_ROOT) == LOCKOUT

    def test_a_role_session(self, world: World) -> None:
        """Is kept by a policy that names its role, unless its session policies do not allow it."""
        role = new_role(world, "keeper", "", inline_policies=inline(document(allow("kms:CreateKey"))))
        new_session(world, "s1", role, kind=CallerKind.ROLE)
        limits = {"policies": (document(allow("kms:CreateKey")),), "restricted": True}
        new_session(world, "s2", role, kind=CallerKind.ROLE, **limits)
        parameters = {"Policy": document(allow("kms:*", principal=role.arn))}
        world.call("CreateKey", parameters, by="s1")
        assert world.refusal("CreateKey", parameters, by="s2") == LOCKOUT

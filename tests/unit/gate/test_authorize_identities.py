"""Users who are renamed, and federated users: who they are to policies and grants."""

from typing import Any

import pytest

from harness.policies import allow, can, deny, document, inline, new_session, new_user, only
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.arns import federated_user_arn, role_arn, root_arn, user_arn
from selfkms.domain.iam.callers import CallerKind

MALLORY = user_arn(ALICE_ACCOUNT, "/", "mallory")
ALICE_ROOT, BOB_ROOT = root_arn(ALICE_ACCOUNT), root_arn(BOB_ACCOUNT)


class TestRenamedUsers:
    """Unique ID and not name: what a key policy says of a user."""

    @pytest.mark.parametrize("new", [{"NewUserName": "innocent"}, {"NewPath": "/elsewhere/"}])
    def test_a_deny_follows_its_user(self, world: World, new: dict[str, str]) -> None:
        """Whom a key policy denies cannot get around it by another name or path for the same user."""
        new_user(world, "mallory", inline_policies=inline(document(allow("iam:UpdateUser"), allow("kms:*"))))
        key = world.make_key()
        policy = document(allow("kms:*", principal=ALICE_ROOT), deny("kms:Encrypt", principal=MALLORY))
        world.call("PutKeyPolicy", {"KeyId": key["KeyId"], "Policy": policy})
        request = {"KeyId": key["KeyId"], "Plaintext": "AAAA"}
        assert not can(lambda: world.call("Encrypt", request, by="mallory"))
        world.iam("UpdateUser", {"UserName": "mallory", **new}, by="mallory")
        assert not can(lambda: world.call("Encrypt", request, by="mallory"))

    def test_a_deny_of_a_trust_policy_follows_its_user(self, world: World) -> None:
        """So of whom a role does not trust."""
        new_user(world, "mallory", inline_policies=inline(document(allow(["iam:UpdateUser", "sts:AssumeRole"]))))
        trust = document(
            {"Effect": "Allow", "Principal": {"AWS": ALICE_ROOT}, "Action": "sts:AssumeRole"},
            {"Effect": "Deny", "Principal": {"AWS": MALLORY}, "Action": "sts:AssumeRole"},
        )
        world.iam("CreateRole", {"RoleName": "ops", "AssumeRolePolicyDocument": trust})
        request = {"RoleArn": role_arn(ALICE_ACCOUNT, "/", "ops"), "RoleSessionName": "me"}
        assert not can(lambda: world.sts("AssumeRole", request, by="mallory"))
        world.iam("UpdateUser", {"UserName": "mallory", "NewUserName": "innocent"}, by="mallory")
        assert not can(lambda: world.sts("AssumeRole", request, by="mallory"))

    def test_a_deny_follows_the_federated_users_of_its_user(self, world: World) -> None:
        """Nor by another name and then a federated user."""
        may = allow(["iam:UpdateUser", "sts:GetFederationToken", "kms:*"])
        new_user(world, "mallory", inline_policies=inline(document(may)))
        key = world.make_key()["KeyId"]
        policy = document(allow("kms:*", principal=ALICE_ROOT), deny("kms:Encrypt", principal=MALLORY))
        world.call("PutKeyPolicy", {"KeyId": key, "Policy": policy})
        federation = {"Name": "temp", "Policy": document(allow("kms:*"))}
        request = {"KeyId": key, "Plaintext": "AAAA"}
        world.remember("before", world.sts("GetFederationToken", federation, by="mallory")["Credentials"])
        assert not can(lambda: world.call("Encrypt", request, by="before"))
        world.iam("UpdateUser", {"UserName": "mallory", "NewUserName": "innocent"}, by="mallory")
        world.remember("after", world.sts("GetFederationToken", federation, by="mallory")["Credentials"])
        assert not can(lambda: world.call("Encrypt", request, by="after"))


class TestFederatedUsers:
    """GetFederationToken, and what its sessions may do."""

    @pytest.mark.parametrize(
        "statements",
        [
            [allow("sts:*"), deny("sts:GetFederationToken", resource=federated_user_arn(ALICE_ACCOUNT, "auditor"))],
            [{"Effect": "Allow", "Action": "sts:*", "NotResource": federated_user_arn(ALICE_ACCOUNT, "auditor")}],
        ],
    )
    def test_a_name_that_is_denied(self, world: World, statements: list[dict[str, Any]]) -> None:
        """Who may not become the federated user `auditor` does not get what key policies let `auditor` do."""
        only(world, *statements)
        assert not can(lambda: world.sts("GetFederationToken", {"Name": "auditor"}))

    def test_a_name_that_is_allowed(self, world: World) -> None:
        """A permission for one name is one."""
        only(world, allow("sts:GetFederationToken", resource=federated_user_arn(ALICE_ACCOUNT, "auditor")))
        assert can(lambda: world.sts("GetFederationToken", {"Name": "auditor"}))

    def test_grants_of_the_user_behind(self, world: World) -> None:
        """A federated user without session policies has no permissions: no grant that was made to the user either."""
        user = new_user(world, "carol")
        key = world.make_key()["KeyId"]
        world.call("CreateGrant", {"KeyId": key, "GranteePrincipal": user.arn, "Operations": ["Encrypt"]})
        new_session(world, "temp", user, kind=CallerKind.FEDERATED, restricted=True)
        assert not can(lambda: world.call("Encrypt", {"KeyId": key, "Plaintext": "AAAA"}, by="temp"))

    def test_retiring_for_the_user_behind(self, world: World) -> None:
        """Nor does it retire grants that the user may retire."""
        user = new_user(world, "carol")
        key = world.make_key()["KeyId"]
        grant = {"GranteePrincipal": BOB_ROOT, "RetiringPrincipal": user.arn, "Operations": ["Encrypt"]}
        token = world.call("CreateGrant", {"KeyId": key, **grant})["GrantToken"]
        new_session(world, "temp", user, kind=CallerKind.FEDERATED, restricted=True)
        assert not can(lambda: world.call("RetireGrant", {"GrantToken": token}, by="temp"))

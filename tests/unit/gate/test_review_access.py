"""Who may do what, seen by an attacker. A claim that does not hold yet is marked, with its reason."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from harness.policies import (
    allow,
    change_user,
    deny,
    document,
    inline,
    new_group,
    new_role,
    new_session,
    new_user,
    only,
    set_key_policy,
    user_of,
)
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, Refused, World
from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.domain.arns import federated_user_arn, role_arn, root_arn, user_arn
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.iam.callers import CallerKind
from selfkms.domain.iam.principals import AccessKeyStatus, Group
from selfkms.domain.records import Change, Put
from selfkms.ports.database import ConflictError

MALLORY = user_arn(ALICE_ACCOUNT, "/", "mallory")
ALICE_ROOT, BOB_ROOT = root_arn(ALICE_ACCOUNT), root_arn(BOB_ACCOUNT)


def can(call: Callable[[], Any]) -> bool:
    """Whether a request is answered. A refusal other than of access is a mistake of the test."""
    try:
        call()
    except Refused as refused:
        if refused.code not in ("AccessDenied", "AccessDeniedException"):
            raise
        return False
    return True


class InterruptedDatabase(MemoryDatabase):
    """Whatever is to be committed next is overtaken: somebody else commits first, and the request is decided again."""

    def __init__(self) -> None:
        super().__init__()
        self.first: Callable[[], None] | None = None

    def commit(self, changes: Sequence[Change], audit: Sequence[AuditRecord] = ()) -> None:
        if self.first is not None:
            first, self.first = self.first, None
            first()
            raise ConflictError
        super().commit(changes, audit)


class ChangingDatabase(MemoryDatabase):
    """Somebody else commits between two reads of one request."""

    def __init__(self) -> None:
        super().__init__()
        self.between: Callable[[], None] | None = None

    def group(self, account_id: str, group_name: str) -> Group | None:
        if self.between is not None:
            between, self.between = self.between, None
            between()
        return super().group(account_id, group_name)


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


class TestDecidingAgain:
    """A request that was overtaken by other changes is decided as if it had come after them."""

    def test_policies_that_were_taken_away_meanwhile(self) -> None:
        """What the caller was no longer permitted when the request was decided again is refused."""
        database = InterruptedDatabase()
        world = World(database=database)
        key = world.make_key()["KeyId"]
        new_user(world, "mallory", inline_policies=inline(document(allow("kms:*"))))
        database.first = lambda: change_user(world, "mallory", inline_policies=())
        assert not can(lambda: world.call("DisableKey", {"KeyId": key}, by="mallory"))

    def test_a_boundary_that_was_set_meanwhile(self) -> None:
        """So is what a permissions boundary came to forbid."""
        database = InterruptedDatabase()
        world = World(database=database)
        key = world.make_key()["KeyId"]
        new_user(world, "mallory", inline_policies=inline(document(allow("kms:*"))))
        boundary = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
        database.first = lambda: change_user(world, "mallory", permissions_boundary=boundary)
        assert not can(lambda: world.call("DisableKey", {"KeyId": key}, by="mallory"))

    def test_an_access_key_that_was_deactivated_meanwhile(self) -> None:
        """An access key that was switched off meanwhile changes nothing any more."""
        database = InterruptedDatabase()
        world = World(database=database)
        key = world.make_key()["KeyId"]
        new_user(world, "mallory", inline_policies=inline(document(allow("kms:*"))))
        access_key = database.access_key(world.credentials["mallory"].access_key_id)
        assert access_key is not None
        inactive = access_key.changed(status=AccessKeyStatus.INACTIVE)
        database.first = lambda: database.commit([Put(inactive)])
        with pytest.raises(Refused):
            world.call("DisableKey", {"KeyId": key}, by="mallory")

    def test_an_access_key_for_another_user_of_the_old_name(self) -> None:
        """A user who was renamed meanwhile makes no access key of the user who got its name."""
        database = InterruptedDatabase()
        world = World(database=database)
        new_user(world, "mallory", inline_policies=inline(document(allow("iam:CreateAccessKey"))))

        def swap() -> None:
            world.iam("UpdateUser", {"UserName": "mallory", "NewUserName": "former"})
            world.iam("CreateUser", {"UserName": "mallory"})

        database.first = swap
        made = world.iam("CreateAccessKey", {}, by="mallory")["AccessKey"]
        assert made["UserName"] == "former"

    def test_one_state_of_the_records(self) -> None:
        """What neither the old nor the new policies permit is refused, also while they are changed one by one."""
        database = ChangingDatabase()
        world = World(database=database)
        key = world.make_key()["KeyId"]
        group = new_group(world, "staff", inline_policies=inline(document(deny("kms:Encrypt"))))
        policies = inline(document(allow("kms:*")))
        new_user(world, "mallory", group_names=("staff",), inline_policies=policies)

        def allow_then_deny_are_removed() -> None:
            change_user(world, "mallory", inline_policies=())
            database.commit([Put(group.changed(row_version=1, inline_policies=()))])

        request = {"KeyId": key, "Plaintext": "AAAA"}
        assert not can(lambda: world.call("Encrypt", request, by="mallory")), "as it was"
        database.between = allow_then_deny_are_removed
        assert not can(lambda: world.call("Encrypt", request, by="mallory")), "while it changes"


class TestAWSManagedKeys:
    """A key that comes into being when its alias is named."""

    def test_dry_run_makes_no_key(self, world: World) -> None:
        """A request that is to change nothing leaves no KMS key behind."""
        with pytest.raises(Refused):
            world.call("Encrypt", {"KeyId": "alias/aws/ebs", "Plaintext": "AAAA", "DryRun": True})
        assert world.call("ListKeys")["Keys"] == []

    def test_whoever_may_nothing_makes_no_key(self, world: World) -> None:
        """A caller whom every policy denies everything makes no KMS key in the account."""
        new_user(world, "mallory", inline_policies=inline(document(deny("*"))))
        with pytest.raises(Refused):
            world.call("DescribeKey", {"KeyId": "alias/aws/ebs"}, by="mallory")
        assert world.call("ListKeys")["Keys"] == []

    def test_however_the_alias_is_written(self, world: World) -> None:
        """A request that makes a key runs off the event loop, whatever JSON escapes its alias has."""
        request = world.request("DescribeKey", body=b'{"KeyId": "alias\\/aws\\/ebs"}')
        assert world.gate.off_loop(request)


class TestOtherAccounts:
    """What two accounts know of each other."""

    def test_a_grant_beside_a_key_policy(self, world: World) -> None:
        """A grant to a principal of another account needs no IAM policy there, also if the key policy names it."""
        key = world.make_key()
        only(world, allow("kms:*"))
        bob = user_of(world, account_id=BOB_ACCOUNT)
        world.call("CreateGrant", {"KeyId": key["KeyId"], "GranteePrincipal": bob.arn, "Operations": ["Encrypt"]})
        set_key_policy(world, key["KeyId"], allow("kms:*", principal=bob.arn))
        only(world, account_id=BOB_ACCOUNT)
        assert can(lambda: world.call("Encrypt", {"KeyId": key["Arn"], "Plaintext": "AAAA"}, by=BOB_ACCOUNT))

    def test_the_owner_of_a_role_sees_who_assumes_it(self, world: World) -> None:
        """That somebody of another account assumed a role stands in the audit of the role's account."""
        trust = document({"Effect": "Allow", "Principal": {"AWS": BOB_ROOT}, "Action": "sts:AssumeRole"})
        new_role(world, "shared", trust)
        request = {"RoleArn": role_arn(ALICE_ACCOUNT, "/", "shared"), "RoleSessionName": "me"}
        world.sts("AssumeRole", request, by=BOB_ACCOUNT)
        assert world.last is not None
        assert len(world.last.copies) == 1

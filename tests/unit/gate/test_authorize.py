"""Every permission that a request needs, asked for one by one, and AWS's texts when one is missing."""

import json
from typing import Any

import pytest

from harness.policies import allow, can, only, set_key_policy, user_of
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.domain.policy.evaluate import Why
from selfkms.domain.records import Put
from selfkms.gate.authorize import refusal_text
from selfkms.services.kms.table import OPERATIONS
from unit.gate.asked_permissions import (
    ADMIN,
    BOB,
    OF_NOBODY,
    ON_KEY_ID,
    ON_PRINCIPAL,
    ROOT,
    WITHOUT_KEY,
    alias_arn,
    no_identity,
    no_resource,
    refused,
)


def statement(effect: str, principal: Any, action: Any) -> dict[str, Any]:
    return {"Effect": effect, "Principal": {"AWS": principal}, "Action": action, "Resource": "*"}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allowing(principal: Any, *actions: str) -> str:
    """A policy that lets somebody do something, and Alice's root everything."""
    return policy(statement("Allow", principal, list(actions)), statement("Allow", ROOT, "kms:*"))


def new_policy(world: World, key_id: str, text: str) -> None:
    """Replace a key policy, whatever it says."""
    parameters = {"KeyId": key_id, "Policy": text, "BypassPolicyLockoutSafetyCheck": True}
    world.call("PutKeyPolicy", parameters, by=f"{ALICE_ACCOUNT}-root")


class TestTexts:
    """The reasons of a refusal, in AWS's words."""

    def test_every_operation_is_accounted_for(self) -> None:
        """What asks for which permission is said here for every operation."""
        others = {"ReEncrypt", "CreateAlias", "UpdateAlias", "DeleteAlias", "RetireGrant"}
        assert ON_KEY_ID.keys() | WITHOUT_KEY.keys() | others == OPERATIONS.keys()

    @pytest.mark.parametrize("operation", ON_KEY_ID)
    def test_no_identity_based_policy(self, world: World, operation: str) -> None:
        """The key policy delegates to the account, whose IAM policies allow the user nothing."""
        key = world.make_key()
        world.strip_of_policies(ALICE_ACCOUNT)
        refusal = world.refusal(operation, {"KeyId": key["KeyId"], **ON_KEY_ID[operation]})
        assert refusal == refused(operation, key["Arn"], no_identity(operation))

    @pytest.mark.parametrize("operation", ON_KEY_ID)
    def test_no_resource_based_policy(self, world: World, operation: str) -> None:
        """The key policy lets nobody of the caller do this: IAM policies count for nothing."""
        key = world.make_key()
        new_policy(world, key["KeyId"], policy(statement("Allow", BOB, "kms:*")))
        for by, user in ((ALICE_ACCOUNT, ADMIN), (f"{ALICE_ACCOUNT}-root", ROOT)):
            refusal = world.refusal(operation, {"KeyId": key["KeyId"], **ON_KEY_ID[operation]}, by=by)
            assert refusal == refused(operation, key["Arn"], no_resource(operation), user)

    @pytest.mark.parametrize("operation", ON_KEY_ID)
    def test_an_explicit_deny(self, world: World, operation: str) -> None:
        """A Deny wins over every Allow; its text has no `because`."""
        key = world.make_key()
        everyone = statement("Allow", "*", "kms:*")
        new_policy(world, key["KeyId"], policy(everyone, statement("Deny", ADMIN, f"kms:{operation}")))
        refusal = world.refusal(operation, {"KeyId": key["KeyId"], **ON_KEY_ID[operation]})
        assert refusal == refused(operation, key["Arn"], "with an explicit deny in a resource-based policy")

    @pytest.mark.parametrize("operation", WITHOUT_KEY)
    def test_no_resource_at_all(self, world: World, operation: str) -> None:
        """What is about no key is decided by IAM alone; the text names no resource, or the principal asked about."""
        world.strip_of_policies(ALICE_ACCOUNT)
        refusal = world.refusal(operation, WITHOUT_KEY[operation])
        assert refusal == refused(operation, ON_PRINCIPAL.get(operation), no_identity(operation))

    def test_texts_without_a_request(self) -> None:
        """The texts as they are put together."""
        text = refusal_text(Why.NOT_IN_IDENTITY, "arn:of:caller", "kms:Encrypt", "arn:of:key")
        assert text == (
            "User: arn:of:caller is not authorized to perform: kms:Encrypt on resource: arn:of:key "
            "because no identity-based policy allows the kms:Encrypt action"
        )


class TestOneAccount:
    """The owner's own users: the key policy names them, or it delegates and IAM allows them."""

    @pytest.mark.parametrize("operation", ["Encrypt", "GenerateDataKey", "DescribeKey", "ListResourceTags"])
    @pytest.mark.parametrize("principal", [ADMIN, "*"])
    def test_a_user_whom_the_key_policy_names(self, world: World, operation: str, principal: str) -> None:
        """Needs no IAM policy, and may do what is named and nothing else."""
        key = world.make_key(Policy=allowing(principal, f"kms:{operation}"))
        world.strip_of_policies(ALICE_ACCOUNT)
        world.call(operation, {"KeyId": key["KeyId"], **ON_KEY_ID[operation]})
        refusal = world.refusal("DisableKey", {"KeyId": key["KeyId"]})
        assert refusal == refused("DisableKey", key["Arn"], no_identity("DisableKey"))

    def test_root_needs_the_key_policy_alone(self, world: World) -> None:
        """The root user does what the policy gives its account; without that, nothing."""
        root = f"{ALICE_ACCOUNT}-root"
        key = world.make_key()
        world.call("DisableKey", {"KeyId": key["KeyId"]}, by=root)
        new_policy(world, key["KeyId"], policy(statement("Allow", ADMIN, "kms:*")))
        refusal = world.refusal("EnableKey", {"KeyId": key["KeyId"]}, by=root)
        assert refusal == refused("EnableKey", key["Arn"], no_resource("EnableKey"), ROOT)

    def test_a_policy_counts_from_the_next_request_on(self, world: World) -> None:
        """What was allowed a moment ago is refused, and the other way round."""
        key = world.make_key()
        encrypting = {"KeyId": key["KeyId"], "Plaintext": "AA=="}
        for _ in range(2):
            world.call("Encrypt", encrypting)
            new_policy(world, key["KeyId"], policy(statement("Allow", ROOT, ["kms:Put*", "kms:Get*"])))
            assert world.refusal("Encrypt", encrypting)[0] == "AccessDeniedException"
            new_policy(world, key["KeyId"], policy(statement("Allow", ROOT, "kms:*")))

    def test_a_decision_is_the_callers_own(self, world: World) -> None:
        """What one caller may do opens nothing to the next."""
        key = world.make_key(Policy=allowing(ADMIN, "kms:*"))
        world.call("DescribeKey", {"KeyId": key["Arn"]})
        assert world.refusal("DescribeKey", {"KeyId": key["Arn"]}, by=BOB_ACCOUNT)[0] == "AccessDeniedException"
        world.call("DescribeKey", {"KeyId": key["Arn"]})

    @pytest.mark.parametrize("text", ["", "no policy", "{}", '{"Statement": [{}]}'])
    def test_a_stored_policy_that_cannot_be_read_denies_everybody(self, world: World, text: str) -> None:
        """It refuses what it governs, the root user included."""
        key = world.make_key()
        stored = world.database.key(ALICE_ACCOUNT, REGION, key["KeyId"])
        assert stored is not None
        world.database.commit([Put(stored.changed(policy=text))])
        for by, user in ((ALICE_ACCOUNT, ADMIN), (f"{ALICE_ACCOUNT}-root", ROOT)):
            refusal = world.refusal("GetKeyPolicy", {"KeyId": key["KeyId"]}, by=by)
            why = "with an explicit deny in a resource-based policy"
            assert refusal == refused("GetKeyPolicy", key["Arn"], why, user)


class TestTwoAccounts:
    """A caller of another account: its key policy and the caller's own IAM policies must both allow."""

    @pytest.mark.parametrize("principal", [BOB, BOB_ACCOUNT, f"arn:aws:iam::{BOB_ACCOUNT}:root", "*"])
    def test_both_sides(self, world: World, principal: str) -> None:
        """With both it works; without IAM of the caller's account it does not, even if the user is named directly."""
        key = world.make_key(Policy=allowing(principal, "kms:DescribeKey"))
        world.call("DescribeKey", {"KeyId": key["Arn"]}, by=BOB_ACCOUNT)
        world.strip_of_policies(BOB_ACCOUNT)
        refusal = world.refusal("DescribeKey", {"KeyId": key["Arn"]}, by=BOB_ACCOUNT)
        assert refusal == refused("DescribeKey", key["Arn"], no_identity("DescribeKey"), BOB)

    def test_the_root_user_of_another_account(self, world: World) -> None:
        """Is let in where its account is, and not where only a user of it is named."""
        root = f"{BOB_ACCOUNT}-root"
        key = world.make_key(Policy=allowing(BOB_ACCOUNT, "kms:DescribeKey"))
        world.call("DescribeKey", {"KeyId": key["Arn"]}, by=root)
        key = world.make_key(Policy=allowing(BOB, "kms:DescribeKey"))
        assert world.refusal("DescribeKey", {"KeyId": key["Arn"]}, by=root)[0] == "AccessDeniedException"

    def test_a_deny_is_not_told_from_nothing(self, world: World) -> None:
        """To another account an explicit Deny looks like a key that does not exist."""
        key = world.make_key(Policy=policy(statement("Allow", "*", "kms:*"), statement("Deny", BOB, "kms:Encrypt")))
        encrypting = {"KeyId": key["Arn"], "Plaintext": "AA=="}
        code, text = world.refusal("Encrypt", encrypting, by=BOB_ACCOUNT)
        assert code == "AccessDeniedException"
        assert text is not None
        assert text.endswith(
            f"kms:Encrypt on resource: {key['Arn']} because the resource does not exist in this Region, "
            "no resource-based policies allow access, or a resource-based policy explicitly denies access"
        )
        world.call("DescribeKey", {"KeyId": key["Arn"]}, by=BOB_ACCOUNT)

    def test_what_is_opened_is_what_is_named(self, world: World) -> None:
        """Permission for one operation is none for another."""
        key = world.make_key(Policy=allowing(BOB_ACCOUNT, "kms:Encrypt"))
        blob = world.call("Encrypt", {"KeyId": key["Arn"], "Plaintext": "AA=="}, by=BOB_ACCOUNT)["CiphertextBlob"]
        assert world.refusal("Decrypt", {"CiphertextBlob": blob}, by=BOB_ACCOUNT) == OF_NOBODY
        code, _ = world.refusal("Decrypt", {"CiphertextBlob": blob, "KeyId": key["Arn"]}, by=BOB_ACCOUNT)
        assert code == "AccessDeniedException"


class TestBlobs:
    """Decrypt and ReEncrypt without a named key are authorized against the key that the blob names."""

    def test_a_policy_for_the_key_is_enough(self, world: World) -> None:
        """Permission on the blob's key opens it: no permission on everything is needed."""
        key = world.make_key(Policy=allowing(ADMIN, "kms:Encrypt", "kms:Decrypt"))
        world.strip_of_policies(ALICE_ACCOUNT)
        blob = world.call("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "AA=="})["CiphertextBlob"]
        assert world.call("Decrypt", {"CiphertextBlob": blob})["KeyId"] == key["Arn"]

    def test_without_permission_the_key_is_not_told(self, world: World) -> None:
        """The caller's own account or another: one text, which names neither action nor key."""
        key = world.make_key(Policy=allowing(ADMIN, "kms:Encrypt"))
        blob = world.call("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "AA=="})["CiphertextBlob"]
        world.strip_of_policies(ALICE_ACCOUNT)
        assert world.refusal("Decrypt", {"CiphertextBlob": blob}) == OF_NOBODY
        assert world.refusal("Decrypt", {"CiphertextBlob": blob}, by=BOB_ACCOUNT) == OF_NOBODY
        named = {"CiphertextBlob": blob, "KeyId": key["KeyId"]}
        assert world.refusal("Decrypt", named) == refused("Decrypt", key["Arn"], no_identity("Decrypt"))

    @pytest.mark.parametrize(
        ("source_actions", "destination_actions", "missing"),
        [
            (["kms:ReEncryptFrom"], ["kms:ReEncryptTo"], None),
            (["kms:ReEncrypt*"], ["kms:ReEncrypt*"], None),
            (["kms:Decrypt", "kms:ReEncrypt"], ["kms:ReEncryptTo"], "From"),
            (["kms:ReEncryptTo"], ["kms:ReEncryptTo"], "From"),
            (["kms:ReEncryptFrom"], ["kms:Encrypt", "kms:ReEncrypt"], "To"),
            (["kms:ReEncryptFrom"], ["kms:ReEncryptFrom"], "To"),
        ],
    )
    def test_re_encrypt_needs_two_permissions(
        self, world: World, source_actions: list[str], destination_actions: list[str], missing: str | None
    ) -> None:
        """ReEncryptFrom on the source and ReEncryptTo on the destination; Decrypt and Encrypt are none of them."""
        source = world.make_key(Policy=allowing(ADMIN, "kms:Encrypt", *source_actions))
        destination = world.make_key(Policy=allowing(ADMIN, *destination_actions))
        world.strip_of_policies(ALICE_ACCOUNT)
        blob = world.call("Encrypt", {"KeyId": source["KeyId"], "Plaintext": "AA=="})["CiphertextBlob"]
        parameters = {"CiphertextBlob": blob, "DestinationKeyId": destination["KeyId"]}
        named = parameters | {"SourceKeyId": source["KeyId"]}
        if missing is None:
            world.call("ReEncrypt", parameters)
            world.call("ReEncrypt", named)
        elif missing == "From":
            why = no_identity("ReEncryptFrom")
            assert world.refusal("ReEncrypt", parameters) == OF_NOBODY
            assert world.refusal("ReEncrypt", named) == refused("ReEncryptFrom", source["Arn"], why)
        else:
            refusal = refused("ReEncryptTo", destination["Arn"], no_identity("ReEncryptTo"))
            assert world.refusal("ReEncrypt", parameters) == refusal


class TestAliases:
    """An alias asks IAM for the alias itself, and for every key it points to, before and after."""

    def make(self, world: World, *actions: str) -> dict[str, Any]:
        key = world.make_key(Policy=allowing(ADMIN, "kms:DescribeKey", *actions))
        name = f"alias/of-{key['KeyId']}"
        world.call("CreateAlias", {"AliasName": name, "TargetKeyId": key["KeyId"]}, by=f"{ALICE_ACCOUNT}-root")
        return key | {"AliasName": name}

    @pytest.mark.parametrize("operation", ["CreateAlias", "UpdateAlias", "DeleteAlias"])
    def test_the_alias_is_asked_for_first(self, world: World, operation: str) -> None:
        """Permission on the keys is none on the alias, which no key policy gives."""
        key = self.make(world, "kms:*")
        world.strip_of_policies(ALICE_ACCOUNT)
        name = "alias/new" if operation == "CreateAlias" else key["AliasName"]
        parameters = {"AliasName": name} | ({} if operation == "DeleteAlias" else {"TargetKeyId": key["KeyId"]})
        arn = alias_arn(name.removeprefix("alias/"))
        assert world.refusal(operation, parameters) == refused(operation, arn, no_identity(operation))

    @pytest.mark.parametrize("operation", ["CreateAlias", "UpdateAlias"])
    def test_the_new_key_is_asked_for(self, world: World, operation: str) -> None:
        """A key whose policy does not allow it gets no alias."""
        present = self.make(world, "kms:*")
        closed = world.make_key()
        new_policy(world, closed["KeyId"], policy(statement("Allow", ADMIN, "kms:DescribeKey")))
        name = "alias/new" if operation == "CreateAlias" else present["AliasName"]
        refusal = world.refusal(operation, {"AliasName": name, "TargetKeyId": closed["KeyId"]})
        assert refusal == refused(operation, closed["Arn"], no_resource(operation))

    @pytest.mark.parametrize("operation", ["UpdateAlias", "DeleteAlias"])
    def test_the_present_key_is_asked_for(self, world: World, operation: str) -> None:
        """A key whose policy does not allow it keeps its alias."""
        present, new = self.make(world), world.make_key()
        new_policy(world, present["KeyId"], policy(statement("Allow", ADMIN, "kms:DescribeKey")))
        parameters = {"AliasName": present["AliasName"]}
        if operation == "UpdateAlias":
            parameters["TargetKeyId"] = new["KeyId"]
        refusal = world.refusal(operation, parameters)
        assert refusal == refused(operation, present["Arn"], no_resource(operation))


def test_a_key_policy_counts_from_the_next_request(world: World) -> None:
    """Nothing that was put together for the key as it was decides about it as it is."""
    key, other = world.make_key(), world.make_key()
    for _ in range(2):
        assert world.call("DescribeKey", {"KeyId": key["KeyId"]})
        new_policy(world, key["KeyId"], policy(statement("Allow", ROOT, "kms:*"), statement("Deny", ADMIN, "kms:*")))
        code, text = world.refusal("DescribeKey", {"KeyId": key["KeyId"]})
        assert code == "AccessDeniedException"
        assert text is not None
        assert text.endswith(Why.DENIED_BY_RESOURCE.value)
        assert world.call("DescribeKey", {"KeyId": other["KeyId"]})
        new_policy(world, key["KeyId"], policy(statement("Allow", ROOT, "kms:*")))


def test_a_grant_beside_a_key_policy(world: World) -> None:
    """A grant to a principal of another account needs no IAM policy there, also if the key policy names it."""
    key = world.make_key()
    only(world, allow("kms:*"))
    bob = user_of(world, account_id=BOB_ACCOUNT)
    world.call("CreateGrant", {"KeyId": key["KeyId"], "GranteePrincipal": bob.arn, "Operations": ["Encrypt"]})
    set_key_policy(world, key["KeyId"], allow("kms:*", principal=bob.arn))
    only(world, account_id=BOB_ACCOUNT)
    assert can(lambda: world.call("Encrypt", {"KeyId": key["Arn"], "Plaintext": "AAAA"}, by=BOB_ACCOUNT))

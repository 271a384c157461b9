"""Why a request is refused, in AWS's words; and what an IAM policy must name for each permission."""

from collections.abc import Mapping
from typing import Any

import pytest

from harness.policies import (
    allow,
    change_user,
    deny,
    document,
    inline,
    new_managed_policy,
    new_role,
    new_session,
    only,
    set_key_policy,
)
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, Refused, World
from selfkms.domain.iam.callers import CallerKind
from selfkms.domain.records import Put
from unit.gate.asked_permissions import (
    ADMIN,
    ON_KEY_ID,
    ON_PRINCIPAL,
    ROOT,
    WITHOUT_KEY,
    alias_arn,
    no_identity,
    refused,
)

DENYING_BOUNDARY = f"arn:aws:iam::{ALICE_ACCOUNT}:policy/denying"
OTHER_BOUNDARY = f"arn:aws:iam::{ALICE_ACCOUNT}:policy/other"
DENYING = inline(document(deny("kms:Encrypt")))


def answer(world: World, operation: str, parameters: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Code and text of an error; None and None for a success."""
    try:
        world.call(operation, parameters)
    except Refused as refusal:
        return refusal.code, refusal.message
    return None, None


class TestReasons:
    """Who denied, or what lacks an Allow, stands in the text, the nearest to the caller last."""

    @pytest.mark.parametrize(
        ("set_up", "why"),
        [
            (
                {"inline_policies": inline(document(deny("kms:Encrypt")))},
                "with an explicit deny in an identity-based policy",
            ),
            ({"permissions_boundary": DENYING_BOUNDARY}, "with an explicit deny in a permissions boundary"),
            ({"permissions_boundary": OTHER_BOUNDARY}, "because no permissions boundary allows the kms:Encrypt action"),
            ({"attached_policy_arns": ()}, "because no identity-based policy allows the kms:Encrypt action"),
            (
                {"attached_policy_arns": (), "permissions_boundary": OTHER_BOUNDARY},
                "because no identity-based policy allows the kms:Encrypt action",
            ),
        ],
    )
    def test_a_user_of_the_account(self, world: World, set_up: dict[str, Any], why: str) -> None:
        """With the default key policy, which delegates to IAM."""
        key = world.make_key()
        new_managed_policy(world, "denying", document(allow("kms:*"), deny("kms:Encrypt")))
        new_managed_policy(world, "other", document(allow("kms:Describe*")))
        change_user(world, **set_up)
        refusal = world.refusal("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "AA=="})
        assert refusal == refused("Encrypt", key["Arn"], why)

    def test_a_deny_of_the_key_policy_is_told_first(self, world: World) -> None:
        """Both deny: the resource-based policy is named."""
        key = world.make_key()
        set_key_policy(world, key["KeyId"], allow("kms:*", principal="*"), deny("kms:Encrypt", principal=ADMIN))
        only(world, allow("kms:*"), deny("kms:*"))
        refusal = world.refusal("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "AA=="})
        assert refusal == refused("Encrypt", key["Arn"], "with an explicit deny in a resource-based policy")

    @pytest.mark.parametrize("operation", WITHOUT_KEY)
    def test_a_deny_without_a_resource(self, world: World, operation: str) -> None:
        """IAM denies what is about no key."""
        only(world, allow("kms:*"), deny(f"kms:{operation}"))
        refusal = world.refusal(operation, WITHOUT_KEY[operation])
        why = "with an explicit deny in an identity-based policy"
        assert refusal == refused(operation, ON_PRINCIPAL.get(operation), why)

    def test_a_session_policy(self, world: World) -> None:
        """Named for a session, whose own ARN the text has."""
        key = world.make_key()
        role = new_role(world, "r", "", inline_policies=inline(document(allow("kms:*"))), path="/team/")
        for number, (statement, why) in enumerate(
            (
                (allow("s3:*"), "because no session policy allows the kms:Encrypt action"),
                (deny("kms:*"), "with an explicit deny in a session policy"),
            )
        ):
            limits = {"policies": (document(statement),), "restricted": True}
            new_session(world, f"s{number}", role, kind=CallerKind.ROLE, **limits)
            refusal = world.refusal("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "AA=="}, by=f"s{number}")
            session = f"arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/r/s{number}"
            assert refusal == refused("Encrypt", key["Arn"], why, session)

    def test_the_services_of_the_query_protocol_say_it_with_another_code(self, world: World) -> None:
        """IAM answers AccessDenied with status 403; the text is built alike."""
        only(world, allow("iam:GetUser", resource="arn:aws:iam::*:user/other"))
        status, code, text = world.iam_refusal("GetUser", {"UserName": "admin"})
        assert (status, code) == (403, "AccessDenied")
        assert text == (
            f"User: {ADMIN} is not authorized to perform: iam:GetUser on resource: {ADMIN} "
            "because no identity-based policy allows the iam:GetUser action"
        )


class TestResources:
    """What an IAM policy may name for each permission."""

    @pytest.mark.parametrize("operation", ON_KEY_ID)
    def test_the_key_arn_selects_the_key(self, world: World, operation: str) -> None:
        """Its own ARN and patterns of it do; another key, an alias and what is on no key do not."""
        key = world.make_key()
        world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key["KeyId"]})
        parameters = {"KeyId": key["KeyId"], **ON_KEY_ID[operation]}
        for resource, allowed in (
            (alias_arn("a"), False),
            (key["Arn"].replace(REGION, "eu-west-1"), False),
            (key["Arn"].replace(ALICE_ACCOUNT, BOB_ACCOUNT), False),
            (key["Arn"][:-1] + "?", True),
            (f"arn:aws:kms:*:{ALICE_ACCOUNT}:key/*", True),
        ):
            # To replicate a key is to create one, too.
            only(world, allow(f"kms:{operation}", resource=resource), allow("kms:CreateKey"))
            code, _ = answer(world, operation, parameters)
            assert (code != "AccessDeniedException") is allowed, resource

    @pytest.mark.parametrize("operation", sorted(WITHOUT_KEY.keys() - ON_PRINCIPAL.keys()))
    def test_what_is_about_no_key_needs_everything(self, world: World, operation: str) -> None:
        """`*`, or what stands for all of KMS in the account and Region; `key/*` does not cover it."""
        of_account = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:"
        for resource, allowed in (
            ("*", True),
            (of_account + "*", True),
            ("arn:aws:kms:*:*:*", True),
            (of_account + "key/*", False),
            (of_account + "alias/*", False),
            (of_account.replace(REGION, "eu-west-1") + "*", False),
            (of_account.replace(ALICE_ACCOUNT, BOB_ACCOUNT) + "*", False),
            ("arn:aws:s3:*:*:*", False),
        ):
            only(world, allow(f"kms:{operation}", resource=resource))
            code, _ = answer(world, operation, WITHOUT_KEY[operation])
            assert (code != "AccessDeniedException") is allowed, resource

    def test_the_resource_of_list_retirable_grants_is_the_principal(self, world: World) -> None:
        """AWS KMS API Reference, "ListRetirableGrants": the authorized resource is the retiring principal named."""
        only(world, allow("kms:ListRetirableGrants", resource=ROOT))
        world.call("ListRetirableGrants", {"RetiringPrincipal": ROOT})

    def test_list_aliases_of_a_key_asks_nothing_of_the_key(self, world: World) -> None:
        """Permission to list is enough, whatever the key policy says."""
        key_id = world.make_key()["KeyId"]
        only(world, allow("kms:ListAliases"))
        set_key_policy(world, key_id, deny("kms:*", principal="*"))
        world.call("ListAliases", {"KeyId": key_id})

    def test_an_alias_arn_does_not_open_the_key(self, world: World) -> None:
        """Even if the request names the key by that alias."""
        key = world.make_key()
        world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key["KeyId"]})
        only(world, allow("kms:DescribeKey", resource=alias_arn("*")))
        refusal = world.refusal("DescribeKey", {"KeyId": "alias/a"})
        assert refusal == refused("DescribeKey", key["Arn"], no_identity("DescribeKey"))


def test_an_unreadable_key_policy_stops_grants_too(world: World) -> None:
    """It may have held a Deny against the grantee: it refuses what it governs."""
    key = world.make_key()
    world.call("CreateGrant", {"KeyId": key["KeyId"], "GranteePrincipal": ADMIN, "Operations": ["Encrypt"]})
    stored = world.database.key(ALICE_ACCOUNT, REGION, key["KeyId"])
    assert stored is not None
    world.database.commit([Put(stored.changed(policy="no policy"))])
    assert world.refusal("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "AA=="})[0] == "AccessDeniedException"


class TestTwoRegions:
    """Multi-Region keys: what is asked for in the other Region.

    Source: AWS KMS API Reference, "ReplicateKey", "UpdatePrimaryRegion", Required permissions.
    """

    THERE = "eu-west-1"

    @pytest.fixture
    def primary(self, world: World) -> dict[str, Any]:
        key = world.make_key(MultiRegion=True)
        world.call("ReplicateKey", {"KeyId": key["KeyId"], "ReplicaRegion": self.THERE})
        # The replica is Enabled a moment later.
        world.clock.seconds += 3_600
        world.upkeep.attend_due_keys()
        return key

    @pytest.mark.parametrize(
        "where",
        [
            "both",
            REGION,
            THERE,
        ],
    )
    def test_update_primary_region_asks_on_both_keys(self, world: World, primary: dict[str, Any], where: str) -> None:
        """On the present primary key and on the replica that will be one, each by its own ARN."""
        resource = primary["Arn"].replace(REGION, "*" if where == "both" else where)
        only(world, allow("kms:UpdatePrimaryRegion", resource=resource))
        code, _ = answer(world, "UpdatePrimaryRegion", {"KeyId": primary["KeyId"], "PrimaryRegion": self.THERE})
        assert (code == "AccessDeniedException") is (where != "both")

    @pytest.mark.parametrize("where", [REGION, THERE])
    def test_replicate_key_asks_to_create_a_key_there(self, world: World, where: str) -> None:
        """kms:CreateKey counts in the Region of the replica."""
        key = world.make_key(MultiRegion=True)
        creating = f"arn:aws:kms:{where}:{ALICE_ACCOUNT}:*"
        only(world, allow("kms:ReplicateKey"), allow("kms:CreateKey", resource=creating))
        code, _ = answer(world, "ReplicateKey", {"KeyId": key["KeyId"], "ReplicaRegion": self.THERE})
        assert (code == "AccessDeniedException") is (where == REGION)

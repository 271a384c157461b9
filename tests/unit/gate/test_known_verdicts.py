"""Verdicts that hold for more than one request: until anything changes that they were made of, and not for others."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.policies import (
    allow,
    change_user,
    deny,
    document,
    inline,
    may,
    new_group,
    new_managed_policy,
    only,
    set_key_policy,
    user_of,
)
from harness.world import ALICE_ACCOUNT, World
from selfkms.domain.arns import root_arn
from selfkms.domain.iam.managed_policies import ManagedPolicy, PolicyVersion
from selfkms.domain.records import Put

EVERYTHING = document(allow("*"))
NOTHING_MORE = document(deny("kms:Encrypt"))


def encrypts(world: World, key_id: str, **parameters: Any) -> bool:
    """Whether Alice's `admin` may encrypt with a KMS key."""
    return may(world, "Encrypt", {"KeyId": key_id, "Plaintext": "AAAA", **parameters})


def set_version(world: World, policy: ManagedPolicy, text: str) -> None:
    """Let the only version of a managed policy be another text."""
    stored = world.database.managed_policy(policy.account_id, policy.policy_name)
    assert stored is not None
    world.database.commit([Put(stored.changed(versions=(PolicyVersion("v1", text, 0.0),)))])


def with_inline_policy(world: World) -> Callable[[str], None]:
    """The user's own policy."""
    return lambda text: change_user(world, attached_policy_arns=(), inline_policies=inline(text))


def with_attached_policy(world: World) -> Callable[[str], None]:
    """A managed policy of the user."""
    policy = new_managed_policy(world, "attached", EVERYTHING)
    change_user(world, attached_policy_arns=(policy.arn,))
    return lambda text: set_version(world, policy, text)


def with_boundary(world: World) -> Callable[[str], None]:
    """The user's permissions boundary."""
    policy = new_managed_policy(world, "boundary", EVERYTHING)
    change_user(world, permissions_boundary=policy.arn)
    return lambda text: set_version(world, policy, text)


def with_group(world: World) -> Callable[[str], None]:
    """A policy of the user's group."""
    new_group(world, "team", inline_policies=inline(EVERYTHING))
    change_user(world, attached_policy_arns=(), group_names=("team",))

    def change(text: str) -> None:
        group = world.database.group(ALICE_ACCOUNT, "team")
        assert group is not None
        world.database.commit([Put(group.changed(inline_policies=inline(text)))])

    return change


@pytest.mark.parametrize("set_up", [with_inline_policy, with_attached_policy, with_boundary, with_group])
def test_a_revoked_permission_counts_with_the_next_request(
    world: World, set_up: Callable[[World], Callable[[str], None]]
) -> None:
    """Wherever it stood; and a permission that is given back does, too."""
    key_id = world.make_key()["KeyId"]
    change = set_up(world)
    for _ in range(2):
        change(EVERYTHING)
        assert encrypts(world, key_id)
        assert encrypts(world, key_id)
        change(NOTHING_MORE)
        assert not encrypts(world, key_id)


def test_a_user_that_was_made_anew_has_nothing_of_the_former(world: World) -> None:
    """Its record is another."""
    key_id = world.make_key()["KeyId"]
    assert encrypts(world, key_id)
    change_user(world, user_id="AIDAANOTHER", attached_policy_arns=())
    assert not encrypts(world, key_id)


def test_the_key_policy_counts_with_the_next_request(world: World) -> None:
    """A Deny that comes later, and its end."""
    key_id = world.make_key()["KeyId"]
    root = root_arn(ALICE_ACCOUNT)
    for _ in range(2):
        set_key_policy(world, key_id, allow("kms:*", principal=root))
        assert encrypts(world, key_id)
        assert encrypts(world, key_id)
        set_key_policy(world, key_id, allow("kms:*", principal=root), deny("kms:Encrypt", principal="*"))
        assert not encrypts(world, key_id)


def test_one_key_one_action_one_caller(world: World) -> None:
    """What is known of a KMS key, of an action or of a caller says nothing of another."""
    key, other = world.make_key(), world.make_key()
    only(world, allow(["kms:Encrypt"], resource=key["Arn"]))
    for _ in range(2):
        assert encrypts(world, key["KeyId"])
        assert not encrypts(world, other["KeyId"])
        assert not may(world, "DescribeKey", {"KeyId": key["KeyId"]})


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"kms:EncryptionContext:tenant": "blue"}},
        {"StringNotEquals": {"kms:EncryptionContext:tenant": "red"}},
        {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/blue"}, "Null": {"kms:RequestAlias": "true"}},
    ],
)
def test_what_depends_on_the_request_is_worked_out_each_time(world: World, condition: dict[str, Any]) -> None:
    """With a condition one request may be permitted and the next one not."""
    key_id = world.make_key()["KeyId"]
    world.call("CreateAlias", {"AliasName": "alias/blue", "TargetKeyId": key_id})
    only(world, allow("kms:Encrypt", condition=condition), allow("kms:DeleteAlias"))
    for _ in range(2):
        assert encrypts(world, key_id, EncryptionContext={"tenant": "blue"})
    by_request = not encrypts(world, key_id, EncryptionContext={"tenant": "red"})
    by_alias = not encrypts(world, "alias/blue", EncryptionContext={"tenant": "blue"})
    assert by_request or by_alias


def test_a_deny_with_a_condition_is_asked_each_time(world: World) -> None:
    """An Allow without conditions is not all that decides."""
    key_id = world.make_key()["KeyId"]
    red = {"StringEquals": {"kms:EncryptionContext:tenant": "red"}}
    only(world, allow("kms:*"), deny("kms:Encrypt", condition=red))
    for _ in range(2):
        assert encrypts(world, key_id, EncryptionContext={"tenant": "blue"})
        assert not encrypts(world, key_id, EncryptionContext={"tenant": "red"})


def test_a_variable_is_replaced_each_time(world: World) -> None:
    """A resource with a variable in it is another for each value."""
    key = world.make_key()
    only(world, allow("kms:Encrypt", resource=key["Arn"].replace(key["KeyId"], "${aws:UserAgent}")))
    assert not encrypts(world, key["KeyId"])


def test_a_revoked_grant_counts_with_the_next_request(world: World) -> None:
    """Who is let in by a grant is asked for it each time."""
    key_id = world.make_key()["KeyId"]
    only(world)
    grant = world.call(
        "CreateGrant",
        {"KeyId": key_id, "GranteePrincipal": user_of(world).arn, "Operations": ["Encrypt"]},
        by=f"{ALICE_ACCOUNT}-root",
    )
    assert encrypts(world, key_id)
    world.call("RevokeGrant", {"KeyId": key_id, "GrantId": grant["GrantId"]}, by=f"{ALICE_ACCOUNT}-root")
    assert not encrypts(world, key_id)


def test_verdicts_are_kept(world: World) -> None:
    """So the tests above do test something."""
    key_id = world.make_key()["KeyId"]
    assert encrypts(world, key_id)
    assert world.gate._authorizer.known._kept._kept

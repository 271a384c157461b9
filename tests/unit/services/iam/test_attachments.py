"""Managed policies attached to users, groups and roles."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS
from selfkms.domain.iam.managed_policies import ManagedPolicy
from selfkms.domain.iam.principals import Group, Role, User
from selfkms.domain.records import Put
from selfkms.ports.database import ConflictError
from selfkms.services.context import Context
from selfkms.services.iam.attachments import UserPolicyRequest, attach_policy
from selfkms.services.iam.managed_policies import PolicyNamedRequest, delete_policy

HOLDERS = ("User", "Group", "Role")
DOCUMENT = json.dumps({"Statement": {"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*"}})
TRUST = json.dumps({"Statement": {"Effect": "Allow", "Principal": {"AWS": ALICE_ACCOUNT}, "Action": "sts:AssumeRole"}})
ARN = f"arn:aws:iam::{ALICE_ACCOUNT}:policy/team/List"


@pytest.fixture
def world() -> World:
    """A user, a group and a role named `Ann`, and a managed policy `/team/List`."""
    world = World()
    world.iam("CreateUser", {"UserName": "Ann"})
    world.iam("CreateGroup", {"GroupName": "Ann"})
    world.iam("CreateRole", {"RoleName": "Ann", "AssumeRolePolicyDocument": TRUST})
    world.iam("CreatePolicy", {"PolicyName": "List", "Path": "/team/", "PolicyDocument": DOCUMENT})
    return world


def named(kind: str, arn: str = ARN, name: str = "Ann") -> dict[str, str]:
    return {f"{kind}Name": name, "PolicyArn": arn}


def attached(world: World, kind: str, **parameters: Any) -> list[str]:
    given = {f"{kind}Name": "Ann", **parameters}
    answer = world.iam(f"ListAttached{kind}Policies", given)
    return [policy["PolicyArn"] for policy in answer["AttachedPolicies"]]


def count(world: World) -> int:
    found: int = world.iam("GetPolicy", {"PolicyArn": ARN})["Policy"]["AttachmentCount"]
    return found


def holder(world: World, kind: str) -> User | Group | Role:
    read: Callable[[str, str], User | Group | Role | None] = getattr(world.database, kind.lower())
    found = read(ALICE_ACCOUNT, "Ann")
    assert found is not None
    return found


@pytest.mark.parametrize("kind", HOLDERS)
def test_a_policy_is_attached_and_detached(world: World, kind: str) -> None:
    """It counts to how many it is attached; attaching it again changes nothing."""
    for _ in range(2):
        world.iam(f"Attach{kind}Policy", named(kind))
        assert (attached(world, kind), count(world)) == ([ARN], 1)
    world.iam(f"Attach{kind}Policy", named(kind, ADMINISTRATOR_ACCESS))
    assert attached(world, kind) == [ARN, ADMINISTRATOR_ACCESS]
    world.iam(f"Detach{kind}Policy", named(kind))
    assert (attached(world, kind), count(world)) == ([ADMINISTRATOR_ACCESS], 0)
    world.iam(f"Detach{kind}Policy", named(kind, ADMINISTRATOR_ACCESS))
    assert attached(world, kind) == []


def test_each_holder_counts(world: World) -> None:
    """A user, a group and a role are three."""
    for kind in HOLDERS:
        world.iam(f"Attach{kind}Policy", named(kind))
    assert count(world) == 3


@pytest.mark.parametrize("kind", HOLDERS)
def test_a_holder_has_so_many_policies(world: World, kind: str) -> None:
    """Ten; the eleventh is refused, one of the ten is not."""
    arns = tuple(f"arn:aws:iam::aws:policy/p{i}" for i in range(9))
    world.database.commit([Put(holder(world, kind).changed(attached_policy_arns=arns))])
    world.iam(f"Attach{kind}Policy", named(kind))
    text = f"Cannot exceed quota for PoliciesPer{kind}: 10"
    refusal = world.iam_refusal(f"Attach{kind}Policy", named(kind, ADMINISTRATOR_ACCESS))
    assert refusal == (409, "LimitExceeded", text)
    world.iam(f"Attach{kind}Policy", named(kind))
    assert len(attached(world, kind)) == 10


@pytest.mark.parametrize("kind", HOLDERS)
def test_what_does_not_exist_is_refused(world: World, kind: str) -> None:
    """A policy, one of another account, a holder; and an ARN that is none."""
    world.iam("CreatePolicy", {"PolicyName": "List", "PolicyDocument": DOCUMENT}, by=BOB_ACCOUNT)
    for arn in (ARN.replace("/team", ""), f"arn:aws:iam::{BOB_ACCOUNT}:policy/List"):
        text = f"Policy {arn} does not exist or is not attachable."
        assert world.iam_refusal(f"Attach{kind}Policy", named(kind, arn)) == (404, "NoSuchEntity", text)
    missing = (404, "NoSuchEntity", f"The {kind.lower()} with name Bob cannot be found.")
    assert world.iam_refusal(f"Attach{kind}Policy", named(kind, name="Bob")) == missing
    text = "ARN AdministratorAccessPolicy is not valid."
    refusal = world.iam_refusal(f"Attach{kind}Policy", named(kind, "AdministratorAccessPolicy"))
    assert refusal == (400, "ValidationError", text)
    assert attached(world, kind) == []


@pytest.mark.parametrize("kind", HOLDERS)
def test_what_is_not_attached_is_not_detached(world: World, kind: str) -> None:
    """The policy does not count it."""
    refusal = (404, "NoSuchEntity", f"Policy {ARN} was not found.")
    assert world.iam_refusal(f"Detach{kind}Policy", named(kind)) == refusal
    assert count(world) == 0


@pytest.mark.parametrize("kind", HOLDERS)
def test_policies_are_listed_by_path_in_pages(world: World, kind: str) -> None:
    """With their names, as they were attached."""
    arns = [ARN, ADMINISTRATOR_ACCESS, "arn:aws:iam::aws:policy/PowerUserAccess"]
    for arn in arns:
        world.iam(f"Attach{kind}Policy", named(kind, arn))
    assert attached(world, kind, PathPrefix="/team/") == [ARN]
    first = world.iam(f"ListAttached{kind}Policies", {f"{kind}Name": "Ann", "MaxItems": 2})
    assert first["AttachedPolicies"] == [
        {"PolicyName": "List", "PolicyArn": ARN},
        {"PolicyName": "AdministratorAccess", "PolicyArn": ADMINISTRATOR_ACCESS},
    ]
    assert attached(world, kind, Marker=first["Marker"]) == arns[2:]


def test_what_is_attached_counts_from_the_next_request_on(world: World, make_caller: Callable[..., str]) -> None:
    """For a user by itself and by a group."""
    caller = make_caller("caller")
    world.iam("AddUserToGroup", {"UserName": caller, "GroupName": "Ann"})
    for kind, name in (("User", caller), ("Group", "Ann")):
        assert world.iam_refusal("ListUsers", by=caller)[1] == "AccessDenied"
        world.iam(f"Attach{kind}Policy", named(kind, name=name))
        world.iam("ListUsers", by=caller)
        world.iam(f"Detach{kind}Policy", named(kind, name=name))
    assert world.iam_refusal("ListUsers", by=caller)[1] == "AccessDenied"


def test_a_condition_sees_the_policy(world: World, make_caller: Callable[..., str]) -> None:
    """Who may attach this policy may attach no other: nobody makes himself an administrator."""
    statement = {
        "Effect": "Allow",
        "Action": ["iam:AttachUserPolicy", "iam:DetachUserPolicy"],
        "Resource": "*",
        "Condition": {"ArnEquals": {"iam:PolicyARN": ARN}},
    }
    caller = make_caller("caller", statement)
    refusal = world.iam_refusal("AttachUserPolicy", named("User", ADMINISTRATOR_ACCESS, caller), by=caller)
    assert refusal[:2] == (403, "AccessDenied")
    world.iam("AttachUserPolicy", named("User", ARN, caller), by=caller)
    world.iam("DetachUserPolicy", named("User", ARN, caller), by=caller)


def test_a_policy_is_not_attached_and_deleted_at_once(world: World, make_context: Callable[..., Context]) -> None:
    """Both decided on the same records: the second one has to decide again."""
    attaching, deleting = make_context(), make_context()
    policy = world.database.managed_policy(ALICE_ACCOUNT, "List")
    assert isinstance(policy, ManagedPolicy)
    delete_policy(PolicyNamedRequest(policy_arn=ARN), policy, deleting)
    attach_policy(UserPolicyRequest(user_name="Ann", policy_arn=ARN), holder(world, "User"), attaching)
    world.database.commit(attaching.changes)
    with pytest.raises(ConflictError):
        world.database.commit(deleting.changes)
    assert count(world) == 1


def test_the_audit_has_holder_and_policy(world: World) -> None:
    """As they were named."""
    world.iam("AttachRolePolicy", named("Role"))
    record = world.record()
    assert (record["eventName"], record["readOnly"]) == ("AttachRolePolicy", False)
    assert record["requestParameters"] == {"roleName": "Ann", "policyArn": ARN}

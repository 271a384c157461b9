"""Permissions boundaries of users and roles."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, World
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS

TRUST = json.dumps({"Statement": {"Effect": "Allow", "Principal": {"AWS": ALICE_ACCOUNT}, "Action": "sts:AssumeRole"}})
HOLDERS = ("User", "Role")


@pytest.fixture
def world() -> World:
    """A user and a role named `Ann`."""
    world = World()
    world.iam("CreateUser", {"UserName": "Ann"})
    world.iam("CreateRole", {"RoleName": "Ann", "AssumeRolePolicyDocument": TRUST})
    return world


def make_policy(world: World, name: str, *actions: str) -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    arn: str = world.iam("CreatePolicy", {"PolicyName": name, "PolicyDocument": document})["Policy"]["Arn"]
    return arn


def put(world: World, kind: str, arn: str) -> None:
    world.iam(f"Put{kind}PermissionsBoundary", {f"{kind}Name": "Ann", "PermissionsBoundary": arn})


def boundary(world: World, kind: str) -> str | None:
    found: dict[str, Any] = world.iam(f"Get{kind}", {f"{kind}Name": "Ann"})[kind]
    arn: str | None = found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    return arn


def uses(world: World, arn: str) -> int:
    count: int = world.iam("GetPolicy", {"PolicyArn": arn})["Policy"]["PermissionsBoundaryUsageCount"]
    return count


@pytest.mark.parametrize("kind", HOLDERS)
def test_a_boundary_is_put_replaced_and_deleted(world: World, kind: str) -> None:
    """Each policy counts whose boundary it is; putting the same one again counts nothing."""
    one, two = make_policy(world, "one", "kms:*"), make_policy(world, "two", "kms:*")
    put(world, kind, one)
    put(world, kind, one)
    assert (boundary(world, kind), uses(world, one), uses(world, two)) == (one, 1, 0)
    put(world, kind, two)
    assert (boundary(world, kind), uses(world, one), uses(world, two)) == (two, 0, 1)
    put(world, kind, ADMINISTRATOR_ACCESS)
    assert (boundary(world, kind), uses(world, two), uses(world, ADMINISTRATOR_ACCESS)) == (ADMINISTRATOR_ACCESS, 0, 1)
    for _ in range(2):
        world.iam(f"Delete{kind}PermissionsBoundary", {f"{kind}Name": "Ann"})
        assert (boundary(world, kind), uses(world, ADMINISTRATOR_ACCESS)) == (None, 0)


@pytest.mark.parametrize("kind", HOLDERS)
def test_a_policy_that_does_not_exist_is_refused(world: World, kind: str) -> None:
    """And what is no ARN of one; the boundary of before stays."""
    one = make_policy(world, "one", "kms:*")
    put(world, kind, one)
    missing = f"arn:aws:iam::{ALICE_ACCOUNT}:policy/missing"
    parameters = {f"{kind}Name": "Ann", "PermissionsBoundary": missing}
    text = f"Scope ARN: {missing} does not exist or is not attachable."
    assert world.iam_refusal(f"Put{kind}PermissionsBoundary", parameters) == (404, "NoSuchEntity", text)
    parameters["PermissionsBoundary"] = "twenty characters and no ARN"
    assert world.iam_refusal(f"Put{kind}PermissionsBoundary", parameters)[1] == "ValidationError"
    assert (boundary(world, kind), uses(world, one)) == (one, 1)


def test_a_boundary_is_not_deleted_while_it_is_one(world: World) -> None:
    """Else whom it limits would be limited no longer."""
    one = make_policy(world, "one", "kms:*")
    put(world, "Role", one)
    text = "Cannot delete a policy attached to entities."
    assert world.iam_refusal("DeletePolicy", {"PolicyArn": one}) == (409, "DeleteConflict", text)
    world.iam("DeleteRole", {"RoleName": "Ann"})
    world.iam("DeletePolicy", {"PolicyArn": one})


def test_a_boundary_limits_from_the_next_request_on(world: World, make_caller: Callable[..., str]) -> None:
    """And no longer once it is deleted."""
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    caller = make_caller("limited", everything)
    world.iam("ListUsers", by=caller)
    arn = make_policy(world, "kms-only", "kms:*")
    world.iam("PutUserPermissionsBoundary", {"UserName": caller, "PermissionsBoundary": arn})
    status, code, text = world.iam_refusal("ListUsers", by=caller)
    assert (status, code) == (403, "AccessDenied")
    assert text is not None
    assert text.endswith("because no permissions boundary allows the iam:ListUsers action")
    world.iam("DeleteUserPermissionsBoundary", {"UserName": caller})
    world.iam("ListUsers", by=caller)


def test_a_condition_sees_the_boundary_that_is_put(world: World, make_caller: Callable[..., str]) -> None:
    """Who may only put this boundary may put no other."""
    one, two = make_policy(world, "one", "kms:*"), make_policy(world, "two", "kms:*")
    statement = {
        "Effect": "Allow",
        "Action": "iam:PutUserPermissionsBoundary",
        "Resource": f"arn:aws:iam::{ALICE_ACCOUNT}:user/*",
        "Condition": {"StringEquals": {"iam:PermissionsBoundary": one}},
    }
    caller = make_caller("delegate", statement)
    parameters = {"UserName": "Ann", "PermissionsBoundary": two}
    assert world.iam_refusal("PutUserPermissionsBoundary", parameters, by=caller)[:2] == (403, "AccessDenied")
    world.iam("PutUserPermissionsBoundary", {**parameters, "PermissionsBoundary": one}, by=caller)


def test_the_audit_has_the_boundary(world: World) -> None:
    """A change, with the parameters as they were given."""
    put(world, "User", ADMINISTRATOR_ACCESS)
    record = world.record()
    assert (record["eventName"], record["readOnly"]) == ("PutUserPermissionsBoundary", False)
    assert record["requestParameters"] == {"userName": "Ann", "permissionsBoundary": ADMINISTRATOR_ACCESS}

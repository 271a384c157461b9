"""ListEntitiesForPolicy."""

import json
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS

ARN = f"arn:aws:iam::{ALICE_ACCOUNT}:policy/Keys"
DOCUMENT = json.dumps({"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}})
TRUST = json.dumps({"Statement": {"Effect": "Allow", "Principal": {"AWS": ALICE_ACCOUNT}, "Action": "sts:AssumeRole"}})
LISTS = {"Group": "PolicyGroups", "User": "PolicyUsers", "Role": "PolicyRoles"}


@pytest.fixture
def world() -> World:
    """Two groups, users and roles who have a policy, one of them below `/team/`; a user and a role bounded by it."""
    world = World()
    world.iam("CreatePolicy", {"PolicyName": "Keys", "PolicyDocument": DOCUMENT})
    for kind in LISTS:
        further = {"AssumeRolePolicyDocument": TRUST} if kind == "Role" else {}
        for name in ("a", "b", "none", "bounded"):
            path = "/team/" if name == "b" else "/"
            world.iam(f"Create{kind}", {f"{kind}Name": name, "Path": path, **further})
            if name in ("a", "b"):
                world.iam(f"Attach{kind}Policy", {f"{kind}Name": name, "PolicyArn": ARN})
            if name == "bounded" and kind != "Group":
                world.iam(f"Put{kind}PermissionsBoundary", {f"{kind}Name": name, "PermissionsBoundary": ARN})
    return world


def entities(answer: dict[str, Any]) -> list[str]:
    return [f"{kind} {entry[f'{kind}Name']}" for kind, listed in LISTS.items() for entry in answer[listed]]


def listed(world: World, **parameters: Any) -> list[str]:
    return entities(world.iam("ListEntitiesForPolicy", {"PolicyArn": ARN, **parameters}))


def test_everyone_who_has_the_policy_is_listed(world: World) -> None:
    """Groups, users and roles, as policy or as boundary, each with its unique ID."""
    assert listed(world) == [
        "Group a", "Group b", "User a", "User b", "User bounded", "Role a", "Role b", "Role bounded"
    ]  # fmt: skip
    answer = world.iam("ListEntitiesForPolicy", {"PolicyArn": ARN})
    user = world.iam("GetUser", {"UserName": "a"})["User"]
    assert answer["PolicyUsers"][0] == {"UserName": "a", "UserId": user["UserId"]}


def test_filters_leave_out_others(world: World) -> None:
    """By kind, by path, by use; kinds that are no entities have nothing."""
    assert listed(world, EntityFilter="Role") == ["Role a", "Role b", "Role bounded"]
    assert listed(world, PathPrefix="/team/") == ["Group b", "User b", "Role b"]
    assert listed(world, PolicyUsageFilter="PermissionsBoundary") == ["User bounded", "Role bounded"]
    assert listed(world, PolicyUsageFilter="PermissionsPolicy", EntityFilter="User") == ["User a", "User b"]
    assert listed(world, EntityFilter="AWSManagedPolicy") == []


def test_kinds_share_pages(world: World) -> None:
    """A page ends anywhere, and each entity comes once."""
    found: list[str] = []
    parameters: dict[str, Any] = {"PolicyArn": ARN, "MaxItems": 3}
    while True:
        answer = world.iam("ListEntitiesForPolicy", parameters)
        found += entities(answer)
        if not answer["IsTruncated"]:
            break
        parameters["Marker"] = answer["Marker"]
    assert found == listed(world)


def test_policies_of_aws_have_the_entities_of_the_account(world: World) -> None:
    """Not those of others."""
    for account_id in (ALICE_ACCOUNT, BOB_ACCOUNT):
        answer = world.iam("ListEntitiesForPolicy", {"PolicyArn": ADMINISTRATOR_ACCESS}, by=account_id)
        assert entities(answer) == ["User admin"]
    missing = {"PolicyArn": ARN + "x"}
    assert world.iam_refusal("ListEntitiesForPolicy", missing)[:2] == (404, "NoSuchEntity")

"""GetAccountAuthorizationDetails."""

import json
from typing import Any
from urllib.parse import unquote

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS

ARN = f"arn:aws:iam::{ALICE_ACCOUNT}:policy/Keys"
DOCUMENT = json.dumps({"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}})
TRUST = json.dumps({"Statement": {"Effect": "Allow", "Principal": {"AWS": ALICE_ACCOUNT}, "Action": "sts:AssumeRole"}})
LISTS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
ATTACHED = [{"PolicyName": "Keys", "PolicyArn": ARN}]


@pytest.fixture
def world() -> World:
    """A user, a group and a role with everything, and a managed policy with two versions."""
    world = World()
    world.iam("CreatePolicy", {"PolicyName": "Keys", "PolicyDocument": DOCUMENT, "Description": "uses keys"})
    world.iam("CreatePolicyVersion", {"PolicyArn": ARN, "PolicyDocument": DOCUMENT})
    tagged = {"Tags": [{"Key": "a", "Value": "b"}], "PermissionsBoundary": ARN}
    world.iam("CreateUser", {"UserName": "Ann", **tagged})
    world.iam("CreateGroup", {"GroupName": "Staff"})
    world.iam("AddUserToGroup", {"UserName": "Ann", "GroupName": "Staff"})
    world.iam("CreateRole", {"RoleName": "Audit", "AssumeRolePolicyDocument": TRUST, **tagged})
    for kind, name in (("User", "Ann"), ("Group", "Staff"), ("Role", "Audit")):
        world.iam(f"Attach{kind}Policy", {f"{kind}Name": name, "PolicyArn": ARN})
        world.iam(f"Put{kind}Policy", {f"{kind}Name": name, "PolicyName": "inline", "PolicyDocument": DOCUMENT})
    return world


def details(world: World, *kinds: str, **parameters: Any) -> dict[str, Any]:
    answer: dict[str, Any] = world.iam("GetAccountAuthorizationDetails", {"Filter": list(kinds), **parameters})
    return answer


def arns(answer: dict[str, Any]) -> list[str]:
    return [entry["Arn"].split(":", 5)[5] for listed in LISTS for entry in answer[listed]]


def inline(entries: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(entry["PolicyName"], unquote(entry["PolicyDocument"])) for entry in entries]


def test_a_user_is_shown_with_all_that_decides(world: World) -> None:
    """Documents percent-encoded."""
    ann = next(user for user in details(world)["UserDetailList"] if user["UserName"] == "Ann")
    assert inline(ann["UserPolicyList"]) == [("inline", DOCUMENT)]
    assert (ann["GroupList"], ann["AttachedManagedPolicies"]) == (["Staff"], ATTACHED)
    assert ann["PermissionsBoundary"]["PermissionsBoundaryArn"] == ARN
    assert ann["Tags"] == [{"Key": "a", "Value": "b"}]
    assert ann["UserId"] == world.iam("GetUser", {"UserName": "Ann"})["User"]["UserId"]


def test_a_group_is_shown_with_all_that_decides(world: World) -> None:
    """Its members stand with the users."""
    (staff,) = details(world)["GroupDetailList"]
    assert inline(staff["GroupPolicyList"]) == [("inline", DOCUMENT)]
    assert staff["AttachedManagedPolicies"] == ATTACHED


def test_a_role_is_shown_with_all_that_decides(world: World) -> None:
    """Its trust policy, too; there are no instance profiles."""
    (audit,) = details(world)["RoleDetailList"]
    assert unquote(audit["AssumeRolePolicyDocument"]) == TRUST
    assert inline(audit["RolePolicyList"]) == [("inline", DOCUMENT)]
    assert (audit["AttachedManagedPolicies"], audit["InstanceProfileList"]) == (ATTACHED, [])
    assert audit["PermissionsBoundary"]["PermissionsBoundaryArn"] == ARN
    assert (audit["Tags"], audit["RoleLastUsed"]) == ([{"Key": "a", "Value": "b"}], {})


def test_managed_policies_are_shown_with_all_versions(world: World) -> None:
    """Of those of AWS the ones that are in use."""
    keys, administrator = details(world)["Policies"]
    assert (keys["Arn"], keys["Description"], keys["DefaultVersionId"]) == (ARN, "uses keys", "v1")
    assert (keys["AttachmentCount"], keys["PermissionsBoundaryUsageCount"]) == (3, 2)
    assert [
        (version["VersionId"], version["IsDefaultVersion"], unquote(version["Document"]))
        for version in keys["PolicyVersionList"]
    ] == [("v2", False, DOCUMENT), ("v1", True, DOCUMENT)]
    assert (administrator["Arn"], administrator["AttachmentCount"]) == (ADMINISTRATOR_ACCESS, 1)
    assert [version["IsDefaultVersion"] for version in administrator["PolicyVersionList"]] == [True]


@pytest.mark.parametrize(
    ("kinds", "shown"),
    [
        (("User",), ["user/admin", "user/Ann"]),
        (("Group", "Role"), ["group/Staff", "role/Audit"]),
        (("LocalManagedPolicy",), ["policy/Keys"]),
        (("AWSManagedPolicy",), ["policy/AdministratorAccess"]),
    ],
)
def test_a_filter_leaves_out_other_kinds(world: World, kinds: tuple[str, ...], shown: list[str]) -> None:
    """Lists of other kinds are empty."""
    assert arns(details(world, *kinds)) == shown


def test_kinds_share_pages(world: World) -> None:
    """Each entry comes once; a marker is good for the same filter alone."""
    found: list[str] = []
    answer = details(world, MaxItems=2)
    marker = answer["Marker"]
    found += arns(answer)
    while answer["IsTruncated"]:
        answer = details(world, MaxItems=2, Marker=answer["Marker"])
        found += arns(answer)
    assert found == arns(details(world))
    wrong = {"Filter": ["User"], "Marker": marker}
    assert world.iam_refusal("GetAccountAuthorizationDetails", wrong)[:2] == (400, "ValidationError")


def test_an_account_sees_its_own(world: World) -> None:
    """Nothing of another."""
    answer = world.iam("GetAccountAuthorizationDetails", by=BOB_ACCOUNT)
    assert arns(answer) == ["user/admin", "policy/AdministratorAccess"]

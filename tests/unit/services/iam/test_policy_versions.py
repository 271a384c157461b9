"""Versions of managed policies."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest

from harness.world import ALICE_ACCOUNT, World
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS, AWS_MANAGED_POLICIES

ARN = f"arn:aws:iam::{ALICE_ACCOUNT}:policy/Keys"
OUTSIDE = (403, "AccessDenied", "Policy is outside your own account.")


def document(action: str = "kms:*") -> str:
    return json.dumps({"Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}})


@pytest.fixture
def world() -> World:
    """A managed policy `Keys` with one version."""
    world = World()
    world.iam("CreatePolicy", {"PolicyName": "Keys", "PolicyDocument": document()})
    return world


def add(world: World, action: str = "kms:*", **parameters: Any) -> dict[str, Any]:
    given = {"PolicyArn": ARN, "PolicyDocument": document(action), **parameters}
    version: dict[str, Any] = world.iam("CreatePolicyVersion", given)["PolicyVersion"]
    return version


def versions(world: World, arn: str = ARN) -> list[tuple[str, bool]]:
    found = world.iam("ListPolicyVersions", {"PolicyArn": arn})["Versions"]
    return [(version["VersionId"], version["IsDefaultVersion"]) for version in found]


def test_a_version_is_added_without_being_in_force(world: World) -> None:
    """The answer has no document; the policy's date is that of its newest version."""
    world.clock.seconds += 60
    version = add(world, "kms:List*")
    assert version == {"VersionId": "v2", "IsDefaultVersion": False, "CreateDate": version["CreateDate"]}
    assert versions(world) == [("v2", False), ("v1", True)]
    policy = world.iam("GetPolicy", {"PolicyArn": ARN})["Policy"]
    assert policy["UpdateDate"].timestamp() - policy["CreateDate"].timestamp() == 60
    assert policy["DefaultVersionId"] == "v1"


def test_a_version_may_be_in_force_at_once(world: World) -> None:
    """If the request says so."""
    assert add(world, SetAsDefault=True)["IsDefaultVersion"] is True
    assert versions(world) == [("v2", True), ("v1", False)]


def test_five_versions_are_kept_and_numbers_are_not_used_again(world: World) -> None:
    """A sixth needs room, and is not called like one that was deleted."""
    for _ in range(4):
        add(world)
    text = (
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing "
        "version."
    )
    given = {"PolicyArn": ARN, "PolicyDocument": document()}
    assert world.iam_refusal("CreatePolicyVersion", given) == (409, "LimitExceeded", text)
    world.iam("DeletePolicyVersion", {"PolicyArn": ARN, "VersionId": "v5"})
    assert add(world)["VersionId"] == "v6"


def test_a_document_that_is_none_is_refused(world: World) -> None:
    """The policy stays as it is."""
    given = {"PolicyArn": ARN, "PolicyDocument": "{}"}
    refusal = (400, "MalformedPolicyDocument", "The policy has no Statement.")
    assert world.iam_refusal("CreatePolicyVersion", given) == refusal
    assert versions(world) == [("v1", True)]


def test_a_version_is_given_with_its_document(world: World) -> None:
    """As it was written, percent-encoded."""
    add(world, "kms:List*")
    version = world.iam("GetPolicyVersion", {"PolicyArn": ARN, "VersionId": "v2"})["PolicyVersion"]
    assert unquote(version["Document"]) == document("kms:List*")
    assert (version["VersionId"], version["IsDefaultVersion"]) == ("v2", False)


def test_the_default_version_is_not_deleted(world: World) -> None:
    """It goes with the policy."""
    add(world)
    named = {"PolicyArn": ARN, "VersionId": "v1"}
    text = "Cannot delete the default version of a policy."
    assert world.iam_refusal("DeletePolicyVersion", named) == (409, "DeleteConflict", text)
    world.iam("SetDefaultPolicyVersion", {"PolicyArn": ARN, "VersionId": "v2"})
    world.iam("DeletePolicyVersion", named)
    assert versions(world) == [("v2", True)]


@pytest.mark.parametrize("operation", ["GetPolicyVersion", "DeletePolicyVersion", "SetDefaultPolicyVersion"])
def test_a_version_that_does_not_exist_is_refused(world: World, operation: str) -> None:
    """One that never was, or is deleted."""
    add(world)
    world.iam("DeletePolicyVersion", {"PolicyArn": ARN, "VersionId": "v2"})
    text = f"Policy {ARN} version v2 does not exist or is not attachable."
    assert world.iam_refusal(operation, {"PolicyArn": ARN, "VersionId": "v2"}) == (404, "NoSuchEntity", text)
    assert world.iam_refusal(operation, {"PolicyArn": ARN + "x", "VersionId": "v1"})[1] == "NoSuchEntity"


def test_versions_are_listed_in_pages(world: World) -> None:
    """The newest first."""
    add(world)
    first = world.iam("ListPolicyVersions", {"PolicyArn": ARN, "MaxItems": 1})
    assert ([v["VersionId"] for v in first["Versions"]], first["IsTruncated"]) == (["v2"], True)
    last = world.iam("ListPolicyVersions", {"PolicyArn": ARN, "MaxItems": 1, "Marker": first["Marker"]})
    assert ([v["VersionId"] for v in last["Versions"]], last["IsTruncated"]) == (["v1"], False)


def test_a_policy_of_aws_has_one_version_that_nobody_changes(world: World) -> None:
    """It can be read by everyone who may read policies."""
    assert versions(world, ADMINISTRATOR_ACCESS) == [("v1", True)]
    named = {"PolicyArn": ADMINISTRATOR_ACCESS, "VersionId": "v1"}
    version = world.iam("GetPolicyVersion", named)["PolicyVersion"]
    assert unquote(version["Document"]) == AWS_MANAGED_POLICIES[ADMINISTRATOR_ACCESS].document
    new = {"PolicyArn": ADMINISTRATOR_ACCESS, "PolicyDocument": document()}
    assert world.iam_refusal("CreatePolicyVersion", new) == OUTSIDE
    assert world.iam_refusal("DeletePolicyVersion", named) == OUTSIDE
    assert world.iam_refusal("SetDefaultPolicyVersion", named) == OUTSIDE


def test_the_default_version_alone_is_in_force(world: World, make_caller: Callable[..., str]) -> None:
    """Another one counts from the next request on."""
    caller = make_caller("caller")
    world.iam("AttachUserPolicy", {"UserName": caller, "PolicyArn": ARN})
    add(world, "iam:ListUsers")
    assert world.iam_refusal("ListUsers", by=caller)[1] == "AccessDenied"
    world.iam("SetDefaultPolicyVersion", {"PolicyArn": ARN, "VersionId": "v2"})
    world.iam("ListUsers", by=caller)
    world.iam("SetDefaultPolicyVersion", {"PolicyArn": ARN, "VersionId": "v1"})
    assert world.iam_refusal("ListUsers", by=caller)[1] == "AccessDenied"


def test_the_audit_has_request_and_answer(world: World) -> None:
    """Also what was put in force."""
    add(world, SetAsDefault=True)
    record = world.record()
    assert record["requestParameters"] == {"policyArn": ARN, "policyDocument": document(), "setAsDefault": True}
    assert record["responseElements"]["policyVersion"]["versionId"] == "v2"
    world.iam("SetDefaultPolicyVersion", {"PolicyArn": ARN, "VersionId": "v1"})
    assert world.record()["requestParameters"] == {"policyArn": ARN, "versionId": "v1"}

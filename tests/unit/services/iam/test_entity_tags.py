"""Tags of roles, managed policies and OpenID Connect providers."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, World
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS

ACCOUNT = f"arn:aws:iam::{ALICE_ACCOUNT}"
TRUST = json.dumps({"Statement": {"Effect": "Allow", "Principal": {"AWS": ALICE_ACCOUNT}, "Action": "sts:AssumeRole"}})
DOCUMENT = json.dumps({"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}})
NAMED: dict[str, dict[str, str]] = {
    "Role": {"RoleName": "Ann"},
    "Policy": {"PolicyArn": f"{ACCOUNT}:policy/Ann"},
    "OpenIDConnectProvider": {"OpenIDConnectProviderArn": f"{ACCOUNT}:oidc-provider/id.example.org"},
}
KINDS = tuple(NAMED)


@pytest.fixture
def world() -> World:
    """A role, a managed policy and a provider."""
    world = World()
    world.iam("CreateRole", {"RoleName": "Ann", "AssumeRolePolicyDocument": TRUST})
    world.iam("CreatePolicy", {"PolicyName": "Ann", "PolicyDocument": DOCUMENT})
    world.iam("CreateOpenIDConnectProvider", {"Url": "https://id.example.org"})
    return world


def tag(world: World, kind: str, **tags: str) -> None:
    world.iam(f"Tag{kind}", {**NAMED[kind], "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]})


def tags(world: World, kind: str, **parameters: Any) -> dict[str, str]:
    answer = world.iam(f"List{kind}Tags", {**NAMED[kind], **parameters})
    return {entry["Key"]: entry["Value"] for entry in answer["Tags"]}


@pytest.mark.parametrize("kind", KINDS)
def test_tags_are_added_changed_and_removed(world: World, kind: str) -> None:
    """Keys are the same whatever their case; removing what is not there is no error."""
    tag(world, kind, b="1", a="2")
    tag(world, kind, B="3")
    assert tags(world, kind) == {"a": "2", "B": "3"}
    world.iam(f"Untag{kind}", {**NAMED[kind], "TagKeys": ["A", "z"]})
    assert tags(world, kind) == {"B": "3"}


@pytest.mark.parametrize("kind", KINDS)
def test_tags_are_listed_in_pages(world: World, kind: str) -> None:
    """Sorted by their keys."""
    tag(world, kind, c="3", a="1", b="2")
    first = world.iam(f"List{kind}Tags", {**NAMED[kind], "MaxItems": 2})
    assert ([entry["Key"] for entry in first["Tags"]], first["IsTruncated"]) == (["a", "b"], True)
    assert tags(world, kind, Marker=first["Marker"]) == {"c": "3"}


@pytest.mark.parametrize("kind", KINDS)
def test_tags_that_may_not_be_are_refused(world: World, kind: str) -> None:
    """Doubled ones, reserved ones, more than fifty; of what does not exist, all."""
    doubled = {**NAMED[kind], "Tags": [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]}
    assert world.iam_refusal(f"Tag{kind}", doubled)[1] == "InvalidInput"
    reserved = {**NAMED[kind], "Tags": [{"Key": "aws:a", "Value": "1"}]}
    assert world.iam_refusal(f"Tag{kind}", reserved)[1] == "InvalidInput"
    tag(world, kind, **{f"k{i}": "v" for i in range(50)})
    one_more = {**NAMED[kind], "Tags": [{"Key": "a", "Value": "1"}]}
    assert world.iam_refusal(f"Tag{kind}", one_more)[1] == "LimitExceeded"
    ((member, name),) = NAMED[kind].items()
    assert world.iam_refusal(f"Tag{kind}", {**one_more, member: name + "x"})[1] == "NoSuchEntity"


def test_a_policy_of_aws_has_no_tags_and_gets_none(world: World) -> None:
    """It belongs to no account."""
    named = {"PolicyArn": ADMINISTRATOR_ACCESS}
    assert world.iam("ListPolicyTags", named)["Tags"] == []
    refusal = (403, "AccessDenied", "Policy is outside your own account.")
    assert world.iam_refusal("TagPolicy", {**named, "Tags": [{"Key": "a", "Value": "1"}]}) == refusal
    assert world.iam_refusal("UntagPolicy", {**named, "TagKeys": ["a"]}) == refusal


@pytest.mark.parametrize("kind", KINDS)
def test_conditions_see_old_and_new_tags(world: World, make_caller: Callable[..., str], kind: str) -> None:
    """What is tagged `team=red` may be tagged with `level`, and with nothing else."""
    statement = {
        "Effect": "Allow",
        "Action": [f"iam:Tag{kind}", f"iam:Untag{kind}"],
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:ResourceTag/team": "red"},
            "ForAllValues:StringEquals": {"aws:TagKeys": ["level"]},
        },
    }
    caller = make_caller("caller", statement)
    level = {**NAMED[kind], "Tags": [{"Key": "level", "Value": "1"}]}
    assert world.iam_refusal(f"Tag{kind}", level, by=caller)[1] == "AccessDenied"
    tag(world, kind, team="red")
    world.iam(f"Tag{kind}", level, by=caller)
    team = {**NAMED[kind], "TagKeys": ["team"]}
    assert world.iam_refusal(f"Untag{kind}", team, by=caller)[1] == "AccessDenied"
    world.iam(f"Untag{kind}", {**NAMED[kind], "TagKeys": ["level"]}, by=caller)


@pytest.mark.parametrize("kind", KINDS)
def test_the_audit_has_the_tags(world: World, kind: str) -> None:
    """And what they are put on, as it was named."""
    tag(world, kind, a="b")
    ((member, name),) = NAMED[kind].items()
    named = {member[0].lower() + member[1:]: name}
    assert world.record()["requestParameters"] == {**named, "tags": [{"key": "a", "value": "b"}]}
    world.iam(f"Untag{kind}", {**NAMED[kind], "TagKeys": ["a"]})
    assert world.record()["requestParameters"] == {**named, "tagKeys": ["a"]}

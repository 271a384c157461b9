"""Policies that are part of one user, group or role."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest

from harness.world import ALICE_ACCOUNT, World
from selfkms.services.iam.documents import characters

HOLDERS = ("User", "Group", "Role")
SIZES = [("User", 2048), ("Group", 5120), ("Role", 10240)]
TRUST = json.dumps({"Statement": {"Effect": "Allow", "Principal": {"AWS": ALICE_ACCOUNT}, "Action": "sts:AssumeRole"}})


@pytest.fixture
def world() -> World:
    """A user, a group and a role named `Ann`."""
    world = World()
    world.iam("CreateUser", {"UserName": "Ann"})
    world.iam("CreateGroup", {"GroupName": "Ann"})
    world.iam("CreateRole", {"RoleName": "Ann", "AssumeRolePolicyDocument": TRUST})
    return world


def document(sid: str = "", action: str = "iam:ListUsers") -> str:
    return json.dumps({"Statement": {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": "*"}})


def of_length(length: int) -> str:
    """A policy with so many characters, white space not counted."""
    return document("x" * (length - characters(document())))


def named(kind: str, policy_name: str = "p", **further: Any) -> dict[str, Any]:
    return {f"{kind}Name": "Ann", "PolicyName": policy_name, **further}


def put(world: World, kind: str, policy_name: str = "p", text: str | None = None) -> None:
    world.iam(f"Put{kind}Policy", named(kind, policy_name, PolicyDocument=document() if text is None else text))


def names(world: World, kind: str, **parameters: Any) -> list[str]:
    found: list[str] = world.iam(f"List{kind}Policies", {f"{kind}Name": "Ann", **parameters})["PolicyNames"]
    return found


@pytest.mark.parametrize("kind", HOLDERS)
def test_a_policy_is_put_given_back_replaced_and_deleted(world: World, kind: str) -> None:
    """As it was written, percent-encoded."""
    written = document().replace(" ", "\n ")
    for text in (document("first"), written):
        put(world, kind, text=text)
        answer = world.iam(f"Get{kind}Policy", named(kind))
        assert unquote(answer.pop("PolicyDocument")) == text
        assert answer == {f"{kind}Name": "Ann", "PolicyName": "p"}
    assert names(world, kind) == ["p"]
    world.iam(f"Delete{kind}Policy", named(kind))
    assert names(world, kind) == []


@pytest.mark.parametrize("kind", HOLDERS)
def test_a_policy_that_does_not_exist_is_refused(world: World, kind: str) -> None:
    """Names count with their case; so does a holder that does not exist."""
    put(world, kind)
    text = f"The {kind.lower()} policy with name P cannot be found."
    for operation in (f"Get{kind}Policy", f"Delete{kind}Policy"):
        assert world.iam_refusal(operation, named(kind, "P")) == (404, "NoSuchEntity", text)
    missing = {f"{kind}Name": "Bob", "PolicyName": "p", "PolicyDocument": document()}
    text = f"The {kind.lower()} with name Bob cannot be found."
    assert world.iam_refusal(f"Put{kind}Policy", missing) == (404, "NoSuchEntity", text)


@pytest.mark.parametrize(("kind", "most"), SIZES)
def test_all_policies_together_have_a_size(world: World, kind: str, most: int) -> None:
    """White space does not count, a policy that is replaced counts no longer."""
    put(world, kind, "a", of_length(1000))
    put(world, kind, "b", of_length(most - 1000).replace(" ", "  \n"))
    too_much = named(kind, "b", PolicyDocument=of_length(most - 999))
    text = f"Maximum policy size of {most} bytes exceeded for {kind.lower()} Ann"
    assert world.iam_refusal(f"Put{kind}Policy", too_much) == (409, "LimitExceeded", text)
    assert world.iam_refusal(f"Put{kind}Policy", named(kind, "c", PolicyDocument=document()))[1] == "LimitExceeded"
    world.iam(f"Delete{kind}Policy", named(kind, "a"))
    put(world, kind, "b", of_length(most - 999))
    assert names(world, kind) == ["b"]


@pytest.mark.parametrize("kind", HOLDERS)
def test_a_document_that_is_none_is_refused(world: World, kind: str) -> None:
    """What was there stays."""
    put(world, kind)
    trust = named(kind, PolicyDocument=TRUST)
    text = "Policy document should not specify a principal."
    assert world.iam_refusal(f"Put{kind}Policy", trust) == (400, "MalformedPolicyDocument", text)
    assert unquote(world.iam(f"Get{kind}Policy", named(kind))["PolicyDocument"]) == document()


@pytest.mark.parametrize("kind", HOLDERS)
def test_names_are_listed_in_their_order_in_pages(world: World, kind: str) -> None:
    """However they were put."""
    for policy_name in ("c", "a", "b"):
        put(world, kind, policy_name)
    first = world.iam(f"List{kind}Policies", {f"{kind}Name": "Ann", "MaxItems": 2})
    assert (first["PolicyNames"], first["IsTruncated"]) == (["a", "b"], True)
    assert names(world, kind, Marker=first["Marker"]) == ["c"]


def test_a_policy_counts_from_the_next_request_on(world: World, make_caller: Callable[..., str]) -> None:
    """And a Deny in one beats an Allow in another."""
    caller = make_caller("caller")
    given = {"UserName": caller, "PolicyName": "p", "PolicyDocument": document()}
    assert world.iam_refusal("ListUsers", by=caller)[1] == "AccessDenied"
    world.iam("PutUserPolicy", given)
    world.iam("ListUsers", by=caller)
    denial = document().replace("Allow", "Deny")
    world.iam("PutUserPolicy", {**given, "PolicyName": "q", "PolicyDocument": denial})
    assert world.iam_refusal("ListUsers", by=caller)[1] == "AccessDenied"
    world.iam("DeleteUserPolicy", {"UserName": caller, "PolicyName": "q"})
    world.iam("ListUsers", by=caller)


def test_the_audit_has_the_document_of_a_change(world: World) -> None:
    """And no document of a reading."""
    put(world, "Role")
    record = world.record()
    assert (record["eventName"], record["readOnly"]) == ("PutRolePolicy", False)
    assert record["requestParameters"] == {"roleName": "Ann", "policyName": "p", "policyDocument": document()}
    world.iam("GetRolePolicy", named("Role"))
    record = world.record()
    assert (record["readOnly"], record["responseElements"]) == (True, None)
    assert record["requestParameters"] == {"roleName": "Ann", "policyName": "p"}

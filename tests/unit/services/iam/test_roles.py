"""CreateRole, GetRole, UpdateRole, UpdateRoleDescription, DeleteRole, ListRoles, UpdateAssumeRolePolicy."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS
from selfkms.domain.iam.limits import ROLES_PER_ACCOUNT_MAX
from selfkms.domain.iam.principals import InlinePolicy, Role
from selfkms.domain.records import Put

MakeCaller = Callable[..., str]


def trust(principal: Any = ALICE_ACCOUNT, **further: Any) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole", **further}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


TRUST = trust()
MISSING = (404, "NoSuchEntity", "The role with name Audit cannot be found.")
BARE = {"Path", "RoleName", "RoleId", "Arn", "CreateDate", "AssumeRolePolicyDocument"}


def make(world: World, name: str = "Audit", **parameters: Any) -> dict[str, Any]:
    given = {"RoleName": name, "AssumeRolePolicyDocument": TRUST, **parameters}
    role: dict[str, Any] = world.iam("CreateRole", given)["Role"]
    return role


def stored(world: World, name: str = "Audit") -> Role:
    role = world.database.role(ALICE_ACCOUNT, name)
    assert role is not None
    return role


# -- CreateRole


def test_a_role_is_made_as_it_was_asked_for(world: World) -> None:
    """The answer has what AWS answers, with the trust policy percent-encoded as it was written."""
    role = make(world, Path="/team/", Description="reads", MaxSessionDuration=7200, Tags=[{"Key": "a", "Value": "b"}])
    assert role.keys() == {*BARE, "Tags"}
    assert role["Arn"] == f"arn:aws:iam::{ALICE_ACCOUNT}:role/team/Audit"
    assert role["RoleId"].startswith("AROA")
    assert len(role["RoleId"]) == 21
    assert unquote(role["AssumeRolePolicyDocument"]) == TRUST
    assert role["CreateDate"].timestamp() == world.clock.now()
    found = stored(world)
    assert (found.description, found.max_session_seconds, found.path) == ("reads", 7200, "/team/")


def test_without_options_a_role_has_defaults(world: World) -> None:
    """The path is `/`, the longest session an hour."""
    role = make(world)
    assert role.keys() == BARE
    assert role["Path"] == "/"
    assert stored(world).max_session_seconds == 3600


def test_a_name_is_taken_whatever_its_case(world: World) -> None:
    """But not in another account."""
    make(world)
    given = {"RoleName": "AUDIT", "AssumeRolePolicyDocument": TRUST}
    taken = (409, "EntityAlreadyExists", "Role with name AUDIT already exists.")
    assert world.iam_refusal("CreateRole", given) == taken
    world.iam("CreateRole", given, by=BOB_ACCOUNT)


def test_an_account_has_so_many_roles(world: World) -> None:
    """No more than the quota."""
    roles = [
        Role(account_id=ALICE_ACCOUNT, role_name=f"r{i}", role_id="AROA", created_at=0.0, trust_policy=TRUST)
        for i in range(ROLES_PER_ACCOUNT_MAX)
    ]
    world.database.commit([Put(role) for role in roles])
    text = "Cannot exceed quota for RolesPerAccount: 1000"
    given = {"RoleName": "Audit", "AssumeRolePolicyDocument": TRUST}
    assert world.iam_refusal("CreateRole", given) == (409, "LimitExceeded", text)


@pytest.mark.parametrize("seconds", [3599, 43201])
def test_the_longest_session_has_limits(world: World, seconds: int) -> None:
    """One to twelve hours, as the model says."""
    given = {"RoleName": "Audit", "AssumeRolePolicyDocument": TRUST, "MaxSessionDuration": seconds}
    assert world.iam_refusal("CreateRole", given)[:2] == (400, "ValidationError")


def test_a_boundary_belongs_to_the_role_and_counts(world: World) -> None:
    """One that does not exist is refused and nothing is made."""
    document = '{"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}'
    arn = world.iam("CreatePolicy", {"PolicyName": "limit", "PolicyDocument": document})["Policy"]["Arn"]
    role = make(world, PermissionsBoundary=arn)
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    assert world.iam("GetPolicy", {"PolicyArn": arn})["Policy"]["PermissionsBoundaryUsageCount"] == 1
    given = {"RoleName": "Other", "AssumeRolePolicyDocument": TRUST, "PermissionsBoundary": arn + "x"}
    assert world.iam_refusal("CreateRole", given)[:2] == (404, "NoSuchEntity")
    assert world.database.role(ALICE_ACCOUNT, "Other") is None


@pytest.mark.parametrize(
    ("document", "code", "text"),
    [
        ("{", "MalformedPolicyDocument", "The policy is not valid JSON."),
        (trust(Resource="*"), "MalformedPolicyDocument", "Has prohibited field Resource"),
        (
            trust(f"arn:aws:iam::{ALICE_ACCOUNT}:user/nobody"),
            "MalformedPolicyDocument",
            f'Invalid principal in policy: "AWS":"arn:aws:iam::{ALICE_ACCOUNT}:user/nobody"',
        ),
        (
            trust(f"arn:aws:iam::{BOB_ACCOUNT}:role/nobody"),
            "MalformedPolicyDocument",
            f'Invalid principal in policy: "AWS":"arn:aws:iam::{BOB_ACCOUNT}:role/nobody"',
        ),
        (trust(Sid="x" * 2048), "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"),
    ],
)
def test_a_trust_policy_that_is_none_is_refused(world: World, document: str, code: str, text: str) -> None:
    """When a role is made and when its trust policy is replaced; nothing changes."""
    given = {"RoleName": "Audit", "AssumeRolePolicyDocument": document}
    assert world.iam_refusal("CreateRole", given)[1:] == (code, text)
    assert world.database.role(ALICE_ACCOUNT, "Audit") is None
    make(world)
    given = {"RoleName": "Audit", "PolicyDocument": document}
    assert world.iam_refusal("UpdateAssumeRolePolicy", given)[1:] == (code, text)
    assert stored(world).trust_policy == TRUST


def test_principals_are_bound_to_who_they_are_now(world: World) -> None:
    """By the unique IDs of the users and roles that are named, of any account of ours."""
    user = world.iam("CreateUser", {"UserName": "Ann"}, by=BOB_ACCOUNT)["User"]
    other = make(world, "Other")
    make(world, AssumeRolePolicyDocument=trust([user["Arn"], other["Arn"], "999988887777"]))
    assert stored(world).principal_ids == {user["Arn"]: user["UserId"], other["Arn"]: other["RoleId"]}
    world.iam("UpdateAssumeRolePolicy", {"RoleName": "Audit", "PolicyDocument": trust(other["Arn"])})
    assert stored(world).principal_ids == {other["Arn"]: other["RoleId"]}


# -- GetRole and changes


def test_a_role_is_described_with_all_that_is_known(world: World) -> None:
    """Also with an empty RoleLastUsed; by its exact name, in its own account."""
    make(world, Description="reads", PermissionsBoundary=ADMINISTRATOR_ACCESS, Tags=[{"Key": "a", "Value": "b"}])
    role = world.iam("GetRole", {"RoleName": "Audit"})["Role"]
    assert role.keys() == {
        *BARE, "Description", "MaxSessionDuration", "PermissionsBoundary", "Tags", "RoleLastUsed"
    }  # fmt: skip
    assert (role["Description"], role["MaxSessionDuration"], role["RoleLastUsed"]) == ("reads", 3600, {})
    assert role["Tags"] == [{"Key": "a", "Value": "b"}]
    assert world.iam_refusal("GetRole", {"RoleName": "audit"})[1] == "NoSuchEntity"
    assert world.iam_refusal("GetRole", {"RoleName": "Audit"}, by=BOB_ACCOUNT) == MISSING


def test_updating_sets_what_is_given(world: World) -> None:
    """A description that is left out stays; the longest session becomes an hour, as AWS documents it."""
    make(world, Description="reads", MaxSessionDuration=7200)
    assert world.iam("UpdateRole", {"RoleName": "Audit", "MaxSessionDuration": 3700}) == {}
    assert (stored(world).description, stored(world).max_session_seconds) == ("reads", 3700)
    world.iam("UpdateRole", {"RoleName": "Audit", "Description": ""})
    assert (stored(world).description, stored(world).max_session_seconds) == ("", 3600)


def test_the_description_alone_is_updated(world: World) -> None:
    """And the role as it is then is answered."""
    make(world, Description="reads", MaxSessionDuration=7200)
    role = world.iam("UpdateRoleDescription", {"RoleName": "Audit", "Description": "writes"})["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("writes", 7200)
    assert stored(world).description == "writes"


def test_a_trust_policy_is_replaced_as_it_is_written(world: World) -> None:
    """White space included."""
    make(world)
    written = trust(BOB_ACCOUNT).replace('": ', '" :\n')
    world.iam("UpdateAssumeRolePolicy", {"RoleName": "Audit", "PolicyDocument": written})
    role = world.iam("GetRole", {"RoleName": "Audit"})["Role"]
    assert unquote(role["AssumeRolePolicyDocument"]) == written


# -- DeleteRole


@pytest.mark.parametrize(
    ("belongings", "text"),
    [
        ({"attached_policy_arns": (ADMINISTRATOR_ACCESS,)}, "Cannot delete entity, must detach all policies first."),
        ({"inline_policies": (InlinePolicy("p", "{}"),)}, "Cannot delete entity, must delete policies first."),
    ],
)
def test_a_role_to_which_policies_belong_is_not_deleted(world: World, belongings: dict[str, Any], text: str) -> None:
    """Once they are gone it is, and its name is free for another role."""
    role_id = make(world)["RoleId"]
    world.database.commit([Put(stored(world).changed(**belongings))])
    assert world.iam_refusal("DeleteRole", {"RoleName": "Audit"}) == (409, "DeleteConflict", text)
    world.database.commit([Put(stored(world).changed(attached_policy_arns=(), inline_policies=()))])
    world.iam("DeleteRole", {"RoleName": "Audit"})
    assert world.iam_refusal("DeleteRole", {"RoleName": "Audit"}) == MISSING
    assert make(world)["RoleId"] != role_id


# -- ListRoles


def test_roles_are_listed_by_their_names_in_pages(world: World) -> None:
    """All of the account and no others, under a path if one is asked for; without tags and boundaries."""
    for name in ("c", "A", "b"):
        make(world, name, Tags=[{"Key": "a", "Value": "b"}], PermissionsBoundary=ADMINISTRATOR_ACCESS)
    make(world, "deep", Path="/team/x/")
    world.iam("CreateRole", {"RoleName": "foreign", "AssumeRolePolicyDocument": TRUST}, by=BOB_ACCOUNT)
    first = world.iam("ListRoles", {"MaxItems": 3})
    assert [role["RoleName"] for role in first["Roles"]] == ["A", "b", "c"]
    assert first["IsTruncated"] is True
    assert first["Roles"][0].keys() == {*BARE, "MaxSessionDuration"}
    last = world.iam("ListRoles", {"MaxItems": 3, "Marker": first["Marker"]})
    assert ([role["RoleName"] for role in last["Roles"]], last["IsTruncated"]) == (["deep"], False)
    below = world.iam("ListRoles", {"PathPrefix": "/team/"})["Roles"]
    assert [role["RoleName"] for role in below] == ["deep"]
    wrong = {"PathPrefix": "/team/", "Marker": first["Marker"]}
    assert world.iam_refusal("ListRoles", wrong) == (400, "ValidationError", "Invalid Marker.")


# -- permissions and audit


def test_conditions_see_boundary_and_tags(world: World, make_caller: MakeCaller) -> None:
    """Only roles with this boundary and this tag may be made; tags need a permission of their own."""
    condition = {"StringEquals": {"iam:PermissionsBoundary": ADMINISTRATOR_ACCESS, "aws:RequestTag/team": "red"}}
    statement = {"Effect": "Allow", "Action": ["iam:CreateRole", "iam:TagRole"], "Resource": "*"}
    maker = make_caller("maker", {**statement, "Condition": condition})
    given = {"RoleName": "Audit", "AssumeRolePolicyDocument": TRUST, "PermissionsBoundary": ADMINISTRATOR_ACCESS}
    assert world.iam_refusal("CreateRole", given, by=maker)[1] == "AccessDenied"
    tagged = {**given, "Tags": [{"Key": "team", "Value": "red"}]}
    world.iam("CreateRole", tagged, by=maker)
    untagger = make_caller("untagger", {**statement, "Action": "iam:CreateRole"})
    status, code, text = world.iam_refusal("CreateRole", {**tagged, "RoleName": "Other"}, by=untagger)
    assert (status, code) == (403, "AccessDenied")
    assert text is not None
    assert "iam:TagRole" in text


def test_permission_is_asked_for_on_the_role_with_its_path(world: World, make_caller: MakeCaller) -> None:
    """What is allowed below a path is not allowed elsewhere; who may not know is not told what is missing."""
    make(world, Path="/team/")
    make(world, "Other")
    statement = {"Effect": "Allow", "Action": "iam:*", "Resource": f"arn:aws:iam::{ALICE_ACCOUNT}:role/team/*"}
    caller = make_caller("caller", statement)
    world.iam("GetRole", {"RoleName": "Audit"}, by=caller)
    for name in ("Other", "Missing"):
        assert world.iam_refusal("GetRole", {"RoleName": name}, by=caller)[:2] == (403, "AccessDenied")


def test_the_audit_has_request_and_answer(world: World) -> None:
    """Of CreateRole both, of a reading the parameters alone."""
    role = make(world, Tags=[{"Key": "a", "Value": "b"}])
    record = world.record()
    assert record["requestParameters"] == {
        "roleName": "Audit",
        "assumeRolePolicyDocument": TRUST,
        "tags": [{"key": "a", "value": "b"}],
    }
    assert record["responseElements"]["role"]["roleId"] == role["RoleId"]
    world.iam("GetRole", {"RoleName": "Audit"})
    record = world.record()
    assert (record["readOnly"], record["requestParameters"]) == (True, {"roleName": "Audit"})
    assert record["responseElements"] is None
    world.iam("UpdateAssumeRolePolicy", {"RoleName": "Audit", "PolicyDocument": trust(BOB_ACCOUNT)})
    assert world.record()["requestParameters"] == {"roleName": "Audit", "policyDocument": trust(BOB_ACCOUNT)}

"""CreateUser, GetUser, UpdateUser, DeleteUser, ListUsers."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.errors import ValidationError
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS
from selfkms.domain.iam.callers import Caller, CallerKind, Session
from selfkms.domain.iam.limits import USERS_PER_ACCOUNT_MAX
from selfkms.domain.iam.managed_policies import ManagedPolicy, PolicyVersion
from selfkms.domain.iam.principals import InlinePolicy, Role, User
from selfkms.domain.records import Put
from selfkms.ports.database import ConflictError
from selfkms.services.context import Context
from selfkms.services.iam.access_keys import CreateAccessKeyRequest, create_access_key
from selfkms.services.iam.users import (
    DeleteUserRequest,
    GetUserRequest,
    UpdateUserRequest,
    delete_user,
    get_user,
    subject,
    update_user,
)

MakeCaller = Callable[..., str]
MakeContext = Callable[..., Context]

MISSING = (404, "NoSuchEntity", "The user with name Bob cannot be found.")
TAKEN = (409, "EntityAlreadyExists")
NON_USER = "Must specify userName when calling with non-User credentials"
BOUNDARY = f"arn:aws:iam::{ALICE_ACCOUNT}:policy/limit"


def stored(world: World, name: str = "Bob") -> User:
    user = world.database.user(ALICE_ACCOUNT, name)
    assert user is not None
    return user


def arn(name: str, path: str = "/") -> str:
    return f"arn:aws:iam::{ALICE_ACCOUNT}:user{path}{name}"


def allowed(*actions: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def add_policy(world: World) -> None:
    """A managed policy that can be a boundary."""
    version = PolicyVersion("v1", '{"Version": "2012-10-17", "Statement": []}', 0.0)
    policy = ManagedPolicy(
        account_id=ALICE_ACCOUNT,
        policy_name="limit",
        policy_id="ANPA",
        created_at=0.0,
        updated_at=0.0,
        versions=(version,),
        default_version_id="v1",
    )
    world.database.commit([Put(policy)])


def boundary_count(world: World) -> int:
    policy = world.database.managed_policy(ALICE_ACCOUNT, "limit")
    assert policy is not None
    return policy.boundary_count


# -- CreateUser


def test_a_new_user_is_described(world: World) -> None:
    """Path, name, unique ID, ARN, date, and the tags sorted by key; nothing that it does not have."""
    tags = [{"Key": "b", "Value": "1"}, {"Key": "A", "Value": ""}]
    user = world.iam("CreateUser", {"UserName": "Bob", "Path": "/team/", "Tags": tags})["User"]
    assert user.keys() == {"Path", "UserName", "UserId", "Arn", "CreateDate", "Tags"}
    assert (user["Path"], user["UserName"], user["Arn"]) == ("/team/", "Bob", arn("Bob", "/team/"))
    assert re.fullmatch("AIDA[A-Z2-7]{17}", user["UserId"])
    assert user["CreateDate"].timestamp() == world.clock.now()
    assert user["Tags"] == tags[::-1]


def test_a_new_user_stands_in_the_audit(world: World) -> None:
    """What was asked for and what was made, in CloudTrail's names."""
    world.iam("CreateUser", {"UserName": "Bob", "Path": "/a/", "Tags": [{"Key": "k", "Value": "v"}]})
    record = world.record()
    assert (record["eventSource"], record["eventName"], record["readOnly"]) == (
        "iam.amazonaws.com",
        "CreateUser",
        False,
    )
    assert record["requestParameters"] == {
        "userName": "Bob",
        "path": "/a/",
        "tags": [{"key": "k", "value": "v"}],
    }
    made = record["responseElements"]["user"]
    assert made.keys() == {"path", "userName", "userId", "arn", "createDate", "tags"}


@pytest.mark.parametrize("name", ["Bob", "bob", "BOB"])
def test_a_name_is_taken_whatever_its_case(world: World, name: str) -> None:
    """Users that differ by case alone would be told apart by nobody."""
    world.iam("CreateUser", {"UserName": "Bob"})
    assert world.iam_refusal("CreateUser", {"UserName": name}) == (*TAKEN, f"User with name {name} already exists.")
    assert world.iam("CreateUser", {"UserName": name}, by=BOB_ACCOUNT)["User"]["UserName"] == name


@pytest.mark.parametrize(
    "parameters",
    [
        {"UserName": "a b"},
        {"UserName": ""},
        {"UserName": "x" * 65},
        {"UserName": "Bob", "Path": "team"},
        {"UserName": "Bob", "Path": "/team"},
        {"UserName": "Bob", "Tags": [{"Key": "", "Value": ""}]},
        {"UserName": "Bob", "Tags": [{"Key": f"k{number}", "Value": ""} for number in range(51)]},
    ],
)
def test_what_the_model_forbids_is_refused(world: World, parameters: dict[str, Any]) -> None:
    """Names, paths and tags have the characters and lengths of the model."""
    status, code, _ = world.iam_refusal("CreateUser", parameters)
    assert (status, code) == (400, "ValidationError")
    assert world.database.user(ALICE_ACCOUNT, parameters["UserName"]) is None


@pytest.mark.parametrize("tags", [[("a", ""), ("A", "")], [("aws:a", "")], [("a", "AWS:")]])
def test_tags_that_no_request_may_bring_are_refused(world: World, tags: list[tuple[str, str]]) -> None:
    """Doubled and reserved ones, before the name is looked up."""
    given = [{"Key": key, "Value": value} for key, value in tags]
    status, code, _ = world.iam_refusal("CreateUser", {"UserName": "admin", "Tags": given})
    assert (status, code) == (400, "InvalidInput")


def test_the_quota_of_users_is_kept(world: World) -> None:
    """5,000 users an account; those of another account do not count."""
    there = 1  # admin
    world.database.commit(
        [
            Put(User(account_id=ALICE_ACCOUNT, user_name=f"u{number}", user_id=f"AIDA{number}", created_at=0.0))
            for number in range(USERS_PER_ACCOUNT_MAX - there)
        ]
    )
    text = "Cannot exceed quota for UsersPerAccount: 5000"
    assert world.iam_refusal("CreateUser", {"UserName": "Bob"}) == (409, "LimitExceeded", text)
    world.iam("CreateUser", {"UserName": "Bob"}, by=BOB_ACCOUNT)


def test_a_boundary_counts_whose_boundary_it_is(world: World) -> None:
    """So that it is not deleted; deleting the user gives it back."""
    add_policy(world)
    user = world.iam("CreateUser", {"UserName": "Bob", "PermissionsBoundary": BOUNDARY})["User"]
    assert user["PermissionsBoundary"] == {
        "PermissionsBoundaryType": "Policy",
        "PermissionsBoundaryArn": BOUNDARY,
    }
    assert world.iam("GetUser", {"UserName": "Bob"})["User"] == user
    assert boundary_count(world) == 1
    world.iam("DeleteUser", {"UserName": "Bob"})
    assert boundary_count(world) == 0


def test_a_policy_of_aws_may_be_a_boundary(world: World) -> None:
    """It cannot be deleted, so nothing is counted."""
    world.iam("CreateUser", {"UserName": "Bob", "PermissionsBoundary": ADMINISTRATOR_ACCESS})
    assert stored(world).permissions_boundary == ADMINISTRATOR_ACCESS
    world.iam("DeleteUser", {"UserName": "Bob"})


def test_a_boundary_that_does_not_exist_is_refused(world: World) -> None:
    """Nothing is made."""
    status, code, _ = world.iam_refusal("CreateUser", {"UserName": "Bob", "PermissionsBoundary": BOUNDARY})
    assert (status, code) == (404, "NoSuchEntity")
    assert world.database.user(ALICE_ACCOUNT, "Bob") is None


def test_creating_is_permitted_on_the_arn_to_be(world: World, make_caller: MakeCaller) -> None:
    """Path included; a user of another path is refused, and nothing is made."""
    maker = make_caller("maker", allowed("iam:CreateUser", resource=arn("*", "/team/")))
    world.iam("CreateUser", {"UserName": "Bob", "Path": "/team/"}, by=maker)
    status, code, text = world.iam_refusal("CreateUser", {"UserName": "Eve"}, by=maker)
    assert (status, code) == (403, "AccessDenied")
    assert text is not None
    assert f"iam:CreateUser on resource: {arn('Eve')} because" in text
    assert world.database.user(ALICE_ACCOUNT, "Eve") is None


def test_creating_with_tags_needs_the_permission_to_tag(world: World, make_caller: MakeCaller) -> None:
    """iam:CreateUser alone does not let tags in."""
    maker = make_caller("maker", allowed("iam:CreateUser"))
    tags = [{"Key": "a", "Value": "b"}]
    status, code, text = world.iam_refusal("CreateUser", {"UserName": "Bob", "Tags": tags}, by=maker)
    assert (status, code) == (403, "AccessDenied")
    assert text is not None
    assert "iam:TagUser" in text
    tagger = make_caller("tagger", allowed("iam:CreateUser", "iam:TagUser"))
    world.iam("CreateUser", {"UserName": "Bob", "Tags": tags}, by=tagger)


def test_conditions_see_boundary_and_tags(world: World, make_caller: MakeCaller) -> None:
    """Only users with this boundary and this tag may be made: the usual way to delegate."""
    condition = {"StringEquals": {"iam:PermissionsBoundary": ADMINISTRATOR_ACCESS, "aws:RequestTag/team": "red"}}
    maker = make_caller("maker", {**allowed("iam:CreateUser", "iam:TagUser"), "Condition": condition})
    red, blue = [{"Key": "team", "Value": "red"}], [{"Key": "team", "Value": "blue"}]
    refused: list[dict[str, Any]] = [
        {"Tags": red},
        {"PermissionsBoundary": ADMINISTRATOR_ACCESS},
        {"PermissionsBoundary": ADMINISTRATOR_ACCESS, "Tags": blue},
    ]
    for parameters in refused:
        assert world.iam_refusal("CreateUser", {"UserName": "Bob", **parameters}, by=maker)[1] == "AccessDenied"
    world.iam("CreateUser", {"UserName": "Bob", "PermissionsBoundary": ADMINISTRATOR_ACCESS, "Tags": red}, by=maker)


# -- GetUser


def test_a_user_is_found_by_its_exact_name(world: World) -> None:
    """A name of another case is that of nobody."""
    made = world.iam("CreateUser", {"UserName": "Bob"})["User"]
    assert world.iam("GetUser", {"UserName": "Bob"})["User"] == made
    text = "The user with name bob cannot be found."
    assert world.iam_refusal("GetUser", {"UserName": "bob"}) == (404, "NoSuchEntity", text)
    assert world.iam_refusal("GetUser", {"UserName": "Bob"}, by=BOB_ACCOUNT) == MISSING


def test_without_a_name_it_is_the_caller(world: World) -> None:
    """An IAM user is described as if it had been named."""
    assert world.iam("GetUser") == world.iam("GetUser", {"UserName": "admin"})


def test_the_root_user_has_neither_path_nor_name(world: World) -> None:
    """Its unique ID is the account ID."""
    user = world.iam("GetUser", by=f"{ALICE_ACCOUNT}-root")["User"]
    assert user.keys() == {"UserId", "Arn", "CreateDate"}
    assert (user["UserId"], user["Arn"]) == (ALICE_ACCOUNT, f"arn:aws:iam::{ALICE_ACCOUNT}:root")


def session_of(kind: CallerKind) -> Session:
    return Session(
        access_key_id="ASIA", kind=kind, account_id=ALICE_ACCOUNT, issued_at=0, expires_at=1, holder_id="x", name="s"
    )


def test_sessions_of_roles_and_federated_users_are_no_users(make_context: MakeContext) -> None:
    """They have to say which user they mean."""
    role = Role(account_id=ALICE_ACCOUNT, role_name="r", role_id="AROA", created_at=0, trust_policy="{}")
    user = User(account_id=ALICE_ACCOUNT, user_name="u", user_id="AIDA", created_at=0)
    for caller in (
        Caller.assumed_role(role, session_of(CallerKind.ROLE)),
        Caller.federated(user, session_of(CallerKind.FEDERATED)),
        Caller.federated(None, session_of(CallerKind.FEDERATED)),
    ):
        with pytest.raises(ValidationError) as refusal:
            get_user(GetUserRequest(), caller.iam_user, make_context(caller))
        assert refusal.value.message == NON_USER


def test_the_caller_is_read_anew(world: World, make_context: MakeContext) -> None:
    """A change is decided on the caller's newest record, not on the one that its signature was checked with."""
    admin = stored(world, "admin")
    context = make_context(Caller.user(admin, ""))
    world.iam("TagUser", {"UserName": "admin", "Tags": [{"Key": "a", "Value": "b"}]})
    assert subject(None, admin, context) == stored(world, "admin") != admin


# -- UpdateUser


def test_a_renamed_user_stays_the_same(world: World, make_caller: MakeCaller) -> None:
    """Unique ID, tags, policies, groups and access keys go along; the old name is free."""
    make_caller("Bob", allowed("iam:GetUser", "iam:ListAccessKeys"))
    world.iam("CreateGroup", {"GroupName": "g"})
    world.iam("AddUserToGroup", {"GroupName": "g", "UserName": "Bob"})
    world.iam("TagUser", {"UserName": "Bob", "Tags": [{"Key": "a", "Value": "b"}]})
    before = stored(world)
    world.iam("UpdateUser", {"UserName": "Bob", "NewUserName": "Robert", "NewPath": "/new/"})
    assert world.record()["requestParameters"] == {"userName": "Bob", "newPath": "/new/", "newUserName": "Robert"}
    after = stored(world, "Robert")
    assert after == before.changed(user_name="Robert", path="/new/", row_version=1)
    assert world.iam_refusal("GetUser", {"UserName": "Bob"}) == MISSING
    caller = world.iam("GetUser", by="Bob")["User"]
    assert (caller["UserName"], caller["Arn"]) == ("Robert", arn("Robert", "/new/"))
    assert [key["UserName"] for key in world.iam("ListAccessKeys", by="Bob")["AccessKeyMetadata"]] == ["Robert"]
    assert [user["UserName"] for user in world.iam("GetGroup", {"GroupName": "g"})["Users"]] == ["Robert"]
    world.iam("CreateUser", {"UserName": "Bob"})


def test_a_name_may_change_its_case(world: World, make_caller: MakeCaller) -> None:
    """The record stays in its place; access keys follow the new writing."""
    make_caller("Bob", allowed("iam:GetUser"))
    world.iam("UpdateUser", {"UserName": "Bob", "NewUserName": "BOB"})
    assert world.iam("GetUser", by="Bob")["User"]["UserName"] == "BOB"
    assert len(world.iam("ListAccessKeys", {"UserName": "BOB"})["AccessKeyMetadata"]) == 1


def test_a_path_may_change_alone(world: World) -> None:
    """The name stays; nothing at all is no error either."""
    world.iam("CreateUser", {"UserName": "Bob"})
    world.iam("UpdateUser", {"UserName": "Bob", "NewPath": "/p/"})
    world.iam("UpdateUser", {"UserName": "Bob"})
    assert world.iam("GetUser", {"UserName": "Bob"})["User"]["Arn"] == arn("Bob", "/p/")


@pytest.mark.parametrize("name", ["admin", "ADMIN"])
def test_a_name_that_is_taken_is_no_new_name(world: World, name: str) -> None:
    """Both users stay as they were."""
    world.iam("CreateUser", {"UserName": "Bob"})
    refusal = world.iam_refusal("UpdateUser", {"UserName": "Bob", "NewUserName": name})
    assert refusal == (*TAKEN, f"User with name {name} already exists.")
    assert stored(world).user_name == "Bob"


def test_an_access_key_made_meanwhile_is_not_lost(world: World, make_context: MakeContext) -> None:
    """Renaming and CreateAccessKey change the same record: of two decided at once the later is decided anew."""
    world.iam("CreateUser", {"UserName": "Bob"})
    renaming, making = make_context(), make_context()
    update_user(UpdateUserRequest(user_name="Bob", new_user_name="Robert"), stored(world), renaming)
    create_access_key(CreateAccessKeyRequest(user_name="Bob"), stored(world), making)
    world.database.commit(making.changes)
    with pytest.raises(ConflictError):
        world.database.commit(renaming.changes)


# -- DeleteUser


def test_a_deleted_user_is_gone(world: World) -> None:
    """A user made anew under the name is another one."""
    first = world.iam("CreateUser", {"UserName": "Bob"})["User"]
    world.iam("DeleteUser", {"UserName": "Bob"})
    assert world.record()["responseElements"] is None
    assert world.iam_refusal("DeleteUser", {"UserName": "Bob"}) == MISSING
    assert world.iam("CreateUser", {"UserName": "Bob"})["User"]["UserId"] != first["UserId"]


def test_a_user_to_whom_something_belongs_is_not_deleted(world: World) -> None:
    """Access keys, inline policies, attached policies, groups: one after the other has to go."""
    world.iam("CreateUser", {"UserName": "Bob"})
    key_id = world.iam("CreateAccessKey", {"UserName": "Bob"})["AccessKey"]["AccessKeyId"]
    world.iam("CreateGroup", {"GroupName": "g"})
    world.iam("AddUserToGroup", {"GroupName": "g", "UserName": "Bob"})
    policies: dict[str, Any] = {
        "inline_policies": (InlinePolicy("p", "{}"),),
        "attached_policy_arns": (ADMINISTRATOR_ACCESS,),
    }
    world.database.commit([Put(stored(world).changed(**policies))])

    def text() -> str | None:
        status, code, message = world.iam_refusal("DeleteUser", {"UserName": "Bob"})
        assert (status, code) == (409, "DeleteConflict")
        return message

    assert text() == "Cannot delete entity, must delete access keys first."
    world.iam("DeleteAccessKey", {"UserName": "Bob", "AccessKeyId": key_id})
    assert text() == "Cannot delete entity, must delete policies first."
    world.database.commit([Put(stored(world).changed(inline_policies=()))])
    assert text() == "Cannot delete entity, must detach all policies first."
    world.database.commit([Put(stored(world).changed(attached_policy_arns=()))])
    assert text() == "Cannot delete entity, must remove users from group first."
    world.iam("RemoveUserFromGroup", {"GroupName": "g", "UserName": "Bob"})
    world.iam("DeleteUser", {"UserName": "Bob"})


def test_an_access_key_never_outlives_its_user(world: World, make_context: MakeContext) -> None:
    """Of DeleteUser and CreateAccessKey, decided at once, one gives way, whichever comes first."""
    for deleting_first in (True, False):
        world.iam("CreateUser", {"UserName": "Bob"})
        deleting, making = make_context(), make_context()
        delete_user(DeleteUserRequest(user_name="Bob"), stored(world), deleting)
        create_access_key(CreateAccessKeyRequest(user_name="Bob"), stored(world), making)
        first, second = (deleting, making) if deleting_first else (making, deleting)
        world.database.commit(first.changes)
        with pytest.raises(ConflictError):
            world.database.commit(second.changes)


# -- ListUsers


def test_users_are_listed_by_name_whatever_their_case(world: World) -> None:
    """Without tags, as on AWS, and only those of the account."""
    for name in ("zoe", "Bob", "alice"):
        world.iam("CreateUser", {"UserName": name, "Tags": [{"Key": "a", "Value": ""}]})
    answer = world.iam("ListUsers")
    assert [user["UserName"] for user in answer["Users"]] == ["admin", "alice", "Bob", "zoe"]
    assert all(user.keys() == {"Path", "UserName", "UserId", "Arn", "CreateDate"} for user in answer["Users"])
    assert answer["IsTruncated"] is False
    assert "Marker" not in answer
    assert [user["UserName"] for user in world.iam("ListUsers", by=BOB_ACCOUNT)["Users"]] == ["admin"]


def test_a_path_prefix_lists_what_is_below_it(world: World) -> None:
    """A prefix of the path, slash by slash or not, and markers that belong to it."""
    for name, path in (("a", "/x/"), ("b", "/x/y/"), ("c", "/xy/"), ("d", "/")):
        world.iam("CreateUser", {"UserName": name, "Path": path})

    def listed(prefix: str) -> list[str]:
        return [user["UserName"] for user in world.iam("ListUsers", {"PathPrefix": prefix})["Users"]]

    assert listed("/") == ["a", "admin", "b", "c", "d"]
    assert listed("/x/") == ["a", "b"]
    assert listed("/x") == ["a", "b", "c"]
    assert listed("/none/") == []
    first = world.iam("ListUsers", {"PathPrefix": "/x/", "MaxItems": 1})
    assert (first["Users"][0]["UserName"], first["IsTruncated"]) == ("a", True)
    second = world.iam("ListUsers", {"PathPrefix": "/x/", "Marker": first["Marker"]})
    assert [user["UserName"] for user in second["Users"]] == ["b"]
    assert world.iam_refusal("ListUsers", {"PathPrefix": "/", "Marker": first["Marker"]})[1] == "ValidationError"


@pytest.mark.parametrize("operation", ["GetUser", "UpdateUser", "DeleteUser"])
def test_a_missing_user_is_told_to_the_permitted_alone(world: World, make_caller: MakeCaller, operation: str) -> None:
    """Who may not is told nothing of what exists."""
    nobody = make_caller("nobody")
    assert world.iam_refusal(operation, {"UserName": "Bob"}) == MISSING
    assert world.iam_refusal(operation, {"UserName": "Bob"}, by=nobody)[1] == "AccessDenied"
    world.iam("CreateUser", {"UserName": "Bob"})
    assert world.iam_refusal(operation, {"UserName": "Bob"}, by=nobody)[1] == "AccessDenied"

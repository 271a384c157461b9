"""CreateGroup, GetGroup, UpdateGroup, DeleteGroup, ListGroups."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS
from selfkms.domain.iam.limits import GROUPS_PER_ACCOUNT_MAX
from selfkms.domain.iam.principals import Group, InlinePolicy, User
from selfkms.domain.records import Put
from selfkms.ports.database import ConflictError
from selfkms.services.context import Context
from selfkms.services.iam.group_members import MembershipRequest, add_user_to_group
from selfkms.services.iam.groups import DeleteGroupRequest, UpdateGroupRequest, delete_group, update_group

MakeCaller = Callable[..., str]
MakeContext = Callable[..., Context]

MISSING = (404, "NoSuchEntity", "The group with name g cannot be found.")


def stored(world: World, name: str = "g") -> Group:
    group = world.database.group(ALICE_ACCOUNT, name)
    assert group is not None
    return group


def groups_of(world: World, user_name: str) -> tuple[str, ...]:
    user = world.database.user(ALICE_ACCOUNT, user_name)
    assert user is not None
    return user.group_names


def arn(name: str, path: str = "/") -> str:
    return f"arn:aws:iam::{ALICE_ACCOUNT}:group{path}{name}"


@pytest.fixture
def group(world: World) -> str:
    world.iam("CreateGroup", {"GroupName": "g"})
    return "g"


def test_a_new_group_is_described(world: World) -> None:
    """Path, name, unique ID, ARN and date; the audit says the same."""
    group = world.iam("CreateGroup", {"GroupName": "g", "Path": "/team/"})["Group"]
    assert group.keys() == {"Path", "GroupName", "GroupId", "Arn", "CreateDate"}
    assert (group["Path"], group["GroupName"], group["Arn"]) == ("/team/", "g", arn("g", "/team/"))
    assert re.fullmatch("AGPA[A-Z2-7]{17}", group["GroupId"])
    record = world.record()
    assert record["requestParameters"] == {"path": "/team/", "groupName": "g"}
    assert record["responseElements"]["group"].keys() == {"path", "groupName", "groupId", "arn", "createDate"}
    assert world.iam("GetGroup", {"GroupName": "g"})["Group"] == group


@pytest.mark.parametrize("name", ["g", "G"])
def test_a_name_is_taken_whatever_its_case(world: World, group: str, name: str) -> None:
    """In its account."""
    text = f"Group with name {name} already exists."
    assert world.iam_refusal("CreateGroup", {"GroupName": name}) == (409, "EntityAlreadyExists", text)
    world.iam("CreateGroup", {"GroupName": group}, by=BOB_ACCOUNT)


def test_the_quota_of_groups_is_kept(world: World) -> None:
    """300 groups an account."""
    world.database.commit(
        [
            Put(Group(account_id=ALICE_ACCOUNT, group_name=f"g{number}", group_id=f"AGPA{number}", created_at=0.0))
            for number in range(GROUPS_PER_ACCOUNT_MAX)
        ]
    )
    text = "Cannot exceed quota for GroupsPerAccount: 300"
    assert world.iam_refusal("CreateGroup", {"GroupName": "g"}) == (409, "LimitExceeded", text)


@pytest.mark.parametrize("operation", ["GetGroup", "UpdateGroup", "DeleteGroup"])
def test_a_group_that_does_not_exist_is_not_found(world: World, make_caller: MakeCaller, operation: str) -> None:
    """Nor is one whose name differs in case; who may not is not told."""
    assert world.iam_refusal(operation, {"GroupName": "g"}) == MISSING
    world.iam("CreateGroup", {"GroupName": "G"})
    assert world.iam_refusal(operation, {"GroupName": "g"}) == MISSING
    assert world.iam_refusal(operation, {"GroupName": "g"}, by=make_caller("nobody"))[1] == "AccessDenied"


def test_the_members_of_a_group_are_listed_in_pages(world: World, group: str) -> None:
    """By their names; those who are in other groups are not among them."""
    world.iam("CreateGroup", {"GroupName": "other"})
    for name in ("Carl", "alice", "Bob", "dora"):
        world.iam("CreateUser", {"UserName": name})
        where = "other" if name == "dora" else group
        world.iam("AddUserToGroup", {"GroupName": where, "UserName": name})
    first = world.iam("GetGroup", {"GroupName": group, "MaxItems": 2})
    assert [user["UserName"] for user in first["Users"]] == ["alice", "Bob"]
    assert first["IsTruncated"] is True
    rest = world.iam("GetGroup", {"GroupName": group, "Marker": first["Marker"]})
    assert ([user["UserName"] for user in rest["Users"]], rest["IsTruncated"]) == (["Carl"], False)
    foreign = world.iam_refusal("GetGroup", {"GroupName": "other", "Marker": first["Marker"]})
    assert foreign[1] == "ValidationError"


def test_a_renamed_group_stays_the_same(world: World, group: str) -> None:
    """Unique ID, policies and members stay; the members have what it gives as before."""
    world.iam("AddUserToGroup", {"GroupName": group, "UserName": "admin"})
    world.database.commit([Put(stored(world).changed(attached_policy_arns=(ADMINISTRATOR_ACCESS,)))])
    world.strip_of_policies(ALICE_ACCOUNT)
    before = stored(world)
    world.iam("UpdateGroup", {"GroupName": group, "NewGroupName": "h", "NewPath": "/p/"})
    assert world.record()["requestParameters"] == {"groupName": "g", "newPath": "/p/", "newGroupName": "h"}
    assert stored(world, "h") == before.changed(group_name="h", path="/p/", row_version=1)
    assert groups_of(world, "admin") == ("h",)
    assert world.iam_refusal("GetGroup", {"GroupName": group}) == MISSING


def test_the_members_of_a_renamed_group_keep_their_other_groups(world: World, group: str) -> None:
    """All members follow, however many there are, and nobody else is changed."""
    names = [f"u{number:04}" for number in range(600)]
    world.database.commit(
        [
            Put(
                User(
                    account_id=ALICE_ACCOUNT,
                    user_name=name,
                    user_id=name,
                    created_at=0.0,
                    group_names=("a", group, "z") if int(name[1:]) % 2 else ("a", "gg"),
                )
            )
            for name in names
        ]
    )
    world.iam("UpdateGroup", {"GroupName": group, "NewGroupName": "G2"})
    for name in names:
        assert groups_of(world, name) == (("a", "G2", "z") if int(name[1:]) % 2 else ("a", "gg"))


def test_a_group_may_change_case_or_path_alone(world: World, group: str) -> None:
    """The record stays in its place, members follow the writing."""
    world.iam("AddUserToGroup", {"GroupName": group, "UserName": "admin"})
    world.iam("UpdateGroup", {"GroupName": group, "NewPath": "/p/"})
    world.iam("UpdateGroup", {"GroupName": group, "NewGroupName": "G"})
    assert world.iam("GetGroup", {"GroupName": "G"})["Group"]["Arn"] == arn("G", "/p/")
    assert groups_of(world, "admin") == ("G",)


def test_a_name_that_is_taken_is_no_new_name(world: World, group: str) -> None:
    """Whatever its case."""
    world.iam("CreateGroup", {"GroupName": "h"})
    refusal = world.iam_refusal("UpdateGroup", {"GroupName": group, "NewGroupName": "H"})
    assert refusal == (409, "EntityAlreadyExists", "Group with name H already exists.")


def test_a_group_to_which_something_belongs_is_not_deleted(world: World, group: str) -> None:
    """Members, inline policies and attached policies have to go first."""
    world.iam("CreateUser", {"UserName": "Bob"})
    world.iam("AddUserToGroup", {"GroupName": group, "UserName": "Bob"})
    policies: dict[str, Any] = {
        "inline_policies": (InlinePolicy("p", "{}"),),
        "attached_policy_arns": (ADMINISTRATOR_ACCESS,),
    }
    world.database.commit([Put(stored(world).changed(**policies))])

    def text() -> str | None:
        status, code, message = world.iam_refusal("DeleteGroup", {"GroupName": group})
        assert (status, code) == (409, "DeleteConflict")
        return message

    assert text() == "Cannot delete entity, must remove users from group first."
    world.iam("RemoveUserFromGroup", {"GroupName": group, "UserName": "Bob"})
    assert text() == "Cannot delete entity, must delete policies first."
    world.database.commit([Put(stored(world).changed(inline_policies=()))])
    assert text() == "Cannot delete entity, must detach all policies first."
    world.database.commit([Put(stored(world).changed(attached_policy_arns=()))])
    world.iam("DeleteGroup", {"GroupName": group})
    assert world.iam_refusal("GetGroup", {"GroupName": group}) == MISSING


@pytest.mark.parametrize("joining_first", [True, False])
@pytest.mark.parametrize("end", ["delete", "rename"])
def test_nobody_joins_a_group_that_ends_at_the_same_moment(
    world: World, group: str, make_context: MakeContext, end: str, *, joining_first: bool
) -> None:
    """Of two requests decided at once one gives way, so that no user is in a group that is not there."""
    ending, joining = make_context(), make_context()
    if end == "delete":
        delete_group(DeleteGroupRequest(group_name=group), stored(world), ending)
    else:
        update_group(UpdateGroupRequest(group_name=group, new_group_name="h"), stored(world), ending)
    add_user_to_group(MembershipRequest(group_name=group, user_name="admin"), stored(world), joining)
    first, second = (joining, ending) if joining_first else (ending, joining)
    world.database.commit(first.changes)
    with pytest.raises(ConflictError):
        world.database.commit(second.changes)


def test_groups_are_listed_by_name_and_path(world: World) -> None:
    """Whatever the case of their names, and only those of the account."""
    for name, path in (("b", "/x/"), ("A", "/x/y/"), ("c", "/")):
        world.iam("CreateGroup", {"GroupName": name, "Path": path})
    answer = world.iam("ListGroups")
    assert [listed["GroupName"] for listed in answer["Groups"]] == ["A", "b", "c"]
    assert answer["IsTruncated"] is False
    below = world.iam("ListGroups", {"PathPrefix": "/x/"})["Groups"]
    assert [listed["GroupName"] for listed in below] == ["A", "b"]
    assert world.iam("ListGroups", by=BOB_ACCOUNT)["Groups"] == []

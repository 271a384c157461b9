"""AddUserToGroup, RemoveUserFromGroup, ListGroupsForUser."""

import json
from collections.abc import Callable

import pytest

from harness.world import ALICE_ACCOUNT, World
from selfkms.domain.iam.principals import InlinePolicy
from selfkms.domain.records import Put

MakeCaller = Callable[..., str]

MEMBERSHIP = {"GroupName": "g", "UserName": "Bob"}


@pytest.fixture
def group(world: World) -> str:
    world.iam("CreateGroup", {"GroupName": "g"})
    return "g"


def groups_of(world: World, name: str) -> list[str]:
    return [group["GroupName"] for group in world.iam("ListGroupsForUser", {"UserName": name})["Groups"]]


def test_what_a_group_gives_counts_at_once_and_no_longer(world: World, group: str, make_caller: MakeCaller) -> None:
    """From the next request after joining, until the next one after leaving."""
    make_caller("Bob")
    document = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:ListGroups", "Resource": "*"}]}
    )
    stored = world.database.group(ALICE_ACCOUNT, group)
    assert stored is not None
    world.database.commit([Put(stored.changed(inline_policies=(InlinePolicy("p", document),)))])
    assert world.iam_refusal("ListGroups", by="Bob")[1] == "AccessDenied"
    world.iam("AddUserToGroup", MEMBERSHIP)
    record = world.record()
    assert (record["requestParameters"], record["responseElements"]) == ({"groupName": "g", "userName": "Bob"}, None)
    world.iam("ListGroups", by="Bob")
    world.iam("RemoveUserFromGroup", MEMBERSHIP)
    assert world.record()["requestParameters"] == {"groupName": "g", "userName": "Bob"}
    assert world.iam_refusal("ListGroups", by="Bob")[1] == "AccessDenied"


def test_joining_and_leaving_may_be_done_twice(world: World, group: str) -> None:
    """The second time changes nothing and is no error, but has its audit record."""
    world.iam("CreateUser", {"UserName": "Bob"})
    for _ in range(2):
        world.iam("AddUserToGroup", MEMBERSHIP)
        assert world.record()["eventName"] == "AddUserToGroup"
        assert groups_of(world, "Bob") == [group]
    for _ in range(2):
        world.iam("RemoveUserFromGroup", MEMBERSHIP)
        assert world.record()["eventName"] == "RemoveUserFromGroup"
        assert groups_of(world, "Bob") == []


def test_a_user_is_in_ten_groups_at_most(world: World) -> None:
    """The eleventh is refused; they are listed by their names, whatever the case."""
    world.iam("CreateUser", {"UserName": "Bob"})
    names = [f"{letter}roup" for letter in "jIhGfEdCbA"]
    for name in (*names, "g"):
        world.iam("CreateGroup", {"GroupName": name})
    for name in names:
        world.iam("AddUserToGroup", {"GroupName": name, "UserName": "Bob"})
    text = "Cannot exceed quota for GroupsPerUser: 10"
    assert world.iam_refusal("AddUserToGroup", MEMBERSHIP) == (409, "LimitExceeded", text)
    assert groups_of(world, "Bob") == names[::-1]
    first = world.iam("ListGroupsForUser", {"UserName": "Bob", "MaxItems": 6})
    rest = world.iam("ListGroupsForUser", {"UserName": "Bob", "Marker": first["Marker"]})
    assert [group["GroupName"] for group in first["Groups"] + rest["Groups"]] == names[::-1]
    assert first["Groups"][0].keys() == {"Path", "GroupName", "GroupId", "Arn", "CreateDate"}


@pytest.mark.parametrize("operation", ["AddUserToGroup", "RemoveUserFromGroup"])
def test_group_and_user_must_exist(world: World, operation: str) -> None:
    """Each by its exact name; the group is looked for first."""
    no_group = "The group with name g cannot be found."
    assert world.iam_refusal(operation, MEMBERSHIP) == (404, "NoSuchEntity", no_group)
    world.iam("CreateGroup", {"GroupName": "g"})
    no_user = "The user with name Bob cannot be found."
    assert world.iam_refusal(operation, MEMBERSHIP) == (404, "NoSuchEntity", no_user)
    world.iam("CreateUser", {"UserName": "BOB"})
    assert world.iam_refusal(operation, MEMBERSHIP) == (404, "NoSuchEntity", no_user)


def test_membership_is_permitted_on_the_group(world: World, group: str, make_caller: MakeCaller) -> None:
    """Who may fill one group may put every user into it, and nobody into another group."""
    arn = f"arn:aws:iam::{ALICE_ACCOUNT}:group/{group}"
    actions = ["iam:AddUserToGroup", "iam:RemoveUserFromGroup"]
    filler = make_caller("filler", {"Effect": "Allow", "Action": actions, "Resource": arn})
    world.iam("CreateGroup", {"GroupName": "admins"})
    world.iam("CreateUser", {"UserName": "Bob"})
    for operation in ("AddUserToGroup", "RemoveUserFromGroup"):
        world.iam(operation, MEMBERSHIP, by=filler)
        status, code, text = world.iam_refusal(operation, {"GroupName": "admins", "UserName": "filler"}, by=filler)
        assert (status, code) == (403, "AccessDenied")
        assert text is not None
        assert f"iam:{operation} on resource: arn:aws:iam::{ALICE_ACCOUNT}:group/admins" in text


def test_the_groups_of_a_user_that_does_not_exist(world: World) -> None:
    """As with all operations on a user."""
    text = "The user with name Bob cannot be found."
    assert world.iam_refusal("ListGroupsForUser", {"UserName": "Bob"}) == (404, "NoSuchEntity", text)

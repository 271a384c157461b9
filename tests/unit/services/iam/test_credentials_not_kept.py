"""Lists of what nobody has here."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, World
from selfkms.domain.iam.principals import Role
from selfkms.domain.records import Put

MakeCaller = Callable[..., str]

OF_USER = {
    "ListMFADevices": "MFADevices",
    "ListSSHPublicKeys": "SSHPublicKeys",
    "ListServiceSpecificCredentials": "ServiceSpecificCredentials",
    "ListSigningCertificates": "Certificates",
}
MISSING = (404, "NoSuchEntity", "The user with name Bob cannot be found.")


@pytest.mark.parametrize("operation", OF_USER)
@pytest.mark.parametrize("parameters", [{}, {"UserName": "admin"}])
def test_a_user_has_none(world: World, operation: str, parameters: dict[str, str]) -> None:
    """An empty list, not a missing one; without a name it is the caller's, the root user's included."""
    empty = {OF_USER[operation]: [], "IsTruncated": False}
    assert world.iam(operation, parameters) == empty
    assert world.iam(operation, parameters, by=f"{ALICE_ACCOUNT}-root") == empty


@pytest.mark.parametrize("operation", [*OF_USER, "GetLoginProfile"])
def test_a_user_that_does_not_exist_is_not_found(world: World, operation: str, make_caller: MakeCaller) -> None:
    """Nor told to who may not ask."""
    assert world.iam_refusal(operation, {"UserName": "Bob"}) == MISSING
    assert world.iam_refusal(operation, {"UserName": "Bob"}, by=make_caller("nobody"))[1] == "AccessDenied"


def test_nobody_has_a_password(world: World) -> None:
    """Deleting tools ask for it and take this for an answer."""
    world.iam("CreateUser", {"UserName": "Bob"})
    text = "Login Profile for User Bob cannot be found."
    assert world.iam_refusal("GetLoginProfile", {"UserName": "Bob"}) == (404, "NoSuchEntity", text)
    own = "Login Profile for User admin cannot be found."
    assert world.iam_refusal("GetLoginProfile") == (404, "NoSuchEntity", own)
    assert world.iam_refusal("GetLoginProfile", by=f"{ALICE_ACCOUNT}-root")[:2] == (404, "NoSuchEntity")


@pytest.mark.parametrize(
    ("operation", "parameters", "member"),
    [
        ("ListVirtualMFADevices", {"AssignmentStatus": "Assigned"}, "VirtualMFADevices"),
        ("ListInstanceProfiles", {"PathPrefix": "/x/"}, "InstanceProfiles"),
        ("ListServiceSpecificCredentials", {"AllUsers": True}, "ServiceSpecificCredentials"),
    ],
)
def test_the_account_has_none(world: World, operation: str, parameters: dict[str, Any], member: str) -> None:
    """Whatever the filter."""
    assert world.iam(operation, parameters) == {member: [], "IsTruncated": False}


def test_a_role_is_in_no_instance_profile(world: World) -> None:
    """A role that does not exist is not found."""
    text = "The role with name r cannot be found."
    assert world.iam_refusal("ListInstanceProfilesForRole", {"RoleName": "r"}) == (404, "NoSuchEntity", text)
    world.database.commit(
        [Put(Role(account_id=ALICE_ACCOUNT, role_name="r", role_id="AROA", created_at=0.0, trust_policy="{}"))]
    )
    empty = {"InstanceProfiles": [], "IsTruncated": False}
    assert world.iam("ListInstanceProfilesForRole", {"RoleName": "r"}) == empty

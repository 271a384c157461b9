"""Users, groups and boundaries as IAM's answers have them."""

import msgspec

from harness.world import ALICE_ACCOUNT
from selfkms.domain.iam.principals import Group, User
from selfkms.domain.tags import Tag
from selfkms.services.iam.shapes import boundary_of, group_entry, user_entry, whole_user_entry

BOUNDARY = f"arn:aws:iam::{ALICE_ACCOUNT}:policy/limit"
USER = User(
    account_id=ALICE_ACCOUNT,
    user_name="Bob",
    user_id="AIDA",
    created_at=1.5,
    path="/team/",
    permissions_boundary=BOUNDARY,
    tags=(Tag("a", "b"),),
)
LISTED = {
    "Path": "/team/",
    "UserName": "Bob",
    "UserId": "AIDA",
    "Arn": f"arn:aws:iam::{ALICE_ACCOUNT}:user/team/Bob",
    "CreateDate": 1.5,
}


def test_a_listing_shows_neither_boundary_nor_tags() -> None:
    """As on AWS: who wants them asks for the user."""
    assert msgspec.to_builtins(user_entry(USER)) == LISTED


def test_a_user_is_shown_with_boundary_and_tags() -> None:
    """The type of a boundary is what AWS answers, not what its model says."""
    assert msgspec.to_builtins(whole_user_entry(USER)) == {
        **LISTED,
        "PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": BOUNDARY},
        "Tags": ({"Key": "a", "Value": "b"},),
    }


def test_what_a_user_does_not_have_is_left_out() -> None:
    """No empty list of tags, no empty boundary."""
    bare = USER.changed(permissions_boundary=None, tags=())
    assert boundary_of(bare) is None
    assert msgspec.to_builtins(whole_user_entry(bare)) == LISTED


def test_a_group_is_shown_with_its_path() -> None:
    """In its ARN, too."""
    group = Group(account_id=ALICE_ACCOUNT, group_name="G", group_id="AGPA", created_at=2.0, path="/p/")
    assert msgspec.to_builtins(group_entry(group)) == {
        "Path": "/p/",
        "GroupName": "G",
        "GroupId": "AGPA",
        "Arn": f"arn:aws:iam::{ALICE_ACCOUNT}:group/p/G",
        "CreateDate": 2.0,
    }

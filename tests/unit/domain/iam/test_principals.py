"""Users, groups, roles and access keys."""

from typing import Final

import pytest

from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS
from selfkms.domain.iam.principals import AccessKey, AccessKeyStatus, Group, Role, User, secret_binding

BOB: Final = User(account_id="111122223333", user_name="bob", user_id="AIDABOB", created_at=1.0)


@pytest.mark.parametrize(
    ("path", "arn"),
    [
        ("/", "arn:aws:iam::111122223333:user/bob"),
        ("/team/", "arn:aws:iam::111122223333:user/team/bob"),
        ("/a/b/", "arn:aws:iam::111122223333:user/a/b/bob"),
    ],
)
def test_the_arn_of_a_user(path: str, arn: str) -> None:
    """The path is part of it."""
    assert BOB.changed(path=path).arn == arn


def test_a_user_has_no_policies_and_no_path_unless_it_is_given_some() -> None:
    """A new user may do nothing."""
    assert (BOB.path, BOB.attached_policy_arns) == ("/", ())


def test_a_path_does_not_make_another_user() -> None:
    """User names are unique in an account, whatever the path."""
    assert BOB.primary_key() == BOB.changed(path="/team/").primary_key() == ("111122223333", "bob")


def test_access_keys_are_active_at_first() -> None:
    """CreateAccessKey makes one that may sign; AWS's words for it are Active and Inactive."""
    key = AccessKey(access_key_id="AKIA1", account_id="1", user_name="bob", sealed_secret=b"", created_at=1.0)
    assert key.status is AccessKeyStatus.ACTIVE
    assert {status.value for status in AccessKeyStatus} == {"Active", "Inactive"}


def test_a_sealed_secret_is_bound_to_its_access_key() -> None:
    """In the row of another access key it does not open."""
    key = AccessKey(access_key_id="AKIA1", account_id="1", user_name="bob", sealed_secret=b"", created_at=1.0)
    assert key.binding == secret_binding("AKIA1") == ("access_keys", "AKIA1")
    assert key.changed(access_key_id="AKIA2").binding != key.binding


def test_the_policy_of_administrators_is_that_of_aws() -> None:
    """It is a managed policy of AWS's, in no account."""
    assert ADMINISTRATOR_ACCESS == "arn:aws:iam::aws:policy/AdministratorAccess"


def test_groups_and_roles_have_arns_of_their_own_kind() -> None:
    """IAM User Guide, "IAM identifiers"."""
    group = Group(account_id="111122223333", group_name="g", group_id="AGPA1", created_at=1.0, path="/a/")
    role = Role(account_id="111122223333", role_name="r", role_id="AROA1", created_at=1.0, trust_policy="{}")
    assert (group.arn, role.arn) == ("arn:aws:iam::111122223333:group/a/g", "arn:aws:iam::111122223333:role/r")


def test_names_that_differ_in_case_are_one() -> None:
    """IAM User Guide, "IAM and AWS STS quotas": names must be unique in an account, case ignored."""
    assert BOB.changed(user_name="BOB").primary_key() == BOB.primary_key()

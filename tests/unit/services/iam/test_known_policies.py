"""Managed policies by their ARNs."""

from collections.abc import Callable

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.errors import AccessDenied, ValidationError
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS, AWS_MANAGED_POLICIES
from selfkms.domain.iam.errors import NoSuchEntityException
from selfkms.domain.iam.managed_policies import ManagedPolicy
from selfkms.services.context import Context
from selfkms.services.iam.known_policies import attachable_policy, known_policy, name_and_path, own_policy

DOCUMENT = '{"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}'


@pytest.fixture
def context(world: World, make_context: Callable[..., Context]) -> Context:
    """A context in an account with a managed policy `/team/Keys`; the other account has one of that name."""
    for account_id in (ALICE_ACCOUNT, BOB_ACCOUNT):
        world.iam("CreatePolicy", {"PolicyName": "Keys", "Path": "/team/", "PolicyDocument": DOCUMENT}, by=account_id)
    return make_context()


def arn(rest: str, account_id: str = ALICE_ACCOUNT) -> str:
    return f"arn:aws:iam::{account_id}:policy{rest}"


def test_policies_of_the_account_and_of_aws_are_known(context: Context) -> None:
    """By their exact ARNs."""
    found = attachable_policy(arn("/team/Keys"), context)
    assert isinstance(found, ManagedPolicy)
    assert found.arn == arn("/team/Keys")
    assert own_policy(found) is found
    assert attachable_policy(ADMINISTRATOR_ACCESS, context) is AWS_MANAGED_POLICIES[ADMINISTRATOR_ACCESS]


@pytest.mark.parametrize(
    "unknown",
    [
        arn("/Keys"),
        arn("/team/keys"),
        arn("/team/Other"),
        arn("/team/Keys", BOB_ACCOUNT),
        arn("/AdministratorAccess"),
        arn("/NoSuchAccess", "aws"),
    ],
)
def test_others_are_not(context: Context, unknown: str) -> None:
    """Another path, case or account, and policies of AWS that are not known here."""
    assert known_policy(unknown, context) is None
    with pytest.raises(NoSuchEntityException) as raised:
        attachable_policy(unknown, context)
    assert raised.value.message == f"Policy {unknown} does not exist or is not attachable."


@pytest.mark.parametrize("text", ["AdministratorAccessPolicy", f"arn:aws:iam::{ALICE_ACCOUNT}:role/team/Keys"])
def test_what_is_no_arn_of_a_policy_is_refused(context: Context, text: str) -> None:
    """Before anything is looked up."""
    with pytest.raises(ValidationError) as raised:
        known_policy(text, context)
    assert raised.value.message == f"ARN {text} is not valid."


def test_nobody_changes_a_policy_of_aws() -> None:
    """Whatever the caller may do."""
    with pytest.raises(AccessDenied) as raised:
        own_policy(AWS_MANAGED_POLICIES[ADMINISTRATOR_ACCESS])
    assert raised.value.message == "Policy is outside your own account."


def test_name_and_path_stand_in_the_arn() -> None:
    """The path begins and ends with a slash."""
    assert name_and_path(ADMINISTRATOR_ACCESS) == ("AdministratorAccess", "/")
    assert name_and_path(arn("/a/b/Keys")) == ("Keys", "/a/b/")

"""The policies of a simulation, and the ARNs of principals."""

from collections.abc import Callable

import pytest

from harness.policies import (
    allow,
    change_user,
    document,
    inline,
    new_group,
    new_managed_policy,
    new_role,
    user_of,
)
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS
from selfkms.domain.iam.errors import InvalidInputException, NoSuchEntityException
from selfkms.domain.policy.document import PolicyKind
from selfkms.services.context import Context
from selfkms.services.iam.simulated_policies import HeldPolicies, PrincipalARN, SourceType, given_policies, parsed

MakeContext = Callable[[], Context]
TEXT = document(allow("kms:*"))


def test_principals_by_arn(world: World, make_context: MakeContext) -> None:
    """A user, a group and a role, paths and all."""
    new_role(world, "builder", TEXT, path="/ci/")
    new_group(world, "team")
    for arn, kind, path in (
        ("user/admin", "user", "/"),
        ("group/team", "group", "/"),
        ("role/ci/builder", "role", "/ci/"),
    ):
        principal = PrincipalARN.parse(f"arn:aws:iam::{ALICE_ACCOUNT}:{arn}")
        assert (principal.kind, principal.path) == (kind, path)
        assert principal.existing(make_context()).arn == principal.arn


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/r/s",
        f"arn:aws:iam::{ALICE_ACCOUNT}:root",
        f"arn:aws:iam::{ALICE_ACCOUNT}:policy/p",
        f"arn:aws:iam::{ALICE_ACCOUNT}:user/",
        "arn:aws:iam::user/admin",
        "no ARN whatsoever …",
    ],
)
def test_what_is_no_principal(arn: str) -> None:
    """A session, an account, a policy: AWS's text."""
    with pytest.raises(InvalidInputException) as refused:
        PrincipalARN.parse(arn)
    assert refused.value.message == f"Invalid Entity Arn: {arn} does not clearly define entity type and name."


def test_principals_that_are_not_there(make_context: MakeContext) -> None:
    """Another path or another case is another principal; those of other accounts are not looked up."""
    for name in ("path/admin", "ADMIN", "nobody"):
        with pytest.raises(NoSuchEntityException) as missing:
            PrincipalARN.parse(f"arn:aws:iam::{ALICE_ACCOUNT}:user/{name}").existing(make_context())
        assert missing.value.message == f"The user with name {name.removeprefix('path/')} cannot be found."
    foreign = PrincipalARN.parse(f"arn:aws:iam::{BOB_ACCOUNT}:user/admin")
    assert foreign.entity(make_context()) is None
    with pytest.raises(InvalidInputException) as refused:
        foreign.existing(make_context())
    assert refused.value.message == (
        f"Invalid Policy Source Arn: caller's account {ALICE_ACCOUNT} does not have access to policies in "
        f"account {BOB_ACCOUNT}"
    )


def test_policies_of_a_user(world: World, make_context: MakeContext) -> None:
    """Its own and those of its groups, inline ones first, and its boundary; each by AWS's name for it."""
    mine = new_managed_policy(world, "mine", TEXT)
    new_group(world, "team", inline_policies=inline(TEXT), attached_policy_arns=(ADMINISTRATOR_ACCESS,))
    change_user(
        world,
        inline_policies=inline(TEXT),
        attached_policy_arns=(mine.arn,),
        group_names=("team", "gone"),
        permissions_boundary=mine.arn,
    )
    held = HeldPolicies(make_context())
    policies = held.of(user_of(world))
    assert [policy.name for policy in policies] == ["user_admin_p0", "mine", "group_team_p0", "AdministratorAccess"]
    assert {policy.source_type for policy in policies} == {SourceType.IDENTITY}
    boundary = held.boundary_of(user_of(world))
    assert boundary is not None
    assert (boundary.name, boundary.source_type, boundary.text) == ("mine", SourceType.BOUNDARY, TEXT)


def test_a_damaged_policy_denies_and_has_no_text(world: World, make_context: MakeContext) -> None:
    """As it does when a request comes; one that is gone, too."""
    gone = f"arn:aws:iam::{ALICE_ACCOUNT}:policy/gone"
    change_user(world, inline_policies=inline("damaged"), attached_policy_arns=(gone,))
    for policy in HeldPolicies(make_context()).of(user_of(world)):
        assert policy.text == ""
        assert policy.spans == []
        assert [statement.allows for statement in policy.policy.statements] == [False]


def test_groups_have_no_boundary(world: World, make_context: MakeContext) -> None:
    """Nor has a user without one."""
    held = HeldPolicies(make_context())
    assert held.boundary_of(new_group(world, "team")) is None
    assert held.boundary_of(user_of(world)) is None


def test_given_policies_are_numbered() -> None:
    """From 1; what is no policy is refused with the reason."""
    assert [policy.name for policy in given_policies([TEXT, TEXT], "List", SourceType.IDENTITY)] == ["List.1", "List.2"]
    with pytest.raises(InvalidInputException, match="should not specify a principal"):
        given_policies([document(allow("kms:*", principal="*"))], "List", SourceType.IDENTITY)
    with pytest.raises(InvalidInputException):
        parsed(TEXT, PolicyKind.KEY)

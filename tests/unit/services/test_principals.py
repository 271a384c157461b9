"""Principals of resource policies, bound to who they are now."""

import json

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.iam.principals import Role, User
from selfkms.domain.policy.document import Policy, PolicyKind
from selfkms.domain.records import Put
from selfkms.services.principals import UnknownPrincipalError, principal_ids

STRANGER = "999988887777"
IAM = f"arn:aws:iam::{ALICE_ACCOUNT}"
STS = f"arn:aws:sts::{ALICE_ACCOUNT}"


@pytest.fixture
def world() -> World:
    """A world with a user and a role that have paths."""
    world = World()
    user = User(account_id=ALICE_ACCOUNT, user_name="Ann", user_id="AIDAANN", created_at=0.0, path="/team/")
    role = Role(
        account_id=ALICE_ACCOUNT, role_name="Audit", role_id="AROAAUDIT", created_at=0.0, path="/team/", trust_policy=""
    )
    world.database.commit([Put(user), Put(role)])
    return world


def trust(*principals: str) -> Policy:
    statement = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole"}
    return Policy.parse(json.dumps({"Version": "2012-10-17", "Statement": [statement]}), PolicyKind.TRUST)


def test_users_roles_and_sessions_have_unique_ids(world: World) -> None:
    """What is named by ARN is bound to the user or role of now; a session to its role, whose path it does not name."""
    named = {
        f"{IAM}:user/team/Ann": "AIDAANN",
        f"{IAM}:role/team/Audit": "AROAAUDIT",
        f"{STS}:assumed-role/Audit/friday": "AROAAUDIT",
    }
    assert principal_ids(trust(*named), world.database) == named


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        ALICE_ACCOUNT,
        f"{IAM}:root",
        f"arn:aws:iam::{STRANGER}:root",
        f"arn:aws:iam::{STRANGER}:user/Ann",
        f"arn:aws:iam::{STRANGER}:role/Audit",
        f"arn:aws:sts::{STRANGER}:assumed-role/Audit/friday",
        f"{STS}:federated-user/Carol",
        "AIDANOBODY",
    ],
)
def test_what_cannot_be_looked_up_has_no_unique_id(world: World, principal: str) -> None:
    """Everyone, accounts, federated users, unique IDs, and whoever is of an account that is not here."""
    assert principal_ids(trust(principal), world.database) == {}


def test_services_and_providers_are_not_looked_up(world: World) -> None:
    """A policy without a principal of the kind AWS names nobody here."""
    text = (
        '{"Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}}'
    )
    assert principal_ids(Policy.parse(text, PolicyKind.TRUST), world.database) == {}


@pytest.mark.parametrize(
    "arn",
    [
        f"{IAM}:user/Bob",
        f"{IAM}:user/Ann",
        f"{IAM}:user/team/ann",
        f"{IAM}:user/",
        f"{IAM}:role/Audit",
        f"{IAM}:role/team/audit",
        f"{IAM}:role/team/Ann",
        f"arn:aws:iam::{BOB_ACCOUNT}:role/team/Audit",
        f"{STS}:assumed-role/audit/friday",
        f"{STS}:assumed-role/Other/friday",
        f"{STS}:assumed-role/Audit",
        f"{STS}:assumed-role/Audit/",
        f"{STS}:federated-user/",
        f"{IAM}:group/admins",
        f"{IAM}:root/x",
        f"{STS}:user/team/Ann",
        f"{IAM}:assumed-role/Audit/friday",
        f"arn:aws-cn:iam::{ALICE_ACCOUNT}:root",
    ],
)
def test_who_does_not_exist_is_refused(world: World, arn: str) -> None:
    """A missing user or role, another path or case, and what cannot be a principal; the error names it."""
    with pytest.raises(UnknownPrincipalError) as raised:
        principal_ids(trust(f"{IAM}:root", arn), world.database)
    assert raised.value.arn == arn


def test_the_first_of_several_is_named(world: World) -> None:
    """In the order of the ARNs: the same policy is always refused with the same text."""
    with pytest.raises(UnknownPrincipalError) as raised:
        principal_ids(trust(f"{IAM}:user/z", f"{IAM}:user/b", f"{IAM}:user/team/Ann"), world.database)
    assert raised.value.arn == f"{IAM}:user/b"


def test_a_user_made_anew_has_another_unique_id(world: World) -> None:
    """What the policy of before was bound to is not the user of now."""
    arn = f"{IAM}:user/team/Ann"
    before = principal_ids(trust(arn), world.database)
    user = world.database.user(ALICE_ACCOUNT, "Ann")
    assert user is not None
    world.database.commit([Put(user.changed(user_id="AIDAOTHER"))])
    assert before == {arn: "AIDAANN"}
    assert principal_ids(trust(arn), world.database) == {arn: "AIDAOTHER"}

"""The managed policies of AWS that are known here."""

import re

import pytest

from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS, AWS_MANAGED_POLICIES, AWSManagedPolicy
from selfkms.domain.policy.document import Policy, PolicyKind

ALL = tuple(AWS_MANAGED_POLICIES.values())


def allowed(name: str, action: str) -> bool:
    """Whether any statement allows an action on every resource, conditions aside."""
    policy = Policy.parse(AWS_MANAGED_POLICIES[f"arn:aws:iam::aws:policy/{name}"].document, PolicyKind.IDENTITY)
    return any(statement.allows and statement.names_action(action) for statement in policy.statements)


@pytest.mark.parametrize("policy", ALL, ids=lambda policy: policy.policy_name)
def test_each_is_a_policy_with_the_facts_of_its_page(policy: AWSManagedPolicy) -> None:
    """Its document can be read, its ID has AWS's form, and no version is older than the policy."""
    assert Policy.parse(policy.document, PolicyKind.IDENTITY).statements
    assert re.fullmatch(r"ANPA[A-Z0-9]{17}", policy.policy_id)
    assert re.fullmatch(r"v[1-9][0-9]*", policy.version_id)
    assert policy.created_at <= policy.updated_at
    assert policy.description.endswith(".")
    assert AWS_MANAGED_POLICIES[policy.arn] is policy


def test_names_and_ids_are_unique() -> None:
    """None hides another."""
    assert len({policy.policy_name.lower() for policy in ALL}) == len({policy.policy_id for policy in ALL}) == len(ALL)


def test_an_administrator_may_do_everything() -> None:
    """Under the ARN that accounts are made with."""
    assert ADMINISTRATOR_ACCESS == "arn:aws:iam::aws:policy/AdministratorAccess"
    assert allowed("AdministratorAccess", "iam:CreateUser")


@pytest.mark.parametrize(
    ("name", "may", "may_not"),
    [
        ("PowerUserAccess", ("kms:ScheduleKeyDeletion", "iam:ListRoles"), ("iam:CreateUser", "iam:PassRole")),
        (
            "ReadOnlyAccess",
            ("kms:DescribeKey", "iam:GetUser", "cloudtrail:LookupEvents"),
            ("kms:Decrypt", "iam:TagUser"),
        ),
        ("SecurityAudit", ("kms:GetKeyPolicy", "iam:ListUsers"), ("kms:Encrypt", "iam:CreateUser", "ec2:RunInstances")),
        ("IAMFullAccess", ("iam:CreateUser",), ("kms:CreateKey", "sts:AssumeRole")),
        ("IAMReadOnlyAccess", ("iam:GetRole",), ("iam:CreateRole", "kms:ListKeys")),
        (
            "AWSKeyManagementServicePowerUser",
            ("kms:CreateKey",),
            ("kms:Decrypt", "kms:PutKeyPolicy", "kms:CreateGrant"),
        ),
        ("AWSCloudTrail_FullAccess", ("cloudtrail:DeleteTrail", "kms:CreateKey"), ("kms:Decrypt", "iam:CreateRole")),
        ("AWSCloudTrail_ReadOnlyAccess", ("cloudtrail:LookupEvents",), ("cloudtrail:DeleteTrail", "kms:ListKeys")),
        ("AmazonEC2FullAccess", ("ec2:CreateVolume",), ("kms:CreateGrant", "iam:PassRole")),
        ("AmazonEC2ReadOnlyAccess", ("ec2:DescribeVolumes",), ("ec2:CreateVolume", "ebs:GetSnapshotBlock")),
    ],
)
def test_each_allows_what_its_name_says_and_no_more(name: str, may: tuple[str, ...], may_not: tuple[str, ...]) -> None:
    """Spot checks of the documented meaning: above all, nobody who reads or makes keys may use them."""
    assert [action for action in may if not allowed(name, action)] == []
    assert [action for action in may_not if allowed(name, action)] == []

"""AWS managed keys: which services have one, and whom its key policy lets in."""

import json

import pytest

from selfkms.domain.iam.callers import Caller
from selfkms.domain.iam.principals import User
from selfkms.domain.kms.aws_managed_keys import ROTATION_DAYS, description_of, policy_of, service_of
from selfkms.domain.kms.key_policy import parse_key_policy
from selfkms.domain.policy.document import Policy, PolicyKind
from selfkms.domain.policy.evaluate import Document, Identity, Question, ResourceSide, decide
from selfkms.domain.policy.facts import Facts

ACCOUNT_ID = "111122223333"
REGION = "eu-west-1"
USE = ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "CreateGrant")
READ = ("DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus", "ListGrants", "ListResourceTags", "RevokeGrant")
CHANGE = (
    "PutKeyPolicy",
    "DisableKey",
    "ScheduleKeyDeletion",
    "EnableKeyRotation",
    "DisableKeyRotation",
    "RotateKeyOnDemand",
    "TagResource",
    "UntagResource",
    "UpdateKeyDescription",
    "CreateAlias",
    "UpdateAlias",
    "DeleteAlias",
    "ImportKeyMaterial",
)


def may(action: str, *, via: str | None = None, account_id: str = ACCOUNT_ID, allowed_by_iam: bool = True) -> bool:
    """Whether a user may, on the EBS key of the account, directly or through a service."""
    user = User(account_id=account_id, user_name="u", user_id="AIDAU", created_at=0.0)
    allowing = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}'
    policies = (Document("IAM", Policy.parse(allowing, PolicyKind.IDENTITY)),) if allowed_by_iam else ()
    facts = Facts.of({"kms:CallerAccount": account_id, **({"kms:ViaService": via} if via else {})})
    policy = parse_key_policy(policy_of("ebs", account_id=ACCOUNT_ID, region=REGION))
    return decide(
        Identity(caller=Caller.user(user, "AKIA1"), policies=policies),
        Question(action=f"kms:{action}", resource="arn:of:key", facts=facts, resource_facts=facts),
        ResourceSide(policy=Document("the key policy", policy), owner=ACCOUNT_ID, principal_ids={}),
    ).allowed


def test_the_service_of_a_predefined_alias() -> None:
    """`alias/aws/` and a service that has such a key, to the letter."""
    assert service_of("alias/aws/ebs") == "ebs"
    assert service_of("alias/aws/s3") == "s3"


@pytest.mark.parametrize(
    "name",
    [
        "alias/aws/",
        "alias/aws/none",
        "alias/aws/EBS",
        "alias/aws/ebs/",
        "alias/ebs",
        "ebs",
        "alias/aws/alias/aws/ebs",
        "",
    ],
)
def test_other_names_have_none(name: str) -> None:
    """Nothing is made for a name that AWS does not have."""
    assert service_of(name) is None


def test_what_people_read() -> None:
    """The description says whose key it is; it rotates every year."""
    assert description_of("ebs") == "Default key that protects my EBS volumes when no other key is defined"
    assert ROTATION_DAYS == 365


@pytest.mark.parametrize("service", ["ebs", "s3", "secretsmanager", "xray"])
def test_its_policy_is_a_key_policy(service: str) -> None:
    """Two statements, about this account and Region alone; the volumes of EBS are used through EC2."""
    text = policy_of(service, account_id=ACCOUNT_ID, region=REGION)
    assert len(parse_key_policy(text).statements) == 2
    endpoint = {"ebs": "ec2"}.get(service, service)
    through, metadata = json.loads(text)["Statement"]
    assert through["Condition"] == {
        "StringEquals": {
            "kms:CallerAccount": ACCOUNT_ID,
            "kms:ViaService": f"{endpoint}.{REGION}.amazonaws.com",
        }
    }
    assert metadata["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"}


@pytest.mark.parametrize("action", USE)
def test_use_is_the_services(action: str) -> None:
    """Through the service, by whoever may use that; never directly, through another service, or from elsewhere."""
    endpoint = f"ec2.{REGION}.amazonaws.com"
    assert may(action, via=endpoint)
    assert may(action, via=endpoint, allowed_by_iam=False)
    assert not may(action)
    assert not may(action, via=f"s3.{REGION}.amazonaws.com")
    assert not may(action, via="ec2.eu-west-2.amazonaws.com")
    assert not may(action, via=endpoint, account_id="444455556666")


@pytest.mark.parametrize("action", READ)
def test_metadata_is_the_accounts(action: str) -> None:
    """By IAM policies of the account."""
    assert may(action)
    assert action == "DescribeKey" or not may(action, allowed_by_iam=False)
    assert not may(action, account_id="444455556666")


@pytest.mark.parametrize("action", CHANGE)
def test_changes_are_nobodys(action: str) -> None:
    """Neither directly nor through the service."""
    assert not may(action)
    assert not may(action, via=f"ec2.{REGION}.amazonaws.com")

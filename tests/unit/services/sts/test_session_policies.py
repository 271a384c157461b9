"""Session policies as AssumeRole and GetFederationToken take them."""

import json
from collections.abc import Sequence

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.errors import ValidationError
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS
from selfkms.domain.iam.managed_policies import ManagedPolicy, PolicyVersion
from selfkms.domain.records import Put
from selfkms.domain.sts.errors import MalformedPolicyDocumentException
from selfkms.services.sts.session_policies import check_session_policies, managed_policy_arns
from selfkms.services.sts.shapes import PolicyDescriptor

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]})


def descriptors(*arns: str | None) -> Sequence[PolicyDescriptor]:
    return tuple(PolicyDescriptor(arn=arn) for arn in arns)


@pytest.fixture
def own_policy(world: World) -> str:
    """The ARN of a managed policy with a path, in the first account."""
    policy = ManagedPolicy(
        account_id=ALICE_ACCOUNT,
        policy_name="Narrow",
        policy_id="ANPAEXAMPLE",
        created_at=0.0,
        updated_at=0.0,
        path="/team/",
        versions=(PolicyVersion("v1", POLICY, 0.0),),
        default_version_id="v1",
    )
    world.database.commit([Put(policy)])
    return policy.arn


def test_a_policy_and_ten_arns_are_taken() -> None:
    """The most that may be."""
    spaces = " " * (2048 - len(POLICY))
    check_session_policies(POLICY + spaces, descriptors(*[ADMINISTRATOR_ACCESS] * 10))
    check_session_policies(None, ())


def test_too_much_is_refused() -> None:
    """2,048 characters and ten ARNs are the most."""
    with pytest.raises(ValidationError, match=r"at 'policy' failed .* less than or equal to 2048"):
        check_session_policies(POLICY + " " * (2049 - len(POLICY)), ())
    with pytest.raises(ValidationError, match=r"at 'policyArns' failed .* less than or equal to 10"):
        check_session_policies(None, descriptors(*[ADMINISTRATOR_ACCESS] * 11))
    with pytest.raises(ValidationError, match="Member must not be null"):
        check_session_policies(None, descriptors(None))


@pytest.mark.parametrize(
    "policy",
    [
        "",
        "{}",
        "not JSON",
        json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*"}]}),
        json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}],
            }
        ),
    ],
)
def test_what_is_no_identity_policy_is_refused(policy: str) -> None:
    """It is told before anything is looked up."""
    with pytest.raises(MalformedPolicyDocumentException):
        check_session_policies(policy, ())


def test_managed_policies_are_those_of_aws_and_of_the_account(world: World, own_policy: str) -> None:
    """In their order, each once."""
    arns = managed_policy_arns(descriptors(own_policy, ADMINISTRATOR_ACCESS, own_policy), ALICE_ACCOUNT, world.database)
    assert arns == (own_policy, ADMINISTRATOR_ACCESS)


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:iam::{ALICE_ACCOUNT}:policy/Narrow",
        f"arn:aws:iam::{ALICE_ACCOUNT}:policy/team/narrow",
        f"arn:aws:iam::{ALICE_ACCOUNT}:role/team/Narrow",
        f"arn:aws:iam::{BOB_ACCOUNT}:policy/team/Narrow",
        "arn:aws:iam::aws:policy/NoSuchPolicy",
        "not an ARN at all, but long enough",
    ],
)
@pytest.mark.usefixtures("own_policy")
def test_others_are_refused(world: World, arn: str) -> None:
    """Another path, case, account, or nothing at all."""
    with pytest.raises(ValidationError) as refused:
        managed_policy_arns(descriptors(arn), ALICE_ACCOUNT, world.database)
    assert refused.value.message == f"Policy {arn} does not exist or is not attachable."


def test_a_policy_of_the_caller_is_none_of_the_roles(world: World, own_policy: str) -> None:
    """The policies must be in the account of the session, not in that of who asks."""
    with pytest.raises(ValidationError):
        managed_policy_arns(descriptors(own_policy), BOB_ACCOUNT, world.database)

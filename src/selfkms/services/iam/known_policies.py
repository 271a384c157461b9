"""Managed policies by their ARNs: those of the caller's account, and those of AWS.

Source: IAM User Guide, "Managed policies and inline policies"; IAM API Reference, "AttachUserPolicy".
"""

from selfkms.domain.arns import ARN
from selfkms.domain.errors import AccessDenied, ValidationError
from selfkms.domain.iam.aws_managed_policies import AWS_MANAGED_POLICIES, AWSManagedPolicy
from selfkms.domain.iam.errors import NoSuchEntityException
from selfkms.domain.iam.managed_policies import ManagedPolicy
from selfkms.services.context import Context


def known_policy(arn: str, context: Context) -> ManagedPolicy | AWSManagedPolicy | None:
    """The managed policy of exactly this ARN, path included; None: the caller's account has none, nor has AWS.

    Raises:
        ValidationError: this is no ARN of a managed policy.
    """
    of_aws = AWS_MANAGED_POLICIES.get(arn)
    if of_aws is not None:
        return of_aws
    parsed = ARN.parse(arn)
    if parsed is None or parsed.service != "iam" or not parsed.resource.startswith("policy/"):
        raise ValidationError(f"ARN {arn} is not valid.")
    policy = context.database.managed_policy(context.account_id, parsed.resource.rpartition("/")[2])
    return policy if policy is not None and policy.arn == arn else None


def attachable_policy(arn: str, context: Context) -> ManagedPolicy | AWSManagedPolicy:
    """The managed policy that is to be attached.

    Raises:
        ValidationError: this is no ARN of a managed policy.
        NoSuchEntityException: there is none of that ARN.
    """
    policy = known_policy(arn, context)
    if policy is None:
        raise NoSuchEntityException(f"Policy {arn} does not exist or is not attachable.")
    return policy


def own_policy(policy: ManagedPolicy | AWSManagedPolicy) -> ManagedPolicy:
    """The managed policy that is to be changed.

    Raises:
        AccessDenied: it is one of AWS, whoever asks.
    """
    if isinstance(policy, AWSManagedPolicy):
        raise AccessDenied("Policy is outside your own account.")
    return policy


def name_and_path(arn: str) -> tuple[str, str]:
    """The name of a managed policy and its path, `/team/`, out of its ARN."""
    path, _, name = arn.partition(":policy")[2].rpartition("/")
    return name, f"{path}/"

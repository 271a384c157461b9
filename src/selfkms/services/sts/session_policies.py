"""Session policies: what a session is limited to, besides what its role or user may do.

Source: IAM User Guide, "Session policies"; STS API Reference, "AssumeRole", "GetFederationToken".
"""

from collections.abc import Sequence

from selfkms.domain.arns import ARN
from selfkms.domain.errors import ValidationError
from selfkms.domain.iam.aws_managed_policies import AWS_MANAGED_POLICIES
from selfkms.domain.policy.document import Policy, PolicyError, PolicyKind
from selfkms.domain.sts.errors import MalformedPolicyDocumentException
from selfkms.domain.sts.limits import SESSION_POLICY_ARNS_MAX, SESSION_POLICY_CHARACTERS_MAX
from selfkms.ports.database import Database
from selfkms.services.sts.shapes import PolicyDescriptor


def check_session_policies(policy: str | None, policy_arns: Sequence[PolicyDescriptor]) -> None:
    """Refuse what can be refused without looking anything up.

    Raises:
        ValidationError: the policy is too long, there are too many ARNs, or one is missing.
        MalformedPolicyDocumentException: the policy is none.
    """
    if len(policy_arns) > SESSION_POLICY_ARNS_MAX:
        raise _too_long("policyArns", SESSION_POLICY_ARNS_MAX)
    if any(descriptor.arn is None for descriptor in policy_arns):
        raise ValidationError(
            "1 validation error detected: Value null at 'policyArns' failed to satisfy constraint: "
            "Member must not be null"
        )
    if policy is None:
        return
    if len(policy) > SESSION_POLICY_CHARACTERS_MAX:
        raise _too_long("policy", SESSION_POLICY_CHARACTERS_MAX)
    try:
        Policy.parse(policy, PolicyKind.IDENTITY)
    except PolicyError as error:
        raise MalformedPolicyDocumentException(str(error)) from error


def managed_policy_arns(
    policy_arns: Sequence[PolicyDescriptor], account_id: str, database: Database
) -> tuple[str, ...]:
    """The ARNs of managed session policies; their documents are read when the session is used.

    Args:
        policy_arns: checked by `check_session_policies`.
        account_id: of the role or the user that the session is for.
        database: where managed policies are.

    Raises:
        ValidationError: there is no such policy, or it belongs to another account.
    """
    arns = tuple(dict.fromkeys(descriptor.arn for descriptor in policy_arns if descriptor.arn is not None))
    for arn in arns:
        if arn not in AWS_MANAGED_POLICIES and not _is_of_account(arn, account_id, database):
            raise ValidationError(f"Policy {arn} does not exist or is not attachable.")
    return arns


def _is_of_account(text: str, account_id: str, database: Database) -> bool:
    arn = ARN.parse(text)
    if arn is None or arn.account_id != account_id:
        return False
    policy = database.managed_policy(account_id, arn.resource.rpartition("/")[2])
    return policy is not None and policy.arn == text


def _too_long(member: str, longest: int) -> ValidationError:
    return ValidationError(
        f"1 validation error detected: Value at '{member}' failed to satisfy constraint: "
        f"Member must have length less than or equal to {longest}"
    )

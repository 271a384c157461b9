"""The key policy: the root of all permission on a KMS key.

Source: KMS developer guide, "Default key policy", "Key policies in AWS KMS"; AWS KMS API Reference, "PutKeyPolicy".
"""

from typing import Final

from selfkms.domain.arns import root_arn
from selfkms.domain.kms.errors import LimitExceededException, MalformedPolicyDocumentException
from selfkms.domain.limits import KEY_POLICY_BYTES_MAX
from selfkms.domain.policy.document import Policy, PolicyError, PolicyKind

POLICY_NAME: Final = "default"
"""A KMS key has one key policy, and this is its name."""

PRINCIPALS_TEXT: Final = "Policy contains a statement with one or more invalid principals."

LOCKOUT_TEXT: Final = "The new key policy will not allow you to update the key policy in the future."

# Line breaks and blanks as AWS writes them: clients compare texts.
_DEFAULT: Final = """{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "%s"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}"""


def default_key_policy(account_id: str) -> str:
    """The policy of a KMS key that was made without one: the account's root may do everything and delegate to IAM."""
    return _DEFAULT % root_arn(account_id)


def parse_key_policy(text: str) -> Policy:
    """A key policy that a client wants to set.

    Raises:
        LimitExceededException: longer than 32,768 bytes.
        MalformedPolicyDocumentException: no policy, or a statement without principal.
    """
    if len(text.encode()) > KEY_POLICY_BYTES_MAX:
        raise LimitExceededException(f"The key policy exceeds the limit of {KEY_POLICY_BYTES_MAX} bytes.")
    try:
        return Policy.parse(text, PolicyKind.KEY)
    except PolicyError as error:
        raise MalformedPolicyDocumentException(str(error)) from error

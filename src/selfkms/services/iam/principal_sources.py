"""`PolicySourceArn`: the user, group or role whose policies an operation looks into, and who may look.

Source: Service Authorization Reference, "AWS Identity and Access Management": SimulatePrincipalPolicy and
GetContextKeysForPrincipalPolicy are permitted on a user, a group or a role.
"""

from typing import Final, Protocol

from selfkms.services.iam.simulated_policies import PrincipalARN
from selfkms.services.operation import PrincipalNamed


class OfPrincipal(Protocol):
    """A request about the policies of one principal."""

    @property
    def policy_source_arn(self) -> str:
        """The ARN of a user, a group or a role."""


def check_principal(request: OfPrincipal) -> None:
    """Refuse what is no user, group or role: a role session above all.

    Raises:
        InvalidInputException: the ARN is of something else.
    """
    PrincipalARN.parse(request.policy_source_arn)


PRINCIPAL_TARGETS: Final = (PrincipalNamed("policy_source_arn"),)

"""Whom a grant may name: accounts, users, roles, role sessions and federated users, by their ARNs.

Source: AWS KMS API Reference, "CreateGrant", GranteePrincipal; IAM User Guide, "IAM ARNs".
"""

import re
from enum import Enum, auto
from typing import Final, NamedTuple, Self

from selfkms.domain.arns import ARN, PARTITION, is_account_id
from selfkms.domain.kms.errors import InvalidArnException


class PrincipalKind(Enum):
    """What an ARN names."""

    ACCOUNT = auto()
    USER = auto()
    ROLE = auto()
    ROLE_SESSION = auto()
    FEDERATED_USER = auto()


_NAME: Final = r"(?P<name>[\w+=,.@-]{1,64})"
_RESOURCES: Final = {
    ("iam", PrincipalKind.ACCOUNT): r"(?P<name>root)",
    ("iam", PrincipalKind.USER): rf"user/(?:[^/]+/)*{_NAME}",
    ("iam", PrincipalKind.ROLE): rf"role/(?:[^/]+/)*{_NAME}",
    ("sts", PrincipalKind.ROLE_SESSION): rf"assumed-role/{_NAME}/(?P<session>[\w+=,.@-]{{2,64}})",
    ("sts", PrincipalKind.FEDERATED_USER): rf"federated-user/{_NAME}",
}
_PATTERNS: Final = {form: re.compile(pattern, re.ASCII) for form, pattern in _RESOURCES.items()}


class GrantPrincipal(NamedTuple):
    """A principal as a grant names it."""

    kind: PrincipalKind
    arn: str
    account_id: str
    name: str
    """Of the user, the role or the federated user, without its path; `root` for an account."""
    session: str | None
    """The role session name."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The principal that an ARN names. Whether it exists is not looked up.

        Raises:
            InvalidArnException: not an ARN, or that of a group, a service, a wildcard …
        """
        arn = ARN.parse(text)
        if arn is None or arn.partition != PARTITION or arn.region or not is_account_id(arn.account_id):
            raise no_principal(text)
        for (service, kind), pattern in _PATTERNS.items():
            if service == arn.service and (match := pattern.fullmatch(arn.resource)):
                parts = match.groupdict()
                return cls(kind, text, arn.account_id, parts["name"], parts.get("session"))
        raise no_principal(text)


def no_principal(text: str) -> InvalidArnException:
    """AWS's error for an ARN that names no principal."""
    return InvalidArnException(f"ARN does not refer to a valid principal: {text}")

"""The principals that a resource policy names, bound to who they are now.

A user or a role that is deleted and made anew under its old name is another one. So what a key policy or a trust policy
names by ARN is kept together with its unique ID.

Source: IAM User Guide, "AWS JSON policy elements: Principal"; KMS developer guide, "Key policies in AWS KMS".
"""

from selfkms.domain.arns import ARN, PARTITION
from selfkms.domain.policy.document import Policy
from selfkms.ports.database import Database


class UnknownPrincipalError(Exception):
    """A policy names a user or a role that does not exist, or something that cannot be a principal."""

    def __init__(self, arn: str) -> None:
        super().__init__(arn)
        self.arn = arn


def principal_ids(policy: Policy, database: Database) -> dict[str, str]:
    """The unique IDs of the users and roles that a policy names by ARN, by these ARNs; of role sessions, their role's.

    Not looked up are accounts, which may be those of another installation; users and roles of such accounts; federated
    users, who exist by their session alone; and unique IDs, which name nobody if they are nobody's.

    Raises:
        UnknownPrincipalError: an ARN that is nobody's in an account of this installation, or that is of no kind that
            can be a principal.
    """
    named = {
        arn
        for statement in policy.statements
        if statement.principals is not None
        for arn in statement.principals.aws
        if arn.startswith("arn:")
    }
    found = {arn: _unique_id(arn, database) for arn in sorted(named)}
    return {arn: unique_id for arn, unique_id in found.items() if unique_id is not None}


def _unique_id(text: str, database: Database) -> str | None:
    """The unique ID behind an ARN; None: there is nothing to look up."""
    arn = ARN.parse(text)
    if arn is None or arn.partition != PARTITION:
        raise UnknownPrincipalError(text)
    kind, _, name = arn.resource.partition("/")
    match arn.service, kind:
        case "iam", "root" if not name:
            return None
        case "sts", "federated-user" if name:
            return None
        case ("iam", "user" | "role") | ("sts", "assumed-role") if name:
            if database.account(arn.account_id) is None:
                return None
            unique_id = _of_account(arn, kind, name, text, database)
        case _:
            unique_id = None
    if unique_id is None:
        raise UnknownPrincipalError(text)
    return unique_id


def _of_account(arn: ARN, kind: str, name: str, text: str, database: Database) -> str | None:
    """The unique ID of a user, of a role, or of the role of a session; None: there is none of exactly this name."""
    if kind == "assumed-role":
        # The ARN of a session has the name of the role without its path.
        role_name, _, session_name = name.partition("/")
        role = database.role(arn.account_id, role_name)
        return role.role_id if role is not None and role.role_name == role_name and session_name else None
    last = name.rpartition("/")[2]
    if kind == "role":
        role = database.role(arn.account_id, last)
        return role.role_id if role is not None and role.arn == text else None
    user = database.user(arn.account_id, last)
    return user.user_id if user is not None and user.arn == text else None

"""Who stands behind the principals of grants: the users and roles that their ARNs name.

A grant belongs to the user or the role that existed when it was made. Another one of the same name is somebody else;
the listings then show the unique ID in place of the ARN, as AWS does.

Source: IAM User Guide, "Unique identifiers"; AWS KMS API Reference, "CreateGrant", InvalidArnException.
"""

from selfkms.domain.kms.grant_principals import GrantPrincipal, PrincipalKind, no_principal
from selfkms.ports.database import Database


def unique_id(arn: str, database: Database) -> str | None:
    """The unique ID of the user, or of the role or the role of a session, that an ARN names.

    None for accounts and federated users, which have none, and for principals of accounts that are not of this
    installation: nothing is known of them.

    Raises:
        InvalidArnException: the account is of this installation and has no such user or role.
    """
    principal = GrantPrincipal.parse(arn)
    if principal.kind in (PrincipalKind.ACCOUNT, PrincipalKind.FEDERATED_USER):
        return None
    if database.account(principal.account_id) is None:
        return None
    found = _present_id(principal, database)
    if found is None:
        raise no_principal(arn)
    return found


def shown(arn: str, id_then: str | None, database: Database) -> str:
    """How a listing shows the principal of a grant: its ARN, or `AIDA…`, `AROA…`, `AROA…:session` once it is gone."""
    if id_then is None:
        return arn
    principal = GrantPrincipal.parse(arn)
    if _present_id(principal, database) == id_then:
        return arn
    return id_then if principal.session is None else f"{id_then}:{principal.session}"


def _present_id(principal: GrantPrincipal, database: Database) -> str | None:
    """The unique ID of whoever has this ARN now. Names are found without their case, but an ARN has one case."""
    if principal.kind is PrincipalKind.USER:
        user = database.user(principal.account_id, principal.name)
        return user.user_id if user is not None and user.arn == principal.arn else None
    role = database.role(principal.account_id, principal.name)
    if role is None:
        return None
    # The ARN of a session has the name of its role without the path.
    same = role.role_name == principal.name if principal.session is not None else role.arn == principal.arn
    return role.role_id if same else None

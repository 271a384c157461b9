"""ListGrants, ListRetirableGrants.

Source: AWS KMS API Reference, the operations of these names.
"""

from collections.abc import Sequence
from typing import Final

from selfkms.domain.errors import AccessDeniedException, ValidationException
from selfkms.domain.kms.grant_principals import GrantPrincipal
from selfkms.domain.kms.grants import Grant, GrantConstraints, check_grant_id
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.limits import LIST_GRANTS, LIST_RETIRABLE_GRANTS
from selfkms.services.context import Context
from selfkms.services.kms.condition_keys import of_direct_call
from selfkms.services.kms.grant_holders import shown
from selfkms.services.kms.paging import Page, Paged, page
from selfkms.services.operation import Audit, KeyNamed, Operation, PrincipalNamed
from selfkms.services.shapes import Shape


class ListGrantsRequest(Paged, frozen=True, kw_only=True):
    key_id: str
    grant_id: str | None = None
    grantee_principal: str | None = None
    grantee_service_principal: str | None = None


class ListRetirableGrantsRequest(Paged, frozen=True, kw_only=True):
    retiring_principal: str | None = None
    retiring_service_principal: str | None = None


class GrantListEntry(Shape, frozen=True, kw_only=True):
    """AWS KMS API Reference, "GrantListEntry". No token: CreateGrant alone gives one."""

    key_id: str
    """The key ARN."""
    grant_id: str
    name: str
    """Empty if it has none."""
    creation_date: float
    grantee_principal: str | None = None
    grantee_service_principal: str | None = None
    retiring_principal: str | None = None
    retiring_service_principal: str | None = None
    issuing_account: str
    operations: tuple[str, ...]
    constraints: GrantConstraints | None = None


class ListGrantsResult(Page, frozen=True, kw_only=True):
    grants: tuple[GrantListEntry, ...]


def check_list_grants(request: ListGrantsRequest) -> None:
    """Refuse filters that cannot be.

    Raises:
        InvalidArnException: the grantee principal is none that a grant could have.
        InvalidGrantIdException: not a grant ID.
        ValidationException: two grantees.
    """
    if request.grantee_principal is not None:
        if request.grantee_service_principal is not None:
            raise ValidationException(
                "You can specify either GranteePrincipal or GranteeServicePrincipal, but not both."
            )
        GrantPrincipal.parse(request.grantee_principal)
    if request.grant_id is not None:
        check_grant_id(request.grant_id)


def check_list_retirable_grants(request: ListRetirableGrantsRequest) -> None:
    """Refuse a request without exactly one retiring principal.

    Raises:
        InvalidArnException: the retiring principal is none that a grant could have.
        ValidationException: none or both.
    """
    if (request.retiring_principal is None) is (request.retiring_service_principal is None):
        raise ValidationException(
            "You must specify either RetiringPrincipal or RetiringServicePrincipal, but not both."
        )
    if request.retiring_principal is not None:
        GrantPrincipal.parse(request.retiring_principal)


def list_grants(request: ListGrantsRequest, key: KMSKey, context: Context) -> ListGrantsResult:
    """The grants on a KMS key, in the order of their IDs, or those with a grant ID or a grantee."""
    database, grant_id = context.database, request.grant_id
    grantee = request.grantee_principal or request.grantee_service_principal

    def read(after: str, count: int) -> list[Grant]:
        if grant_id is not None:
            one = database.grant(key.account_id, key.region, key.key_id, grant_id)
            return [one] if one is not None and grantee in (None, one.grantee) else []
        if grantee is not None:
            of_grantee = database.grants_to(key.account_id, key.region, key.key_id, grantee)
            return [grant for grant in of_grantee if grant.grant_id > after][:count]
        return database.grants(key.account_id, key.region, key.key_id, after=after, limit=count)

    listing = f"ListGrants {key.arn} {grantee or ''}"
    grants, marker = page(context, listing, request, LIST_GRANTS, read=read, position=_grant_id)
    return _listed(grants, marker, context)


def list_retirable_grants(request: ListRetirableGrantsRequest, context: Context) -> ListGrantsResult:
    """The grants in this Region that a principal of the caller's account may retire, on KMS keys of all accounts.

    Raises:
        AccessDeniedException: a principal of another account; or a service, and the caller is not that service.
    """
    retiring = request.retiring_principal or request.retiring_service_principal
    assert retiring is not None, "the request was checked"
    if not _is_own(request, context):
        raise AccessDeniedException(
            f"User: {context.caller.arn} is not authorized to perform: kms:ListRetirableGrants on resource: {retiring}"
        )

    def read(after: str, count: int) -> list[Grant]:
        found = [
            grant
            for account in context.database.accounts()
            for grant in context.database.grants_retirable_by(
                account.account_id, context.region, retiring, after=after, limit=count
            )
        ]
        return sorted(found, key=_grant_id)[:count]

    listing = f"ListRetirableGrants {retiring}"
    grants, marker = page(context, listing, request, LIST_RETIRABLE_GRANTS, read=read, position=_grant_id)
    return _listed(grants, marker, context)


def _is_own(request: ListRetirableGrantsRequest, context: Context) -> bool:
    """AWS KMS API Reference, "ListRetirableGrants": a principal in your account; a service asks for itself alone."""
    if request.retiring_principal is None:
        return context.caller.service == request.retiring_service_principal
    return GrantPrincipal.parse(request.retiring_principal).account_id == context.account_id


def _grant_id(grant: Grant) -> str:
    return grant.grant_id


def _listed(grants: Sequence[Grant], marker: str | None, context: Context) -> ListGrantsResult:
    entries = tuple(_entry(grant, context) for grant in grants)
    return ListGrantsResult(grants=entries, next_marker=marker, truncated=marker is not None)


def _entry(grant: Grant, context: Context) -> GrantListEntry:
    grantee = shown(grant.grantee, grant.grantee_id, context.database)
    retiring = grant.retiring and shown(grant.retiring, grant.retiring_id, context.database)
    return GrantListEntry(
        key_id=grant.key_arn,
        grant_id=grant.grant_id,
        name=grant.name,
        creation_date=grant.created_at,
        grantee_principal=None if grant.grantee_is_service else grantee,
        grantee_service_principal=grantee if grant.grantee_is_service else None,
        retiring_principal=None if grant.retiring_is_service else retiring,
        retiring_service_principal=retiring if grant.retiring_is_service else None,
        issuing_account=grant.issuing_account,
        operations=grant.operations,
        constraints=grant.constraints,
    )


OPERATIONS: Final = (
    Operation(
        "ListGrants",
        slow=True,
        run=list_grants,
        request=ListGrantsRequest,
        check=check_list_grants,
        targets=(KeyNamed(foreign=True),),
        condition_keys=of_direct_call,
        audit=Audit(parameters=("key_id", "limit", "marker")),
    ),
    Operation(
        "ListRetirableGrants",
        slow=True,
        run=list_retirable_grants,
        request=ListRetirableGrantsRequest,
        check=check_list_retirable_grants,
        targets=(PrincipalNamed("retiring_principal"),),
        audit=Audit(parameters=("retiring_principal", "retiring_service_principal", "limit", "marker")),
    ),
)
